//! Durations, and intervals with months and days of their own, which PostgreSQL keeps apart, too.

use std::fmt::Write;

use arrow_array::PrimitiveArray;
use arrow_array::types::{ArrowPrimitiveType, IntervalMonthDayNanoType};

use super::time::too_fine;
use super::{Cell, Kind, Refusal, put};

/// `per_second` count a second. As text it is written as PostgreSQL writes it: `-26:00:01.5`.
pub(super) fn duration<T>(array: &PrimitiveArray<T>, per_second: u64, kind: Kind) -> Option<Cell<'_>>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64>,
{
    let value = move |row| -> i64 { array.value(row).into() };
    let time = move |row| {
        let (value, mut text) = (value(row), String::new());
        push_time(&mut text, value < 0, value.unsigned_abs(), per_second);
        text
    };
    Some(match kind {
        Kind::Interval => Box::new(move |row, out| {
            let value = i128::from(value(row)) * 1_000_000;
            let per_second = i128::from(per_second);
            if value % per_second != 0 {
                return Err(too_fine(|text| text.extend_from_slice(time(row).as_bytes())));
            }
            let microseconds = i64::try_from(value / per_second);
            let microseconds = microseconds.map_err(|_| Refusal::new(time(row), OUT_OF_RANGE))?;
            put_interval(out, microseconds, 0, 0)
        }),
        Kind::Text => Box::new(move |row, out| put(out, time(row).as_bytes())),
        _ => return None,
    })
}

const OUT_OF_RANGE: &str = "it is out of the range of interval";

/// What Parquet's parts come to. They are unsigned and written as if they were not by some: a part that is
/// either very long or negative is refused.
pub(super) fn interval(array: &PrimitiveArray<IntervalMonthDayNanoType>, kind: Kind) -> Option<Cell<'_>> {
    let parts = move |row| {
        let (months, days, nanoseconds) = IntervalMonthDayNanoType::to_parts(array.value(row));
        if months < 0 || days < 0 || nanoseconds < 0 {
            let value = format!("{months} months, {days} days, {} ms", nanoseconds / 1_000_000);
            return Err(Refusal::new(value, "a part of it is negative, or beyond 2147483647"));
        }
        Ok((months, days, nanoseconds))
    };
    Some(match kind {
        Kind::Interval => Box::new(move |row, out| {
            let (months, days, nanoseconds) = parts(row)?;
            put_interval(out, nanoseconds / 1_000, days, months)
        }),
        Kind::Text => Box::new(move |row, out| {
            let (months, days, nanoseconds) = parts(row)?;
            put(out, shown(months, days, nanoseconds.unsigned_abs()).as_bytes())
        }),
        _ => return None,
    })
}

fn put_interval(out: &mut Vec<u8>, microseconds: i64, days: i32, months: i32) -> Result<(), Refusal> {
    let mut field = [0; 16];
    field[..8].copy_from_slice(&microseconds.to_be_bytes());
    field[8..12].copy_from_slice(&days.to_be_bytes());
    field[12..].copy_from_slice(&months.to_be_bytes());
    put(out, &field)
}

/// `1 year 2 mons 3 days 04:05:06.789`, as PostgreSQL writes it.
fn shown(months: i32, days: i32, nanoseconds: u64) -> String {
    let mut text = String::new();
    for (count, one, many) in
        [(months / 12, "year", "years"), (months % 12, "mon", "mons"), (days, "day", "days")]
    {
        match count {
            0 => {}
            1 => {
                let _ = write!(text, "1 {one} ");
            }
            _ => {
                let _ = write!(text, "{count} {many} ");
            }
        }
    }
    if nanoseconds > 0 || text.is_empty() {
        push_time(&mut text, false, nanoseconds, 1_000_000_000);
    }
    text.trim_end().to_owned()
}

fn push_time(text: &mut String, negative: bool, value: u64, per_second: u64) {
    let digits = per_second.ilog10() as usize;
    let (sign, seconds, rest) = (if negative { "-" } else { "" }, value / per_second, value % per_second);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _ = write!(text, "{sign}{hours:02}:{minutes:02}:{seconds:02}");
    if rest > 0 {
        let fraction = format!(".{rest:0digits$}");
        text.push_str(fraction.trim_end_matches('0'));
    }
}
