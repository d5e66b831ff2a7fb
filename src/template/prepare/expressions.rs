//! Copies an expression of jinja2 so that minijinja gives it Python's meaning.

use std::ops::Range;

use super::super::scan::{close_bracket, end_of_string, identifier_end, skip_spaces};
use super::super::sums;
use super::Writer;

/// The functions that make lists and maps which can be changed.
pub(in crate::template) const LIST: &str = "elt_list";
pub(in crate::template) const MAP: &str = "elt_map";

/// Words behind which an operand follows, so that a bracket begins a list.
const OPERATORS: &[&str] =
    &["and", "or", "not", "in", "is", "if", "elif", "else", "set", "for", "do", "call", "filter", "with"];

impl Writer<'_> {
    /// Copies an expression. Each list and map in it that is written out is made by a function, and texts are
    /// filled in by a filter where Python has `%`.
    pub(super) fn expression(&mut self, range: Range<usize>) {
        let bytes = self.source.as_bytes();
        let (mut at, mut copied) = (range.start, range.start);
        // Of each open bracket, what has to close behind it.
        let mut closes: Vec<&str> = Vec::new();
        let mut before = Before::Operator;
        let mut edits = match self.sums {
            true => sums::edits(self.source, range.clone()),
            false => Vec::new(),
        }
        .into_iter()
        .peekable();
        while at < range.end {
            while let Some(edit) = edits.next_if(|edit| edit.at <= at) {
                self.copy(copied..edit.at);
                self.insert(edit.text, edit.at);
                copied = edit.at + edit.removed;
                if edit.removed > 0 {
                    before = Before::Operator;
                }
            }
            if at < copied {
                at = copied;
                continue;
            }
            let byte = bytes[at];
            let mut next = at + 1;
            match byte {
                b'\'' | b'"' => {
                    next = end_of_string(bytes, at, byte).min(range.end);
                    before = Before::Text;
                }
                b'[' | b'{' if !before.is_operand() => {
                    self.copy(copied..at);
                    self.insert(&format!("{}(", if byte == b'[' { LIST } else { MAP }), at);
                    copied = at;
                    closes.push(")");
                    before = Before::Operator;
                }
                b'(' | b'[' | b'{' => {
                    closes.push("");
                    before = Before::Operator;
                }
                b')' | b']' | b'}' => {
                    self.copy(copied..next);
                    copied = next;
                    let closing = closes.pop().unwrap_or_default();
                    if !closing.is_empty() {
                        self.insert(closing, next);
                    }
                    before = Before::Operand;
                }
                b'%' if before == Before::Text => {
                    self.copy(copied..at);
                    (next, copied) = self.filled_in(next, range.end);
                    before = Before::Operand;
                }
                _ if byte.is_ascii_alphanumeric() || byte == b'_' => {
                    next = identifier_end(bytes, at).min(range.end);
                    let is_operator = OPERATORS.contains(&&self.source[at..next]);
                    before = if is_operator { Before::Operator } else { Before::Operand };
                }
                _ if byte.is_ascii_whitespace() => {}
                _ => before = Before::Operator,
            }
            at = next;
        }
        self.copy(copied..range.end);
        for edit in edits {
            self.insert(edit.text, edit.at);
        }
    }

    /// `'…' % x` and `'…' % (x, y)`, whose operand begins at `from`: the places to go on from, and to copy from.
    fn filled_in(&mut self, from: usize, limit: usize) -> (usize, usize) {
        let bytes = self.source.as_bytes();
        let start = skip_spaces(bytes, from);
        self.insert("|format", from);
        if bytes.get(start) == Some(&b'(') {
            return (start, start);
        }
        let mut end = match bytes.get(start) {
            Some(quote @ (b'\'' | b'"')) => end_of_string(bytes, start, *quote).min(limit),
            Some(b'[' | b'{') => close_bracket(bytes, start, limit).map_or(limit, |close| close + 1),
            _ => identifier_end(bytes, start),
        };
        while end < limit {
            end = match bytes[end] {
                b'.' => identifier_end(bytes, end + 1),
                b'(' | b'[' => close_bracket(bytes, end, limit).map_or(limit, |close| close + 1),
                _ => break,
            };
        }
        self.insert("(", start);
        self.expression(start..end);
        self.insert(")", end);
        (end, end)
    }
}

/// What stands before a byte of an expression.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Operator,
    Operand,
    /// An operand that is a text, written out.
    Text,
}

impl Before {
    fn is_operand(self) -> bool {
        self != Self::Operator
    }
}
