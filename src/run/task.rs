//! What the workers of a run pass around: tasks, what they need to know, what comes of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::build::Ready;
use super::pool::Pool;
use super::{Observer, Place, Plan};
use crate::database::kept::KeptNode;
use crate::diagnostic::Diagnostic;
use crate::manifest::{Manifest, NodeId};
use crate::pipeline::NodeStatus;
use crate::source::Fetched;

/// A problem, boxed: results are passed through many hands.
pub(super) type Problem = Box<Diagnostic>;

/// A row count as the history keeps it.
pub(super) fn count(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Task {
    Build(NodeId),
    /// Index of a test.
    Test(usize),
    /// Index of a unit test.
    UnitTest(usize),
}

/// A node that stands ready in the run's schema.
#[derive(Debug, Clone)]
pub(super) struct Built {
    pub id: NodeId,
    /// The published table stays and is added to; in the run's schema stands a view of what it will be.
    pub delta: Option<Delta>,
    /// Of a load, what its source held.
    pub content: Option<String>,
    /// Where an earlier run built it.
    pub kept: Option<KeptNode>,
    /// Why what it asked while it was rendered may be answered otherwise although nothing was built in between.
    pub asked: Option<String>,
}

impl Built {
    pub fn of(id: NodeId) -> Self {
        Self { id, delta: None, content: None, kept: None, asked: None }
    }
}

/// What one task came to.
pub(super) struct Done {
    pub status: NodeStatus,
    pub rows: Option<i64>,
    pub built: Option<Built>,
    pub problem: Option<Diagnostic>,
    pub notes: Vec<String>,
    /// What is wrong and no failure.
    pub warnings: Vec<Diagnostic>,
}

impl Done {
    /// With nothing more to tell.
    pub fn of(status: NodeStatus) -> Self {
        Self { status, rows: None, built: None, problem: None, notes: Vec::new(), warnings: Vec::new() }
    }

    pub fn built(built: Built, rows: Option<i64>) -> Self {
        Self { rows, built: Some(built), ..Self::of(NodeStatus::Built) }
    }

    pub fn failed(problem: Diagnostic) -> Self {
        Self { problem: Some(problem), ..Self::of(NodeStatus::Failed) }
    }
}

/// Rows that stand beside a published table, and how publishing moves them into it.
#[derive(Debug, Clone, Default)]
pub(super) struct Delta {
    pub statements: Vec<String>,
    /// What comes when all rows have moved, and their foreign keys were looked at.
    pub finally: Vec<String>,
    /// The user's own, around these.
    pub before: Vec<Ready>,
    pub after: Vec<Ready>,
    /// Some of the statements change columns, which nobody may read meanwhile.
    pub alters: bool,
    /// Old rows go even where none come.
    pub replaces: bool,
}

/// What all workers of a run know.
pub(super) struct Shared {
    pub run: i64,
    pub manifest: Arc<Manifest>,
    pub plan: Plan,
    pub place: Place,
    pub observer: Arc<dyn Observer>,
    pub cancel: CancellationToken,
    pub pool: Arc<Pool>,
    /// Another run is asked once more.
    pub retries: bool,
    /// Downloads that were only looked at so far, by node and piece.
    looked_at: Mutex<HashMap<(NodeId, String), Fetched>>,
    /// Of what may be built in several runs, all that decides on its rows; known when it is built.
    identities: Mutex<HashMap<NodeId, String>>,
}

impl Shared {
    pub fn new(run: &super::Begun, observer: Arc<dyn Observer>, cancel: CancellationToken) -> Self {
        Self {
            run: run.id,
            manifest: run.manifest.clone(),
            plan: run.plan.clone(),
            place: run.place.clone(),
            observer,
            cancel,
            pool: Pool::new(&run.place.connector, run.id, run.place.target.threads),
            retries: run.kept.are_read(),
            looked_at: Mutex::default(),
            identities: Mutex::default(),
        }
    }

    pub fn identify(&self, id: NodeId, identity: String) {
        self.identities.lock().unwrap_or_else(PoisonError::into_inner).insert(id, identity);
    }

    pub fn identity(&self, id: NodeId) -> Option<String> {
        self.identities.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Keeps a download for the load that comes after the look.
    pub fn keep(&self, id: NodeId, piece: &str, fetched: Fetched) {
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner).insert((id, piece.to_owned()), fetched);
    }

    pub fn kept(&self, id: NodeId, piece: &str) -> Option<Fetched> {
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner).remove(&(id, piece.to_owned()))
    }

    pub fn label(&self, task: Task) -> String {
        match task {
            Task::Build(id) => self.manifest.node(id).label(),
            Task::Test(test) => self.manifest.tests[test].name.clone(),
            Task::UnitTest(test) => self.manifest.unit_tests[test].written.name.clone(),
        }
    }

    pub fn kind(&self, task: Task) -> &'static str {
        match task {
            Task::Build(id) => self.manifest.node(id).materialization.name(),
            Task::Test(_) => "test",
            Task::UnitTest(_) => "unit test",
        }
    }
}
