//! `sources:` in YAML: tables that something else than elt makes. dbt's words; what is said of a source holds
//! for its tables.

use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use serde_yaml::Spanned;

use super::columns::{ColumnProperties, TestEntry, WrittenColumn, columns_and_tests};
use super::folders::join_words;
use super::yaml::place;
use crate::diagnostic::{Diagnostic, Location, SourceFile};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenSource {
    name: String,
    schema: Option<String>,
    description: Option<String>,
    #[serde(default)]
    tables: Vec<WrittenTable>,
    #[serde(default)]
    config: Map<String, Value>,
    tags: Option<Value>,
    meta: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    freshness: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    loaded_at_field: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    loaded_at_query: Option<Value>,
    #[allow(dead_code, reason = "read by people")]
    loader: Option<String>,
    #[allow(dead_code, reason = "a session reads one database")]
    database: Option<String>,
    #[allow(dead_code, reason = "elt quotes every name as it is written")]
    quoting: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTable {
    name: Spanned<String>,
    identifier: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    columns: Vec<WrittenColumn>,
    #[serde(default, alias = "data_tests")]
    tests: Vec<Spanned<Value>>,
    #[serde(default)]
    config: Map<String, Value>,
    tags: Option<Value>,
    meta: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    freshness: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    loaded_at_field: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    loaded_at_query: Option<Value>,
    #[allow(dead_code, reason = "read by people")]
    loader: Option<String>,
    #[allow(dead_code, reason = "elt quotes every name as it is written")]
    quoting: Option<Value>,
    #[allow(dead_code, reason = "of the package dbt_external_tables: what makes the table")]
    external: Option<Value>,
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
    pub columns: Vec<ColumnProperties>,
    pub tests: Vec<TestEntry>,
    /// Its config: the table's own words over those of its source.
    pub config: Map<String, Value>,
    pub place: Location,
}

/// A word that is written, even as `null`: that takes back what would be inherited.
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl WrittenSource {
    pub(super) fn read(self, file: &Arc<SourceFile>) -> Result<Vec<SourceTable>, Diagnostic> {
        let inherited = with_words(
            self.config,
            [
                ("tags", self.tags),
                ("meta", self.meta),
                ("freshness", self.freshness),
                ("loaded_at_field", self.loaded_at_field),
                ("loaded_at_query", self.loaded_at_query),
            ],
        );
        let mut tables = Vec::new();
        for table in self.tables {
            let own = with_words(
                table.config,
                [
                    ("tags", table.tags),
                    ("meta", table.meta),
                    ("freshness", table.freshness),
                    ("loaded_at_field", table.loaded_at_field),
                    ("loaded_at_query", table.loaded_at_query),
                ],
            );
            let (columns, tests) = columns_and_tests(file, table.columns, &table.tests)?;
            tables.push(SourceTable {
                source: self.name.clone(),
                source_description: self.description.clone().unwrap_or_default(),
                schema: self.schema.clone().unwrap_or_else(|| self.name.clone()),
                identifier: table.identifier.unwrap_or_else(|| table.name.value.clone()),
                place: place(file, &table.name),
                description: table.description,
                name: table.name.value,
                columns,
                tests,
                config: inherit(inherited.clone(), own),
            });
        }
        Ok(tables)
    }
}

/// dbt takes each of these words beside `config:` and in it.
fn with_words(mut config: Map<String, Value>, words: [(&str, Option<Value>); 5]) -> Map<String, Value> {
    for (word, value) in words {
        let Some(value) = value else { continue };
        if !matches!(word, "tags" | "meta") {
            config.insert(word.to_owned(), value);
            continue;
        }
        // These add up.
        let mut all = Map::from_iter([(word.to_owned(), value)]);
        join_words(&mut all, config.remove(word).map(|own| (word.to_owned(), own)).into_iter().collect());
        config.extend(all);
    }
    config
}

/// Tags add up, maps are joined by key, all else is the table's where it says anything.
fn inherit(mut config: Map<String, Value>, own: Map<String, Value>) -> Map<String, Value> {
    for (word, other) in [("loaded_at_field", "loaded_at_query"), ("loaded_at_query", "loaded_at_field")] {
        if own.contains_key(word) {
            config.remove(other);
        }
    }
    for (word, value) in own {
        let value = match (word.as_str(), config.remove(&word), value) {
            ("tags", Some(base), value) => Value::Array([listed(base), listed(value)].concat()),
            ("meta" | "freshness", Some(Value::Object(mut base)), Value::Object(own)) => {
                base.extend(own);
                Value::Object(base)
            }
            (_, _, value) => value,
        };
        config.insert(word, value);
    }
    config
}

fn listed(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        one => vec![one],
    }
}
