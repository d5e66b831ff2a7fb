//! The macros of a project, and which of them a text calls. Read from the text as it is written: a call in a
//! branch that was not taken counts, too.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::Library;
use super::rewrite::{Definition, definitions, signatures_of};
use super::scan::{TagKind, end_of_string, identifier_end, skip_spaces, tags};
use crate::diagnostic::SourceFile;

/// A macro or generic test as it is written.
#[derive(Debug, Clone)]
pub struct Macro {
    /// Of a generic test `test_<name>`; of a package `<package>__<name>`, `test_<package>__<name>`.
    pub name: String,
    /// The package that it is of; `None` is the project itself, or elt.
    pub package: Option<String>,
    pub parameters: Vec<String>,
    /// From its first tag to its last.
    pub text: String,
    pub file: Arc<SourceFile>,
    /// What it calls in turn.
    pub calls: Vec<String>,
    /// elt's own.
    pub is_builtin: bool,
}

impl Library {
    /// Every macro that can be called, in the order of files.
    pub fn macros(&self) -> Vec<Macro> {
        let mut files: Vec<&Arc<SourceFile>> = self.files.values().map(|(file, _)| file).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let all: Vec<Macro> = files.into_iter().flat_map(|file| self.macros_of(file)).collect();
        let built_in: HashSet<String> =
            all.iter().filter(|one| one.is_builtin).map(|one| one.name.clone()).collect();
        // What is built in stays, whatever a package calls its own.
        all.into_iter().filter(|one| one.package.is_none() || !built_in.contains(&one.name)).collect()
    }

    fn macros_of(&self, file: &Arc<SourceFile>) -> Vec<Macro> {
        let package = self.package_of(&file.path);
        let found = definitions(&file.text).into_iter().filter_map(|Definition { name, start, end }| {
            let name = match package {
                // Those of a package that cannot be used have no signature.
                Some(package) => {
                    signatures_of(&file.text[start.whole.start..end.whole.end], package).into_keys().next()?
                }
                None => name,
            };
            Some(Macro {
                parameters: self.signatures.get(&name)?.parameters.clone(),
                text: file.text[start.whole.start..end.whole.end].to_owned(),
                calls: self.calls_within(&file.text[start.whole.end..end.whole.start], package),
                file: file.clone(),
                package: package.map(str::to_owned),
                is_builtin: file.path.starts_with('('),
                name,
            })
        });
        found.collect()
    }

    /// The names of the macros that a file's template calls, each once.
    pub fn calls(&self, file: &SourceFile) -> Vec<String> {
        self.calls_within(&file.text, self.package_of(&file.path))
    }

    /// The texts of all macros that a file's template calls, by itself and through others.
    pub(super) fn reached_from(&self, file: &SourceFile) -> String {
        let known = self.by_name.get_or_init(|| {
            self.macros().into_iter().map(|one| (one.name.clone(), (one.text, one.calls))).collect()
        });
        let (mut reached, mut text, mut open) = (BTreeSet::new(), String::new(), self.calls(file));
        while let Some(name) = open.pop() {
            let Some((own, calls)) = known.get(&name) else { continue };
            if reached.insert(name) {
                text.push_str(own);
                open.extend(calls.iter().cloned());
            }
        }
        text
    }

    fn calls_within(&self, text: &str, package: Option<&str>) -> Vec<String> {
        let mut found = Vec::new();
        for tag in tags(text).iter().filter(|tag| tag.kind != TagKind::Verbatim) {
            self.calls_in(&text[tag.inner.clone()], package, &mut found);
        }
        found
    }

    fn calls_in(&self, inner: &str, package: Option<&str>, found: &mut Vec<String>) {
        let bytes = inner.as_bytes();
        let (mut at, mut before_dot) = (0, None);
        while at < bytes.len() {
            match bytes[at] {
                quote @ (b'\'' | b'"' | b'`') => at = end_of_string(bytes, at, quote),
                byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                    let end = identifier_end(bytes, at);
                    let name = &inner[at..end];
                    at = end;
                    if bytes.get(end) == Some(&b'.') {
                        before_dot = Some(name);
                        at += 1;
                        continue;
                    }
                    let open = skip_spaces(bytes, end);
                    if bytes.get(open) == Some(&b'(') {
                        let names = match (before_dot, name) {
                            (Some("adapter"), "dispatch") => dispatched(&inner[open + 1..], package),
                            (Some(package), _) => vec![format!("{package}__{name}")],
                            (None, _) => own_first(package, name.to_owned()),
                        };
                        let known = names.into_iter().find(|name| self.signatures.contains_key(name));
                        found.extend(known.filter(|name| !found.contains(name)));
                    }
                }
                _ => at += 1,
            }
            before_dot = None;
        }
    }
}

/// A package's own macro of a name, then the project's.
fn own_first(package: Option<&str>, name: String) -> Vec<String> {
    package.map(|package| format!("{package}__{name}")).into_iter().chain([name]).collect()
}

/// What `adapter.dispatch('name', 'package')` may mean, the first that there is; `arguments` begin behind the
/// bracket.
fn dispatched(arguments: &str, package: Option<&str>) -> Vec<String> {
    let inside = &arguments[..arguments.find(')').unwrap_or(arguments.len())];
    let mut texts = inside.split(',').filter_map(|part| part.split(['\'', '"']).nth(1));
    let Some(name) = texts.next() else { return Vec::new() };
    let own = ["postgres", "default"].map(|adapter| format!("{adapter}__{name}"));
    let package = texts.next().or(package);
    let of_package = own.clone().map(|own| package.map(|package| format!("{package}__{own}")));
    own.into_iter().chain(of_package.into_iter().flatten()).collect()
}

impl Macro {
    /// Its name inside its package.
    pub fn bare_name(&self) -> String {
        let Some(package) = &self.package else { return self.name.clone() };
        match self.name.strip_prefix(&format!("test_{package}__")) {
            Some(test) => format!("test_{test}"),
            None => self.name.replacen(&format!("{package}__"), "", 1),
        }
    }
}
