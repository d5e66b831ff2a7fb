//! What `config(…)` and `config:` may say of a model.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::batches::{BatchSize, Moment};
use super::freshness::FreshnessLimits;
use super::loading::{Api, Auth, Incremental};
use super::materialization::{
    HardDeletes, Materialization, MetaColumns, OnConfigurationChange, OnSchemaChange, SnapshotStrategy,
    Strategy,
};
use super::reading::{BadRows, BadRowsLimit, ColumnsChange, NameOrNumber, RaggedRows};
use super::written_hook::{WrittenHook, hooks};

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
    /// What the relation is called instead of the file.
    pub alias: Option<String>,
    /// A schema of its own within the layer: behind the layer's, as `prod_marketing`.
    pub schema: Option<String>,
    /// The same for a snapshot, by its whole name.
    pub target_schema: Option<String>,
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
    /// The column that says when a row came, for models that are built a batch of time after another.
    pub event_time: Option<String>,
    pub batch_size: Option<BatchSize>,
    /// How many batches before the newest one are built again.
    #[serde(deserialize_with = "maybe_whole_number")]
    pub lookback: Option<u32>,
    /// Whether batches after the first are built at once; they are, where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent_batches: Option<bool>,
    /// When the first batch begins.
    pub begin: Option<Moment>,
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
    /// Statements of the session right before the one that builds: `set work_mem = '1GB';`.
    pub sql_header: Option<String>,
    /// Statements before and after a relation is built.
    #[serde(alias = "pre-hook", deserialize_with = "hooks")]
    pub pre_hook: Vec<WrittenHook>,
    #[serde(alias = "post-hook", deserialize_with = "hooks")]
    pub post_hook: Vec<WrittenHook>,

    /// A table that is not written to the WAL, and is empty after a crash.
    pub unlogged: bool,
    pub persist_docs: PersistDocs,
    /// By privilege, the roles that hold it. Where any is written, these are all.
    #[serde(deserialize_with = "grants")]
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

    /// Of a rule: the types of columns that its YAML does not describe.
    pub column_types: BTreeMap<String, String>,

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

/// Roles that hold a privilege: one, or a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roles(#[serde(deserialize_with = "one_or_many")] pub Vec<String>);

impl Config {
    /// Whether an incremental model is built a batch of time after another.
    pub fn is_microbatch(&self) -> bool {
        self.incremental_strategy == Some(Strategy::Microbatch)
    }

    /// Whether a part of `unique_key` is SQL over several columns, and no column's name.
    pub fn is_expression(key: &str) -> bool {
        key.contains(['(', '|', ':', ',', '\'', '"', '+'])
    }

    /// Whether a new row overwrites the old one with its key, which no two new ones may have.
    pub fn merges(&self) -> bool {
        self.incremental_strategy == Some(Strategy::Merge)
            || self.is_microbatch() && !self.unique_key.is_empty()
    }

    /// What a snapshot does about rows that are gone, in dbt's new word or its old one.
    pub fn hard_deletes(&self) -> HardDeletes {
        let old = if self.invalidate_hard_deletes { HardDeletes::Invalidate } else { HardDeletes::Ignore };
        self.hard_deletes.unwrap_or(old)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Contract {
    pub enforced: bool,
    /// dbt's; PostgreSQL knows its aliases itself.
    pub alias_types: Option<bool>,
}

/// A number that may be a text: what a template gives is one.
pub(super) fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a whole number")]
    enum Written {
        Number(u32),
        Text(String),
    }
    match Written::deserialize(deserializer)? {
        Written::Number(number) => Ok(number),
        Written::Text(text) => {
            text.trim().parse().map_err(|_| serde::de::Error::custom(format!("`{text}` is no whole number")))
        }
    }
}

fn maybe_whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Number(#[serde(deserialize_with = "whole_number")] u32);
    Ok(Option::<Number>::deserialize(deserializer)?.map(|number| number.0))
}

/// dbt's `+select` adds roles to those that a wider place names; where there is none, these are all.
fn grants<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Roles>, D::Error> {
    let written = BTreeMap::<String, Roles>::deserialize(deserializer)?;
    let mut grants = BTreeMap::<String, Roles>::new();
    for (privilege, roles) in written {
        let privilege = privilege.strip_prefix('+').map_or(privilege.clone(), str::to_owned);
        grants.entry(privilege).or_default().0.extend(roles.0);
    }
    Ok(grants)
}

pub(super) fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
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
