//! What is told of a load while it is under way: the bytes and rows of all its pieces, however many are copied at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::super::{Event, Observer};
use crate::source::Progress;

/// Tells of one load.
#[derive(Clone)]
pub(super) struct Watcher {
    observer: Arc<dyn Observer>,
    node: String,
    /// Bytes of all pieces, or 0 where nobody knows.
    total: u64,
    copied: Arc<Sum>,
}

#[derive(Default)]
struct Sum {
    bytes: AtomicU64,
    rows: AtomicU64,
}

impl Watcher {
    pub fn new(observer: Arc<dyn Observer>, node: String) -> Self {
        Self { observer, node, total: 0, copied: Arc::default() }
    }

    /// As one of a load of `total` bytes, of which `bytes` and `rows` are in the table already.
    pub fn with(self, total: u64, bytes: u64, rows: u64) -> Self {
        Self { total, copied: Arc::new(Sum { bytes: bytes.into(), rows: rows.into() }), ..self }
    }

    fn tell(&self, bytes: u64, total: Option<u64>, rows: Option<u64>) {
        let total = Some(self.total).filter(|total| *total > 0).or(total);
        self.observer.event(Event::Loading { node: self.node.clone(), bytes, total, rows });
    }
}

/// Of what is fetched: it comes after what is copied.
impl Progress for Watcher {
    fn bytes(&self, done: u64, total: Option<u64>) {
        let before = self.copied.bytes.load(Ordering::Relaxed);
        self.tell(before + done, total.map(|total| before + total), None);
    }
}

/// Tells of a piece that is copied.
pub(super) struct Copying {
    watcher: Watcher,
    /// Of this piece, so far.
    copied: Sum,
}

impl Copying {
    pub fn new(watcher: &Watcher) -> Self {
        Self { watcher: watcher.clone(), copied: Sum::default() }
    }

    /// So much of the piece is copied, of which `total` bytes are known.
    pub fn tell(&self, bytes: u64, rows: u64, total: Option<u64>) {
        let add = |all: &AtomicU64, own: &AtomicU64, now: u64| {
            // Less than before where a piece is copied once more.
            let more = now.wrapping_sub(own.swap(now, Ordering::Relaxed));
            all.fetch_add(more, Ordering::Relaxed).wrapping_add(more)
        };
        let all = &self.watcher.copied;
        let all_bytes = add(&all.bytes, &self.copied.bytes, bytes);
        let all_rows = add(&all.rows, &self.copied.rows, rows);
        let total = total.map(|total| total + all_bytes.saturating_sub(bytes));
        self.watcher.tell(all_bytes, total, Some(all_rows));
    }
}

/// Says nothing of a download while the piece before it is copied.
pub(super) struct Later {
    watcher: Watcher,
    begun: AtomicBool,
}

impl Later {
    pub fn new(watcher: &Watcher) -> Self {
        Self { watcher: watcher.clone(), begun: AtomicBool::new(false) }
    }

    pub fn begin(&self) {
        self.begun.store(true, Ordering::Relaxed);
    }
}

impl Progress for Later {
    fn bytes(&self, done: u64, total: Option<u64>) {
        if self.begun.load(Ordering::Relaxed) {
            self.watcher.bytes(done, total);
        }
    }
}
