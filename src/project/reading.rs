//! What a raw model's config may say of how its files are read, beyond their format.

use serde::{Deserialize, Deserializer, Serialize};

/// A row with more or fewer fields than there are columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RaggedRows {
    /// Is a bad row.
    Fail,
    /// What lacks is NULL; what is too much may only be empty.
    Fill,
}

/// A file whose columns are not the table's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnsChange {
    Fail,
    /// New columns are added as text.
    Add,
    /// New columns are passed over.
    Ignore,
}

/// A row that the table cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BadRows {
    /// Nothing is loaded.
    Fail,
    /// It goes to `elt.bad_rows`, with the reason.
    Quarantine,
}

/// How many bad rows are borne: `100`, or `'1%'` of all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BadRowsLimit {
    Rows(u64),
    /// Of a hundred.
    Share(f64),
}

impl BadRowsLimit {
    pub fn is_passed(self, bad: u64, all: u64) -> bool {
        match self {
            Self::Rows(rows) => bad > rows,
            Self::Share(share) => bad as f64 * 100.0 > share * all as f64,
        }
    }
}

impl std::fmt::Display for BadRowsLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rows(rows) => write!(f, "{rows}"),
            Self::Share(share) => write!(f, "{share}%"),
        }
    }
}

impl Serialize for BadRowsLimit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BadRowsLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = NameOrNumber::deserialize(deserializer)?.0;
        let share = written.strip_suffix('%').map(|share| share.trim().parse::<f64>());
        match (share, written.parse()) {
            (Some(Ok(share)), _) if (0.0..=100.0).contains(&share) => Ok(Self::Share(share)),
            (None, Ok(rows)) => Ok(Self::Rows(rows)),
            _ => Err(serde::de::Error::custom(format!(
                "`{written}` is neither a number of rows nor a share like '1%'"
            ))),
        }
    }
}

/// A text, which may be written as a whole number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameOrNumber(pub String);

impl<'de> Deserialize<'de> for NameOrNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a text or a whole number")]
        enum Written {
            Number(u64),
            Text(String),
        }
        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Number(number) => number.to_string(),
            Written::Text(text) => text,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(text: &str) -> Result<BadRowsLimit, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn limits_are_rows_or_shares() {
        assert_eq!(limit("100").unwrap(), BadRowsLimit::Rows(100));
        assert_eq!(limit("\"0.5%\"").unwrap(), BadRowsLimit::Share(0.5));
        assert!(limit("\"many\"").is_err() && limit("\"101%\"").is_err() && limit("-1").is_err());
        assert!(limit("\"1%\"").unwrap().is_passed(2, 100) && !limit("\"1%\"").unwrap().is_passed(1, 100));
        assert!(!BadRowsLimit::Rows(0).is_passed(0, 5));
    }
}
