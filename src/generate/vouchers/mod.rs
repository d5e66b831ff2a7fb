//! A history of voucher assignments, statistically like a real one and with all its defects: empty order
//! counts, missing amounts, dates that contradict each other, values that do not parse. No row is a copy.

mod draw;
mod facts;
mod write;

use std::fmt::Write as _;
use std::io::{self, Read, Write};

use super::calendar::{DAY, push_date};
use super::{FileFormat, Sample, number, options};

const COLUMNS: [&str; 6] =
    ["timestamp", "country_code", "last_order_ts", "first_order_ts", "total_orders", "voucher_amount"];

/// How the file spells its dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// `2018-07-21 18:59:21.102761`, and a day alone for the last order.
    E2018,
    /// `2020-05-20 15:43:38.364972+00:00`: every time has its zone.
    E2020,
}

/// One voucher given to one customer, as the file delivers it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VoucherRow {
    pub timestamp: String,
    /// The country's English name.
    pub country_code: String,
    pub last_order_ts: String,
    /// Milliseconds since 1970, always a whole day.
    pub first_order_ms: i64,
    /// `136.0`, or empty.
    pub total_orders: String,
    pub voucher_amount: Option<f64>,
}

/// Which sample: the same values give the same bytes on every machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoucherSample {
    pub rows: u64,
    pub seed: u64,
    pub edition: Edition,
}

impl Default for VoucherSample {
    fn default() -> Self {
        Self { rows: 100_000, seed: 7, edition: Edition::E2018 }
    }
}

impl VoucherSample {
    /// From `rows=100000&seed=7&edition=2018`; what is not said has these values. The error names the key.
    pub fn from_query(query: &str) -> Result<Self, String> {
        let mut sample = Self::default();
        for (key, value) in options(query) {
            match key {
                "rows" => sample.rows = number(key, value)?,
                "seed" => sample.seed = number(key, value)?,
                "edition" => {
                    sample.edition = match value {
                        "2018" => Edition::E2018,
                        "2020" => Edition::E2020,
                        _ => return Err(format!("`edition` takes 2018 or 2020, not `{value}`")),
                    }
                }
                _ => return Err(format!("vouchers know no `{key}`; they know rows, seed, edition")),
            }
        }
        Ok(sample)
    }
}

impl Sample for VoucherSample {
    fn row_count(&self) -> u64 {
        self.rows
    }

    fn csv_reader(&self) -> Box<dyn Read + Send> {
        Box::new(write::CsvReader::new(self))
    }

    fn write(
        &self,
        format: FileFormat,
        out: &mut (dyn Write + Send),
        progress: &mut dyn FnMut(u64),
    ) -> io::Result<()> {
        match format {
            FileFormat::Csv => write::csv(self, out, progress),
            FileFormat::Parquet => write::parquet(self, &mut &mut *out, progress),
        }
    }
}

impl VoucherRow {
    /// The first order as CSV has it: `2018-04-03 00:00:00`, in the later edition with its zone.
    fn spell_first_order(&self, edition: Edition, text: &mut String) {
        text.clear();
        push_date(text, self.first_order_ms / (DAY / 1000));
        text.push_str(match edition {
            Edition::E2018 => " 00:00:00",
            Edition::E2020 => " 00:00:00+00:00",
        });
    }

    fn spell_amount(&self, text: &mut String) {
        text.clear();
        if let Some(amount) = self.voucher_amount {
            // Writing into a String does not fail.
            let _ = write!(text, "{amount:.1}");
        }
    }
}

#[cfg(test)]
mod tests;
