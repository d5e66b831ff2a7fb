//! `start + timedelta(days=1)`: minijinja adds numbers, texts and lists alone, so in texts that deal with dates sums
//! are made by a function.

use std::ops::Range;

use super::scan::{end_of_string, identifier_end};

/// The function that a sum is made by.
pub(super) const SUM: &str = "elt_sum";

/// Words that tell that a text deals with dates.
const DATES: &[&str] = &["modules.", "run_started_at", "timedelta"];

/// Words behind which another expression begins.
const BETWEEN: &[&str] =
    &["and", "or", "not", "in", "is", "if", "elif", "else", "set", "do", "for", "return"];

/// What is put in the place of `removed` bytes at a place.
pub(super) struct Edit {
    pub at: usize,
    pub removed: usize,
    pub text: &'static str,
}

/// Whether sums of this text may be of dates.
pub(super) fn deals_with_dates(source: &str) -> bool {
    DATES.iter().any(|word| source.contains(word))
}

/// A sum at one depth of brackets: where its first operand begins, its signs, and where the last ended.
#[derive(Default)]
struct Sum {
    start: Option<usize>,
    signs: Vec<usize>,
    end: usize,
}

impl Sum {
    fn operand(&mut self, range: Range<usize>) {
        self.start.get_or_insert(range.start);
        self.end = range.end;
    }

    fn close(&mut self, source: &str, edits: &mut Vec<Edit>) {
        let Sum { start, signs, end } = std::mem::take(self);
        let Some(start) = start.filter(|_| !signs.is_empty()) else { return };
        edits.push(Edit { at: start, removed: 0, text: "elt_sum(" });
        edits.extend(signs.into_iter().map(|at| Edit {
            at,
            removed: 1,
            text: if source.as_bytes()[at] == b'+' { ", '+'," } else { ", '-'," },
        }));
        edits.push(Edit { at: end, removed: 0, text: ")" });
    }
}

/// The edits that make each sum of an expression a call, in the order of their places.
pub(super) fn edits(source: &str, range: Range<usize>) -> Vec<Edit> {
    let bytes = source.as_bytes();
    let (mut edits, mut sums, mut at) = (Vec::new(), vec![(0, Sum::default())], range.start);
    while at < range.end {
        let byte = bytes[at];
        let mut next = at + 1;
        let depth = sums.len();
        let Some((_, sum)) = sums.last_mut() else { break };
        match byte {
            b'\'' | b'"' => {
                next = end_of_string(bytes, at, byte).min(range.end);
                sum.operand(at..next);
            }
            b'(' | b'[' | b'{' => {
                sum.operand(at..next);
                sums.push((at, Sum::default()));
            }
            b')' | b']' | b'}' if depth > 1 => {
                sum.close(source, &mut edits);
                let opened = sums.pop().map_or(at, |(opened, _)| opened);
                if let Some((_, outer)) = sums.last_mut() {
                    outer.operand(opened..next);
                }
            }
            b'+' | b'-' if sum.start.is_some() && sum.signs.last().is_none_or(|sign| sum.end > *sign) => {
                sum.signs.push(at);
            }
            b',' | b'~' | b'=' | b'<' | b'>' | b'!' | b':' => sum.close(source, &mut edits),
            _ if byte.is_ascii_alphanumeric() || byte == b'_' => {
                next = identifier_end(bytes, at).min(range.end);
                match BETWEEN.contains(&&source[at..next]) {
                    true => sum.close(source, &mut edits),
                    false => sum.operand(at..next),
                }
            }
            _ => {}
        }
        at = next;
    }
    while let Some((_, mut sum)) = sums.pop() {
        sum.close(source, &mut edits);
    }
    // Of edits at one place those that close come first.
    edits.sort_by_key(|edit| (edit.at, edit.text != ")"));
    edits
}
