//! YAML as the project's files are written: `true` and `false` are the only booleans, so that a country `NO`
//! or a value `y` stays text; each part can be placed in its file.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_yaml::Spanned;

use crate::diagnostic::{Diagnostic, Location, SourceFile};

/// Reads one document.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, serde_yaml::Error> {
    let options = serde_yaml::options! { strict_booleans: true };
    serde_yaml::from_str_with_options(text, options)
}

/// Where a value stands: its first line.
pub fn place<T>(file: &Arc<SourceFile>, value: &Spanned<T>) -> Location {
    let span = value.referenced.span();
    let start = span.byte_offset().unwrap_or(0) as usize;
    let length = span.byte_len().unwrap_or(0) as usize;
    let end = (start + length).min(file.text.len());
    let text = file.text.get(start..end).unwrap_or_default();
    Location::new(file, start..start + text.lines().next().unwrap_or_default().len())
}

/// A YAML problem at its own place, in one sentence.
pub fn problem(file: &Arc<SourceFile>, error: &serde_yaml::Error) -> Diagnostic {
    let plain = error.without_snippet();
    let message = plain.to_string();
    let message = message.lines().next().unwrap_or("this is not the YAML expected here").trim().to_owned();
    let start = error.location().and_then(|at| at.span().byte_offset()).unwrap_or(0) as usize;
    let length = error.location().and_then(|at| at.span().byte_len()).unwrap_or(1) as usize;
    let end = (start + length.max(1)).min(file.text.len());
    Diagnostic::error("yaml", message).at(Location::new(file, start.min(end)..end))
}
