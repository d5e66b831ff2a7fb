//! `run`, `build`, `load`, `seed`, `check`, `test` and `prune`.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::args::{Output, Prune, Selection, Test, Work};
use super::progress::Progress;
use super::terminal::{duration, strong};
use super::{Context, FAILED, Outcome, Stop, rows};
use crate::diagnostic::Severity;
use crate::engine::Engine;
use crate::manifest::select::Chosen;
use crate::manifest::{Manifest, NodeId};
use crate::pipeline::{NodeRecord, NodeStatus, RunStatus};
use crate::project::{Layer, Materialization};
use crate::run::{self, Observer, Place, Request};
use crate::secret::Secrets;
use crate::telemetry::{self, Trace};

pub async fn run(context: &Context, command: &str, work: &Work) -> Outcome {
    let begun = Instant::now();
    let (mut project, manifest) = context.project()?;
    if let Some(threads) = work.threads {
        project.target.threads = usize::from(threads);
    }
    let chosen = context.choose(&project, &manifest, &work.selection)?;
    let Some(selection) = selection(&manifest, command, &chosen)? else {
        return Ok(nothing_to_do(context, command));
    };
    let defer = context.defer(&project, &manifest, work)?;
    let artifacts = context.artifacts(&project);
    artifacts.manifest(&project, &manifest);
    let engine = Engine::open(&project.root, &project.target).await?;
    let place = Place::of(&project, &engine.connector);
    let manifest = Arc::new(manifest);
    let request = Request {
        command: command.to_owned(),
        selection,
        tests: chosen.tests,
        defer,
        full_refresh: work.full_refresh,
        fail_fast: work.fail_fast,
        store_failures: work.store_failures,
    };
    let run = run::prepare(&place, manifest.clone(), &request).await?;
    let cancel = cancel_on_signal(context);
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
    let outcome = run.finish(observer, cancel).await;
    if let Some(trace) = &trace {
        let attributes = [("elt.command", command), ("elt.target", place.target.name.as_str())];
        let failure = outcome.failed_step.as_deref().map(|step| format!("failed at {step}"));
        if let Err(error) = trace.send(&attributes, failure.as_deref()).await {
            context.terminal.note(&error);
        }
    }
    drop((trace, progress));
    context.terminal.diagnostics(&outcome.problems);
    for note in &outcome.notes {
        context.terminal.note(note);
    }
    artifacts.run_results(&manifest, command, &work.selection, &outcome.nodes, begun.elapsed());
    let server_lost = outcome.problems.iter().any(|problem| problem.code == "connection-lost");
    if let Some(log) = engine.log_file().filter(|_| server_lost) {
        context.terminal.note(&format!("the embedded server's log is {}", log.display()));
    }
    let good = outcome.status == RunStatus::Succeeded;
    if good && command == "run" && !context.terminal.json {
        report(context, &engine, &manifest, &request.selection).await?;
    }
    summary(context, command, &outcome, begun);
    engine.close().await?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

impl Context {
    /// The trace of a run, where the environment names a collector.
    fn trace(&self, name: &str, progress: &Arc<dyn Observer>) -> Option<Arc<Trace>> {
        match telemetry::Settings::of(&self.setting.env)? {
            Ok(settings) => Some(Arc::new(Trace::new(settings, name, progress.clone()))),
            Err(error) => {
                self.terminal.note(&error);
                None
            }
        }
    }
}

/// The nodes that a command is about: of those chosen, those it handles. `None` where nothing has changed.
fn selection(manifest: &Manifest, command: &str, chosen: &Chosen) -> Result<Option<BTreeSet<NodeId>>, Stop> {
    let handles = |id: &NodeId| {
        let materialization = manifest.node(*id).materialization;
        match command {
            "load" => materialization == Materialization::Load,
            "seed" => materialization == Materialization::Seed,
            "build" => materialization != Materialization::Load,
            _ => true,
        }
    };
    let nodes: BTreeSet<NodeId> = chosen.nodes.iter().copied().filter(handles).collect();
    if nodes.iter().any(|id| manifest.node(*id).is_built()) {
        return Ok(Some(nodes));
    }
    if chosen.may_be_empty {
        return Ok(None);
    }
    Err(Stop::Error {
        message: format!("there is nothing to {command} in this selection"),
        hint: Some("`elt ls` lists what there is, and takes the same --select".into()),
    })
}

fn nothing_to_do(context: &Context, command: &str) -> ExitCode {
    if context.terminal.json {
        context.terminal.json_line(&json!({"event": "nothing", "command": command}));
    }
    context
        .terminal
        .say(&format!("there is nothing to {command}: nothing has changed in what was asked for"));
    ExitCode::SUCCESS
}

/// Prints the relations whose config says `report=true`.
async fn report(
    context: &Context,
    engine: &Engine,
    manifest: &Manifest,
    selection: &BTreeSet<NodeId>,
) -> Result<(), Stop> {
    let reported =
        manifest.order.iter().filter(|id| manifest.node(**id).config.report && selection.contains(id));
    let session = engine.connector.connect().await?;
    for id in reported {
        let node = manifest.node(*id);
        let text = rows::written(&session, &manifest.published(*id), 40, Output::Table).await?;
        context.terminal.data_line(&format!("\n{}  {}", strong(&node.label()), node.description));
        context.terminal.data(&text);
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

/// `6 built, 14 tests passed, 1 failed`.
fn counts(records: &[NodeRecord]) -> String {
    let count = |status: NodeStatus| records.iter().filter(|record| record.status == status).count();
    let tests = |number: usize| if number == 1 { "test" } else { "tests" };
    let mut parts = Vec::new();
    for status in NodeStatus::ALL {
        match (status, count(status)) {
            (_, 0) => {}
            (NodeStatus::Passed | NodeStatus::Warned, number) => {
                parts.push(format!("{number} {} {}", tests(number), status.name()));
            }
            (_, number) => parts.push(format!("{number} {}", status.name())),
        }
    }
    parts.join(", ")
}

/// The first Ctrl-C or SIGTERM cancels what runs on the server; a second one ends the process.
pub(super) fn cancel_on_signal(context: &Context) -> CancellationToken {
    let cancel = CancellationToken::new();
    let (token, terminal) = (cancel.clone(), context.terminal.clone());
    tokio::spawn(async move {
        super::serve::signal().await;
        terminal.say("cancelling what runs on the server; press again to leave at once");
        token.cancel();
        super::serve::signal().await;
        std::process::exit(130);
    });
    cancel
}

pub async fn prune(context: &Context, arguments: &Prune) -> Outcome {
    let (project, manifest) = context.project()?;
    let engine = Engine::open(&project.root, &project.target).await?;
    let pruned = run::prune(&Place::of(&project, &engine.connector), &manifest, arguments.yes).await?;
    for relation in &pruned.orphans {
        context.terminal.data_line(&relation.plain());
    }
    for (relation, why) in &pruned.kept {
        context.terminal.note(&format!("{} is kept: {why}", relation.plain()));
    }
    let found = pruned.orphans.len();
    match (found, arguments.yes) {
        (0, _) => context.terminal.say("every published relation has its model"),
        (_, true) => context.terminal.say(&format!("dropped {} of {found}", pruned.dropped.len())),
        (_, false) => context.terminal.hint("`elt prune --yes` drops these"),
    }
    engine.close().await?;
    Ok(if pruned.kept.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

pub async fn check(context: &Context, written: &Selection) -> Outcome {
    let begun = Instant::now();
    let (project, manifest) = context.project()?;
    let chosen = context.choose(&project, &manifest, written)?.nodes;
    context.artifacts(&project).manifest(&project, &manifest);
    let engine = Engine::open(&project.root, &project.target).await?;
    let session = engine.connector.connect().await?;
    let checked = run::check(&session, &manifest, &chosen).await?;
    drop(session);
    context.terminal.diagnostics(&checked.problems);
    if !checked.unjudged.is_empty() {
        let names = checked.unjudged.join(", ");
        context.terminal.note(&format!("not judged, for what they read is wrong or not known yet: {names}"));
    }
    let took = duration(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX));
    if context.terminal.json {
        context.terminal.json_line(&json!({
            "event": "checked", "good": checked.good, "bad": checked.problems.len(), "unjudged": checked.unjudged,
        }));
    }
    let (good, bad) = (checked.good, checked.problems.len());
    context.terminal.say(&format!("Checked models and tests in {took}: {good} good, {bad} bad"));
    engine.close().await?;
    Ok(if checked.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

pub async fn test(context: &Context, arguments: &Test) -> Outcome {
    let begun = Instant::now();
    let (project, manifest) = context.project()?;
    let written = &arguments.selection;
    let chosen = context.choose(&project, &manifest, written)?;
    let tests: Vec<usize> = chosen.tests.into_iter().collect();
    let units: Vec<usize> = (0..manifest.unit_tests.len())
        .filter(|index| chosen.nodes.contains(&manifest.unit_tests[*index].model))
        .collect();
    let nothing = tests.is_empty() && units.is_empty();
    if nothing && chosen.may_be_empty {
        return Ok(nothing_to_do(context, "test"));
    }
    if nothing {
        return Err(Stop::error("no test is about what is selected"));
    }
    let artifacts = context.artifacts(&project);
    artifacts.manifest(&project, &manifest);
    let engine = Engine::open(&project.root, &project.target).await?;
    let session = engine.connector.connect().await?;
    let secrets = Secrets::of(&context.setting.env);
    let options =
        run::TestOptions { store_failures: arguments.store_failures, fail_fast: arguments.fail_fast };
    let progress: Arc<dyn Observer> = Arc::new(Progress::new(context.terminal.clone()));
    progress.event(run::Event::Began { run: 0, tasks: units.len() + tests.len() });
    let (mut records, mut problems) = run::unit_tests(&session, &manifest, &units, &secrets).await?;
    for record in &records {
        progress.event(run::Event::Finished(record.clone()));
    }
    let stopped = arguments.fail_fast && !problems.is_empty();
    if !tests.is_empty() && !stopped {
        if units.is_empty() || is_published(&session, &manifest).await? {
            published(&session, &manifest).await?;
            let (more, found) =
                run::test_published(&session, &manifest, &tests, options, &secrets, &progress).await;
            records.extend(more);
            problems.extend(found);
        } else {
            context.terminal.note("nothing is published yet, so only unit tests were run");
        }
    }
    drop(progress);
    context.terminal.diagnostics(&problems);
    artifacts.run_results(&manifest, "test", written, &records, begun.elapsed());
    let took = duration(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX));
    context.terminal.say(&format!("{} in {took}", counts(&records)));
    let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
    engine.close().await?;
    Ok(if failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

async fn is_published(session: &crate::database::Session, manifest: &Manifest) -> Result<bool, Stop> {
    for layer in Layer::ALL {
        if crate::database::catalog::schema_exists(session, manifest.schema(layer)).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Nothing can be read before something was published.
pub(super) async fn published(session: &crate::database::Session, manifest: &Manifest) -> Result<(), Stop> {
    if is_published(session, manifest).await? {
        return Ok(());
    }
    Err(Stop::Error {
        message: "nothing has been published to this target yet".into(),
        hint: Some("publish with `elt run`".into()),
    })
}
