//! What a run tells of itself: to who watches it, and to the history, from which other processes show it. A quick
//! run writes once, at its end.

use std::sync::Arc;

use jiff::Timestamp;

use super::due::Due;
use super::{Event, Observer};
use crate::database::{DatabaseError, Session, progress};
use crate::pipeline::{Doing, LogLine, NodeRecord};
use crate::secret::Secrets;

pub(super) struct Journal {
    run: i64,
    observer: Arc<dyn Observer>,
    secrets: Secrets,
    lines: Vec<LogLine>,
    /// How many of the nodes and lines are written.
    written: (usize, usize),
    pub due: Due,
    /// The run has taken long enough for others to look.
    is_long: bool,
}

impl Journal {
    pub fn new(run: i64, observer: Arc<dyn Observer>, secrets: Secrets) -> Self {
        Self {
            run,
            observer,
            secrets,
            lines: Vec::new(),
            written: (0, 0),
            due: Due::default(),
            is_long: false,
        }
    }

    pub fn say(&mut self, text: &str) {
        let line = LogLine { at: Timestamp::now(), text: self.secrets.hide(text) };
        self.observer.event(Event::Said(line.clone()));
        self.lines.push(line);
        self.due.wait();
    }

    /// Writes what has become of the run's nodes since the last time.
    pub async fn write(
        &mut self,
        session: &Session,
        nodes: &[NodeRecord],
        doing: &[Doing],
    ) -> Result<(), DatabaseError> {
        if !self.due.take() {
            return Ok(());
        }
        self.is_long = true;
        progress::record_nodes(session, self.run, self.written.0, nodes).await?;
        self.written.0 = nodes.len();
        progress::record_doing(session, self.run, doing).await?;
        self.write_lines(session).await
    }

    /// Says it, and lets others know at once where they may be looking: what comes next may take long.
    pub async fn announce(&mut self, session: &Session, text: &str) -> Result<(), DatabaseError> {
        self.say(text);
        if self.is_long { self.write_lines(session).await } else { Ok(()) }
    }

    /// Writes what was said since the last time.
    pub async fn write_lines(&mut self, session: &Session) -> Result<(), DatabaseError> {
        let new = self.lines.get(self.written.1..).unwrap_or_default();
        if !new.is_empty() {
            progress::record_log(session, self.run, self.written.1, new).await?;
            self.written.1 = self.lines.len();
        }
        Ok(())
    }
}
