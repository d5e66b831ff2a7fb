//! Calls behind a dot: `package.macro(…)`, `adapter.dispatch(…)(…)` and `target.name`.

use std::ops::Range;

use super::super::scan::{close_bracket, identifier_end, keyword, skip_spaces, split};
use super::{Problem, Rewriter};

/// Packages of dbt whose macros are built in under `package__name`.
const PACKAGES: &[&str] = &["dbt", "dbt_utils", "dbt_date", "dbt_expectations"];

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
        if let Some(signature) = self.signatures.get(&full) {
            return Some(self.component(&full, copied..word.start, open + 1..close, signature));
        }
        if PACKAGES.contains(&package) || self.signatures.keys().any(|known| known.starts_with(&prefix)) {
            self.unknown_macro(package, name, word.start..end);
            return Some(self.skipped(copied, close + 1, limit));
        }
        None
    }

    /// `adapter.dispatch('name')(…)` is PostgreSQL's own macro of that name, else the default one;
    /// `target.name` a function, `exceptions.warn('…')` one of elt's. `start` is where the part behind the dot
    /// begins.
    pub(super) fn of_object(
        &mut self,
        word: Range<usize>,
        start: usize,
        copied: usize,
        limit: usize,
    ) -> Option<usize> {
        let bytes = self.source.as_bytes();
        let end = identifier_end(bytes, start);
        let (object, part) = (&self.source[word.clone()], &self.source[start..end]);
        let open = skip_spaces(bytes, end);
        let is_call = bytes.get(open) == Some(&b'(');
        let (function, parameters): (&str, &[&str]) = match (object, part) {
            ("target", _) => {
                self.copy(copied..word.start);
                self.insert(&format!("target(part=\"{part}\")"), word.start);
                return Some(end);
            }
            ("builtins", _) => {
                self.copy(copied..word.start);
                return Some(start);
            }
            ("exceptions", "raise_compiler_error") if is_call => ("throw", &["message"]),
            ("exceptions", "warn") if is_call => ("elt_warn", &["message"]),
            ("adapter", "quote") if is_call => ("elt_quote", &["message"]),
            ("adapter", "get_columns_in_relation") if is_call => ("elt_columns", &["relation"]),
            ("adapter", "load_relation") if is_call => ("load_relation", &["relation"]),
            ("adapter", "get_relation") if is_call => {
                ("elt_find_relation", &["database", "schema", "identifier"])
            }
            ("api", "Relation") if self.source[end..].starts_with(".create(") => {
                return self.named_relation(word, end + ".create".len(), copied, limit);
            }
            ("adapter", "dispatch") if is_call => return self.dispatched(word, open, copied, limit),
            // A variable of the template's own may be called like an object.
            ("model" | "config" | "flags" | "graph" | "api", _)
                if !is_call && part.starts_with(|c: char| c.is_lowercase()) =>
            {
                return None;
            }
            _ => {
                self.unknown_part(object, part, word.start..end);
                return Some(self.skipped(copied, end, limit));
            }
        };
        let close = close_bracket(bytes, open, limit)?;
        self.copy(copied..word.start);
        self.insert(function, word.start);
        self.copy(open..open + 1);
        self.keywords(part, open + 1..close, parameters, false);
        self.copy(close..close + 1);
        Some(close + 1)
    }

    /// `api.Relation.create(…)`, whose bracket opens at `open`.
    fn named_relation(
        &mut self,
        word: Range<usize>,
        open: usize,
        copied: usize,
        limit: usize,
    ) -> Option<usize> {
        let close = close_bracket(self.source.as_bytes(), open, limit)?;
        self.copy(copied..word.start);
        self.insert("elt_relation", word.start);
        self.copy(open..open + 1);
        self.keywords("create", open + 1..close, &["database", "schema", "identifier", "type"], false);
        self.copy(close..close + 1);
        Some(close + 1)
    }

    /// `adapter.dispatch('name', 'package')(…)`, whose first bracket opens at `open`.
    fn dispatched(&mut self, word: Range<usize>, open: usize, copied: usize, limit: usize) -> Option<usize> {
        let bytes = self.source.as_bytes();
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
        let signature = &self.signatures[chosen];
        Some(self.component(chosen, copied..word.start, call + 1..call_end, signature))
    }
}
