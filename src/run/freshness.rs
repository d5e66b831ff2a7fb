//! How old the newest rows of sources and loads are, by the database's own clock. Only reads.

use std::time::{Duration, Instant};

use super::failure::{NOT_PUBLISHED, located};
use super::unpublished::unpublished;
use crate::database::{DatabaseError, Session};
use crate::diagnostic::Diagnostic;
use crate::manifest::{Body, Manifest, NodeId};
use crate::name::{Relation, literal};
use crate::project::{FreshnessLimits, FreshnessStatus, Layer, Materialization, Tolerance};

/// What was found of one node.
pub struct Measured {
    pub id: NodeId,
    pub found: Result<Found, DatabaseError>,
    pub status: FreshnessStatus,
    /// The limit that was passed.
    pub passed: Option<Tolerance>,
    pub took: Duration,
}

/// Moments, in microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// `None` where there is no row, or none with a time.
    pub newest: Option<i64>,
    pub asked: i64,
}

impl Found {
    /// Seconds.
    pub fn age(&self) -> Option<f64> {
        self.newest.map(|newest| (self.asked.saturating_sub(newest)) as f64 / 1e6)
    }
}

/// Measures a node after the other. An error of one is its own; a lost server ends it all.
pub async fn freshness(
    session: &Session,
    (manifest, target): (&Manifest, &str),
    ids: &[NodeId],
) -> Result<Vec<Measured>, DatabaseError> {
    session.run("set default_transaction_read_only = on").await?;
    let mut measured = Vec::new();
    for id in ids {
        let begun = Instant::now();
        let limits = manifest.node(*id).config.freshness.clone().unwrap_or_default();
        let Some(query) = newest(manifest, *id, &limits, &manifest.published(*id)) else { continue };
        let found = match found(session, &query).await {
            // The first run makes elt's own tables.
            Err(error) if reads_own_loads(manifest, *id) && error.is("42P01") => nothing(session).await,
            Err(error) if error.is("42P01") => {
                let own = [(*id, manifest.published(*id))];
                Err(unpublished(session, manifest, target, &error.message, own).await.unwrap_or(error))
            }
            other => other,
        };
        let (status, passed) = match &found {
            Ok(found) => limits.judge(found.age()),
            Err(error) if error.is_unreachable() => return Err(error.clone()),
            Err(_) => (FreshnessStatus::Broken, None),
        };
        measured.push(Measured { id: *id, found, status, passed, took: begun.elapsed() });
    }
    Ok(measured)
}

/// Whether anything tells how old its rows are.
pub fn is_measurable(manifest: &Manifest, id: NodeId) -> bool {
    newest(manifest, id, &FreshnessLimits::default(), &manifest.published(id)).is_some()
}

/// What is asked of a node whose freshness the user's own SQL tells, where `relation` stands for it.
pub(super) fn own_query(manifest: &Manifest, id: NodeId, relation: &Relation) -> Option<String> {
    let limits = manifest.node(id).config.freshness.as_ref().filter(|limits| limits.is_any())?;
    let query = newest(manifest, id, limits, relation).filter(|_| !reads_own_loads(manifest, id))?;
    Some(asking(&query))
}

/// The error of such a query, at the word that names the time.
pub fn problem(manifest: &Manifest, id: NodeId, error: &DatabaseError) -> Diagnostic {
    let node = manifest.node(id);
    let field = node.config.loaded_at_field.as_deref().filter(|_| error.is("42703"));
    let mut problem = located(error, node.place_of(field.unwrap_or(node.name.as_str())));
    if problem.code != NOT_PUBLISHED {
        problem.message = format!("{}: {}", label(manifest, id), problem.message);
    }
    problem
}

/// `shop.orders` as `source('shop', 'orders')` names it.
pub fn label(manifest: &Manifest, id: NodeId) -> String {
    let node = manifest.node(id);
    match &node.body {
        Body::Source { table, .. } => format!("{}.{table}", node.domain),
        _ => node.label(),
    }
}

/// Its time is that of elt's last load of it, or of the last look that found the source unchanged.
fn reads_own_loads(manifest: &Manifest, id: NodeId) -> bool {
    let config = &manifest.node(id).config;
    let names_a_time = config.loaded_at_field.is_some() || config.loaded_at_query.is_some();
    manifest.node(id).is_built()
        && manifest.node(id).materialization == Materialization::Load
        && !names_a_time
}

/// The query of the newest time.
fn newest(manifest: &Manifest, id: NodeId, limits: &FreshnessLimits, relation: &Relation) -> Option<String> {
    let node = manifest.node(id);
    if let Some(query) = &node.config.loaded_at_query {
        let query = query.trim().trim_end_matches(';');
        return Some(format!("select max(newest) as newest from (\n{query}\n) as q(newest)"));
    }
    if let Some(field) = &node.config.loaded_at_field {
        let filter = limits.filter.as_ref().map(|filter| format!(" where (\n{filter}\n)"));
        return Some(format!(
            "select max({field}\n) as newest from {relation}{}",
            filter.unwrap_or_default()
        ));
    }
    reads_own_loads(manifest, id).then(|| {
        format!(
            "select max(r.finished_at) as newest from elt.runs r where r.status = 'succeeded' and r.prod_schema = {} \
             and r.id in (select run_id from elt.loads where node = {label} union all \
                          select run_id from elt.run_nodes where node = {label} and status = 'unchanged')",
            literal(manifest.schema(Layer::Prod).as_str()),
            label = literal(&node.label())
        )
    })
}

async fn found(session: &Session, query: &str) -> Result<Found, DatabaseError> {
    let table = session.table(&asking(query)).await?;
    let cell = |index: usize| table.rows.first()?.get(index)?.as_deref()?.parse().ok();
    Ok(Found { newest: cell(0), asked: cell(1).unwrap_or_default() })
}

/// A time without a zone is taken as UTC, whatever the session's zone is.
fn asking(query: &str) -> String {
    format!(
        "select (extract(epoch from newest) * 1000000)::bigint, \
         (extract(epoch from clock_timestamp()) * 1000000)::bigint from (\n{query}\n) as q"
    )
}

async fn nothing(session: &Session) -> Result<Found, DatabaseError> {
    found(session, "select null::timestamptz as newest").await
}
