//! Writes down how tests outside of a run ended: in the history of runs, by whose record `elt retry` goes on, and
//! in what prod tells of itself. Publishes nothing, holds no lock.

use jiff::Timestamp;

use super::publish::tell_tests;
use super::start::{host_name, user};
use super::{Place, Request};
use crate::database::history::{self, Failure, NewRun};
use crate::database::{DatabaseError, Session, migrate, progress};
use crate::manifest::Manifest;
use crate::pipeline::{NodeRecord, NodeStatus, RunStatus};
use crate::project::Layer;

/// Tests that have come to their end.
pub struct TestsEnded<'a> {
    pub request: &'a Request,
    pub records: &'a [NodeRecord],
    pub status: RunStatus,
    pub started_at: Timestamp,
    /// They read nothing that another target published.
    pub about_this_target: bool,
}

/// The number of the record; `None` where nothing was ever run, and so there is no history.
pub async fn record_tests(
    session: &mut Session,
    place: &Place,
    manifest: &Manifest,
    ended: &TestsEnded<'_>,
) -> Result<Option<i64>, DatabaseError> {
    if session.value("select to_regclass('elt.runs')::text").await?.is_none() {
        return Ok(None);
    }
    migrate(session).await?;
    let written = ended.request.written(manifest, &place.secrets);
    let tests = NewRun {
        target: &place.target.name,
        prod_schema: manifest.schema(Layer::Prod).as_str(),
        command: &ended.request.command,
        host: &host_name(),
        started_by: &user(),
        request: &serde_json::to_string(&written).expect("names and lists are JSON"),
    };
    let failed = ended.records.iter().find(|record| record.status == NodeStatus::Failed);
    let failure = failed.map(|record| Failure {
        step: record.node.clone(),
        error: record.message.clone().unwrap_or_default(),
        excerpt: record.excerpt.clone(),
    });
    session.run("begin").await?;
    let run =
        history::record_ended(session, &tests, ended.started_at, ended.status, failure.as_ref()).await?;
    progress::record_nodes(session, run, 0, ended.records).await?;
    if ended.about_this_target {
        tell_tests(session, manifest, run, ended.records).await?;
    }
    session.run("commit").await?;
    Ok(Some(run))
}
