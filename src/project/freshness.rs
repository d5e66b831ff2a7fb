//! How old rows may be: dbt's `freshness:`. What is measured is judged here; the measuring is `run`'s.

use serde::{Deserialize, Serialize};

use super::config::whole_number;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FreshnessLimits {
    pub warn_after: Option<Tolerance>,
    pub error_after: Option<Tolerance>,
    /// SQL: only rows for which it holds are looked at.
    pub filter: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    #[serde(deserialize_with = "whole_number")]
    pub count: u32,
    pub period: Period,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    Minute,
    Hour,
    Day,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum FreshnessStatus {
    #[serde(rename = "pass")]
    Pass,
    #[serde(rename = "warn")]
    Warn,
    #[serde(rename = "error")]
    Error,
    /// It could not be found out.
    #[serde(rename = "runtime error")]
    Broken,
}

impl FreshnessLimits {
    pub fn is_any(&self) -> bool {
        self.warn_after.is_some() || self.error_after.is_some()
    }

    /// Of rows whose newest is `age` seconds old; where there is none, it is older than anything allows. And
    /// the limit that was passed.
    pub fn judge(&self, age: Option<f64>) -> (FreshnessStatus, Option<Tolerance>) {
        let passed = |limit: &Tolerance| age.is_none_or(|age| age > limit.seconds());
        match (self.error_after.filter(passed), self.warn_after.filter(passed)) {
            (Some(limit), _) => (FreshnessStatus::Error, Some(limit)),
            (None, Some(limit)) => (FreshnessStatus::Warn, Some(limit)),
            (None, None) => (FreshnessStatus::Pass, None),
        }
    }
}

impl Tolerance {
    fn seconds(&self) -> f64 {
        let period = match self.period {
            Period::Minute => 60.0,
            Period::Hour => 3600.0,
            Period::Day => 86400.0,
        };
        f64::from(self.count) * period
    }
}

impl std::fmt::Display for Tolerance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let period = match self.period {
            Period::Minute => "minute",
            Period::Hour => "hour",
            Period::Day => "day",
        };
        write!(f, "{} {period}{}", self.count, if self.count == 1 { "" } else { "s" })
    }
}

impl FreshnessStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Broken => "runtime error",
        }
    }
}
