//! The narrow door between the service and the runner: the service asks for a run and reads about runs,
//! and knows nothing else of how they are made.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Running,
    Succeeded,
    /// A model, a test or the publishing failed; prod is as it was before.
    Failed,
    /// Stopped by the user.
    Cancelled,
    /// Its process did, or its connection, before it could write how it ended.
    Died,
}

impl RunStatus {
    pub const ALL: [Self; 5] = [Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled, Self::Died];

    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Died => "died",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// How one node of a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    Built,
    /// Of a test, as the next one.
    Passed,
    Warned,
    Failed,
    /// Not begun, because something before it failed or the run was stopped.
    Skipped,
    /// Not built, because what is published is what it would come to.
    Unchanged,
    /// Not built, because an earlier run that did not publish had built it. Of a test: it held there.
    Kept,
}

impl NodeStatus {
    pub const ALL: [Self; 7] =
        [Self::Built, Self::Kept, Self::Passed, Self::Warned, Self::Failed, Self::Skipped, Self::Unchanged];

    pub fn name(self) -> &'static str {
        match self {
            Self::Built => "built",
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Unchanged => "unchanged",
            Self::Kept => "kept",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// One node of a run: a model, seed, load or test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeRecord {
    pub node: String,
    /// `load`, `seed`, `view`, `table`, `incremental`, `test`.
    pub kind: String,
    pub status: NodeStatus,
    pub rows: Option<i64>,
    /// `None` of what was never begun.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// Milliseconds.
    pub duration_ms: i64,
    /// What went wrong, in one text a person can act on.
    pub message: Option<String>,
    /// The lines of the project's files where it went wrong.
    #[serde(skip)]
    pub excerpt: Option<String>,
}

/// A node or a test that is being worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doing {
    pub node: String,
    /// As in [`NodeRecord`].
    pub kind: String,
    pub since: Timestamp,
}

/// What a run tells beside the beginnings and ends of its nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub at: Timestamp,
    pub text: String,
}

/// How a node or a test ended in the last run that had it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LastRecord {
    pub run_id: i64,
    pub at: Timestamp,
    pub status: String,
    pub rows: Option<i64>,
    /// Milliseconds.
    pub duration_ms: i64,
    pub message: Option<String>,
}

/// One run as the history keeps it. `nodes` is empty in lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    pub id: i64,
    pub target: String,
    pub status: RunStatus,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// The step that failed and why; `None` unless the run failed.
    pub failed_step: Option<String>,
    pub error: Option<String>,
    /// The lines of the project's files where it went wrong.
    #[serde(skip)]
    pub excerpt: Option<String>,
    /// While it runs: those that have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeRecord>,
    /// While it runs.
    #[serde(skip)]
    pub doing: Vec<Doing>,
    #[serde(skip)]
    pub log: Vec<LogLine>,
}

impl RunRecord {
    /// With what is known of a run under way that is not in the history yet.
    pub fn with_steps(mut self, steps: &[Step]) -> Self {
        if self.status != RunStatus::Running || steps.is_empty() {
            return self;
        }
        (self.nodes, self.doing, self.log) = (Vec::new(), Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Started(doing) => self.doing.push(doing.clone()),
                Step::Finished(record) => self.nodes.push(record.clone()),
                Step::Said(line) => self.log.push(line.clone()),
                Step::Publishing => {}
            }
        }
        let ended: HashSet<&str> = self.nodes.iter().map(|record| record.node.as_str()).collect();
        self.doing.retain(|doing| !ended.contains(doing.node.as_str()));
        self
    }

    /// Of a run whose record cannot be read: it may have ended well or not.
    pub fn lost(id: i64, why: &str) -> Self {
        Self {
            id,
            target: String::new(),
            status: RunStatus::Failed,
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: None,
            failed_step: Some("record".into()),
            error: Some(why.to_owned()),
            excerpt: None,
            nodes: Vec::new(),
            doing: Vec::new(),
            log: Vec::new(),
        }
    }
}

/// A node that a run is to build, or a test that it is to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedNode {
    pub node: String,
    /// As in [`NodeRecord`].
    pub kind: String,
    /// Places in the same list: of a node what it is made from, of a test what it tests.
    pub parents: Vec<usize>,
}

/// What happens in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Started(Doing),
    Finished(NodeRecord),
    Publishing,
    Said(LogLine),
}

/// All that has happened so far in a run that is under way; closed when it has ended and is recorded. Whoever
/// watches looks when it has time to: nothing waits for it.
pub type Steps = tokio::sync::watch::Receiver<Vec<Step>>;

/// The runs so far, in numbers.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// How many ended in each way.
    pub ended: Vec<(RunStatus, u64)>,
    pub is_running: bool,
    /// The newest that has ended.
    pub last: Option<RunRecord>,
    /// How the tests of that one ended, and how many in each way.
    pub tests: Vec<(NodeStatus, u64)>,
    /// What stands published, each with the record of the run that built it.
    pub published: Vec<NodeRecord>,
}

/// Why no run was started.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    #[error("run {id} is under way since {since}")]
    Busy { id: i64, since: Timestamp },
    /// What the user wrote cannot be run; each problem with its place.
    #[error("the project cannot be run: {}", problems.join("; "))]
    Project { problems: Vec<String> },
    #[error("the service is stopping")]
    Stopping,
    #[error("{0}")]
    Failed(String),
}

/// A run that has begun: its id, and its end.
pub struct Begun {
    pub id: i64,
    pub finished: Answer<RunRecord>,
}

pub trait Pipeline: Send + Sync + 'static {
    /// Starts the whole pipeline. `parent` is the trace of who asks, as W3C's `traceparent`. The run goes on even if the answer's `finished` is dropped.
    fn begin(&self, parent: Option<String>) -> Answer<Result<Begun, Refused>>;

    /// The newest runs first, at most `limit`. The error is a sentence for the log, not for the client.
    fn runs(&self, limit: i64) -> Answer<Result<Vec<RunRecord>, String>>;

    /// One run with its nodes.
    fn run(&self, id: i64) -> Answer<Result<Option<RunRecord>, String>>;

    /// What a run is or was to do, parents first; empty where nobody wrote it down.
    fn plan(&self, id: i64) -> Answer<Result<Vec<PlannedNode>, String>>;

    /// The steps of a run that was begun here and is under way; `None` of any other.
    fn steps(&self, id: i64) -> Option<Steps>;

    /// The steps of a run that another process has under way, as the history tells them every second or so.
    /// Called within a tokio runtime, which goes on looking for as long as somebody listens.
    fn watch(&self, id: i64) -> Steps;

    /// What there is to tell of all runs so far.
    fn figures(&self) -> Answer<Result<Figures, String>>;
}
