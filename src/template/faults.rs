//! What is wrong with a template, told at the author's own place: of the rewriter's problems and of tera's.

use std::sync::Arc;

use tera::ErrorKind;

use super::rewrite::Rewritten;
use super::state::HINT;
use super::{Library, settle};
use crate::diagnostic::{Diagnostic, Location, SourceFile, did_you_mean};

/// Where the problems of a text are shown.
pub(super) enum Placing {
    /// In a file, which was rewritten so.
    In(Arc<SourceFile>, Rewritten),
    At(Location),
    /// In the macro that is called, of this name.
    Macro(Arc<SourceFile>, String),
}

impl Placing {
    pub fn diagnose(&self, library: &Library, error: &tera::Error) -> Diagnostic {
        match self {
            Self::In(file, rewritten) => library.diagnose(error, file, Some(rewritten)),
            Self::At(place) => library.diagnose_at(error, place),
            Self::Macro(call, name) => {
                let mut problem = library.diagnose(error, call, None);
                if problem.location.as_ref().is_some_and(|place| place.file.path == call.path) {
                    problem.location = library.macro_place(name);
                }
                problem
            }
        }
    }
}

impl Library {
    /// What the rewriter knows to be wrong.
    pub(super) fn told(&self, file: &Arc<SourceFile>, rewritten: &Rewritten) -> Vec<Diagnostic> {
        let problems = rewritten.problems.iter();
        problems
            .map(|problem| {
                let why = problem.called.as_ref().and_then(|called| self.unusable.get(called));
                let hint = why.map(|why| format!("the package has it, but it cannot be used here: {why}"));
                Diagnostic::error("template", problem.message.clone())
                    .at(Location::new(file, problem.span.clone()))
                    .hint(hint.unwrap_or_else(|| problem.hint.clone()))
            })
            .collect()
    }

    /// The same of a text whose own place is all that is known.
    pub(super) fn told_at(&self, rewritten: &Rewritten, place: &Location) -> Vec<Diagnostic> {
        let mut told = self.told(&place.file, rewritten);
        told.iter_mut().for_each(|problem| problem.location = Some(place.clone()));
        told
    }

    /// A macro that there is not. Who asks knows where the name stands.
    pub(super) fn unknown_macro(&self, name: &str) -> Diagnostic {
        let packaged = name.replacen('.', "__", 1);
        if let Some(why) = self.unusable.get(&packaged) {
            let message = format!("the macro `{name}` cannot be used here: {why}");
            return Diagnostic::error("unknown-macro", message);
        }
        let known = self.signatures.keys().filter(|known| !known.starts_with("test_"));
        // Those of packages are called with a dot.
        let known: Vec<String> = match name.contains('.') {
            true => known.map(|known| known.replacen("__", ".", 1)).collect(),
            false => known.cloned().collect(),
        };
        let problem = Diagnostic::error("unknown-macro", format!("there is no macro `{name}`"));
        problem.maybe_hint(did_you_mean(name, known.iter().map(String::as_str)))
    }

    /// Makes a tera error a diagnostic of the place that asked.
    pub(super) fn diagnose_at(&self, error: &tera::Error, place: &Location) -> Diagnostic {
        let mut diagnostic = self.diagnose(error, &place.file, None);
        diagnostic.location = Some(place.clone());
        diagnostic
    }

    /// Makes a tera error a diagnostic at the author's own place.
    pub(super) fn diagnose(
        &self,
        error: &tera::Error,
        file: &Arc<SourceFile>,
        own: Option<&Rewritten>,
    ) -> Diagnostic {
        let (message, place) = match error.kind() {
            ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
                let found = if report.filename() == file.path {
                    own.map(|rewritten| (file, rewritten))
                } else {
                    None
                };
                let found = found
                    .or_else(|| self.files.get(report.filename()).map(|(file, rewritten)| (file, rewritten)));
                let place = found.map(|(file, rewritten)| {
                    let range = &report.span().range;
                    let start = rewritten.source_of(range.start);
                    let end = rewritten.source_of(range.end.max(range.start + 1)).max(start + 1);
                    Location::new(file, start..end)
                });
                (report.message().to_owned(), place)
            }
            other => (plain_message(&other.to_string()), None),
        };
        let mut parts = message.split(HINT).map(str::to_owned);
        let (message, hint) = (parts.next().unwrap_or_default(), parts.next());
        let place = place.unwrap_or_else(|| place_of_quoted(file, &message));
        Diagnostic::error("template", strip_marks(&message)).at(place).maybe_hint(hint)
    }
}

/// Problems for which tera gives no place name what they are about in backquotes or quotes: look for it.
fn place_of_quoted(file: &Arc<SourceFile>, message: &str) -> Location {
    let quoted = message.split(['`', '\'', '"']).nth(1).filter(|name| !name.is_empty());
    match quoted.and_then(|name| file.text.find(name).map(|at| at..at + name.len())) {
        Some(span) => Location::new(file, span),
        None => Location::start_of(file),
    }
}

/// The first line that says something, without tera's own frame around it.
pub(super) fn plain_message(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(text);
    line.trim_start_matches("error:").trim().to_owned()
}

fn strip_marks(text: &str) -> String {
    settle(text, |_, _| "…".to_owned()).0
}
