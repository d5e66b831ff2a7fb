//! The small words of an endpoint and how they are written.

use serde::{Deserialize, Deserializer, Serialize};

/// What an answer is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// An array of rows.
    #[default]
    Rows,
    /// One row; none is a 404.
    Object,
    /// The first column of one row.
    Value,
}

/// How a filter compares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    #[default]
    Eq,
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
    /// One of several, separated by commas.
    In,
    /// As text, without regard to case.
    Contains,
    /// `true` or `false`.
    Null,
}

impl Operator {
    pub const ALL: [Self; 9] =
        [Self::Eq, Self::Ne, Self::Gt, Self::Gte, Self::Lt, Self::Lte, Self::In, Self::Contains, Self::Null];

    pub fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::In => "in",
            Self::Contains => "contains",
            Self::Null => "null",
        }
    }

    /// Whether its value is one of the column's type.
    pub fn is_typed(self) -> bool {
        !matches!(self, Self::Contains | Self::Null)
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.name() == name)
    }
}

/// A column to sort by; `-total` is descending. Nulls come last either way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Order {
    pub column: String,
    pub descending: bool,
}

impl From<String> for Order {
    fn from(text: String) -> Self {
        match text.strip_prefix('-') {
            Some(column) => Self { column: column.to_owned(), descending: true },
            None => Self { column: text, descending: false },
        }
    }
}

impl From<Order> for String {
    fn from(order: Order) -> Self {
        format!("{}{}", if order.descending { "-" } else { "" }, order.column)
    }
}

/// Which columns a caller may filter and sort by: `true` (all), `false`, or a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenFilters", into = "WrittenFilters")]
pub enum Filters {
    #[default]
    All,
    None,
    Only(Vec<String>),
}

impl Filters {
    pub fn allow(&self, column: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Only(columns) => columns.iter().any(|allowed| allowed == column),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "true, false or a list of columns")]
enum WrittenFilters {
    Switch(bool),
    Only(Vec<String>),
}

impl From<WrittenFilters> for Filters {
    fn from(written: WrittenFilters) -> Self {
        match written {
            WrittenFilters::Switch(true) => Self::All,
            WrittenFilters::Switch(false) => Self::None,
            WrittenFilters::Only(columns) => Self::Only(columns),
        }
    }
}

impl From<Filters> for WrittenFilters {
    fn from(filters: Filters) -> Self {
        match filters {
            Filters::All => Self::Switch(true),
            Filters::None => Self::Switch(false),
            Filters::Only(columns) => Self::Only(columns),
        }
    }
}

/// Rows of one answer. Unit: rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenLimit")]
pub struct Limit {
    pub default: u64,
    /// A caller who asks for more is refused.
    pub maximum: u64,
}

impl Default for Limit {
    fn default() -> Self {
        Self { default: 100, maximum: 1000 }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number of rows, or {default: …, maximum: …}")]
enum WrittenLimit {
    Default(u64),
    Both(BothLimits),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BothLimits {
    default: Option<u64>,
    maximum: Option<u64>,
}

impl From<WrittenLimit> for Limit {
    fn from(written: WrittenLimit) -> Self {
        let (default, maximum) = match written {
            WrittenLimit::Default(rows) => (Some(rows), None),
            WrittenLimit::Both(both) => (both.default, both.maximum),
        };
        let usual = Self::default();
        let maximum = maximum.unwrap_or_else(|| usual.maximum.max(default.unwrap_or(0)));
        Self { default: default.unwrap_or_else(|| usual.default.min(maximum)), maximum }
    }
}

/// How long an answer may be kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cache {
    /// Until the next publication: answers carry an ETag of their run.
    #[default]
    Run,
    /// Never: for views that look at the clock.
    Never,
}

pub(super) fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a column or a list of columns")]
    enum Written {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::One(name) => vec![name],
        Written::Many(names) => names,
    })
}

/// A value as text, however YAML understood it.
pub(super) fn scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a single value")]
    enum Written {
        Text(String),
        Number(serde_json::Number),
        Switch(bool),
        Nothing,
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::Text(text) => Some(text),
        Written::Number(number) => Some(number.to_string()),
        Written::Switch(switch) => Some(switch.to_string()),
        Written::Nothing => None,
    })
}
