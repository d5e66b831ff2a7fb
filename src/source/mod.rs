//! Where raw rows come from: files, web addresses, Google Drive links and elt's own samples, as a stream of
//! bytes that PostgreSQL's COPY takes. Knows files and sockets; knows no database client, prints nothing.
//!
//! `Location::parse` → [`list()`] → for each piece [`fetch()`] → [`columns()`] → [`open()`] → [`Rows::next_chunk`].

mod binary;
mod columns;
mod compression;
mod delimited;
mod error;
mod fetch;
mod file;
mod format;
mod http;
mod list;
mod location;
mod parquet_file;
mod place;
mod read;
mod sample;

#[cfg(test)]
mod tests;

pub use columns::Target;
pub use error::SourceError;
pub use fetch::{FetchOptions, Fetched, Progress, fetch};
pub use format::{Format, ReadOptions};
pub use list::{Piece, list};
pub use location::Location;
pub use place::RowPlace;
pub use read::{Rows, columns, hex, open, sha256};

/// About how much [`Rows::next_chunk`] gives at a time.
const CHUNK_BYTES: usize = 256 * 1024;
