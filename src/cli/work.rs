//! `run`, `build`, `load`, `seed`, `check` and `prune`.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::args::{Defer, Selection, Work};
use super::going::Going;
use super::terminal::duration;
use super::{Context, FAILED, Outcome, Stop};
use crate::diagnostic::Severity;
use crate::engine::Engine;
use crate::manifest::select::Chosen;
use crate::manifest::{Manifest, NodeId};
use crate::project::{Layer, Materialization, Moment, Project};
use crate::run::{self, Place, Request};

#[derive(Debug, Clone, Args)]
pub struct Check {
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub defer: Defer,
}

#[derive(Debug, Clone, Args)]
pub struct Prune {
    /// Drop what is listed
    #[arg(long)]
    pub yes: bool,
}

pub async fn run(context: &Context, command: &str, work: &Work) -> Outcome {
    let begun = Instant::now();
    let (mut project, manifest) = context.project()?;
    if let Some(threads) = work.threads {
        project.target.threads = usize::from(threads);
    }
    let Some(request) = request(context, &project, &manifest, command, work)? else {
        return Ok(nothing_to_do(context, command, NOTHING_CHANGED));
    };
    go(context, (project, manifest), None, request, &work.selection, begun).await
}

/// From a request to its end. `engine`: where one is open already.
pub(super) async fn go(
    context: &Context,
    (project, manifest): (Project, Manifest),
    engine: Option<Engine>,
    request: Request,
    written: &Selection,
    begun: Instant,
) -> Outcome {
    let (project, manifest) = (Arc::new(project), Arc::new(manifest));
    let writing = context.artifacts(&project).manifest_beside(&project, &manifest);
    let good = async {
        let engine = match engine {
            Some(engine) => engine,
            None => Engine::open(&project.root, &project.target).await?,
        };
        let going = Going { context, project: &project, engine: &engine, written, begun };
        let good = going.run(manifest.clone(), request, || cancel_on_signal(context)).await?;
        engine.close().await?;
        Ok::<bool, Stop>(good)
    };
    let (good, ()) = tokio::join!(good, writing);
    // The process ends here: giving a large project back piece by piece would only take time.
    std::mem::forget((project, manifest));
    Ok(if good? { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// What is asked for by what was typed. `None` where nothing has changed.
pub(super) fn request(
    context: &Context,
    project: &Project,
    manifest: &Manifest,
    command: &str,
    work: &Work,
) -> Result<Option<Request>, Stop> {
    let chosen = context.choose(project, manifest, &work.selection)?;
    let Some(selection) = selection(manifest, command, &chosen)? else { return Ok(None) };
    Ok(Some(Request {
        command: command.to_owned(),
        selection,
        tests: chosen.tests,
        unit_tests: chosen.unit_tests,
        defer: context.defer(project, manifest, &work.defer, work.selection.state.as_deref())?,
        full_refresh: work.full_refresh,
        fail_fast: work.fail_fast,
        store_failures: work.store_failures,
        event_time: work
            .event_time
            .event_time_start
            .zip(work.event_time.event_time_end)
            .map(between)
            .transpose()?,
        vars: context.setting.vars.clone(),
        planned: None,
        retried: None,
    }))
}

/// The time that was typed.
fn between((start, end): (Moment, Moment)) -> Result<(Timestamp, Timestamp), Stop> {
    let utc = |moment: Moment| moment.0.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    match (utc(start), utc(end)) {
        (Ok(start), Ok(end)) if start < end => Ok((start, end)),
        _ => Err(Stop::error("bad-argument", "--event-time-end lies before --event-time-start")),
    }
}

/// The nodes that a command is about: of those chosen, those it handles. `None` where nothing has changed.
fn selection(manifest: &Manifest, command: &str, chosen: &Chosen) -> Result<Option<BTreeSet<NodeId>>, Stop> {
    let nodes = handled(manifest, command, &chosen.nodes);
    if nodes.iter().any(|id| manifest.node(*id).is_built()) {
        return Ok(Some(nodes));
    }
    if chosen.may_be_empty {
        return Ok(None);
    }
    Err(Stop::error("nothing-selected", format!("there is nothing to {command} in this selection"))
        .hint("`elt ls` lists what there is, and takes the same --select"))
}

/// Of these nodes, those that a command handles.
pub(super) fn handled(manifest: &Manifest, command: &str, nodes: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
    let handles = |id: &NodeId| {
        let materialization = manifest.node(*id).materialization;
        match command {
            "load" => materialization == Materialization::Load,
            "seed" => materialization == Materialization::Seed,
            "build" => materialization != Materialization::Load,
            _ => true,
        }
    };
    nodes.iter().copied().filter(handles).collect()
}

/// Why there is nothing to do where it was asked what changed.
pub(super) const NOTHING_CHANGED: &str = "nothing has changed in what was asked for";

pub(super) fn nothing_to_do(context: &Context, command: &str, why: &str) -> ExitCode {
    if context.terminal.json {
        context.terminal.json_line(&json!({"event": "nothing", "command": command}));
    }
    context.terminal.say(&format!("there is nothing to {command}: {why}"));
    ExitCode::SUCCESS
}

/// The first Ctrl-C or SIGTERM cancels what runs on the server; a second one ends the process.
pub(super) fn cancel_on_signal(context: &Context) -> CancellationToken {
    let terminal = context.terminal.clone();
    on_signal(move || terminal.say("cancelling what runs on the server; press again to leave at once"))
}

/// The token that the first Ctrl-C or SIGTERM cancels, after `tell`; a second one ends the process.
pub(super) fn on_signal(tell: impl FnOnce() + Send + 'static) -> CancellationToken {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    tokio::spawn(async move {
        super::serve::signal().await;
        tell();
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
    if context.terminal.json {
        tell_pruned(context, &pruned);
    }
    for relation in pruned.orphans.iter().filter(|_| !context.terminal.json) {
        context.terminal.data_line(&relation.plain());
    }
    for (relation, why) in pruned.kept.iter().filter(|_| !context.terminal.json) {
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

fn tell_pruned(context: &Context, pruned: &run::Pruned) {
    for relation in &pruned.orphans {
        let kept = pruned.kept.iter().find(|(kept, _)| kept == relation).map(|(_, why)| why.to_string());
        context.terminal.json_line(&json!({
            "event": "orphan", "relation": relation.plain(), "dropped": pruned.dropped.contains(relation), "kept": kept,
        }));
    }
    let (found, dropped) = (pruned.orphans.len(), pruned.dropped.len());
    context.terminal.json_line(&json!({"event": "pruned", "found": found, "dropped": dropped}));
}

pub async fn check(context: &Context, arguments: &Check) -> Outcome {
    let begun = Instant::now();
    let (project, manifest) = context.project()?;
    let chosen = context.choose(&project, &manifest, &arguments.selection)?.nodes;
    let state = arguments.selection.state.as_deref();
    let defer = context.defer(&project, &manifest, &arguments.defer, state)?;
    context.artifacts(&project).manifest(&project, &manifest);
    let engine = Engine::open(&project.root, &project.target).await?;
    let session = engine.connector.session().await?;
    let mut checked = run::check(&session, &manifest, &chosen, defer.as_ref()).await?;
    drop(session);
    if context.global.warn_error {
        checked.problems.iter_mut().for_each(|problem| problem.severity = Severity::Error);
    }
    context.terminal.diagnostics(&checked.problems);
    let bad = checked.bad();
    if let Some(note) = &checked.note {
        context.terminal.note(note);
    }
    if !checked.unjudged.is_empty() && !context.terminal.json {
        let names = checked.unjudged.join(", ");
        context.terminal.note(&format!("not judged, for what they read is wrong or not known yet: {names}"));
    }
    if !checked.needs_rows.is_empty() && !context.terminal.json {
        let names = checked.needs_rows.join(", ");
        context.terminal.note(&format!(
            "can be judged only with data, for what they ask the database has no rows in a check: {names}"
        ));
    }
    let took = duration(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX));
    if context.terminal.json {
        context.terminal.json_line(&json!({
            "event": "checked", "good": checked.good, "bad": bad, "unjudged": checked.unjudged,
            "needs_rows": checked.needs_rows,
        }));
    }
    let good = checked.good;
    context.terminal.say(&format!("Checked models and tests in {took}: {good} good, {bad} bad"));
    engine.close().await?;
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

pub(super) async fn is_published(
    session: &crate::database::Session,
    manifest: &Manifest,
) -> Result<bool, Stop> {
    for layer in Layer::ALL {
        if crate::database::catalog::schema_exists(session, manifest.schema(layer)).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Nothing can be read before something was published.
pub(super) async fn published(
    session: &crate::database::Session,
    manifest: &Manifest,
    target: &str,
) -> Result<(), Stop> {
    if is_published(session, manifest).await? { Ok(()) } else { Err(not_published(target)) }
}

pub(super) fn not_published(target: &str) -> Stop {
    let message = format!("nothing has been published to the target {target} yet");
    Stop::error("not-published", message).hint("publish with `elt run`")
}
