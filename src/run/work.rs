//! The part of a run between planning and publishing: sessions take tasks off the schedule, build and test.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::schedule::Schedule;
use super::task::{Built, Done, Shared, Task};
use super::{Begun, Event, Observer, build, failure, load, verify};
use crate::database::{Canceller, DatabaseError, Session, history};
use crate::diagnostic::Diagnostic;
use crate::manifest::NodeId;
use crate::pipeline::NodeRecord;
use crate::project::Materialization;

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
        self.records.iter().find(|record| record.status == "failed").map(|record| record.node.clone())
    }
}

pub(super) async fn build_and_test(
    run: &Begun,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Work {
    let mut work = Work::default();
    let tasks = tasks(run);
    let mut sessions = match open_sessions(run, tasks.len()).await {
        Ok(sessions) => sessions,
        Err(error) => {
            work.problems
                .push(Diagnostic::error("connection-lost", error.to_string()).maybe_hint(error.hint.clone()));
            work.records.push(record(
                "connect".into(),
                "connect",
                "failed",
                None,
                0,
                Some(error.message.clone()),
            ));
            return work;
        }
    };
    let cancellers: Vec<Canceller> = sessions.iter().map(Session::canceller).collect();
    let mut schedule = Schedule::new(&costs(run, &tasks).await, &edges(run, &tasks));
    let shared = Arc::new(Shared::new(run, observer.clone(), cancel.clone()));
    let mut running = JoinSet::new();
    let mut under_way: Vec<usize> = Vec::new();
    let mut stopped = false;
    loop {
        while !sessions.is_empty() && !stopped {
            let Some(index) = schedule.next() else { break };
            let session = sessions.pop().expect("checked not to be empty");
            under_way.push(index);
            let (shared, task) = (shared.clone(), tasks[index]);
            observer.event(Event::Started { node: shared.label(task) });
            running.spawn(async move {
                let begun = Instant::now();
                let done = carry_out(&shared, &session, task).await;
                (index, session, done, begun.elapsed())
            });
        }
        let finished = tokio::select! {
            () = cancel.cancelled(), if !stopped => {
                stopped = true;
                for skipped in schedule.abandon(&under_way) {
                    skip(&shared, tasks[skipped], "the run was cancelled", &mut work);
                }
                cancel_all(&cancellers).await;
                continue;
            }
            finished = running.join_next() => finished,
        };
        let Some(finished) = finished else { break };
        let (index, session, done, elapsed) = finished.expect("a task neither panics nor is aborted");
        under_way.retain(|task| *task != index);
        sessions.push(session);
        let failed = done.status == "failed";
        let label = shared.label(tasks[index]);
        let duration = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        let message = done.problem.as_ref().map(|problem| failure::one_line(problem, &run.place.secrets));
        let record =
            record(label.clone(), shared.kind(tasks[index]), done.status, done.rows, duration, message);
        observer.event(Event::Finished(record.clone()));
        work.records.push(record);
        work.problems.extend(done.problem);
        work.notes.extend(done.notes);
        work.built.extend(done.built);
        let mut skipped = if failed { schedule.failed(index) } else { Vec::new() };
        if failed && run.plan.fail_fast && !stopped {
            stopped = true;
            skipped.extend(schedule.abandon(&under_way));
            cancel_all(&cancellers).await;
        }
        for task in skipped {
            skip(&shared, tasks[task], &format!("{label} failed"), &mut work);
        }
        if !failed {
            schedule.succeeded(index);
        }
    }
    work
}

fn skip(shared: &Shared, task: Task, why: &str, work: &mut Work) {
    let record = record(shared.label(task), shared.kind(task), "skipped", None, 0, Some(why.to_owned()));
    shared.observer.event(Event::Finished(record.clone()));
    work.records.push(record);
}

fn record(
    node: String,
    kind: &str,
    status: &str,
    rows: Option<i64>,
    duration_ms: i64,
    message: Option<String>,
) -> NodeRecord {
    NodeRecord { node, kind: kind.to_owned(), status: status.to_owned(), rows, duration_ms, message }
}

async fn cancel_all(cancellers: &[Canceller]) {
    futures_util::future::join_all(cancellers.iter().map(Canceller::cancel)).await;
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
        if !test.warns_only {
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
            Materialization::Load => load::load(shared, session, id).await,
            _ => build::build(shared, session, id).await,
        },
    };
    outcome.unwrap_or_else(|problem| Done::failed(*problem))
}
