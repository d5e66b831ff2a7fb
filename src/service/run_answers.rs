//! Runs as the API shows them. Apart from the pipeline's own records, so that what is promised to clients
//! does not change with them.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::run_log::log;
use crate::pipeline::{LogLine, NodeRecord, RunRecord, RunStatus};

/// One run.
#[derive(Serialize, ToSchema)]
#[schema(as = Run)]
pub struct RunAnswer {
    #[schema(minimum = 1)]
    id: i64,
    target: String,
    status: RunAnswerStatus,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// Null while it is running.
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// Null unless it failed.
    failed_step: Option<String>,
    error: Option<String>,
    /// The lines of the project's files where it failed, as a terminal shows them.
    excerpt: Option<String>,
    /// What was loaded, built and tested so far; empty in lists.
    nodes: Vec<NodeAnswer>,
    /// What is being worked on; empty in lists.
    doing: Vec<DoingAnswer>,
    /// What began and ended when, and what the run told of itself; empty in lists.
    log: Vec<LogLineAnswer>,
}

/// A model, seed, load or test that is being worked on.
#[derive(Serialize, ToSchema)]
#[schema(as = RunDoing)]
pub struct DoingAnswer {
    node: String,
    #[schema(example = "table")]
    kind: String,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// A line of a run's log.
#[derive(Serialize, ToSchema)]
#[schema(as = RunLogLine)]
pub struct LogLineAnswer {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    #[schema(example = "prod.orders: built, 3 rows, 0.12 s")]
    text: String,
}

impl From<LogLine> for LogLineAnswer {
    fn from(line: LogLine) -> Self {
        Self { at: line.at, text: line.text }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RunStatus)]
pub enum RunAnswerStatus {
    Running,
    Succeeded,
    Failed,
    Cancelled,
    /// Its process did, before it could write how it ended.
    Died,
}

/// One model, seed, load or test of a run.
#[derive(Serialize, ToSchema)]
#[schema(as = RunNode)]
pub struct NodeAnswer {
    node: String,
    #[schema(example = "table")]
    kind: String,
    #[schema(example = "built")]
    status: &'static str,
    rows: Option<i64>,
    /// Null of what was never begun.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    duration_ms: i64,
    message: Option<String>,
    /// The lines of the project's files where it went wrong, as a terminal shows them.
    excerpt: Option<String>,
}

/// The newest first.
#[derive(Serialize, ToSchema)]
pub struct RunList {
    pub runs: Vec<RunAnswer>,
}

/// A run that has begun.
#[derive(Serialize, ToSchema)]
#[schema(as = RunAccepted)]
pub struct Accepted {
    #[schema(minimum = 1)]
    pub run_id: i64,
    #[schema(example = "running")]
    pub status: &'static str,
    /// Where to ask how it stands.
    #[schema(example = "/runs/12")]
    pub location: String,
}

impl Accepted {
    pub fn new(run_id: i64) -> Self {
        Self { run_id, status: "running", location: format!("/runs/{run_id}") }
    }
}

impl RunAnswer {
    /// With all that is known of it.
    pub fn whole(run: RunRecord) -> Self {
        let log = log(&run).into_iter().map(LogLineAnswer::from).collect();
        Self { log, ..Self::from(run) }
    }
}

impl From<RunRecord> for RunAnswer {
    fn from(run: RunRecord) -> Self {
        let doing =
            |one: crate::pipeline::Doing| DoingAnswer { node: one.node, kind: one.kind, since: one.since };
        Self {
            id: run.id,
            target: run.target,
            status: match run.status {
                RunStatus::Running => RunAnswerStatus::Running,
                RunStatus::Succeeded => RunAnswerStatus::Succeeded,
                RunStatus::Failed => RunAnswerStatus::Failed,
                RunStatus::Cancelled => RunAnswerStatus::Cancelled,
                RunStatus::Died => RunAnswerStatus::Died,
            },
            started_at: run.started_at,
            finished_at: run.finished_at,
            failed_step: run.failed_step,
            error: run.error,
            excerpt: run.excerpt,
            nodes: run.nodes.into_iter().map(NodeAnswer::from).collect(),
            doing: run.doing.into_iter().map(doing).collect(),
            log: Vec::new(),
        }
    }
}

impl From<NodeRecord> for NodeAnswer {
    fn from(node: NodeRecord) -> Self {
        Self {
            node: node.node,
            kind: node.kind,
            status: node.status.name(),
            rows: node.rows,
            started_at: node.started_at,
            duration_ms: node.duration_ms,
            message: node.message,
            excerpt: node.excerpt,
        }
    }
}
