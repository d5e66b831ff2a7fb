//! Loads one raw table: lists the pieces of its source, makes the table, COPYs all of them or nothing.

mod access;
mod adding;
mod api;
mod aside;
mod begun;
mod content;
mod copy;
mod cursor;
mod far_columns;
mod loaded;
mod options;
mod pages;
mod pieces;
mod postgres;
mod table;
mod types;
mod watcher;

use std::time::Instant;

use super::build::finish;
use super::failure::located;
use super::task::{Built, Done, Problem, Shared, count};
use crate::database::loads::{self, LoadRecord, LoadState};
use crate::database::{DatabaseError, Session, catalog};
use crate::diagnostic::{Diagnostic, Location};
use crate::manifest::{Node, NodeId};
use crate::name::Relation;
use crate::source::{self, FetchOptions, ReadOptions, SourceError, Target};

pub(super) use access::tidy;
pub(super) use content::content;
use loaded::Loaded;
use watcher::Watcher;

/// Parts of a source that may wait for the server: enough to keep both sides busy, little to hold.
const WAITING_CHUNKS: usize = 8;

/// One load under way: what its steps need to know.
#[derive(Clone)]
pub(super) struct Loading<'a> {
    shared: &'a Shared,
    session: &'a Session,
    id: NodeId,
    node: &'a Node,
    /// The table to be filled.
    relation: Relation,
    /// Where the model names its source.
    place: Location,
    options: ReadOptions,
    fetch: FetchOptions,
    /// The columns that elt adds.
    own: Vec<String>,
}

pub(super) async fn load(shared: &Shared, session: &Session, id: NodeId) -> Result<Done, Problem> {
    let node = shared.manifest.node(id);
    let begun = Instant::now();
    let place = place_of_source(node);
    let wrong = |error: SourceError| Box::new(of_source(&error, &place));
    let written = node.config.source.as_deref().unwrap_or_default();
    let location = source::Location::parse(written, &shared.place.root).map_err(wrong)?;
    let mut loading = Loading {
        shared,
        session,
        id,
        node,
        relation: shared.plan.building(&shared.manifest, id),
        options: ReadOptions {
            session_is_utc: is_utc(session).await.map_err(|error| located(&error, place.clone()))?,
            ..options::read(node, &shared.place.fetch).map_err(wrong)?
        },
        fetch: access::options(node, &shared.place),
        own: node.config.metadata.clone(),
        place,
    };
    if adding::by_file(&loading) && !loading.adds("_file") {
        loading.own.push("_file".to_owned());
    }
    let known = adding::known(&loading, &location).await?;
    if known.is_some() {
        loading.relation = adding::new_rows(&loading);
    }
    let mut loaded = loading.fill(&location, known.as_ref()).await?;
    table::settle(&loading).await?;
    let settled = cursor::settle(&loading, known.as_ref()).await?;
    loaded.rows = loaded.rows.saturating_sub(settled.there);
    let mut warnings = Vec::new();
    let delta = match &known {
        Some(_) => Some(adding::beside_published(&loading).await?),
        None => {
            warnings = finish(session, node, &loading.relation, Some(loaded.rows)).await?;
            None
        }
    };
    let notes = loaded.notes(&loading);
    let record = LoadRecord {
        node: node.label(),
        location: location.to_string(),
        bytes: count(loaded.bytes),
        rows: count(loaded.rows),
        sha256: content::combined(&loaded.digests),
        from_cache: loaded.all_from_cache,
        duration_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
        added: delta.is_some(),
        cursor: settled.cursor,
        asked: adding::asked(&node.config, &location),
        files: loaded.files,
    };
    let recorded = loads::record(session, shared.run, &record).await;
    recorded.map_err(|error| located(&error, loading.place.clone()))?;
    let content = content::recorded(&location, &loaded.digests);
    if shared.plan.expected.get(&id).is_some_and(|expected| content.as_ref() != Some(expected)) {
        let message = format!("the source of {} holds something else than the plan says", node.label());
        return Err(Box::new(Diagnostic::error("plan-outdated", message).at(loading.place)));
    }
    Ok(Done {
        notes,
        warnings,
        ..Done::built(Built { delta, content, ..Built::of(id) }, Some(count(loaded.rows)))
    })
}

/// Whether a time without a zone means the same to this session as to elt.
async fn is_utc(session: &Session) -> Result<bool, DatabaseError> {
    let zone = session.value("show timezone").await?;
    Ok(matches!(zone.as_deref(), Some("UTC" | "Etc/UTC" | "GMT" | "Etc/GMT")))
}

impl Loading<'_> {
    /// Makes the table and fills it with what the source has, or has more than before.
    async fn fill(&self, location: &source::Location, known: Option<&LoadState>) -> Result<Loaded, Problem> {
        if let source::Location::Postgres(url) = location {
            return postgres::load(self, url, location, known).await;
        }
        let (mut pieces, said) = match &self.node.config.api {
            Some(api) => {
                let collected = api::pages(self, api, location, known).await?;
                (collected.pieces, collected.said)
            }
            None => (self.patiently(source::list(location, &self.fetch)).await?, None),
        };
        let mut said = said;
        if let Some(known) = known.filter(|_| adding::by_file(self)) {
            said = adding::perhaps_renamed(self, &pieces, known);
            pieces = adding::still_wanted(pieces, known);
        }
        match (pieces.is_empty(), known) {
            (false, _) => {}
            (true, Some(_)) => table::make_as_published(self, location).await?,
            (true, None) => self.nothing_at_all(location).await?,
        }
        let mut loaded = pieces::copy_all(self, location, &pieces, known).await?;
        loaded.said.extend(said);
        Ok(loaded)
    }

    /// An API may have no records; then only the model can say what the table is like.
    async fn nothing_at_all(&self, location: &source::Location) -> Result<(), Problem> {
        let error = SourceError::new(format!("{location} has no records"));
        if !self.options.allow_empty {
            return Err(self.wrong(&error.with_hint("if that is right, set allow_empty")));
        }
        match table::declared(self) {
            Some(columns) => table::make(self, location, columns).await,
            None => Err(self.wrong(&error.with_hint("declare the columns in the model's body"))),
        }
    }

    /// The table's columns that come from the source.
    async fn columns(&self) -> Result<Vec<catalog::Column>, Problem> {
        let columns = catalog::columns(self.session, &self.relation).await;
        let columns = columns.map_err(|error| located(&error, self.place.clone()))?;
        Ok(columns.into_iter().filter(|column| !self.adds(&column.name)).collect())
    }

    async fn targets(&self) -> Result<Vec<Target>, Problem> {
        let constrained = catalog::is_constrained(self.session, &self.relation).await;
        let constrained = constrained.map_err(|error| located(&error, self.place.clone()))?;
        let columns = self.columns().await?.into_iter();
        Ok(columns
            .map(|column| Target {
                name: column.name,
                type_oid: column.type_oid,
                modifier: column.modifier,
                not_null: column.not_null,
                constrained: constrained || column.is_domain,
            })
            .collect())
    }

    /// Waits for a source, but not longer than the run is wanted.
    async fn patiently<T>(&self, work: impl Future<Output = Result<T, SourceError>>) -> Result<T, Problem> {
        tokio::select! {
            done = work => done.map_err(|error| self.wrong(&error)),
            () = self.shared.cancel.cancelled() => Err(self.cancelled()),
        }
    }

    fn cancelled(&self) -> Problem {
        Box::new(Diagnostic::error("cancelled", "cancelled while loading").at(self.place.clone()))
    }

    fn wrong(&self, error: &SourceError) -> Problem {
        Box::new(of_source(error, &self.place))
    }

    fn watcher(&self) -> Watcher {
        Watcher::new(self.shared.observer.clone(), self.node.label())
    }

    /// The same load on another session.
    fn on<'a>(&'a self, session: &'a Session) -> Loading<'a> {
        Loading { session, ..self.clone() }
    }

    fn adds(&self, column: &str) -> bool {
        self.own.iter().any(|own| own == column)
    }
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
