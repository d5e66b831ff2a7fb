//! What `config(…)` and `config:` may say of a model.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::loading::{Api, Auth, Incremental};
use crate::diagnostic::{Diagnostic, Location, did_you_mean};

/// How a node becomes a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Materialization {
    /// A raw table filled from outside.
    Load,
    /// A rules file as a table.
    Seed,
    View,
    Table,
    Incremental,
    /// No relation: its SQL goes into those who refer to it.
    Ephemeral,
}

impl Materialization {
    pub fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Seed => "seed",
            Self::View => "view",
            Self::Table => "table",
            Self::Incremental => "incremental",
            Self::Ephemeral => "ephemeral",
        }
    }
}

/// How an incremental model's new rows meet the old ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    #[serde(rename = "append")]
    Append,
    #[serde(rename = "delete+insert")]
    DeleteInsert,
    #[serde(rename = "merge")]
    Merge,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    #[serde(deserialize_with = "one_or_many")]
    pub columns: Vec<String>,
    #[serde(default)]
    pub unique: bool,
    /// `btree` (default), `hash`, `gin`, `gist`, `brin`.
    #[serde(rename = "type", default)]
    pub method: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    pub materialized: Option<Materialization>,
    pub enabled: Option<bool>,
    #[serde(deserialize_with = "one_or_many")]
    pub tags: Vec<String>,
    pub indexes: Vec<Index>,
    /// Printed at the end of a run.
    pub report: bool,

    #[serde(deserialize_with = "one_or_many")]
    pub unique_key: Vec<String>,
    pub incremental_strategy: Option<Strategy>,

    /// Where a loaded table's rows come from.
    pub source: Option<String>,
    pub format: Option<String>,
    pub delimiter: Option<String>,
    pub quote: Option<String>,
    pub null: Option<String>,
    /// A source with columns and no rows is right, not a failed export.
    pub allow_empty: bool,
    pub auth: Auth,
    /// Of another PostgreSQL: what is copied, as a query or as a table's name.
    pub query: Option<String>,
    pub table: Option<String>,
    /// Of an object store that is not Amazon's own.
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub api: Option<Api>,
    pub incremental: Option<Incremental>,
    /// Columns that elt adds to a loaded table: `_source`, `_file`, `_row`, `_loaded_at`, `_run_id`.
    #[serde(deserialize_with = "one_or_many")]
    pub metadata: Vec<String>,

    /// Of a test: `error` or `warn`.
    pub severity: Option<String>,
    /// Of a test: only rows for which this holds.
    #[serde(rename = "where")]
    pub only: Option<String>,
    pub meta: Value,
    /// For clusters of several machines; a single PostgreSQL passes it over.
    pub distribute: Value,
}

const AUTH: &str = "it is a map of `bearer`, `basic` with `user` and `password`, `headers`, or \
                    `access_key_id` and `secret_access_key`";

/// Every word that a config may hold.
const KNOWN: &[&str] = &[
    "materialized",
    "enabled",
    "tags",
    "indexes",
    "report",
    "unique_key",
    "incremental_strategy",
    "source",
    "format",
    "delimiter",
    "quote",
    "null",
    "allow_empty",
    "auth",
    "query",
    "table",
    "endpoint",
    "region",
    "api",
    "incremental",
    "metadata",
    "severity",
    "where",
    "meta",
    "distribute",
];

impl Config {
    /// From the words as written. Every unknown or mistyped word is told, at `place`.
    pub fn read(words: &Map<String, Value>, place: &Location) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        for word in words.keys().filter(|word| !KNOWN.contains(&word.as_str())) {
            let hint = did_you_mean(word, KNOWN.iter().copied())
                .unwrap_or_else(|| format!("config knows: {}", KNOWN.join(", ")));
            problems.push(
                Diagnostic::error("unknown-config", format!("config has no word `{word}`"))
                    .at(closer(place, word))
                    .hint(hint),
            );
        }
        for (word, value) in words.iter().filter(|(word, _)| KNOWN.contains(&word.as_str())) {
            // A word at a time, so that the message names the word that is wrong.
            let single = Value::Object(Map::from_iter([(word.clone(), value.clone())]));
            if let Err(error) = serde_json::from_value::<Self>(single) {
                // The error would repeat the value, and in `auth` that is a secret.
                let why = if word == "auth" { AUTH.to_owned() } else { error.to_string() };
                problems.push(
                    Diagnostic::error("bad-config", format!("config's `{word}` is wrong: {why}"))
                        .at(closer(place, word)),
                );
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(serde_json::from_value(Value::Object(words.clone())).expect("each word was read just above"))
    }
}

/// Where `word` stands behind `place`, if it does.
fn closer(place: &Location, word: &str) -> Location {
    let start = place.span.start.min(place.file.text.len());
    match place.file.text.get(start..).and_then(|rest| rest.find(word)) {
        Some(at) => Location::new(&place.file, start + at..start + at + word.len()),
        None => place.clone(),
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a name or a list of names")]
    enum Written {
        One(String),
        Many(Vec<String>),
        None,
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::One(name) => vec![name],
        Written::Many(names) => names,
        Written::None => Vec::new(),
    })
}
