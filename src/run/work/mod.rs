//! The part of a run between planning and publishing: sessions take tasks off the schedule, build and test.

mod carrying_out;
mod order;
mod sparing;
mod telling;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::carrying_out::carry_out;
use self::order::{costs, edges, tasks};
use self::telling::Ending;
use super::failure::{excerpt, one_line};
use super::journal::Journal;
use super::kept::Keeper;
use super::plan::with_needed;
use super::schedule::Schedule;
use super::start::make_room;
use super::task::{Built, Done, Problem, Shared, Task};
use super::unchanged::{Judge, definition_text};
use super::{Begun, Observer, kept};
use crate::database::DatabaseError;
use crate::database::kept::KeptNode;
use crate::database::ledger::Published;
use crate::diagnostic::Diagnostic;
use crate::manifest::NodeId;
use crate::pipeline::{Doing, NodeRecord, NodeStatus};

const CANCEL_AGAIN: Duration = Duration::from_millis(250);

/// What came of building and testing.
#[derive(Default)]
pub(super) struct Work {
    pub built: Vec<Built>,
    pub records: Vec<NodeRecord>,
    pub problems: Vec<Diagnostic>,
    pub notes: Vec<String>,
    /// What the ledger keeps of each that was built.
    pub ledger: Vec<Published>,
    /// Tests that held, with what they held of.
    pub passed: Vec<(String, String)>,
    pub keeper: Keeper,
}

impl Work {
    pub fn failed_step(&self) -> Option<String> {
        self.records
            .iter()
            .find(|record| record.status == NodeStatus::Failed)
            .map(|record| record.node.clone())
    }
}

pub(super) async fn build_and_test(
    run: &Begun,
    judge: Judge,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
    journal: &mut Journal,
) -> Work {
    let tasks = tasks(run);
    let mut crew = Crew {
        run,
        schedule: Schedule::new(&costs(run, &judge, &tasks), &edges(run, &tasks)),
        judge,
        shared: Arc::new(Shared::new(run, observer, cancel.clone())),
        opened: false,
        to_do: VecDeque::new(),
        running: JoinSet::new(),
        under_way: Vec::new(),
        before: HashMap::new(),
        taking: HashMap::new(),
        stopped: false,
        tasks,
        doing: HashMap::new(),
        journal,
        work: Work::default(),
    };
    loop {
        crew.look_at_what_is_ready();
        if let Err(error) = crew.start_what_is_to_do().await {
            return no_sessions(&error);
        }
        let due = crew.work.keeper.due.at().into_iter().chain(crew.journal.due.at()).min();
        tokio::select! {
            () = cancel.cancelled(), if !crew.stopped => crew.stop("the run was cancelled").await,
            // Between two statements a session has nothing to cancel: ask until all have stopped.
            () = tokio::time::sleep(CANCEL_AGAIN), if crew.stopped => crew.cancel().await,
            () = tokio::time::sleep_until(due.unwrap_or_else(tokio::time::Instant::now)), if due.is_some() => {
                crew.write_down().await;
            }
            finished = crew.running.join_next() => match finished {
                Some(finished) => {
                    crew.came_back(finished.expect("a task neither panics nor is aborted")).await;
                }
                None => return crew.work,
            },
        }
    }
}

fn no_sessions(error: &DatabaseError) -> Work {
    let problem = Diagnostic::error("connection-lost", error.to_string()).maybe_hint(error.hint.clone());
    let record = NodeRecord {
        node: "connect".into(),
        kind: "connect".into(),
        status: NodeStatus::Failed,
        started_at: None,
        rows: None,
        duration_ms: 0,
        message: Some(error.message.clone()),
        excerpt: None,
    };
    Work { records: vec![record], problems: vec![problem], ..Work::default() }
}

/// Who does a run's tasks, and what is done and still to do.
struct Crew<'a> {
    run: &'a Begun,
    judge: Judge,
    tasks: Vec<Task>,
    schedule: Schedule,
    shared: Arc<Shared>,
    /// Whether there are sessions: none is opened before it is needed.
    opened: bool,
    /// Tasks that are ready and cannot be left out.
    to_do: VecDeque<usize>,
    running: JoinSet<Back>,
    /// Tasks of `to_do` and `running`.
    under_way: Vec<usize>,
    /// What the published table was loaded from, of loads whose source tells what it holds only by sending it.
    before: HashMap<NodeId, String>,
    /// What an earlier run built and this one is about to take over.
    taking: HashMap<usize, KeptNode>,
    /// Nothing new is begun any more.
    stopped: bool,
    /// By task.
    doing: HashMap<usize, Doing>,
    journal: &'a mut Journal,
    work: Work,
}

/// What comes back from a task.
enum Back {
    Finished(Box<Finished>),
    /// A load was asked what its source holds: whether that is what was loaded.
    Looked {
        index: usize,
        found: Result<Found, Problem>,
        spent: Spent,
    },
}

/// What a load's source holds.
enum Found {
    AsPublished,
    /// What an earlier run loaded.
    AsKept(Box<KeptNode>),
    Other,
}

/// A task that was done.
struct Finished {
    index: usize,
    done: Done,
    spent: Spent,
}

/// When a task was begun, if it was, and for how long it was worked on.
#[derive(Default)]
struct Spent {
    started_at: Option<Timestamp>,
    took: Duration,
}

impl Crew<'_> {
    /// The published relation, or the answer to a test, is what a run would come to.
    fn leave(&mut self, index: usize, spent: Spent) {
        if let Task::Build(id) = self.tasks[index] {
            self.shared.plan.leave(id);
        }
        self.record(index, NodeStatus::Unchanged, spent, None);
        self.schedule.succeeded(index);
    }

    async fn start_what_is_to_do(&mut self) -> Result<(), DatabaseError> {
        if self.to_do.is_empty() || self.stopped {
            return Ok(());
        }
        if !self.opened {
            make_room(self.run).await?;
            self.shared.pool.open(self.tasks.len()).await?;
            self.opened = true;
        }
        let mut starting = Vec::new();
        while !self.to_do.is_empty() {
            let Some(session) = self.shared.pool.take() else { break };
            let Some(index) = self.to_do.pop_front() else { break };
            let (shared, task) = (self.shared.clone(), self.tasks[index]);
            let kept = self.taking.remove(&index);
            sparing::identify(&self.judge, &shared, task);
            starting.push(index);
            self.running.spawn(async move {
                let (begun, started_at) = (Instant::now(), Some(Timestamp::now()));
                let done = carry_out(&shared, &session, task, kept).await;
                let spent = Spent { started_at, took: begun.elapsed() };
                Back::Finished(Box::new(Finished { index, done, spent }))
            });
        }
        starting.into_iter().for_each(|index| self.tell_begun(index));
        Ok(())
    }

    async fn came_back(&mut self, back: Back) {
        match back {
            Back::Finished(finished) => self.finished(*finished).await,
            Back::Looked { index, found: Err(problem), spent } => {
                self.finished(Finished { index, done: Done::failed(*problem), spent }).await;
            }
            Back::Looked { index, found: Ok(Found::AsPublished), spent } => {
                self.under_way.retain(|task| *task != index);
                self.leave(index, spent);
            }
            Back::Looked { index, spent, .. } if self.stopped => {
                self.under_way.retain(|task| *task != index);
                self.record(index, NodeStatus::Skipped, spent, Some("cancelled".into()));
            }
            Back::Looked { index, found, .. } => {
                if let Ok(Found::AsKept(kept)) = found {
                    self.taking.insert(index, *kept);
                }
                self.to_do.push_back(index);
            }
        }
    }

    async fn finished(&mut self, finished: Finished) {
        let Finished { index, mut done, spent } = finished;
        self.under_way.retain(|task| *task != index);
        if self.stopped && done.problem.as_ref().is_some_and(|problem| problem.code == "cancelled") {
            // Cancelled by us: that is no failure of the model.
            return self.record(index, NodeStatus::Skipped, spent, Some("cancelled".into()));
        }
        let (manifest, task) = (self.run.manifest.clone(), self.tasks[index]);
        if let (Some(Built { id, delta: Some(delta), .. }), Some(0)) = (&done.built, done.rows)
            && !(delta.alters || delta.replaces)
            && self.judge.holds_what_it_held(&manifest, *id)
        {
            return self.leave(index, spent);
        }
        if let Some(Built { id, delta: None, content: Some(now), kept: None, .. }) = &done.built
            && self.before.get(id) == Some(now)
        {
            // The rows that came are those that are published; the new table is swept with the run's schema.
            return self.leave(index, spent);
        }
        if let Some(built) = &done.built {
            let by = built.kept.as_ref();
            self.judge.built_by(&manifest, built, by.map_or(self.run.id, |kept| kept.built_by));
            let took = match by {
                Some(kept) => kept.duration_ms,
                None => i64::try_from(spent.took.as_millis()).ok(),
            };
            let place = &self.shared.place;
            let definition = place.secrets.hide(&definition_text(&manifest, &place.target, built.id));
            let record = self.judge.record(&manifest, built, took);
            let parents = self.judge.labels_of_built_parents(&manifest, built.id);
            let known = kept::known(
                self.run.id,
                self.shared.plan.building(&manifest, built.id),
                &record,
                parents,
                done.rows,
            );
            self.work.keeper.built(&manifest, built, known);
            self.work.ledger.push(Published { definition: Some(definition), ..record });
        }
        if done.status == NodeStatus::Passed
            && let Some(fingerprint) = self.fingerprint(task)
        {
            self.work.keeper.held(self.shared.label(task), fingerprint.clone());
            self.work.passed.push((self.shared.label(task), fingerprint));
        }
        if let (NodeStatus::Failed, Task::Test(test)) = (done.status, task) {
            let read = manifest.tests[test].text.targets.iter();
            let read = read.flat_map(|target| with_needed(&manifest, *target));
            self.work.keeper.distrust(read.map(|id| manifest.node(id).label()));
        }
        let kept = done.built.as_ref().and_then(|built| built.kept.as_ref());
        let secrets = &self.shared.place.secrets;
        let message = match &done.problem {
            Some(problem) => Some(one_line(problem, secrets)),
            None => kept.map(|kept| format!("from run {}", kept.built_by)),
        };
        let excerpt = done.problem.as_ref().and_then(|problem| excerpt(problem, secrets));
        let (status, rows) = (done.status, done.rows);
        self.ended(index, spent, Ending { status, rows, message, excerpt });
        self.work.problems.extend(done.problem.take());
        self.work.problems.extend(done.warnings);
        self.work.notes.extend(done.notes);
        self.work.built.extend(done.built);
        if done.status != NodeStatus::Failed {
            return self.schedule.succeeded(index);
        }
        let why = format!("{} failed", self.shared.label(self.tasks[index]));
        let waiting = self.schedule.failed(index);
        self.skip(waiting, &why);
        if self.shared.plan.fail_fast && !self.stopped {
            self.stop(&why).await;
        }
    }

    /// Begins nothing more, and cancels on the server what is under way.
    async fn stop(&mut self, why: &str) {
        self.stopped = true;
        self.under_way.retain(|task| !self.to_do.contains(task));
        self.to_do.clear();
        let open = self.schedule.abandon(&self.under_way);
        self.skip(open, why);
        self.cancel().await;
    }

    async fn cancel(&self) {
        self.shared.pool.cancel().await;
    }
}
