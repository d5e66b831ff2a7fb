//! Variables that templates change: `{% do names.append(x) %}` and `{% set ns.total = 1 %}` set the variable
//! anew, for tera's values do not change.

use std::ops::Range;

use super::super::scan::{Tag, TagKind, close_bracket, identifier_end, skip_spaces, tags};
use super::Rewriter;

/// Methods that change a list or a map, and the functions that make the changed one.
const CHANGERS: &[(&str, &str)] =
    &[("append", "elt_append"), ("extend", "elt_extend"), ("update", "elt_update")];

/// A change, as it stands in a statement.
struct Change<'a> {
    name: &'a str,
    place: Range<usize>,
    function: &'static str,
    /// Of `ns.total = …`.
    key: Option<&'a str>,
    /// The new value, or what is added.
    value: Range<usize>,
}

impl<'a> Rewriter<'a> {
    /// Rewrites what stands behind `do` or `set`, if it changes a variable.
    pub(super) fn changes(&mut self, tag: &Tag, rest: Range<usize>) -> bool {
        let source: &'a str = self.source;
        if let Some(change) = change(source, rest.clone()) {
            let Change { name, place, function, key, value } = change;
            let key = key.map(|key| format!(" key=\"{key}\",")).unwrap_or_default();
            self.copy(tag.whole.start..tag.inner.start);
            self.insert(&format!(" set_global {name} = {function}(of={name},{key} value=("), place.start);
            self.expression(value.clone());
            self.insert(")) ", value.end);
            self.copy(tag.inner.end..tag.whole.end);
            return true;
        }
        // A variable that is changed in a loop must be the one outside of it.
        let start = skip_spaces(source.as_bytes(), rest.start);
        let name = &source[start..identifier_end(source.as_bytes(), start)];
        let is_set = source[start + name.len()..rest.end].trim_start().starts_with('=');
        if !is_set || !self.changed.contains(&name) || !is_statement(source, tag, "set") {
            return false;
        }
        self.copy(tag.whole.start..tag.inner.start);
        self.insert(" set_global ", rest.start);
        self.expression(start..rest.end);
        self.copy(tag.inner.end..tag.whole.end);
        true
    }
}

/// The names of all variables that a template changes.
pub(super) fn changed(source: &str) -> Vec<&str> {
    let mut words = [".append", ".extend", ".update", "namespace"].into_iter();
    if !words.any(|word| source.contains(word)) {
        return Vec::new();
    }
    let statements = tags(source).into_iter().filter(|tag| tag.kind == TagKind::Statement);
    let found = statements.filter_map(|tag| {
        let start = skip_spaces(source.as_bytes(), tag.inner.start);
        let end = identifier_end(source.as_bytes(), start);
        matches!(&source[start..end], "do" | "set").then(|| change(source, end..tag.inner.end))?
    });
    found.map(|change| change.name).collect()
}

/// `names.append(x)`, `_ = names.append(x)` or `ns.total = x`.
fn change(source: &str, range: Range<usize>) -> Option<Change<'_>> {
    let bytes = source.as_bytes();
    let name_at = |from: usize| {
        let start = skip_spaces(bytes, from);
        let end = identifier_end(bytes, start).min(range.end);
        (start < end).then_some(start..end)
    };
    let mut place = name_at(range.start)?;
    let mut next = skip_spaces(bytes, place.end);
    if next < range.end && bytes[next] == b'=' {
        place = name_at(next + 1)?;
        next = place.end;
    }
    if next >= range.end || bytes[next] != b'.' {
        return None;
    }
    let part = name_at(next + 1)?;
    let behind = skip_spaces(bytes, part.end);
    let name = &source[place.clone()];
    match bytes.get(behind).filter(|_| behind < range.end) {
        Some(b'=') if bytes.get(behind + 1) != Some(&b'=') => Some(Change {
            name,
            place,
            function: "elt_with",
            key: Some(&source[part]),
            value: behind + 1..range.end,
        }),
        Some(b'(') => {
            let close = close_bracket(bytes, behind, range.end)?;
            let ends = source[close + 1..range.end].trim().is_empty();
            let (_, function) = CHANGERS.iter().find(|(method, _)| *method == &source[part.clone()])?;
            let value = behind + 1..close;
            ends.then_some(Change { name, place, function, key: None, value })
        }
        _ => None,
    }
}

fn is_statement(source: &str, tag: &Tag, word: &str) -> bool {
    let start = skip_spaces(source.as_bytes(), tag.inner.start);
    source[start..].starts_with(word)
}
