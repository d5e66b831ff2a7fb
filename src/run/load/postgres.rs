//! Loads from another PostgreSQL: its COPY's bytes go into ours as they come, rows and types unread. One
//! statement yields all rows, so they are of one moment. In the order of a cursor they are committed page by
//! page, and a load that died is gone on from the greatest value that came.

use std::fmt::Write;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use url::Url;

use super::super::failure::located;
use super::super::task::Problem;
use super::begun::Left;
use super::pages::Book;
use super::{Loaded, Loading, WAITING_CHUNKS, begun, cursor, far_columns, table};
use crate::database::catalog::Column;
use crate::database::loads::LoadState;
use crate::database::{Connector, DatabaseError, Session};
use crate::diagnostic::Diagnostic;
use crate::manifest::Sql;
use crate::name::{Ident, literal};
use crate::source::{ChangedColumns, Location, Progress, SourceError, hex};

/// Types with a higher number are not PostgreSQL's own; the other side may have others, or none.
const FIRST_FOREIGN_OID: u32 = 16_384;

pub(super) async fn load(
    loading: &Loading<'_>,
    url: &Url,
    location: &Location,
    known: Option<&LoadState>,
) -> Result<Loaded, Problem> {
    let cancel = &loading.shared.cancel;
    let opening = async {
        let far = Connector::from_url(url.as_str())?.connect().await?;
        far.run("set application_name = 'elt load'; begin isolation level repeatable read read only").await?;
        Ok::<_, DatabaseError>(far)
    };
    let far = tokio::select! {
        far = opening => far.map_err(|error| of_far(loading, location, &error))?,
        () = cancel.cancelled() => return Err(loading.cancelled()),
    };
    let wanted = rows_wanted(loading)?;
    let problem = |error: DatabaseError| of_far(loading, location, &error);
    let found = far.describe(&wanted).await.map_err(problem)?;
    let columns: Vec<Column> = found.into_iter().map(portable).collect();
    let server = far.value("show server_version_num").await.map_err(problem)?;
    let server = server.and_then(|number| number.parse().ok()).unwrap_or(0);
    let query = newer(loading, wanted, known, (&columns, server));
    let (as_published, sql) = match table::declared(loading) {
        Some(body) => (false, body),
        None => {
            let policy = loading.options.changed_columns;
            (known.is_some() && policy != ChangedColumns::Fail, typed_columns(loading, &columns)?)
        }
    };
    let mut asked = Asked { query, columns, order: None };
    asked.order = ordered_by(loading, &asked.columns);
    let columns = format!("{}\n{}", sql.text, shape(&asked.columns));
    let identity = asked.order.is_some().then(|| begun::identity(loading, &columns, known));
    let (before, said) = match begun::take_over(loading, location, identity.as_deref()).await? {
        Left::Table { run } => go_on(loading, &mut asked, run).await?,
        left => {
            if as_published {
                table::make_as_published(loading, location).await?;
            } else {
                table::make(loading, location, sql).await?;
            }
            begun::begin(loading, identity.as_deref()).await?;
            (0, left.said())
        }
    };
    let changed = far_columns::meet(loading, location, &mut asked.columns).await?;
    if known.is_some() && loading.options.changed_columns == ChangedColumns::Add {
        table::add_published_columns(loading).await?;
    }
    let copied = stream(loading, &far, &asked, location).await;
    if copied.is_err() {
        // The other server would go on until it next writes to us.
        far.canceller().cancel().await;
    }
    let mut loaded = copied?;
    begun::ended(loading).await?;
    if before > 0 {
        // What came before is in no checksum.
        loaded.digests.iter_mut().for_each(|(_, digest)| *digest = None);
    }
    loaded.rows += before;
    loaded.said.extend(said.into_iter().chain(changed));
    Ok(loaded)
}

/// What the other server is asked for.
struct Asked {
    query: String,
    columns: Vec<Column>,
    /// By which rows come, where they are committed page by page.
    order: Option<Ident>,
}

/// The cursor, where its order is the same here and there: of a number or a time.
fn ordered_by(loading: &Loading<'_>, columns: &[Column]) -> Option<Ident> {
    let cursor = cursor::cursor(loading).filter(|_| begun::goes_by_cursor(loading))?;
    let column = columns.iter().find(|column| column.name == cursor.cursor)?;
    let is_ordered = column.type_oid != 0 && !cursor::is_text(column);
    is_ordered.then(|| Ident::new(&cursor.cursor).expect("compiling checked the cursor's name"))
}

/// Asks only for what has not come: rows from the greatest value on, of which some may be missing, and those
/// without one, which come last. How many rows are there, and what is to be told of that.
async fn go_on(loading: &Loading<'_>, asked: &mut Asked, run: i64) -> Result<(u64, Option<String>), Problem> {
    let (table, session) = (&loading.relation, loading.session);
    let Some(order) = &asked.order else { return Ok((0, None)) };
    let problem = |error: DatabaseError| located(&error, loading.place.clone());
    let greatest = format!("select to_json(max({order})) #>> '{{}}' from {table}");
    let greatest = session.value(&greatest).await.map_err(problem)?;
    let Some(greatest) = greatest else {
        session.run(&format!("truncate {table}")).await.map_err(problem)?;
        table::count_from(loading, 0).await?;
        return Ok((0, None));
    };
    let last = literal(&greatest);
    let again = format!("delete from {table} where {order} = {last} or {order} is null");
    session.run(&again).await.map_err(problem)?;
    let rows = session.value(&format!("select count(*) from {table}")).await.map_err(problem)?;
    let rows: u64 = rows.and_then(|rows| rows.parse().ok()).unwrap_or(0);
    table::count_from(loading, rows).await?;
    asked.query =
        format!("select * from ({}) as left_over where {order} >= {last} or {order} is null", asked.query);
    let label = loading.node.label();
    let said = format!(
        "{label}: went on where the load of run {run} ended: from {order} = {greatest}, after {rows} rows"
    );
    Ok((rows, Some(said)))
}

/// The rows as the model asks for them, as a subquery.
fn rows_wanted(loading: &Loading<'_>) -> Result<String, Problem> {
    let config = &loading.node.config;
    let Some(name) = &config.table else {
        let query = config.query.as_deref().unwrap_or_default().trim().trim_end_matches(';');
        // A line of its own, so that a comment at the end of the query ends.
        return Ok(format!("select * from (\n{query}\n) as asked"));
    };
    let parts: Result<Vec<String>, _> =
        name_parts(name).into_iter().map(|part| Ident::new(part).map(|part| part.to_string())).collect();
    let parts = parts.map_err(|error| loading.wrong(&SourceError::new(format!("`table`: {error}"))))?;
    Ok(format!("select * from {}", parts.join(".")))
}

/// Only the rows that earlier loads may not have seen. Those as old as the last ones may have changed, or be new.
fn newer(
    loading: &Loading<'_>,
    query: String,
    known: Option<&LoadState>,
    (columns, server): (&[Column], u32),
) -> String {
    let last = known.and_then(|known| known.from.as_deref());
    let (Some(cursor), Some(last)) = (cursor::cursor(loading), last) else { return query };
    let column = Ident::new(&cursor.cursor).expect("compiling checked the cursor's name");
    let kind = columns.iter().find(|known| known.name == cursor.cursor);
    let lowest = kind.and_then(|kind| cursor::before_all(kind, server));
    let lowest = lowest.map(|lowest| format!(" or {lowest}")).unwrap_or_default();
    // Rows without one, and those before all others, come each time: nothing else would ever bring them, or tell
    // of them.
    let last = literal(last);
    format!("select * from ({query}) as all_rows where {column} >= {last} or {column} is null{lowest}")
}

/// A column of a type that only the other server knows comes as text.
fn portable(column: Column) -> Column {
    // Names by number (regclass and its kin), access lists and records mean nothing elsewhere.
    const LOCAL: [u32; 16] =
        [24, 1033, 1034, 2202, 2203, 2204, 2205, 2206, 2249, 2287, 3734, 3769, 4089, 4096, 4191, 2278];
    if column.type_oid >= FIRST_FOREIGN_OID || LOCAL.contains(&column.type_oid) {
        return Column { type_oid: 0, data_type: "text".to_owned(), ..column };
    }
    column
}

fn typed_columns(loading: &Loading<'_>, columns: &[Column]) -> Result<Sql, Problem> {
    let mut written = String::new();
    for column in columns {
        let name = name_of(loading, column)?;
        let comma = if written.is_empty() { "" } else { ",\n" };
        let _ = write!(written, "{comma}{name} {}", column.data_type);
    }
    let mut sql = Sql::default();
    sql.push(&written);
    Ok(sql)
}

pub(super) fn name_of(loading: &Loading<'_>, column: &Column) -> Result<Ident, Problem> {
    Ident::new(column.name.clone()).map_err(|error| loading.wrong(&SourceError::new(error.to_string())))
}

fn shape(columns: &[Column]) -> String {
    columns.iter().map(|column| format!("{} {}\n", column.name, column.data_type)).collect()
}

async fn stream(
    loading: &Loading<'_>,
    far: &Session,
    asked: &Asked,
    location: &Location,
) -> Result<Loaded, Problem> {
    let mut names = Vec::new();
    let mut values = Vec::new();
    for column in &asked.columns {
        let name = name_of(loading, column)?.to_string();
        let cast = if column.type_oid == 0 { "::text" } else { "" };
        values.push(format!("{name}{cast}"));
        names.push(name);
    }
    let order = asked.order.as_ref().map(|order| format!(" order by rows.{order}")).unwrap_or_default();
    let from = format!(
        "copy (select {} from ({}) as rows{order}) to stdout with (format binary)",
        values.join(", "),
        asked.query
    );
    let into = format!("copy {} ({}) from stdin with (format binary)", loading.relation, names.join(", "));
    let (watcher, mut bytes) = (loading.watcher(), 0);
    // Columns of other names or types are something else, whatever bytes come.
    let mut hasher = Sha256::new_with_prefix(shape(&asked.columns));
    let (taken, mut passing) = mpsc::channel::<Result<Bytes, DatabaseError>>(WAITING_CHUNKS);
    let (turning, mut pages) = mpsc::channel(1);
    let reading = async move {
        let done = far.copy_out(&from, &taken).await;
        if let Err(error) = done {
            let _ = taken.send(Err(error)).await;
        }
    };
    let watching = async {
        let mut book = Book::open(turning, asked.order.is_some()).await;
        while let Some(chunk) = passing.recv().await {
            if let Ok(chunk) = &chunk {
                bytes += chunk.len() as u64;
                hasher.update(chunk);
                watcher.bytes(bytes, None);
            }
            if book.write(chunk).await.is_err() {
                break;
            }
        }
        drop((book, passing));
    };
    let copying = async {
        let mut rows = 0;
        while let Some(page) = pages.recv().await {
            match loading.session.copy_in(&into, page).await {
                Ok(Ok(copied)) => rows += copied,
                Ok(Err(error)) => return Err(of_far(loading, location, &error)),
                Err(error) => return Err(Box::new(located(&error, loading.place.clone()))),
            }
        }
        drop(pages);
        Ok(rows)
    };
    let all = async { tokio::join!(reading, watching, copying) };
    let ((), (), rows) = tokio::select! {
        done = all => done,
        // Leaving here gives up our COPY, and the caller ends the other one.
        () = loading.shared.cancel.cancelled() => return Err(loading.cancelled()),
    };
    Ok(Loaded {
        rows: rows?,
        bytes,
        digests: vec![(location.to_string(), Some(hex(&hasher.finalize())))],
        ..Loaded::default()
    })
}

/// What the other server said, and that it was the other one.
fn of_far(loading: &Loading<'_>, location: &Location, error: &DatabaseError) -> Problem {
    Box::new(
        Diagnostic::error("source", format!("{location}: {error}"))
            .at(loading.place.clone())
            .maybe_hint(error.hint.clone()),
    )
}

/// `shop.orders` as its parts, `"my.shop"."my ""table"""`, too.
fn name_parts(name: &str) -> Vec<String> {
    let (mut parts, mut rest) = (Vec::new(), name);
    loop {
        let quoted = rest.strip_prefix('"').map(|inner| inner.replace("\"\"", "\0\0"));
        let end = quoted.as_ref().and_then(|inner| inner.find('"')).filter(|end| {
            let after = &rest[end + 2..];
            after.is_empty() || after.starts_with('.')
        });
        let (part, after) = match (quoted, end) {
            (Some(inner), Some(end)) => (inner[..end].replace("\0\0", "\""), &rest[end + 2..]),
            _ => {
                let end = rest.find('.').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        parts.push(part);
        match after.strip_prefix('.') {
            Some(left) => rest = left,
            None => return parts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_table_may_be_quoted() {
        for (name, parts) in [
            ("orders", &["orders"][..]),
            ("shop.Orders", &["shop", "Orders"]),
            ("\"my.shop\".\"a \"\"b\"\".\"", &["my.shop", "a \"b\"."]),
            ("\"x\".y", &["x", "y"]),
            ("shop.a \"b\"", &["shop", "a \"b\""]),
            ("\"a\"b", &["\"a\"b"]),
            ("\"é\"\"\"", &["é\""]),
        ] {
            assert_eq!(name_parts(name), parts, "{name}");
        }
    }
}
