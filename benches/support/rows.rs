//! The rows that loads are measured with: the same in every file and of any number.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// The columns as a model declares them.
pub const TYPED: &str = "id integer, name text, amount numeric, day date, at timestamp, active boolean";

/// Row `index`, the same in every file. Money in cents, days since 2015, seconds since 2015.
pub struct Row {
    pub id: i32,
    pub name: String,
    pub cents: i64,
    pub day: i32,
    pub second: i64,
    pub active: bool,
}

impl Row {
    pub fn new(index: u64) -> Self {
        // An odd multiplier walks through all values; enough disorder for a benchmark.
        let mixed =
            index.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(0xD134_2543_DE82_EF95);
        let part = |shift: u32, below: u64| (mixed >> shift) % below;
        Self {
            id: i32::try_from(index).expect("few enough rows"),
            name: format!("customer {:07}", part(3, 10_000_000)),
            cents: i64::try_from(part(11, 10_000_000)).expect("small"),
            day: i32::try_from(part(17, 3_000)).expect("small"),
            second: i64::try_from(part(23, 250_000_000)).expect("small"),
            active: part(40, 2) == 0,
        }
    }
}

pub const COLUMNS: [&str; 6] = ["id", "name", "amount", "day", "at", "active"];
/// 2015-01-01 as days since 1970.
pub const EPOCH_DAY: i32 = 16_436;

pub fn write_csv(path: &Path, rows: u64) {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).expect("the folder can be written"));
    let mut write = || -> std::io::Result<()> {
        writeln!(out, "{}", COLUMNS.join(","))?;
        let start = jiff::civil::date(2015, 1, 1);
        for index in 0..rows {
            let row = Row::new(index);
            let day = start.saturating_add(jiff::Span::new().days(row.day));
            let at = start.at(0, 0, 0, 0).saturating_add(jiff::Span::new().seconds(row.second));
            writeln!(
                out,
                "{},{},{}.{:02},{day},{} {},{}",
                row.id,
                row.name,
                row.cents / 100,
                row.cents % 100,
                at.date(),
                at.time(),
                row.active
            )?;
        }
        out.flush()
    };
    write().expect("the disk has room");
}
