//! How a model's config wants its files read.

use crate::manifest::Node;
use crate::project::{BadRows, ColumnsChange, RaggedRows};
use crate::source::{ChangedColumns, FetchOptions, Format, Ragged, ReadOptions, SourceError};

pub(super) fn read(node: &Node, fetch: &FetchOptions) -> Result<ReadOptions, SourceError> {
    let config = &node.config;
    Ok(ReadOptions {
        format: config.format.as_deref().map(Format::from_word).transpose()?,
        encoding: config.encoding.clone(),
        delimiter: match one_byte("delimiter", config.delimiter.as_deref())? {
            None if config.format.as_deref().is_some_and(|word| word.eq_ignore_ascii_case("tsv")) => {
                Some('\t')
            }
            written => written,
        },
        quote: one_byte("quote", config.quote.as_deref())?,
        escape: one_byte("escape", config.escape.as_deref())?,
        null: config.null.clone(),
        comment: one_byte("comment", config.comment.as_deref())?,
        skip_lines: config.skip_lines.unwrap_or(0),
        header: config.header.unwrap_or(true),
        ragged: match config.ragged {
            None | Some(RaggedRows::Fail) => Ragged::Fail,
            Some(RaggedRows::Fill) => Ragged::Fill,
        },
        sheet: config.sheet.as_ref().map(|sheet| sheet.0.clone()),
        records: config.records.clone(),
        member: config.member.clone(),
        allow_empty: config.allow_empty,
        max_uncompressed_bytes: fetch.max_unpacked_bytes,
        max_workbook_bytes: fetch.max_workbook_bytes,
        changed_columns: match config.on_columns_change {
            None | Some(ColumnsChange::Fail) => ChangedColumns::Fail,
            Some(ColumnsChange::Add) => ChangedColumns::Add,
            Some(ColumnsChange::Ignore) => ChangedColumns::Ignore,
        },
        quarantine: config.bad_rows == Some(BadRows::Quarantine),
        file: None,
        numbered: config.metadata.iter().any(|name| name == "_row"),
        session_is_utc: false,
    })
}

fn one_byte(name: &str, text: Option<&str>) -> Result<Option<char>, SourceError> {
    match text {
        None => Ok(None),
        Some("\\t" | "tab") => Ok(Some('\t')),
        Some(text) => {
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) if c.is_ascii() => Ok(Some(c)),
                _ => Err(SourceError::new(format!("config's `{name}` is one ASCII character, not `{text}`"))),
            }
        }
    }
}
