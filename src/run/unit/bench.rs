//! One unit test at work: the given rows, what the model's query makes of them, and the rows that are expected.

use serde_json::{Map, Value};

use super::diff::diff;
use crate::database::{DatabaseError, Session};
use crate::diagnostic::{Diagnostic, Location, did_you_mean};
use crate::manifest::{Answered, Manifest, NodeId, UnitTest};
use crate::name::{Ident, Relation, literal};
use crate::project::Rows;
use crate::run::asking::Asker;
use crate::run::failure::{located, sql_problem};

pub(super) enum Trouble {
    Wrong(Box<Diagnostic>),
    Lost(DatabaseError),
}

impl From<Diagnostic> for Trouble {
    fn from(problem: Diagnostic) -> Self {
        Self::Wrong(Box::new(problem))
    }
}

/// One unit test at work.
pub(super) struct Bench<'a> {
    pub session: &'a Session,
    pub manifest: &'a Manifest,
    pub test: &'a UnitTest,
    /// What a reader calls a node.
    pub name: &'a (dyn Fn(Option<NodeId>, NodeId) -> Relation + Sync),
    /// The model itself stands where its name says, without rows.
    pub model_is_made: bool,
}

impl Bench<'_> {
    /// Makes the given rows, the actual and the expected ones; the columns to compare.
    pub async fn prepared(&self) -> Result<Vec<(Ident, String)>, Trouble> {
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

    pub async fn compared(&self) -> Result<(), Trouble> {
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
