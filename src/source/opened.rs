//! Opens what was fetched: unpacks it, tells its format from its first bytes, and has its reader begin.

use super::archive::{self, Archive};
use super::compression::{Compression, Stream, limited, peek, read_error, unpack};
use super::digest::Tally;
use super::error::guarded;
use super::fetch::{Content, Fetched};
use super::file::OpenFile;
use super::format::delimited::Delimited;
use super::format::detect;
use super::format::encoding::decode;
use super::format::json::{self, JsonRecords};
use super::format::json_objects::Wanted;
use super::format::parquet_file::ParquetRows;
use super::format::record::{Nothing, Records};
use super::format::workbook::Workbook;
use super::{Format, ReadOptions, SourceError, sample};

/// So much of a file tells its format.
const HEAD_BYTES: u64 = 1024;

pub(super) enum Body {
    Records(Box<dyn Records>),
    Parquet(Box<ParquetRows>),
}

impl Body {
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Records(records) => records.names().to_vec(),
            Self::Parquet(parquet) => parquet.names(),
        }
    }

    pub fn is_empty(&mut self) -> Result<bool, SourceError> {
        match self {
            Self::Records(records) => records.is_empty(),
            Self::Parquet(parquet) => Ok(parquet.rows_in_file() == 0),
        }
    }

    pub fn is_sparse(&self) -> bool {
        match self {
            Self::Records(records) => records.is_sparse(),
            Self::Parquet(_) => false,
        }
    }
}

pub(super) struct Opened {
    pub body: Body,
    pub file: Option<OpenFile>,
    pub tally: Tally,
}

impl Opened {
    pub fn new(fetched: &Fetched, options: &ReadOptions) -> Result<Self, SourceError> {
        let shown = &fetched.location;
        let name = fetched.file_name.as_deref();
        let Unpacked { head, packing, mut stream, member, mut tally, file } = unpacked(fetched, options)?;
        if options.allow_empty && is_blank(&head) {
            return Ok(Self { body: Body::Records(Box::new(Nothing)), file, tally });
        }
        let format = match packing {
            Packing::Workbook => Format::Workbook,
            _ => detect(&head, member.as_deref().or(name), options.format, shown)?,
        };
        // What is read from its end, or here and there, must lie on disk.
        let on_disk = |stream: &mut Stream| match (packing, &file) {
            (Packing::None | Packing::Workbook, Some(file)) => Ok(file.clone()),
            _ => fetched.unpacked(stream),
        };
        let body = match format {
            Format::Parquet => Body::Parquet(Box::new(ParquetRows::open(on_disk(&mut stream)?, shown)?)),
            Format::Workbook => {
                let workbook = Workbook::open(&on_disk(&mut stream)?, options, shown)?;
                // It was read here and there, past the tally.
                tally = Tally::of_read(file.as_ref().map_or(0, OpenFile::length));
                Body::Records(Box::new(workbook))
            }
            Format::Csv => {
                let stream = decode(stream, options.encoding.as_deref(), shown)?;
                let name = member.as_deref().or(name);
                Body::Records(Box::new(Delimited::open(stream, name, options, shown)?))
            }
            Format::Json => {
                let wanted = Wanted { path: options.records.as_deref(), each_line: options.quarantine };
                let first = decode(unpacked(fetched, options)?.stream, options.encoding.as_deref(), shown)?;
                let found = json::keys(first, wanted, shown)?;
                let stream = decode(stream, options.encoding.as_deref(), shown)?;
                Body::Records(Box::new(JsonRecords::open(stream, wanted, found, shown)?))
            }
        };
        Ok(Self { body, file, tally })
    }
}

/// Whether a file that begins so has nothing but blanks.
fn is_blank(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    head.len() < HEAD_BYTES as usize && text.iter().all(u8::is_ascii_whitespace)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    /// Gzip, zstd, or a member of a zip archive.
    Packed,
    /// A zip archive that is itself a workbook.
    Workbook,
}

struct Unpacked {
    head: Vec<u8>,
    packing: Packing,
    stream: Stream,
    /// The name inside an archive.
    member: Option<String>,
    tally: Tally,
    file: Option<OpenFile>,
}

fn unpacked(fetched: &Fetched, options: &ReadOptions) -> Result<Unpacked, SourceError> {
    let shown = &fetched.location;
    let broken = |error| read_error(shown, error);
    let tally = Tally::new(fetched.sha256.is_none());
    let (file, raw): (_, Stream) = match &fetched.content {
        Content::File(file) => (Some(file.clone()), Box::new(file.reader_at(0))),
        Content::Sample { generator, query } => (None, sample::reader(generator, query)?),
    };
    let (packed, stream) =
        unpack(Box::new(tally.watch(raw)), options.max_uncompressed_bytes).map_err(broken)?;
    let packing = if packed == Compression::None { Packing::None } else { Packing::Packed };
    let (head, stream) = peek(stream, HEAD_BYTES).map_err(broken)?;
    let made = Unpacked { head, packing, stream, member: None, tally, file };
    match &made.file {
        Some(file) if made.head.starts_with(b"PK\x03\x04") && packing == Packing::None => {
            let opened = guarded(|| archive::open(file, options.member.as_deref(), shown));
            let senseless = || SourceError::new(format!("{shown} is no zip archive that makes sense"));
            match opened.ok_or_else(senseless)?? {
                Archive::Workbook => Ok(Unpacked { packing: Packing::Workbook, ..made }),
                Archive::Member(member) => {
                    let tally = Tally::new(false);
                    let stream = member.stream(file, |packed| Box::new(tally.watch(packed)));
                    let stream = limited(stream, options.max_uncompressed_bytes);
                    let (head, stream) = peek(stream, HEAD_BYTES).map_err(broken)?;
                    let member = Some(member.name);
                    Ok(Unpacked {
                        head,
                        packing: Packing::Packed,
                        stream,
                        member,
                        tally,
                        file: made.file.clone(),
                    })
                }
            }
        }
        _ => Ok(made),
    }
}
