//! What is wrong with a user's input: a code in words, a message, the place, and what to do.
//! All problems are collected, then shown together; nothing here prints.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

/// A file of the project as it was read. `path` is relative to the project, with `/`.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    pub path: String,
    pub text: String,
}

/// A place in a file. `span` counts bytes of the file's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub file: Arc<SourceFile>,
    pub span: Range<usize>,
}

impl Location {
    pub fn new(file: &Arc<SourceFile>, span: Range<usize>) -> Self {
        Self { file: file.clone(), span }
    }

    /// The file as a whole, where no closer place is known.
    pub fn start_of(file: &Arc<SourceFile>) -> Self {
        Self::new(file, 0..0)
    }

    /// Where `word` stands from this place on, if it does.
    pub fn closer(&self, word: &str) -> Self {
        let start = self.span.start.min(self.file.text.len());
        match self.file.text.get(start..).and_then(|rest| rest.find(word)) {
            Some(at) if !word.is_empty() => Self::new(&self.file, start + at..start + at + word.len()),
            _ => self.clone(),
        }
    }

    /// Line and column, both from 1; columns count characters.
    pub fn line_column(&self) -> (usize, usize) {
        let start = floor_char(&self.file.text, self.span.start);
        let before = &self.file.text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        (line, column)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}", self.file.path)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// One problem in the user's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Words joined by dashes, e.g. `unknown-ref`; stable, listed in the docs.
    pub code: &'static str,
    pub message: String,
    pub location: Option<Location>,
    /// What to do about it.
    pub hint: Option<String>,
    /// What the data has that shows it: for who runs, and not for what is stored and served.
    pub rows: Option<String>,
}

impl Diagnostic {
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { severity: Severity::Error, code, message, location: None, hint: None, rows: None }
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// The same, where nothing hangs on it.
    pub fn as_warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    pub fn at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    pub fn rows(mut self, rows: Option<String>) -> Self {
        self.rows = rows;
        self
    }

    /// For who runs: the rows and what to do.
    fn help(&self) -> Option<String> {
        let all: Vec<&str> = self.rows.iter().chain(&self.hint).map(String::as_str).collect();
        (!all.is_empty()).then(|| all.join("\n"))
    }

    /// The lines around the place, with the place marked; nothing where none is known.
    pub fn excerpt(&self) -> Option<String> {
        let location = self.location.as_ref().filter(|location| !location.span.is_empty())?;
        let group = annotate_snippets::Group::with_level(Level::ERROR).element(snippet(location));
        Some(Renderer::plain().decor_style(DecorStyle::Ascii).render(&[group]))
    }

    /// As a terminal shows it: title, excerpt with the place marked, hint.
    pub fn render(&self, styled: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(self.message.as_str()).id(self.code);
        let mut group = annotate_snippets::Group::with_title(title);
        if let Some(location) = &self.location {
            group = group.element(snippet(location));
        }
        let help = self.help();
        if let Some(help) = &help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        renderer.decor_style(DecorStyle::Ascii).render(&[group])
    }
}

impl Serialize for Diagnostic {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = serializer.serialize_struct("Diagnostic", 7)?;
        let place = self.location.as_ref().map(|location| (&location.file.path, location.line_column()));
        out.serialize_field("severity", &self.severity)?;
        out.serialize_field("code", self.code)?;
        out.serialize_field("message", &self.message)?;
        out.serialize_field("file", &place.map(|(path, _)| path))?;
        out.serialize_field("line", &place.map(|(_, (line, _))| line))?;
        out.serialize_field("column", &place.map(|(_, (_, column))| column))?;
        out.serialize_field("hint", &self.help())?;
        out.end()
    }
}

fn snippet(location: &Location) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    let text = location.file.text.as_str();
    let start = floor_char(text, location.span.start);
    let end = floor_char(text, location.span.end).max(start);
    let snippet = Snippet::source(text).path(location.file.path.as_str()).fold(true);
    snippet.annotation(AnnotationKind::Primary.span(start..end))
}

/// The closest of `known` to what was written, if it is close enough to be what was meant.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&written.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().max(written.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// "Did you mean `x`?" where something is near.
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(written, known).map(|name| format!("did you mean `{name}`?"))
}

fn floor_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let file = Arc::new(SourceFile { path: "m.sql".into(), text: "select\n  'ä', nope".into() });
        let location = Location::new(&file, 15..19);
        assert_eq!(location.to_string(), "m.sql:2:8");
    }

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        assert_eq!(nearest("custmers", ["orders", "customers"]), Some("customers"));
        assert_eq!(nearest("zebra", ["orders", "customers"]), None);
    }

    #[test]
    fn an_excerpt_is_of_what_the_user_wrote_and_never_of_the_data() {
        let file = Arc::new(SourceFile { path: "models/m.sql".into(), text: "select 1\nfrom nope\n".into() });
        let problem = Diagnostic::error("test-failed", "found 1 row")
            .at(Location::new(&file, 14..18))
            .hint("look at it")
            .rows(Some("for example {\"id\":1}".into()));
        insta::assert_snapshot!(problem.excerpt().unwrap(), @r"
         --> models/m.sql:2:6
          |
        2 | from nope
          |      ^^^^
        ");
        assert!(problem.render(false).contains("help: for example {\"id\":1}\n          look at it"));
        assert_eq!(Diagnostic::error("unknown-ref", "y").at(Location::start_of(&file)).excerpt(), None);
    }

    #[test]
    fn a_diagnostic_shows_place_excerpt_and_hint() {
        let file = Arc::new(SourceFile { path: "models/m.sql".into(), text: "select 1\nfrom nope\n".into() });
        let text = Diagnostic::error("unknown-ref", "there is no model `nope`")
            .at(Location::new(&file, 14..18))
            .hint("did you mean `note`?")
            .render(false);
        insta::assert_snapshot!(text, @r"
        error[unknown-ref]: there is no model `nope`
         --> models/m.sql:2:6
          |
        2 | from nope
          |      ^^^^
          |
          = help: did you mean `note`?
        ");
    }
}
