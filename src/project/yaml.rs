//! YAML as the project's files are written: `true` and `false` are the only booleans, so that a country `NO`
//! or a value `y` stays text; each part can be placed in its file.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_yaml::Spanned;

use crate::diagnostic::{Diagnostic, Location, SourceFile};

/// Reads one document. Comments are for people: a file may have more of them than a parser would keep.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, serde_yaml::Error> {
    let options = serde_yaml::options! { strict_booleans: true, emit_comments: false };
    serde_yaml::from_str_with_options(text, options)
}

/// Reads one document as dbt does: of a key that is written twice in one map, the last one holds. A warning
/// says so.
pub fn read_as_dbt<T: DeserializeOwned>(
    file: &Arc<SourceFile>,
) -> Result<(T, Option<Diagnostic>), serde_yaml::Error> {
    use serde_yaml::DuplicateKeyPolicy::LastWins;
    let error = match read(&file.text) {
        Ok(value) => return Ok((value, None)),
        Err(error) => error,
    };
    if !error.without_snippet().to_string().starts_with("duplicate mapping key") {
        return Err(error);
    }
    let options = serde_yaml::options! {
        strict_booleans: true, emit_comments: false, duplicate_keys: LastWins
    };
    let value = serde_yaml::from_str_with_options(&file.text, options)?;
    let place = problem(file, &error).location.unwrap_or_else(|| Location::start_of(file));
    let key = file.text.get(place.span.clone()).unwrap_or_default().trim().trim_end_matches(':').to_owned();
    let warning =
        Diagnostic::warning("duplicate-key", format!("`{key}` is written twice here: the last one holds"));
    Ok((value, Some(warning.at(place).hint("take the other one out"))))
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
