//! The words of an expression: calls of functions, filters and macros, `this`, and what tera spells otherwise.

use std::ops::Range;

use super::super::scan::{close_bracket, end_of_string, identifier_end, skip_spaces, split};
use super::Rewriter;
use super::texts::joining;

/// Functions that dbt calls by position, and their parameters' names here.
pub(super) const FUNCTIONS: &[(&str, &[&str])] = &[
    ("ref", &["name", "model"]),
    ("source", &["source", "name"]),
    ("var", &["name", "default"]),
    ("env_var", &["name", "default"]),
    ("literal", &["value"]),
    ("range", &["end"]),
    ("throw", &["message"]),
    ("log", &["msg", "info"]),
    ("print", &["msg"]),
    ("tojson", &["value", "default", "sort_keys"]),
    ("toyaml", &["value", "default", "sort_keys"]),
    ("fromjson", &["string", "default"]),
    ("zip", &["first", "second", "third", "fourth"]),
    ("set", &["items", "default"]),
    ("run_query", &["sql"]),
    ("load_result", &["name"]),
    ("load_relation", &["relation"]),
    ("elt_relation", &["schema", "identifier"]),
    ("elt_told", &["relation"]),
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
    ("map", &["filter"]),
    ("sum", &["attribute"]),
    ("selectattr", &["attribute", "test", "value"]),
    ("rejectattr", &["attribute", "test", "value"]),
];

/// What stands before a word that names a test.
const TEST: u8 = b'i';

/// Words that a bracket may follow: `not (a or b)` is no call.
const NOT_CALLED: &[&str] = &["this", "not", "and", "or", "in", "is", "if", "elif", "else"];

impl Rewriter<'_> {
    /// Rewrites an expression: strings stay, each word is looked at.
    pub(super) fn expression(&mut self, range: Range<usize>) {
        let bytes = self.source.as_bytes();
        let mut at = range.start;
        let mut copied = range.start;
        let mut previous = b' ';
        // Of each open bracket, how many `if` still lack their `else`.
        let mut choices = vec![0];
        let first_word = skip_spaces(bytes, range.start);
        let joining = joining(self.source, range.clone());
        while at < range.end {
            let byte = bytes[at];
            if matches!(byte, b')' | b']' | b'}' | b',') && choices.last().is_some_and(|lacking| *lacking > 0)
            {
                self.copy(copied..at);
                copied = at;
                self.or_nothing(&mut choices, at);
            }
            if byte == b'+' && joining.contains(&at) {
                self.copy(copied..at);
                self.insert("~", at);
                copied = at + 1;
            }
            match byte {
                b'(' | b'[' | b'{' => choices.push(0),
                b')' | b']' | b'}' if choices.len() > 1 => drop(choices.pop()),
                _ => {}
            }
            if matches!(byte, b'\'' | b'"' | b'`') {
                at = end_of_string(bytes, at, byte).min(range.end);
                previous = byte;
                continue;
            }
            if byte == b'{'
                && let Some(after) = self.map_of_names(at, copied, range.end)
            {
                choices.pop();
                (at, copied, previous) = (after, after, b'}');
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
            let (at_word, end) = (at, identifier_end(bytes, at).min(range.end));
            if let Some(after) = self.word(at..end, previous, copied, range.end) {
                at = after;
                copied = after;
                previous = b')';
            } else {
                at = end;
                match (&self.source[at_word..end], choices.last_mut()) {
                    // At the beginning it is a statement's own word.
                    ("if", Some(lacking)) if at_word > first_word => *lacking += 1,
                    ("else", Some(lacking)) => *lacking = lacking.saturating_sub(1),
                    _ => {}
                }
                // Behind `is` stands a test: `x is divisible_by(3)` calls no function.
                previous = match &self.source[at_word..end] {
                    "is" => TEST,
                    "not" if previous == TEST => TEST,
                    _ => b'a',
                };
            }
        }
        self.copy(copied..range.end);
        self.or_nothing(&mut choices, range.end);
    }

    /// `x if y` is nothing where `y` is not; to tera each `if` has an `else`.
    fn or_nothing(&mut self, choices: &mut [usize], at: usize) {
        if let Some(lacking) = choices.last_mut() {
            let instead = " else \"\"".repeat(std::mem::take(lacking));
            if !instead.is_empty() {
                self.insert(&instead, at);
            }
        }
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
            (b'.', true) => Some(self.method(word, next + 1..close, copied)),
            (b'.', false) => self.part_of_call(word, copied),
            (TEST, _) => {
                let none = (name == "None").then_some(word.end)?;
                self.copy(copied..word.start);
                self.insert("none", word.start);
                Some(none)
            }
            (_, true) if name == "return" => {
                // What a test writes is what it returns.
                self.copy(copied..word.start);
                if self.in_macro {
                    self.insert("elt_return(value=(", word.start);
                }
                self.expression(next + 1..close);
                if self.in_macro {
                    let empty = self.source[next + 1..close].trim().is_empty();
                    self.insert(if empty { "none))" } else { "))" }, close);
                }
                Some(close + 1)
            }
            (_, false) if bytes.get(next) == Some(&b'.') && Self::is_object(name) => {
                self.of_object(word, next + 1, copied, limit)
            }
            (_, false) if bytes.get(next) == Some(&b'.') && name != "this" => {
                if self.refuses(name, word.clone()) {
                    return Some(self.skipped(copied, word.end, limit));
                }
                self.packaged(word, next + 1, copied, limit)
            }
            (b'|', true) => {
                let (_, parameters) = FILTERS.iter().find(|(filter, _)| *filter == name)?;
                self.copy(copied..next + 1);
                self.keywords(name, next + 1..close, parameters, false);
                self.copy(close..close + 1);
                Some(close + 1)
            }
            (b'|', false) => None,
            (_, true) => self.call(word, next + 1..close, copied, limit),
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
            (_, false) if bytes.get(next) == Some(&b'=') && bytes.get(next + 1) != Some(&b'=') => None,
            (_, false) => {
                let instead = match name {
                    "None" => "none",
                    "execute" => "elt_execute()",
                    "project_name" => "target(part=\"project_name\")",
                    _ => {
                        self.refuses(name, word);
                        return None;
                    }
                };
                self.copy(copied..word.start);
                self.insert(instead, word.start);
                Some(word.end)
            }
        }
    }

    /// `call(…).part` or `list[0].part`: tera takes a part of a call in square brackets alone.
    fn part_of_call(&mut self, word: Range<usize>, copied: usize) -> Option<usize> {
        let before = self.source[..word.start].trim_end().strip_suffix('.')?.trim_end();
        if self.is_part_of_relation(before, word.clone()) {
            self.copy(copied..before.len());
            self.insert(&format!(" | elt_part(part=\"{}\")", &self.source[word.clone()]), word.start);
            return Some(word.end);
        }
        let mut chain = before;
        while !chain.ends_with([')', ']']) {
            let name = chain.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
            chain = name.trim_end().strip_suffix('.')?.trim_end();
        }
        self.copy(copied..before.len());
        self.insert(&format!("[\"{}\"]", &self.source[word.clone()]), word.start);
        Some(word.end)
    }

    /// `ref('x').name` or `relation.schema`: a relation is a text, whose parts tera does not know.
    fn is_part_of_relation(&self, before: &str, word: Range<usize>) -> bool {
        let (name, behind) = (&self.source[word.clone()], self.source[word.end..].trim_start());
        if behind.starts_with(['.', '[', '=']) && !behind.starts_with("==") || behind.starts_with("is ") {
            return false;
        }
        let named = ["ref", "source"].into_iter().any(|function| {
            let bytes = before.as_bytes();
            before.rfind(&format!("{function}(")).is_some_and(|at| {
                close_bracket(bytes, at + function.len(), bytes.len()) == Some(bytes.len() - 1)
            })
        });
        match name {
            "schema" | "identifier" | "database" => {
                named || before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            }
            "name" | "table" => named,
            _ => false,
        }
    }

    /// A call of a macro or a function: of the file's own package first, then of the project, then of dbt.
    fn call(
        &mut self,
        word: Range<usize>,
        arguments: Range<usize>,
        copied: usize,
        limit: usize,
    ) -> Option<usize> {
        let name = &self.source[word.clone()];
        let own = self.package.map(|package| format!("{package}__{name}"));
        for name in own.as_deref().into_iter().chain([name]) {
            if let Some(signature) = self.signatures.get(name) {
                return Some(self.component(name, copied..word.start, arguments, signature));
            }
        }
        if NOT_CALLED.contains(&name) {
            return None;
        }
        let function = FUNCTIONS.iter().find(|(known, _)| *known == name);
        let built_in = format!("dbt__{name}");
        if let (None, Some(signature)) = (function, self.signatures.get(&built_in)) {
            return Some(self.component(&built_in, copied..word.start, arguments, signature));
        }
        if !Self::is_function(name) {
            self.unknown_call(name, word);
            return Some(self.skipped(copied, arguments.end + 1, limit));
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
        self.keywords(name, arguments.clone(), parameters, function.is_some());
        self.copy(arguments.end..arguments.end + 1);
        Some(arguments.end + 1)
    }
}
