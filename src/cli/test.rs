//! `test`: tests on what is published, written into the history; and those that failed once more.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::args::{Defer, Selection};
use super::artifacts::Artifacts;
use super::failed_queries::Asked;
use super::going::counts;
use super::progress::Progress;
use super::terminal::duration;
use super::work::{NOTHING_CHANGED, cancel_on_signal, is_published, not_published, nothing_to_do};
use super::{Context, FAILED, Outcome, Stop};
use crate::diagnostic::Diagnostic;
use crate::engine::Engine;
use crate::manifest::{Manifest, NodeId};
use crate::pipeline::{NodeRecord, NodeStatus, RunStatus};
use crate::project::Project;
use crate::run::{self, Around, Elsewhere, Observer, Place, Request, TestsEnded};
use crate::secret::Secrets;

#[derive(Debug, Clone, Args)]
pub struct Test {
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub defer: Defer,
    /// Stop at the first failure
    #[arg(long)]
    pub fail_fast: bool,
    /// Keep the rows that failed tests found in tables of the schema `<prod>_failures`
    #[arg(long)]
    pub store_failures: bool,
    /// At most so many tests at once [default: the target's threads]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: Option<u16>,
}

pub async fn test(context: &Context, arguments: &Test) -> Outcome {
    let (project, manifest) = context.project()?;
    let written = &arguments.selection;
    let chosen = context.choose(&project, &manifest, written)?;
    let nothing = chosen.tests.is_empty() && chosen.unit_tests.is_empty();
    if nothing && chosen.may_be_empty {
        return Ok(nothing_to_do(context, "test", NOTHING_CHANGED));
    }
    if nothing && written.select.is_empty() && written.selector.is_none() {
        return Ok(nothing_to_do(context, "test", "the project has no tests"));
    }
    if nothing {
        return Err(Stop::error("nothing-selected", "no test is about what is selected")
            .hint("`elt ls --resource-type test` lists them, and takes the same --select"));
    }
    let defer = context.defer(&project, &manifest, &arguments.defer, written.state.as_deref())?;
    let request = Request {
        command: "test".to_owned(),
        selection: BTreeSet::new(),
        tests: chosen.tests,
        unit_tests: chosen.unit_tests,
        defer,
        full_refresh: false,
        fail_fast: arguments.fail_fast,
        store_failures: arguments.store_failures,
        event_time: None,
        vars: context.setting.vars.clone(),
        planned: None,
        retried: None,
    };
    let engine = Engine::open(&project.root, &project.target).await?;
    let threads = arguments.threads.map(usize::from);
    Testing { context, project: &project, manifest: &manifest, request, written, threads }.go(engine).await
}

/// Tests that are asked for, by arguments or by `elt retry`.
pub(super) struct Testing<'a> {
    pub context: &'a Context,
    pub project: &'a Project,
    pub manifest: &'a Manifest,
    pub request: Request,
    /// As it was typed, for the artifacts.
    pub written: &'a Selection,
    pub threads: Option<usize>,
}

impl Testing<'_> {
    pub async fn go(&self, engine: Engine) -> Outcome {
        let begun = Instant::now();
        let (context, manifest) = (self.context, self.manifest);
        let place = Place::of(self.project, &engine.connector);
        let artifacts = context.artifacts(self.project);
        artifacts.manifest(self.project, manifest);
        let progress: Arc<dyn Observer> = Arc::new(Progress::new(context.terminal.clone()));
        let trace = context.trace("elt test", &progress);
        let observer = trace.clone().map_or(progress.clone(), |trace| trace as Arc<dyn Observer>);
        let tried = self.try_all(&place, observer, &artifacts).await?;
        let failed = tried.records.iter().find(|record| record.status == NodeStatus::Failed);
        let failed_step = failed.map(|record| record.node.as_str());
        if let Some(trace) = &trace {
            context.send(trace, "test", &place.target.name, failed_step).await;
        }
        drop((trace, progress));
        context.terminal.diagnostics(&tried.problems);
        artifacts.run_results(manifest, "test", self.written, &tried.records, begun.elapsed());
        let milliseconds = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        if context.terminal.json {
            context.terminal.json_line(&json!({
                "event": "ended", "run": tried.run, "status": tried.status, "duration_ms": milliseconds,
                "failed_step": failed_step,
            }));
        }
        context.terminal.say(&format!("{} in {}", counts(&tried.records), duration(milliseconds)));
        engine.close().await?;
        Ok(if tried.status == RunStatus::Succeeded { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    }

    async fn try_all(
        &self,
        place: &Place,
        observer: Arc<dyn Observer>,
        artifacts: &Artifacts,
    ) -> Result<Ended, Stop> {
        let (context, manifest, request) = (self.context, self.manifest, &self.request);
        let started_at = Timestamp::now();
        let mut session = place.connector.session().await?;
        let elsewhere = Elsewhere::look(&session, manifest, request.defer.as_ref(), &BTreeSet::new()).await?;
        let tests: Vec<usize> = request.tests.iter().copied().collect();
        let units: Vec<usize> = request.unit_tests.iter().copied().collect();
        observer.event(run::Event::Began { run: 0, tasks: units.len() + tests.len() });
        let trials = run::Trials {
            connector: &place.connector,
            threads: self.threads.unwrap_or(place.target.threads),
            target: &place.target.name,
            manifest,
            elsewhere: &elsewhere,
            store_failures: request.store_failures,
            fail_fast: request.fail_fast,
            secrets: &Secrets::of(&context.setting.env),
            observer,
            cancel: cancel_on_signal(context),
            failed: AtomicBool::new(false),
        };
        let targets = || tests.iter().flat_map(|index| &manifest.tests[*index].text.targets).copied();
        let reads_published =
            targets().any(|id| elsewhere.get(id).is_none() && !manifest.node(id).is_source());
        let only_units = reads_published && !is_published(&session, manifest).await?;
        if only_units && units.is_empty() {
            return Err(not_published(&place.target.name));
        }
        let test_ids = tests.iter().map(|index| manifest.test_id(&manifest.tests[*index]));
        let unit_ids = units.iter().map(|index| manifest.unit_test_id(&manifest.unit_tests[*index]));
        let around = Around { place, manifest, selected: test_ids.chain(unit_ids).collect() };
        if let Err(problem) = around.before().await {
            return Err(Stop::Failed(problem, "An on_run_start hook failed; nothing was tested"));
        }
        let run::Tried { mut records, mut problems } = run::unit_tests(&units, &trials).await?;
        if only_units {
            context.terminal.note("nothing is published yet, so only unit tests were run");
        } else {
            let tried = run::test_published(&tests, &trials).await?;
            records.extend(tried.records);
            problems.extend(tried.problems);
        }
        if !trials.cancel.is_cancelled()
            && let Some(problem) = around.after(&records).await
        {
            context.terminal.note("an on_run_end hook failed; the tests ended before it");
            problems.push(problem);
        }
        let read = targets()
            .flat_map(|id| if manifest.node(id).is_built() { vec![id] } else { run::read_by(manifest, id) });
        if let Some(note) = elsewhere.note(manifest, read) {
            context.terminal.note(&note);
        }
        let status = match problems.iter().any(Diagnostic::is_error) {
            _ if trials.cancel.is_cancelled() => RunStatus::Cancelled,
            true => RunStatus::Failed,
            false => RunStatus::Succeeded,
        };
        let name = |id: NodeId| elsewhere.name(manifest, id);
        let asked = Asked { manifest, name: &name, unpublished: None };
        artifacts.failed_queries(&asked, &records, &mut problems);
        let ended = TestsEnded {
            request,
            records: &records,
            status,
            started_at,
            about_this_target: elsewhere.is_empty(),
        };
        let run = match run::record_tests(&mut session, place, manifest, &ended).await {
            Ok(run) => run,
            Err(error) => {
                context.terminal.note(&format!("how the tests ended is not recorded: {error}"));
                None
            }
        };
        Ok(Ended { run, status, records, problems })
    }
}

struct Ended {
    /// Its number in the history; `None` where there is none yet.
    run: Option<i64>,
    status: RunStatus,
    records: Vec<NodeRecord>,
    problems: Vec<Diagnostic>,
}
