//! A run that is under way, and what is told of it. What is run was chosen before, by `work` or `watch`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::args::{Output, Selection};
use super::failed_queries::Asked;
use super::progress::Progress;
use super::terminal::{duration, strong, thousands};
use super::{Context, Stop, rows};
use crate::engine::Engine;
use crate::manifest::{Manifest, NodeId};
use crate::pipeline::{NodeRecord, NodeStatus, RunStatus};
use crate::project::Project;
use crate::run::{self, Observer, Place, Request};
use crate::telemetry::{self, Trace};

/// What a run goes on with once its database is there.
pub(super) struct Going<'a> {
    pub context: &'a Context,
    pub project: &'a Project,
    pub engine: &'a Engine,
    /// As it was typed, for the artifacts.
    pub written: &'a Selection,
    pub begun: Instant,
}

impl Going<'_> {
    /// Runs what is asked for and tells how it went; whether all was good. `cancel` is asked for once the run has
    /// begun.
    pub async fn run(
        &self,
        manifest: Arc<Manifest>,
        request: Request,
        cancel: impl FnOnce() -> CancellationToken,
    ) -> Result<bool, Stop> {
        let Going { context, engine, written, begun, .. } = *self;
        let command = request.command.as_str();
        let artifacts = context.artifacts(self.project);
        let place = Place::of(self.project, &engine.connector);
        let run = run::prepare(&place, manifest.clone(), &request).await?;
        let cancel = cancel();
        context.terminal.say(&format!(
            "{} run {} on target {} ({})",
            strong("elt"),
            run.id,
            place.target.name,
            engine.describe()
        ));
        let progress: Arc<dyn Observer> = Arc::new(Progress::new(context.terminal.clone()));
        let trace = context.trace(&format!("elt {command}"), &progress);
        let observer = trace.clone().map_or(progress.clone(), |trace| trace as Arc<dyn Observer>);
        let mut outcome = run.finish(observer, cancel).await;
        if let Some(trace) = &trace {
            context.send(trace, command, &place.target.name, outcome.failed_step.as_deref()).await;
        }
        drop((trace, progress));
        let unpublished = (outcome.status != RunStatus::Succeeded).then_some(outcome.run);
        let name = |id: NodeId| manifest.published(id);
        let asked = Asked { manifest: &manifest, name: &name, unpublished };
        artifacts.failed_queries(&asked, &outcome.nodes, &mut outcome.problems);
        context.terminal.diagnostics(&outcome.problems);
        // In JSON they come with the end.
        for note in outcome.notes.iter().filter(|_| !context.terminal.json) {
            context.terminal.note(note);
        }
        artifacts.run_results(&manifest, command, written, &outcome.nodes, begun.elapsed());
        let server_lost = outcome.problems.iter().any(|problem| problem.code == "connection-lost");
        if let Some(log) = engine.log_file().filter(|_| server_lost) {
            context.terminal.note(&format!("the embedded server's log is {}", log.display()));
        }
        let good = outcome.status == RunStatus::Succeeded;
        if good && command == "run" && !context.terminal.json {
            report(context, engine, &manifest, &request.selection).await?;
        }
        summary(context, command, &outcome, begun);
        Ok(good)
    }
}

impl Context {
    /// The trace of a run, where the environment names a collector.
    pub(super) fn trace(&self, name: &str, progress: &Arc<dyn Observer>) -> Option<Arc<Trace>> {
        match telemetry::Settings::of(&self.setting.env)? {
            Ok(settings) => Some(Arc::new(Trace::new(settings, name, progress.clone()))),
            Err(error) => {
                self.terminal.note(&error);
                None
            }
        }
    }
}

impl Context {
    pub(super) async fn send(&self, trace: &Trace, command: &str, target: &str, failed_step: Option<&str>) {
        let attributes = [("elt.command", command), ("elt.target", target)];
        let failure = failed_step.map(|step| format!("failed at {step}"));
        if let Err(error) = trace.send(&attributes, failure.as_deref()).await {
            self.terminal.note(&error);
        }
    }
}

/// Prints the relations whose config says `report=true`.
async fn report(
    context: &Context,
    engine: &Engine,
    manifest: &Manifest,
    selection: &BTreeSet<NodeId>,
) -> Result<(), Stop> {
    let reported: Vec<_> = manifest
        .order
        .iter()
        .filter(|id| manifest.node(**id).config.report && selection.contains(id))
        .collect();
    if reported.is_empty() {
        return Ok(());
    }
    let session = engine.connector.connect().await?;
    for id in reported {
        let node = manifest.node(*id);
        let rows = rows::read(&session, &manifest.published(*id), 40, Output::Table).await?;
        context.terminal.data_line(&format!("\n{}  {}", strong(&node.label()), node.description));
        context.terminal.data(&rows::formatted(&rows, Output::Table));
    }
    Ok(())
}

fn summary(context: &Context, command: &str, outcome: &run::Outcome, begun: Instant) {
    let milliseconds = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
    let terminal = &context.terminal;
    if terminal.json {
        return terminal.json_line(&json!({
            "event": "ended", "run": outcome.run, "status": outcome.status, "duration_ms": milliseconds,
            "published": outcome.published, "failed_step": outcome.failed_step, "notes": outcome.notes,
        }));
    }
    let counted = counts(&outcome.nodes);
    let took = duration(milliseconds);
    match outcome.status {
        RunStatus::Succeeded if outcome.published == 0 => {
            terminal.say(&format!("\n{}: {counted} ({took})", strong("Nothing to publish")));
        }
        RunStatus::Succeeded => {
            let relations = if outcome.published == 1 { "relation" } else { "relations" };
            terminal.say(&format!(
                "\n{} {} {relations} in {took}: {counted}",
                strong("Published"),
                outcome.published
            ));
            let next = match command {
                "load" | "seed" => "elt build",
                _ => "elt serve",
            };
            terminal.say(&format!("Next: {}", strong(next)));
        }
        RunStatus::Cancelled => {
            terminal.say(&format!("\nCancelled after {took}; prod is as it was. {counted}"))
        }
        _ => {
            let step = outcome.failed_step.as_deref().unwrap_or("a step");
            terminal
                .say(&format!("\n{} at {step} after {took}; prod is as it was: {counted}", strong("Failed")));
        }
    }
}

/// `6 built, 14 tests passed, 1 failed, 1,000 unchanged`.
pub(super) fn counts(records: &[NodeRecord]) -> String {
    let mut parts = Vec::new();
    for status in NodeStatus::ALL {
        let (tests, nodes): (Vec<_>, Vec<_>) = records
            .iter()
            .filter(|record| record.status == status)
            .partition(|record| record.kind.ends_with("test"));
        let of_tests = matches!(
            status,
            NodeStatus::Kept | NodeStatus::Passed | NodeStatus::Warned | NodeStatus::Unchanged
        );
        let (tests, nodes) =
            if of_tests { (tests.len(), nodes.len()) } else { (0, tests.len() + nodes.len()) };
        let number = |number: usize| thousands(i64::try_from(number).unwrap_or(i64::MAX));
        if nodes > 0 {
            parts.push(format!("{} {}", number(nodes), status.name()));
        }
        if tests > 0 {
            let plural = if tests == 1 { "test" } else { "tests" };
            parts.push(format!("{} {plural} {}", number(tests), status.name()));
        }
    }
    parts.join(", ")
}
