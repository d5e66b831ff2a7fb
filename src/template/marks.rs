//! Marks that travel through a render: private-use characters put into the template's literal text say
//! where the text came from, and one character stands for each referenced relation. `settle` takes them
//! out again and leaves SQL, with a map from its bytes back to the model file's.

use std::ops::Range;

/// A mark is two characters: a high part from plane 15, then a low part from plane 16.
const HIGH: u32 = 0xF_0000;
const LOW: u32 = 0x10_0000;
const LOW_BITS: u32 = 15;
/// References are single characters above the marks' low parts.
const REFERENCE: u32 = 0x10_8000;
/// Behind the stand-in of a relation: the schema that it is published in, its name there, and both as a text of
/// SQL holds them between its quotes.
pub const SCHEMA: char = '\u{10FFFD}';
pub const NAME: char = '\u{10FFFC}';
pub const TOLD: char = '\u{10FFFB}';
/// How many different relations one template may name.
pub const MAX_REFERENCES: usize = 0x7FFA;

/// What the text behind a mark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Literal text: each byte maps to its own byte.
    Literal,
    /// The output of a `{{ … }}`: every byte maps to the tag.
    Expression,
}

/// The mark for text that stands at byte `offset` of the source.
pub fn mark(kind: Kind, offset: usize, out: &mut String) {
    let code = (offset as u32) << 1 | u32::from(kind == Kind::Expression);
    out.push(private(HIGH + (code >> LOW_BITS)));
    out.push(private(LOW + (code & ((1 << LOW_BITS) - 1))));
}

/// The stand-in for the `index`-th relation that a template refers to.
pub fn reference(index: usize) -> char {
    debug_assert!(index < MAX_REFERENCES);
    private(REFERENCE + index as u32)
}

/// Which relation a stand-in stands for.
pub fn index_of(stand_in: char) -> Option<usize> {
    let index = u32::from(stand_in).checked_sub(REFERENCE)? as usize;
    (index < MAX_REFERENCES).then_some(index)
}

/// The stand-in and the part of it that a text is, if it is nothing else.
pub fn part_of(text: &str) -> Option<(char, char)> {
    let mut letters = text.chars();
    let (stand_in, part) = (letters.next()?, letters.next()?);
    index_of(stand_in)?;
    (letters.next().is_none() && matches!(part, SCHEMA | NAME)).then_some((stand_in, part))
}

/// What of a relation stands in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamePart {
    /// Itself, to be read.
    Whole,
    /// Of its published name.
    Schema,
    Name,
    Told,
}

fn private(code: u32) -> char {
    char::from_u32(code).expect("planes 15 and 16 hold no surrogates, and offsets are bounded by 2^30")
}

/// The first character of a source that marks use themselves, if there is one.
pub fn reserved_character(source: &str) -> Option<usize> {
    source.char_indices().find(|(_, c)| u32::from(*c) >= HIGH).map(|(at, _)| at)
}

/// Where the bytes of compiled SQL came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceMap {
    /// Start in the SQL, start in the source, kind; ascending.
    pieces: Vec<(usize, usize, Kind)>,
}

impl SourceMap {
    /// The byte of the source that wrote byte `at` of the SQL; for the output of an expression, its tag.
    pub fn source_of(&self, at: usize) -> Option<usize> {
        let index = self.pieces.partition_point(|(start, _, _)| *start <= at).checked_sub(1)?;
        let (start, source, kind) = self.pieces[index];
        Some(if kind == Kind::Literal { source + (at - start) } else { source })
    }

    /// Forgets the first `bytes` bytes of the SQL: what stays moves to the front.
    pub fn drop_start(&mut self, bytes: usize) {
        let covering = self.pieces.iter().rposition(|(start, _, _)| *start <= bytes);
        self.pieces.drain(..covering.unwrap_or(0));
        for (start, source, kind) in &mut self.pieces {
            if *kind == Kind::Literal {
                *source += bytes.saturating_sub(*start);
            }
            *start = start.saturating_sub(bytes);
        }
    }
}

/// Takes marks out of rendered text and writes each relation as `name` says.
pub fn settle(rendered: &str, mut name: impl FnMut(usize, NamePart) -> String) -> (String, SourceMap) {
    let mut sql = String::with_capacity(rendered.len());
    let mut map = SourceMap::default();
    // Output of an expression that is shorter than its mark is followed by a literal's own mark, so the
    // last piece always covers what is pushed.
    let mut rest = rendered;
    while let Some(at) = rest.find(|c| u32::from(c) >= HIGH) {
        sql.push_str(&rest[..at]);
        let mut chars = rest[at..].chars();
        let first = u32::from(chars.next().expect("find returned a character's place"));
        if first >= REFERENCE {
            let part = match chars.clone().next() {
                Some(SCHEMA) => NamePart::Schema,
                Some(NAME) => NamePart::Name,
                Some(TOLD) => NamePart::Told,
                _ => NamePart::Whole,
            };
            if part != NamePart::Whole {
                chars.next();
            }
            let before = sql.len();
            // A part whose relation a filter took away stands for nothing.
            let known = char::from_u32(first).and_then(index_of);
            sql.push_str(&known.map(|index| name(index, part)).unwrap_or_default());
            // Names differ in length from their stand-in: go on with a piece of their own.
            if let Some((start, source, Kind::Literal)) = map.pieces.last().copied() {
                map.pieces.push((sql.len(), source + (before - start), Kind::Literal));
            }
        } else if first < LOW
            && let Some(low) = chars.clone().next().map(u32::from).filter(|c| (LOW..REFERENCE).contains(c))
        {
            chars.next();
            let code = (first - HIGH) << LOW_BITS | (low - LOW);
            let kind = if code & 1 == 1 { Kind::Expression } else { Kind::Literal };
            map.pieces.push((sql.len(), (code >> 1) as usize, kind));
        }
        rest = chars.as_str();
    }
    sql.push_str(rest);
    (sql, map)
}

/// Byte range of the character at `character` (counted from 1) of `text`, as PostgreSQL counts places.
pub fn character_range(text: &str, character: u32) -> Option<Range<usize>> {
    let (at, c) = text.char_indices().nth((character as usize).checked_sub(1)?)?;
    Some(at..at + c.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_leave_and_places_stay() {
        let mut text = String::new();
        mark(Kind::Literal, 0, &mut text);
        text.push_str("select a from ");
        mark(Kind::Expression, 14, &mut text);
        text.push(reference(0));
        mark(Kind::Literal, 30, &mut text);
        text.push_str(" where b");
        let (sql, map) = settle(&text, |_, _| "\"prod\".\"x\"".into());
        assert_eq!(sql, "select a from \"prod\".\"x\" where b");
        assert_eq!(map.source_of(7), Some(7));
        assert_eq!(map.source_of(16), Some(14), "inside the name: the tag");
        assert_eq!(map.source_of(sql.find(" where").unwrap()), Some(30));
    }

    #[test]
    fn large_offsets_survive() {
        for offset in [0, 1, 32_767, 32_768, 1 << 20, (1 << 28) - 1] {
            let mut text = String::new();
            mark(Kind::Literal, offset, &mut text);
            text.push('x');
            assert_eq!(settle(&text, |_, _| String::new()).1.source_of(0), Some(offset));
        }
    }
}
