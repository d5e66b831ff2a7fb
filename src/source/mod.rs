//! Where raw rows come from: files, web addresses, Google Drive links and elt's own samples, as a stream of
//! bytes that PostgreSQL's COPY takes. Knows files and sockets; knows no database client, prints nothing.
//!
//! `Location::parse` → [`list()`] → for each piece [`fetch()`] → [`columns()`] → [`open()`] → [`Rows::next_chunk`].

mod api;
mod archive;
mod binary;
mod columns;
mod compression;
mod digest;
mod error;
mod fetch;
mod file;
mod format;
mod http;
mod infer;
mod list;
mod location;
mod object;
mod opened;
mod place;
mod place_map;
mod read;
mod rows;
mod sample;
mod tail;
#[doc(hidden)]
pub mod trial;

#[cfg(test)]
mod tests;

pub(crate) use binary::{HEADER, RowEnds, TRAILER};

pub use api::{ApiRequest, Collected, Earlier, KeyBatches, Paging, PagingEnd, Spool, collect, put_into_body};
pub use columns::Target;
pub use digest::{hex, sha256};
pub use error::SourceError;
pub use fetch::{FetchOptions, Fetched, Progress, fetch, fetch_piece, tidy};
pub use format::{ChangedColumns, Format, Ragged, ReadOptions};
pub use http::post::post_json;
pub use infer::Inference;
pub use list::{Piece, list};
pub use location::Location;
pub use place::RowPlace;
pub use read::{FileColumns, Rows, columns, new_columns, open};
pub use rows::Destination;

/// About how much [`Rows::next_chunk`] gives at a time.
const CHUNK_BYTES: usize = 256 * 1024;
