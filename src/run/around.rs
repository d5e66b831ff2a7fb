//! The project's own hooks, before and after a run, and around what is no run: tests, and questions about freshness.

use std::sync::Arc;

use serde_json::Value;

use super::asking::Known;
use super::{Place, build};
use crate::artifacts;
use crate::database::{DatabaseError, Session};
use crate::diagnostic::Diagnostic;
use crate::manifest::{Hook, Manifest};
use crate::pipeline::NodeRecord;

/// A command that is no run.
pub struct Around<'a> {
    pub place: &'a Place,
    pub manifest: &'a Manifest,
    /// What it is about, by its ids: `selected_resources` of templates.
    pub selected: Vec<String>,
}

impl Around<'_> {
    pub async fn before(&self) -> Result<(), Box<Diagnostic>> {
        on_a_session(self.place, self.manifest, &self.manifest.run_hooks.before, &self.known(), None).await
    }

    /// That one fails is a warning: what was found before stands.
    pub async fn after(&self, records: &[NodeRecord]) -> Option<Diagnostic> {
        let hooks = &self.manifest.run_hooks.after;
        let known = at_the_end(self.known(), self.manifest, self.place, hooks, records);
        let problem = on_a_session(self.place, self.manifest, hooks, &known, None).await.err()?;
        Some(problem.as_warning())
    }

    fn known(&self) -> Known {
        Known::from([("selected_resources", Arc::new(Value::from_iter(self.selected.iter().cloned())))])
    }
}

/// What hooks may know that come last.
pub(super) fn at_the_end(
    mut known: Known,
    manifest: &Manifest,
    place: &Place,
    hooks: &[Hook],
    records: &[NodeRecord],
) -> Known {
    if hooks.iter().any(|hook| hook.text.asks()) {
        let told = artifacts::known_at_the_end(manifest, records, &place.secrets);
        known.extend(told.map(|(name, value)| (name, Arc::new(value))));
    }
    known
}

/// Runs hooks on a session of their own: what they set is for nothing else.
pub(super) async fn on_a_session(
    place: &Place,
    manifest: &Manifest,
    hooks: &[Hook],
    known: &Known,
    run: Option<i64>,
) -> Result<(), Box<Diagnostic>> {
    if hooks.is_empty() {
        return Ok(());
    }
    let session = opened(place, run).await;
    let session =
        session.map_err(|error| Box::new(Diagnostic::error("connection-lost", error.to_string())))?;
    build::of_run(&session, manifest, hooks, known).await
}

async fn opened(place: &Place, run: Option<i64>) -> Result<Session, DatabaseError> {
    let session = place.connector.connect().await?;
    if let Some(run) = run {
        session.prepare_for_build(run).await?;
    }
    Ok(session)
}
