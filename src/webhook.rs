//! Tells an address how runs ended, as JSON over HTTP. The address may hold a secret and is never logged.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use serde_json::{Value, json};
use url::Url;

use crate::pipeline::{NodeStatus, RunRecord, RunStatus};

/// For one try.
const PATIENCE: Duration = Duration::from_secs(10);
const TRIES: usize = 4;

/// Whom to tell.
#[derive(Debug, Clone, Default)]
pub struct Webhooks {
    pub on_success: Option<Url>,
    /// Also of runs that were cancelled or could not begin.
    pub on_failure: Option<Url>,
}

impl Webhooks {
    pub async fn run_ended(&self, project: &str, run: &RunRecord) {
        let good = run.status == RunStatus::Succeeded;
        let url = if good { &self.on_success } else { &self.on_failure };
        send(url.as_ref(), &ended(project, run)).await;
    }

    /// `why` is a sentence.
    pub async fn run_not_begun(&self, project: &str, why: &str) {
        let body = json!({"event": "run_not_begun", "project": project, "text": format!("{project}: {why}")});
        send(self.on_failure.as_ref(), &body).await;
    }
}

/// `text` is what chat services show.
fn ended(project: &str, run: &RunRecord) -> Value {
    let failed: Vec<Value> = run
        .nodes
        .iter()
        .filter(|node| node.status == NodeStatus::Failed)
        .map(|node| json!({"node": node.node, "kind": node.kind, "message": node.message}))
        .collect();
    let (event, how) = match run.status {
        RunStatus::Succeeded => ("run_succeeded", "was published".to_owned()),
        RunStatus::Cancelled => ("run_cancelled", "was cancelled".to_owned()),
        RunStatus::Failed | RunStatus::Died | RunStatus::Running => (
            "run_failed",
            match (&run.failed_step, &run.error) {
                (Some(step), Some(error)) => format!("failed at {step}: {error}"),
                (Some(step), None) => format!("failed at {step}"),
                (None, error) => format!("failed: {}", error.as_deref().unwrap_or("its record is lost")),
            },
        ),
    };
    json!({
        "event": event,
        "project": project,
        "text": format!("{project}: run {} {how}", run.id),
        "run": {
            "id": run.id,
            "target": run.target,
            "status": run.status,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "failed_step": run.failed_step,
            "error": run.error,
        },
        "failed": failed,
    })
}

async fn send(url: Option<&Url>, body: &Value) {
    let Some(url) = url else { return };
    let once = || async {
        let sending = crate::source::post_json(url.clone(), &[], body.clone());
        match tokio::time::timeout(PATIENCE, sending).await {
            Ok(sent) => sent,
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    };
    let waits = ExponentialBuilder::default().with_max_times(TRIES - 1).with_jitter();
    if let Err(error) = once.retry(waits).await {
        tracing::error!(error, "a webhook could not be told how a run ended");
    }
}
