//! How a model's config wants its files read.

use crate::manifest::Node;
use crate::source::{FetchOptions, Format, ReadOptions, SourceError};

pub(super) fn read(node: &Node, fetch: &FetchOptions) -> Result<ReadOptions, SourceError> {
    let config = &node.config;
    Ok(ReadOptions {
        format: config.format.as_deref().map(Format::from_word).transpose()?,
        delimiter: one_byte("delimiter", config.delimiter.as_deref())?,
        quote: one_byte("quote", config.quote.as_deref())?,
        null: config.null.clone(),
        allow_empty: config.allow_empty,
        max_uncompressed_bytes: fetch.max_unpacked_bytes,
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
