//! News that may wait a moment, so that much of it is written at once.

use std::time::Duration;

use tokio::time::Instant;

/// How old news may get before it is written.
const DELAY: Duration = Duration::from_millis(500);

/// When something is to be written; never, while there is nothing.
#[derive(Default)]
pub(super) struct Due(Option<Instant>);

impl Due {
    /// There is something to write.
    pub fn wait(&mut self) {
        self.0.get_or_insert_with(|| Instant::now() + DELAY);
    }

    pub fn at(&self) -> Option<Instant> {
        self.0
    }

    pub fn is_now(&self) -> bool {
        self.0.is_some_and(|due| due <= Instant::now())
    }

    /// Whether there is something to write, which is now being written.
    pub fn take(&mut self) -> bool {
        self.0.take().is_some()
    }
}
