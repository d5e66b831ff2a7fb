//! No more requests than were promised, whoever of several asks; and silence while the server wants it.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

pub(super) struct Pace {
    gap: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(requests_per_second: Option<f64>) -> Self {
        let gap = requests_per_second.map(|rate| Duration::from_secs_f64((1.0 / rate).min(3600.0)));
        Self { gap: gap.unwrap_or_default(), next: Mutex::new(Instant::now()) }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) {
        let at = {
            let mut next = self.next.lock().await;
            let at = (*next).max(Instant::now());
            *next = at + self.gap;
            at
        };
        tokio::time::sleep_until(at).await;
    }

    /// Nobody asks for so long.
    pub(super) async fn rest(&self, pause: Duration) {
        let mut next = self.next.lock().await;
        *next = (*next).max(Instant::now() + pause);
    }
}
