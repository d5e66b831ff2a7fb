//! What the workers of a run pass around: tasks, what they need to know, what comes of them.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Observer, Place, Plan};
use crate::diagnostic::Diagnostic;
use crate::manifest::{Manifest, NodeId};
use crate::name::{Ident, Relation};
use crate::pipeline::NodeStatus;

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
}

/// A node that stands ready in the run's schema.
#[derive(Debug, Clone)]
pub(super) struct Built {
    pub id: NodeId,
    /// Added to by a delta of this name in the run's schema, with the columns that both share.
    pub delta: Option<Delta>,
}

/// What one task came to.
pub(super) struct Done {
    pub status: NodeStatus,
    pub rows: Option<i64>,
    pub built: Option<Built>,
    pub problem: Option<Diagnostic>,
    pub notes: Vec<String>,
}

impl Done {
    pub fn built(built: Built, rows: Option<i64>) -> Self {
        Self { status: NodeStatus::Built, rows, built: Some(built), problem: None, notes: Vec::new() }
    }

    pub fn failed(problem: Diagnostic) -> Self {
        Self {
            status: NodeStatus::Failed,
            rows: None,
            built: None,
            problem: Some(problem),
            notes: Vec::new(),
        }
    }
}

/// New rows of an incremental model, and how they meet the old ones.
#[derive(Debug, Clone)]
pub(super) struct Delta {
    pub table: Relation,
    pub columns: Vec<Ident>,
    /// Old rows with the same key go; without a key nothing goes.
    pub key: Vec<Ident>,
}

impl Delta {
    /// The condition that two rows have the same key; nothing where rows are only added.
    pub fn same_key(&self, left: &str, right: &str) -> Option<String> {
        let parts: Vec<String> = self.key.iter().map(|key| format!("{left}.{key} = {right}.{key}")).collect();
        (!parts.is_empty()).then(|| parts.join(" and "))
    }

    /// The statements that move the new rows into the published table.
    pub fn statements(&self, published: &Relation) -> Vec<String> {
        let columns: Vec<String> = self.columns.iter().map(Ident::to_string).collect();
        let columns = columns.join(", ");
        let insert = format!("insert into {published} ({columns}) select {columns} from {}", self.table);
        match self.same_key("p", "d") {
            Some(same) => {
                vec![format!("delete from {published} as p using {} as d where {same}", self.table), insert]
            }
            None => vec![insert],
        }
    }
}

/// What all workers of a run know.
pub(super) struct Shared {
    pub run: i64,
    pub manifest: Arc<Manifest>,
    pub plan: Plan,
    pub place: Place,
    pub observer: Arc<dyn Observer>,
    pub cancel: CancellationToken,
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
        }
    }

    pub fn label(&self, task: Task) -> String {
        match task {
            Task::Build(id) => self.manifest.node(id).label(),
            Task::Test(test) => self.manifest.tests[test].name.clone(),
        }
    }

    pub fn kind(&self, task: Task) -> &'static str {
        match task {
            Task::Build(id) => self.manifest.node(id).materialization.name(),
            Task::Test(_) => "test",
        }
    }
}
