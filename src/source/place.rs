//! Reads the place that PostgreSQL names in the CONTEXT of a failed COPY.

use std::fmt;

/// A row of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPlace {
    /// Counted from 1. CSV: the line of the file, the header being line 1. Parquet: the row. An array: the record.
    pub line: u64,
    pub column: Option<String>,
    /// What stood there; PostgreSQL cuts long values.
    pub value: Option<String>,
    pub(super) unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Line,
    Row,
    /// Of an array.
    Record,
}

impl RowPlace {
    pub(super) fn row(line: u64, column: &str, value: impl Into<String>) -> Self {
        Self { line, column: Some(column.to_owned()), value: Some(value.into()), unit: Unit::Row }
    }

    /// From `COPY t, line 5, column c: "x"`, `COPY t, line 5, column c: null input`, `COPY t, line 5: "…"`
    /// and `COPY t, line 5, column c`. Other lines of a CONTEXT are passed over.
    pub(super) fn from_context(context: &str, unit: Unit) -> Option<Self> {
        context.lines().find_map(|text| {
            let after_name = text.strip_prefix("COPY ")?;
            // The table's name may hold anything, even ", line "; the real one is followed by digits and an end.
            after_name.match_indices(", line ").find_map(|(at, word)| {
                let rest = &after_name[at + word.len()..];
                let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                let line = rest[..digits].parse().ok()?;
                let rest = &rest[digits..];
                if rest.is_empty() {
                    return Some(Self { line, column: None, value: None, unit });
                }
                if let Some(column) = rest.strip_prefix(", column ") {
                    let (column, value) = match column.split_once(": ") {
                        Some((column, value)) => (column, Some(unquoted(value))),
                        None => (column, None),
                    };
                    return Some(Self { line, column: Some(column.to_owned()), value, unit });
                }
                let value = rest.strip_prefix(": ")?;
                Some(Self { line, column: None, value: Some(unquoted(value)), unit })
            })
        })
    }
}

fn unquoted(value: &str) -> String {
    match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
        Some(inner) => inner.to_owned(),
        None => value.to_owned(),
    }
}

impl fmt::Display for RowPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Line => "line",
            Unit::Row => "row",
            Unit::Record => "record",
        };
        write!(f, "{unit} {}", self.line)?;
        match &self.column {
            Some(column) => write!(f, ", column {column}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(context: &str) -> (u64, Option<String>, Option<String>) {
        let place = RowPlace::from_context(context, Unit::Line).expect("a place");
        (place.line, place.column, place.value)
    }

    #[test]
    fn the_forms_that_postgresql_writes_are_read() {
        assert_eq!(read(r#"COPY t, line 5, column c: "x""#), (5, Some("c".into()), Some("x".into())));
        assert_eq!(
            read("COPY t, line 5, column c: null input"),
            (5, Some("c".into()), Some("null input".into()))
        );
        assert_eq!(read(r#"COPY t, line 7: "a,b: "c"...""#), (7, None, Some(r#"a,b: "c"..."#.into())));
        assert_eq!(read("COPY t, line 9"), (9, None, None));
        assert_eq!(read("COPY t, line 9, column k"), (9, Some("k".into()), None));
    }

    #[test]
    fn an_odd_table_name_does_not_lead_astray() {
        assert_eq!(read(r#"COPY a, line b, line 3: "x, line 4""#), (3, None, Some("x, line 4".into())));
    }

    #[test]
    fn other_contexts_have_no_place() {
        assert_eq!(RowPlace::from_context("PL/pgSQL function f() line 3 at RAISE", Unit::Row), None);
        assert_eq!(RowPlace::from_context("COPY t, line x", Unit::Row), None);
    }
}
