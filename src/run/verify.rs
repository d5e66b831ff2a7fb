//! Runs tests where their subject was built, or on what is published.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::failure::{located, one_line, sql_problem};
use super::task::{Done, Problem, Shared, count};
use super::{Event, Observer};
use crate::database::{DatabaseError, Session};
use crate::diagnostic::{Diagnostic, Severity};
use crate::manifest::{Manifest, Sql, Test};
use crate::pipeline::{NodeRecord, NodeStatus};
use crate::secret::Secrets;

/// How many wrong rows a failure shows.
const SHOWN: usize = 5;

/// Runs the `index`-th test on what this run built.
pub(super) async fn test(shared: &Shared, session: &Session, index: usize) -> Result<Done, Problem> {
    let test = &shared.manifest.tests[index];
    let sql = shared.manifest.test_query(test, &|target| shared.plan.name(&shared.manifest, None, target));
    verdict(session, test, sql).await
}

async fn verdict(session: &Session, test: &Test, sql: Sql) -> Result<Done, Problem> {
    let counting = sql.clone().wrap("select count(*) from (\n", "\n) as wrong_rows");
    let found = session.value(&counting.text).await;
    let found = found.map_err(|error| in_test(&error, &counting, test))?;
    let wrong: u64 = found.and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut done = Done {
        status: NodeStatus::Passed,
        rows: Some(count(wrong)),
        built: None,
        problem: None,
        notes: Vec::new(),
    };
    if wrong == 0 {
        return Ok(done);
    }
    let sample =
        sql.wrap("select row_to_json(wrong_rows) from (\n", &format!("\n) as wrong_rows limit {SHOWN}"));
    let rows = session.table(&sample.text).await.map_err(|error| in_test(&error, &sample, test))?;
    let rows: Vec<String> =
        rows.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
    let plural = if wrong == 1 { "row" } else { "rows" };
    let mut problem = Diagnostic::error("test-failed", format!("{} found {wrong} {plural}", test.name))
        .at(test.place.clone())
        .hint(format!("for example {}", rows.join("\n")));
    done.status = NodeStatus::Failed;
    if test.warns_only {
        problem.severity = Severity::Warning;
        done.status = NodeStatus::Warned;
    }
    done.problem = Some(problem);
    Ok(done)
}

/// The error of a test's query, at the test's own line where the user wrote its SQL.
pub(super) fn in_test(error: &DatabaseError, sql: &Sql, test: &Test) -> Problem {
    let place =
        error.place.and_then(|place| sql.locate(place.character)).filter(|place| place.file == test.file);
    match place {
        // A generic test's own text is not the user's: point at where it is asked for.
        Some(_) if test.kind == test.name => Box::new(sql_problem(error, sql, &test.file)),
        _ => Box::new(located(error, test.place.clone())),
    }
}

/// Runs tests on the published relations. What they found, and a record of each.
pub async fn test_published(
    session: &Session,
    manifest: &Manifest,
    tests: &[usize],
    secrets: &Secrets,
    observer: &Arc<dyn Observer>,
) -> (Vec<NodeRecord>, Vec<Diagnostic>) {
    let (mut records, mut problems) = (Vec::new(), Vec::new());
    for index in tests {
        let test = &manifest.tests[*index];
        observer.event(Event::Started { node: test.name.clone() });
        let (begun, started_at) = (Instant::now(), Timestamp::now());
        let sql = manifest.test_query(test, &|target| manifest.published(target));
        let done = verdict(session, test, sql).await.unwrap_or_else(|problem| Done::failed(*problem));
        let record = NodeRecord {
            node: test.name.clone(),
            kind: "test".into(),
            status: done.status,
            started_at: Some(started_at),
            rows: done.rows,
            duration_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
            message: done.problem.as_ref().map(|problem| one_line(problem, secrets)),
        };
        observer.event(Event::Finished(record.clone()));
        records.push(record);
        problems.extend(done.problem);
    }
    (records, problems)
}
