//! What a template names that there is not: told with the nearest name, or with what serves instead.

use std::ops::Range;

use super::super::scan::{close_bracket, identifier_end, skip_spaces};
use super::words::FUNCTIONS;
use super::{Problem, Rewriter};
use crate::diagnostic::did_you_mean;

/// Those of [`REFUSED`] that are no functions.
const VALUES: &[&str] = &["run_started_at", "invocation_id", "dbt_version"];

/// Words of dbt that elt does not have, and what serves instead.
const REFUSED: &[(&str, &str)] = &[
    (
        "statement",
        "write `{% call statement('name', fetch_result=true) %}…{% endcall %}`, or `run_query('…')`",
    ),
    ("caller", "pass the text as an argument: `{% set body %}…{% endset %}`"),
    ("run_started_at", "write `now()`: in PostgreSQL it is the time at which the transaction began"),
    ("invocation_id", "the runs are in the table `elt.runs`; a load keeps its own by `metadata=['_run_id']`"),
    ("dbt_version", "elt has none of dbt's versions"),
    ("fromyaml", "write the value itself, or `fromjson('…')`"),
    ("local_md5", "write `md5('…')` in SQL"),
    ("cycler", "count with `loop.index`"),
    ("joiner", "write `{% if not loop.last %}, {% endif %}`, or `names | join(', ')`"),
];

const ADAPTER: &str = "there are `adapter.get_columns_in_relation`, `get_relation`, `quote` and `dispatch`; for \
                       anything else ask with `run_query('…')`";

/// Objects of dbt, and what serves instead of what they know.
const OBJECTS: &[(&str, &str)] = &[
    ("adapter", ADAPTER),
    ("api", "write the SQL, or a macro of your own in macros/"),
    ("config", "what a model configures is not known while it is compiled: keep the value in `vars:`"),
    ("exceptions", "there are `exceptions.raise_compiler_error('…')` and `exceptions.warn('…')`"),
    ("flags", "a model must not depend on how it is run; `is_incremental()` knows of a full refresh"),
    ("graph", "a model is compiled by itself; `elt ls --json` and `elt docs` tell of the others"),
    ("model", "`this.name` and `this.schema` are known"),
    (
        "modules",
        "a template has no clock and no Python: write `now()`, `current_date` or `to_char(…)` in SQL",
    ),
];

/// Functions that are called with keywords alone.
const KEYWORD_FUNCTIONS: &[&str] = &["config", "is_incremental", "namespace", "dict"];

impl Rewriter<'_> {
    /// A call of what is neither a macro nor a function.
    pub(super) fn unknown_call(&mut self, name: &str, span: Range<usize>) {
        let message = format!("there is no macro or function `{name}`");
        let own = self.package.map(|package| format!("{package}__{name}"));
        if let Some((_, instead)) = REFUSED.iter().find(|(word, _)| *word == name) {
            return self.problem(span, message, *instead);
        }
        let functions = FUNCTIONS.iter().map(|(known, _)| *known).chain(KEYWORD_FUNCTIONS.iter().copied());
        let macros = self.signatures.keys().filter(|known| !known.starts_with("test_"));
        let bare = macros.map(|known| known.strip_prefix("dbt__").unwrap_or(known));
        let mut known: Vec<&str> = bare.filter(|known| !known.contains("__")).chain(functions).collect();
        known.sort_unstable();
        let near = did_you_mean(name, known);
        let hint = near.unwrap_or_else(|| "write the SQL, or a macro of your own in macros/".into());
        self.out.problems.push(Problem { span, message, hint, called: own });
    }

    pub(super) fn is_function(name: &str) -> bool {
        KEYWORD_FUNCTIONS.contains(&name) || FUNCTIONS.iter().any(|(known, _)| *known == name)
    }

    /// Tells of a word of dbt that stands for a value which elt does not have.
    pub(super) fn refuses(&mut self, name: &str, span: Range<usize>) -> bool {
        let refused = REFUSED.iter().find(|(word, _)| *word == name && VALUES.contains(word));
        if let Some((_, instead)) = refused {
            self.problem(span, format!("there is no `{name}`"), *instead);
        }
        refused.is_some()
    }

    /// Copies what hangs on something unknown, e.g. `.columns[0].values()`, unread: one problem is enough.
    pub(super) fn skipped(&mut self, copied: usize, end: usize, limit: usize) -> usize {
        let bytes = self.source.as_bytes();
        let mut end = end;
        loop {
            let next = skip_spaces(bytes, end);
            let after = match bytes.get(next).filter(|_| next < limit) {
                Some(b'.') => Some(identifier_end(bytes, next + 1)),
                Some(b'(' | b'[') => close_bracket(bytes, next, limit).map(|close| close + 1),
                _ => None,
            };
            match after {
                Some(after) => end = after,
                None => break,
            }
        }
        self.copy(copied..end);
        end
    }

    /// Whether `name` is an object of dbt.
    pub(super) fn is_object(name: &str) -> bool {
        matches!(name, "target" | "builtins") || OBJECTS.iter().any(|(object, _)| *object == name)
    }

    /// A part of one of dbt's objects that elt does not have.
    pub(super) fn unknown_part(&mut self, object: &str, part: &str, span: Range<usize>) {
        let instead =
            OBJECTS.iter().find(|(known, _)| *known == object).map_or(ADAPTER, |(_, instead)| *instead);
        self.problem(span, format!("there is no `{object}.{part}`"), instead);
    }

    /// `package.macro(…)`, which the package does not have.
    pub(super) fn unknown_macro(&mut self, package: &str, name: &str, span: Range<usize>) {
        let message = format!("elt has no macro `{package}.{name}`");
        let known = self.signatures.keys().filter_map(|known| known.strip_prefix(&format!("{package}__")));
        let hint = did_you_mean(name, known)
            .unwrap_or_else(|| "write the SQL, or a macro of your own in macros/".into());
        let called = Some(format!("{package}__{name}"));
        self.out.problems.push(Problem { span, message, hint, called });
    }
}
