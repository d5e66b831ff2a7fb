//! Runs unit tests: a model's own query over given rows, in a transaction that is rolled back. Inputs have the
//! types that PostgreSQL gives them in `elt check`, so that nothing has to be built before.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::asking::Asker;
use super::check::Checker;
use super::failure::{located, sql_problem};
use super::task::{Done, Problem, Shared};
use super::trials::{Trials, Tried};
use super::unit_diff::diff;
use crate::database::{DatabaseError, Session};
use crate::diagnostic::{Diagnostic, Location, did_you_mean};
use crate::manifest::{Answered, Manifest, NodeId, UnitTest};
use crate::name::{Ident, Relation, literal};
use crate::pipeline::NodeStatus;
use crate::project::Rows;

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
    test: &'a UnitTest,
    /// What a reader calls a node.
    name: &'a (dyn Fn(Option<NodeId>, NodeId) -> Relation + Sync),
    /// The model itself stands where its name says, without rows.
    model_is_made: bool,
}

impl Bench<'_> {
    /// Makes the given rows, the actual and the expected ones; the columns to compare.
    async fn prepared(&self) -> Result<Vec<(Ident, String)>, Trouble> {
        let (manifest, test) = (self.manifest, self.test);
        for id in manifest.unit_inputs(test) {
            self.input(id).await?;
        }
        let answered = self.answered().await?;
        let query = manifest.unit_query(test, &|id| input_table(id), &answered);
        let actual = query.wrap(&format!("create temp table {ACTUAL} as\n"), "");
        let file = &manifest.node(test.model).file;
        self.session
            .run(&actual.text)
            .await
            .map_err(|error| trouble(error, |error| sql_problem(error, &actual, file)))?;
        self.expected().await
    }

    /// What the model asks, answered by the rows that are given.
    async fn answered(&self) -> Result<Answered, Trouble> {
        let (manifest, test) = (self.manifest, self.test);
        let given = test.given.keys().copied().collect();
        if !manifest.text_asks(&test.text, &given) {
            return Ok(Answered::default());
        }
        let name = |id: NodeId| input_table(id);
        let asker = Asker { given, within: true, ..Asker::of(self.session, manifest, &name) };
        let heard = asker.hear(&test.text, &manifest.node(test.model).file, Some(test.model)).await;
        let heard = heard.map_err(Trouble::Lost)?;
        match heard.problems.into_iter().next() {
            None => Ok(heard.answered),
            Some(problem) => Err(problem.into()),
        }
    }

    async fn compared(&self) -> Result<(), Trouble> {
        let columns = self.prepared().await?;
        let (manifest, test) = (self.manifest, self.test);
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
        let stands = node.is_built() && (self.model_is_made || id != test.model);
        let source = if stands || node.is_source() {
            format!("select * from {} limit 0", (self.name)(None, id))
        } else {
            let query = manifest.query(id, false, &|target| (self.name)(Some(id), target));
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
    async fn expected(&self) -> Result<Vec<(Ident, String)>, Trouble> {
        let (rows, place) = (&self.test.written.expect, &self.test.written.expect_place);
        let actual = Ident::new(ACTUAL).expect("a constant name is good");
        let all = self.columns(&actual).await?;
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
    async fn fill(
        &self,
        table: &Ident,
        rows: &Rows,
        place: &Location,
    ) -> Result<Vec<(Ident, String)>, Trouble> {
        let known = self.columns(table).await?;
        let names: Vec<String> = match rows.columns() {
            Some(names) => names.into_iter().map(str::to_owned).collect(),
            None => self.described(rows, place).await?,
        };
        let mut columns = Vec::new();
        for name in &names {
            match known.iter().find(|(column, _)| column.as_str() == name) {
                Some(column) => columns.push(column.clone()),
                None => return Err(unknown_column(name, &known, place).into()),
            }
        }
        if !columns.is_empty() {
            let list: Vec<String> = columns.iter().map(|(column, _)| column.to_string()).collect();
            let body = match rows {
                Rows::Sql(sql) => sql.clone(),
                Rows::Values(rows) => {
                    let row = |row: &Map<String, Value>| {
                        let cells = columns.iter().map(|(name, kind)| cell(row.get(name.as_str()), kind));
                        format!("({})", cells.collect::<Vec<_>>().join(", "))
                    };
                    format!("values {}", rows.iter().map(row).collect::<Vec<_>>().join(", "))
                }
            };
            let insert = format!("insert into {table} ({}) {body}", list.join(", "));
            self.session.run(&insert).await.map_err(|error| self.at(error, place))?;
        }
        Ok(columns)
    }

    /// The names of the columns that a query of rows gives.
    async fn described(&self, rows: &Rows, place: &Location) -> Result<Vec<String>, Trouble> {
        let Rows::Sql(sql) = rows else { return Ok(Vec::new()) };
        let create = format!("create temp table {DESCRIBED} as select * from (\n{sql}\n) as given limit 0");
        self.session.run(&create).await.map_err(|error| self.at(error, place))?;
        let columns = self.columns(&Ident::new(DESCRIBED).expect("a constant name is good")).await?;
        let drop = format!("drop table {DESCRIBED}");
        self.session.run(&drop).await.map_err(|error| self.at(error, place))?;
        Ok(columns.into_iter().map(|(name, _)| name.as_str().to_owned()).collect())
    }

    /// The columns of a table of this test, with their types.
    async fn columns(&self, table: &Ident) -> Result<Vec<(Ident, String)>, Trouble> {
        let sql = format!(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute \
             where attrelid = {}::regclass and attnum > 0 and not attisdropped order by attnum",
            literal(&format!("pg_temp.{table}"))
        );
        let found = self.session.table(&sql).await.map_err(Trouble::Lost)?;
        let column = |row: Vec<Option<String>>| {
            let mut cells = row.into_iter().flatten();
            Some((Ident::new(cells.next()?).ok()?, cells.next()?))
        };
        Ok(found.rows.into_iter().filter_map(column).collect())
    }

    fn at(&self, error: DatabaseError, place: &Location) -> Trouble {
        trouble(error, |error| located(error, place.clone()))
    }
}

const ACTUAL: &str = "elt_actual";
const EXPECTED: &str = "elt_expected";
const DESCRIBED: &str = "elt_described";

fn unknown_column(name: &str, known: &[(Ident, String)], place: &Location) -> Diagnostic {
    let names = || known.iter().map(|(column, _)| column.as_str());
    let near = did_you_mean(name, names());
    let hint = near.unwrap_or_else(|| format!("there are {}", names().collect::<Vec<_>>().join(", ")));
    Diagnostic::error("unknown-column", format!("there is no column `{name}`"))
        .at(place.closer(name))
        .hint(hint)
}

fn trouble(error: DatabaseError, told: impl FnOnce(&DatabaseError) -> Diagnostic) -> Trouble {
    if error.is_unreachable() { Trouble::Lost(error) } else { told(&error).into() }
}

fn input_table(id: NodeId) -> Relation {
    let name = |text: String| Ident::new(text).expect("a number makes a short name");
    Relation::new(name("pg_temp".into()), name(format!("elt_input_{}", id.0)))
}

/// A value for PostgreSQL to type by its column; a list is an array where the column is one, else JSON.
fn cell(value: Option<&Value>, kind: &str) -> String {
    match value {
        None | Some(Value::Null) => "null".into(),
        Some(Value::String(text)) => literal(text),
        Some(Value::Array(items)) if kind.ends_with("[]") => literal(&array(items)),
        Some(other) => literal(&other.to_string()),
    }
}

/// As PostgreSQL writes arrays: `{"a",NULL,{…}}`.
fn array(items: &[Value]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let item = |item: &Value| match item {
        Value::Null => "NULL".to_owned(),
        Value::Array(inner) => array(inner),
        Value::String(text) => quoted(text),
        other => quoted(&other.to_string()),
    };
    format!("{{{}}}", items.iter().map(item).collect::<Vec<_>>().join(","))
}
