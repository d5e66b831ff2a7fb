//! Runs unit tests: a model's own query over given rows, in a transaction that is rolled back. Inputs have the
//! types that PostgreSQL gives them in `elt check`, so that nothing has to be built before.

mod bench;
mod diff;

use std::collections::BTreeSet;

use super::check::Checker;
use super::failure::located;
use super::task::{Done, Problem, Shared};
use super::trials::{Trials, Tried};
use crate::database::{DatabaseError, Session};
use crate::diagnostic::Diagnostic;
use crate::manifest::{Manifest, NodeId, UnitTest};
use crate::pipeline::NodeStatus;
use bench::{Bench, Trouble};

/// How many unit tests are worth a session of their own: each makes what its tests read.
const SHARE: usize = 8;

/// Runs some of the project's unit tests on what PostgreSQL says their inputs are like. Nothing has to be
/// built before.
pub async fn unit_tests(tests: &[usize], trials: &Trials<'_>) -> Result<Tried, DatabaseError> {
    let sessions = trials.sessions(tests.len().div_ceil(SHARE)).await?;
    let manifest = trials.manifest;
    let share = tests.len().div_ceil(sessions.len().max(1));
    let parts = sessions.iter().zip(tests.chunks(share.max(1))).enumerate();
    let work = parts.map(|(number, (session, part))| async move {
        let mut checker = Checker::begin(session, manifest, trials.elsewhere).await?;
        let needed = read_by(manifest, part);
        for id in manifest.order.iter().filter(|id| needed.contains(id)) {
            checker.node(*id).await?;
        }
        let mut tried = Vec::new();
        for (position, index) in part.iter().enumerate() {
            if trials.is_over() {
                break;
            }
            let test = &manifest.unit_tests[*index];
            let name = |reader, id| checker.name(reader, id);
            let bench = Bench { session, manifest, test, name: &name, model_is_made: true };
            let done = trials.one(&test.written.name, "unit test", in_savepoint(session, bench.compared()));
            tried.push((number * share + position, done.await?));
        }
        session.run("rollback").await?;
        Ok(tried)
    });
    trials.all(&sessions, work.collect()).await
}

/// Runs the `index`-th unit test on what this run built of its inputs, before it builds the model.
pub(super) async fn before_the_build(
    shared: &Shared,
    session: &Session,
    index: usize,
) -> Result<Done, Problem> {
    let (manifest, plan) = (&shared.manifest, &shared.plan);
    let test = &manifest.unit_tests[index];
    let name = |reader, id| plan.name(manifest, reader, id);
    let bench = Bench { session, manifest, test, name: &name, model_is_made: false };
    let lost = |error: DatabaseError| Box::new(located(&error, test.written.place.clone()));
    session.run("begin").await.map_err(lost)?;
    let done = in_savepoint(session, bench.compared()).await;
    session.run("rollback").await.map_err(lost)?;
    done.map_err(lost)
}

/// What can be said of a unit test without judging rows: whether its names, values and queries are good. In
/// the transaction of `checker`.
pub(super) async fn problem_of(
    checker: &Checker<'_>,
    session: &Session,
    test: &UnitTest,
) -> Result<Option<Diagnostic>, DatabaseError> {
    let name = |reader, id| checker.name(reader, id);
    let manifest = checker.manifest();
    let bench = Bench { session, manifest, test, name: &name, model_is_made: true };
    Ok(in_savepoint(session, bench.prepared()).await?.problem)
}

/// The models of unit tests and all that they are made from.
fn read_by(manifest: &Manifest, tests: &[usize]) -> BTreeSet<NodeId> {
    let mut needed = BTreeSet::new();
    let mut open: Vec<NodeId> = tests.iter().map(|index| manifest.unit_tests[*index].model).collect();
    while let Some(id) = open.pop() {
        if needed.insert(id) {
            open.extend(&manifest.node(id).parents);
        }
    }
    needed
}

/// Leaves the transaction as it was. The error is a lost server.
async fn in_savepoint<T>(
    session: &Session,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<Done, DatabaseError> {
    session.run("savepoint unit_test").await?;
    let problem = match work.await {
        Ok(_) => None,
        Err(Trouble::Wrong(problem)) => Some(*problem),
        Err(Trouble::Lost(error)) => return Err(error),
    };
    session.run("rollback to savepoint unit_test").await?;
    Ok(match problem {
        Some(problem) => Done::failed(problem),
        None => Done::of(NodeStatus::Passed),
    })
}
