//! What a file is, told by its first bytes and, where they say nothing, by its name.

use super::SourceError;

/// A form in which rows are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    Parquet,
}

impl Format {
    /// From the word in a model's config.
    pub fn from_word(word: &str) -> Result<Self, SourceError> {
        match word.to_ascii_lowercase().as_str() {
            "csv" | "tsv" => Ok(Self::Csv),
            "parquet" => Ok(Self::Parquet),
            _ => Err(SourceError::new(format!("the format `{word}` is not known"))
                .with_hint("elt reads csv and parquet, each plain or packed with gzip or zstd")),
        }
    }
}

/// How a file is to be read. The defaults are those of PostgreSQL's `COPY … (FORMAT csv)`.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// `None`: told by the content, then by the name.
    pub format: Option<Format>,
    /// CSV only. `None`: a comma, or a tab where the name ends in `.tsv`.
    pub delimiter: Option<char>,
    /// CSV only. `None`: `"`.
    pub quote: Option<char>,
    /// CSV only: the unquoted text that means NULL. `None`: nothing between two delimiters.
    pub null: Option<String>,
    /// Whether a file without rows is good. Otherwise it is an error: most are a failed export.
    pub allow_empty: bool,
    /// Bytes that a packed file may unpack to.
    pub max_uncompressed_bytes: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
            delimiter: None,
            quote: None,
            null: None,
            allow_empty: false,
            max_uncompressed_bytes: 100 << 30,
        }
    }
}

/// Decides between CSV and Parquet for a file that begins with `head` (unpacked) and is called `name`.
pub(super) fn detect(
    head: &[u8],
    name: Option<&str>,
    asked: Option<Format>,
    shown: &str,
) -> Result<Format, SourceError> {
    let by_content = match head {
        [b'P', b'A', b'R', b'1', ..] => Some(Format::Parquet),
        _ => None,
    };
    if let Some(what) = foreign(head) {
        return Err(SourceError::new(format!("{shown} is {what}, not a CSV or Parquet file"))
            .with_hint("deliver it as CSV or Parquet; either may be packed with gzip or zstd"));
    }
    match (asked, by_content) {
        (Some(Format::Csv), Some(Format::Parquet)) => {
            Err(SourceError::new(format!("{shown} is a Parquet file, but its model says format csv"))
                .with_hint("say format parquet, or leave the format out: elt recognises it"))
        }
        (Some(asked), _) => Ok(asked),
        (None, Some(found)) => Ok(found),
        (None, None) => by_name(name.unwrap_or_default(), shown),
    }
}

fn by_name(name: &str, shown: &str) -> Result<Format, SourceError> {
    let name = name.to_ascii_lowercase();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("parquet" | "pq") => Ok(Format::Parquet),
        Some(ending @ ("json" | "jsonl" | "ndjson" | "xml" | "avro" | "orc")) => {
            Err(SourceError::new(format!("{shown} is called .{ending}, which elt does not read as a file"))
                .with_hint("deliver it as CSV or Parquet; if it is CSV under another name, say format csv"))
        }
        _ => Ok(Format::Csv),
    }
}

/// Names what the first bytes show, where it is something that nobody can COPY.
fn foreign(head: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 8] = [
        (b"PK\x03\x04", "a zip archive or an Excel workbook"),
        (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
        (b"BZh", "packed with bzip2"),
        (b"\xfd7zXZ\0", "packed with xz"),
        (b"7z\xbc\xaf", "a 7-Zip archive"),
        (b"PARE", "an encrypted Parquet file"),
        (b"%PDF", "a PDF document"),
        (b"SQLite format 3\0", "an SQLite database"),
    ];
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(what);
    }
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Some("UTF-16 text");
    }
    looks_like_html(head).then_some("a web page")
}

/// Whether a text begins as an HTML page does.
pub(super) fn looks_like_html(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let begins = |word: &[u8]| head.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    begins(b"<!doctype html") || begins(b"<html") || begins(b"<head")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_beats_the_name() {
        assert_eq!(detect(b"PAR1....", Some("a.csv"), None, "a.csv").unwrap(), Format::Parquet);
        assert_eq!(detect(b"a,b\n1,2", Some("a"), None, "a").unwrap(), Format::Csv);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let said = |head: &[u8]| detect(head, None, None, "f").unwrap_err().message;
        assert!(said(b"PK\x03\x04....").contains("Excel"));
        assert!(said(b"\n <!DOCTYPE HTML>").contains("a web page"));
        assert!(said(b"\xff\xfea\0").contains("UTF-16"));
        assert!(detect(b"{}", Some("a.json.gz"), None, "f").unwrap_err().message.contains(".json"));
    }
}
