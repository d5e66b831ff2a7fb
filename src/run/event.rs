//! What happens during a run, as it happens, for whoever watches.

use crate::pipeline::{Doing, LogLine, NodeRecord};

#[derive(Debug, Clone)]
pub enum Event {
    Began {
        run: i64,
        tasks: usize,
    },
    /// A node or test is being worked on.
    Started(Doing),
    /// A load gets on: bytes of the source, of how many; rows, once they go into the table.
    Loading {
        node: String,
        bytes: u64,
        total: Option<u64>,
        rows: Option<u64>,
    },
    Finished(NodeRecord),
    Publishing,
    /// For the run's log.
    Said(LogLine),
    Published {
        relations: usize,
    },
}

/// Somebody who watches a run. Called from many tasks; must not block.
pub trait Observer: Send + Sync + 'static {
    fn event(&self, event: Event);
}

/// Nobody watches.
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: Event) {}
}
