//! A voucher sample as CSV and as Parquet.

use std::io::{self, Read, Write};
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, StringBuilder, TimestampMillisecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::draw::Draw;
use super::{COLUMNS, Edition, VoucherRow, VoucherSample};

/// Rows between two words to `progress`, of one Parquet batch, and of one stretch of CSV in memory.
const STRETCH: u64 = 4_096;
/// Bounds what the Parquet writer holds in memory.
const ROW_GROUP: usize = 131_072;

pub fn csv(
    sample: &VoucherSample,
    out: &mut (impl Write + ?Sized),
    progress: &mut dyn FnMut(u64),
) -> io::Result<()> {
    let mut stretches = CsvStretches::new(sample);
    let mut buffer = Vec::new();
    while stretches.next(&mut buffer)? {
        out.write_all(&buffer)?;
        progress(stretches.written);
    }
    out.flush()
}

/// CSV made a stretch of rows at a time.
struct CsvStretches {
    draw: Draw,
    row: VoucherRow,
    rows: u64,
    written: u64,
    begun: bool,
    /// Of this row, written anew each time.
    first_order: String,
    amount: String,
}

impl CsvStretches {
    fn new(sample: &VoucherSample) -> Self {
        Self {
            draw: Draw::new(sample.seed, sample.edition),
            row: VoucherRow::default(),
            rows: sample.rows,
            written: 0,
            begun: false,
            first_order: String::new(),
            amount: String::new(),
        }
    }

    /// Overwrites `buffer` with the next stretch; false after the last.
    fn next(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        buffer.clear();
        if self.begun && self.written == self.rows {
            return Ok(false);
        }
        let mut writer = csv::Writer::from_writer(buffer);
        if !self.begun {
            writer.write_record(COLUMNS)?;
            self.begun = true;
        }
        let end = self.rows.min(self.written + STRETCH);
        for _ in self.written..end {
            self.draw.next(&mut self.row);
            let row = &self.row;
            row.spell_first_order(self.draw.edition(), &mut self.first_order);
            row.spell_amount(&mut self.amount);
            let fields =
                [&row.timestamp, &row.country_code, &row.last_order_ts, &self.first_order, &row.total_orders];
            writer.write_record(fields.into_iter().chain([&self.amount]))?;
        }
        self.written = end;
        writer.flush()?;
        Ok(true)
    }
}

pub struct CsvReader {
    stretches: CsvStretches,
    buffer: Vec<u8>,
    taken: usize,
}

impl CsvReader {
    pub fn new(sample: &VoucherSample) -> Self {
        Self { stretches: CsvStretches::new(sample), buffer: Vec::new(), taken: 0 }
    }
}

impl Read for CsvReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.buffer.len() {
            self.taken = 0;
            self.stretches.next(&mut self.buffer)?;
        }
        let read = (&self.buffer[self.taken..]).read(into)?;
        self.taken += read;
        Ok(read)
    }
}

pub fn parquet(
    sample: &VoucherSample,
    out: &mut (impl Write + Send),
    progress: &mut dyn FnMut(u64),
) -> io::Result<()> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_created_by("elt".to_owned())
        .build();
    let schema = Arc::new(schema(sample.edition));
    let mut writer = ArrowWriter::try_new(out, schema.clone(), Some(properties))?;
    let mut draw = Draw::new(sample.seed, sample.edition);
    let mut row = VoucherRow::default();
    let mut written = 0;
    while written < sample.rows {
        let end = sample.rows.min(written + STRETCH);
        let mut columns = Columns::new(sample.edition);
        for _ in written..end {
            draw.next(&mut row);
            columns.push(&row);
        }
        writer.write(&columns.finish(schema.clone())?)?;
        written = end;
        progress(written);
    }
    writer.close()?;
    Ok(())
}

/// The real file's physical types: text but for the first order and the amount.
fn schema(edition: Edition) -> Schema {
    let first_order = DataType::Timestamp(TimeUnit::Millisecond, zone(edition).map(Arc::from));
    let types =
        [DataType::Utf8, DataType::Utf8, DataType::Utf8, first_order, DataType::Utf8, DataType::Float64];
    Schema::new(
        COLUMNS.into_iter().zip(types).map(|(name, kind)| Field::new(name, kind, true)).collect::<Vec<_>>(),
    )
}

fn zone(edition: Edition) -> Option<&'static str> {
    match edition {
        Edition::E2018 => None,
        Edition::E2020 => Some("UTC"),
    }
}

struct Columns {
    timestamp: StringBuilder,
    country_code: StringBuilder,
    last_order_ts: StringBuilder,
    first_order_ts: TimestampMillisecondBuilder,
    total_orders: StringBuilder,
    voucher_amount: Float64Builder,
}

impl Columns {
    fn new(edition: Edition) -> Self {
        let rows = STRETCH as usize;
        let text = |bytes: usize| StringBuilder::with_capacity(rows, rows * bytes);
        Self {
            timestamp: text(32),
            country_code: text(9),
            last_order_ts: text(25),
            first_order_ts: TimestampMillisecondBuilder::with_capacity(rows).with_timezone_opt(zone(edition)),
            total_orders: text(6),
            voucher_amount: Float64Builder::with_capacity(rows),
        }
    }

    fn push(&mut self, row: &VoucherRow) {
        self.timestamp.append_value(&row.timestamp);
        self.country_code.append_value(&row.country_code);
        self.last_order_ts.append_value(&row.last_order_ts);
        self.first_order_ts.append_value(row.first_order_ms);
        self.total_orders.append_value(&row.total_orders);
        self.voucher_amount.append_option(row.voucher_amount);
    }

    fn finish(mut self, schema: Arc<Schema>) -> io::Result<RecordBatch> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.timestamp.finish()),
            Arc::new(self.country_code.finish()),
            Arc::new(self.last_order_ts.finish()),
            Arc::new(self.first_order_ts.finish()),
            Arc::new(self.total_orders.finish()),
            Arc::new(self.voucher_amount.finish()),
        ];
        RecordBatch::try_new(schema, columns).map_err(io::Error::other)
    }
}
