//! Calls behind a dot: `package.macro(…)`, `adapter.dispatch(…)(…)` and `target.name`.

use std::ops::Range;

use super::super::scan::{close_bracket, identifier_end, keyword, skip_spaces, split};
use super::{Problem, Rewriter};
use crate::diagnostic::did_you_mean;

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

impl Rewriter<'_> {
    /// `package.macro(…)`: `word` is the package, the macro's name begins at `start`.
    pub(super) fn packaged(
        &mut self,
        word: Range<usize>,
        start: usize,
        copied: usize,
        limit: usize,
    ) -> Option<usize> {
        let bytes = self.source.as_bytes();
        let (package, end) = (&self.source[word.clone()], identifier_end(bytes, start));
        let open = skip_spaces(bytes, end);
        if open >= limit || bytes[open] != b'(' {
            return None;
        }
        let (name, close) = (&self.source[start..end], close_bracket(bytes, open, limit)?);
        let prefix = format!("{package}__");
        let full = format!("{prefix}{name}");
        if let Some(parameters) = self.signatures.get(&full) {
            return Some(self.component(&full, copied..word.start, open + 1..close, parameters));
        }
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
    pub(super) fn of_object(
        &mut self,
        word: Range<usize>,
        start: usize,
        copied: usize,
        limit: usize,
    ) -> Option<usize> {
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
        let parameters = &self.signatures[chosen];
        Some(self.component(chosen, copied..word.start, call + 1..call_end, parameters))
    }
}
