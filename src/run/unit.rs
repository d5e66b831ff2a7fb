//! Runs unit tests: a model's own query over given rows, in a transaction that is rolled back. Inputs have the
//! types that PostgreSQL gives them in `elt check`, so that nothing has to be built before.

use std::collections::BTreeSet;
use std::time::Instant;

use jiff::Timestamp;

use super::check::Checker;
use super::failure::{located, one_line, sql_problem};
use super::unit_diff::diff;
use crate::database::{DatabaseError, Session};
use crate::diagnostic::{Diagnostic, Location, did_you_mean};
use crate::manifest::{Body, Manifest, NodeId, UnitTest};
use crate::name::{Ident, Relation, literal};
use crate::pipeline::{NodeRecord, NodeStatus};
use crate::project::Rows;
use crate::secret::Secrets;

/// Runs some of the project's unit tests. What they found, and a record of each. The error is a lost server.
pub async fn unit_tests(
    session: &Session,
    manifest: &Manifest,
    tests: &[usize],
    secrets: &Secrets,
) -> Result<(Vec<NodeRecord>, Vec<Diagnostic>), DatabaseError> {
    let (mut records, mut problems) = (Vec::new(), Vec::new());
    if tests.is_empty() {
        return Ok((records, problems));
    }
    let mut needed = BTreeSet::new();
    for index in tests {
        let test = &manifest.unit_tests[*index];
        let mut open = vec![test.model];
        while let Some(id) = open.pop() {
            if needed.insert(id) {
                open.extend(&manifest.node(id).parents);
            }
        }
    }
    let mut checker = Checker::begin(session, manifest).await?;
    let ran = async {
        for id in manifest.order.iter().filter(|id| needed.contains(id)) {
            checker.node(*id).await?;
        }
        for index in tests {
            let test = &manifest.unit_tests[*index];
            let (begun, started_at) = (Instant::now(), Timestamp::now());
            session.run("savepoint unit_test").await?;
            let found = Bench { session, manifest, checker: &checker, test }.run().await;
            let problem = match found {
                Ok(()) => None,
                Err(Trouble::Wrong(problem)) => Some(*problem),
                Err(Trouble::Lost(error)) => return Err(error),
            };
            session.run("rollback to savepoint unit_test").await?;
            records.push(NodeRecord {
                node: test.written.name.clone(),
                kind: "unit test".into(),
                status: if problem.is_some() { NodeStatus::Failed } else { NodeStatus::Passed },
                started_at: Some(started_at),
                rows: None,
                duration_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
                message: problem.as_ref().map(|problem| one_line(problem, secrets)),
            });
            problems.extend(problem);
        }
        Ok(())
    };
    let ran: Result<(), DatabaseError> = ran.await;
    session.run("rollback").await?;
    ran.map(|()| (records, problems))
}

enum Trouble {
    Wrong(Box<Diagnostic>),
    Lost(DatabaseError),
}

impl From<Diagnostic> for Trouble {
    fn from(problem: Diagnostic) -> Self {
        Self::Wrong(Box::new(problem))
    }
}

/// One unit test at work.
struct Bench<'a> {
    session: &'a Session,
    manifest: &'a Manifest,
    checker: &'a Checker<'a>,
    test: &'a UnitTest,
}

impl Bench<'_> {
    async fn run(&self) -> Result<(), Trouble> {
        let (manifest, test) = (self.manifest, self.test);
        for id in manifest.unit_inputs(test) {
            self.input(id).await?;
        }
        let query = manifest.unit_query(test, &|id| input_table(id));
        let actual = query.wrap(&format!("create temp table {ACTUAL} as\n"), "");
        let file = &manifest.node(test.model).file;
        self.session
            .run(&actual.text)
            .await
            .map_err(|error| trouble(error, |error| sql_problem(error, &actual, file)))?;
        let columns = self.expected().await?;
        let not_given: Vec<&str> = manifest
            .unit_inputs(test)
            .into_iter()
            .filter(|id| !test.given.contains_key(id))
            .map(|id| manifest.node(id).name.as_str())
            .collect();
        let found = diff(self.session, EXPECTED, ACTUAL, &columns).await;
        let Some(text) = found.map_err(|error| self.at(error, &test.written.expect_place))? else {
            return Ok(());
        };
        let hint = match not_given.as_slice() {
            [] => text,
            names => format!("{text}\nnot given, and so empty: {}", names.join(", ")),
        };
        let message =
            format!("{}: the rows of {} are not those expected", test.written.name, test.written.model);
        Err(Diagnostic::error("unit-test-failed", message).at(test.written.place.clone()).hint(hint).into())
    }

    /// The table that stands for an input, of its types, with the given rows.
    async fn input(&self, id: NodeId) -> Result<(), Trouble> {
        let (manifest, test) = (self.manifest, self.test);
        let node = manifest.node(id);
        let place =
            test.given.get(&id).map_or(&test.written.place, |index| &test.written.given[*index].place);
        let table = input_table(id);
        let is_relation = node.is_built() || matches!(node.body, Body::Source { .. });
        let source = if is_relation {
            format!("select * from {} limit 0", self.checker.name(None, id))
        } else {
            let query = manifest.query(id, false, &|target| self.checker.name(Some(id), target));
            format!("select * from (\n{}\n) as typed limit 0", query.text)
        };
        let made = self.session.run(&format!("create temp table {} as {source}", table.name)).await;
        made.map_err(|error| {
            trouble(error, |error| {
                located(error, place.clone()).hint(format!(
                    "the types of `{}` are not known: it is neither published nor could it be made without rows",
                    node.name.as_str()
                ))
            })
        })?;
        match test.given.get(&id) {
            Some(index) => self.fill(&table.name, &test.written.given[*index].rows, place).await.map(drop),
            None => Ok(()),
        }
    }

    /// Makes the expected rows, typed as the actual ones; the columns to compare.
    async fn expected(&self) -> Result<Vec<Ident>, Trouble> {
        let (rows, place) = (&self.test.written.expect, &self.test.written.expect_place);
        let actual = Ident::new(ACTUAL).expect("a constant name is good");
        let all: Vec<Ident> = self.columns(&actual).await?;
        let made = self
            .session
            .run(&format!("create temp table {EXPECTED} as select * from {ACTUAL} limit 0"))
            .await;
        made.map_err(|error| self.at(error, place))?;
        let expected = Ident::new(EXPECTED).expect("a constant name is good");
        let named = self.fill(&expected, rows, place).await?;
        Ok(if named.is_empty() { all } else { named })
    }

    /// Puts rows into a table; the columns that they name.
    async fn fill(&self, table: &Ident, rows: &Rows, place: &Location) -> Result<Vec<Ident>, Trouble> {
        let known = self.columns(table).await?;
        let (names, body) = match rows {
            Rows::Values(values) => {
                let names: Vec<String> =
                    rows.columns().unwrap_or_default().into_iter().map(str::to_owned).collect();
                let row = |row: &serde_json::Map<String, serde_json::Value>| {
                    let cells: Vec<String> = names.iter().map(|name| cell(row.get(name))).collect();
                    format!("({})", cells.join(", "))
                };
                let body: Vec<String> = values.iter().map(row).collect();
                (names, format!("values {}", body.join(", ")))
            }
            Rows::Sql(sql) => {
                let described = self
                    .session
                    .run(&format!(
                        "create temp table elt_described as select * from (\n{sql}\n) as given limit 0"
                    ))
                    .await;
                described.map_err(|error| self.at(error, place))?;
                let described = Ident::new("elt_described").expect("a constant name is good");
                let names = self.columns(&described).await?;
                self.session.run("drop table elt_described").await.map_err(|error| self.at(error, place))?;
                (names.iter().map(|name| name.as_str().to_owned()).collect(), sql.clone())
            }
        };
        let mut columns = Vec::new();
        for name in &names {
            match known.iter().find(|column| column.as_str() == name) {
                Some(column) => columns.push(column.clone()),
                None => {
                    let near = did_you_mean(name, known.iter().map(Ident::as_str));
                    let near = near.unwrap_or_else(|| {
                        format!(
                            "there are {}",
                            known.iter().map(Ident::as_str).collect::<Vec<_>>().join(", ")
                        )
                    });
                    let problem = Diagnostic::error("unknown-column", format!("there is no column `{name}`"));
                    return Err(problem.at(place.closer(name)).hint(near).into());
                }
            }
        }
        if !columns.is_empty() {
            let list: Vec<String> = columns.iter().map(Ident::to_string).collect();
            let insert = format!("insert into {table} ({}) {body}", list.join(", "));
            self.session.run(&insert).await.map_err(|error| self.at(error, place))?;
        }
        Ok(columns)
    }

    async fn columns(&self, table: &Ident) -> Result<Vec<Ident>, Trouble> {
        let found =
            self.session.table(&format!("select * from {table} limit 0")).await.map_err(Trouble::Lost)?;
        Ok(found.columns.into_iter().filter_map(|name| Ident::new(name).ok()).collect())
    }

    fn at(&self, error: DatabaseError, place: &Location) -> Trouble {
        trouble(error, |error| located(error, place.clone()))
    }
}

const ACTUAL: &str = "elt_actual";
const EXPECTED: &str = "elt_expected";

fn trouble(error: DatabaseError, told: impl FnOnce(&DatabaseError) -> Diagnostic) -> Trouble {
    if error.is_unreachable() { Trouble::Lost(error) } else { told(&error).into() }
}

fn input_table(id: NodeId) -> Relation {
    let name = |text: String| Ident::new(text).expect("a number makes a short name");
    Relation::new(name("pg_temp".into()), name(format!("elt_input_{}", id.0)))
}

/// A value for PostgreSQL to type by its column.
fn cell(value: Option<&serde_json::Value>) -> String {
    match value {
        None | Some(serde_json::Value::Null) => "null".into(),
        Some(serde_json::Value::String(text)) => literal(text),
        Some(other) => literal(&other.to_string()),
    }
}
