//! Which line of the file each row of a COPY came from. They keep step but for records of several lines and
//! lines passed over, so only the changes are kept, and of very many only the last: PostgreSQL complains of
//! what it got lately.

use std::collections::VecDeque;

const KEPT: usize = 1 << 18;

#[derive(Default)]
pub(super) struct PlaceMap {
    rows: u64,
    /// From this row on, this many lines ahead of it.
    steps: VecDeque<(u64, u64)>,
}

impl PlaceMap {
    pub fn add(&mut self, line: u64) {
        self.rows += 1;
        let ahead = line.wrapping_sub(self.rows);
        if self.steps.back().is_none_or(|(_, last)| *last != ahead) {
            if self.steps.len() == KEPT {
                self.steps.pop_front();
            }
            self.steps.push_back((self.rows, ahead));
        }
    }

    /// The line of a row, counted from 1.
    pub fn line(&self, row: u64) -> Option<u64> {
        let after = self.steps.partition_point(|(from, _)| *from <= row);
        let (_, ahead) = self.steps.get(after.checked_sub(1)?)?;
        Some(row.wrapping_add(*ahead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lead_back_to_their_lines() {
        let mut places = PlaceMap::default();
        let lines = [2, 3, 7, 8, 9, 20];
        lines.iter().for_each(|line| places.add(*line));
        let found: Vec<_> = (1..=6).filter_map(|row| places.line(row)).collect();
        assert_eq!(found, lines);
        assert_eq!(PlaceMap::default().line(1), None);
    }
}
