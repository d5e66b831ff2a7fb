//! A fetched source as rows for COPY: pairs the columns, and hands out chunks. Blocks; called from a thread that may.

use bytes::Bytes;

use super::binary::spelled::Spelling;
use super::binary::{HEADER, Kind, TRAILER};
use super::columns::{Pairing, delimited_otherwise, identifiers, pair};
use super::digest::Tally;
use super::fetch::Fetched;
use super::file::OpenFile;
use super::format::ChangedColumns;
use super::format::parquet_file::ParquetRows;
use super::format::parquet_records::ParquetRecords;
use super::format::record::Records;
use super::opened::{Body, Opened};
use super::place::Unit;
use super::rows::{Column, Destination, RecordRows};
use super::tail::Tail;
use super::{ReadOptions, RowPlace, SourceError, Target};
use crate::name::Ident;

/// The columns of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileColumns {
    /// In the file's order.
    pub names: Vec<String>,
    /// A row may lack some, and so may another file of the same kind.
    pub sparse: bool,
}

/// What columns the file has. Blocks.
pub fn columns(fetched: &Fetched, options: &ReadOptions) -> Result<FileColumns, SourceError> {
    let body = Opened::new(fetched, options)?.body;
    let names = named(&body, options, &fetched.location)?;
    Ok(FileColumns { names, sparse: body.is_sparse() })
}

/// The names of a file's columns, where nothing else names them.
pub(super) fn named(body: &Body, options: &ReadOptions, shown: &str) -> Result<Vec<String>, SourceError> {
    let names = body.names();
    identifiers(&names, shown)?;
    if options.header && options.delimiter.is_none() && !body.is_sparse() {
        delimited_otherwise(&names, shown)?;
    }
    Ok(names)
}

/// Columns of the file that `targets` have no partner for.
pub fn new_columns(names: &[String], targets: &[Target]) -> Vec<String> {
    pair(names, targets).unknown
}

/// Opens the source for loading into `targets`, the columns of the table to be filled: each must have its
/// column in the file, and the other way round, unless the options say otherwise, or rows may lack some. Blocks.
pub fn open(fetched: &Fetched, options: &ReadOptions, targets: &[Target]) -> Result<Rows, SourceError> {
    let shown = &fetched.location;
    let mut opened = Opened::new(fetched, options)?;
    let (has_rows, sparse) = (!opened.body.is_empty()?, opened.body.is_sparse());
    if !has_rows && !options.allow_empty {
        return Err(SourceError::new(format!("{shown} has columns but no rows"))
            .with_hint("most such files are failed exports; if this one is right, set allow_empty"));
    }
    let mut names = opened.body.names();
    if !options.header && names.len() == targets.len() {
        // Without names the columns are the table's, one after the other.
        names = targets.iter().map(|target| target.name.clone()).collect();
    }
    if names.is_empty() && has_rows {
        // Records without any key are rows of NULL; a COPY needs a column to write them.
        names.extend(targets.first().map(|target| target.name.clone()));
    }
    identifiers(&names, shown)?;
    let mut pairing = pair(&names, targets);
    let lacking = std::mem::take(&mut pairing.missing);
    if !sparse {
        pairing.missing.clone_from(&lacking);
    }
    if options.changed_columns == ChangedColumns::Fail {
        pairing.check(&names, options.header, shown)?;
    }
    let is_nothing = names.is_empty() && !has_rows;
    if !is_nothing && pairing.targets.iter().all(Option::is_none) {
        return Err(SourceError::new(format!("{shown} has none of its table's columns")));
    }
    let mut loaded = loaded_columns(&pairing, targets)?;
    // What has no columns has no rows.
    let tail = match loaded.is_empty() {
        true => Tail::default(),
        false => Tail::new(options.file.as_deref(), options.numbered),
    };
    loaded.extend(tail.columns());
    let by_record = |mut records: Box<dyn Records>, tail: Tail| {
        let is_json = |target: &Option<usize>| {
            target.is_some_and(|at| matches!(targets[at].type_oid, JSON_OID | JSONB_OID))
        };
        records.take_as_json(pairing.targets.iter().map(is_json).collect());
        let columns = table_columns(&pairing, targets, options);
        let rows = RecordRows::new(records, names, columns, tail, options.quarantine, shown);
        Reading::Records(Box::new(rows))
    };
    let body = match opened.body {
        Body::Parquet(mut parquet) => {
            let oid = |target: &Option<usize>| Some(targets[(*target)?].type_oid);
            let oids: Vec<_> = pairing.targets.iter().map(oid).collect();
            if options.quarantine {
                // It is read here and there, past the tally.
                opened.tally = Tally::of_read(opened.file.as_ref().map_or(0, OpenFile::length));
                by_record(Box::new(ParquetRecords::start(*parquet, &oids)?), tail)
            } else {
                parquet.start(&oids, tail)?;
                Reading::Parquet(parquet)
            }
        }
        Body::Records(records) => by_record(records, tail),
    };
    Ok(Rows {
        columns: loaded,
        body,
        file: opened.file,
        tally: opened.tally,
        shown: shown.clone(),
        sha256: fetched.sha256.clone(),
        unknown: pairing.unknown,
        missing: lacking,
        sparse,
    })
}

fn loaded_columns(pairing: &Pairing, targets: &[Target]) -> Result<Vec<Ident>, SourceError> {
    let names = pairing.targets.iter().flatten().map(|at| Ident::new(targets[*at].name.clone()));
    names.collect::<Result<_, _>>().map_err(|error| SourceError::new(error.to_string()))
}

fn table_columns(pairing: &Pairing, targets: &[Target], options: &ReadOptions) -> Vec<Column> {
    let paired = pairing.targets.iter().enumerate().filter_map(|(index, at)| Some((index, &targets[(*at)?])));
    paired
        .map(|(index, target)| {
            // PostgreSQL reads intervals in more ways than one.
            let kind = Kind::from_oid(target.type_oid).filter(|kind| *kind != Kind::Interval);
            // What a domain or a constraint refuses, only PostgreSQL knows.
            let known = kind.filter(|_| !(options.quarantine && target.constrained));
            Column {
                index,
                not_null: target.not_null,
                spelling: known.map(|kind| Spelling {
                    kind,
                    modifier: target.modifier,
                    is_name: target.type_oid == NAME_OID,
                    certain: options.quarantine,
                    utc: options.session_is_utc,
                }),
            }
        })
        .collect()
}

const NAME_OID: u32 = 19;
const JSON_OID: u32 = 114;
const JSONB_OID: u32 = 3802;

/// An open source. Its rows come in one or more COPYs, one after the other.
pub struct Rows {
    /// The table's, in the file's order.
    columns: Vec<Ident>,
    body: Reading,
    /// The delivered file; none for a sample.
    file: Option<OpenFile>,
    tally: Tally,
    shown: String,
    sha256: Option<String>,
    unknown: Vec<String>,
    missing: Vec<String>,
    sparse: bool,
}

enum Reading {
    Records(Box<RecordRows>),
    Parquet(Box<ParquetRows>),
}

impl Rows {
    /// What stands after `COPY table ` for the current COPY: for the table itself its columns in the file's
    /// order, for the rows put aside nothing but the form of the bytes. PostgreSQL takes frozen rows only into a table
    /// that was made or emptied in the same transaction.
    pub fn copy_clause(&self, frozen: bool) -> String {
        let options = match &self.body {
            Reading::Records(rows) => rows.copy_options(),
            Reading::Parquet(_) => "FORMAT binary",
        };
        match self.destination() {
            Destination::Aside => format!("FROM STDIN WITH ({options})"),
            Destination::Table => {
                let names: Vec<String> = self.columns.iter().map(Ident::to_string).collect();
                let frozen = if frozen { ", FREEZE" } else { "" };
                format!("({}) FROM STDIN WITH ({options}{frozen})", names.join(", "))
            }
        }
    }

    /// What stands before the first and after the last row of the current COPY.
    pub fn frame(&self) -> (&'static [u8], &'static [u8]) {
        match &self.body {
            Reading::Records(rows) => rows.frame(),
            Reading::Parquet(_) => (HEADER, &TRAILER),
        }
    }

    /// The table's columns that are loaded, in the file's order. None of a file that holds nothing at all, which
    /// needs no COPY.
    pub fn loaded_columns(&self) -> &[Ident] {
        &self.columns
    }

    pub fn destination(&self) -> Destination {
        match &self.body {
            Reading::Records(rows) => rows.destination(),
            Reading::Parquet(_) => Destination::Table,
        }
    }

    /// The next rows of the current COPY, about 256 KiB, none of them cut; `None` at its end, and of the last one only when the
    /// source was complete. After an error the COPY must be given up, not ended.
    pub fn next_chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        let chunk = match &mut self.body {
            Reading::Records(rows) => rows.next_chunk()?,
            Reading::Parquet(parquet) => parquet.next_chunk()?,
        };
        if chunk.is_none() {
            self.finish()?;
        }
        Ok(chunk)
    }

    /// After the end of a COPY: whether another follows.
    pub fn next_copy(&mut self) -> bool {
        match &mut self.body {
            Reading::Records(rows) => rows.next_copy(),
            Reading::Parquet(_) => false,
        }
    }

    /// Whether rows may lack columns, so that those of another piece may have what those of this one lack.
    pub fn is_sparse(&self) -> bool {
        self.sparse
    }

    /// Columns of the file that are not loaded, and of the table that the file lacks.
    pub fn unpaired(&self) -> (&[String], &[String]) {
        (&self.unknown, &self.missing)
    }

    fn finish(&mut self) -> Result<(), SourceError> {
        if self.file.as_ref().is_some_and(|file| !file.is_unchanged()) {
            return Err(SourceError::new(format!("{} was changed while it was read", self.shown)).with_hint(
                "write a new file beside it and rename it, so that readers see one or the other",
            ));
        }
        if self.sha256.is_none() && self.at_end() {
            self.sha256 = self.tally.take_digest(self.file.as_ref().map(OpenFile::length));
        }
        Ok(())
    }

    /// Whether the source was read to its end: a COPY may end before.
    fn at_end(&self) -> bool {
        match &self.body {
            Reading::Records(rows) => rows.at_end(),
            Reading::Parquet(_) => true,
        }
    }

    /// Rows handed out so far, with those put aside.
    pub fn rows_read(&self) -> u64 {
        match &self.body {
            Reading::Records(rows) => rows.rows_read(),
            Reading::Parquet(parquet) => parquet.rows_read(),
        }
    }

    /// Bytes of the delivered file read so far, packed as it is; comparable with [`Fetched::bytes`].
    pub fn bytes_read(&self) -> u64 {
        match &self.body {
            Reading::Records(_) => self.tally.bytes(),
            Reading::Parquet(parquet) => {
                let length = self.file.as_ref().map_or(0, OpenFile::length);
                let rows = u128::from(parquet.rows_in_file()).max(1);
                let part = u128::from(length) * u128::from(parquet.rows_read()) / rows;
                u64::try_from(part).unwrap_or(length)
            }
        }
    }

    /// SHA-256 of the delivered bytes in hex. Downloads have it from the start, what is read from end to end
    /// at the end, and a local Parquet file, zip archive or workbook never.
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    /// The row that PostgreSQL complains of, from the CONTEXT of its error.
    pub fn explain(&self, copy_context: &str) -> Option<RowPlace> {
        match &self.body {
            Reading::Records(rows) => rows.explain(copy_context),
            Reading::Parquet(_) => RowPlace::from_context(copy_context, Unit::Row),
        }
    }
}
