//! What `config(…)` and `config:` may say of a model.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::freshness::FreshnessLimits;
use super::loading::{Api, Auth, Incremental};
use super::reading::{BadRows, BadRowsLimit, ColumnsChange, NameOrNumber, RaggedRows};
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
    #[serde(rename = "materialized_view")]
    MaterializedView,
    Incremental,
    /// Every version that a row ever had, with the time it was valid.
    Snapshot,
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
            Self::MaterializedView => "materialized_view",
            Self::Snapshot => "snapshot",
            Self::Incremental => "incremental",
            Self::Ephemeral => "ephemeral",
        }
    }

    /// Whether its published table stays and is only added to.
    pub fn is_added_to(self) -> bool {
        matches!(self, Self::Incremental | Self::Snapshot)
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

/// What becomes of a published incremental table whose model has other columns now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnSchemaChange {
    #[default]
    Fail,
    /// New columns are left out.
    Ignore,
    AppendNewColumns,
    SyncAllColumns,
}

/// How a snapshot finds out that a row changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SnapshotStrategy {
    Timestamp,
    Check,
}

/// What a snapshot does about rows that are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HardDeletes {
    Ignore,
    /// Their last version ends.
    Invalidate,
    /// It ends, and a version that says so begins.
    NewRecord,
}

/// What a snapshot's own columns are called, where not as in dbt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetaColumns {
    pub dbt_scd_id: Option<String>,
    pub dbt_updated_at: Option<String>,
    pub dbt_valid_from: Option<String>,
    pub dbt_valid_to: Option<String>,
    pub dbt_is_deleted: Option<String>,
}

/// What becomes of a materialized view whose indexes are configured otherwise now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnConfigurationChange {
    #[default]
    Apply,
    Continue,
    Fail,
}

/// Which descriptions become comments in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PersistDocs {
    pub relation: bool,
    pub columns: bool,
}

impl Default for PersistDocs {
    fn default() -> Self {
        Self { relation: true, columns: true }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    pub name: Option<String>,
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
    pub on_schema_change: OnSchemaChange,
    /// Of a merge: the columns that a new row overwrites in the old one; or all but some.
    #[serde(deserialize_with = "one_or_many")]
    pub merge_update_columns: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    pub merge_exclude_columns: Vec<String>,
    /// Old rows are matched only where these conditions hold.
    #[serde(deserialize_with = "one_or_many", alias = "predicates")]
    pub incremental_predicates: Vec<String>,
    /// `false`: never built anew; `true`: always. Nothing: as `--full-refresh` says.
    pub full_refresh: Option<bool>,

    pub strategy: Option<SnapshotStrategy>,
    /// Of a snapshot: when a row was changed, a column or an expression.
    pub updated_at: Option<String>,
    /// Of a snapshot: the columns whose change makes a new version, or `all`.
    #[serde(deserialize_with = "one_or_many")]
    pub check_cols: Vec<String>,
    pub hard_deletes: Option<HardDeletes>,
    pub invalidate_hard_deletes: bool,
    /// Of a snapshot: what stands in `dbt_valid_to` of a version that is valid still, as SQL.
    pub dbt_valid_to_current: Option<String>,
    pub snapshot_meta_column_names: MetaColumns,

    pub on_configuration_change: OnConfigurationChange,
    /// Columns and types are promised; a run that breaks the promise does not begin.
    pub contract: Contract,
    /// Statements before and after a relation is built.
    #[serde(alias = "pre-hook", deserialize_with = "hooks")]
    pub pre_hook: Vec<WrittenHook>,
    #[serde(alias = "post-hook", deserialize_with = "hooks")]
    pub post_hook: Vec<WrittenHook>,

    /// A table that is not written to the WAL, and is empty after a crash.
    pub unlogged: bool,
    pub persist_docs: PersistDocs,
    /// By privilege, the roles that hold it. Where any is written, these are all.
    pub grants: BTreeMap<String, Roles>,

    /// Where a loaded table's rows come from.
    pub source: Option<String>,
    pub format: Option<String>,
    pub delimiter: Option<String>,
    pub quote: Option<String>,
    pub escape: Option<String>,
    /// Texts that mean NULL.
    #[serde(deserialize_with = "one_or_many")]
    pub null: Vec<String>,
    pub encoding: Option<String>,
    pub comment: Option<String>,
    pub skip_lines: Option<u64>,
    pub header: Option<bool>,
    pub ragged: Option<RaggedRows>,
    pub sheet: Option<NameOrNumber>,
    pub records: Option<String>,
    pub member: Option<String>,
    /// Types are taken from the whole file and pinned beside the model.
    pub infer: bool,
    pub on_columns_change: Option<ColumnsChange>,
    pub bad_rows: Option<BadRows>,
    pub max_bad_rows: Option<BadRowsLimit>,
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

    /// How old the newest row may be; the word is taken back by null.
    pub freshness: Option<FreshnessLimits>,
    /// A column or an expression: when a row came.
    pub loaded_at_field: Option<String>,
    /// A query of the newest time.
    pub loaded_at_query: Option<String>,

    /// Of a test: `error` or `warn`.
    pub severity: Option<String>,
    /// Of a test: only rows for which this holds.
    #[serde(rename = "where")]
    pub only: Option<String>,
    pub meta: Value,
    /// Words for people and other tools; they change nothing here.
    pub docs: Value,
    pub group: Value,
    pub access: Value,
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
    "on_schema_change",
    "merge_update_columns",
    "merge_exclude_columns",
    "incremental_predicates",
    "predicates",
    "full_refresh",
    "strategy",
    "updated_at",
    "check_cols",
    "hard_deletes",
    "invalidate_hard_deletes",
    "dbt_valid_to_current",
    "snapshot_meta_column_names",
    "on_configuration_change",
    "contract",
    "pre_hook",
    "pre-hook",
    "post_hook",
    "post-hook",
    "unlogged",
    "persist_docs",
    "grants",
    "source",
    "format",
    "delimiter",
    "quote",
    "escape",
    "null",
    "encoding",
    "comment",
    "skip_lines",
    "header",
    "ragged",
    "sheet",
    "records",
    "member",
    "infer",
    "on_columns_change",
    "bad_rows",
    "max_bad_rows",
    "allow_empty",
    "auth",
    "query",
    "table",
    "endpoint",
    "region",
    "api",
    "incremental",
    "metadata",
    "freshness",
    "loaded_at_field",
    "loaded_at_query",
    "severity",
    "where",
    "meta",
    "docs",
    "group",
    "access",
    "distribute",
];

/// Words of dbt that a folder or a name decides here, and what to do instead.
const DECIDED_ELSEWHERE: &[(&str, &str)] = &[
    ("alias", "a relation is named as its file: rename the file, or refer to it by this name"),
    (
        "schema",
        "the layer decides: move the file to models/raw, stage or prod; the profile's `schemas:` names them",
    ),
    ("database", "a run builds in one database: the target's url in profiles.yml names it"),
    ("quoting", "elt quotes every name as it is written"),
];

/// Roles that hold a privilege: one, or a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roles(#[serde(deserialize_with = "one_or_many")] pub Vec<String>);

impl Config {
    /// What a snapshot does about rows that are gone, in dbt's new word or its old one.
    pub fn hard_deletes(&self) -> HardDeletes {
        let old = if self.invalidate_hard_deletes { HardDeletes::Invalidate } else { HardDeletes::Ignore };
        self.hard_deletes.unwrap_or(old)
    }

    /// From the words as written. Every unknown or mistyped word is told, at `place`.
    pub fn read(words: &Map<String, Value>, place: &Location) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        for word in words.keys().filter(|word| !KNOWN.contains(&word.as_str())) {
            let elsewhere = DECIDED_ELSEWHERE.iter().find(|(known, _)| known == word);
            let hint = elsewhere
                .map(|(_, hint)| (*hint).to_owned())
                .or_else(|| did_you_mean(word, KNOWN.iter().copied()))
                .unwrap_or_else(|| format!("config knows: {}", KNOWN.join(", ")));
            problems.push(
                Diagnostic::error("unknown-config", format!("config has no word `{word}`"))
                    .at(place.closer(word))
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
                        .at(place.closer(word)),
                );
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(serde_json::from_value(Value::Object(words.clone())).expect("each word was read just above"))
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Contract {
    pub enforced: bool,
    /// dbt's; PostgreSQL knows its aliases itself.
    pub alias_types: Option<bool>,
}

/// A statement before or after a relation is built, not rendered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenHook {
    pub sql: String,
    /// In the transaction that builds the relation.
    #[serde(default = "yes")]
    pub transaction: bool,
}

fn yes() -> bool {
    true
}

fn hooks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<WrittenHook>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum One {
        Plain(String),
        Whole(WrittenHook),
    }
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a statement, {'sql': …, 'transaction': false}, or a list of these")]
    enum Written {
        One(One),
        Many(Vec<One>),
        None,
    }
    let hook = |one| match one {
        One::Plain(sql) => WrittenHook { sql, transaction: true },
        One::Whole(hook) => hook,
    };
    Ok(match Written::deserialize(deserializer)? {
        Written::One(one) => vec![hook(one)],
        Written::Many(many) => many.into_iter().map(hook).collect(),
        Written::None => Vec::new(),
    })
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
