//! What went wrong with a source, as a sentence for the person who has to mend it. Never holds a secret:
//! addresses enter a message only through [`super::Location`]'s redacted form.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::RowPlace;

/// A source that cannot be found, fetched or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// What happened, and to which file, row and column.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The row, where one row is to blame.
    pub place: Option<RowPlace>,
}

impl SourceError {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, place: None }
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn with_place(mut self, place: RowPlace) -> Self {
        self.place = Some(place);
        self
    }

    /// `what` is the attempt in words: "data/a.csv cannot be opened".
    pub(super) fn io(what: impl std::fmt::Display, error: &std::io::Error) -> Self {
        let made = Self::new(format!("{what}: {error}"));
        match error.kind() {
            std::io::ErrorKind::PermissionDenied => made.with_hint("give the user who runs elt access to it"),
            std::io::ErrorKind::StorageFull => made.with_hint("make room on that disk"),
            _ => made,
        }
    }
}

/// "`a`", or "`a` and 2 others", or "`a`, `b` and `c`": names in a message, never a page of them.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{}`", name.escape_debug())).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] if first.len() < 12 => format!("{} and {last}", first.join(", ")),
        many => format!("{} and {} others", many[..10].join(", "), many.len() - 10),
    }
}

/// The known name that `name` was probably meant to be.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.trim().to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &candidate.trim().to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What a library makes of bytes that may make no sense; nothing where it panics over them. What `work` had in
/// hand must not be used after that: it may be half changed.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}
