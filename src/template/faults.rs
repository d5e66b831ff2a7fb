//! What is wrong with a template, told at the author's own place.

use std::sync::Arc;

use std::error::Error as _;

use minijinja::{Error, ErrorKind};

use super::engine::UNDEFINED;
use super::prepare::Prepared;
use super::state::Hint;
use super::{Library, python, settle, unknown};
use crate::diagnostic::{Diagnostic, Location, SourceFile, did_you_mean};

/// The filters and tests of jinja2, to be told the nearest of.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "as_bool",
    "as_native",
    "as_number",
    "as_text",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "center",
    "count",
    "default",
    "dictsort",
    "escape",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "wordcount",
];
pub(super) const TESTS: &[&str] = &[
    "boolean",
    "callable",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "even",
    "false",
    "float",
    "ge",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

/// Where the problems of a text are shown.
pub(super) enum Placing {
    /// In a file, which was prepared so.
    In(Arc<SourceFile>, Prepared),
    At(Location),
    /// In the macro that is called, of this name.
    Macro(Arc<SourceFile>, String),
}

impl Placing {
    pub fn diagnose(&self, library: &Library, error: &Error) -> Diagnostic {
        match self {
            Self::In(file, prepared) => library.diagnose(error, file, Some(prepared)),
            Self::At(place) => library.diagnose_at(error, place),
            Self::Macro(call, name) => {
                let mut problem = library.diagnose(error, call, None);
                if problem.location.as_ref().is_some_and(|place| place.file.path == call.path) {
                    problem.location = library.macro_place(name);
                }
                problem
            }
        }
    }
}

impl Library {
    /// A macro that there is not. Who asks knows where the name stands.
    pub(super) fn unknown_macro(&self, name: &str) -> Diagnostic {
        let known = self.macros.names().filter(|known| !known.starts_with("test_"));
        // Those of packages are called with a dot.
        let known: Vec<String> = match name.contains('.') {
            true => known.map(|known| known.replacen("__", ".", 1)).collect(),
            false => known.map(str::to_owned).collect(),
        };
        let problem = Diagnostic::error("unknown-macro", format!("there is no macro `{name}`"));
        problem.maybe_hint(did_you_mean(name, known.iter().map(String::as_str)))
    }

    /// Makes an error of minijinja's a diagnostic of the place that asked.
    pub(super) fn diagnose_at(&self, error: &Error, place: &Location) -> Diagnostic {
        let mut diagnostic = self.diagnose(error, &place.file, None);
        diagnostic.location = Some(place.clone());
        diagnostic
    }

    /// Makes an error of minijinja's a diagnostic at the author's own place: in `file`, prepared as `own`, or in the
    /// macro that it happened in.
    pub(super) fn diagnose(
        &self,
        error: &Error,
        file: &Arc<SourceFile>,
        own: Option<&Prepared>,
    ) -> Diagnostic {
        let error = innermost(error);
        let place = self.place(error, file, own).unwrap_or_else(|| Location::start_of(file));
        let (message, hint) = self.words(error, &place);
        Diagnostic::error("template", strip_marks(&message)).at(place).maybe_hint(hint)
    }

    fn place(&self, error: &Error, file: &Arc<SourceFile>, own: Option<&Prepared>) -> Option<Location> {
        let name = error.name()?;
        let Some(range) = error.range() else {
            // Of a call whose arguments look something up minijinja does not know where it stands.
            let (_, called) = python::missing_method(error.detail()?)?;
            let file = self.macros.get(name).map_or(file, |entry| &entry.file);
            return Some(Location::new(file, only_call(&file.text, called)?));
        };
        let (file, range) = match self.macros.get(name).zip(self.macros.prepared(name)) {
            Some((entry, prepared)) => (&entry.file, prepared.range_of(range)),
            None => (file, own?.range_of(range)),
        };
        Some(Location::new(file, chain_start(&file.text, range.start)..range.end))
    }

    /// What to say, and what to do about it.
    fn words(&self, error: &Error, place: &Location) -> (String, Option<String>) {
        let hint = error.source().and_then(|source| source.downcast_ref::<Hint>()).map(|hint| hint.0.clone());
        let detail = error.detail().unwrap_or_default();
        let named = |suffix: &str| detail.strip_suffix(suffix).map(str::to_owned);
        match error.kind() {
            ErrorKind::InvalidOperation if detail == UNDEFINED => {
                let written = place.file.text.get(place.span.clone()).unwrap_or_default();
                let written =
                    written.trim().trim_start_matches("{{").trim_end_matches("}}").trim_matches(['-', ' ']);
                let called = error.name().and_then(|name| self.macros.get(name));
                match called.filter(|called| called.takes(written)) {
                    Some(_) => {
                        let hint = "give it where the macro is called, or a default where it is defined";
                        (format!("the macro is called without `{written}`"), Some(hint.to_owned()))
                    }
                    None => (format!("`{written}` is not defined"), hint),
                }
            }
            ErrorKind::InvalidOperation if detail == "recursion limit exceeded" => {
                let hint = "about 80 calls may be open at once; walk over a list instead";
                ("macros call each other too deep".to_owned(), Some(hint.to_owned()))
            }
            ErrorKind::InvalidOperation if !detail.is_empty() => (detail.to_owned(), hint),
            ErrorKind::UnknownFunction => match named(" is unknown") {
                Some(name) => {
                    let (message, hint) = unknown::told(&self.macros, &name);
                    (message, Some(hint))
                }
                None => (plain_message(error), hint),
            },
            ErrorKind::UnknownFilter | ErrorKind::UnknownTest => {
                let mut said = detail.split(' ');
                let (kind, name) = (said.next().unwrap_or("filter"), said.next().unwrap_or_default());
                let known = if kind == "filter" { FILTERS } else { TESTS };
                (format!("there is no {kind} `{name}`"), did_you_mean(name, known.iter().copied()).or(hint))
            }
            ErrorKind::UnknownMethod => {
                let (message, near) = python::unknown_method(detail);
                let written = place.file.text.get(place.span.clone()).unwrap_or_default();
                match written.split_once('.').filter(|_| detail.starts_with("undefined")) {
                    Some((object, _)) if object.chars().all(|c| c.is_alphanumeric() || c == '_') => (
                        format!("there is no package `{object}`, and no value of this name"),
                        Some("packages are named in packages.yml; `elt deps` brings them in".to_owned()),
                    ),
                    _ => (message, near),
                }
            }
            _ => (plain_message(error), hint),
        }
    }
}

/// The only place where a method of this name is called, with what it is called of.
fn only_call(text: &str, name: &str) -> Option<std::ops::Range<usize>> {
    let call = format!(".{name}(");
    let mut found = text.match_indices(&call).map(|(at, _)| at);
    let at = found.next().filter(|_| found.next().is_none())?;
    Some(chain_start(text, at)..at + call.len() - 1)
}

/// Whether a value is missing where one is written.
pub(super) fn is_undefined(error: &Error) -> bool {
    let error = innermost(error);
    error.detail() == Some(UNDEFINED) || error.kind() == ErrorKind::UndefinedError
}

/// Of `.b` or `[0]` at `at`, where the expression begins that it is a part of.
fn chain_start(text: &str, at: usize) -> usize {
    let mut start = at;
    let bytes = text.as_bytes();
    if !matches!(bytes.get(at), Some(b'.' | b'[' | b'(')) {
        return at;
    }
    while start > 0 {
        start = match bytes[start - 1] {
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') => start - 1,
            b')' | b']' => match open_bracket(bytes, start - 1) {
                Some(open) => open,
                None => break,
            },
            quote @ (b'\'' | b'"') => match text[..start - 1].rfind(quote as char) {
                Some(open) => open,
                None => break,
            },
            _ => break,
        };
    }
    start
}

/// Where the bracket opens that closes at `close`.
fn open_bracket(bytes: &[u8], close: usize) -> Option<usize> {
    let mut depth = 0usize;
    for at in (0..=close).rev() {
        match bytes[at] {
            b')' | b']' | b'}' => depth += 1,
            b'(' | b'[' | b'{' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The error that others were made of: what went wrong in a macro is told there.
fn innermost(error: &Error) -> &Error {
    let mut found = error;
    while let Some(inner) = found.source().and_then(|source| source.downcast_ref::<Error>()) {
        found = inner;
    }
    found
}

/// What an error says, without its place.
fn plain_message(error: &Error) -> String {
    match error.detail() {
        Some(detail) if error.kind() == ErrorKind::SyntaxError => detail.to_owned(),
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

fn strip_marks(text: &str) -> String {
    settle(text, |_, _| "…".to_owned()).0
}
