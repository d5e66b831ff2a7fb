//! Finds the tags of a template and the parts of a call: strings, comments, raw blocks and nested brackets
//! are passed over whole. Knows nothing of what the words mean.

use std::ops::Range;

/// One `{{ }}`, `{% %}` or `{# #}`, or the whole of a raw block.
pub(super) struct Tag {
    pub whole: Range<usize>,
    pub inner: Range<usize>,
    pub kind: TagKind,
    pub trims_before: bool,
    pub trims_after: bool,
}

#[derive(PartialEq, Eq, Clone, Copy)]
pub(super) enum TagKind {
    Expression,
    Statement,
    /// Comments and raw blocks: copied as they stand.
    Verbatim,
}

/// The tags of a template in order. An unclosed tag ends the list: minijinja will say so.
pub(super) fn tags(source: &str) -> Vec<Tag> {
    let bytes = source.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = source[at..].find('{').map(|offset| at + offset) {
        let (kind, close) = match bytes.get(open + 1) {
            Some(b'{') => (TagKind::Expression, "}}"),
            Some(b'%') => (TagKind::Statement, "%}"),
            Some(b'#') => (TagKind::Verbatim, "#}"),
            _ => {
                at = open + 1;
                continue;
            }
        };
        let end = if kind == TagKind::Verbatim {
            source[open + 2..].find(close).map(|offset| open + 2 + offset)
        } else {
            close_of(source, open + 2, close)
        };
        let Some(end) = end else { break };
        let trims_before = bytes.get(open + 2) == Some(&b'-');
        let trims_after = end > open + 2 && bytes[end - 1] == b'-' && end - 1 > open + 2;
        let inner = open + 2 + usize::from(trims_before)..end - usize::from(trims_after);
        let mut tag = Tag { whole: open..end + 2, inner, kind, trims_before, trims_after };
        if kind == TagKind::Statement && source[tag.inner.clone()].trim() == "raw" {
            let Some(after) = end_of_raw(source, tag.whole.end) else { break };
            tag.whole.end = after;
            tag.kind = TagKind::Verbatim;
        }
        at = tag.whole.end;
        found.push(tag);
    }
    found
}

/// The tags of a part of a template.
pub(super) fn tags_within(source: &str, part: Range<usize>) -> Vec<Tag> {
    let mut found = tags(&source[part.clone()]);
    for tag in &mut found {
        for place in [&mut tag.whole, &mut tag.inner] {
            *place = place.start + part.start..place.end + part.start;
        }
    }
    found
}

/// Where the tag that began before `from` closes: strings and maps are passed over, maps that never end are not.
fn close_of(source: &str, from: usize, close: &str) -> Option<usize> {
    close_beyond_maps(source.as_bytes(), from, close, true)
        .or_else(|| close_beyond_maps(source.as_bytes(), from, close, false))
}

fn close_beyond_maps(bytes: &[u8], from: usize, close: &str, maps: bool) -> Option<usize> {
    let (mut at, mut depth) = (from, 0usize);
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'\'' | b'"') => {
                at = end_of_string(bytes, at, quote);
                continue;
            }
            b'{' if maps => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            _ if depth == 0 && bytes[at..].starts_with(close.as_bytes()) => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

pub(super) fn end_of_string(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

fn end_of_raw(source: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let open = at + source[at..].find("{%")?;
        let close = open + source[open..].find("%}")?;
        if source[open + 2..close].trim_matches('-').trim() == "endraw" {
            return Some(close + 2);
        }
        at = close + 2;
    }
}

/// The parts of `range` between commas that stand outside brackets and strings.
pub(super) fn split(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut parts = Vec::new();
    let (mut depth, mut start, mut at) = (0usize, range.start, range.start);
    while at < range.end {
        match bytes[at] {
            quote @ (b'\'' | b'"') => {
                at = end_of_string(bytes, at, quote).min(range.end);
                continue;
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(start..range.end);
    parts.retain(|part| !text[part.clone()].trim().is_empty());
    parts
}

pub(super) fn identifier_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_') {
        at += 1;
    }
    at
}

pub(super) fn skip_spaces(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at].is_ascii_whitespace() {
        at += 1;
    }
    at
}

/// The words of an expression, strings passed over.
pub(super) fn identifiers(source: &str, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let bytes = source.as_bytes();
    let mut at = range.start;
    std::iter::from_fn(move || {
        while at < range.end {
            match bytes[at] {
                quote @ (b'\'' | b'"') => at = end_of_string(bytes, at, quote),
                byte if byte.is_ascii_alphanumeric() || byte == b'_' => {
                    let start = at;
                    at = identifier_end(bytes, start).min(range.end);
                    if !byte.is_ascii_digit() {
                        return Some(start..at);
                    }
                }
                _ => at += 1,
            }
        }
        None
    })
}

/// Where the bracket that opens at `open` closes, strings passed over.
pub(super) fn close_bracket(bytes: &[u8], open: usize, limit: usize) -> Option<usize> {
    let (mut depth, mut at) = (0usize, open);
    while at < limit {
        match bytes[at] {
            quote @ (b'\'' | b'"') => {
                at = end_of_string(bytes, at, quote);
                continue;
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}
