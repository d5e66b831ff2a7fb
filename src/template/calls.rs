//! The macros of a project, and which of them a text calls. Read from the text as it is written: a call in a
//! branch that was not taken counts, too.

use std::sync::Arc;

use super::Library;
use super::rewrite::{Definition, definitions};
use super::scan::{TagKind, end_of_string, identifier_end, skip_spaces, tags};
use crate::diagnostic::SourceFile;

/// A macro or generic test as it is written.
#[derive(Debug, Clone)]
pub struct Macro {
    /// Of a generic test `test_<name>`.
    pub name: String,
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
    /// Every macro, in the order of files.
    pub fn macros(&self) -> Vec<Macro> {
        let own =
            self.files.values().map(|(file, _)| file).filter(|file| !self.of_packages.contains(&file.path));
        let mut files: Vec<&Arc<SourceFile>> = own.collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.into_iter().flat_map(|file| self.macros_of(file)).collect()
    }

    fn macros_of(&self, file: &Arc<SourceFile>) -> Vec<Macro> {
        let found = definitions(&file.text).into_iter().map(|Definition { name, start, end }| Macro {
            parameters: self.signatures.get(&name).cloned().unwrap_or_default(),
            text: file.text[start.whole.start..end.whole.end].to_owned(),
            calls: self.calls(&file.text[start.whole.end..end.whole.start]),
            file: file.clone(),
            is_builtin: file.path.starts_with('('),
            name,
        });
        found.collect()
    }

    /// The names of the macros that a template calls, each once.
    pub fn calls(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for tag in tags(text).iter().filter(|tag| tag.kind != TagKind::Verbatim) {
            self.calls_in(&text[tag.inner.clone()], &mut found);
        }
        found
    }

    fn calls_in(&self, inner: &str, found: &mut Vec<String>) {
        let bytes = inner.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            match bytes[at] {
                quote @ (b'\'' | b'"' | b'`') => at = end_of_string(bytes, at, quote),
                byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                    let end = identifier_end(bytes, at);
                    let name = &inner[at..end];
                    at = end;
                    let is_call = bytes.get(skip_spaces(bytes, end)) == Some(&b'(');
                    if is_call && self.signatures.contains_key(name) && !found.iter().any(|one| one == name) {
                        found.push(name.to_owned());
                    }
                }
                _ => at += 1,
            }
        }
    }
}
