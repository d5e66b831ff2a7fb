//! dbt's spelling made tera's: positional arguments become keyword arguments, macros become components,
//! `this` a function. Literal text gets marks (see `marks`). It reads only what stands between `{{ }}` and
//! `{% %}`, knows strings, comments and raw blocks, and remembers where each byte came from. It is no
//! parser of templates: what it does not know it leaves for tera to judge.

mod arguments;
mod changes;
mod definitions;
mod maps;
mod methods;
mod objects;
mod statements;
mod texts;
mod unknown;
mod words;

#[cfg(test)]
mod tests;

use std::ops::Range;

pub(super) use definitions::{Definition, Signature, definitions, signatures_of};
pub use definitions::{Signatures, place_of_macro, signatures};

use super::marks::{self, Kind};
use super::scan::{Tag, TagKind, tags};

/// A rewritten template.
#[derive(Clone, Debug, Default)]
pub struct Rewritten {
    pub text: String,
    /// Start in `text`, start in the source, whether bytes run in step from there.
    pieces: Vec<(usize, usize, bool)>,
    pub problems: Vec<Problem>,
}

/// Something the rewriter knows to be wrong. `span` counts bytes of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub span: Range<usize>,
    pub message: String,
    pub hint: String,
    /// The macro that there is not, as `package__macro`.
    pub called: Option<String>,
}

impl Rewritten {
    /// The source byte behind byte `at` of the rewritten text.
    pub fn source_of(&self, at: usize) -> usize {
        match self.pieces.partition_point(|(start, _, _)| *start <= at).checked_sub(1) {
            None => 0,
            Some(index) => {
                let (start, source, in_step) = self.pieces[index];
                if in_step { source + (at - start) } else { source }
            }
        }
    }
}

/// What stands around the call of a macro, so that it is the value that the macro returns.
pub(super) fn around_call(signature: &Signature) -> (&'static str, &'static str) {
    if signature.returns { ("elt_returned(of=", ")") } else { ("", "") }
}

/// Rewrites a model or test: literal text is marked.
pub fn model(source: &str, signatures: &Signatures, package: Option<&str>) -> Rewritten {
    Rewriter { package, ..Rewriter::new(source, signatures, true) }.run()
}

/// Rewrites a file of macros: nothing is marked, what a macro writes belongs to the place that calls it.
pub fn macros(source: &str, signatures: &Signatures) -> Rewritten {
    Rewriter::new(source, signatures, false).run()
}

/// Rewrites a package's file of macros: they are named and find each other by the package's name.
pub(super) fn package(source: &str, signatures: &Signatures, package: &str) -> Rewritten {
    Rewriter { package: Some(package), ..Rewriter::new(source, signatures, false) }.run()
}

/// Words of templates that may walk over the results of queries.
const RESULTS: &[&str] = &["execute", "run_query", "load_result", "get_query_results", ".rows", ".columns"];

struct Rewriter<'a> {
    source: &'a str,
    signatures: &'a Signatures,
    marked: bool,
    /// Inside `{% set %}…{% endset %}`, a filter block or a macro, text is a value that may be compared:
    /// it carries no marks.
    unmarked_depth: usize,
    /// Inside a macro: `return(…)` gives a value.
    in_macro: bool,
    /// Variables that are changed after they were set, as by `{% do names.append(x) %}`.
    changed: Vec<&'a str>,
    /// The arguments of the `{% call statement(…) %}` that is open.
    statement_call: Option<Range<usize>>,
    /// Results of queries may be walked over.
    reads_results: bool,
    /// The package whose file it is; its own macros come first.
    package: Option<&'a str>,
    out: Rewritten,
}

impl<'a> Rewriter<'a> {
    fn new(source: &'a str, signatures: &'a Signatures, marked: bool) -> Self {
        Self {
            source,
            signatures,
            marked,
            unmarked_depth: 0,
            in_macro: false,
            changed: changes::changed(source),
            statement_call: None,
            reads_results: RESULTS.iter().any(|word| source.contains(word)),
            package: None,
            out: Rewritten::default(),
        }
    }

    fn run(mut self) -> Rewritten {
        self.out.text.reserve(self.source.len() * 5 / 4);
        let mut at = 0;
        let mut trims = false;
        for tag in tags(self.source) {
            self.literal(at..tag.whole.start, trims, Some(&tag));
            match tag.kind {
                TagKind::Verbatim => self.copy(tag.whole.clone()),
                TagKind::Expression => {
                    self.copy(tag.whole.start..tag.inner.start);
                    self.expression(tag.inner.clone());
                    self.copy(tag.inner.end..tag.whole.end);
                }
                TagKind::Statement => self.statement(&tag),
            }
            at = tag.whole.end;
            trims = tag.trims_after;
        }
        self.literal(at..self.source.len(), trims, None);
        self.out
    }

    fn problem(&mut self, span: Range<usize>, message: String, hint: impl Into<String>) {
        self.out.problems.push(Problem { span, message, hint: hint.into(), called: None });
    }

    fn copy(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            self.out.pieces.push((self.out.text.len(), range.start, true));
            self.out.text.push_str(&self.source[range]);
        }
    }

    fn insert(&mut self, text: &str, at: usize) {
        self.out.pieces.push((self.out.text.len(), at, false));
        self.out.text.push_str(text);
    }

    fn mark(&mut self, kind: Kind, at: usize) {
        if self.marked && self.unmarked_depth == 0 {
            self.out.pieces.push((self.out.text.len(), at, false));
            marks::mark(kind, at, &mut self.out.text);
        }
    }

    /// Text between tags. Marks are put inside of white space that a neighbouring `-` will trim.
    fn literal(&mut self, range: Range<usize>, trimmed_before: bool, next: Option<&Tag>) {
        let text = &self.source[range.clone()];
        let leading = if trimmed_before { text.len() - text.trim_start().len() } else { 0 };
        let opens_expression = next.is_some_and(|tag| tag.kind == TagKind::Expression);
        let trimmed_after = next.is_some_and(|tag| tag.trims_before);
        let trailing = if trimmed_after { text.trim_end().len().max(leading) } else { text.len() };
        let (words, tail) = (range.start + leading, range.start + trailing);
        self.copy(range.start..words);
        if !text.trim().is_empty() {
            self.mark(Kind::Literal, words);
        }
        self.copy(words..tail);
        if let Some(tag) = next.filter(|_| opens_expression) {
            self.mark(Kind::Expression, tag.whole.start);
        }
        self.copy(tail..range.end);
    }
}
