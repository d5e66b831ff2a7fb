//! The runs that are under way: those that were begun here, and those of other processes that somebody follows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::pipeline::{Step, Steps};
use crate::run::{Event, Observer};

/// The runs that were begun here, so that whoever leaves can wait for them.
#[derive(Clone, Default)]
pub struct Runs {
    pub(super) under_way: TaskTracker,
    pub(super) cancel: CancellationToken,
    steps: Arc<Mutex<HashMap<i64, Steps>>>,
    /// Of runs of other processes, for as long as somebody follows them.
    elsewhere: Arc<Mutex<HashMap<i64, Steps>>>,
}

/// Writes down what happens in a run, for whoever asks.
pub(super) struct Chronicle(watch::Sender<Vec<Step>>);

impl Observer for Chronicle {
    fn event(&self, event: Event) {
        let step = match event {
            Event::Started(doing) => Step::Started(doing),
            Event::Finished(record) => Step::Finished(record),
            Event::Publishing => Step::Publishing,
            Event::Said(line) => Step::Said(line),
            Event::Began { .. } | Event::Loading { .. } | Event::Published { .. } => return,
        };
        self.0.send_modify(|steps| steps.push(step));
    }
}

impl Runs {
    /// Lets what was begun go on for `grace`, then cancels it. False if something still has not ended after
    /// `patience` more; the next run then records it as cancelled. From the call on, no run is begun.
    pub async fn end(&self, grace: Duration, patience: Duration) -> bool {
        self.under_way.close();
        if timeout(grace, self.under_way.wait()).await.is_ok() {
            return true;
        }
        tracing::warn!("the run under way is cancelled");
        self.cancel.cancel();
        timeout(patience, self.under_way.wait()).await.is_ok()
    }

    /// Who writes down the steps of a run from now on, until [`Runs::forget`].
    pub(super) fn chronicle(&self, id: i64) -> Chronicle {
        let (steps, watched) = watch::channel(Vec::new());
        lock(&self.steps).insert(id, watched);
        Chronicle(steps)
    }

    pub(super) fn forget(&self, id: i64) {
        lock(&self.steps).remove(&id);
    }

    pub(super) fn steps(&self, id: i64) -> Option<Steps> {
        lock(&self.steps).get(&id).cloned()
    }

    /// The steps of a run elsewhere, and where to write them if nobody does yet.
    pub(super) fn follow(&self, id: i64) -> (Steps, Option<watch::Sender<Vec<Step>>>) {
        let mut elsewhere = lock(&self.elsewhere);
        if let Some(steps) = elsewhere.get(&id) {
            return (steps.clone(), None);
        }
        let (sender, steps) = watch::channel(Vec::new());
        elsewhere.insert(id, steps.clone());
        (steps, Some(sender))
    }

    /// Whether nobody follows a run any more; then it is forgotten.
    pub(super) fn is_left(&self, id: i64, sender: &watch::Sender<Vec<Step>>) -> bool {
        let mut elsewhere = lock(&self.elsewhere);
        // One receiver is that of the map.
        let is_left = sender.receiver_count() <= 1;
        if is_left {
            elsewhere.remove(&id);
        }
        is_left
    }

    pub(super) fn leave(&self, id: i64) {
        lock(&self.elsewhere).remove(&id);
    }
}

fn lock(steps: &Mutex<HashMap<i64, Steps>>) -> MutexGuard<'_, HashMap<i64, Steps>> {
    // A map is written whole, so a panic elsewhere cannot have left half of it.
    steps.lock().unwrap_or_else(PoisonError::into_inner)
}
