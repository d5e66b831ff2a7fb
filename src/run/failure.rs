//! PostgreSQL's errors, put at the line of the user's file that caused them.

use std::sync::Arc;

use crate::database::DatabaseError;
use crate::database::history::Failure;
use crate::diagnostic::{Diagnostic, Location, SourceFile};
use crate::manifest::Sql;
use crate::secret::Secrets;

/// What stands in place of a code of PostgreSQL's where what is missing is yet to be published.
pub(super) const NOT_PUBLISHED: &str = "not-published";

/// The error of a statement made from `sql`, as a diagnostic at the user's own line and column.
pub fn sql_problem(error: &DatabaseError, sql: &Sql, file: &Arc<SourceFile>) -> Diagnostic {
    let place = error.place.and_then(|place| sql.locate(place.character));
    located(error, place.unwrap_or_else(|| Location::start_of(file)))
}

/// The same, where the place is known.
pub fn located(error: &DatabaseError, place: Location) -> Diagnostic {
    let code = code(error);
    let (message, rows) = match code {
        // The detail is the row that broke it, or what stood there.
        "constraint" | "bad-value" => (error.message.clone(), error.detail.clone()),
        _ => (error.to_string(), None),
    };
    Diagnostic::error(code, message).at(place).maybe_hint(hint(error)).rows(rows)
}

/// Words for the classes of PostgreSQL's codes that a model's author meets.
pub fn code(error: &DatabaseError) -> &'static str {
    match error.code.as_deref().unwrap_or_default() {
        // PostgreSQL gives all objects that it has no other code for this one.
        "42704" if error.message.starts_with("type ") => "unknown-type",
        "42P01" => "unknown-relation",
        NOT_PUBLISHED => NOT_PUBLISHED,
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

/// A problem as one line, for the history: without secrets and without what the data has, for who reads the
/// history may see prod only.
pub(super) fn one_line(problem: &Diagnostic, secrets: &Secrets) -> String {
    let message = match problem.code {
        "bad-value" | "bad-row" => without_value(&problem.message),
        _ => problem.message.clone(),
    };
    let mut text = match &problem.location {
        Some(place) => format!("{place}: {message}"),
        None => message,
    };
    if let Some(hint) = &problem.hint {
        text.push_str(&format!(" ({hint})"));
    }
    secrets.hide(&text)
}

/// PostgreSQL's words about a value end with it: `invalid input syntax for type integer: "x"`.
fn without_value(message: &str) -> String {
    match message.find(": \"") {
        Some(at) => format!("{}: \"…\"", &message[..at]),
        None => message.to_owned(),
    }
}

impl Failure {
    pub(super) fn of(step: &str, problem: &Diagnostic, secrets: &Secrets) -> Self {
        let (error, excerpt) = (one_line(problem, secrets), excerpt(problem, secrets));
        Self { step: step.to_owned(), error, excerpt }
    }
}

/// The lines around the place of a problem, for the history.
pub(super) fn excerpt(problem: &Diagnostic, secrets: &Secrets) -> Option<String> {
    problem.excerpt().map(|text| secrets.hide(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_has_nothing_of_the_data() {
        let stored = |problem: Diagnostic| one_line(&problem, &Secrets::of(&Default::default()));
        let problem = Diagnostic::error("test-failed", "unique_a found 1 row").hint("all of them: select 1");
        let problem = problem.rows(Some("for example {\"email\":\"a@b\"}".into()));
        assert_eq!(stored(problem), "unique_a found 1 row (all of them: select 1)");
        let value = "a.csv, row 2, column n: invalid input syntax for type integer: \"12,5\"";
        assert_eq!(
            stored(Diagnostic::error("bad-row", value)),
            "a.csv, row 2, column n: invalid input syntax for type integer: \"…\""
        );
        assert_eq!(stored(Diagnostic::error("bad-value", "division by zero")), "division by zero");
    }

    #[test]
    fn a_server_without_room_says_what_to_do() {
        let file = Arc::new(SourceFile { path: "models/stage/a.sql".into(), text: "select 1 as a".into() });
        let told = |code: &str, message: &str| {
            located(&DatabaseError::of_code(code, message), Location::start_of(&file)).render(false)
        };
        insta::assert_snapshot!(told("53200", "out of shared memory"), @r#"
        error[too-many-locks]: out of shared memory
         --> models/stage/a.sql:1:1
          |
        1 | select 1 as a
          | ^
          |
          = help: the server's table of locks is full: raise max_locks_per_transaction in its configuration (it needs a restart), or run in parts with --select
        "#);
        insta::assert_snapshot!(told("53100", "could not extend file \"base/1/2\": No space left on device"), @r#"
        error[disk-full]: could not extend file "base/1/2": No space left on device
         --> models/stage/a.sql:1:1
          |
        1 | select 1 as a
          | ^
          |
          = help: make room on the database's disk; what this run made is dropped by the next one
        "#);
    }
}
