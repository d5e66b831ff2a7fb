//! Makes the text that minijinja reads of a template as it is written. Literal text of models gets marks (see
//! `marks`); lists and maps that are written out become ones that can be changed, as Python's can; tests become
//! macros. Each byte remembers where it came from.

mod expressions;

use std::ops::Range;

use super::definitions::Definition;
use super::marks::{self, Kind};
use super::scan::{
    Tag, TagKind, close_bracket, identifier_end, identifiers, skip_spaces, split, tags, tags_within,
};
use super::sums;
pub(super) use expressions::{LIST, MAP};

/// A text for minijinja, with the way back.
#[derive(Clone, Debug, Default)]
pub(super) struct Prepared {
    pub text: String,
    /// Start in `text`, start in the source, whether bytes run in step from there.
    pieces: Vec<(usize, usize, bool)>,
}

/// What each macro is called in the template of its own that it stands in.
pub(super) const MACRO: &str = "elt_it";
impl Prepared {
    /// The source byte behind byte `at` of the text.
    pub fn source_of(&self, at: usize) -> usize {
        match self.pieces.partition_point(|(start, _, _)| *start <= at).checked_sub(1) {
            None => 0,
            Some(index) => {
                let (start, source, in_step) = self.pieces[index];
                if in_step { source + (at - start) } else { source }
            }
        }
    }

    /// The bytes of the source that bytes of the text came from; at least one.
    pub fn range_of(&self, range: Range<usize>) -> Range<usize> {
        let start = self.source_of(range.start);
        start..self.source_of(range.end.max(range.start + 1)).max(start + 1)
    }
}

/// Prepares a model or a singular test: literal text is marked. `before` is put in front of it.
pub(super) fn model(source: &str, tags: &[Tag], before: &str) -> Prepared {
    let mut writer = Writer::new(source, before, true);
    writer.copy_between(0..source.len(), tags, false, None);
    writer.out
}

/// Prepares a text whose output is a value: nothing is marked.
pub(super) fn value(source: &str, tags: &[Tag], before: &str) -> Prepared {
    let mut writer = Writer::new(source, before, false);
    writer.copy_between(0..source.len(), tags, false, None);
    writer.out
}

/// Prepares a macro, alone in its template under the name [`MACRO`]. `more` are parameters that it has besides.
pub(super) fn definition(source: &str, definition: &Definition, before: &str, more: &[&str]) -> Prepared {
    let mut writer = Writer::new(source, before, false);
    let Definition { start, end, .. } = definition;
    let bytes = source.as_bytes();
    let word = skip_spaces(bytes, start.inner.start);
    let open = source[word..].find('(').map_or(start.inner.end, |at| word + at);
    writer.copy(start.whole.start..start.inner.start);
    writer.insert(&format!(" macro {MACRO}"), word);
    let close = close_bracket(bytes, open, start.inner.end).unwrap_or(start.inner.end);
    let late = late_defaults(source, open + 1..close);
    let mut copied = open;
    for (_, default) in &late {
        let equals = source[..default.start].rfind('=').unwrap_or(default.start);
        writer.expression(copied..equals);
        copied = default.end;
    }
    writer.expression(copied..close);
    for (index, name) in more.iter().enumerate() {
        let comma = if index > 0 || !definition.parameters.is_empty() { ", " } else { "" };
        // Calls give it; behind what has a default nothing may stand without one.
        writer.insert(&format!("{comma}{name}=none"), close);
    }
    writer.copy(close..start.whole.end);
    for (name, default) in late {
        writer.insert(&format!("{{% if {name} is undefined %}}{{% set {name} = "), default.start);
        writer.expression(default.clone());
        writer.insert(if start.trims_after { " %}{% endif -%}" } else { " %}{% endif %}" }, default.end);
    }
    let between = start.whole.end..end.whole.start;
    writer.copy_between(between.clone(), &tags_within(source, between), start.trims_after, Some(end));
    writer.copy(end.whole.start..end.inner.start);
    writer.insert(" endmacro ", end.inner.start);
    writer.copy(end.inner.end..end.whole.end);
    writer.out
}

/// Defaults that name parameters before them, which minijinja does not know yet when it reads the default.
fn late_defaults(source: &str, parameters: Range<usize>) -> Vec<(&str, Range<usize>)> {
    let (mut names, mut late) = (Vec::new(), Vec::new());
    for part in split(source, parameters) {
        let Some(equals) = source[part.clone()].find('=') else {
            names.push(source[part].trim());
            continue;
        };
        let (name, default) =
            (source[part.start..part.start + equals].trim(), part.start + equals + 1..part.end);
        if identifiers(source, default.clone()).any(|word| names.contains(&&source[word])) {
            late.push((name, default));
        }
        names.push(name);
    }
    late
}

/// What stands in `{{ … }}`, if a text is nothing else.
pub(super) fn expression_alone(text: &str) -> Option<&str> {
    let text = text.trim();
    match tags(text).as_slice() {
        [tag] if tag.kind == TagKind::Expression && tag.whole == (0..text.len()) => {
            Some(&text[tag.inner.clone()])
        }
        _ => None,
    }
}

struct Writer<'a> {
    source: &'a str,
    marked: bool,
    /// Sums may be of dates.
    sums: bool,
    /// Inside `{% set %}…{% endset %}`, a macro and the like, text is a value that may be compared: it carries no
    /// marks.
    unmarked_depth: usize,
    out: Prepared,
}

impl<'a> Writer<'a> {
    fn new(source: &'a str, before: &str, marked: bool) -> Self {
        let mut writer = Self {
            source,
            marked,
            sums: sums::deals_with_dates(source),
            unmarked_depth: 0,
            out: Prepared::default(),
        };
        writer.out.text.reserve(before.len() + source.len() * 5 / 4);
        if !before.is_empty() {
            writer.insert(before, 0);
        }
        writer
    }

    /// What lies between two tags, or in the whole source; `tags` are those in it.
    fn copy_between(&mut self, range: Range<usize>, tags: &[Tag], trimmed: bool, last: Option<&Tag>) {
        let (mut at, mut trims) = (range.start, trimmed);
        for tag in tags {
            self.literal(at..tag.whole.start, trims, Some(tag));
            match tag.kind {
                TagKind::Verbatim => self.copy(tag.whole.clone()),
                TagKind::Expression => self.tag(tag),
                TagKind::Statement => self.statement(tag),
            }
            at = tag.whole.end;
            trims = tag.trims_after;
        }
        self.literal(at..range.end, trims, last);
    }

    fn tag(&mut self, tag: &Tag) {
        self.copy(tag.whole.start..tag.inner.start);
        self.expression(tag.inner.clone());
        self.copy(tag.inner.end..tag.whole.end);
    }

    /// Keeps count of the blocks whose text is a value.
    fn statement(&mut self, tag: &Tag) {
        let inner = self.source[tag.inner.clone()].trim_start();
        let word = &inner[..identifier_end(inner.as_bytes(), 0)];
        match word {
            "macro" | "call" | "filter" => self.unmarked_depth += 1,
            "set" if !inner.contains('=') => self.unmarked_depth += 1,
            "endset" | "endmacro" | "endcall" | "endfilter" => {
                self.unmarked_depth = self.unmarked_depth.saturating_sub(1);
            }
            // To minijinja what is done is a call, to jinja2 any expression.
            "do" => {
                let start = tag.inner.end - inner.len();
                self.copy(tag.whole.start..start);
                self.insert("set elt_done =", start);
                self.expression(start + word.len()..tag.inner.end);
                return self.copy(tag.inner.end..tag.whole.end);
            }
            _ => {}
        }
        self.tag(tag);
    }

    fn copy(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            self.out.pieces.push((self.out.text.len(), range.start, true));
            self.out.text.push_str(&self.source[range]);
        }
    }

    fn insert(&mut self, text: &str, at: usize) {
        self.out.pieces.push((self.out.text.len(), at, false));
        self.out.text.push_str(text);
    }

    fn mark(&mut self, kind: Kind, at: usize) {
        if self.marked && self.unmarked_depth == 0 {
            self.out.pieces.push((self.out.text.len(), at, false));
            marks::mark(kind, at, &mut self.out.text);
        }
    }

    /// Text between tags. Marks are put inside of white space that a neighbouring `-` will trim.
    fn literal(&mut self, range: Range<usize>, trimmed_before: bool, next: Option<&Tag>) {
        let text = &self.source[range.clone()];
        let leading = if trimmed_before { text.len() - text.trim_start().len() } else { 0 };
        let opens_expression = next.is_some_and(|tag| tag.kind == TagKind::Expression);
        let trimmed_after = next.is_some_and(|tag| tag.trims_before);
        let trailing = if trimmed_after { text.trim_end().len().max(leading) } else { text.len() };
        let (words, tail) = (range.start + leading, range.start + trailing);
        self.copy(range.start..words);
        if !text.trim().is_empty() {
            self.mark(Kind::Literal, words);
        }
        self.copy(words..tail);
        if let Some(tag) = next.filter(|_| opens_expression) {
            self.mark(Kind::Expression, tag.whole.start);
        }
        self.copy(tail..range.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(source: &str) -> String {
        value(source, &tags(source), "").text
    }

    #[test]
    fn lists_and_maps_are_made_by_functions() {
        assert_eq!(
            prepared("{% set x = ['a', {'b': [1]}] %}"),
            "{% set x = elt_list(['a', elt_map({'b': elt_list([1])})]) %}"
        );
        assert_eq!(prepared("{{ x[0]['a'](1)[2] }}"), "{{ x[0]['a'](1)[2] }}");
        assert_eq!(prepared("{{ 'abc'[1:] if x not in [1] }}"), "{{ 'abc'[1:] if x not in elt_list([1]) }}");
        assert_eq!(prepared("{{ {'a': {}}}}"), "{{ elt_map({'a': elt_map({})})}}");
        assert_eq!(
            prepared("[x] {# [x] #}{% raw %}{{ [x] }}{% endraw %}"),
            "[x] {# [x] #}{% raw %}{{ [x] }}{% endraw %}"
        );
    }

    #[test]
    fn texts_are_filled_in_by_a_filter() {
        assert_eq!(prepared("{{ '%s' % x.y(1)[2] ~ z }}"), "{{ '%s' |format(x.y(1)[2]) ~ z }}");
        assert_eq!(prepared("{{ '%s%s' % (x, [y]) }}"), "{{ '%s%s' |format(x, elt_list([y])) }}");
        assert_eq!(prepared("{{ 7 % 2 }}"), "{{ 7 % 2 }}");
    }

    #[test]
    fn places_lead_back_to_the_source() {
        let source = "select {{ [1] }}, {{ var('y') }}";
        let prepared = model(source, &tags(source), "before");
        let at = prepared.text.find("'y'").unwrap();
        assert_eq!(prepared.source_of(at), source.find("'y'").unwrap());
    }
}
