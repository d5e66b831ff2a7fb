//! Parquet row by row as texts, for loads that put bad rows aside: a value that its column cannot take makes its row
//! a bad one, where it would end the load otherwise. A batch of rows is held at a time.

use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

use super::parquet_file::ParquetRows;
use super::record::{Field, Problem, Record, Records, text_problem};
use crate::source::SourceError;
use crate::source::binary::{self, Cell, Kind, Meaning};
use crate::source::place::Unit;

pub(in crate::source) struct ParquetRecords {
    parquet: ParquetRows,
    names: Vec<String>,
    /// The columns that are loaded, in the file's order.
    wanted: Vec<Wanted>,
    batch: Batch,
    /// Of the batch, the next to be handed out.
    row: usize,
    rows: u64,
    raw: Vec<u8>,
}

/// A column that is loaded.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// Its place among the file's columns.
    pub index: usize,
    pub meaning: Meaning,
    /// What its values are held against before they go on as texts; none where the file has texts, of which only
    /// PostgreSQL knows whether it takes them.
    pub kind: Option<Kind>,
}

/// The rows of a batch as texts.
#[derive(Default)]
struct Batch {
    text: Vec<u8>,
    /// As many for each row as the file has columns.
    fields: Vec<Field>,
    problems: Vec<Option<Problem>>,
}

impl ParquetRecords {
    /// `type_oids` are those of the columns' targets, one for each column of the file; `None` leaves it out.
    pub(in crate::source) fn start(
        mut parquet: ParquetRows,
        type_oids: &[Option<u32>],
    ) -> Result<Self, SourceError> {
        let names = parquet.names();
        let wanted = parquet.start_as_texts(type_oids)?;
        let (batch, raw) = (Batch::default(), Vec::new());
        Ok(Self { parquet, names, wanted, batch, row: 0, rows: 0, raw })
    }
}

impl Records for ParquetRecords {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn is_empty(&mut self) -> Result<bool, SourceError> {
        Ok(self.parquet.rows_in_file() == 0)
    }

    fn unit(&self) -> Unit {
        Unit::Row
    }

    fn next(&mut self) -> Result<Option<Record<'_>>, SourceError> {
        while self.row >= self.batch.problems.len() {
            let Some(batch) = self.parquet.next_whole_batch()? else { return Ok(None) };
            self.batch = texts(&batch, &self.wanted, self.names.len());
            self.row = 0;
        }
        let width = self.names.len();
        let fields = &self.batch.fields[self.row * width..(self.row + 1) * width];
        let problem = self.batch.problems[self.row].take();
        let values = || fields.iter().map(|field| &self.batch.text[field.start..field.end]);
        self.raw.clear();
        for (at, value) in values().enumerate() {
            if at > 0 {
                self.raw.push(b'\t');
            }
            self.raw.extend_from_slice(value);
        }
        let problem = problem.or_else(|| text_problem(&self.raw, fields, &self.batch.text));
        self.row += 1;
        self.rows += 1;
        Ok(Some(Record { line: self.rows, text: &self.batch.text, fields, raw: &self.raw, problem }))
    }
}

fn texts(batch: &RecordBatch, wanted: &[Wanted], width: usize) -> Batch {
    let mut made = Batch {
        text: Vec::new(),
        fields: vec![Field::NULL; width * batch.num_rows()],
        problems: vec![None; batch.num_rows()],
    };
    let mut scratch = Vec::new();
    for (array, wanted) in batch.columns().iter().zip(wanted) {
        let mut judge: Option<Cell> = wanted.kind.and_then(|kind| binary::cell(array, wanted.meaning, kind));
        // Empty only for what `start_as_texts` refused.
        let Some(mut write) = binary::cell(array, wanted.meaning, Kind::Text) else { continue };
        // Arrays of nothing but NULL call none of their values so.
        let is_there = |row: &usize| *array.data_type() != DataType::Null && array.is_valid(*row);
        for row in (0..batch.num_rows()).filter(is_there) {
            scratch.clear();
            let judged = judge.as_mut().map_or(Ok(()), |judge| judge(row, &mut scratch));
            scratch.clear();
            let written = write(row, &mut scratch);
            let start = made.text.len();
            made.text.extend_from_slice(scratch.get(4..).unwrap_or_default());
            made.fields[row * width + wanted.index] = Field { start, end: made.text.len(), null: false };
            if let Err(refusal) = judged.and(written)
                && made.problems[row].is_none()
            {
                made.problems[row] =
                    Some(Problem { column: Some(wanted.index), ..Problem::row(refusal.why) });
            }
        }
    }
    made
}

/// Whether values are texts, of which each may or may not be one of another type.
pub(super) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int32Array, NullArray};

    use super::*;

    #[test]
    fn a_column_of_nothing_but_null_holds_no_empty_texts() {
        let columns: [(&str, ArrayRef); 2] =
            [("a", Arc::new(Int32Array::from(vec![Some(7), None]))), ("b", Arc::new(NullArray::new(2)))];
        let batch = RecordBatch::try_from_iter(columns).expect("two columns make a batch");
        let wanted = |index| Wanted { index, meaning: Meaning::Plain, kind: None };
        let made = texts(&batch, &[wanted(0), wanted(1)], 2);
        assert_eq!(made.text, b"7");
        let nulls: Vec<bool> = made.fields.iter().map(|field| field.null).collect();
        assert_eq!(nulls, [false, true, true, true]);
    }
}
