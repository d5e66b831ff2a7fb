//! Maps whose keys are not written out: `{column.name: 1}` is `{...elt_entry(key=column.name, value=1)}`.

use std::ops::Range;

use super::super::scan::{close_bracket, end_of_string, split};
use super::Rewriter;

impl Rewriter<'_> {
    /// Rewrites the map whose bracket opens at `open`; the place behind it, or nothing where all keys are texts
    /// and numbers.
    pub(super) fn map_of_names(&mut self, open: usize, copied: usize, limit: usize) -> Option<usize> {
        let bytes = self.source.as_bytes();
        let close = close_bracket(bytes, open, limit)?;
        let parts = split(self.source, open + 1..close);
        let entries: Vec<(Range<usize>, usize)> =
            parts.into_iter().map(|part| Some((part.clone(), self.colon(part)?))).collect::<Option<_>>()?;
        let is_plain = |(part, _): &(Range<usize>, usize)| {
            self.source[part.clone()].trim_start().starts_with(['\'', '"', '`'])
                || self.starts_with_digit(part)
        };
        if entries.iter().all(is_plain) {
            return None;
        }
        self.copy(copied..open + 1);
        for (part, colon) in &entries {
            self.insert("...elt_entry(key=(", part.start);
            self.expression(part.start..*colon);
            self.insert("), value=(", *colon);
            self.expression(colon + 1..part.end);
            self.insert(")), ", part.end);
        }
        self.copy(close..close + 1);
        Some(close + 1)
    }

    fn starts_with_digit(&self, part: &Range<usize>) -> bool {
        self.source[part.clone()].trim_start().starts_with(|c: char| c.is_ascii_digit())
    }

    /// The colon that divides key from value.
    fn colon(&self, part: Range<usize>) -> Option<usize> {
        let bytes = self.source.as_bytes();
        let (mut at, mut depth) = (part.start, 0usize);
        while at < part.end {
            match bytes[at] {
                quote @ (b'\'' | b'"' | b'`') => {
                    at = end_of_string(bytes, at, quote);
                    continue;
                }
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                b':' if depth == 0 => return Some(at),
                _ => {}
            }
            at += 1;
        }
        None
    }
}
