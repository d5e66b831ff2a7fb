//! The part of a run between planning and publishing: sessions take tasks off the schedule, build and test.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::failure::one_line;
use super::schedule::Schedule;
use super::task::{Built, Done, Shared, Task};
use super::{Begun, Event, Observer, build, load, verify};
use crate::database::{Canceller, DatabaseError, Session, history};
use crate::diagnostic::Diagnostic;
use crate::manifest::NodeId;
use crate::pipeline::{NodeRecord, NodeStatus};
use crate::project::Materialization;

const CANCEL_AGAIN: Duration = Duration::from_millis(250);

/// What came of building and testing.
#[derive(Default)]
pub(super) struct Work {
    pub built: Vec<Built>,
    pub records: Vec<NodeRecord>,
    pub problems: Vec<Diagnostic>,
    pub notes: Vec<String>,
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
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Work {
    let tasks = tasks(run);
    let sessions = match open_sessions(run, tasks.len()).await {
        Ok(sessions) => sessions,
        Err(error) => return no_sessions(&error),
    };
    let mut crew = Crew {
        schedule: Schedule::new(&costs(run, &tasks).await, &edges(run, &tasks)),
        cancellers: sessions.iter().map(Session::canceller).collect(),
        shared: Arc::new(Shared::new(run, observer, cancel.clone())),
        idle: sessions,
        running: JoinSet::new(),
        under_way: Vec::new(),
        stopped: false,
        tasks,
        work: Work::default(),
    };
    loop {
        crew.start_what_is_ready();
        tokio::select! {
            () = cancel.cancelled(), if !crew.stopped => crew.stop("the run was cancelled").await,
            // Between two statements a session has nothing to cancel: ask until all have stopped.
            () = tokio::time::sleep(CANCEL_AGAIN), if crew.stopped => crew.cancel().await,
            finished = crew.running.join_next() => match finished {
                Some(finished) => crew.finished(finished.expect("a task neither panics nor is aborted")).await,
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
    };
    Work { records: vec![record], problems: vec![problem], ..Work::default() }
}

/// The sessions of a run, and what they have done and still have to do.
struct Crew {
    tasks: Vec<Task>,
    schedule: Schedule,
    shared: Arc<Shared>,
    idle: Vec<Session>,
    cancellers: Vec<Canceller>,
    running: JoinSet<Finished>,
    /// Tasks of `running`.
    under_way: Vec<usize>,
    /// Nothing new is begun any more.
    stopped: bool,
    work: Work,
}

/// A task that came back, with the session that did it.
struct Finished {
    index: usize,
    session: Session,
    done: Done,
    spent: Spent,
}

/// When a task was begun, if it was, and for how long it was worked on.
#[derive(Default)]
struct Spent {
    started_at: Option<Timestamp>,
    took: Duration,
}

impl Crew {
    fn start_what_is_ready(&mut self) {
        while !self.stopped && !self.idle.is_empty() {
            let Some(index) = self.schedule.next() else { break };
            let session = self.idle.pop().expect("checked not to be empty");
            let (shared, task) = (self.shared.clone(), self.tasks[index]);
            self.under_way.push(index);
            self.shared.observer.event(Event::Started { node: self.shared.label(task) });
            self.running.spawn(async move {
                let (begun, started_at) = (Instant::now(), Some(Timestamp::now()));
                let done = carry_out(&shared, &session, task).await;
                let spent = Spent { started_at, took: begun.elapsed() };
                Finished { index, session, done, spent }
            });
        }
    }

    async fn finished(&mut self, finished: Finished) {
        let Finished { index, session, mut done, spent } = finished;
        self.under_way.retain(|task| *task != index);
        self.idle.push(session);
        if self.stopped && done.problem.as_ref().is_some_and(|problem| problem.code == "cancelled") {
            // Cancelled by us: that is no failure of the model.
            return self.record(index, NodeStatus::Skipped, None, spent, Some("cancelled".into()));
        }
        let message = done.problem.as_ref().map(|problem| one_line(problem, &self.shared.place.secrets));
        self.record(index, done.status, done.rows, spent, message);
        self.work.problems.extend(done.problem.take());
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
        let open = self.schedule.abandon(&self.under_way);
        self.skip(open, why);
        self.cancel().await;
    }

    async fn cancel(&self) {
        futures_util::future::join_all(self.cancellers.iter().map(Canceller::cancel)).await;
    }

    fn skip(&mut self, tasks: Vec<usize>, why: &str) {
        for task in tasks {
            self.record(task, NodeStatus::Skipped, None, Spent::default(), Some(why.to_owned()));
        }
    }

    fn record(
        &mut self,
        task: usize,
        status: NodeStatus,
        rows: Option<i64>,
        spent: Spent,
        message: Option<String>,
    ) {
        let task = self.tasks[task];
        let record = NodeRecord {
            node: self.shared.label(task),
            kind: self.shared.kind(task).to_owned(),
            status,
            rows,
            duration_ms: i64::try_from(spent.took.as_millis()).unwrap_or(i64::MAX),
            started_at: spent.started_at,
            message,
        };
        self.shared.observer.event(Event::Finished(record.clone()));
        self.work.records.push(record);
    }
}

/// As many sessions as the profile allows and the work can use.
async fn open_sessions(run: &Begun, tasks: usize) -> Result<Vec<Session>, DatabaseError> {
    let count = run.place.target.threads.min(tasks).max(1);
    let opening = (0..count).map(|_| async {
        let session = run.place.connector.connect().await?;
        session.prepare_for_build(run.id).await?;
        Ok(session)
    });
    futures_util::future::try_join_all(opening).await
}

fn tasks(run: &Begun) -> Vec<Task> {
    let builds = run.plan.build.iter().copied().map(Task::Build);
    builds.chain(run.plan.tests.iter().copied().map(Task::Test)).collect()
}

/// A test waits for what it reads; what comes after its home waits for it, unless it only warns.
fn edges(run: &Begun, tasks: &[Task]) -> Vec<(usize, usize)> {
    let position: HashMap<NodeId, usize> = tasks
        .iter()
        .enumerate()
        .filter_map(|(index, task)| match task {
            Task::Build(id) => Some((*id, index)),
            Task::Test(_) => None,
        })
        .collect();
    let mut gates: HashMap<NodeId, Vec<usize>> = HashMap::new();
    let mut edges = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        let Task::Test(test) = task else { continue };
        let test = &run.manifest.tests[*test];
        let read = test.text.targets.iter().flat_map(|target| {
            if run.manifest.node(*target).is_built() {
                vec![*target]
            } else {
                super::plan::needed(&run.manifest, *target)
            }
        });
        edges.extend(read.filter_map(|target| position.get(&target)).map(|before| (*before, index)));
        if !test.judged.warns_only {
            gates.entry(test.home).or_default().push(index);
        }
    }
    for (index, task) in tasks.iter().enumerate() {
        let Task::Build(id) = task else { continue };
        for parent in super::plan::needed(&run.manifest, *id) {
            edges.extend(position.get(&parent).map(|before| (*before, index)));
            edges.extend(gates.get(&parent).into_iter().flatten().map(|gate| (*gate, index)));
        }
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// What each task took last time, in milliseconds; 1 where nobody knows.
async fn costs(run: &Begun, tasks: &[Task]) -> Vec<u64> {
    let known: HashMap<String, i64> =
        history::last_durations(&run.control).await.unwrap_or_default().into_iter().collect();
    let cost = |task: &Task| match task {
        Task::Build(id) => known.get(&run.manifest.node(*id).label()).copied().unwrap_or(1),
        Task::Test(_) => 1,
    };
    tasks.iter().map(|task| u64::try_from(cost(task)).unwrap_or(1).max(1)).collect()
}

async fn carry_out(shared: &Shared, session: &Session, task: Task) -> Done {
    let outcome = match task {
        Task::Test(index) => verify::test(shared, session, index).await,
        Task::Build(id) => match shared.manifest.node(id).materialization {
            Materialization::Load => {
                build::around(shared, session, id, load::load(shared, session, id)).await
            }
            _ => build::around(shared, session, id, build::build(shared, session, id)).await,
        },
    };
    outcome.unwrap_or_else(|problem| Done::failed(*problem))
}
