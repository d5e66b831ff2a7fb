//! What a template names that there is not, told with the nearest name: as it is read, all at once, wherever it
//! stands, and as it is called.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use minijinja::{Environment, Error, Value};

use super::functions::FUNCTIONS;
use super::macros::Macros;
use super::scan::{Tag, TagKind, identifier_end, identifiers, skip_spaces, tags};
use super::state::fail;
use crate::diagnostic::{Diagnostic, Location, SourceFile, did_you_mean};

/// Statements of jinja that elt does not have, and what serves instead.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("import", "macros in `macros/` are known everywhere by name"),
    ("from", "macros in `macros/` are known everywhere by name"),
    ("include", "write a macro in `macros/`: it is known everywhere by name"),
    ("extends", "write a macro in `macros/`: it is known everywhere by name"),
    ("materialization", "elt's materializations are built in"),
];

/// Functions that are known beside [`FUNCTIONS`].
const OTHERS: &[&str] = &[
    "adapter",
    "caller",
    "config",
    "cycler",
    "debug",
    "dict",
    "joiner",
    "loop",
    "namespace",
    "range",
    "return",
    "super",
    "zip",
    "zip_strict",
];

const HINT: &str = "write the SQL, or a macro of your own in macros/";

/// Something that is known to be wrong. `span` counts bytes of the source.
struct Problem {
    span: Range<usize>,
    message: String,
    hint: String,
}

/// What is called in `tags` of a file, or stands in them as a statement, and is not known.
pub(super) fn problems(
    environment: &Environment<'static>,
    macros: &Macros,
    file: &Arc<SourceFile>,
    tags: &[Tag],
    prepared: &str,
) -> Vec<Diagnostic> {
    let source = file.text.as_str();
    let mut found: Vec<Problem> = Vec::new();
    let mut declared: Option<HashSet<String>> = None;
    let mut is_declared = |name: &str| {
        let known = declared.get_or_insert_with(|| {
            let template = environment.template_from_named_str("", prepared);
            template.map(|template| template.undeclared_variables(false)).unwrap_or_default()
        });
        !known.contains(name)
    };
    let of_package = macros.package_of(&file.path);
    for tag in tags.iter().filter(|tag| tag.kind != TagKind::Verbatim) {
        found.extend(unknown_statement(source, tag));
        for word in identifiers(source, tag.inner.clone()) {
            found.extend(unknown_call(macros, source, tag.inner.end, word, of_package, &mut is_declared));
        }
    }
    found.into_iter().map(|problem| problem.at(file)).collect()
}

/// The statements that elt does not have in `text`, which is as long as the file's.
pub(super) fn statements(file: &Arc<SourceFile>, text: &str) -> Vec<Diagnostic> {
    let found = tags(text).into_iter().filter_map(|tag| unknown_statement(text, &tag));
    found.map(|problem| problem.at(file)).collect()
}

impl Problem {
    fn at(self, file: &Arc<SourceFile>) -> Diagnostic {
        Diagnostic::error("template", self.message).at(Location::new(file, self.span)).hint(self.hint)
    }
}

fn unknown_statement(source: &str, tag: &Tag) -> Option<Problem> {
    let word = identifiers(source, tag.inner.clone()).next().filter(|_| tag.kind == TagKind::Statement)?;
    let (name, instead) = UNSUPPORTED.iter().find(|(name, _)| *name == &source[word.clone()])?;
    let message = format!("`{{% {name} %}}` is not a statement that elt knows");
    Some(Problem { span: word, message, hint: (*instead).to_owned() })
}

fn unknown_call(
    macros: &Macros,
    source: &str,
    limit: usize,
    word: Range<usize>,
    package: Option<&str>,
    is_declared: &mut impl FnMut(&str) -> bool,
) -> Option<Problem> {
    let (bytes, name) = (source.as_bytes(), &source[word.clone()]);
    let before = source[..word.start].trim_end();
    let follows = |at: usize, byte: u8| at < limit && bytes.get(at) == Some(&byte);
    if before.ends_with(['.', '|']) || before.ends_with(" is") || before.ends_with(" is not") {
        return None;
    }
    if follows(word.end, b'.') {
        let start = word.end + 1;
        let end = identifier_end(bytes, start);
        if !follows(skip_spaces(bytes, end), b'(')
            || !macros.is_namespace(name)
            || is_known_to(macros, name, source, start..end)
        {
            return None;
        }
        if is_declared(name) {
            return None;
        }
        let (message, hint) = told(macros, &format!("{name}.{}", &source[start..end]));
        return Some(Problem { span: word.start..end, message, hint });
    }
    let is_called = follows(skip_spaces(bytes, word.end), b'(');
    let own = package.is_some_and(|package| macros.has(&format!("{package}__{name}")));
    if !is_called
        || own
        || is_function(name)
        || is_keyword(name)
        || macros.called(name).is_some()
        || is_declared(name)
    {
        return None;
    }
    let (message, hint) = told(macros, name);
    Some(Problem { span: word, message, hint })
}

fn is_known_to(macros: &Macros, package: &str, source: &str, name: Range<usize>) -> bool {
    let name = &source[name];
    macros.called_in(package, name).is_some() || package == "dbt" && is_dbts(name)
}

fn is_function(name: &str) -> bool {
    OTHERS.contains(&name) || is_dbts(name) || name.starts_with("elt_")
}

fn is_dbts(name: &str) -> bool {
    FUNCTIONS.iter().any(|function| function.name == name)
}

/// Words that a bracket may follow: `not (a or b)` is no call.
fn is_keyword(name: &str) -> bool {
    matches!(
        name,
        "not"
            | "and"
            | "or"
            | "in"
            | "is"
            | "if"
            | "elif"
            | "else"
            | "for"
            | "set"
            | "do"
            | "call"
            | "macro"
            | "test"
            | "data_test"
            | "filter"
            | "with"
            | "recursive"
            | "raw"
    )
}

/// What to say of a macro or function that there is not.
pub(super) fn told(macros: &Macros, name: &str) -> (String, String) {
    if let Some((package, inner)) = name.split_once('.') {
        let prefix = format!("{package}__");
        let known: Vec<&str> = macros.names().filter_map(|known| known.strip_prefix(&prefix)).collect();
        let message = format!("elt has no macro `{name}`");
        return (message, did_you_mean(inner, known).unwrap_or_else(|| HINT.to_owned()));
    }
    let functions = FUNCTIONS.iter().map(|function| function.name).chain(OTHERS.iter().copied());
    let own = macros.names().filter(|known| !known.starts_with("test_"));
    let bare = own.map(|known| known.strip_prefix("dbt__").unwrap_or(known));
    let mut known: Vec<&str> = bare
        .filter(|known| !known.contains("__"))
        .chain(functions.filter(|known| !known.starts_with("elt_")))
        .collect();
    known.sort_unstable();
    let message = format!("there is no macro or function `{name}`");
    (message, did_you_mean(name, known).unwrap_or_else(|| HINT.to_owned()))
}

/// The error of calling a macro that there is not.
pub(super) fn macro_called(macros: &Macros, name: &str) -> Result<Value, Error> {
    let (message, hint) = told(macros, name);
    fail(message, &hint)
}
