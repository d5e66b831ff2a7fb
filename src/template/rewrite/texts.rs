//! `'a' + b`: Python's plus between texts, which tera writes `~`.

use std::ops::Range;

use super::super::scan::{end_of_string, identifier_end};

/// Words behind which another expression begins.
const BETWEEN: &[&str] = &["and", "or", "not", "in", "is", "if", "else"];

/// Operands that are added, at one depth of brackets.
#[derive(Default)]
struct Sum {
    signs: Vec<usize>,
    has_text: bool,
}

impl Sum {
    fn end(&mut self, found: &mut Vec<usize>) {
        let Sum { signs, has_text } = std::mem::take(self);
        if has_text {
            found.extend(signs);
        }
    }
}

/// The places of each plus of an expression that has a text written out among its operands: then all of them
/// are texts.
pub(super) fn joining(source: &str, range: Range<usize>) -> Vec<usize> {
    let bytes = source.as_bytes();
    let mut found = Vec::new();
    if !bytes[range.clone()].contains(&b'+') {
        return found;
    }
    let mut sums = vec![Sum::default()];
    let mut at = range.start;
    while at < range.end {
        let byte = bytes[at];
        let mut next = at + 1;
        let Some(sum) = sums.last_mut() else { break };
        match byte {
            b'\'' | b'"' => {
                next = end_of_string(bytes, at, byte);
                sum.has_text = true;
            }
            b'(' | b'[' | b'{' => sums.push(Sum::default()),
            b')' | b']' | b'}' => {
                sum.end(&mut found);
                if sums.len() > 1 {
                    sums.pop();
                }
            }
            b'+' => sum.signs.push(at),
            // What a filter makes of a text may be anything.
            b'|' => sum.has_text = false,
            b',' | b'~' | b'=' | b'<' | b'>' | b'!' | b'*' | b'/' | b'%' | b'-' => sum.end(&mut found),
            _ if byte.is_ascii_alphabetic() || byte == b'_' => {
                next = identifier_end(bytes, at);
                if BETWEEN.contains(&&source[at..next.min(range.end)]) {
                    sum.end(&mut found);
                }
            }
            _ => {}
        }
        at = next;
    }
    sums.iter_mut().for_each(|sum| sum.end(&mut found));
    found
}
