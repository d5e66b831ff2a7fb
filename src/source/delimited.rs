//! CSV on its way to COPY: only the header is parsed, the rest passes as it is, so that PostgreSQL itself
//! tells NULL from an empty string.

use std::io::Read;

use bytes::Bytes;

use super::compression::{Stream, read_error};
use super::format::ReadOptions;
use super::{CHUNK_BYTES, SourceError};
use crate::name::literal;

/// A header may not be longer, in bytes: what has no line end by then is no CSV file.
const MAX_HEADER_BYTES: usize = 1 << 20;

pub(super) struct Delimited {
    pub(super) header: Vec<String>,
    dialect: Dialect,
    shown: String,
    /// Read from the stream but not yet handed on.
    pending: Vec<u8>,
    stream: Stream,
    /// Blank lines before the header, which are not handed on.
    skipped_lines: u64,
    scan: EndMark,
    done: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Dialect {
    delimiter: u8,
    quote: u8,
    null: Option<String>,
}

impl Delimited {
    pub(super) fn open(
        stream: Stream,
        name: Option<&str>,
        options: &ReadOptions,
        shown: &str,
    ) -> Result<Self, SourceError> {
        let dialect = Dialect::new(name, options)?;
        let scan = EndMark::new(dialect.quote);
        let mut opened = Self {
            header: Vec::new(),
            dialect,
            shown: shown.to_owned(),
            pending: Vec::new(),
            stream,
            skipped_lines: 0,
            scan,
            done: false,
        };
        opened.read_header()?;
        Ok(opened)
    }

    fn read_header(&mut self) -> Result<(), SourceError> {
        self.fill(CHUNK_BYTES)?;
        if self.pending.starts_with(b"\xef\xbb\xbf") {
            self.pending.drain(..3);
        }
        // COPY would take a blank first line for the header.
        let blank = self.pending.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.skipped_lines = newlines(&self.pending[..blank]);
        self.pending.drain(..blank);
        if self.pending.is_empty() {
            return Err(SourceError::new(format!("{} is empty", self.shown))
                .with_hint("a CSV file needs at least a header; was the export cut short?"));
        }
        let mut wanted = CHUNK_BYTES;
        let end = loop {
            if let Some(end) = header_end(&self.pending, self.dialect.quote) {
                break end;
            }
            if self.pending.len() < wanted {
                break self.pending.len();
            }
            if wanted >= MAX_HEADER_BYTES {
                return Err(SourceError::new(format!("{} has no end of line in its first MiB", self.shown))
                    .with_hint("is it a CSV file, and is its quote character right?"));
            }
            wanted *= 2;
            self.fill(wanted)?;
        };
        self.header = self.dialect.parse(&self.pending[..end], &self.shown)?;
        Ok(())
    }

    /// Whether nothing but line ends follows the header.
    pub(super) fn has_no_rows(&mut self) -> Result<bool, SourceError> {
        let end = header_end(&self.pending, self.dialect.quote).unwrap_or(self.pending.len());
        self.fill(end + 16)?;
        Ok(self.pending[end..].iter().all(|byte| matches!(byte, b'\r' | b'\n'))
            && self.pending.len() < end + 16)
    }

    pub(super) fn copy_options(&self) -> String {
        let mut options = format!(
            "FORMAT csv, HEADER true, DELIMITER {}, QUOTE {}",
            literal(&char::from(self.dialect.delimiter).to_string()),
            literal(&char::from(self.dialect.quote).to_string()),
        );
        if let Some(null) = &self.dialect.null {
            options.push_str(&format!(", NULL {}", literal(null)));
        }
        options
    }

    pub(super) fn skipped_lines(&self) -> u64 {
        self.skipped_lines
    }

    pub(super) fn next_chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        if self.done {
            return Ok(None);
        }
        self.fill(CHUNK_BYTES)?;
        self.done = self.pending.len() < CHUNK_BYTES;
        let rest = match self.pending.iter().rposition(|byte| *byte == b'\n') {
            Some(end) if !self.done => self.pending.split_off(end + 1),
            _ => Vec::new(),
        };
        if let Some(line) = self.scan.find(&self.pending, self.done) {
            return Err(SourceError::new(format!(
                r"line {} of {} is `\.`, which PostgreSQL before 18 takes for the end of the data",
                line + self.skipped_lines,
                self.shown
            ))
            .with_hint(r#"write it in quotes: "\.""#));
        }
        let chunk = std::mem::replace(&mut self.pending, rest);
        Ok((!chunk.is_empty()).then(|| Bytes::from(chunk)))
    }

    /// Reads until `wanted` bytes are pending or the stream ends.
    fn fill(&mut self, wanted: usize) -> Result<(), SourceError> {
        let lacking = wanted.saturating_sub(self.pending.len());
        self.pending.reserve_exact(lacking);
        let read = self.stream.by_ref().take(lacking as u64).read_to_end(&mut self.pending);
        read.map(drop).map_err(|error| read_error(&self.shown, error))
    }
}

impl Dialect {
    fn new(name: Option<&str>, options: &ReadOptions) -> Result<Self, SourceError> {
        let tabs = name.is_some_and(|name| {
            name.trim_end_matches(".gz").trim_end_matches(".zst").to_ascii_lowercase().ends_with(".tsv")
        });
        let one_byte = |what: &str, mark: char| match u8::try_from(mark) {
            Ok(byte) if byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | 0) => Ok(byte),
            _ => Err(SourceError::new(format!("the {what} {mark:?} cannot be used"))
                .with_hint("PostgreSQL takes one ASCII character that is no line end")),
        };
        let delimiter = one_byte("delimiter", options.delimiter.unwrap_or(if tabs { '\t' } else { ',' }))?;
        let quote = one_byte("quote", options.quote.unwrap_or('"'))?;
        if delimiter == quote {
            return Err(SourceError::new("the delimiter and the quote are the same character"));
        }
        Ok(Self { delimiter, quote, null: options.null.clone() })
    }

    fn parse(&self, header: &[u8], shown: &str) -> Result<Vec<String>, SourceError> {
        let mut record = csv::StringRecord::new();
        let parsed = csv::ReaderBuilder::new()
            .has_headers(false)
            .delimiter(self.delimiter)
            .quote(self.quote)
            .from_reader(header)
            .read_record(&mut record);
        match parsed {
            Ok(_) => Ok(record.iter().map(str::to_owned).collect()),
            Err(_) => Err(SourceError::new(format!("the header of {shown} is not UTF-8"))
                .with_hint("save the file as UTF-8")),
        }
    }
}

/// Bytes of the header with its line end; `None` where the line does not end in `text`.
fn header_end(text: &[u8], quote: u8) -> Option<usize> {
    let mut quoted = false;
    for (at, byte) in text.iter().enumerate() {
        let ends = match byte {
            b'\n' => true,
            b'\r' => text.get(at + 1).is_some_and(|next| *next != b'\n'),
            _ => false,
        };
        quoted ^= *byte == quote;
        if ends && !quoted {
            return Some(at + 1);
        }
    }
    None
}

fn newlines(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Looks for a line that is `\.` and nothing else. PostgreSQL before 18 ends the COPY there without a word,
/// and the rows after it would be lost. Wants chunks that end with a line, unless a line is longer.
struct EndMark {
    quote: u8,
    quoted: bool,
    line_start: bool,
    lines: u64,
}

impl EndMark {
    fn new(quote: u8) -> Self {
        Self { quote, quoted: false, line_start: true, lines: 0 }
    }

    /// The line, counted from 1, on which the mark stands; `last` says that no chunk follows.
    fn find(&mut self, chunk: &[u8], last: bool) -> Option<u64> {
        if chunk.contains(&b'\\') {
            let found = chunk.windows(2).enumerate().find(|(at, pair)| {
                *pair == br"\." && self.stands_alone(chunk, *at, last) && !self.is_quoted_after(&chunk[..*at])
            });
            if let Some((at, _)) = found {
                return Some(self.lines + newlines(&chunk[..at]) + 1);
            }
        }
        self.lines += newlines(chunk);
        self.quoted = self.is_quoted_after(chunk);
        self.line_start = chunk.ends_with(b"\n") || chunk.ends_with(b"\r");
        None
    }

    fn stands_alone(&self, chunk: &[u8], at: usize, last: bool) -> bool {
        let starts = match at.checked_sub(1) {
            Some(before) => matches!(chunk[before], b'\r' | b'\n'),
            None => self.line_start,
        };
        let ends = match chunk.get(at + 2) {
            Some(after) => matches!(after, b'\r' | b'\n'),
            None => last,
        };
        starts && ends
    }

    fn is_quoted_after(&self, text: &[u8]) -> bool {
        let quotes = text.iter().filter(|byte| **byte == self.quote).count();
        self.quoted ^ (quotes % 2 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Result<Delimited, SourceError> {
        let stream = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
        Delimited::open(stream, None, &ReadOptions::default(), "f.csv")
    }

    fn rest(mut opened: Delimited) -> Result<String, SourceError> {
        let mut all = Vec::new();
        while let Some(chunk) = opened.next_chunk()? {
            all.extend_from_slice(&chunk);
        }
        Ok(String::from_utf8(all).expect("UTF-8 went in"))
    }

    #[test]
    fn the_bytes_pass_as_they_are_but_for_mark_and_blank_lines_before_the_header() {
        let opened = open("\u{feff}\r\n\na,\"b \"\"x\"\"\nc\"\r\n1,\r\n\"\",2").unwrap();
        assert_eq!(opened.header, ["a", "b \"x\"\nc"]);
        assert_eq!(opened.skipped_lines(), 2);
        assert_eq!(rest(opened).unwrap(), "a,\"b \"\"x\"\"\nc\"\r\n1,\r\n\"\",2");
    }

    #[test]
    fn empty_and_header_only_files_are_told_apart() {
        assert!(open("").is_err_and(|error| error.message == "f.csv is empty"));
        assert!(open("\u{feff}\n").is_err());
        assert!(open("a,b").unwrap().has_no_rows().unwrap());
        assert!(open("a,b\r\n\r\n").unwrap().has_no_rows().unwrap());
        assert!(!open("a,b\n1,2").unwrap().has_no_rows().unwrap());
        assert!(!open(&format!("a,b{}1,2", "\n".repeat(20))).unwrap().has_no_rows().unwrap());
    }

    #[test]
    fn a_line_that_postgresql_takes_for_the_end_is_refused() {
        let error = rest(open("\na,b\n1,2\n\\.\n3,4\n").unwrap()).unwrap_err();
        assert!(error.message.starts_with(r"line 4 of f.csv is `\.`"), "{error}");
        assert!(rest(open("a\r\n1\r\n\\.").unwrap()).is_err());
        assert!(rest(open("a,b\n\"\n\\.\n\",2\n\\.x,3\n4,\\.\n").unwrap()).is_ok());
    }

    #[test]
    fn the_end_mark_is_found_wherever_chunks_are_cut() {
        for filler in CHUNK_BYTES - 8..CHUNK_BYTES + 4 {
            let text = format!("a\n{}\n\\.\n1\n", "x".repeat(filler));
            let error = rest(open(&text).unwrap()).unwrap_err();
            assert!(error.message.starts_with("line 3 of"), "{filler}: {error}");
        }
    }

    #[test]
    fn chunks_are_of_one_size_and_nothing_is_lost() {
        let text = format!("a,b\n{}", "some text,more of it\n".repeat(60_000));
        let mut opened = open(&text).unwrap();
        let mut all = 0;
        while let Some(chunk) = opened.next_chunk().unwrap() {
            assert!(chunk.len() <= CHUNK_BYTES && chunk.ends_with(b"\n"));
            all += chunk.len();
        }
        assert_eq!(all, text.len());
    }

    #[test]
    fn a_mark_that_copy_cannot_take_is_refused() {
        let options = ReadOptions { delimiter: Some('→'), ..ReadOptions::default() };
        assert!(Dialect::new(None, &options).is_err());
        let options = ReadOptions { quote: Some(','), ..ReadOptions::default() };
        assert!(Dialect::new(None, &options).is_err());
        let options = ReadOptions::default();
        assert_eq!(Dialect::new(Some("a.TSV.gz"), &options).map(|dialect| dialect.delimiter), Ok(b'\t'));
    }
}
