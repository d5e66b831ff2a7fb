//! Loads one raw table: fetch, make the table, COPY all of it or nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::build::finish;
use super::failure::{located, sql_problem};
use super::task::{Built, Done, Problem, Shared, count};
use super::{Event, Observer};
use crate::database::history::{self, LoadRecord};
use crate::database::{DatabaseError, Session, catalog};
use crate::diagnostic::{Diagnostic, Location};
use crate::manifest::{Node, NodeId, Sql};
use crate::name::{Ident, Relation, literal};
use crate::source::{self, Fetched, Format, Progress, ReadOptions, Rows, SourceError, Target};

/// Pieces of a file that may wait for the server: enough to keep both sides busy, little to hold.
const WAITING_CHUNKS: usize = 8;

pub(super) async fn load(shared: &Shared, session: &Session, id: NodeId) -> Result<Done, Problem> {
    let node = shared.manifest.node(id);
    let begun = Instant::now();
    let place = place_of_source(node);
    let wrong = |error: SourceError| Box::new(of_source(&error, &place));

    let written = node.config.source.as_deref().unwrap_or_default();
    let location = source::Location::parse(written, &shared.place.root).map_err(wrong)?;
    let options = read_options(node).map_err(wrong)?;
    let watcher = Watcher { observer: shared.observer.clone(), node: node.label() };
    let fetched = tokio::select! {
        fetched = source::fetch(&location, &shared.place.fetch, &watcher) => fetched.map_err(wrong)?,
        () = shared.cancel.cancelled() => return Err(wrong(SourceError::new("cancelled while fetching"))),
    };

    let relation = shared.plan.building(&shared.manifest, id);
    let body = shared.manifest.query(id, false, &|target| shared.manifest.published(target));
    create_table(shared, session, node, &relation, body, &fetched, &options).await?;
    let columns =
        catalog::columns(session, &relation).await.map_err(|error| located(&error, place.clone()))?;
    let own = |name: &str| node.config.metadata.iter().any(|known| known == name);
    let targets: Vec<Target> = columns
        .into_iter()
        .filter(|column| !own(&column.name))
        .map(|column| Target { name: column.name, type_oid: column.type_oid })
        .collect();

    let rows = source::open(&fetched, &options, &targets).map_err(wrong)?;
    let copied = copy(shared, session, node, &relation, rows, fetched.bytes).await?;
    drop_defaults(session, node, &relation, &place).await?;
    finish(session, node, &relation, Some(copied.rows)).await?;
    let record = LoadRecord {
        node: node.label(),
        location: fetched.location.clone(),
        bytes: count(copied.bytes),
        rows: count(copied.rows),
        sha256: copied.sha256.or_else(|| fetched.sha256.clone()).or_else(|| fetched.digest().ok()),
        from_cache: fetched.from_cache,
        duration_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
    };
    history::record_load(session, shared.run, &record).await.map_err(|error| located(&error, place))?;
    Ok(Done::built(Built { id, delta: None }, Some(count(copied.rows))))
}

fn read_options(node: &Node) -> Result<ReadOptions, SourceError> {
    let config = &node.config;
    let one_byte = |name: &str, text: &Option<String>| match text.as_deref() {
        None => Ok(None),
        Some("\\t" | "tab") => Ok(Some('\t')),
        Some(text) => {
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) if c.is_ascii() => Ok(Some(c)),
                _ => Err(SourceError::new(format!("config's `{name}` is one ASCII character, not `{text}`"))),
            }
        }
    };
    Ok(ReadOptions {
        format: config.format.as_deref().map(Format::from_word).transpose()?,
        delimiter: one_byte("delimiter", &config.delimiter)?,
        quote: one_byte("quote", &config.quote)?,
        null: config.null.clone(),
        allow_empty: config.allow_empty,
        ..ReadOptions::default()
    })
}

/// The table as the model's body declares it; without a body every column of the file is text.
async fn create_table(
    shared: &Shared,
    session: &Session,
    node: &Node,
    relation: &Relation,
    body: Sql,
    fetched: &Fetched,
    options: &ReadOptions,
) -> Result<(), Problem> {
    let place = place_of_source(node);
    let mut sql = if body.is_blank() {
        let names = source::columns(fetched, options).map_err(|error| of_source(&error, &place))?;
        let mut columns = Vec::new();
        for name in names {
            let name = Ident::new(name).map_err(|error| {
                Diagnostic::error("bad-name", format!("{}: {error}", fetched.location)).at(place.clone())
            })?;
            columns.push(format!("{name} text"));
        }
        let mut sql = Sql::default();
        sql.push(&columns.join(",\n"));
        sql
    } else {
        let trimmed = body.text.trim_end().ends_with(',');
        if trimmed { body.without_trailing_comma() } else { body }
    };
    for name in &node.config.metadata {
        let column = match name.as_str() {
            "_source" => format!("\n, _source text not null default {}", literal(&fetched.location)),
            "_loaded_at" => "\n, _loaded_at timestamptz not null default now()".to_owned(),
            "_run_id" => format!("\n, _run_id bigint not null default {}", shared.run),
            other => {
                let message = format!("config's `metadata` knows no column `{other}`");
                let problem = Diagnostic::error("bad-config", message).at(place);
                return Err(Box::new(problem.hint("it knows _source, _loaded_at and _run_id")));
            }
        };
        sql.push(&column);
    }
    let sql = sql.wrap(&format!("create table {relation} (\n"), "\n)");
    session.run(&sql.text).await.map_err(|error| sql_problem(&error, &sql, &node.file))?;
    Ok(())
}

/// Defaults filled the metadata columns during the COPY; later rows are not theirs to fill.
async fn drop_defaults(
    session: &Session,
    node: &Node,
    relation: &Relation,
    place: &Location,
) -> Result<(), Problem> {
    if node.config.metadata.is_empty() {
        return Ok(());
    }
    let drops: Vec<String> =
        node.config.metadata.iter().map(|name| format!("alter column {name} drop default")).collect();
    let sql = format!("alter table {relation} {}", drops.join(", "));
    session.run(&sql).await.map(drop).map_err(|error| Box::new(located(&error, place.clone())))
}

struct Copied {
    rows: u64,
    bytes: u64,
    sha256: Option<String>,
}

async fn copy(
    shared: &Shared,
    session: &Session,
    node: &Node,
    relation: &Relation,
    rows: Rows,
    total: u64,
) -> Result<Copied, Problem> {
    let place = place_of_source(node);
    let statement = format!("copy {relation} {}", rows.copy_clause());
    let (sender, receiver) = mpsc::channel::<Result<Bytes, SourceError>>(WAITING_CHUNKS);
    let sent = Arc::new(AtomicU64::new(0));
    let watcher = Watcher { observer: shared.observer.clone(), node: node.label() };
    let counter = sent.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let mut rows = rows;
        loop {
            let chunk = match rows.next_chunk() {
                Ok(Some(chunk)) => Ok(chunk),
                Ok(None) => break,
                Err(error) => Err(error),
            };
            let failed = chunk.is_err();
            if let Ok(chunk) = &chunk {
                counter.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                watcher.bytes(rows.bytes_read(), Some(total).filter(|total| *total > 0));
            }
            if sender.blocking_send(chunk).is_err() || failed {
                break;
            }
        }
        rows
    });
    let copied = session.copy_in(&statement, receiver).await;
    let rows = reading.await.expect("reading a source does not panic");
    match copied {
        Ok(Ok(count)) => Ok(Copied {
            rows: count,
            bytes: rows.bytes_read().max(if total == 0 { sent.load(Ordering::Relaxed) } else { 0 }),
            sha256: rows.sha256().map(str::to_owned),
        }),
        Ok(Err(error)) => Err(Box::new(of_source(&error, &place))),
        Err(error) => Err(Box::new(of_copy(&error, &rows, node, &place))),
    }
}

/// A row that PostgreSQL refused, named by file, line and column.
fn of_copy(error: &DatabaseError, rows: &Rows, node: &Node, place: &Location) -> Diagnostic {
    let Some(row) = error.context.as_deref().and_then(|context| rows.explain(context)) else {
        return located(error, place.clone());
    };
    let written = node.config.source.as_deref().unwrap_or_default();
    let file = source::Location::parse(written, std::path::Path::new(""))
        .map_or_else(|_| String::new(), |at| at.to_string());
    Diagnostic::error("bad-row", format!("{file}, {row}: {error}"))
        .at(place.clone())
        .hint("nothing was loaded; mend the row, or declare the column as text and clean it in stage")
}

fn of_source(error: &SourceError, place: &Location) -> Diagnostic {
    Diagnostic::error("source", error.message.clone()).at(place.clone()).maybe_hint(error.hint.clone())
}

/// Where the model names its source.
fn place_of_source(node: &Node) -> Location {
    let text = &node.file.text;
    match text
        .find("source")
        .filter(|at| text[*at..].trim_start_matches("source").trim_start().starts_with('='))
    {
        Some(at) => Location::new(&node.file, at..at + "source".len()),
        None => Location::start_of(&node.file),
    }
}

/// Passes a download's or a file's progress on to who watches the run.
struct Watcher {
    observer: Arc<dyn Observer>,
    node: String,
}

impl Progress for Watcher {
    fn bytes(&self, done: u64, total: Option<u64>) {
        self.observer.event(Event::Loading { node: self.node.clone(), bytes: done, total });
    }
}
