//! Methods of Python's values, which dbt's templates call: `name.upper()` is tera's filter `name | upper`.

use std::ops::Range;

use super::Rewriter;
use crate::diagnostic::did_you_mean;

/// A method, the filter that does it, and what its parameters are called there.
const METHODS: &[(&str, &str, &[&str])] = &[
    ("upper", "upper", &[]),
    ("lower", "lower", &[]),
    ("title", "title", &[]),
    ("capitalize", "capitalize", &[]),
    ("strip", "trim", &["pat"]),
    ("lstrip", "trim_start", &["pat"]),
    ("rstrip", "trim_end", &["pat"]),
    ("replace", "replace", &["from", "to"]),
    ("split", "elt_split", &["separator"]),
    ("startswith", "elt_starts_with", &["with"]),
    ("endswith", "elt_ends_with", &["with"]),
    ("join", "elt_joining", &["items"]),
    ("keys", "keys", &[]),
    ("values", "values", &[]),
    ("render", "elt_render", &[]),
    ("get", "elt_get", &["key", "default"]),
    ("strftime", "elt_strftime", &["format"]),
    ("print_table", "print_table", &[]),
    ("is_string", "is_string", &[]),
    ("is_integer", "is_integer", &[]),
    ("is_float", "is_float", &[]),
    ("is_numeric", "is_numeric", &[]),
    ("is_number", "is_number", &[]),
];

impl Rewriter<'_> {
    /// `word` is the method behind a dot, `arguments` what stands between its brackets.
    pub(super) fn method(&mut self, word: Range<usize>, arguments: Range<usize>, copied: usize) -> usize {
        let (source, behind) = (self.source, arguments.end + 1);
        let name = &source[word.clone()];
        let dot = source[..word.start].rfind('.').unwrap_or(word.start);
        let no_arguments = source[arguments.clone()].trim().is_empty();
        if name == "items" && no_arguments && self.reads_results {
            self.copy(copied..dot);
            self.insert(" | items", word.start);
            return behind;
        }
        if name == "items" && no_arguments {
            // Tera walks a map itself.
            self.copy(copied..dot);
            return behind;
        }
        let Some((_, filter, parameters)) = METHODS.iter().find(|(method, _, _)| *method == name) else {
            let before = source[..dot].trim_end();
            let start = before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
            let message = match &before[start..] {
                "" => format!("there is no method `{name}`"),
                of => format!("there is no package `{of}`, and no method `{name}`"),
            };
            let known = METHODS.iter().map(|(method, _, _)| *method);
            let hint = match name {
                "append" | "extend" | "update" => {
                    format!("it changes a variable in a statement of its own: `{{% do names.{name}(…) %}}`")
                }
                _ => did_you_mean(name, known.clone())
                    .unwrap_or_else(|| format!("there are: {}", known.collect::<Vec<_>>().join(", "))),
            };
            self.problem(word, message, hint);
            self.copy(copied..behind);
            return behind;
        };
        self.copy(copied..dot);
        self.insert(&format!(" | {filter}"), word.start);
        if !no_arguments {
            self.copy(arguments.start - 1..arguments.start);
            self.keywords(name, arguments.clone(), parameters, false);
            self.copy(arguments.end..behind);
        }
        behind
    }
}
