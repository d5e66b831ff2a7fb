//! Columns as YAML lists them, and the tests that it asks for: of a table and of its columns.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use serde_yaml::Spanned;

use super::constraints::Constraint;
use super::yaml::place;
use crate::diagnostic::{Diagnostic, Location, SourceFile};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenColumn {
    pub name: Spanned<String>,
    #[serde(default)]
    pub description: String,
    pub data_type: Option<String>,
    #[serde(default)]
    pub constraints: Vec<Constraint>,
    #[serde(default, alias = "data_tests")]
    pub tests: Vec<Spanned<Value>>,
    /// Free notes of the project's own.
    pub meta: Option<Value>,
    /// Of its tests.
    #[serde(default)]
    pub tags: Tags,
    #[serde(default)]
    pub config: ColumnConfig,
    #[allow(dead_code, reason = "elt quotes every name as it is written")]
    pub quote: Option<bool>,
    #[allow(dead_code, reason = "of dbt's semantic layer")]
    pub granularity: Option<Value>,
}

/// dbt takes these words beside `config:` and in it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ColumnConfig {
    meta: Option<Value>,
    tags: Tags,
}

/// One tag or a list of them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(untagged)]
pub(super) enum Tags {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

/// A test as a YAML file asks for it: its name and arguments.
#[derive(Debug, Clone)]
pub struct TestEntry {
    pub name: String,
    /// `dbt_utils` of `dbt_utils.at_least_one`.
    pub package: Option<String>,
    /// The column it stands under, if any.
    pub column: Option<String>,
    pub arguments: Map<String, Value>,
    /// What stands under `config:`.
    pub config: Map<String, Value>,
    /// Those of its column.
    pub tags: Vec<String>,
    pub place: Location,
}

#[derive(Debug, Clone)]
pub struct ColumnProperties {
    pub name: String,
    pub description: String,
    pub data_type: Option<String>,
    pub constraints: Vec<Constraint>,
    pub meta: Option<Value>,
    /// They hold for its tests, too.
    pub tags: Vec<String>,
    pub place: Location,
}

/// Columns as YAML lists them, and the tests of their table and their own.
pub(super) fn columns_and_tests(
    file: &Arc<SourceFile>,
    written: Vec<WrittenColumn>,
    own: &[Spanned<Value>],
) -> Result<(Vec<ColumnProperties>, Vec<TestEntry>), Diagnostic> {
    let mut tests = Vec::new();
    for entry in own {
        tests.push(test_entry(file, entry, None)?);
    }
    for column in &written {
        for entry in &column.tests {
            let mut test = test_entry(file, entry, Some(&column.name.value))?;
            test.tags = column.all_tags();
            tests.push(test);
        }
    }
    let columns = written.into_iter().map(|column| ColumnProperties {
        tags: column.all_tags(),
        place: place(file, &column.name),
        name: column.name.value,
        description: column.description.trim().to_owned(),
        data_type: column.data_type,
        constraints: column.constraints,
        meta: column.meta.or(column.config.meta),
    });
    Ok((columns.collect(), tests))
}

impl WrittenColumn {
    fn all_tags(&self) -> Vec<String> {
        self.tags.listed().chain(self.config.tags.listed()).collect()
    }
}

impl Tags {
    fn listed(&self) -> impl Iterator<Item = String> {
        let one = if let Self::One(tag) = self { Some(tag.clone()) } else { None };
        let many = if let Self::Many(tags) = self { tags.clone() } else { Vec::new() };
        one.into_iter().chain(many)
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
        // dbt's other form: `{test_name: unique, name: each_id_once}`.
        Value::Object(map) if map.contains_key("test_name") => {
            let mut arguments = map.clone();
            match arguments.remove("test_name") {
                Some(Value::String(name)) => (name, arguments),
                _ => return Err(wrong()),
            }
        }
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
            ("arguments" | "config", Value::Null) => {}
            (_, value) => {
                arguments.insert(key, value);
            }
        }
    }
    let (package, name) = match name.rsplit_once('.') {
        Some((package, name)) => (Some(package.to_owned()), name.to_owned()),
        None => (None, name),
    };
    Ok(TestEntry {
        name,
        package,
        column: column.map(str::to_owned),
        arguments,
        config,
        tags: Vec::new(),
        place,
    })
}
