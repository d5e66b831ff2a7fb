//! Unit tests as YAML writes them, in dbt's words: a model, given rows for what it reads, and the rows it must
//! then have. Rows stand in the file, as CSV text, as SQL, or in `tests/fixtures/`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_yaml::Spanned;

use super::config::one_or_many;
use super::yaml::place;
use crate::diagnostic::{Diagnostic, Location, SourceFile, did_you_mean};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenUnitTest {
    name: Spanned<String>,
    model: Spanned<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    given: Vec<Spanned<WrittenRows>>,
    expect: Spanned<WrittenRows>,
    #[serde(default)]
    overrides: Overrides,
    #[serde(default)]
    config: UnitConfig,
    #[allow(dead_code, reason = "free notes of the project's own")]
    meta: Option<Value>,
    #[serde(default, deserialize_with = "one_or_many")]
    tags: Vec<String>,
    enabled: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitConfig {
    #[serde(default, deserialize_with = "one_or_many")]
    tags: Vec<String>,
    enabled: Option<Value>,
    #[allow(dead_code, reason = "free notes of the project's own")]
    meta: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRows {
    input: Option<String>,
    rows: Option<Value>,
    format: Option<String>,
    fixture: Option<String>,
}

/// What a unit test changes while its model is compiled.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overrides {
    /// `is_incremental`.
    pub macros: Map<String, Value>,
    pub vars: Map<String, Value>,
    pub env_vars: Map<String, Value>,
}

/// Rows of a unit test.
#[derive(Debug, Clone)]
pub enum Rows {
    /// Columns that a row does not name are NULL.
    Values(Vec<Map<String, Value>>),
    /// A query that gives them.
    Sql(String),
}

#[derive(Debug, Clone)]
pub struct Given {
    /// `ref('…')`, `source('…', '…')` or `this`.
    pub input: String,
    pub rows: Rows,
    pub place: Location,
}

#[derive(Debug, Clone)]
pub struct UnitTest {
    pub name: String,
    /// As written: a template may decide.
    pub enabled: Option<Value>,
    pub model: String,
    pub model_place: Location,
    pub description: String,
    pub given: Vec<Given>,
    pub expect: Rows,
    pub expect_place: Location,
    pub overrides: Overrides,
    pub tags: Vec<String>,
    pub place: Location,
}

impl WrittenUnitTest {
    /// `None` where it is not enabled.
    pub fn read(
        self,
        file: &Arc<SourceFile>,
        fixtures: &[Arc<SourceFile>],
    ) -> Result<Option<UnitTest>, Diagnostic> {
        let enabled = self.enabled.or(self.config.enabled);
        if enabled == Some(Value::Bool(false)) {
            return Ok(None);
        }
        let mut given = Vec::new();
        for written in self.given {
            let at = place(file, &written);
            let Some(input) = written.value.input.clone() else {
                let problem = Diagnostic::error("bad-unit-test", "given rows name no input").at(at);
                return Err(problem.hint("add `input: ref('…')`, `source('…', '…')` or `this`"));
            };
            given.push(Given { input, rows: written.value.read(fixtures, &at)?, place: at });
        }
        let expect_place = place(file, &self.expect);
        let mut tags = self.tags;
        tags.extend(self.config.tags);
        Ok(Some(UnitTest {
            place: place(file, &self.name),
            name: self.name.value,
            enabled,
            model_place: place(file, &self.model),
            model: self.model.value,
            description: self.description.trim().to_owned(),
            given,
            expect: self.expect.value.read(fixtures, &expect_place)?,
            expect_place,
            overrides: self.overrides,
            tags,
        }))
    }
}

impl WrittenRows {
    fn read(&self, fixtures: &[Arc<SourceFile>], at: &Location) -> Result<Rows, Diagnostic> {
        let wrong = |message: String| Diagnostic::error("bad-unit-test", message).at(at.clone());
        let format = self.format.as_deref().unwrap_or("dict");
        if !["dict", "csv", "sql"].contains(&format) {
            return Err(wrong(format!("`format` is dict, csv or sql, not `{format}`")));
        }
        let text = match (&self.rows, &self.fixture) {
            (Some(_), Some(_)) => return Err(wrong("there are both `rows` and a `fixture`".into())),
            (Some(Value::String(text)), None) => text.clone(),
            (Some(Value::Array(rows)), None) if format == "dict" => {
                let rows = rows.iter().map(|row| row.as_object().cloned());
                let rows: Option<Vec<_>> = rows.collect();
                return rows
                    .map(Rows::Values)
                    .ok_or_else(|| wrong("a row is not of the form {column: value}".into()));
            }
            (Some(Value::Null) | None, None) => return Ok(Rows::Values(Vec::new())),
            (Some(_), None) => return Err(wrong(format!("`rows` do not fit `format: {format}`"))),
            (None, Some(name)) => {
                let named = |file: &&Arc<SourceFile>| {
                    let base = file.path.rsplit('/').next().unwrap_or_default();
                    base == name || base == format!("{name}.{format}")
                };
                let Some(fixture) = fixtures.iter().find(named) else {
                    let known = fixtures.iter().map(|file| super::stem(&file.path));
                    let problem = wrong(format!("there is no fixture `{name}` in tests/fixtures"));
                    return Err(problem.maybe_hint(did_you_mean(name, known)));
                };
                fixture.text.clone()
            }
        };
        match format {
            "sql" => Ok(Rows::Sql(text.trim().trim_end_matches(';').to_owned())),
            "csv" => csv_rows(&text)
                .map(Rows::Values)
                .map_err(|error| wrong(format!("the CSV cannot be read: {error}"))),
            _ => {
                Err(wrong("`rows` are a list of rows; for a text say `format: csv` or `format: sql`".into()))
            }
        }
    }
}

/// An empty cell is NULL, as in dbt.
fn csv_rows(text: &str) -> Result<Vec<Map<String, Value>>, csv::Error> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.trim().as_bytes());
    let names = reader.headers()?.clone();
    let value = |cell: &str| if cell.is_empty() { Value::Null } else { Value::from(cell) };
    reader
        .records()
        .map(|record| {
            let record = record?;
            Ok(names.iter().zip(&record).map(|(name, cell)| (name.to_owned(), value(cell))).collect())
        })
        .collect()
}
