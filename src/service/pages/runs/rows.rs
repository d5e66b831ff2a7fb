//! What is known of each node of a run: of what was planned, what is under way and what has ended. Pure.

use std::collections::HashMap;

use crate::pipeline::{NodeRecord, NodeStatus, PlannedNode, RunRecord, RunStatus};

pub struct Row {
    pub node: String,
    pub kind: String,
    /// A status of [`NodeStatus`], or `waiting`, `running`, `unknown`.
    pub state: &'static str,
    pub rows: Option<i64>,
    /// Milliseconds.
    pub duration_ms: Option<i64>,
    pub message: Option<String>,
    /// The lines of the project's files where it went wrong.
    pub excerpt: Option<String>,
    /// Places of what comes before it.
    pub parents: Vec<usize>,
}

impl Row {
    pub fn is_test(&self) -> bool {
        self.kind.ends_with("test")
    }

    fn set(&mut self, record: &NodeRecord) {
        self.state = record.status.name();
        self.rows = record.rows;
        self.duration_ms =
            Some(record.duration_ms).filter(|_| record.started_at.is_some() || record.duration_ms > 0);
        self.message = record.message.clone();
        self.excerpt = record.excerpt.clone();
    }
}

/// In the order of the plan; what was recorded without being planned comes last.
pub fn rows(plan: Vec<PlannedNode>, run: &RunRecord) -> Vec<Row> {
    // Of a run that died nobody knows how far it came at last.
    let before = if run.status == RunStatus::Running { "waiting" } else { "unknown" };
    let row = |node: &str, kind: &str, parents| Row {
        node: node.to_owned(),
        kind: kind.to_owned(),
        state: before,
        rows: None,
        duration_ms: None,
        message: None,
        excerpt: None,
        parents,
    };
    let mut rows: Vec<Row> = plan.into_iter().map(|node| row(&node.node, &node.kind, node.parents)).collect();
    let mut places: HashMap<String, usize> =
        rows.iter().enumerate().map(|(place, row)| (row.node.clone(), place)).collect();
    for doing in &run.doing {
        if let Some(place) = places.get(&doing.node) {
            rows[*place].state = "running";
        }
    }
    for record in &run.nodes {
        let place = *places.entry(record.node.clone()).or_insert_with(|| {
            rows.push(row(&record.node, &record.kind, Vec::new()));
            rows.len() - 1
        });
        rows[place].set(record);
    }
    rows
}

/// The state of each node with that of its tests: one that failed a test is not well.
pub fn with_tests(rows: &[Row]) -> Vec<&'static str> {
    let mut states: Vec<&'static str> = rows.iter().map(|row| row.state).collect();
    for row in rows.iter().filter(|row| row.is_test()) {
        let failed = row.state == NodeStatus::Failed.name();
        if !failed && row.state != NodeStatus::Warned.name() {
            continue;
        }
        // The last of what it reads is where the failure shows.
        if let Some(place) = row.parents.iter().max()
            && states[*place] != NodeStatus::Failed.name()
        {
            states[*place] = row.state;
        }
    }
    states
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Doing;

    fn planned(node: &str, kind: &str, parents: &[usize]) -> PlannedNode {
        PlannedNode { node: node.into(), kind: kind.into(), parents: parents.to_vec() }
    }

    fn record(node: &str, status: NodeStatus) -> NodeRecord {
        NodeRecord {
            node: node.into(),
            kind: "table".into(),
            status,
            rows: Some(3),
            started_at: None,
            duration_ms: 5,
            message: None,
            excerpt: None,
        }
    }

    #[test]
    fn a_run_is_shown_as_far_as_it_has_come() {
        let plan =
            || vec![planned("a", "table", &[]), planned("b", "table", &[0]), planned("t", "test", &[0, 1])];
        let run = |status, nodes: &[NodeRecord], doing: &[&str]| {
            let since = jiff::Timestamp::UNIX_EPOCH;
            let doing = doing.iter().map(|node| Doing { node: (*node).into(), kind: "table".into(), since });
            RunRecord { status, nodes: nodes.to_vec(), doing: doing.collect(), ..RunRecord::lost(1, "") }
        };
        let states = |rows: &[Row]| rows.iter().map(|row| row.state).collect::<Vec<_>>();
        let built = record("a", NodeStatus::Built);
        let live = rows(plan(), &run(RunStatus::Running, std::slice::from_ref(&built), &["b"]));
        assert_eq!(states(&live), ["built", "running", "waiting"]);
        let died = rows(plan(), &run(RunStatus::Cancelled, std::slice::from_ref(&built), &[]));
        assert_eq!(states(&died), ["built", "unknown", "unknown"]);
        let failed = [built, record("t", NodeStatus::Failed), record("connect", NodeStatus::Failed)];
        let ended = rows(plan(), &run(RunStatus::Failed, &failed, &["b"]));
        assert_eq!(states(&ended), ["built", "running", "failed", "failed"]);
        assert_eq!(with_tests(&ended), ["built", "failed", "failed", "failed"]);
    }
}
