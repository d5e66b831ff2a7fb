//! How a node becomes a relation, and what of it is chosen by a word of its config.

use serde::{Deserialize, Serialize};

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
    /// A batch of time after another.
    #[serde(rename = "microbatch")]
    Microbatch,
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
