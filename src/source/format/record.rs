//! A row on its way from a file to a table: fields as the text that PostgreSQL would read.

use crate::source::SourceError;
use crate::source::place::Unit;

/// Reads a file's rows one after the other.
pub(in crate::source) trait Records: Send {
    /// The columns, in the order of a record's fields.
    fn names(&self) -> &[String];

    /// Whether there is no row; asked before the first is read.
    fn is_empty(&mut self) -> Result<bool, SourceError>;

    /// Whether a row may lack a column, which is NULL then.
    fn is_sparse(&self) -> bool {
        false
    }

    /// What [`Record::line`] counts.
    fn unit(&self) -> Unit {
        Unit::Line
    }

    /// Which columns take their values as JSON, texts in their quotes; where there is a difference.
    fn take_as_json(&mut self, _columns: Vec<bool>) {}

    /// Which columns held lists or objects so far; none where the format has no such.
    fn nested(&self) -> &[bool] {
        &[]
    }

    /// The next row; `None` at the end. After an error nothing may be read.
    fn next(&mut self) -> Result<Option<Record<'_>>, SourceError>;
}

/// What a file holds that has no bytes but blanks: neither columns nor rows.
pub(in crate::source) struct Nothing;

impl Records for Nothing {
    fn names(&self) -> &[String] {
        &[]
    }

    fn is_empty(&mut self) -> Result<bool, SourceError> {
        Ok(true)
    }

    fn is_sparse(&self) -> bool {
        true
    }

    fn next(&mut self) -> Result<Option<Record<'_>>, SourceError> {
        Ok(None)
    }
}

/// One row. It lives until the next is read.
pub(in crate::source) struct Record<'a> {
    /// Where it begins: the line of the file, the row of the sheet, or its number in an array.
    pub line: u64,
    pub text: &'a [u8],
    /// One for each column of the file, but where there is a problem.
    pub fields: &'a [Field],
    /// As it stands in the file, where that was asked for.
    pub raw: &'a [u8],
    pub problem: Option<Problem>,
}

/// Where a field lies in a record's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) struct Field {
    pub start: usize,
    pub end: usize,
    pub null: bool,
}

impl Field {
    pub const NULL: Self = Self { start: 0, end: 0, null: true };
}

impl<'a> Record<'a> {
    /// `None` is NULL.
    pub fn value(&self, index: usize) -> Option<&'a [u8]> {
        let field = self.fields.get(index).filter(|field| !field.null)?;
        Some(&self.text[field.start..field.end])
    }
}

/// Why a row is none that a table can take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) struct Problem {
    /// Index of the column to blame.
    pub column: Option<usize>,
    pub why: String,
    /// What to do about it.
    pub hint: &'static str,
}

impl Problem {
    pub fn row(why: impl Into<String>) -> Self {
        Self { column: None, why: why.into(), hint: "mend the row, or set bad_rows='quarantine'" }
    }
}

/// What PostgreSQL takes in no text: bytes that are not UTF-8, and NUL.
pub(in crate::source) fn text_problem(whole: &[u8], fields: &[Field], text: &[u8]) -> Option<Problem> {
    let wrong = |bytes: &[u8]| {
        if std::str::from_utf8(bytes).is_err() {
            let hint = "name the file's encoding, e.g. encoding='latin1', or set bad_rows='quarantine'";
            Some(Problem { hint, ..Problem::row("it is not UTF-8") })
        } else {
            let why = "it holds a NUL character, which no text of PostgreSQL can";
            memchr::memchr(0, bytes).map(|_| Problem::row(why))
        }
    };
    let problem = wrong(whole)?;
    let column = fields.iter().position(|field| wrong(&text[field.start..field.end]).is_some());
    Some(Problem { column, ..problem })
}
