//! Names of columns, schemas and relations. They never travel as plain strings, and they are quoted here
//! and nowhere else.

use std::fmt::{self, Write};

use serde::Serialize;

/// PostgreSQL cuts longer names silently, so elt refuses them. Unit: bytes.
pub const MAX_BYTES: usize = 63;

/// One identifier, 1 to 63 bytes, without NUL. `Display` writes it quoted for SQL.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Ident(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a name is empty")]
    Empty,
    #[error("the name `{name}` has {} bytes; PostgreSQL keeps {MAX_BYTES} and would cut it silently", name.len())]
    TooLong { name: String },
    #[error("the name `{}` holds a NUL byte", name.replace('\0', "\\0"))]
    Nul { name: String },
}

impl Ident {
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        if name.is_empty() {
            Err(NameError::Empty)
        } else if name.contains('\0') {
            Err(NameError::Nul { name })
        } else if name.len() > MAX_BYTES {
            Err(NameError::TooLong { name })
        } else {
            Ok(Self(name))
        }
    }

    /// The bare text, for messages and look-ups; never for SQL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for (place, part) in self.0.split('"').enumerate() {
            f.write_str(if place > 0 { "\"\"" } else { "" })?;
            f.write_str(part)?;
        }
        f.write_char('"')
    }
}

impl fmt::Debug for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A table or view: schema and name. `Display` writes both quoted for SQL.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Relation {
    pub schema: Ident,
    pub name: Ident,
}

impl Relation {
    pub fn new(schema: Ident, name: Ident) -> Self {
        Self { schema, name }
    }

    /// `schema.name` without quotes, for messages.
    pub fn plain(&self) -> String {
        format!("{}.{}", self.schema.as_str(), self.name.as_str())
    }

    /// Of names as they are kept; `own` is the schema that is not said.
    pub fn kept(schema: Option<&str>, own: &Ident, name: &str) -> Result<Self, NameError> {
        let schema = schema.map_or_else(|| Ok(own.clone()), Ident::new)?;
        Ok(Self::new(schema, Ident::new(name)?))
    }

    /// The statements that give it another place, and then another name. `kind` is what DDL calls it.
    pub fn moves(&self, kind: &str, to: &Self) -> Vec<String> {
        let mut sql = vec![format!("alter {kind} {self} set schema {}", to.schema)];
        if self.name != to.name {
            let there = Self::new(to.schema.clone(), self.name.clone());
            sql.push(format!("alter {kind} {there} rename to {}", to.name));
        }
        sql
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// A text as a SQL literal. For places that take no parameters (DDL, COPY options, generated tests).
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled_and_case_is_kept() {
        assert_eq!(Ident::new("Od\"d").unwrap().to_string(), "\"Od\"\"d\"");
    }

    #[test]
    fn a_name_over_63_bytes_is_refused_not_cut() {
        assert!(Ident::new("ä".repeat(31)).is_ok());
        assert!(matches!(Ident::new("ä".repeat(32)), Err(NameError::TooLong { .. })));
    }

    #[test]
    fn literals_escape_quotes_and_backslashes() {
        assert_eq!(literal("O'Neil"), "'O''Neil'");
        assert_eq!(literal(r"a\b'c"), r"E'a\\b''c'");
    }
}
