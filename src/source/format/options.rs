//! How a file is to be read, as a model's config says it.

use super::Format;

/// The defaults are those of PostgreSQL's `COPY … (FORMAT csv, HEADER)`.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// `None`: told by the content, then by the name.
    pub format: Option<Format>,
    /// The name of the text's encoding, e.g. `latin1`. `None`: UTF-8, or UTF-16 where the first bytes say so.
    pub encoding: Option<String>,
    /// CSV: a comma, or a tab where the name ends in `.tsv`.
    pub delimiter: Option<char>,
    /// CSV: `"`.
    pub quote: Option<char>,
    /// CSV: what makes a quote inside quotes plain text. `None`: the quote itself.
    pub escape: Option<char>,
    /// CSV: the unquoted texts that mean NULL. Empty: nothing between two delimiters.
    pub null: Vec<String>,
    /// CSV: lines that begin with it are passed over.
    pub comment: Option<char>,
    /// CSV: lines before the header.
    pub skip_lines: u64,
    /// CSV and sheets: whether the first row names the columns.
    pub header: bool,
    pub ragged: Ragged,
    /// Workbooks: the sheet's name, or its number from 1.
    pub sheet: Option<String>,
    /// JSON: the keys, joined by dots, that lead to the array of records.
    pub records: Option<String>,
    /// Zip archives: the member's name, with `*` and `?`.
    pub member: Option<String>,
    /// Whether a file without rows is good. Otherwise it is an error: most are a failed export.
    pub allow_empty: bool,
    /// Bytes that a packed file may unpack to.
    pub max_uncompressed_bytes: u64,
    /// Bytes of memory that the cells of a workbook may take.
    pub max_workbook_bytes: u64,
    pub changed_columns: ChangedColumns,
    /// Rows that are not good are put aside, not refused.
    pub quarantine: bool,
    /// This is loaded, too, as `_file` of each row.
    pub file: Option<String>,
    /// The number of each row in its source is loaded, too, as `_row`.
    pub numbered: bool,
    /// The session's time zone is UTC, so that a timestamp without a zone can be taken for one.
    pub session_is_utc: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
            encoding: None,
            delimiter: None,
            quote: None,
            escape: None,
            null: Vec::new(),
            comment: None,
            skip_lines: 0,
            header: true,
            ragged: Ragged::Fail,
            sheet: None,
            records: None,
            member: None,
            allow_empty: false,
            max_uncompressed_bytes: 100 << 30,
            max_workbook_bytes: 1 << 30,
            changed_columns: ChangedColumns::Fail,
            quarantine: false,
            file: None,
            numbered: false,
            session_is_utc: false,
        }
    }
}

/// What is done with a row that has not as many fields as there are columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ragged {
    /// It is a bad row.
    Fail,
    /// What lacks is NULL; what is too much is passed over where it is empty.
    Fill,
}

/// What is done when the file's columns are not the table's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangedColumns {
    Fail,
    /// New ones become columns of the table, text; missing ones are NULL.
    Add,
    /// New ones are passed over; missing ones are NULL.
    Ignore,
}
