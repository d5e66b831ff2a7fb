//! What is told of each task: that it is begun and how it ended, to who watches, to the history and to the end of
//! the run.

use jiff::Timestamp;

use super::{Crew, Spent};
use crate::pipeline::{Doing, NodeRecord, NodeStatus};
use crate::run::Event;

/// How a task ended.
pub(super) struct Ending {
    pub status: NodeStatus,
    pub rows: Option<i64>,
    pub message: Option<String>,
    pub excerpt: Option<String>,
}

impl Crew<'_> {
    /// Tells that a task is being worked on. A load that was looked at before has been told.
    pub(super) fn tell_begun(&mut self, index: usize) {
        let task = self.tasks[index];
        let (node, kind) = (self.shared.label(task), self.shared.kind(task).to_owned());
        let doing = Doing { node, kind, since: Timestamp::now() };
        if self.doing.insert(index, doing.clone()).is_none() {
            self.shared.observer.event(Event::Started(doing));
        }
        self.journal.due.wait();
    }

    pub(super) fn skip(&mut self, tasks: Vec<usize>, why: &str) {
        for task in tasks {
            self.record(task, NodeStatus::Skipped, Spent::default(), Some(why.to_owned()));
        }
    }

    /// Of what went well, or was not done at all.
    pub(super) fn record(&mut self, task: usize, status: NodeStatus, spent: Spent, message: Option<String>) {
        self.ended(task, spent, Ending { status, rows: None, message, excerpt: None });
    }

    pub(super) fn ended(&mut self, task: usize, spent: Spent, ending: Ending) {
        self.doing.remove(&task);
        let task = self.tasks[task];
        let record = NodeRecord {
            node: self.shared.label(task),
            kind: self.shared.kind(task).to_owned(),
            status: ending.status,
            rows: ending.rows,
            duration_ms: i64::try_from(spent.took.as_millis()).unwrap_or(i64::MAX),
            started_at: spent.started_at,
            message: ending.message,
            excerpt: ending.excerpt,
        };
        self.shared.observer.event(Event::Finished(record.clone()));
        self.work.records.push(record);
        self.journal.due.wait();
    }
}
