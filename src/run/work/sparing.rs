//! When a task's turn comes: whether it has to be done at all. It has not where the published relation is what it
//! would come to, where the source holds what was loaded, and where a run that this one goes on from did it.

use std::time::Instant;

use jiff::Timestamp;

use super::{Back, Crew, Found, Spent};
use crate::database::kept::KeptNode;
use crate::manifest::{Manifest, NodeId};
use crate::pipeline::{Doing, NodeStatus};
use crate::project::{Layer, Materialization};
use crate::run::load;
use crate::run::task::{Shared, Task};
use crate::run::unchanged::{Judge, Reason, Verdict};

impl Crew<'_> {
    /// Judges what waits for nothing any more, until sessions have enough to do.
    pub(super) fn look_at_what_is_ready(&mut self) {
        while !self.stopped && self.under_way.len() < self.run.place.target.threads {
            let Some(index) = self.schedule.next() else { break };
            if self.held_before(index) {
                continue;
            }
            let manifest = &self.run.manifest;
            let verdict = match self.tasks[index] {
                Task::Build(id) => self.judge.verdict(manifest, id),
                Task::Test(test) if self.judge.held(manifest, test) => Verdict::Unchanged,
                Task::UnitTest(test) if self.judge.unit_held(manifest, test) => Verdict::Unchanged,
                Task::Test(_) | Task::UnitTest(_) => Verdict::Build(Reason::New),
            };
            match (verdict, self.tasks[index]) {
                (Verdict::Unchanged, _) => self.leave(index, Spent::default()),
                (verdict, Task::Build(id)) => {
                    let kept = self.kept(id);
                    match (verdict, kept) {
                        (Verdict::IfContent(content), kept) => {
                            self.look_at_source(index, id, Some(content), kept);
                        }
                        (_, Some(kept)) if is_load(manifest, id) => {
                            self.look_at_source(index, id, None, Some(kept));
                        }
                        (_, kept) => {
                            self.taking.extend(kept.map(|kept| (index, kept)));
                            self.begin(index);
                        }
                    }
                }
                _ => self.begin(index),
            }
        }
    }

    fn begin(&mut self, index: usize) {
        self.under_way.push(index);
        self.to_do.push_back(index);
    }

    /// What an earlier run built of a node, if this one would build the same.
    fn kept(&self, id: NodeId) -> Option<KeptNode> {
        let (run, manifest) = (self.run, &self.run.manifest);
        let kept = run.kept.node(manifest, id)?;
        // What a node asked then may be answered otherwise now.
        let same =
            !run.plan.added_to.contains(&id) && !manifest.asks(id) && self.judge.would_be(manifest, id, kept);
        same.then(|| kept.clone())
    }

    /// Whether a test held of just this in the run that this one goes on from; then that is recorded.
    fn held_before(&mut self, index: usize) -> bool {
        let label = self.shared.label(self.tasks[index]);
        let Some(held_of) = self.run.kept.test(&label) else { return false };
        let fingerprint = self.fingerprint(self.tasks[index]);
        if fingerprint.as_deref() != Some(held_of) {
            return false;
        }
        self.work.passed.extend(fingerprint.map(|fingerprint| (label, fingerprint)));
        self.record(index, NodeStatus::Kept, Spent::default(), None);
        self.schedule.succeeded(index);
        true
    }

    /// Of a test and of what it reads now.
    pub(super) fn fingerprint(&self, task: Task) -> Option<String> {
        match task {
            Task::Test(test) => self.judge.test_fingerprint(&self.run.manifest, test),
            Task::UnitTest(test) => self.judge.unit_fingerprint(&self.run.manifest, test),
            Task::Build(_) => None,
        }
    }

    pub(super) async fn write_down(&mut self) {
        let prod = self.run.manifest.schema(Layer::Prod).as_str();
        if self.work.keeper.due.is_now()
            && let Err(error) = self.work.keeper.write(&self.run.control, prod, self.run.id).await
        {
            // Without it a retry builds more than it would have to.
            tracing::debug!(%error, "what was built is not written down");
        }
        if !self.journal.due.is_now() {
            return;
        }
        let doing: Vec<Doing> = self.doing.values().cloned().collect();
        if let Err(error) = self.journal.write(&self.run.control, &self.work.records, &doing).await {
            // Written at the end of the run.
            tracing::debug!(%error, "what was done is not written down");
        }
    }

    fn look_at_source(&mut self, index: usize, id: NodeId, before: Option<String>, kept: Option<KeptNode>) {
        self.before.extend(before.clone().map(|before| (id, before)));
        let shared = self.shared.clone();
        self.under_way.push(index);
        self.tell_begun(index);
        self.running.spawn(async move {
            let (begun, started_at) = (Instant::now(), Some(Timestamp::now()));
            let node = shared.manifest.node(id);
            let looked = load::content(&shared.place, node, &shared.observer, &shared.cancel).await;
            let found = looked.map(|now| {
                // A download need not be asked for twice in one run.
                for (piece, fetched) in now.downloads {
                    shared.keep(id, &piece, fetched);
                }
                match (now.content, kept) {
                    (Some(now), _) if before.is_some_and(|before| before == now) => Found::AsPublished,
                    // Where only a load can tell, that of the earlier run is this one's.
                    (None, Some(kept)) => Found::AsKept(Box::new(kept)),
                    (now, Some(kept)) if now == kept.content => Found::AsKept(Box::new(kept)),
                    _ => Found::Other,
                }
            });
            Back::Looked { index, found, spent: Spent { started_at, took: begun.elapsed() } }
        });
    }
}

/// Tells who builds a node in batches by what a retry will know them again.
pub(super) fn identify(judge: &Judge, shared: &Shared, task: Task) {
    let Task::Build(id) = task else { return };
    if let Some(identity) = judge.identity(&shared.manifest, id) {
        shared.identify(id, identity);
    }
}

fn is_load(manifest: &Manifest, id: NodeId) -> bool {
    manifest.node(id).materialization == Materialization::Load
}
