//! The YAML beside models and rules: descriptions, columns, tests, sources. dbt's words where dbt has them.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use serde_yaml::Spanned;

use super::constraints::Constraint;
use super::exposures::{Exposure, WrittenExposure};
use super::unit_tests::{UnitTest, WrittenUnitTest};
use super::yaml::{self, place};
use crate::diagnostic::{Diagnostic, Location, SourceFile};
use crate::endpoint::Endpoint;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[allow(dead_code, reason = "dbt's files carry it; it says nothing here")]
    version: Option<u32>,
    #[serde(default)]
    models: Vec<WrittenEntry>,
    #[serde(default, alias = "seeds")]
    rules: Vec<WrittenEntry>,
    #[serde(default)]
    sources: Vec<WrittenSource>,
    #[serde(default)]
    exposures: Vec<WrittenExposure>,
    #[serde(default)]
    unit_tests: Vec<WrittenUnitTest>,
}

/// What one YAML file describes.
#[derive(Debug, Default)]
pub(super) struct Described {
    pub properties: Vec<Properties>,
    pub sources: Vec<SourceTable>,
    pub exposures: Vec<Exposure>,
    pub unit_tests: Vec<UnitTest>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    name: Spanned<String>,
    #[serde(default)]
    description: String,
    config: Option<Spanned<Map<String, Value>>>,
    #[serde(default)]
    columns: Vec<WrittenColumn>,
    #[serde(default)]
    constraints: Vec<Constraint>,
    #[serde(default, alias = "data_tests")]
    tests: Vec<Spanned<Value>>,
    ranges: Option<Spanned<Ranges>>,
    /// How a prod model is served by HTTP.
    expose: Option<Spanned<Endpoint>>,
    /// Free notes of the project's own.
    meta: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenColumn {
    name: Spanned<String>,
    #[serde(default)]
    description: String,
    data_type: Option<String>,
    #[serde(default)]
    constraints: Vec<Constraint>,
    #[serde(default, alias = "data_tests")]
    tests: Vec<Spanned<Value>>,
    /// Free notes of the project's own.
    meta: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSource {
    name: String,
    schema: Option<String>,
    description: Option<String>,
    tables: Vec<WrittenTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTable {
    name: Spanned<String>,
    identifier: Option<String>,
    #[serde(default)]
    description: String,
    #[allow(dead_code, reason = "read by people")]
    #[serde(default)]
    columns: Vec<WrittenColumn>,
}

/// Columns of a rules file that hold ranges: they must not overlap nor, inside a group, leave a hole.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranges {
    pub lower: String,
    /// An empty cell is no upper bound.
    pub upper: String,
    #[serde(default)]
    pub by: Vec<String>,
    #[serde(default)]
    pub allow_gaps: bool,
}

/// A test as a YAML file asks for it: its name and arguments.
#[derive(Debug, Clone)]
pub struct TestEntry {
    pub name: String,
    /// The column it stands under, if any.
    pub column: Option<String>,
    pub arguments: Map<String, Value>,
    /// What stands under `config:`.
    pub config: Map<String, Value>,
    pub place: Location,
}

#[derive(Debug, Clone)]
pub struct ColumnProperties {
    pub name: String,
    pub description: String,
    pub data_type: Option<String>,
    pub constraints: Vec<Constraint>,
    pub meta: Option<Value>,
    pub place: Location,
}

/// What YAML says of one model or rule.
#[derive(Debug, Clone)]
pub struct Properties {
    pub name: String,
    pub place: Location,
    pub description: String,
    pub config: Map<String, Value>,
    pub config_place: Location,
    pub columns: Vec<ColumnProperties>,
    pub constraints: Vec<Constraint>,
    pub tests: Vec<TestEntry>,
    pub ranges: Option<(Ranges, Location)>,
    /// As written: nothing that was left unsaid is filled in.
    pub expose: Option<(Endpoint, Location)>,
}

/// A table that something else than elt makes, named by `source('…', '…')`.
#[derive(Debug, Clone)]
pub struct SourceTable {
    pub source: String,
    pub source_description: String,
    pub name: String,
    pub schema: String,
    pub identifier: String,
    pub description: String,
    pub place: Location,
}

pub(super) fn read(file: &Arc<SourceFile>, fixtures: &[Arc<SourceFile>]) -> Result<Described, Diagnostic> {
    let mut described = Described::default();
    if file.text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(described);
    }
    let written: Written = yaml::read(&file.text).map_err(|error| yaml::problem(file, &error))?;
    for entry in written.models.into_iter().chain(written.rules) {
        described.properties.push(entry.read(file)?);
    }
    for source in written.sources {
        for table in source.tables {
            described.sources.push(SourceTable {
                source: source.name.clone(),
                source_description: source.description.clone().unwrap_or_default(),
                schema: source.schema.clone().unwrap_or_else(|| source.name.clone()),
                identifier: table.identifier.unwrap_or_else(|| table.name.value.clone()),
                place: place(file, &table.name),
                description: table.description,
                name: table.name.value,
            });
        }
    }
    for test in written.unit_tests {
        described.unit_tests.extend(test.read(file, fixtures)?);
    }
    for exposure in written.exposures {
        described.exposures.extend(exposure.read(file)?);
    }
    Ok(described)
}

/// The columns that a load pinned in `<model>.columns.yml` become part of what the model's own YAML says:
/// types where it has none, and columns that it does not mention.
pub(super) fn join_pinned(properties: &mut Vec<Properties>) {
    let is_pinned = |entry: &Properties| entry.place.file.path.ends_with(".columns.yml");
    let (pinned, mut own): (Vec<_>, Vec<_>) = properties.drain(..).partition(is_pinned);
    for entry in pinned {
        let Some(described) = own.iter_mut().find(|other| other.name == entry.name) else {
            own.push(entry);
            continue;
        };
        let mut columns = entry.columns;
        for column in &mut columns {
            if let Some(at) = described.columns.iter().position(|other| other.name == column.name) {
                let mut mentioned = described.columns.remove(at);
                mentioned.data_type = mentioned.data_type.or(column.data_type.take());
                *column = mentioned;
            }
        }
        // Those that only the own YAML has are told as unknown columns later.
        columns.append(&mut described.columns);
        described.columns = columns;
    }
    *properties = own;
}

impl WrittenEntry {
    fn read(self, file: &Arc<SourceFile>) -> Result<Properties, Diagnostic> {
        let mut tests = Vec::new();
        for entry in &self.tests {
            tests.push(test_entry(file, entry, None)?);
        }
        for column in &self.columns {
            for entry in &column.tests {
                tests.push(test_entry(file, entry, Some(&column.name.value))?);
            }
        }
        let columns = self.columns.into_iter().map(|column| ColumnProperties {
            place: place(file, &column.name),
            name: column.name.value,
            description: column.description.trim().to_owned(),
            data_type: column.data_type,
            constraints: column.constraints,
            meta: column.meta,
        });
        let mut config = self.config.as_ref().map(|config| config.value.clone()).unwrap_or_default();
        if let Some(meta) = self.meta {
            config.entry("meta").or_insert(meta);
        }
        Ok(Properties {
            place: place(file, &self.name),
            config_place: self
                .config
                .as_ref()
                .map_or_else(|| place(file, &self.name), |config| place(file, config)),
            description: self.description.trim().to_owned(),
            config,
            columns: columns.collect(),
            constraints: self.constraints,
            expose: self.expose.map(|endpoint| {
                let place = place(file, &endpoint);
                (endpoint.value, place)
            }),
            ranges: self.ranges.map(|ranges| {
                let place = place(file, &ranges);
                (ranges.value, place)
            }),
            tests,
            name: self.name.value,
        })
    }
}

/// `unique`, or `accepted_values: {values: [...]}`, with dbt's nested `arguments:` and `config:` laid flat.
fn test_entry(
    file: &Arc<SourceFile>,
    entry: &Spanned<Value>,
    column: Option<&str>,
) -> Result<TestEntry, Diagnostic> {
    let place = place(file, entry);
    let wrong = || {
        Diagnostic::error("bad-test", "a test is a name, or a name with arguments")
            .at(place.clone())
            .hint("write `- unique`, or `- accepted_values: {values: [a, b]}`")
    };
    let (name, written) = match &entry.value {
        Value::String(name) => (name.clone(), Map::new()),
        Value::Object(map) => match map.iter().next() {
            Some((name, Value::Object(arguments))) if map.len() == 1 => (name.clone(), arguments.clone()),
            Some((name, Value::Null)) if map.len() == 1 => (name.clone(), Map::new()),
            _ => return Err(wrong()),
        },
        _ => return Err(wrong()),
    };
    let (mut arguments, mut config) = (Map::new(), Map::new());
    for (key, value) in written {
        match (key.as_str(), value) {
            ("arguments", Value::Object(inner)) => arguments.extend(inner),
            ("config", Value::Object(inner)) => config.extend(inner),
            (_, value) => {
                arguments.insert(key, value);
            }
        }
    }
    let name = name.rsplit('.').next().unwrap_or(&name).to_owned();
    Ok(TestEntry { name, column: column.map(str::to_owned), arguments, config, place })
}
