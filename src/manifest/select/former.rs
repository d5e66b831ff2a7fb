//! What is kept of an earlier state of the project, in the form that states are compared in.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};

/// An earlier state. Keys are ids without the project's own name: `model.orders`, `source.shop.orders`; those
/// of packages keep theirs.
#[derive(Debug, Clone, Default)]
pub struct Former {
    /// Written by dbt: what elt writes otherwise is compared as far as it means the same.
    pub is_of_dbt: bool,
    pub entries: HashMap<String, FormerEntry>,
    /// The text of each macro by its name.
    pub macros: HashMap<String, String>,
    /// How each node ended, in dbt's words; nothing where no `run_results.json` was there.
    pub results: Option<HashMap<String, String>>,
    /// Sources with newer rows than then; nothing where one of the two `sources.json` is missing.
    pub fresher: Option<HashSet<String>>,
}

/// What is compared of a node, test, source or exposure. What is not known is no change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FormerEntry {
    /// Its text as written: SQL, rules, or what stands in YAML in their place.
    pub body: Option<String>,
    /// The config of its YAML as written; beside a state of dbt's all of its config.
    pub configs: Map<String, Value>,
    /// Layer and name.
    pub relation: Option<String>,
    pub descriptions: Vec<String>,
    /// Columns and types, where a contract holds.
    pub contract: String,
    /// Macros that it calls.
    pub macros: Vec<String>,
}

impl Former {
    /// An id without the name of the project that it was written for, which may come from a folder's.
    pub fn key(unique_id: &str, project: &str) -> String {
        let mut parts = unique_id.splitn(3, '.');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(kind), Some(package), Some(rest)) if package == project => format!("{kind}.{rest}"),
            _ => unique_id.to_owned(),
        }
    }

    /// An id without the name of any package: `source.shop.orders`.
    pub fn short(unique_id: &str) -> String {
        Self::key(unique_id, unique_id.split('.').nth(1).unwrap_or_default())
    }
}

/// What a generic test is, where the ids of two programs cannot be compared: `model` is a `ref(…)` or
/// `source(…)`.
pub fn generic_test_key(
    kind: &str,
    model: &str,
    column: Option<&str>,
    arguments: &Map<String, Value>,
) -> String {
    let sorted: BTreeMap<&String, &Value> = arguments.iter().collect();
    let arguments = serde_json::to_string(&sorted).unwrap_or_default();
    format!("test.{kind} on {model} {} {arguments}", column.unwrap_or_default())
}

/// What is compared of where a relation stands: what the project asks for, not what the target makes of it.
pub fn relation_asked(layer: &str, schema: Option<&str>, name: &str) -> String {
    format!("{layer} {} {name}", schema.unwrap_or_default())
}

/// What is compared of an exposure.
pub fn exposed(mut parents: Vec<String>, url: Option<&str>, owner: &Map<String, Value>) -> String {
    parents.sort_unstable();
    let owner: BTreeMap<&String, &Value> = owner.iter().filter(|(_, value)| !value.is_null()).collect();
    let owner = serde_json::to_string(&owner).unwrap_or_default();
    format!("{} {} {owner}", parents.join(" "), url.unwrap_or_default())
}

/// Words of dbt's that mean nothing to elt, or that a file or a layer says there.
const NOT_COMPARED: [&str; 16] = [
    "enabled",
    "schema",
    "database",
    "alias",
    "target_schema",
    "target_database",
    "quoting",
    "quote_columns",
    "column_types",
    "delimiter",
    "docs",
    "group",
    "access",
    "packages",
    "source",
    "static_analysis",
];

/// A config in the one spelling that elt's and dbt's are compared in.
pub fn as_dbt_means(words: &Map<String, Value>) -> Map<String, Value> {
    let list = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    let mut config = Map::new();
    for (word, value) in words {
        let word = match word.as_str() {
            "pre_hook" => "pre-hook",
            "post_hook" => "post-hook",
            word => word,
        };
        let is_usual = match (word, value) {
            (_, Value::Null) => true,
            ("materialized", Value::String(name)) => {
                ["view", "snapshot", "seed", "test"].contains(&name.as_str())
            }
            ("tags" | "meta" | "pre-hook" | "post-hook", Value::Array(items)) => items.is_empty(),
            ("meta", Value::Object(notes)) => notes.is_empty(),
            _ => false,
        };
        if is_usual || NOT_COMPARED.contains(&word) {
            continue;
        }
        let value = match (word, value) {
            ("tags", value) => {
                let mut tags = list(value);
                tags.sort_by_key(Value::to_string);
                tags.dedup();
                Value::Array(tags)
            }
            ("pre-hook" | "post-hook" | "unique_key" | "check_cols", value) => Value::Array(list(value)),
            ("severity", Value::String(severity)) => severity.to_lowercase().into(),
            (_, value) => value.clone(),
        };
        config.insert(word.to_owned(), value);
    }
    config
}

/// Line ends and white space around a text are nobody's change.
pub fn same_lines(text: &str) -> String {
    text.trim().replace("\r\n", "\n")
}

/// The columns and types that a contract promises; nothing without one.
pub fn contract<'a>(
    words: &Map<String, Value>,
    columns: impl Iterator<Item = (&'a str, Option<&'a str>)>,
) -> String {
    let enforced = match words.get("contract") {
        Some(Value::Object(contract)) => contract.get("enforced").and_then(Value::as_bool).unwrap_or(false),
        Some(Value::Bool(enforced)) => *enforced,
        _ => false,
    };
    if !enforced {
        return String::new();
    }
    let columns = columns.map(|(name, data_type)| format!("{name} {}", data_type.unwrap_or_default()));
    columns.collect::<Vec<_>>().join(", ")
}
