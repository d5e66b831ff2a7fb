//! Compiled SQL: text that PostgreSQL can run, which knows of each byte what file wrote it.

use std::ops::Range;
use std::sync::Arc;

use crate::diagnostic::{Location, SourceFile};
use crate::template::{SourceMap, character_range};

/// SQL with its way back to the files it came from.
#[derive(Debug, Clone, Default)]
pub struct Sql {
    pub text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
struct Part {
    range: Range<usize>,
    file: Arc<SourceFile>,
    map: SourceMap,
}

impl Sql {
    pub(super) fn part(text: String, file: &Arc<SourceFile>, map: SourceMap) -> Self {
        let range = 0..text.len();
        Self { text, parts: vec![Part { range, file: file.clone(), map }] }
    }

    /// The same SQL between two texts.
    pub fn wrap(self, before: &str, after: &str) -> Self {
        let mut whole = Self { text: before.to_owned(), parts: Vec::new() };
        whole.append(self);
        whole.text.push_str(after);
        whole
    }

    /// Nothing but white space and comments.
    pub fn is_blank(&self) -> bool {
        skip_blank(&self.text, 0) == self.text.len()
    }

    /// Column lists may end in a comma.
    pub fn without_trailing_comma(mut self) -> Self {
        let end = self.text.trim_end().trim_end_matches(',').len();
        self.text.truncate(end);
        self
    }

    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub fn append(&mut self, other: Self) {
        let by = self.text.len();
        self.text.push_str(&other.text);
        let moved = other
            .parts
            .into_iter()
            .map(|part| Part { range: part.range.start + by..part.range.end + by, ..part });
        self.parts.extend(moved);
    }

    /// Drops the first `bytes` bytes; places of what stays keep.
    pub(super) fn without_start(mut self, bytes: usize) -> Self {
        self.text.drain(..bytes);
        for part in &mut self.parts {
            part.map.drop_start(bytes.saturating_sub(part.range.start));
            part.range = part.range.start.saturating_sub(bytes)..part.range.end.saturating_sub(bytes);
        }
        self
    }

    /// The place in the user's file behind the `character`-th character (from 1), as PostgreSQL counts.
    pub fn locate(&self, character: u32) -> Option<Location> {
        self.locate_byte(character_range(&self.text, character)?.start)
    }

    /// The place in the user's file behind a byte of the text.
    pub fn locate_byte(&self, at: usize) -> Option<Location> {
        // The innermost part is the last that was put in.
        let part = self.parts.iter().rev().find(|part| part.range.contains(&at))?;
        let start = part.map.source_of(at - part.range.start)?;
        let end = start + word_length(&part.file.text[start..]);
        Some(Location::new(&part.file, start..end))
    }
}

/// How much of `text` to underline: the word, tag or single character it begins with.
fn word_length(text: &str) -> usize {
    if text.starts_with("{{") {
        return text.find("}}").map_or(2, |end| end + 2);
    }
    if let Some(rest) = text.strip_prefix('"') {
        return rest.find('"').map_or(1, |end| end + 2);
    }
    let word = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    if word > 0 { word } else { text.chars().next().map_or(0, char::len_utf8) }
}

/// Past white space, `-- …` and nested `/* … */`.
pub fn skip_blank(sql: &str, mut at: usize) -> usize {
    loop {
        let rest = &sql[at..];
        let trimmed = rest.trim_start();
        at += rest.len() - trimmed.len();
        if trimmed.starts_with("--") {
            at += trimmed.find('\n').map_or(trimmed.len(), |end| end + 1);
        } else if trimmed.starts_with("/*") {
            at += block_comment(trimmed);
        } else {
            return at;
        }
    }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}
