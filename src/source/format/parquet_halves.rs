//! What the parquet crate gives one half of at a time, so that such columns are read twice and put together: of an
//! INTERVAL the months, or days and milliseconds; of an INT96 timestamp microseconds, or nanoseconds that wrap for
//! years before 1677 and after 2262.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalYearMonthType,
    TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch, make_array};
use arrow_schema::{DataType, Field, FieldRef, IntervalUnit, Schema, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;

use crate::source::binary::Meaning;
use crate::source::file::OpenFile;

/// As such a column is read first.
pub(super) fn days_and_time(data_type: &DataType) -> DataType {
    in_unit(data_type, IntervalUnit::DayTime)
}

/// The type of a column as it is written: an interval is put together by then.
pub(super) fn whole_type(data_type: &DataType) -> DataType {
    in_unit(data_type, IntervalUnit::MonthDayNano)
}

/// The type with its intervals in this unit, also those in lists, records and maps.
fn in_unit(data_type: &DataType, unit: IntervalUnit) -> DataType {
    let inner =
        |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(in_unit(field.data_type(), unit)));
    match data_type {
        DataType::Interval(_) => DataType::Interval(unit),
        DataType::List(item) => DataType::List(inner(item)),
        DataType::LargeList(item) => DataType::LargeList(inner(item)),
        DataType::FixedSizeList(item, width) => DataType::FixedSizeList(inner(item), *width),
        DataType::Struct(members) => DataType::Struct(members.iter().map(inner).collect()),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries), *sorted),
        other => other.clone(),
    }
}

fn has_intervals(data_type: &DataType) -> bool {
    in_unit(data_type, IntervalUnit::DayTime) != in_unit(data_type, IntervalUnit::YearMonth)
}

/// The other halves of a file's columns.
pub(super) struct Halves {
    reader: ParquetRecordBatchReader,
    /// Where these columns are among those that are read.
    places: Vec<usize>,
}

impl Halves {
    /// Of the columns `wanted`, which mean `meanings`, if there are such among them.
    pub fn open(
        file: &OpenFile,
        metadata: &ArrowReaderMetadata,
        (wanted, meanings): (&[usize], &[Meaning]),
        batch_rows: usize,
    ) -> Result<Option<Self>, ParquetError> {
        let mut fields: Vec<Field> =
            metadata.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
        let mut places = Vec::new();
        for (place, (index, meaning)) in wanted.iter().zip(meanings).enumerate() {
            let field = &mut fields[*index];
            let other = match (field.data_type(), meaning) {
                (DataType::Timestamp(_, zone), Meaning::Nanoseconds { .. }) => {
                    DataType::Timestamp(TimeUnit::Nanosecond, zone.clone())
                }
                (first, _) => in_unit(first, IntervalUnit::YearMonth),
            };
            if other != *field.data_type() {
                places.push(place);
                field.set_data_type(other);
            }
        }
        if places.is_empty() {
            return Ok(None);
        }
        let schema = Schema::new_with_metadata(fields, metadata.schema().metadata().clone());
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        let metadata = ArrowReaderMetadata::try_new(metadata.metadata().clone(), options)?;
        let mask =
            ProjectionMask::roots(metadata.parquet_schema(), places.iter().map(|place| wanted[*place]));
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata)
            .with_projection(mask)
            .with_batch_size(batch_rows)
            .build()?;
        Ok(Some(Self { reader, places }))
    }

    /// The next batch with whole values.
    pub fn add_to(&mut self, batch: RecordBatch) -> Result<RecordBatch, ParquetError> {
        let missing = || ParquetError::General("a value has no other half".to_owned());
        let others = self.reader.next().ok_or_else(missing)??;
        if others.num_rows() != batch.num_rows() {
            return Err(missing());
        }
        let mut columns = batch.columns().to_vec();
        let mut fields: Vec<Field> =
            batch.schema_ref().fields().iter().map(|field| field.as_ref().clone()).collect();
        for (place, other) in self.places.iter().zip(others.columns()) {
            columns[*place] = match other.data_type() {
                DataType::Timestamp(..) => finer(&columns[*place], other)?,
                _ => whole(&columns[*place], other)?,
            };
            fields[*place] = fields[*place].clone().with_data_type(columns[*place].data_type().clone());
        }
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
    }
}

/// Decimals of nanoseconds; the microseconds where they are all there is.
fn finer(micros: &ArrayRef, nanos: &ArrayRef) -> Result<ArrayRef, ParquetError> {
    let micros_of = micros.as_primitive::<TimestampMicrosecondType>();
    let nanos = nanos.as_primitive::<TimestampNanosecondType>();
    // Both wrap in the same way, so that what is between them does not.
    let between = |micros: i64, nanos: i64| nanos.wrapping_sub(micros.wrapping_mul(1_000));
    let pairs = || micros_of.values().iter().copied().zip(nanos.values().iter().copied());
    if pairs().all(|(micros, nanos)| between(micros, nanos) == 0) {
        return Ok(micros.clone());
    }
    let values: Vec<i128> = pairs()
        .map(|(micros, nanos)| i128::from(micros) * 1_000 + i128::from(between(micros, nanos)))
        .collect();
    Ok(Arc::new(PrimitiveArray::<Decimal128Type>::try_new(values.into(), micros_of.nulls().cloned())?))
}

fn whole(rest: &ArrayRef, months: &ArrayRef) -> Result<ArrayRef, ParquetError> {
    if !matches!(rest.data_type(), DataType::Interval(_)) {
        return whole_inside(rest, months);
    }
    let (rest, months) =
        (rest.as_primitive::<IntervalDayTimeType>(), months.as_primitive::<IntervalYearMonthType>());
    let values = rest.values().iter().zip(months.values()).map(|(rest, months)| {
        let nanoseconds = i64::from(rest.milliseconds) * 1_000_000;
        IntervalMonthDayNanoType::make_value(*months, rest.days, nanoseconds)
    });
    let values: Vec<_> = values.collect();
    Ok(Arc::new(PrimitiveArray::<IntervalMonthDayNanoType>::try_new(values.into(), rest.nulls().cloned())?))
}

/// The same of what lists, records and maps hold; both have the same shape.
fn whole_inside(rest: &ArrayRef, months: &ArrayRef) -> Result<ArrayRef, ParquetError> {
    if !has_intervals(rest.data_type()) {
        return Ok(rest.clone());
    }
    let (rest, months) = (rest.to_data(), months.to_data());
    let parts = rest.child_data().iter().zip(months.child_data());
    let parts: Result<Vec<_>, ParquetError> = parts
        .map(|(rest, months)| Ok(whole(&make_array(rest.clone()), &make_array(months.clone()))?.to_data()))
        .collect();
    let data_type = whole_type(rest.data_type());
    Ok(make_array(rest.into_builder().data_type(data_type).child_data(parts?).build()?))
}
