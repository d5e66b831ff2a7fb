//! Runs tests where their subject was built, or on what is published.

use super::asking::answered;
use super::failure::{located, sql_problem};
use super::failures;
use super::task::{Done, Problem, Shared};
use crate::database::{DatabaseError, Session};
use crate::diagnostic::Diagnostic;
use crate::manifest::{Manifest, NodeId, Sql, Test};
use crate::name::Relation;
use crate::pipeline::NodeStatus;
use crate::project::Verdict;

/// How many wrong rows a failure shows.
const SHOWN: usize = 5;
/// How much of each. Unit: characters.
const WIDEST: usize = 400;

/// Runs the `index`-th test on what this run built.
pub(super) async fn test(shared: &Shared, session: &Session, index: usize) -> Result<Done, Problem> {
    let (manifest, plan) = (&shared.manifest, &shared.plan);
    let test = &manifest.tests[index];
    let name = |target: NodeId| plan.name(manifest, None, target);
    let sql = query(session, manifest, test, &name).await?;
    Trial { session, manifest, test, run: shared.run, store_failures: plan.store_failures }.verdict(sql).await
}

/// A test's query, what it asks answered.
pub(super) async fn query(
    session: &Session,
    manifest: &Manifest,
    test: &Test,
    name: &(dyn Fn(NodeId) -> Relation + Sync),
) -> Result<Sql, Problem> {
    let answered = answered(session, manifest, &test.text, (&test.file, test.subject), name).await?;
    Ok(manifest.assemble_answered(&test.text, &test.file, name, &answered))
}

/// One test about to be judged.
pub(super) struct Trial<'a> {
    pub session: &'a Session,
    pub manifest: &'a Manifest,
    pub test: &'a Test,
    pub run: i64,
    /// What the command says where the test says nothing.
    pub store_failures: bool,
}

impl Trial<'_> {
    pub async fn verdict(&self, sql: Sql) -> Result<Done, Problem> {
        let (session, test) = (self.session, self.test);
        let limit = test.judged.limit.map(|limit| format!(" limit {limit}")).unwrap_or_default();
        let wrong_rows = sql.wrap("select * from (\n", &format!("\n) as found{limit}"));
        let calculation = test.judged.fail_calc.as_deref().unwrap_or("count(*)");
        let counting =
            wrong_rows.clone().wrap(&format!("select {calculation} from (\n"), "\n) as wrong_rows");
        let found = session.value(&counting.text).await;
        let found = found.map_err(|error| in_test(&error, &counting, test))?.unwrap_or_else(|| "0".into());
        let Ok(number) = found.parse::<f64>() else {
            let message = format!("{}: fail_calc came to `{found}`, which is no number", test.name);
            return Err(Box::new(
                Diagnostic::error("bad-config", message).at(test.place.closer("fail_calc")),
            ));
        };
        let verdict = test.judged.judge(number);
        let mut done = Done { rows: Some(number as i64), ..Done::of(status(verdict)) };
        let kept = self.kept(verdict, &wrong_rows, &mut done.notes).await;
        if verdict == Verdict::Pass {
            return Ok(done);
        }
        let rows = self.first_rows(wrong_rows).await?;
        let mut problem = Diagnostic::error("test-failed", self.told(&found, verdict)).at(test.place.clone());
        let examples = (!rows.is_empty()).then(|| format!("for example {}", rows.join("\n")));
        let table = kept.map(|table| format!("all of them: select * from {}", table.plain()));
        problem = problem.rows(examples).maybe_hint(table);
        if verdict == Verdict::Warn {
            problem = problem.as_warning();
        }
        done.problem = Some(problem);
        Ok(done)
    }

    /// `unique_a_id found 12 rows (error_if > 10)`.
    fn told(&self, found: &str, verdict: Verdict) -> String {
        let judged = &self.test.judged;
        let what = match &judged.fail_calc {
            Some(calculation) if calculation != "count(*)" => format!("came to {found} ({calculation})"),
            _ => format!("found {found} {}", if found == "1" { "row" } else { "rows" }),
        };
        let is_error = found.parse().is_ok_and(|number| judged.error_if.holds(number));
        let (word, threshold) = match verdict {
            Verdict::Fail if is_error => ("error_if", &judged.error_if),
            _ => ("warn_if", &judged.warn_if),
        };
        let why = if threshold.text.replace(' ', "") == "!=0" {
            String::new()
        } else {
            format!(" ({word} {})", threshold.text)
        };
        format!("{} {what}{why}", self.test.name)
    }

    /// Keeps the wrong rows where that is asked for. That they cannot be kept changes no verdict.
    async fn kept(&self, verdict: Verdict, wrong_rows: &Sql, notes: &mut Vec<String>) -> Option<Relation> {
        if !self.test.judged.store_failures.unwrap_or(self.store_failures) {
            return None;
        }
        let table = failures::table(self.manifest, self.test);
        let kept = match verdict {
            Verdict::Pass => failures::forget(self.session, &table).await,
            _ => failures::keep(self.session, self.run, self.test, &table, wrong_rows).await,
        };
        match kept {
            Ok(()) => (verdict != Verdict::Pass).then_some(table),
            Err(error) => {
                notes.push(format!("the failures of {} are not kept: {error}", self.test.name));
                None
            }
        }
    }

    async fn first_rows(&self, wrong_rows: Sql) -> Result<Vec<String>, Problem> {
        let sample = wrong_rows
            .wrap("select row_to_json(wrong_rows.*) from (\n", &format!("\n) as wrong_rows limit {SHOWN}"));
        let rows = self.session.table(&sample.text).await;
        let rows = rows.map_err(|error| in_test(&error, &sample, self.test))?;
        Ok(rows.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).map(bounded).collect())
    }
}

fn status(verdict: Verdict) -> NodeStatus {
    match verdict {
        Verdict::Pass => NodeStatus::Passed,
        Verdict::Warn => NodeStatus::Warned,
        Verdict::Fail => NodeStatus::Failed,
    }
}

/// A row that fits on a screen.
fn bounded(row: String) -> String {
    match row.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &row[..end]),
        None => row,
    }
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
