//! Answers the service's requests for runs. Reads the project anew each time, so that what was edited since
//! the service started is what runs.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::database::{Connector, DatabaseError, Session, history, migrate};
use crate::manifest::{Manifest, compile};
use crate::name::Ident;
use crate::pipeline::{Answer, Begun, Pipeline, Refused, RunRecord};
use crate::project::{Project, Setting};
use crate::run::{self, Request, RunError, Silent};
use crate::secret::Secrets;

/// The pipeline of one project and target.
#[derive(Clone)]
pub struct Desk {
    pub connector: Connector,
    pub root: std::path::PathBuf,
    pub setting: Setting,
    pub prod_schema: Ident,
    /// Ends runs under way when the service stops.
    pub cancel: CancellationToken,
}

impl Desk {
    async fn start(self) -> Result<Begun, Refused> {
        let refused = |error: &dyn std::fmt::Display| Refused::Failed(error.to_string());
        let (project, manifest) = self.read().map_err(|text| refused(&text))?;
        let place = run::Place {
            connector: self.connector.clone(),
            reader_role: project.target.reader_role.clone(),
            fetch: crate::engine::fetch_options(&project),
            secrets: Secrets::of(&project.env),
            root: project.root.clone(),
            target: project.target,
        };
        let request = Request {
            command: "run".into(),
            selection: manifest.ids().collect(),
            full_refresh: false,
            fail_fast: false,
        };
        let manifest = Arc::new(manifest);
        let begun = run::prepare(&place, manifest, &request).await.map_err(|error| match error {
            RunError::Busy { holder } => Refused::Busy { id: holder.id, since: holder.started_at },
            RunError::Problems(problems) => Refused::Failed(told(&problems)),
            other => refused(&other),
        })?;
        let id = begun.id;
        let running = tokio::spawn(begun.finish(Arc::new(Silent), self.cancel.clone()));
        let finished = async move {
            running.await.expect("a run does not panic");
            let unknown = |error: DatabaseError| RunRecord::lost(id, &error.to_string());
            let read = async {
                let session = self.connector.connect().await?;
                history::run(&session, self.prod_schema.as_str(), id).await
            };
            match read.await {
                Ok(Some(record)) => record,
                Ok(None) => RunRecord::lost(id, "the run's record is gone"),
                Err(error) => unknown(error),
            }
        };
        Ok(Begun { id, finished: Box::pin(finished) })
    }

    fn read(&self) -> Result<(Project, Manifest), String> {
        let (project, mut problems) = Project::read(&self.root, &self.setting).map_err(|all| told(&all))?;
        let (manifest, more) = compile(&project);
        problems.extend(more);
        problems.retain(|problem| problem.severity == crate::diagnostic::Severity::Error);
        if problems.is_empty() { Ok((project, manifest)) } else { Err(told(&problems)) }
    }

    async fn session(&self) -> Result<Session, DatabaseError> {
        let mut session = self.connector.connect().await?;
        migrate(&mut session).await?;
        Ok(session)
    }
}

fn told(problems: &[crate::diagnostic::Diagnostic]) -> String {
    let lines = problems.iter().map(|problem| match &problem.location {
        Some(place) => format!("{place}: {}", problem.message),
        None => problem.message.clone(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

impl Pipeline for Desk {
    fn begin(&self) -> Answer<Result<Begun, Refused>> {
        Box::pin(self.clone().start())
    }

    fn runs(&self, limit: i64) -> Answer<Result<Vec<RunRecord>, String>> {
        let desk = self.clone();
        Box::pin(async move {
            let session = desk.session().await.map_err(|error| error.to_string())?;
            let runs = history::runs(&session, desk.prod_schema.as_str(), limit).await;
            runs.map_err(|error| error.to_string())
        })
    }

    fn run(&self, id: i64) -> Answer<Result<Option<RunRecord>, String>> {
        let desk = self.clone();
        Box::pin(async move {
            let session = desk.session().await.map_err(|error| error.to_string())?;
            history::run(&session, desk.prod_schema.as_str(), id).await.map_err(|error| error.to_string())
        })
    }
}
