//! The words of an expression: calls of functions, filters and macros, `this`, and what tera spells otherwise.

use std::ops::Range;

use super::super::scan::{close_bracket, end_of_string, identifier_end, skip_spaces, split};
use super::Rewriter;

/// Functions that dbt calls by position, and their parameters' names here.
const FUNCTIONS: &[(&str, &[&str])] = &[
    ("ref", &["name", "model"]),
    ("source", &["source", "name"]),
    ("var", &["name", "default"]),
    ("env_var", &["name", "default"]),
    ("literal", &["value"]),
    ("range", &["end"]),
];

/// Filters likewise.
const FILTERS: &[(&str, &[&str])] = &[
    ("default", &["value", "boolean"]),
    ("join", &["sep"]),
    ("replace", &["from", "to"]),
    ("round", &["precision", "method"]),
    ("split", &["pat"]),
    ("truncate", &["length"]),
    ("indent", &["width"]),
    ("get", &["key", "default"]),
];

/// Words that a bracket may follow: `not (a or b)` is no call.
const NOT_CALLED: &[&str] = &["this", "not", "and", "or", "in", "is", "if", "elif", "else"];

impl Rewriter<'_> {
    /// Rewrites an expression: strings stay, each word is looked at.
    pub(super) fn expression(&mut self, range: Range<usize>) {
        let bytes = self.source.as_bytes();
        let mut at = range.start;
        let mut copied = range.start;
        let mut previous = b' ';
        while at < range.end {
            let byte = bytes[at];
            if matches!(byte, b'\'' | b'"' | b'`') {
                at = end_of_string(bytes, at, byte).min(range.end);
                previous = byte;
                continue;
            }
            if byte == b'}' && bytes.get(at + 1) == Some(&b'}') {
                // To tera the end of two maps would be the end of the tag.
                self.copy(copied..at + 1);
                self.insert(" ", at + 1);
                copied = at + 1;
            }
            if !(byte.is_ascii_alphabetic() || byte == b'_') {
                if !byte.is_ascii_whitespace() {
                    previous = byte;
                }
                at += if byte.is_ascii_digit() { identifier_end(bytes, at) - at } else { 1 };
                continue;
            }
            let end = identifier_end(bytes, at).min(range.end);
            if let Some(after) = self.word(at..end, previous, copied, range.end) {
                at = after;
                copied = after;
                previous = b')';
            } else {
                at = end;
                previous = b'a';
            }
        }
        self.copy(copied..range.end);
    }

    /// Rewrites what begins with the word at `word`, having copied what stands before it; the place to go
    /// on from, or nothing where the word stays as it is.
    fn word(&mut self, word: Range<usize>, previous: u8, copied: usize, limit: usize) -> Option<usize> {
        let bytes = self.source.as_bytes();
        let name = &self.source[word.clone()];
        let next = skip_spaces(bytes, word.end);
        let called = next < limit && bytes[next] == b'(';
        let close = if called { close_bracket(bytes, next, limit)? } else { next };
        match (previous, called) {
            (b'.', true) if name == "items" && self.source[next + 1..close].trim().is_empty() => {
                // `d.items()`: tera walks a map itself.
                let dot = self.source[..word.start].rfind('.').unwrap_or(word.start);
                self.copy(copied..dot);
                Some(close + 1)
            }
            (b'.', _) => None,
            (_, true) if name == "return" => {
                // What a macro writes is what it returns.
                self.copy(copied..word.start);
                self.expression(next + 1..close);
                Some(close + 1)
            }
            (_, false) if bytes.get(next) == Some(&b'.') && matches!(name, "adapter" | "target") => {
                self.of_object(word, next + 1, copied, limit)
            }
            (_, false) if bytes.get(next) == Some(&b'.') && name != "this" => {
                self.packaged(word, next + 1, copied, limit)
            }
            (b'|', true) => {
                let (_, parameters) = FILTERS.iter().find(|(filter, _)| *filter == name)?;
                self.copy(copied..next + 1);
                self.keywords(name, next + 1..close, parameters);
                self.copy(close..close + 1);
                Some(close + 1)
            }
            (b'|', false) => None,
            (_, true) => self.call(word, next + 1..close, copied),
            (_, false) if name == "this" && bytes.get(next) != Some(&b'=') => {
                self.copy(copied..word.start);
                if bytes.get(next) == Some(&b'.') {
                    let end = identifier_end(bytes, next + 1);
                    let part = self.source[next + 1..end].to_owned();
                    self.insert(&format!("this(part=\"{part}\")"), word.start);
                    Some(end)
                } else {
                    self.insert("this()", word.start);
                    Some(word.end)
                }
            }
            (_, false) if name == "None" => {
                self.copy(copied..word.start);
                self.insert("none", word.start);
                Some(word.end)
            }
            _ => None,
        }
    }

    /// A call of a macro or a function: of the file's own package first, then of the project, then of dbt.
    fn call(&mut self, word: Range<usize>, arguments: Range<usize>, copied: usize) -> Option<usize> {
        let name = &self.source[word.clone()];
        let own = self.package.map(|package| format!("{package}__{name}"));
        for name in own.as_deref().into_iter().chain([name]) {
            if let Some(parameters) = self.signatures.get(name) {
                return Some(self.component(name, copied..word.start, arguments, parameters));
            }
        }
        if NOT_CALLED.contains(&name) {
            return None;
        }
        let function = FUNCTIONS.iter().find(|(known, _)| *known == name);
        let built_in = format!("dbt__{name}");
        if let (None, Some(parameters)) = (function, self.signatures.get(&built_in)) {
            return Some(self.component(&built_in, copied..word.start, arguments, parameters));
        }
        // `range(start=1, …)` and `config(…)` are keyword calls already; their values may still hold calls.
        let parameters: &[&str] = match function {
            Some(_) if name == "range" && split(self.source, arguments.clone()).len() > 1 => {
                &["start", "end", "step_by"]
            }
            Some((_, parameters)) => parameters,
            None => &[],
        };
        self.copy(copied..arguments.start);
        self.keywords(name, arguments.clone(), parameters);
        self.copy(arguments.end..arguments.end + 1);
        Some(arguments.end + 1)
    }
}
