//! The macros of a project, and which of them a text calls. Read from the text as it is written: a call in a
//! branch that was not taken counts, too.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::Library;
use super::macros::Entry;
use super::scan::{Tag, TagKind, close_bracket, identifiers, skip_spaces, tags};
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
        let mut all: Vec<(&str, &Entry)> = self.macros.entries().collect();
        all.sort_by(|(_, a), (_, b)| a.place().cmp(&b.place()));
        let read = |(name, entry): (&str, &Entry)| {
            let text = entry.text().to_owned();
            Macro {
                name: name.to_owned(),
                package: entry.package.clone(),
                parameters: entry.definition.parameters.clone(),
                calls: self.calls_within(&text, tags(&text).into_iter().skip(1), entry.package.as_deref()),
                file: entry.file.clone(),
                is_builtin: entry.is_built_in(),
                text,
            }
        };
        all.into_iter().map(read).collect()
    }

    /// The names of the macros that a file's template calls, each once.
    pub fn calls(&self, file: &SourceFile) -> Vec<String> {
        self.calls_within(&file.text, tags(&file.text).into_iter(), self.macros.package_of(&file.path))
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

    fn calls_within(
        &self,
        text: &str,
        tags: impl Iterator<Item = Tag>,
        package: Option<&str>,
    ) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for tag in tags.filter(|tag| tag.kind != TagKind::Verbatim) {
            for word in identifiers(text, tag.inner.clone()) {
                let called = self.called_at(text, &word, tag.inner.end, package);
                found.extend(called.filter(|name| !found.contains(name)));
            }
        }
        found
    }

    /// The macro that a word calls, if it is one.
    fn called_at(
        &self,
        text: &str,
        word: &Range<usize>,
        limit: usize,
        package: Option<&str>,
    ) -> Option<String> {
        let (bytes, name) = (text.as_bytes(), &text[word.clone()]);
        let open = skip_spaces(bytes, word.end);
        if open >= limit || bytes[open] != b'(' {
            return None;
        }
        let object = text[..word.start].strip_suffix('.').map(|before| {
            let start = before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
            &before[start..]
        });
        match (object, name) {
            (Some("adapter"), "dispatch") => {
                let close = close_bracket(bytes, open, limit)?;
                let mut texts =
                    text[open..close].split(',').filter_map(|part| part.split(['\'', '"']).nth(1));
                let name = texts.next()?;
                self.macros.dispatched(name, texts.next().or(package))
            }
            (Some(package), _) => self.macros.called_in(package, name),
            (None, _) => {
                let own = package.map(|package| format!("{package}__{name}"));
                own.filter(|own| self.macros.has(own)).or_else(|| self.macros.called(name))
            }
        }
    }
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
