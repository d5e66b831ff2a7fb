//! The statements of dbt: macros become components, `{% do %}` and the like what tera has instead.

use std::ops::Range;

use super::super::scan::{Tag, close_bracket, identifier_end, skip_spaces, split};
use super::Rewriter;

/// Statements of dbt that elt does not have, and what serves instead.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("import", "macros in `macros/` are known everywhere by name"),
    ("from", "macros in `macros/` are known everywhere by name"),
    ("materialization", "elt's materializations are built in"),
];

/// Words that are no variables.
const NOT_NAMES: &[&str] = &["execute", "true", "false", "True", "False", "none", "None", "this", "loop"];

impl Rewriter<'_> {
    pub(super) fn statement(&mut self, tag: &Tag) {
        let inner = &self.source[tag.inner.clone()];
        let start = tag.inner.start + (inner.len() - inner.trim_start().len());
        let end = identifier_end(self.source.as_bytes(), start);
        let word = &self.source[start..end];
        if let Some((_, instead)) = UNSUPPORTED.iter().find(|(name, _)| *name == word) {
            let message = format!("`{{% {word} %}}` is not a statement that elt knows");
            self.problem(start..end, message, *instead);
        }
        match word {
            "call" => self.call_statement(tag, start..end),
            "endcall" => {
                self.unmarked_depth = self.unmarked_depth.saturating_sub(1);
                let written = self.statement_call.take().unwrap_or(start..start);
                self.copy(tag.whole.start..start);
                self.insert("endset", start);
                self.copy(end..tag.whole.end);
                self.insert("{{ elt_statement(sql=elt_sql, ", written.start);
                self.keywords("statement", written, &["name", "fetch_result", "auto_begin"], false);
                self.insert(") }}", tag.whole.start);
            }
            "macro" | "test" | "data_test" => {
                self.unmarked_depth += 1;
                self.in_macro = word == "macro";
                self.copy(tag.whole.start..start);
                let prefix = if word == "macro" { "component " } else { "component test_" };
                self.insert(prefix, start);
                if let Some(package) = self.package {
                    self.insert(&format!("{package}__"), start);
                }
                self.definition(tag, skip_spaces(self.source.as_bytes(), end));
            }
            "endmacro" | "endtest" | "enddata_test" => {
                self.unmarked_depth = self.unmarked_depth.saturating_sub(1);
                self.in_macro = false;
                self.copy(tag.whole.start..start);
                self.insert("endcomponent", start);
                self.copy(end..tag.whole.end);
            }
            "do" => self.do_statement(tag, end..tag.inner.end),
            "set" if self.changes(tag, end..tag.inner.end) => {}
            "for" => self.for_statement(tag, end..tag.inner.end),
            "if" | "elif" if self.reads_results => {
                self.copy(tag.whole.start..end);
                self.condition(end..tag.inner.end);
                self.copy(tag.inner.end..tag.whole.end);
            }
            _ => {
                self.block_of_text(word, end..tag.inner.end);
                self.copy(tag.whole.start..start);
                self.expression(start..tag.inner.end);
                self.copy(tag.inner.end..tag.whole.end);
            }
        }
    }

    /// `{% call statement('name', fetch_result=true) %}`: the text up to its end is the SQL.
    fn call_statement(&mut self, tag: &Tag, word: Range<usize>) {
        let source = self.source;
        let start = skip_spaces(source.as_bytes(), word.end);
        let called = &source[start..identifier_end(source.as_bytes(), start)];
        let open = start + called.len();
        let close = close_bracket(source.as_bytes(), open, tag.inner.end).filter(|_| called == "statement");
        match close {
            Some(close) => self.statement_call = Some(open + 1..close),
            None => {
                let message = "`{% call %}` is known with `statement(…)` alone".to_owned();
                let hint = "pass the text as an argument: `{% set body %}…{% endset %}`";
                self.problem(word.clone(), message, hint);
            }
        }
        self.unmarked_depth += 1;
        self.copy(tag.whole.start..word.start);
        self.insert("set elt_sql ", word.start);
        self.copy(tag.inner.end..tag.whole.end);
    }

    /// The name and the parameters of a macro; what a parameter is by default, callers say.
    fn definition(&mut self, tag: &Tag, start: usize) {
        let inner = &self.source[start..tag.inner.end];
        let mut copied = start;
        if let (Some(open), Some(close)) = (inner.find('('), inner.rfind(')')) {
            for part in split(self.source, start + open + 1..start + close) {
                if let Some(equals) = self.source[part.clone()].find('=') {
                    self.copy(copied..part.start + equals + 1);
                    self.insert("none", part.start + equals + 1);
                    copied = part.end;
                }
            }
        }
        self.copy(copied..tag.whole.end);
    }

    /// `{% do return(x) %}` writes what is returned, `{% do names.append(x) %}` changes a variable; of anything
    /// else the value is forgotten.
    fn do_statement(&mut self, tag: &Tag, rest: Range<usize>) {
        let text = self.source[rest.clone()].trim_start();
        if text.strip_prefix("return").is_some_and(|rest| rest.trim_start().starts_with('(')) {
            self.insert(if tag.trims_before { "{{-" } else { "{{" }, tag.whole.start);
            self.expression(rest.clone());
            self.insert(if tag.trims_after { "-}}" } else { "}}" }, rest.end);
            return;
        }
        if self.changes(tag, rest.clone()) {
            return;
        }
        self.copy(tag.whole.start..tag.inner.start);
        self.insert(" set elt_done =", tag.inner.start);
        self.expression(rest);
        self.copy(tag.inner.end..tag.whole.end);
    }

    /// More than one name takes a row apart, `if` leaves some out: `{% for a, b in zip(x, y) %}`,
    /// `{% for a in x if a %}`.
    fn for_statement(&mut self, tag: &Tag, rest: Range<usize>) {
        let source = self.source;
        let words = word_places(source, rest.clone());
        let of = |word: &str| words.iter().find(|place| &source[(*place).clone()] == word).cloned();
        let Some(within) = of("in") else {
            return self.plain_statement(tag);
        };
        let names: Vec<Range<usize>> = split(source, rest.start..within.start);
        let trimmed: Vec<&str> = names.iter().map(|name| source[name.clone()].trim()).collect();
        if let Some(name) = trimmed.iter().find(|name| self.changed.contains(name)) {
            let message = format!("`{name}` is the variable of a loop, and is changed");
            self.problem(rest.start..within.start, message, "set another variable to it, and change that");
        }
        let container = within.end..rest.end;
        let walks_a_map = source[container.clone()].trim_end().ends_with(".items()") && !self.reads_results;
        let filter = of("if").filter(|filter| filter.start > within.end && of("else").is_none());
        if let ([_, _, ..], Some(filter)) = (trimmed.as_slice(), &filter) {
            let message = "a loop over several names takes no `if`".to_owned();
            self.problem(filter.clone(), message, "put `{% if … %}` inside of the loop");
        }
        match (trimmed.as_slice(), filter) {
            ([name], Some(filter)) => {
                let (opens, closes) = self.around_container(container.clone());
                self.copy(tag.whole.start..within.end);
                self.insert(&format!(" [{name} for {name} in{opens}"), within.end);
                self.expression(container.start..filter.start);
                self.insert(closes, filter.start);
                self.expression(filter.start..container.end);
                self.insert("]", container.end);
                self.copy(tag.inner.end..tag.whole.end);
            }
            ([_, _, ..], _) if !walks_a_map && trimmed.iter().all(|name| is_name(name)) => {
                self.copy(tag.whole.start..rest.start);
                self.insert(" elt_row in elt_rows(of=", rest.start);
                self.expression(container.clone());
                self.insert(")", container.end);
                self.copy(tag.inner.end..tag.whole.end);
                let (opens, closes) = if tag.trims_after { ("{%-", "-%}") } else { ("{%", "%}") };
                for (index, name) in trimmed.iter().enumerate() {
                    let taken = format!("{opens} set {name} = elt_row[{index}] {closes}");
                    self.insert(&taken, tag.whole.end);
                }
            }
            ([_], None) => {
                let (opens, closes) = self.around_container(container.clone());
                self.copy(tag.whole.start..within.end);
                self.insert(opens, within.end);
                self.expression(container.clone());
                self.insert(closes, container.end);
                self.copy(tag.inner.end..tag.whole.end);
            }
            _ => self.plain_statement(tag),
        }
    }

    /// What a loop walks over may be the result of a query, or a map, of which tera gives the values and Python
    /// the keys.
    fn around_container(&self, container: Range<usize>) -> (&'static str, &'static str) {
        let text = self.source[container].trim_start();
        if text.starts_with('[') || text.starts_with("range(") { ("", "") } else { (" elt_each(of=", ") ") }
    }

    /// `if results and not other`: to tera a table without rows is as true as another.
    fn condition(&mut self, range: Range<usize>) {
        let source = self.source;
        let words = word_places(source, range.clone());
        let joins = words.iter().filter(|place| matches!(&source[(*place).clone()], "and" | "or"));
        let mut start = range.start;
        for end in joins.cloned().chain(std::iter::once(range.end..range.end)) {
            let operand = &source[start..end.start];
            let bare = operand.trim_start();
            let bare = bare.strip_prefix("not ").unwrap_or(bare).trim_start();
            let name = start + operand.len() - bare.len();
            if is_name(bare.trim_end()) && !NOT_NAMES.contains(&bare.trim_end()) {
                self.copy(start..name);
                self.insert("elt_truth(of=", name);
                self.copy(name..name + bare.trim_end().len());
                self.insert(")", name + bare.trim_end().len());
                self.copy(name + bare.trim_end().len()..end.end);
            } else {
                self.expression(start..end.start);
                self.copy(end.clone());
            }
            start = end.end;
        }
    }

    fn plain_statement(&mut self, tag: &Tag) {
        self.copy(tag.whole.start..tag.inner.start);
        self.expression(tag.inner.clone());
        self.copy(tag.inner.end..tag.whole.end);
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
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Where the words stand that are in no bracket and no string.
fn word_places(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut found, mut depth, mut at) = (Vec::new(), 0usize, range.start);
    while at < range.end {
        match bytes[at] {
            quote @ (b'\'' | b'"' | b'`') => {
                at = super::super::scan::end_of_string(bytes, at, quote);
                continue;
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                let end = identifier_end(bytes, at).min(range.end);
                if depth == 0 {
                    found.push(at..end);
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}
