//! A fetched source as rows for COPY: tells the format, pairs the columns, and hands out chunks. Blocks;
//! called from a thread that may.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::columns::{identifiers, pair};
use super::compression::{Compression, Stream, peek, read_error, unpack};
use super::delimited::Delimited;
use super::fetch::{Content, Fetched};
use super::file::OpenFile;
use super::format::detect;
use super::parquet_file::ParquetRows;
use super::place::Unit;
use super::{Format, ReadOptions, RowPlace, SourceError, Target, sample};
use crate::name::Ident;

/// The names of the file's columns, in its order.
pub fn columns(fetched: &Fetched, options: &ReadOptions) -> Result<Vec<String>, SourceError> {
    let names = match Opened::new(fetched, options)?.body {
        Body::Delimited(csv) => csv.header,
        Body::Parquet(parquet) => parquet.names(),
    };
    identifiers(&names, &fetched.location)?;
    Ok(names)
}

/// Opens the source for loading into `targets`, the columns of the table to be filled: each must have its
/// column in the file, and the other way round.
pub fn open(fetched: &Fetched, options: &ReadOptions, targets: &[Target]) -> Result<Rows, SourceError> {
    let shown = fetched.location.clone();
    let mut opened = Opened::new(fetched, options)?;
    let names = match &opened.body {
        Body::Delimited(csv) => csv.header.clone(),
        Body::Parquet(parquet) => parquet.names(),
    };
    let names = (identifiers(&names, &shown)?, pair(&names, targets, &shown)?);
    let empty = match &mut opened.body {
        Body::Delimited(csv) => csv.has_no_rows()?,
        Body::Parquet(parquet) => {
            let oids: Vec<u32> = names.1.iter().map(|index| targets[*index].type_oid).collect();
            parquet.start(&oids)?;
            parquet.rows_in_file() == 0
        }
    };
    if empty && !options.allow_empty {
        return Err(SourceError::new(format!("{shown} has columns but no rows"))
            .with_hint("most such files are failed exports; if this one is right, set allow_empty"));
    }
    Ok(Rows { names: names.0, opened, shown, sha256: fetched.sha256.clone() })
}

/// An open source. Its bytes follow [`Rows::copy_clause`].
pub struct Rows {
    names: Vec<Ident>,
    opened: Opened,
    shown: String,
    sha256: Option<String>,
}

impl Rows {
    /// What stands after `COPY schema.table `: the columns in the file's order, and the form of the bytes.
    pub fn copy_clause(&self) -> String {
        let names: Vec<String> = self.names.iter().map(Ident::to_string).collect();
        let options = match &self.opened.body {
            Body::Delimited(csv) => csv.copy_options(),
            Body::Parquet(_) => "FORMAT binary".to_owned(),
        };
        format!("({}) FROM STDIN WITH ({options})", names.join(", "))
    }

    /// The next bytes, about 256 KiB; `None` at the end, and only when the source was complete. After an error
    /// the COPY must be given up, not ended.
    pub fn next_chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        let chunk = match &mut self.opened.body {
            Body::Delimited(csv) => csv.next_chunk()?,
            Body::Parquet(parquet) => parquet.next_chunk()?,
        };
        if chunk.is_none() {
            self.finish()?;
        }
        Ok(chunk)
    }

    fn finish(&mut self) -> Result<(), SourceError> {
        if self.opened.file.as_ref().is_some_and(|file| !file.is_unchanged()) {
            return Err(SourceError::new(format!("{} was changed while it was read", self.shown)).with_hint(
                "write a new file beside it and rename it, so that readers see one or the other",
            ));
        }
        if self.sha256.is_none() {
            self.sha256 = self.opened.tally.take_digest(self.opened.file.as_ref().map(OpenFile::length));
        }
        Ok(())
    }

    /// Rows handed out so far; `None` for CSV, whose rows PostgreSQL counts.
    pub fn rows_read(&self) -> Option<u64> {
        match &self.opened.body {
            Body::Delimited(_) => None,
            Body::Parquet(parquet) => Some(parquet.rows_read()),
        }
    }

    /// Bytes of the delivered file read so far, packed as it is; comparable with [`Fetched::bytes`].
    pub fn bytes_read(&self) -> u64 {
        match &self.opened.body {
            Body::Delimited(_) => self.opened.tally.bytes(),
            Body::Parquet(parquet) => {
                let length = self.opened.file.as_ref().map_or(0, OpenFile::length);
                let rows = u128::from(parquet.rows_in_file()).max(1);
                let part = u128::from(length) * u128::from(parquet.rows_read()) / rows;
                u64::try_from(part).unwrap_or(length)
            }
        }
    }

    /// SHA-256 of the delivered bytes in hex. Downloads have it from the start, CSV at the end, and a local
    /// Parquet file, which is not read from end to end, never.
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    /// The row that PostgreSQL complains of, from the CONTEXT of its error.
    pub fn explain(&self, copy_context: &str) -> Option<RowPlace> {
        match &self.opened.body {
            Body::Delimited(csv) => {
                let mut place = RowPlace::from_context(copy_context, Unit::Line)?;
                place.line += csv.skipped_lines();
                Some(place)
            }
            Body::Parquet(_) => RowPlace::from_context(copy_context, Unit::Row),
        }
    }
}

enum Body {
    Delimited(Delimited),
    Parquet(ParquetRows),
}

struct Opened {
    body: Body,
    /// The delivered file; none for a sample.
    file: Option<OpenFile>,
    tally: Tally,
}

impl Opened {
    fn new(fetched: &Fetched, options: &ReadOptions) -> Result<Self, SourceError> {
        let shown = &fetched.location;
        let broken = |error| read_error(shown, error);
        let name = fetched.file_name.as_deref();
        let tally = Tally::new(fetched.sha256.is_none());
        let (file, raw): (_, Stream) = match &fetched.content {
            Content::File(file) => (Some(file.clone()), Box::new(file.reader_at(0))),
            Content::Sample { generator, query } => (None, sample::reader(generator, query)?),
        };
        let (packed, stream) =
            unpack(Box::new(tally.watch(raw)), options.max_uncompressed_bytes).map_err(broken)?;
        let (head, mut stream) = peek(stream, 1024).map_err(broken)?;
        let body = match (detect(&head, name, options.format, shown)?, packed, &file) {
            (Format::Csv, _, _) => Body::Delimited(Delimited::open(stream, name, options, shown)?),
            (Format::Parquet, Compression::None, Some(file)) => {
                Body::Parquet(ParquetRows::open(file.clone(), shown)?)
            }
            // Parquet is read from its end, so what was packed as a whole must lie on disk.
            (Format::Parquet, _, _) => {
                let unpacked = fetched.unpacked(&mut stream)?;
                Body::Parquet(ParquetRows::open(unpacked, shown)?)
            }
        };
        Ok(Self { body, file, tally })
    }
}

/// Counts and hashes what passes; shared with the reader at the bottom of the stream.
#[derive(Clone)]
struct Tally(Arc<Mutex<Passed>>);

struct Passed {
    bytes: u64,
    hasher: Option<Sha256>,
}

impl Tally {
    fn new(hash: bool) -> Self {
        Self(Arc::new(Mutex::new(Passed { bytes: 0, hasher: hash.then(Sha256::new) })))
    }

    fn watch(&self, inner: Stream) -> impl Read + Send + use<> {
        Watched { inner, tally: self.clone() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Passed) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn bytes(&self) -> u64 {
        self.with(|passed| passed.bytes)
    }

    /// The digest, if all `length` bytes passed.
    fn take_digest(&self, length: Option<u64>) -> Option<String> {
        self.with(|passed| {
            let whole = length.is_none_or(|length| length == passed.bytes);
            passed.hasher.take().filter(|_| whole).map(|hasher| hex(&hasher.finalize()))
        })
    }
}

struct Watched {
    inner: Stream,
    tally: Tally,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.tally.with(|passed| {
            passed.bytes += read as u64;
            if let Some(hasher) = &mut passed.hasher {
                hasher.update(&buffer[..read]);
            }
        });
        Ok(read)
    }
}

/// SHA-256 of bytes in hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
