//! The forms in which rows are delivered, and how one is told: by a file's first bytes and, where they say
//! nothing, by its name.

pub(super) mod delimited;
pub(super) mod encoding;
pub(super) mod json;
pub(super) mod json_objects;
mod old_workbook;
mod options;
pub(super) mod parquet_file;
mod parquet_halves;
pub(super) mod parquet_records;
pub(super) mod record;
mod shared_texts;
mod sheet;
mod splitter;
pub(super) mod workbook;
mod workbook_size;

pub use options::{ChangedColumns, Ragged, ReadOptions};

use super::SourceError;

/// A form in which rows are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    Parquet,
    /// An array of objects, or objects one after the other.
    Json,
    Workbook,
}

impl Format {
    fn described(self) -> &'static str {
        match self {
            Self::Csv => "a CSV file",
            Self::Parquet => "a Parquet file",
            Self::Json => "a JSON file",
            Self::Workbook => "a workbook",
        }
    }

    /// From the word in a model's config.
    pub fn from_word(word: &str) -> Result<Self, SourceError> {
        match word.to_ascii_lowercase().as_str() {
            "csv" | "tsv" => Ok(Self::Csv),
            "parquet" => Ok(Self::Parquet),
            "json" | "jsonl" | "ndjson" => Ok(Self::Json),
            "excel" | "xlsx" | "xls" | "ods" => Ok(Self::Workbook),
            _ => Err(SourceError::new(format!("the format `{word}` is not known"))
                .with_hint("elt reads csv, parquet, json and excel, plain or packed with gzip, zstd or zip")),
        }
    }
}

/// Decides on the format of a file that begins with `head` (unpacked) and is called `name`.
pub(super) fn detect(
    head: &[u8],
    name: Option<&str>,
    asked: Option<Format>,
    shown: &str,
) -> Result<Format, SourceError> {
    let by_content = match head {
        [b'P', b'A', b'R', b'1', ..] => Some(Format::Parquet),
        [0xd0, 0xcf, 0x11, 0xe0, ..] => Some(Format::Workbook),
        _ => None,
    };
    if let Some(what) = foreign(head) {
        return Err(SourceError::new(format!("{shown} is {what}, which elt does not read"))
            .with_hint("deliver it as CSV, Parquet, JSON or Excel, plain or packed with gzip, zstd or zip"));
    }
    match (asked, by_content) {
        (Some(asked), Some(found)) if asked != found => Err(SourceError::new(format!(
            "{shown} is {}, but its model says another format",
            found.described()
        ))
        .with_hint("leave `format` out: elt recognises it")),
        (Some(asked), _) => Ok(asked),
        (None, Some(found)) => Ok(found),
        (None, None) => by_name(name.unwrap_or_default(), head, shown),
    }
}

/// Where the name says nothing either, what begins like JSON is JSON, and all else CSV.
fn by_name(name: &str, head: &[u8], shown: &str) -> Result<Format, SourceError> {
    let name = name.to_ascii_lowercase();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("parquet" | "pq") => Ok(Format::Parquet),
        Some("json" | "jsonl" | "ndjson") => Ok(Format::Json),
        Some("xlsx" | "xlsm" | "xlsb" | "ods") => Ok(Format::Workbook),
        _ if head.starts_with(b"PK\x03\x04") => Err(SourceError::new(format!(
            "{shown} is a zip archive inside of another, which elt does not read"
        ))
        .with_hint("unpack the outer one")),
        Some(ending @ ("xml" | "avro" | "orc")) => {
            Err(SourceError::new(format!("{shown} is called .{ending}, which elt does not read as a file"))
                .with_hint(
                    "deliver it as CSV, Parquet or JSON; if it is CSV under another name, say format='csv'",
                ))
        }
        Some("csv" | "tsv" | "txt") => Ok(Format::Csv),
        _ if looks_like_json(head) => Ok(Format::Json),
        _ => Ok(Format::Csv),
    }
}

/// Whether a text begins as an object with a key does, or as an array of objects.
fn looks_like_json(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    match head.split_first() {
        Some((b'{', rest)) => matches!(rest.trim_ascii_start().first(), Some(b'"' | b'}')),
        Some((b'[', rest)) => matches!(rest.trim_ascii_start().first(), Some(b'{')),
        _ => false,
    }
}

/// Names what the first bytes show, where it is something that nobody can COPY.
fn foreign(head: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 9] = [
        (b"BZh", "packed with bzip2"),
        (b"\xfd7zXZ\0", "packed with xz"),
        (b"7z\xbc\xaf", "a 7-Zip archive"),
        (b"PARE", "an encrypted Parquet file"),
        (b"%PDF", "a PDF document"),
        (b"PK\x05\x06", "a zip archive without files"),
        // Of what was packed once, nothing of this is left.
        (b"\x1f\x8b", "packed twice, with gzip inside"),
        (b"\x28\xb5\x2f\xfd", "packed twice, with zstd inside"),
        (b"SQLite format 3\0", "an SQLite database"),
    ];
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(what);
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some("a tar archive");
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
        assert_eq!(detect(b"{}", Some("a.jsonl.gz"), None, "a").unwrap(), Format::Json);
        assert_eq!(detect(b" [ {\"a\": 1}]", Some("export"), None, "a").unwrap(), Format::Json);
        assert_eq!(detect(b"{\"a\": 1}", Some("a.csv"), None, "a").unwrap(), Format::Csv);
        assert_eq!(detect(b"[a],b", Some("export"), None, "a").unwrap(), Format::Csv);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let said = |head: &[u8]| detect(head, None, None, "f").unwrap_err().message;
        assert!(said(b"\n <!DOCTYPE HTML>").contains("a web page"));
        assert!(said(b"PK\x05\x06\0\0").contains("a zip archive without files"));
        assert!(said(b"\x1f\x8b\x08").contains("packed twice"));
        let tar = [&[b'a'; 257][..], b"ustar"].concat();
        assert!(said(&tar).contains("a tar archive"));
        assert!(said(b"PK\x03\x04").contains("a zip archive inside of another"));
        assert_eq!(detect(b"PK\x03\x04", Some("a.xlsx.gz"), None, "f").unwrap(), Format::Workbook);
        assert!(detect(b"<x/>", Some("a.xml.gz"), None, "f").unwrap_err().message.contains(".xml"));
        assert!(detect(b"PAR1", None, Some(Format::Json), "f").unwrap_err().message.contains("Parquet"));
    }
}
