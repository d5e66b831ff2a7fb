//! Parquet's INTERVAL: months, days and milliseconds. The parquet crate gives either the months or the rest of one,
//! so such columns are read twice and put together.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{IntervalDayTimeType, IntervalMonthDayNanoType, IntervalYearMonthType};
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch};
use arrow_schema::{DataType, Field, IntervalUnit, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;

use crate::source::file::OpenFile;

/// As such a column is read first.
pub(super) const DAYS_AND_TIME: DataType = DataType::Interval(IntervalUnit::DayTime);
const MONTHS: DataType = DataType::Interval(IntervalUnit::YearMonth);
const WHOLE: DataType = DataType::Interval(IntervalUnit::MonthDayNano);

/// The type of a column as it is written: an interval is put together by then.
pub(super) fn whole_type(data_type: &DataType) -> &DataType {
    if matches!(data_type, DataType::Interval(_)) { &WHOLE } else { data_type }
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
        let is_interval = |index: usize| matches!(fields[index].data_type(), DataType::Interval(_));
        let places: Vec<usize> = (0..wanted.len()).filter(|place| is_interval(wanted[*place])).collect();
        if places.is_empty() {
            return Ok(None);
        }
        let months = fields.iter().enumerate().map(|(index, field)| match is_interval(index) {
            true => field.as_ref().clone().with_data_type(MONTHS),
            false => field.as_ref().clone(),
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
            columns[*place] = whole(&columns[*place], months);
            fields[*place] = fields[*place].clone().with_data_type(WHOLE);
        }
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
    }
}

fn whole(rest: &ArrayRef, months: &ArrayRef) -> ArrayRef {
    let (rest, months) =
        (rest.as_primitive::<IntervalDayTimeType>(), months.as_primitive::<IntervalYearMonthType>());
    let values = rest.values().iter().zip(months.values()).map(|(rest, months)| {
        let nanoseconds = i64::from(rest.milliseconds) * 1_000_000;
        IntervalMonthDayNanoType::make_value(*months, rest.days, nanoseconds)
    });
    let values: Vec<_> = values.collect();
    Arc::new(PrimitiveArray::<IntervalMonthDayNanoType>::new(values.into(), rest.nulls().cloned()))
}
