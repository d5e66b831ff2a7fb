//! PostgreSQL's errors, put at the line of the user's file that caused them.

use std::sync::Arc;

use crate::database::DatabaseError;
use crate::diagnostic::{Diagnostic, Location, SourceFile};
use crate::manifest::Sql;
use crate::secret::Secrets;

/// The error of a statement made from `sql`, as a diagnostic at the user's own line and column.
pub fn sql_problem(error: &DatabaseError, sql: &Sql, file: &Arc<SourceFile>) -> Diagnostic {
    let place = error.place.and_then(|place| sql.locate(place.character));
    located(error, place.unwrap_or_else(|| Location::start_of(file)))
}

/// The same, where the place is known.
pub fn located(error: &DatabaseError, place: Location) -> Diagnostic {
    Diagnostic::error(code(error), error.to_string()).at(place).maybe_hint(hint(error))
}

/// Words for the classes of PostgreSQL's codes that a model's author meets.
fn code(error: &DatabaseError) -> &'static str {
    match error.code.as_deref().unwrap_or_default() {
        "42P01" => "unknown-relation",
        "42703" => "unknown-column",
        "42883" => "unknown-function",
        "42601" => "sql-syntax",
        "42P06" | "42P07" | "42710" => "exists-already",
        "42501" => "not-permitted",
        "57014" => "cancelled",
        "53200" => "too-many-locks",
        "53100" => "disk-full",
        "" => "connection-lost",
        code if code.starts_with("22") => "bad-value",
        code if code.starts_with("23") => "constraint",
        code if code.starts_with("08") || code.starts_with("57P") => "connection-lost",
        _ => "sql",
    }
}

pub(super) fn is_disk_full(error: &DatabaseError) -> bool {
    error.is("53100")
}

pub(super) fn hint(error: &DatabaseError) -> Option<String> {
    if let Some(hint) = &error.hint {
        return Some(hint.clone());
    }
    let hint = match error.code.as_deref().unwrap_or_default() {
        "42P01" => "name models by {{ ref('…') }}, so that elt knows the order and the schema",
        "53200" => {
            "the server's table of locks is full: raise max_locks_per_transaction in its configuration (it needs a \
             restart), or run in parts with --select"
        }
        "53100" => "make room on the database's disk; what this run made is dropped by the next one",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// A problem as one line, for the history, without secrets.
pub(super) fn one_line(problem: &Diagnostic, secrets: &Secrets) -> String {
    let mut text = match &problem.location {
        Some(place) => format!("{place}: {}", problem.message),
        None => problem.message.clone(),
    };
    if let Some(hint) = &problem.hint {
        text.push_str(&format!(" ({hint})"));
    }
    secrets.hide(&text)
}
