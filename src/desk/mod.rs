//! Answers the service's requests for runs. Reads the project anew each time, so that what was edited since
//! the service started is what runs.

mod elsewhere;
mod runs;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::database::{Connector, DatabaseError, Sessions, figures, history, tokens};
use crate::diagnostic::Diagnostic;
use crate::manifest::{Manifest, compile};
use crate::name::Ident;
use crate::pipeline::{Answer, Begun, Figures, Pipeline, PlannedNode, Refused, RunRecord, Steps};
use crate::project::{Project, Setting};
use crate::run::{self, Observer, Request, RunError};
use crate::secret::Secrets;
use crate::telemetry::{self, Trace};
use crate::token::{Keyring, Token};

pub use runs::Runs;

/// The pipeline of one project and target.
#[derive(Clone)]
pub struct Desk {
    pub connector: Connector,
    pub root: std::path::PathBuf,
    pub setting: Setting,
    pub prod_schema: Ident,
    pub runs: Runs,
    /// For all that is read about runs.
    pub history: Sessions,
}

/// How many ask the history at once: many more may ask the service, and wait their turn.
pub const HISTORY_SESSIONS: usize = 4;

impl Desk {
    async fn start(self, parent: Option<String>) -> Result<Begun, Refused> {
        // Held from before the run exists, so that there is no moment at which nobody waits for it.
        let token = self.runs.under_way.token();
        if self.runs.under_way.is_closed() {
            return Err(Refused::Stopping);
        }
        let (project, manifest) = self.read()?;
        let secrets = Secrets::of(&project.env);
        let place = run::Place::of(&project, &self.connector);
        let request = Request {
            command: "run".into(),
            selection: manifest.ids().collect(),
            tests: (0..manifest.tests.len()).collect(),
            // They judge code: that is done before it gets here.
            unit_tests: BTreeSet::new(),
            defer: None,
            full_refresh: false,
            fail_fast: false,
            store_failures: false,
            event_time: None,
            vars: Default::default(),
            planned: None,
            retried: None,
        };
        let manifest = Arc::new(manifest);
        let begun = run::prepare(&place, manifest, &request).await.map_err(|error| match error {
            RunError::Busy { holder } => Refused::Busy { id: holder.id, since: holder.started_at },
            RunError::Problems(problems) => Refused::Project { problems: told(&problems, &secrets) },
            other => Refused::Failed(other.to_string()),
        })?;
        let id = begun.id;
        let runs = self.runs.clone();
        let chronicle: Arc<dyn Observer> = Arc::new(runs.chronicle(id));
        let trace = trace(&project, parent, &chronicle);
        let (webhooks, name) = (project.profile.webhooks.clone(), project.name.clone());
        let running = tokio::spawn(async move {
            let observer = trace.clone().map_or(chronicle, |trace| trace as Arc<dyn Observer>);
            let outcome = begun.finish(observer, runs.cancel.clone()).await;
            runs.forget(id);
            for note in &outcome.notes {
                tracing::warn!(run = id, "{note}");
            }
            tracing::info!(run = id, status = ?outcome.status, "the run has ended");
            let record = self.record(id).await;
            let told = record.clone();
            // Whoever waits for the run's end does not wait for this, but a stop does.
            tokio::spawn(async move {
                if let Some(trace) = trace
                    && let Err(error) =
                        trace.send(&[("elt.command", "serve")], told.failed_step.as_deref()).await
                {
                    tracing::warn!(run = id, "{error}");
                }
                webhooks.run_ended(&name, &told).await;
                drop(token);
            });
            record
        });
        let finished = async move { running.await.expect("a run does not panic") };
        Ok(Begun { id, finished: Box::pin(finished) })
    }

    async fn record(&self, id: i64) -> RunRecord {
        match self.read_run(id).await {
            Ok(Some(record)) => record,
            Ok(None) => RunRecord::lost(id, "the run's record is gone"),
            Err(error) => RunRecord::lost(id, &DatabaseError::to_string(&error)),
        }
    }

    fn read(&self) -> Result<(Project, Manifest), Refused> {
        let refused =
            |problems: &[Diagnostic], env| Refused::Project { problems: told(problems, &Secrets::of(env)) };
        let (project, mut problems) =
            Project::read(&self.root, &self.setting).map_err(|all| refused(&all, &self.setting.env))?;
        let (manifest, more) = compile(&project);
        problems.extend(more);
        problems.retain(Diagnostic::is_error);
        if problems.is_empty() { Ok((project, manifest)) } else { Err(refused(&problems, &project.env)) }
    }

    async fn read_run(&self, id: i64) -> Result<Option<RunRecord>, DatabaseError> {
        let session = self.history.get().await?;
        let run = history::run(&session, self.prod_schema.as_str(), id).await?;
        session.give_back();
        Ok(run)
    }
}

/// The trace of a run, where the environment names a collector; under its caller's, where that has one.
fn trace(project: &Project, parent: Option<String>, next: &Arc<dyn Observer>) -> Option<Arc<Trace>> {
    let mut env = project.env.clone();
    if let Some(parent) = parent {
        env.insert("TRACEPARENT".into(), parent);
    }
    match telemetry::Settings::of(&env)? {
        Ok(settings) => Some(Arc::new(Trace::new(settings, "elt serve: run", next.clone()))),
        Err(error) => {
            tracing::warn!("{error}");
            None
        }
    }
}

/// A sentence each, with its place and without secrets: it leaves elt.
fn told(problems: &[Diagnostic], secrets: &Secrets) -> Vec<String> {
    let sentence = |problem: &Diagnostic| match &problem.location {
        Some(place) => format!("{place}: {}", problem.message),
        None => problem.message.clone(),
    };
    problems.iter().map(|problem| secrets.hide(&sentence(problem))).collect()
}

impl Keyring for Desk {
    fn tokens(&self) -> Answer<Result<Vec<Token>, String>> {
        let desk = self.clone();
        ask(async move {
            let session = desk.history.get().await?;
            let tokens = tokens::live(&session, desk.prod_schema.as_str()).await?;
            session.give_back();
            Ok(tokens)
        })
    }
}

impl Pipeline for Desk {
    fn begin(&self, parent: Option<String>) -> Answer<Result<Begun, Refused>> {
        Box::pin(self.clone().start(parent))
    }

    fn runs(&self, limit: i64) -> Answer<Result<Vec<RunRecord>, String>> {
        let desk = self.clone();
        ask(async move {
            let session = desk.history.get().await?;
            let runs = history::runs(&session, desk.prod_schema.as_str(), limit).await?;
            session.give_back();
            Ok(runs)
        })
    }

    fn run(&self, id: i64) -> Answer<Result<Option<RunRecord>, String>> {
        let desk = self.clone();
        ask(async move { desk.read_run(id).await })
    }

    fn plan(&self, id: i64) -> Answer<Result<Vec<PlannedNode>, String>> {
        let desk = self.clone();
        ask(async move {
            let session = desk.history.get().await?;
            let plan = history::plan(&session, desk.prod_schema.as_str(), id).await?;
            session.give_back();
            Ok(plan)
        })
    }

    fn steps(&self, id: i64) -> Option<Steps> {
        self.runs.steps(id)
    }

    fn watch(&self, id: i64) -> Steps {
        let (steps, unwatched) = self.runs.follow(id);
        if let Some(sender) = unwatched {
            tokio::spawn(elsewhere::follow(self.clone(), id, sender));
        }
        steps
    }

    fn figures(&self) -> Answer<Result<Figures, String>> {
        let desk = self.clone();
        ask(async move {
            let session = desk.history.get().await?;
            let figures = figures::figures(&session, desk.prod_schema.as_str()).await?;
            session.give_back();
            Ok(figures)
        })
    }
}

/// The error as a sentence for the log.
fn ask<T>(
    question: impl Future<Output = Result<T, DatabaseError>> + Send + 'static,
) -> Answer<Result<T, String>> {
    Box::pin(async move { question.await.map_err(|error| error.to_string()) })
}
