//! The cursor of an incremental load: up to which value all has come, and which of the rows at hand that makes
//! new.

use super::super::failure::located;
use super::super::task::Problem;
use super::Loading;
use super::adding::{database, ident, keys};
use crate::database::catalog;
use crate::database::loads::LoadState;
use crate::diagnostic::Diagnostic;
use crate::name::{Ident, literal};
use crate::project::{Cursor, Incremental};

pub(super) fn cursor<'a>(loading: &Loading<'a>) -> Option<&'a Cursor> {
    match loading.node.config.incremental.as_ref()? {
        Incremental::Cursor(cursor) => Some(cursor),
        Incremental::By(_) => None,
    }
}

/// Whether rows that are new take the place of others with the same key, the last of those that came.
pub(super) fn replaces(loading: &Loading<'_>) -> bool {
    cursor(loading).is_some() && !loading.node.config.unique_key.is_empty()
}

/// Whether the order of a column is that of words.
pub(super) fn is_text(column: &catalog::Column) -> bool {
    column.data_type == "text" || column.data_type.starts_with("character")
}

/// The cursor's value `lag` before `last`, as the column's type has it.
pub(super) async fn earlier(
    loading: &Loading<'_>,
    column: &str,
    last: &str,
    lag: &str,
) -> Result<String, Problem> {
    let published = loading.shared.manifest.published(loading.id);
    let columns =
        catalog::columns(loading.session, &published).await.map_err(|error| database(loading, &error))?;
    let Some(kind) = columns.iter().find(|known| known.name == column).map(|known| &known.data_type) else {
        // What became of it is told where the rows are.
        return Ok(last.to_owned());
    };
    let (last, lag) = (literal(last), literal(lag));
    let is_time = kind.starts_with("timestamp") || kind == "date" || kind.starts_with("time ");
    let by = if is_time { format!("{lag}::interval") } else { format!("{lag}::{kind}") };
    let sql = format!("select to_json(({last}::{kind} - {by})::{kind}) #>> '{{}}'");
    let value = loading.session.value(&sql).await.map_err(|error| database(loading, &error))?;
    Ok(value.unwrap_or_default())
}

/// What became of the rows that came.
#[derive(Default)]
pub(super) struct Settled {
    /// The cursor's value now.
    pub cursor: Option<String>,
    /// So many were there already.
    pub there: u64,
}

/// Takes out of the new rows what is there already, and what stands twice.
pub(super) async fn settle(loading: &Loading<'_>, known: Option<&LoadState>) -> Result<Settled, Problem> {
    let Some(cursor) = cursor(loading) else { return Ok(Settled::default()) };
    let columns = loading.columns().await?;
    let Some(column) = columns.iter().find(|column| column.name == cursor.cursor) else {
        let message =
            format!("`{}` has no column `{}` to be its cursor", loading.node.name.as_str(), cursor.cursor);
        return Err(Box::new(Diagnostic::error("unknown-column", message).at(loading.place.clone())));
    };
    if is_text(column) {
        let message =
            format!("the cursor `{}` is {}, in which 10 comes before 9", column.name, column.data_type);
        let problem = Diagnostic::error("bad-cursor", message).at(loading.place.clone());
        return Err(Box::new(problem.hint("declare it in the model's body as a time or a number")));
    }
    let (table, name) = (&loading.relation, ident(&column.name));
    let endless = endless(column);
    let key: Vec<String> = keys(loading).iter().map(Ident::to_string).collect();
    if key.is_empty() {
        let lost = format!("select count(*) from {table} where {name} is null or {endless}");
        let lost = loading.session.value(&lost).await.map_err(|error| database(loading, &error))?;
        if let Some(count) = lost.filter(|count| count != "0") {
            let name = &column.name;
            let message = format!(
                "`{name}` is empty or infinite in {count} of the rows: they would come again with every load"
            );
            let problem = Diagnostic::error("bad-cursor", message).at(loading.place.clone());
            return Err(Box::new(
                problem.hint("give the model a unique_key, or another cursor, or leave such rows out"),
            ));
        }
    }
    if !key.is_empty() {
        let lacking = key.join(" is null or ");
        let sql = format!("select count(*) from {table} where {lacking} is null");
        let count = loading.session.value(&sql).await.map_err(|error| database(loading, &error))?;
        if let Some(count) = count.filter(|count| count != "0") {
            let names = key.join(", ");
            let message = format!(
                "{count} rows have NULL in their unique_key ({names}), and would come again with every load"
            );
            let problem = Diagnostic::error("bad-row", message).at(loading.place.clone());
            return Err(Box::new(
                problem.hint("name columns that every row has, or leave such rows out in `query`"),
            ));
        }
    }
    let last = known.and_then(|known| known.cursor.as_deref());
    let mut there = 0;
    if let Some(from) = known.and_then(|known| known.from.as_deref()) {
        let from = literal(from);
        let older = format!("delete from {table} where {name} < {from} and not ({endless})");
        let mut gone = run(loading, &older).await?;
        if key.is_empty() {
            if let Some(same) = there_already(loading, &columns, &name, &from).await? {
                gone += run(loading, &same).await?;
            }
            there = gone;
        }
    }
    if !key.is_empty() {
        let list = key.join(", ");
        let twice = format!(
            "delete from {table} where ctid in (select row_place from (select ctid as row_place, row_number() over \
             (partition by {list} order by {name} desc nulls last, ctid desc) as place from {table}) as numbered \
             where place > 1)"
        );
        run(loading, &twice).await?;
    }
    // As JSON a time is written so that others read it, too.
    let known = last.map(|last| format!(", {}::{}", literal(last), column.data_type)).unwrap_or_default();
    let newest = format!("max({name}) filter (where not ({endless}))");
    let greatest = format!("select to_json(greatest({newest}{known})) #>> '{{}}' from {table}");
    let cursor = loading.session.value(&greatest).await.map_err(|error| database(loading, &error))?;
    Ok(Settled { cursor, there })
}

async fn run(loading: &Loading<'_>, sql: &str) -> Result<u64, Problem> {
    loading.session.run(sql).await.map_err(|error| database(loading, &error))
}

/// Without a key, rows as old as the last ones are told from those that came before by all that they hold: each
/// that is published takes one that is the same out of the new ones. Nothing where a difference in columns is to be
/// told first.
async fn there_already(
    loading: &Loading<'_>,
    columns: &[catalog::Column],
    name: &Ident,
    last: &str,
) -> Result<Option<String>, Problem> {
    let published = loading.shared.manifest.published(loading.id);
    let there = catalog::columns(loading.session, &published).await;
    let there = there.map_err(|error| located(&error, loading.place.clone()))?;
    let shared: Vec<String> = columns
        .iter()
        .filter(|column| there.iter().any(|other| other.name == column.name))
        .map(|column| ident(&column.name).to_string())
        .collect();
    if !there.iter().any(|other| other.name == name.as_str()) {
        return Ok(None);
    }
    let (table, held) = (&loading.relation, format!("row({})::text", shared.join(", ")));
    Ok(Some(format!(
        "delete from {table} where ctid in (select new.row_place from \
         (select ctid as row_place, {held} as held, row_number() over (partition by {held}) as place \
          from {table} where {name} = {last}) as new \
         join (select {held} as held, count(*) as many from {published} where {name} = {last} group by 1) as old \
         using (held) where new.place <= old.many)"
    )))
}

/// What asks another PostgreSQL for rows whose cursor is before all others: an index finds them. None where the type
/// has no such value, or not before `server` 14.
pub(super) fn before_all(column: &catalog::Column, server: u32) -> Option<String> {
    let kind = column.data_type.as_str();
    let has_one = kind == "date"
        || kind.starts_with("timestamp")
        || matches!(kind, "real" | "double precision")
        || (kind.starts_with("numeric") && server >= 140_000);
    has_one.then(|| format!("{} = '-infinity'", ident(&column.name)))
}

/// What is true of a value beyond which nothing can come: were it the last one, no row would ever be new again.
fn endless(column: &catalog::Column) -> String {
    let name = ident(&column.name);
    match column.data_type.as_str() {
        kind if kind == "date" || kind.starts_with("timestamp") => format!("not isfinite({name})"),
        kind if kind.starts_with("numeric") => format!("{name} in ('NaN', 'Infinity', '-Infinity')"),
        "real" | "double precision" => format!("{name} in ('NaN', 'Infinity', '-Infinity')"),
        _ => "false".to_owned(),
    }
}

/// Of the cursor that an earlier load has left.
pub(super) fn is_finite(cursor: &str) -> bool {
    !["infinity", "-infinity", "nan"].contains(&cursor.to_ascii_lowercase().as_str())
}
