//! `plan`, `run --plan` and `retry`: a run before it is made, just as it was seen, and once more.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};

use super::args::{Selection, Work};
use super::flags;
use super::terminal::{faint, strong, thousands};
use super::test::Testing;
use super::work;
use super::{Context, FAILED, Outcome, Stop};
use crate::database::history;
use crate::engine::Engine;
use crate::manifest::Manifest;
use crate::pipeline::{NodeStatus, RunStatus};
use crate::project::{Layer, Project};
use crate::run::{
    self, Action, ColumnChange, Forecast, Observer, Place, PlanFile, RelationChange, Request, Silent,
    WrittenRequest,
};
use crate::secret::HIDDEN;

#[derive(Debug, Clone, Args)]
pub struct Run {
    #[command(flatten)]
    pub work: Work,
    /// Do just what this file of `elt plan --out` says, or refuse
    #[arg(long, value_name = "FILE", conflicts_with_all =
        ["select", "exclude", "selector", "resource_type", "exclude_resource_type", "state", "defer", "no_defer",
         "favor_state", "full_refresh", "fail_fast", "store_failures", "event_time_start"])]
    pub plan: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct Plan {
    #[command(flatten)]
    pub work: Work,
    /// Also write the plan into this file, for `elt run --plan`
    #[arg(long, short = 'o', value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct Retry {
    /// Sessions that build at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: Option<u16>,
}

/// Tells what `elt run` would do.
pub async fn plan(context: &Context, arguments: &Plan) -> Outcome {
    let (project, manifest) = context.project()?;
    let Some(request) = work::request(context, &project, &manifest, "run", &arguments.work)? else {
        return Ok(work::nothing_to_do(context, "plan", work::NOTHING_CHANGED));
    };
    context.artifacts(&project).manifest(&project, &manifest);
    let engine = Engine::open(&project.root, &project.target).await?;
    let place = Place::of(&project, &engine.connector);
    let silent: Arc<dyn Observer> = Arc::new(Silent);
    let manifest = Arc::new(manifest);
    let forecast = run::forecast(&place, &manifest, &request, &silent).await?;
    if context.terminal.json {
        context.terminal.json_line(&json!({"event": "plan", "plan": &forecast}));
    } else {
        context.terminal.data(&written(&forecast));
    }
    if let Some(note) = forecast.note.as_ref().filter(|_| !context.terminal.json) {
        context.terminal.note(note);
    }
    context.terminal.diagnostics(&forecast.problems);
    let good = forecast.problems.is_empty();
    if let Some(path) = &arguments.out {
        let text = context.terminal.redact(&forecast.file.text());
        std::fs::write(path, text + "\n").map_err(|error| {
            Stop::error("unwritable-file", format!("{} cannot be written: {error}", path.display()))
        })?;
    }
    if good {
        let next = match &arguments.out {
            Some(path) => format!("elt run --plan {}", path.display()),
            None => "elt run".to_owned(),
        };
        context.terminal.say(&format!("Next: {}", strong(&next)));
    }
    engine.close().await?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// Runs a plan that was written to a file.
pub async fn follow(context: &Context, arguments: &Work, path: &Path) -> Outcome {
    let begun = Instant::now();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Stop::error("unreadable-file", format!("{} cannot be read: {error}", path.display()))
    })?;
    let plan = PlanFile::read(&text).map_err(|why| {
        Stop::error("plan-outdated", format!("{} is no plan that can be followed: {why}", path.display()))
            .hint(format!("make another: elt plan --out {}", path.display()))
    })?;
    let context = &with_vars(context, &plan.request)?;
    let (mut project, manifest) = context.project()?;
    set_threads(&mut project, arguments.threads);
    let (mut request, unknown) = plan.request.read(&manifest);
    if !unknown.is_empty() {
        return Err(run::RunError::Outdated(
            unknown.into_iter().map(|name| format!("{name} is gone")).collect(),
        )
        .into());
    }
    request.planned = Some(Arc::new(plan));
    work::go(context, (project, manifest), None, request, &Selection::default(), begun).await
}

/// Asks once more what the last run was asked, if that did not succeed.
pub async fn retry(context: &Context, arguments: &Retry) -> Outcome {
    let begun = Instant::now();
    let (project, _) =
        Project::read(&context.global.project_dir, &context.setting).map_err(Stop::Problems)?;
    let engine = Engine::open(&project.root, &project.target).await?;
    let session = engine.connector.connect().await?;
    let last = history::last_request(&session, project.target.schema(Layer::Prod).as_str()).await?;
    drop(session);
    let Some(last) = last else {
        return Err(Stop::error("nothing-to-retry", "nothing has been run on this target yet")
            .hint("begin with `elt run`"));
    };
    if last.status == RunStatus::Succeeded {
        context.terminal.say(&format!("run {} succeeded: there is nothing to retry", last.run));
        engine.close().await?;
        return Ok(ExitCode::SUCCESS);
    }
    let written = last.request.as_deref().and_then(|text| serde_json::from_str::<WrittenRequest>(text).ok());
    let Some(written) = written else {
        return Err(Stop::error(
            "nothing-to-retry",
            format!("run {} was made by an elt that did not write down what it was asked", last.run),
        )
        .hint("run it again as it was typed"));
    };
    let context = &with_vars(context, &written)?;
    let (mut project, manifest) = context.project()?;
    set_threads(&mut project, arguments.threads);
    let (mut request, gone) = written.read(&manifest);
    for name in gone {
        context.terminal.note(&format!("{name} is gone since, and left out"));
    }
    if request.command == "test" {
        return retry_tests(context, &project, &manifest, engine, request, last.run).await;
    }
    request.retried = Some(last.run);
    if request.selection.is_empty() {
        return Err(Stop::error(
            "nothing-to-retry",
            format!("nothing of run {} is left in the project", last.run),
        ));
    }
    let ended = last.failed_step.map(|step| format!(" at {step}")).unwrap_or_default();
    context.terminal.say(&format!("elt {} of run {} again, which ended{ended}", request.command, last.run));
    work::go(context, (project, manifest), Some(engine), request, &Selection::default(), begun).await
}

/// The tests of then that did not hold, or were not come to.
async fn retry_tests(
    context: &Context,
    project: &Project,
    manifest: &Manifest,
    engine: Engine,
    mut request: Request,
    last: i64,
) -> Outcome {
    let session = engine.connector.connect().await?;
    let record = history::run(&session, project.target.schema(Layer::Prod).as_str(), last).await?;
    drop(session);
    let nodes = record.map(|record| record.nodes).unwrap_or_default();
    let held: HashSet<&str> = nodes
        .iter()
        .filter(|node| matches!(node.status, NodeStatus::Passed | NodeStatus::Warned))
        .map(|node| node.node.as_str())
        .collect();
    request.tests.retain(|test| !held.contains(manifest.tests[*test].name.as_str()));
    request.unit_tests.retain(|test| !held.contains(manifest.unit_tests[*test].written.name.as_str()));
    if request.tests.is_empty() && request.unit_tests.is_empty() {
        let message = format!("none of the tests that failed in run {last} is left in the project");
        return Err(Stop::error("nothing-to-retry", message));
    }
    context.terminal.say(&format!("the tests of run {last} again that did not hold"));
    let written = &Selection::default();
    let threads = Some(project.target.threads);
    Testing { context, project, manifest, request, written, threads }.go(engine).await
}

fn set_threads(project: &mut Project, threads: Option<u16>) {
    if let Some(threads) = threads {
        project.target.threads = usize::from(threads);
    }
}

/// The variables of then, where none are given now, and what else was said. Secrets among them were not written down.
fn with_vars(context: &Context, written: &WrittenRequest) -> Result<Context, Stop> {
    let mut context = context.clone();
    let setting = &mut context.setting;
    if setting.vars.is_empty() {
        let lost = |value: &Value| value.to_string().contains(HIDDEN);
        let lost: Vec<&str> =
            written.vars.iter().filter(|(_, value)| lost(value)).map(|(name, _)| name.as_str()).collect();
        if !lost.is_empty() {
            let message = format!("secrets in --vars are not written down: {}", lost.join(", "));
            return Err(Stop::error("hidden-variable", message).hint("give all of --vars once more"));
        }
        setting.vars = written.vars.clone();
    }
    setting.flags.extend(flags::again(written));
    setting.flags.insert("VARS".into(), setting.vars.clone().into());
    Ok(context)
}

fn written(forecast: &Forecast) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    let width = |of: fn(&run::Step) -> usize| {
        forecast.steps.iter().filter(|step| step.action != Action::Unchanged).map(of).max().unwrap_or(0)
    };
    let (kinds, names) = (width(|step| step.kind.len()), width(|step| step.node.chars().count()));
    for step in forecast.steps.iter().filter(|step| step.action != Action::Unchanged) {
        let word = if step.action == Action::Build { "build" } else { "perhaps" };
        let why = step.why.as_deref().unwrap_or_default();
        line(format!("{word:<7}  {:<kinds$}  {:<names$}  {why}", step.kind, step.node));
        for change in &step.changes {
            line(format!("           {}", strong(&change.part)));
            for one in &change.lines {
                line(format!(
                    "           {}",
                    if one.starts_with(['-', '+']) { one.clone() } else { faint(one) }
                ));
            }
        }
    }
    if !forecast.prod.is_empty() {
        line(format!("\n{}", strong("Columns of prod")));
        for relation in &forecast.prod {
            columns(relation, &mut line);
        }
    }
    if !forecast.orphans.is_empty() {
        line(format!(
            "\n{}",
            strong("Made by no model any more; they stay until `elt prune --yes` drops them")
        ));
        forecast.orphans.iter().for_each(|orphan| line(format!("  {orphan}")));
    }
    if !forecast.warnings.is_empty() {
        line(format!("\n{}", strong("Beware")));
        forecast.warnings.iter().for_each(|warning| line(format!("  {warning}")));
    }
    if text.is_empty() {
        return format!("{}\n", counted(forecast));
    }
    format!("{text}\n{}\n", counted(forecast))
}

fn columns(relation: &RelationChange, line: &mut impl FnMut(String)) {
    line(format!("  {}{}", relation.relation, if relation.new { " is new" } else { "" }));
    for change in &relation.columns {
        line(match change {
            ColumnChange::Appears { column, data_type } => format!("    + {column} {data_type}"),
            ColumnChange::Vanishes { column, data_type } => format!("    - {column} {data_type}"),
            ColumnChange::Changes { column, from, to } => format!("    ~ {column} {from} -> {to}"),
        });
    }
}

/// `2 to build, 1 perhaps, 1,000 unchanged; 3 tests to run, 1 unchanged`.
fn counted(forecast: &Forecast) -> String {
    let told = |count: &dyn Fn(Action) -> usize, build: &str| {
        let words = [(Action::Build, build), (Action::Perhaps, "perhaps"), (Action::Unchanged, "unchanged")];
        let parts = words.iter().map(|(action, word)| (count(*action), word)).filter(|(count, _)| *count > 0);
        let number = |count: usize| thousands(i64::try_from(count).unwrap_or(i64::MAX));
        parts.map(|(count, word)| format!("{} {word}", number(count))).collect::<Vec<_>>().join(", ")
    };
    let nodes =
        told(&|action| forecast.steps.iter().filter(|step| step.action == action).count(), "to build");
    let tests = told(&|action| forecast.tests.iter().filter(|test| test.action == action).count(), "to run");
    if tests.is_empty() { nodes } else { format!("{nodes}; tests: {tests}") }
}
