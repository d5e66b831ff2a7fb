//! Tests outside of a run, several at once: sessions take them in turn; what they found comes back in their
//! order.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::failure::one_line;
use super::plan::with_needed;
use super::task::Done;
use super::unpublished::tell_unpublished;
use super::verify::{Trial, query};
use super::{Elsewhere, Event, Observer};
use crate::database::{Canceller, Connector, DatabaseError, Session};
use crate::diagnostic::Diagnostic;
use crate::manifest::{Manifest, NodeId};
use crate::pipeline::{Doing, NodeRecord, NodeStatus};
use crate::secret::Secrets;

const CANCEL_AGAIN: Duration = Duration::from_millis(250);

/// What tests are tried with.
pub struct Trials<'a> {
    pub connector: &'a Connector,
    /// At most so many sessions.
    pub threads: usize,
    /// What it is called.
    pub target: &'a str,
    pub manifest: &'a Manifest,
    /// What is read elsewhere than where this target publishes it.
    pub elsewhere: &'a Elsewhere,
    pub store_failures: bool,
    /// Begin nothing after the first failure.
    pub fail_fast: bool,
    pub secrets: &'a Secrets,
    pub observer: Arc<dyn Observer>,
    pub cancel: CancellationToken,
    pub failed: AtomicBool,
}

/// What came of tests.
#[derive(Default)]
pub struct Tried {
    pub records: Vec<NodeRecord>,
    pub problems: Vec<Diagnostic>,
}

/// A test that was tried.
pub(super) struct Told {
    record: NodeRecord,
    problems: Vec<Diagnostic>,
}

/// Runs tests on the published relations.
pub async fn test_published(tests: &[usize], trials: &Trials<'_>) -> Result<Tried, DatabaseError> {
    let sessions = trials.sessions(tests.len()).await?;
    let next = AtomicUsize::new(0);
    let work = sessions.iter().map(|session| async {
        let mut told = Vec::new();
        loop {
            let position = next.fetch_add(1, Ordering::Relaxed);
            let Some(index) = tests.get(position).filter(|_| !trials.is_over()) else { return Ok(told) };
            let manifest = trials.manifest;
            let test = &manifest.tests[*index];
            let name = |target: NodeId| trials.elsewhere.name(manifest, target);
            let trial = Trial { session, manifest, test, run: 0, store_failures: trials.store_failures };
            let done = async {
                let done = match query(session, manifest, test, &name).await {
                    Ok(sql) => trial.verdict(sql).await,
                    Err(problem) => Err(problem),
                };
                Ok(match done {
                    Ok(done) => done,
                    Err(mut problem) => {
                        let read = test.text.targets.iter().flat_map(|id| with_needed(manifest, *id));
                        let read = read.map(|id| (id, name(id)));
                        tell_unpublished(session, manifest, trials.target, &mut problem, read).await;
                        Done::failed(*problem)
                    }
                })
            };
            let mut one = trials.one(&test.name, "test", done).await?;
            for problem in &mut one.problems {
                problem.location.get_or_insert_with(|| test.place.clone());
            }
            told.push((position, one));
        }
    });
    trials.all(&sessions, work.collect()).await
}

impl Trials<'_> {
    /// Whether nothing more is to be begun.
    pub(super) fn is_over(&self) -> bool {
        self.cancel.is_cancelled() || self.fail_fast && self.failed.load(Ordering::Relaxed)
    }

    /// As many as the target allows and `wanted` can use.
    pub(super) async fn sessions(&self, wanted: usize) -> Result<Vec<Session>, DatabaseError> {
        let opening = (0..self.threads.min(wanted)).map(|_| self.connector.connect());
        futures_util::future::try_join_all(opening).await
    }

    /// One test, watched and recorded. The error is a lost server.
    pub(super) async fn one(
        &self,
        name: &str,
        kind: &str,
        work: impl Future<Output = Result<Done, DatabaseError>>,
    ) -> Result<Told, DatabaseError> {
        let (begun, started_at) = (Instant::now(), Timestamp::now());
        let doing = Doing { node: name.to_owned(), kind: kind.to_owned(), since: started_at };
        self.observer.event(Event::Started(doing));
        let mut done = work.await?;
        if self.cancel.is_cancelled() && done.problem.as_ref().is_some_and(|one| one.code == "cancelled") {
            // Cancelled by us: that is no failure of the test.
            done = Done { status: NodeStatus::Skipped, problem: None, ..done };
        }
        if done.status == NodeStatus::Failed {
            self.failed.store(true, Ordering::Relaxed);
        }
        let message = done.problem.as_ref().map(|problem| one_line(problem, self.secrets));
        let record = NodeRecord {
            node: name.to_owned(),
            kind: kind.to_owned(),
            status: done.status,
            started_at: Some(started_at),
            rows: done.rows,
            duration_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
            message,
            excerpt: None,
        };
        self.observer.event(Event::Finished(record.clone()));
        let notes = done.notes.into_iter().map(|note| Diagnostic::warning("failures-not-kept", note));
        Ok(Told { record, problems: done.problem.into_iter().chain(notes).collect() })
    }

    /// Waits for the work of all sessions. A cancel reaches what they do on the server, too.
    pub(super) async fn all<W>(&self, sessions: &[Session], work: Vec<W>) -> Result<Tried, DatabaseError>
    where
        W: Future<Output = Result<Vec<(usize, Told)>, DatabaseError>>,
    {
        let cancellers: Vec<Canceller> = sessions.iter().map(Session::canceller).collect();
        let mut work = pin!(join_all(work));
        let mut wait = Duration::MAX;
        let ended = loop {
            tokio::select! {
                ended = &mut work => break ended,
                () = self.cancel.cancelled(), if wait == Duration::MAX => wait = Duration::ZERO,
                // Between two statements a session has nothing to cancel: ask until all have stopped.
                () = tokio::time::sleep(wait), if wait != Duration::MAX => {
                    join_all(cancellers.iter().map(Canceller::cancel)).await;
                    wait = CANCEL_AGAIN;
                }
            }
        };
        let mut told = Vec::new();
        for one in ended {
            told.extend(one?);
        }
        told.sort_by_key(|(position, _)| *position);
        let mut tried = Tried::default();
        for (_, one) in told {
            tried.records.push(one.record);
            tried.problems.extend(one.problems);
        }
        Ok(tried)
    }
}
