//! The macros and generic tests that a file defines: what they are called, what they take, where they stand.

use std::collections::HashMap;
use std::ops::Range;

use super::super::scan::{Tag, TagKind, split, tags};

/// What is known of macros from outside, by their names.
pub type Signatures = HashMap<String, Signature>;

/// How a macro is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// Names, in order.
    pub parameters: Vec<String>,
    /// What each is where a call does not say it, as an expression. A component would refuse any value of
    /// another type than its own default's, so callers fill them in.
    pub defaults: Vec<Option<String>>,
    /// Whether it calls `return(…)`: what comes out is a value, not only text.
    pub returns: bool,
}

/// Reads the signatures of all macros and generic tests of a file.
pub fn signatures(source: &str) -> Signatures {
    let mut found = Signatures::new();
    let mut open = None;
    for tag in tags(source) {
        let inner = &source[tag.inner.clone()];
        if let Some((name, parameters)) = definition(inner) {
            let written = split(parameters, 0..parameters.len());
            let parts = written.into_iter().map(|part| &parameters[part]);
            let parts = parts.map(|part| part.split_once('=').unwrap_or((part, "")));
            let default = |text: &str| (!text.is_empty()).then(|| expression(text));
            let (parameters, defaults) =
                parts.map(|(name, value)| (name.trim().to_owned(), default(value.trim()))).unzip();
            // What a test returns is its query, and that is text.
            open = inner.trim_start().starts_with("macro").then(|| name.clone());
            found.insert(name, Signature { parameters, defaults, returns: false });
        } else if tag.kind != TagKind::Verbatim
            && calls_return(inner)
            && let Some(signature) = open.as_ref().and_then(|name| found.get_mut(name))
        {
            signature.returns = true;
        }
    }
    found
}

/// An expression as tera has it.
fn expression(text: &str) -> String {
    if !text.contains(['(', '{']) {
        return text.to_owned();
    }
    let whole = super::macros(&format!("{{{{ {text} }}}}"), &Signatures::new()).text;
    whole.trim_start_matches("{{ ").trim_end_matches(" }}").to_owned()
}

impl Signature {
    /// The defaults of what a call does not say, as attributes of a component.
    pub fn unsaid(&self, is_said: impl Fn(&str) -> bool) -> String {
        let all = self.parameters.iter().zip(&self.defaults);
        let unsaid = all.filter(|(name, _)| !is_said(name));
        let attribute = |(name, default): (&String, &Option<String>)| {
            let default = default.as_ref()?;
            // To tera the end of two maps would be the end of the tag.
            let space = if default.ends_with('}') { " " } else { "" };
            Some(format!(" {name}={{{default}{space}}}"))
        };
        unsaid.filter_map(attribute).collect()
    }
}

/// A `return(` in a text counts, too: to take a macro for one that returns does no harm.
fn calls_return(inner: &str) -> bool {
    inner.match_indices("return").any(|(at, word)| {
        let before = inner[..at].chars().next_back().unwrap_or(' ');
        let after = inner[at + word.len()..].trim_start();
        after.starts_with('(') && !before.is_alphanumeric() && before != '_'
    })
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
