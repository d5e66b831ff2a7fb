//! dbt's spelling made tera's: positional arguments become keyword arguments, macros become components,
//! `this` a function. Literal text gets marks (see `marks`). It reads only what stands between `{{ }}` and
//! `{% %}`, knows strings, comments and raw blocks, and remembers where each byte came from. It is no
//! parser of templates: what it does not know it leaves for tera to judge.

use std::collections::HashMap;
use std::ops::Range;

use super::marks::{self, Kind};
use super::scan::{
    Tag, TagKind, close_bracket, end_of_string, identifier_end, keyword, skip_spaces, split, tags,
};
use crate::diagnostic::did_you_mean;

/// Parameter names of a macro, in order.
pub type Signatures = HashMap<String, Vec<String>>;

/// A rewritten template.
#[derive(Clone, Debug, Default)]
pub struct Rewritten {
    pub text: String,
    /// Start in `text`, start in the source, whether bytes run in step from there.
    pieces: Vec<(usize, usize, bool)>,
    pub problems: Vec<Problem>,
}

/// Something the rewriter knows to be wrong. `span` counts bytes of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub span: Range<usize>,
    pub message: String,
    pub hint: String,
    /// The macro that there is not, as `package__macro`.
    pub called: Option<String>,
}

impl Rewritten {
    /// The source byte behind byte `at` of the rewritten text.
    pub fn source_of(&self, at: usize) -> usize {
        match self.pieces.partition_point(|(start, _, _)| *start <= at).checked_sub(1) {
            None => 0,
            Some(index) => {
                let (start, source, in_step) = self.pieces[index];
                if in_step { source + (at - start) } else { source }
            }
        }
    }
}

/// Functions that dbt calls by position, and their parameters' names here.
const FUNCTIONS: &[(&str, &[&str])] = &[
    ("ref", &["name", "model"]),
    ("source", &["source", "name"]),
    ("var", &["name", "default"]),
    ("env_var", &["name", "default"]),
    ("literal", &["value"]),
    ("range", &["end"]),
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
];

/// Statements of dbt that elt does not have, and what serves instead.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("do", "use `{% set %}`, or a list literal"),
    ("call", "pass the text as an argument: `{% set body %}…{% endset %}`"),
    ("import", "macros in `macros/` are known everywhere by name"),
    ("from", "macros in `macros/` are known everywhere by name"),
    ("materialization", "elt's materializations are built in"),
];

/// Packages of dbt whose macros are built in under `package__name`, as far as they need no database.
const PACKAGES: &[&str] = &["dbt", "dbt_utils", "dbt_date", "dbt_expectations"];

/// Macros of these packages that ask the database what columns, values or tables it has.
const ASKS_THE_DATABASE: &[&str] = &[
    "star",
    "union_relations",
    "unpivot",
    "get_column_values",
    "get_filtered_columns_in_relation",
    "get_query_results_as_dict",
    "get_relations_by_pattern",
    "get_relations_by_prefix",
    "get_single_value",
    "nullcheck_table",
];

/// Rewrites a model or test: literal text is marked.
pub fn model(source: &str, signatures: &Signatures, package: Option<&str>) -> Rewritten {
    Rewriter { package, ..Rewriter::new(source, signatures, true) }.run()
}

/// Rewrites a file of macros: nothing is marked, what a macro writes belongs to the place that calls it.
pub fn macros(source: &str, signatures: &Signatures) -> Rewritten {
    Rewriter::new(source, signatures, false).run()
}

/// Rewrites a package's file of macros: they are named and find each other by the package's name.
pub(super) fn package(source: &str, signatures: &Signatures, package: &str) -> Rewritten {
    Rewriter { package: Some(package), ..Rewriter::new(source, signatures, false) }.run()
}

/// The signatures of a package's file.
pub(super) fn signatures_of(source: &str, package: &str) -> Signatures {
    let named = |name: String| match name.strip_prefix("test_") {
        Some(test) if !source.contains(&format!("macro {name}")) => format!("test_{package}__{test}"),
        _ => format!("{package}__{name}"),
    };
    signatures(source).into_iter().map(|(name, parameters)| (named(name), parameters)).collect()
}

/// Reads the signatures of all macros and generic tests of a file.
pub fn signatures(source: &str) -> Signatures {
    let mut found = Signatures::new();
    for tag in tags(source) {
        let inner = &source[tag.inner.clone()];
        if let Some((name, parameters)) = definition(inner) {
            let names = split(parameters, 0..parameters.len())
                .into_iter()
                .map(|part| parameters[part].split('=').next().unwrap_or_default().trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect();
            found.insert(name, names);
        }
    }
    found
}

/// The tag that defines a macro.
pub fn place_of_macro(source: &str, name: &str) -> Option<Range<usize>> {
    let mut tags = tags(source).into_iter();
    let found =
        tags.find(|tag| definition(&source[tag.inner.clone()]).is_some_and(|(defined, _)| defined == name));
    found.map(|tag| tag.whole)
}

/// `macro name(parameters)` or `test name(parameters)`, as the inside of a tag.
pub(super) fn definition(inner: &str) -> Option<(String, &str)> {
    let inner = inner.trim();
    let (word, rest) = inner.split_once(char::is_whitespace)?;
    let prefix = match word {
        "macro" => "",
        "test" | "data_test" => "test_",
        _ => return None,
    };
    let open = rest.find('(')?;
    let close = rest.rfind(')')?;
    (open < close).then(|| (format!("{prefix}{}", rest[..open].trim()), &rest[open + 1..close]))
}

struct Rewriter<'a> {
    source: &'a str,
    signatures: &'a Signatures,
    marked: bool,
    /// Inside `{% set %}…{% endset %}`, a filter block or a macro, text is a value that may be compared:
    /// it carries no marks.
    unmarked_depth: usize,
    /// The package whose file it is; its own macros come first.
    package: Option<&'a str>,
    out: Rewritten,
}

impl<'a> Rewriter<'a> {
    fn new(source: &'a str, signatures: &'a Signatures, marked: bool) -> Self {
        Self { source, signatures, marked, unmarked_depth: 0, package: None, out: Rewritten::default() }
    }

    fn run(mut self) -> Rewritten {
        self.out.text.reserve(self.source.len() * 5 / 4);
        let mut at = 0;
        let mut trims = false;
        for tag in tags(self.source) {
            self.literal(at..tag.whole.start, trims, Some(&tag));
            match tag.kind {
                TagKind::Verbatim => self.copy(tag.whole.clone()),
                TagKind::Expression => {
                    self.copy(tag.whole.start..tag.inner.start);
                    self.expression(tag.inner.clone());
                    self.copy(tag.inner.end..tag.whole.end);
                }
                TagKind::Statement => self.statement(&tag),
            }
            at = tag.whole.end;
            trims = tag.trims_after;
        }
        self.literal(at..self.source.len(), trims, None);
        self.out
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

    fn statement(&mut self, tag: &Tag) {
        let inner = &self.source[tag.inner.clone()];
        let start = tag.inner.start + (inner.len() - inner.trim_start().len());
        let end = identifier_end(self.source.as_bytes(), start);
        let word = &self.source[start..end];
        if let Some((_, instead)) = UNSUPPORTED.iter().find(|(name, _)| *name == word) {
            let message = format!("`{{% {word} %}}` is not a statement that elt knows");
            self.out.problems.push(Problem {
                span: start..end,
                message,
                hint: (*instead).to_owned(),
                called: None,
            });
        }
        self.copy(tag.whole.start..start);
        match word {
            "macro" | "test" | "data_test" => {
                self.unmarked_depth += 1;
                let prefix = if word == "macro" { "component " } else { "component test_" };
                self.insert(prefix, start);
                if let Some(package) = self.package {
                    self.insert(&format!("{package}__"), start);
                }
                self.copy(skip_spaces(self.source.as_bytes(), end)..tag.whole.end);
            }
            "endmacro" | "endtest" | "enddata_test" => {
                self.unmarked_depth = self.unmarked_depth.saturating_sub(1);
                self.insert("endcomponent", start);
                self.copy(end..tag.whole.end);
            }
            _ => {
                self.block_of_text(word, end..tag.inner.end);
                self.expression(start..tag.inner.end);
                self.copy(tag.inner.end..tag.whole.end);
            }
        }
    }

    /// Keeps count of blocks whose text is a value.
    fn block_of_text(&mut self, word: &str, rest: Range<usize>) {
        let opens = match word {
            "set" | "set_global" => !self.source[rest].contains('='),
            "filter" => true,
            _ => false,
        };
        if opens {
            self.unmarked_depth += 1;
        } else if matches!(word, "endset" | "endset_global" | "endfilter") {
            self.unmarked_depth = self.unmarked_depth.saturating_sub(1);
        }
    }

    fn expression(&mut self, range: Range<usize>) {
        let bytes = self.source.as_bytes();
        let mut at = range.start;
        let mut copied = range.start;
        let mut previous = b' ';
        while at < range.end {
            let byte = bytes[at];
            if matches!(byte, b'\'' | b'"' | b'`') {
                at = end_of_string(bytes, at, byte).min(range.end);
                previous = byte;
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
            let end = identifier_end(bytes, at).min(range.end);
            if let Some(after) = self.word(at..end, previous, copied, range.end) {
                at = after;
                copied = after;
                previous = b')';
            } else {
                at = end;
                previous = b'a';
            }
        }
        self.copy(copied..range.end);
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
            (b'.', true) if name == "items" && self.source[next + 1..close].trim().is_empty() => {
                // `d.items()`: tera walks a map itself.
                let dot = self.source[..word.start].rfind('.').unwrap_or(word.start);
                self.copy(copied..dot);
                Some(close + 1)
            }
            (b'.', _) => None,
            (_, true) if name == "return" => {
                // What a macro writes is what it returns.
                self.copy(copied..word.start);
                self.expression(next + 1..close);
                Some(close + 1)
            }
            (_, false) if bytes.get(next) == Some(&b'.') && matches!(name, "adapter" | "target") => {
                self.of_object(word, next + 1, copied, limit)
            }
            (_, false) if bytes.get(next) == Some(&b'.') && name != "this" => {
                self.packaged(word, next + 1, copied, limit)
            }
            (b'|', true) => {
                let (_, parameters) = FILTERS.iter().find(|(filter, _)| *filter == name)?;
                self.copy(copied..next + 1);
                self.keywords(name, next + 1..close, &owned(parameters));
                self.copy(close..close + 1);
                Some(close + 1)
            }
            (b'|', false) => None,
            (_, true) => {
                let own = self.package.map(|package| format!("{package}__{name}"));
                if let Some((own, parameters)) =
                    own.and_then(|own| self.signatures.get(&own).map(|parameters| (own, parameters)))
                {
                    self.copy(copied..word.start);
                    self.component(&own, word.start, next + 1..close, parameters);
                } else if let Some(parameters) = self.signatures.get(name) {
                    self.copy(copied..word.start);
                    self.component(name, word.start, next + 1..close, parameters);
                } else if matches!(name, "this" | "not" | "and" | "or" | "in" | "is" | "if" | "elif" | "else")
                {
                    // `not (a or b)` is no call.
                    return None;
                } else {
                    let parameters = FUNCTIONS.iter().find(|(known, _)| *known == name);
                    let built_in = format!("dbt__{name}");
                    if let (None, Some(parameters)) = (parameters, self.signatures.get(&built_in)) {
                        self.copy(copied..word.start);
                        self.component(&built_in, word.start, next + 1..close, parameters);
                        return Some(close + 1);
                    }
                    // `range(start=1, …)` and `config(…)` are keyword calls already; their values may
                    // still hold calls.
                    self.copy(copied..next + 1);
                    let mut names = parameters.map(|(_, names)| owned(names)).unwrap_or_default();
                    if name == "range" && split(self.source, next + 1..close).len() > 1 {
                        names = owned(&["start", "end", "step_by"]);
                    }
                    self.keywords(name, next + 1..close, &names);
                    self.copy(close..close + 1);
                }
                Some(close + 1)
            }
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
            (_, false) if name == "None" => {
                self.copy(copied..word.start);
                self.insert("none", word.start);
                Some(word.end)
            }
            _ => None,
        }
    }

    /// `package.macro(…)`: `word` is the package, the macro's name begins at `start`.
    fn packaged(&mut self, word: Range<usize>, start: usize, copied: usize, limit: usize) -> Option<usize> {
        let bytes = self.source.as_bytes();
        let (package, end) = (&self.source[word.clone()], identifier_end(bytes, start));
        let open = skip_spaces(bytes, end);
        if open >= limit || bytes[open] != b'(' {
            return None;
        }
        let (name, close) = (&self.source[start..end], close_bracket(bytes, open, limit)?);
        let full = format!("{package}__{name}");
        if let Some(parameters) = self.signatures.get(&full) {
            self.copy(copied..word.start);
            self.component(&full, word.start, open + 1..close, parameters);
            return Some(close + 1);
        }
        let prefix = format!("{package}__");
        if PACKAGES.contains(&package) || self.signatures.keys().any(|known| known.starts_with(&prefix)) {
            self.unknown_macro(package, name, word.start..end);
        }
        None
    }

    fn unknown_macro(&mut self, package: &str, name: &str, span: Range<usize>) {
        let message = format!("elt has no macro `{package}.{name}`");
        let known = self.signatures.keys().filter_map(|known| known.strip_prefix(&format!("{package}__")));
        let hint = if ASKS_THE_DATABASE.contains(&name) {
            "it asks the database while it is compiled, and elt compiles without one: write the columns or \
             values out, or keep them in `vars:`"
                .to_owned()
        } else {
            did_you_mean(name, known)
                .unwrap_or_else(|| "write the SQL, or a macro of your own in macros/".into())
        };
        let called = (!ASKS_THE_DATABASE.contains(&name)).then(|| format!("{package}__{name}"));
        self.out.problems.push(Problem { span, message, hint, called });
    }

    /// `adapter.dispatch('name')(…)` is PostgreSQL's own macro of that name, else the default one;
    /// `target.name` a function. `start` is where the part behind the dot begins.
    fn of_object(&mut self, word: Range<usize>, start: usize, copied: usize, limit: usize) -> Option<usize> {
        let bytes = self.source.as_bytes();
        let end = identifier_end(bytes, start);
        let part = &self.source[start..end];
        if &self.source[word.clone()] == "target" {
            self.copy(copied..word.start);
            self.insert(&format!("target(part=\"{part}\")"), word.start);
            return Some(end);
        }
        let open = skip_spaces(bytes, end);
        if part != "dispatch" || bytes.get(open) != Some(&b'(') {
            return None;
        }
        let close = close_bracket(bytes, open, limit)?;
        let call = skip_spaces(bytes, close + 1);
        if call >= limit || bytes[call] != b'(' {
            return None;
        }
        let call_end = close_bracket(bytes, call, limit)?;
        let arguments: Vec<&str> = split(self.source, open + 1..close)
            .into_iter()
            .map(|part| keyword(self.source, &part).map_or(part.clone(), |(_, value)| value..part.end))
            .map(|part| self.source[part].trim().trim_matches(['\'', '"']))
            .collect();
        let name = arguments.first()?;
        // The project's own first, then those of the package that is named, or whose file it is.
        let package = arguments.get(1).copied().or(self.package);
        let own = ["postgres", "default"].map(|adapter| format!("{adapter}__{name}"));
        let of_package = own.clone().map(|own| package.map(|package| format!("{package}__{own}")));
        let chosen: Vec<String> = own.into_iter().chain(of_package.into_iter().flatten()).collect();
        let Some(chosen) = chosen.iter().find(|name| self.signatures.contains_key(*name)) else {
            let message = format!("there is no macro `postgres__{name}` or `default__{name}`");
            let hint = "adapter.dispatch takes the one for PostgreSQL, else the default".to_owned();
            let called = package.map(|package| format!("{package}__default__{name}"));
            self.out.problems.push(Problem { span: word.start..call_end + 1, message, hint, called });
            return None;
        };
        let parameters = self.signatures[chosen].clone();
        self.copy(copied..word.start);
        self.component(chosen, word.start, call + 1..call_end, &parameters);
        Some(call_end + 1)
    }

    /// Arguments by position get their parameters' names.
    fn keywords(&mut self, function: &str, arguments: Range<usize>, parameters: &[String]) {
        let parts = split(self.source, arguments.clone());
        let mut copied = arguments.start;
        for (index, part) in parts.iter().enumerate() {
            if let Some((_, value)) = keyword(self.source, part) {
                self.copy(copied..value);
                self.expression(value..part.end);
            } else {
                let start = skip_spaces(self.source.as_bytes(), part.start);
                self.copy(copied..start);
                match parameters.get(index) {
                    Some(name) => self.insert(&format!("{name}="), start),
                    None => self.too_many(function, start..part.end, parameters),
                }
                self.expression(start..part.end);
            }
            copied = part.end;
        }
        self.copy(copied..arguments.end);
    }

    /// A macro's call: `cents('a', 4)` is `<cents column={"a"} scale={4} />`.
    fn component(&mut self, name: &str, at: usize, arguments: Range<usize>, parameters: &[String]) {
        self.insert(&format!("<{name}"), at);
        for (index, part) in split(self.source, arguments).into_iter().enumerate() {
            let start = skip_spaces(self.source.as_bytes(), part.start);
            let (parameter, value) = match keyword(self.source, &part) {
                Some((parameter, value)) => (self.source[parameter].to_owned(), value),
                None => match parameters.get(index) {
                    Some(parameter) => (parameter.clone(), start),
                    None => {
                        self.too_many(name, start..part.end, parameters);
                        continue;
                    }
                },
            };
            self.insert(&format!(" {parameter}={{"), start);
            self.expression(value..part.end);
            self.insert("}", part.end);
        }
        self.insert(" />", at);
    }

    fn too_many(&mut self, function: &str, span: Range<usize>, parameters: &[String]) {
        let message = match parameters {
            [] => format!("`{function}` takes its arguments by name only"),
            names => format!("`{function}` takes {} by position: {}", names.len(), names.join(", ")),
        };
        self.out.problems.push(Problem {
            span,
            message,
            hint: "write it as `name=value`".into(),
            called: None,
        });
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(source: &str) -> String {
        let signatures =
            Signatures::from([("cents".to_owned(), vec!["column".to_owned(), "scale".to_owned()])]);
        macros(source, &signatures).text
    }

    #[test]
    fn dbt_calls_become_keyword_calls() {
        assert_eq!(plain("{{ ref('x') }}"), "{{ ref(name='x') }}");
        assert_eq!(plain("{{ source('a', \"b\") }}"), "{{ source(source='a', name=\"b\") }}");
        assert_eq!(
            plain("{{ var('x', env_var('Y', '3')) }}"),
            "{{ var(name='x', default=env_var(name='Y', default='3')) }}"
        );
        assert_eq!(plain("{{ ref(name='x') }}"), "{{ ref(name='x') }}");
    }

    #[test]
    fn maps_may_end_where_maps_and_tags_end() {
        assert_eq!(plain("{{ config(a={'b': {'c': 1}}) }} x }}"), "{{ config(a={'b': {'c': 1} }) }} x }}");
        assert_eq!(plain("{{ {'a': {}}}}"), "{{ {'a': {} } }}");
        assert_eq!(plain("{% set a = {'b': {'c': '}}'}} %}"), "{% set a = {'b': {'c': '}}'} } %}");
        assert_eq!(plain("{{ {'a' }} {{ b }}"), "{{ {'a' }} {{ b }}");
    }

    #[test]
    fn macros_become_components() {
        assert_eq!(
            plain("{% macro cents(column, scale=2) %}{{ column }}{% endmacro %}"),
            "{% component cents(column, scale=2) %}{{ column }}{% endcomponent %}"
        );
        assert_eq!(plain("{{ cents('a', 4) }}"), "{{ <cents column={'a'} scale={4} /> }}");
        assert_eq!(
            plain("{{ cents(cents('a'), scale=1) | upper }}"),
            "{{ <cents column={<cents column={'a'} />} scale={1} /> | upper }}"
        );
    }

    #[test]
    fn adapters_are_dispatched_to_postgresql_and_targets_are_asked() {
        let signatures = signatures(
            "{% macro default__cents(c) %}{% endmacro %}{% macro postgres__cents(c) %}{% endmacro %}{% macro default__x() %}{% endmacro %}",
        );
        let plain = |source: &str| macros(source, &signatures).text;
        assert_eq!(plain("{{ return(adapter.dispatch('cents')(c)) }}"), "{{ <postgres__cents c={c} /> }}");
        assert_eq!(
            plain("{{ adapter.dispatch(macro_name='x', macro_namespace='p') () }}"),
            "{{ <default__x /> }}"
        );
        assert_eq!(plain("{% if target.name == 'prod' %}"), "{% if target(part=\"name\") == 'prod' %}");
        let told = macros("{{ adapter.dispatch('y')() }}", &signatures).problems;
        assert_eq!(told[0].message, "there is no macro `postgres__y` or `default__y`");
    }

    #[test]
    fn strings_comments_and_raw_blocks_stay_as_they_are() {
        for text in [
            "ref('x')",
            "{# {{ ref('x') }} #}",
            "{% raw %}{{ ref('x') }}{% endraw %}",
            "{{ 'ref(1) }} this' }}",
        ] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn filters_and_this_are_understood() {
        assert_eq!(plain("{{ xs | join(', ') }}"), "{{ xs | join(sep=', ') }}");
        assert_eq!(plain("{{ this }} {{ this.schema }}"), "{{ this() }} {{ this(part=\"schema\") }}");
        assert_eq!(plain("{% for k, v in d.items() %}"), "{% for k, v in d %}");
        assert_eq!(
            plain("{{ config(a=[{'columns': ['x']}], source=var('v')) }}"),
            "{{ config(a=[{'columns': ['x']}], source=var(name='v')) }}"
        );
    }

    #[test]
    fn words_of_logic_are_no_calls_and_ranges_have_two_ends() {
        assert_eq!(plain("{% if not (a or b) and (c) %}"), "{% if not (a or b) and (c) %}");
        assert_eq!(plain("{% for i in range(1, n + 1) %}"), "{% for i in range(start=1, end=n + 1) %}");
        assert_eq!(plain("{% for i in range(3) %}"), "{% for i in range(end=3) %}");
    }

    #[test]
    fn too_many_arguments_are_told_with_their_place() {
        let rewritten = macros("{{ ref('a', 'b', 'c') }}", &Signatures::new());
        assert_eq!(rewritten.problems[0].span, 17..20);
        assert!(rewritten.problems[0].message.contains("takes 2 by position"));
    }

    #[test]
    fn places_map_back_to_the_source() {
        let source = "select {{ ref('x') }}, {{ var('y') }}";
        let rewritten = macros(source, &Signatures::new());
        let at = rewritten.text.find("'y'").unwrap();
        assert_eq!(rewritten.source_of(at), source.find("'y'").unwrap());
    }
}
