//! Parquet's INTERVAL: months, days and milliseconds. The parquet crate gives either the months or the rest of one,
//! so such columns are read twice and put together.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{IntervalDayTimeType, IntervalMonthDayNanoType, IntervalYearMonthType};
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch, make_array};
use arrow_schema::{DataType, Field, FieldRef, IntervalUnit, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;

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

/// The months of a file's intervals.
pub(super) struct Months {
    reader: ParquetRecordBatchReader,
    /// Where the intervals are among the columns that are read.
    places: Vec<usize>,
}

impl Months {
    /// Of the columns `wanted`, if there are intervals among them.
    pub fn open(
        file: &OpenFile,
        metadata: &ArrowReaderMetadata,
        wanted: &[usize],
        batch_rows: usize,
    ) -> Result<Option<Self>, ParquetError> {
        let fields = metadata.schema().fields();
        let places: Vec<usize> =
            (0..wanted.len()).filter(|place| has_intervals(fields[wanted[*place]].data_type())).collect();
        if places.is_empty() {
            return Ok(None);
        }
        let months = fields.iter().map(|field| {
            field.as_ref().clone().with_data_type(in_unit(field.data_type(), IntervalUnit::YearMonth))
        });
        let schema =
            Schema::new_with_metadata(months.collect::<Vec<Field>>(), metadata.schema().metadata().clone());
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

    /// The next batch with whole intervals.
    pub fn add_to(&mut self, batch: RecordBatch) -> Result<RecordBatch, ParquetError> {
        let missing = || ParquetError::General("an interval has no months".to_owned());
        let months = self.reader.next().ok_or_else(missing)??;
        if months.num_rows() != batch.num_rows() {
            return Err(missing());
        }
        let mut columns = batch.columns().to_vec();
        let mut fields: Vec<Field> =
            batch.schema_ref().fields().iter().map(|field| field.as_ref().clone()).collect();
        for (place, months) in self.places.iter().zip(months.columns()) {
            columns[*place] = whole(&columns[*place], months)?;
            fields[*place] = fields[*place].clone().with_data_type(columns[*place].data_type().clone());
        }
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
    }
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
