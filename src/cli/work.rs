//! `run`, `build`, `load`, `seed`, `check`, `test` and `prune`.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::args::{Prune, Selection, Test, Work};
use super::going::{Going, counts};
use super::progress::Progress;
use super::terminal::duration;
use super::{Context, FAILED, Outcome, Stop};
use crate::diagnostic::Severity;
use crate::engine::Engine;
use crate::manifest::select::Chosen;
use crate::manifest::{Body, Manifest, NodeId};
use crate::project::{Layer, Materialization, Project};
use crate::run::{self, Observer, Place, Request};
use crate::secret::Secrets;

pub async fn run(context: &Context, command: &str, work: &Work) -> Outcome {
    let begun = Instant::now();
    let (mut project, manifest) = context.project()?;
    if let Some(threads) = work.threads {
        project.target.threads = usize::from(threads);
    }
    let Some(request) = request(context, &project, &manifest, command, work)? else {
        return Ok(nothing_to_do(context, command));
    };
    let artifacts = context.artifacts(&project);
    artifacts.manifest(&project, &manifest);
    let engine = Engine::open(&project.root, &project.target).await?;
    let going = Going { context, project: &project, engine: &engine, written: &work.selection, begun };
    let good = going.run(manifest, request, || cancel_on_signal(context)).await?;
    engine.close().await?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
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
        defer: context.defer(project, manifest, work)?,
        full_refresh: work.full_refresh,
        fail_fast: work.fail_fast,
        store_failures: work.store_failures,
        vars: context.setting.vars.clone(),
        planned: None,
        retried: None,
    }))
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
    Err(Stop::Error {
        message: format!("there is nothing to {command} in this selection"),
        hint: Some("`elt ls` lists what there is, and takes the same --select".into()),
    })
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

pub(super) fn nothing_to_do(context: &Context, command: &str) -> ExitCode {
    if context.terminal.json {
        context.terminal.json_line(&json!({"event": "nothing", "command": command}));
    }
    context
        .terminal
        .say(&format!("there is nothing to {command}: nothing has changed in what was asked for"));
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
    let units: Vec<usize> = chosen.unit_tests.into_iter().collect();
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
    let progress: Arc<dyn Observer> = Arc::new(Progress::new(context.terminal.clone()));
    progress.event(run::Event::Began { run: 0, tasks: units.len() + tests.len() });
    let trials = run::Trials {
        connector: &engine.connector,
        threads: arguments.threads.map_or(project.target.threads, usize::from),
        manifest: &manifest,
        store_failures: arguments.store_failures,
        fail_fast: arguments.fail_fast,
        secrets: &secrets,
        observer: progress.clone(),
        cancel: cancel_on_signal(context),
        failed: AtomicBool::new(false),
    };
    let run::Tried { mut records, mut problems } = run::unit_tests(&units, &trials).await?;
    if !tests.is_empty() {
        let reads_published = tests.iter().flat_map(|index| &manifest.tests[*index].text.targets).any(|id| {
            let node = manifest.node(*id);
            !matches!(node.body, Body::Source { .. })
        });
        if !reads_published || is_published(&session, &manifest).await? {
            let tried = run::test_published(&tests, &trials).await?;
            records.extend(tried.records);
            problems.extend(tried.problems);
        } else if units.is_empty() {
            published(&session, &manifest).await?;
        } else {
            context.terminal.note("nothing is published yet, so only unit tests were run");
        }
    }
    let cancelled = trials.cancel.is_cancelled();
    drop(trials);
    drop(progress);
    context.terminal.diagnostics(&problems);
    artifacts.run_results(&manifest, "test", written, &records, begun.elapsed());
    let took = duration(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX));
    context.terminal.say(&format!("{} in {took}", counts(&records)));
    let failed = cancelled || problems.iter().any(|problem| problem.severity == Severity::Error);
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
