//! Parquet as COPY BINARY: batch by batch, so that memory does not grow with the file.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{ConvertedType, LogicalType, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::schema::types::Type as ParquetType;

use super::parquet_halves::{Halves, days_and_time, whole_type};
use super::parquet_records::{Wanted, is_text};
use crate::source::binary::{self, Cell, Kind, Meaning, Refusal};
use crate::source::error::{self, list};
use crate::source::file::OpenFile;
use crate::source::tail::Tail;
use crate::source::{CHUNK_BYTES, RowPlace, SourceError};

/// Rows decoded at a time, where they are small.
const BATCH_ROWS: u64 = 8192;
/// Bytes that a batch may have, by the file's own account of its rows.
const BATCH_BYTES: u64 = 8 << 20;

pub(in crate::source) struct ParquetRows {
    shown: String,
    file: OpenFile,
    metadata: ArrowReaderMetadata,
    meanings: Vec<Meaning>,
    kinds: Vec<Kind>,
    reader: Option<ParquetRecordBatchReader>,
    halves: Option<Halves>,
    batch: Option<RecordBatch>,
    /// Of `batch`, the next to be written.
    row: usize,
    rows_read: u64,
    ended: bool,
    tail: Tail,
}

impl ParquetRows {
    /// Reads the file's description; the rows wait for [`Self::start`].
    pub(in crate::source) fn open(file: OpenFile, shown: &str) -> Result<Self, SourceError> {
        let damaged = |error| damaged(shown, &error);
        let loaded = guarded(shown, || ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()))?;
        let loaded = loaded.map_err(damaged)?;
        check_counts(loaded.metadata()).map_err(damaged)?;
        let metadata = match plain_schema(&loaded) {
            Some(schema) => {
                let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
                ArrowReaderMetadata::try_new(loaded.metadata().clone(), options).map_err(damaged)?
            }
            None => loaded,
        };
        let meanings = meanings(&metadata);
        Ok(Self {
            shown: shown.to_owned(),
            file,
            metadata,
            meanings,
            kinds: Vec::new(),
            reader: None,
            halves: None,
            batch: None,
            row: 0,
            rows_read: 0,
            ended: false,
            tail: Tail::default(),
        })
    }

    pub(in crate::source) fn names(&self) -> Vec<String> {
        self.metadata.schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    /// For each column the type of PostgreSQL that holds just what it does; none of one that is nothing but NULL.
    pub(in crate::source) fn natural_types(&self) -> Vec<Option<String>> {
        let fields = self.metadata.schema().fields();
        fields
            .iter()
            .zip(&self.meanings)
            .map(|(field, meaning)| {
                let data_type = whole_type(field.data_type());
                (data_type != DataType::Null).then(|| binary::natural_type(&data_type, *meaning))
            })
            .collect()
    }

    pub(in crate::source) fn rows_in_file(&self) -> u64 {
        self.metadata.metadata().file_metadata().num_rows().max(0).unsigned_abs()
    }

    pub(in crate::source) fn rows_read(&self) -> u64 {
        self.rows_read
    }

    /// Readies the rows for targets with these types, one for each column of the file; `None` leaves it out.
    pub(in crate::source) fn start(
        &mut self,
        type_oids: &[Option<u32>],
        tail: Tail,
    ) -> Result<(), SourceError> {
        self.tail = tail;
        let wanted = self.paired(type_oids, false)?;
        self.kinds = wanted.iter().filter_map(|wanted| wanted.kind).collect();
        self.begin(&wanted)
    }

    /// Readies the rows for [`Self::next_whole_batch`]. Texts may go into any type: PostgreSQL judges each.
    pub(super) fn start_as_texts(&mut self, type_oids: &[Option<u32>]) -> Result<Vec<Wanted>, SourceError> {
        let wanted = self.paired(type_oids, true)?;
        self.begin(&wanted)?;
        Ok(wanted)
    }

    /// The columns that are loaded, each with a target that can take it.
    fn paired(&self, type_oids: &[Option<u32>], as_texts: bool) -> Result<Vec<Wanted>, SourceError> {
        let mut faults = Vec::new();
        let fields = self.metadata.schema().fields();
        let mut paired = Vec::new();
        for (index, (field, oid)) in fields.iter().zip(type_oids).enumerate() {
            let (Some(oid), meaning) = (oid, self.meanings[index]) else { continue };
            let data_type = whole_type(field.data_type());
            let name = list([&**field.name()]);
            let kind = Kind::from_oid(*oid);
            let possible = kind.filter(|kind| binary::is_possible(&data_type, meaning, *kind));
            paired.push(Wanted { index, meaning, kind: possible });
            match kind {
                _ if possible.is_some() || (as_texts && is_text(&data_type)) => {}
                Some(kind) => {
                    let held = binary::described(&data_type);
                    faults.push(format!("{name} holds {held}, which {} cannot take", kind.name()));
                }
                None => faults.push(format!("{name} has a type (oid {oid}) that Parquet cannot fill")),
            }
        }
        if !faults.is_empty() {
            return Err(SourceError::new(format!(
                "columns of {} cannot be loaded: {}",
                self.shown,
                faults.join("; ")
            ))
            .with_hint(
                "make such a column text, or jsonb where it is nested, and cast it in a stage model",
            ));
        }
        Ok(paired)
    }

    fn begin(&mut self, columns: &[Wanted]) -> Result<(), SourceError> {
        self.meanings = columns.iter().map(|column| column.meaning).collect();
        let wanted: Vec<usize> = columns.iter().map(|column| column.index).collect();
        let damaged = |error| damaged(&self.shown, &error);
        let rows = batch_rows(self.metadata.metadata());
        let columns = (&*wanted, &*self.meanings);
        self.halves = Halves::open(&self.file, &self.metadata, columns, rows).map_err(damaged)?;
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), wanted);
        let reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), self.metadata.clone())
                .with_projection(mask)
                .with_batch_size(rows)
                .build();
        self.reader = Some(reader.map_err(damaged)?);
        Ok(())
    }

    pub(in crate::source) fn next_chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        if self.ended {
            return Ok(None);
        }
        // The last row of a chunk goes over its size.
        let mut out = Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 4);
        while out.len() < CHUNK_BYTES {
            if self.batch.is_none() && !self.next_batch()? {
                self.check_count()?;
                self.ended = true;
                break;
            }
            self.write_rows(&mut out)?;
        }
        Ok((!out.is_empty()).then(|| out.into()))
    }

    /// The next rows, all at once; nothing at the end, when all have come.
    pub(super) fn next_whole_batch(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        if !self.next_batch()? {
            self.check_count()?;
            return Ok(None);
        }
        let batch = self.batch.take();
        self.rows_read += batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
        Ok(batch)
    }

    fn next_batch(&mut self) -> Result<bool, SourceError> {
        // Taken, so that after an error nothing can go on reading as if the file had ended.
        let Some(mut reader) = self.reader.take() else {
            return Err(SourceError::new(format!("{} was read on after an error", self.shown)));
        };
        let Some(batch) = guarded(&self.shown, || reader.next())? else {
            return Ok(false);
        };
        let batch = batch.map_err(ParquetError::from);
        let batch = match (batch, self.halves.take()) {
            (Ok(batch), Some(mut halves)) => {
                let whole = guarded(&self.shown, || halves.add_to(batch))?;
                self.halves = Some(halves);
                whole
            }
            (batch, _) => batch,
        };
        self.reader = batch.is_ok().then_some(reader);
        self.batch = Some(batch.map_err(|error| {
            damaged(&self.shown, &ParquetError::General(format!("after row {}: {error}", self.rows_read)))
        })?);
        self.row = 0;
        Ok(true)
    }

    /// Writes rows of the batch until it ends or a chunk is full.
    fn write_rows(&mut self, out: &mut Vec<u8>) -> Result<(), SourceError> {
        let Some(batch) = self.batch.take() else { return Ok(()) };
        // Empty only for pairs that `start` refused.
        let mut cells: Vec<Cell> = Vec::with_capacity(batch.num_columns());
        for ((array, meaning), kind) in batch.columns().iter().zip(&self.meanings).zip(&self.kinds) {
            cells.extend(binary::cell(array, *meaning, *kind));
        }
        let nulls: Vec<_> = batch.columns().iter().map(|array| array.nulls()).collect();
        // PostgreSQL has at most 1,600 columns, and the pairing gave each field one of them.
        let fields = ((cells.len() + self.tail.count()) as i16).to_be_bytes();
        while self.row < batch.num_rows() && out.len() < CHUNK_BYTES {
            out.extend_from_slice(&fields);
            for (index, cell) in cells.iter_mut().enumerate() {
                if nulls[index].is_some_and(|nulls| nulls.is_null(self.row)) {
                    out.extend_from_slice(&binary::NULL);
                } else if let Err(refusal) = cell(self.row, out) {
                    return Err(self.refused(batch.schema_ref().field(index), refusal));
                }
            }
            self.row += 1;
            self.rows_read += 1;
            self.tail.push_binary(out, self.rows_read);
        }
        if self.row < batch.num_rows() {
            drop(cells);
            self.batch = Some(batch);
        }
        Ok(())
    }

    fn refused(&self, field: &Field, refusal: Refusal) -> SourceError {
        let (row, name) = (self.rows_read + 1, field.name());
        let value: String = refusal.value.chars().take(100).collect();
        SourceError::new(format!(
            "row {row}, column {} of {}: {value:?} cannot be loaded: {}",
            list([name.as_str()]),
            self.shown,
            refusal.why
        ))
        .with_hint("make the column text, or a wider type, and cast it in a stage model")
        .with_place(RowPlace::row(row, name, value))
    }

    fn check_count(&self) -> Result<(), SourceError> {
        if self.rows_read == self.rows_in_file() {
            return Ok(());
        }
        Err(SourceError::new(format!(
            "{} says it has {} rows, but {} came",
            self.shown,
            self.rows_in_file(),
            self.rows_read
        ))
        .with_hint("the file is damaged: deliver or download it again"))
    }
}

/// The schema with dictionaries unfolded, enumerations as their words and INT96 timestamps in microseconds; `None`
/// where nothing changes. In nanoseconds INT96 would overflow silently for years before 1677 and after 2262.
fn plain_schema(loaded: &ArrowReaderMetadata) -> Option<Schema> {
    let parquet = loaded.parquet_schema().root_schema().get_fields();
    let fields: Vec<Field> = loaded
        .schema()
        .fields()
        .iter()
        .zip(parquet)
        .map(|(field, parquet)| {
            let plain = match field.data_type() {
                DataType::Dictionary(_, values) => (**values).clone(),
                DataType::Timestamp(_, zone) if is_int96(parquet) => {
                    DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
                }
                DataType::Binary if is_enum(parquet) => DataType::Utf8,
                other => days_and_time(other),
            };
            field.as_ref().clone().with_data_type(plain)
        })
        .collect();
    let changed = fields.iter().zip(loaded.schema().fields()).any(|(plain, field)| plain != field.as_ref());
    changed.then(|| Schema::new_with_metadata(fields, loaded.schema().metadata().clone()))
}

fn is_int96(field: &ParquetType) -> bool {
    field.is_primitive() && field.get_physical_type() == PhysicalType::INT96
}

fn is_enum(field: &ParquetType) -> bool {
    let info = field.get_basic_info();
    info.logical_type_ref() == Some(&LogicalType::Enum) || info.converted_type() == ConvertedType::ENUM
}

fn meanings(metadata: &ArrowReaderMetadata) -> Vec<Meaning> {
    let columns = metadata.parquet_schema().root_schema().get_fields();
    let columns = columns.iter().zip(metadata.schema().fields());
    columns
        .map(|(parquet, field)| match (parquet.get_basic_info().logical_type_ref(), field.data_type()) {
            (Some(LogicalType::Uuid), _) => Meaning::Uuid,
            (_, DataType::Timestamp(_, zone)) if is_int96(parquet) => {
                Meaning::Nanoseconds { zoned: zone.is_some() }
            }
            _ => Meaning::Plain,
        })
        .collect()
}

/// The reader takes these numbers for good and would wrap negative ones.
fn check_counts(metadata: &ParquetMetaData) -> Result<(), ParquetError> {
    let mut groups = metadata.row_groups().iter().map(|group| u64::try_from(group.num_rows()).ok());
    let rows = groups.try_fold(0, |sum: u64, rows| sum.checked_add(rows?));
    if rows.is_some() && rows == u64::try_from(metadata.file_metadata().num_rows()).ok() {
        Ok(())
    } else {
        Err(ParquetError::General("its row groups do not have the rows that it says it has".to_owned()))
    }
}

fn batch_rows(metadata: &ParquetMetaData) -> usize {
    let sizes = metadata.row_groups().iter().flat_map(|group| {
        // A word of a dictionary is written once, and as long in each row that has it.
        let words = group.columns().iter().filter_map(ColumnChunkMetaData::unencoded_byte_array_data_bytes);
        words.chain([group.total_byte_size()])
    });
    let bytes = sizes.map(|bytes| bytes.max(0).unsigned_abs()).fold(0, u64::saturating_add);
    let rows = metadata.file_metadata().num_rows().max(1).unsigned_abs();
    let fitting = BATCH_BYTES / (bytes / rows).max(1);
    usize::try_from(fitting.clamp(1, BATCH_ROWS)).unwrap_or(1)
}

/// The parquet crate panics on some damaged pages.
fn guarded<T>(shown: &str, read: impl FnOnce() -> T) -> Result<T, SourceError> {
    let senseless = || damaged(shown, &ParquetError::General("a page makes no sense".to_owned()));
    error::guarded(read).ok_or_else(senseless)
}

fn damaged(shown: &str, error: &ParquetError) -> SourceError {
    let error = error.to_string();
    if let Some((_, codec)) = error.rsplit_once("Disabled feature at compile time: ") {
        return SourceError::new(format!("{shown} is packed with {codec}, which elt does not read"))
            .with_hint("write it with zstd, snappy, gzip, brotli or lz4, or without compression");
    }
    SourceError::new(format!("{shown} is not a whole Parquet file: {error}"))
        .with_hint("it may have been cut off: deliver or download it again")
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, StringArray};
    use parquet::arrow::ArrowWriter;

    use super::*;

    #[test]
    fn a_long_word_of_a_dictionary_makes_batches_small() {
        let rows = |word: &str| {
            let array: ArrayRef = Arc::new(StringArray::from(vec![word; 1_000]));
            let batch = RecordBatch::try_from_iter([("c", array)]).expect("one column makes a batch");
            let path = tempfile::NamedTempFile::new().expect("a temporary file");
            let file = path.reopen().expect("it is there");
            let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("it can be written");
            writer.write(&batch).expect("it can be written");
            writer.close().expect("it can be written");
            let file = OpenFile::open(path.path()).expect("it is there");
            let opened = ParquetRows::open(file, "f").expect("it is Parquet");
            batch_rows(opened.metadata.metadata())
        };
        assert_eq!(rows("short"), 8192);
        assert!(rows(&"x".repeat(10_000)) <= 840);
    }
}
