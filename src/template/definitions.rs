//! The macros and generic tests that a file defines: what they are called, what they take, where they stand.

use std::ops::Range;

use super::scan::{Tag, TagKind, identifiers, split, tags};

/// A macro or generic test from its first tag to its last.
pub(super) struct Definition {
    /// Of a generic test `test_<name>`.
    pub name: String,
    pub is_test: bool,
    pub parameters: Vec<String>,
    /// How many of them have no default; those come first.
    pub required: usize,
    /// Whether it calls `return(…)`: what comes out is a value, not only text.
    pub returns: bool,
    pub start: Tag,
    pub end: Tag,
}

impl Definition {
    pub fn whole(&self) -> Range<usize> {
        self.start.whole.start..self.end.whole.end
    }
}

/// All of a file that are closed, in order.
pub(super) fn definitions(source: &str) -> Vec<Definition> {
    let mut found = Vec::new();
    let mut open: Option<Definition> = None;
    for tag in tags(source) {
        let inner = &source[tag.inner.clone()];
        if let Some(head) = head(inner).filter(|_| tag.kind == TagKind::Statement) {
            let whole = tag.whole.clone();
            let end = Tag { whole: whole.clone(), inner: whole, ..tag };
            open = Some(Definition {
                name: head.name,
                is_test: head.is_test,
                parameters: parameters(head.parameters),
                required: required(head.parameters),
                returns: false,
                start: tag,
                end,
            });
        } else if matches!(inner.trim(), "endmacro" | "endtest" | "enddata_test")
            && let Some(definition) = open.take()
        {
            found.push(Definition { end: tag, ..definition });
        } else if let Some(definition) = &mut open
            && tag.kind != TagKind::Verbatim
        {
            definition.returns |=
                identifiers(source, tag.inner.clone()).any(|word| &source[word] == "return");
        }
    }
    found
}

struct Head<'a> {
    name: String,
    is_test: bool,
    /// What stands between the brackets.
    parameters: &'a str,
}

/// `macro name(parameters)` or `test name(parameters)`, as the inside of a tag.
fn head(inner: &str) -> Option<Head<'_>> {
    let inner = inner.trim();
    let (word, rest) = inner.split_once(char::is_whitespace)?;
    let is_test = match word {
        "macro" => false,
        "test" | "data_test" => true,
        _ => return None,
    };
    let (open, close) = (rest.find('(')?, rest.rfind(')')?);
    let prefix = if is_test { "test_" } else { "" };
    let name = format!("{prefix}{}", rest[..open].trim());
    (open < close).then(|| Head { name, is_test, parameters: &rest[open + 1..close] })
}

fn parameters(text: &str) -> Vec<String> {
    let written = split(text, 0..text.len()).into_iter().map(|part| &text[part]);
    written.map(|part| part.split_once('=').map_or(part, |(name, _)| name).trim().to_owned()).collect()
}

fn required(text: &str) -> usize {
    split(text, 0..text.len()).into_iter().take_while(|part| !text[part.clone()].contains('=')).count()
}
