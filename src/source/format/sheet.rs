//! The used cells of one sheet, row by row. A cell far out costs what it holds, not the square that it spans.

use std::collections::BTreeMap;
use std::collections::btree_map::IntoIter;

use calamine::{Cell, Data, DataRef, Error, Reader, Sheets};

use crate::source::file::FileReader;

/// Cells of a row with their columns, counted from the first that is used anywhere.
pub(super) type Row = Vec<(usize, Data)>;

pub(super) struct Sheet {
    /// The first row that is used, counted from 0.
    pub first: u32,
    /// From the first column that is used to the last.
    pub width: usize,
    left: u32,
    /// For each column the last row in which it is used.
    used: BTreeMap<u32, u32>,
    rows: IntoIter<u32, Vec<(u32, Data)>>,
    /// Read, and not handed out.
    waiting: Option<(u32, Row)>,
}

impl Sheet {
    /// Nothing where the cells would take more than `limit` bytes.
    pub fn read(book: &mut Sheets<FileReader>, name: &str, limit: u64) -> Result<Option<Self>, Error> {
        match book {
            Sheets::Xlsx(book) => {
                let mut cells = book.worksheet_cells_reader(name).map_err(Error::Xlsx)?;
                Self::of(limit, || Ok(cells.next_cell().map_err(Error::Xlsx)?.map(placed)))
            }
            Sheets::Xlsb(book) => {
                let mut cells = book.worksheet_cells_reader(name).map_err(Error::Xlsb)?;
                Self::of(limit, || Ok(cells.next_cell().map_err(Error::Xlsb)?.map(placed)))
            }
            other => {
                let range = other.worksheet_range(name)?;
                let (top, left) = range.start().unwrap_or_default();
                let mut cells = range.used_cells();
                // No form of workbook has more than 2^20 rows.
                let at = |row: usize, column: usize| (top + row as u32, left + column as u32);
                Self::of(limit, || {
                    Ok(cells.next().map(|(row, column, value)| (at(row, column), value.clone())))
                })
            }
        }
    }

    fn of(
        limit: u64,
        mut next: impl FnMut() -> Result<Option<((u32, u32), Data)>, Error>,
    ) -> Result<Option<Self>, Error> {
        let mut rows: BTreeMap<u32, Vec<(u32, Data)>> = BTreeMap::new();
        let (mut left, mut right, mut bytes, mut used) = (u32::MAX, 0, 0, BTreeMap::new());
        while let Some(((row, column), value)) = next()? {
            if !matches!(value, Data::Empty) {
                bytes += held(&value);
                if bytes > limit {
                    return Ok(None);
                }
                (left, right) = (left.min(column), right.max(column));
                used.entry(column).and_modify(|last: &mut u32| *last = row.max(*last)).or_insert(row);
                rows.entry(row).or_default().push((column, value));
            }
        }
        let first = rows.first_key_value().map_or(0, |(row, _)| *row);
        let width = if rows.is_empty() { 0 } else { (right - left + 1) as usize };
        Ok(Some(Self { first, width, left, used, rows: rows.into_iter(), waiting: None }))
    }

    /// Whether a column, counted from the first, has a cell from row `from` on.
    pub fn is_used(&self, column: usize, from: u32) -> bool {
        u32::try_from(column)
            .is_ok_and(|column| self.used.get(&(self.left + column)).is_some_and(|last| *last >= from))
    }

    /// The next row that is not blank, from the one numbered `from` on, without taking it.
    pub fn peek(&mut self, from: u32) -> Option<&(u32, Row)> {
        while self.waiting.as_ref().is_none_or(|(number, _)| *number < from) {
            let (number, cells) = self.rows.next()?;
            let placed = cells.into_iter().map(|(column, value)| ((column - self.left) as usize, value));
            self.waiting = Some((number, placed.collect()));
        }
        self.waiting.as_ref()
    }

    /// That row, taken.
    pub fn next(&mut self, from: u32) -> Option<(u32, Row)> {
        self.peek(from)?;
        self.waiting.take()
    }
}

/// Bytes that a cell takes, while the list of them grows.
fn held(value: &Data) -> u64 {
    let text = match value {
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.len(),
        _ => 0,
    };
    (2 * size_of::<(u32, Data)>() + text) as u64
}

fn placed(cell: Cell<DataRef<'_>>) -> ((u32, u32), Data) {
    (cell.get_position(), Data::from(cell.get_value().clone()))
}
