//! The macros and generic tests that a file defines: what they are called, what they take, where they stand.

use std::collections::HashMap;
use std::ops::Range;

use super::super::scan::{Tag, split, tags};

/// Parameter names of a macro, in order.
pub type Signatures = HashMap<String, Vec<String>>;

/// Reads the signatures of all macros and generic tests of a file.
pub fn signatures(source: &str) -> Signatures {
    let mut found = Signatures::new();
    for tag in tags(source) {
        let inner = &source[tag.inner.clone()];
        if let Some((name, parameters)) = definition(inner) {
            let names = split(parameters, 0..parameters.len())
                .into_iter()
                .map(|part| parameters[part].split('=').next().unwrap_or_default().trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect();
            found.insert(name, names);
        }
    }
    found
}

/// The signatures of a package's file.
pub(in crate::template) fn signatures_of(source: &str, package: &str) -> Signatures {
    let named = |name: String| match name.strip_prefix("test_") {
        Some(test) if !source.contains(&format!("macro {name}")) => format!("test_{package}__{test}"),
        _ => format!("{package}__{name}"),
    };
    signatures(source).into_iter().map(|(name, parameters)| (named(name), parameters)).collect()
}

/// The tag that defines a macro.
pub fn place_of_macro(source: &str, name: &str) -> Option<Range<usize>> {
    let mut tags = tags(source).into_iter();
    let found =
        tags.find(|tag| definition(&source[tag.inner.clone()]).is_some_and(|(defined, _)| defined == name));
    found.map(|tag| tag.whole)
}

/// A macro or generic test from its first tag to its last.
pub(in crate::template) struct Definition {
    pub name: String,
    pub start: Tag,
    pub end: Tag,
}

/// All of a file that are closed, in order.
pub(in crate::template) fn definitions(source: &str) -> Vec<Definition> {
    let mut found = Vec::new();
    let mut open: Option<(String, Tag)> = None;
    for tag in tags(source) {
        let inner = &source[tag.inner.clone()];
        if let Some((name, _)) = definition(inner) {
            open = Some((name, tag));
        } else if matches!(inner.trim(), "endmacro" | "endtest" | "enddata_test")
            && let Some((name, start)) = open.take()
        {
            found.push(Definition { name, start, end: tag });
        }
    }
    found
}

/// `macro name(parameters)` or `test name(parameters)`, as the inside of a tag.
pub(in crate::template) fn definition(inner: &str) -> Option<(String, &str)> {
    let inner = inner.trim();
    let (word, rest) = inner.split_once(char::is_whitespace)?;
    let prefix = match word {
        "macro" => "",
        "test" | "data_test" => "test_",
        _ => return None,
    };
    let open = rest.find('(')?;
    let close = rest.rfind(')')?;
    (open < close).then(|| (format!("{prefix}{}", rest[..open].trim()), &rest[open + 1..close]))
}
