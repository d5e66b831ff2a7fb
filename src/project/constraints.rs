//! `constraints` of a model or a column, in dbt's words.

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintKind {
    NotNull,
    Unique,
    PrimaryKey,
    ForeignKey,
    Check,
    /// dbt's word for what no other word says.
    Custom,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constraint {
    #[serde(rename = "type")]
    pub kind: ConstraintKind,
    pub name: Option<String>,
    /// Of a check: what must hold.
    pub expression: Option<String>,
    /// Of a constraint on the whole model.
    #[serde(default)]
    pub columns: Vec<String>,
    pub to: Option<String>,
    #[serde(default)]
    pub to_columns: Vec<String>,
    /// dbt's words about platforms that only pretend to keep a constraint.
    pub warn_unenforced: Option<bool>,
    pub warn_unsupported: Option<bool>,
    #[allow(dead_code, reason = "read by people")]
    pub description: Option<Value>,
}
