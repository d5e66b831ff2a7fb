//! Dates, times of day and timestamps. PostgreSQL counts from 2000-01-01 in days and microseconds. What has
//! no zone is taken for UTC where the target has one, and the other way round.

use arrow_array::PrimitiveArray;
use arrow_array::types::{ArrowPrimitiveType, Date32Type, Date64Type, Decimal128Type};

use super::text::{push_date, push_time};
use super::{Cell, Kind, Refusal, put, put_with};

/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i64 = 10_957;
const DAY_SECONDS: i64 = 86_400;
/// Timestamps are from 4713 BC to the end of year 294276, as PostgreSQL has it.
const FIRST: i64 = -211_813_488_000_000_000;
const END: i64 = 9_223_371_331_200_000_000;

pub(super) fn date32(array: &PrimitiveArray<Date32Type>, kind: Kind) -> Option<Cell<'_>> {
    date(kind, move |row| Ok(i64::from(array.value(row))))
}

/// Date64 counts milliseconds, and is a date only at midnight.
pub(super) fn date64(array: &PrimitiveArray<Date64Type>, kind: Kind) -> Option<Cell<'_>> {
    const DAY: i64 = DAY_SECONDS * 1_000;
    date(kind, move |row| {
        let milliseconds = array.value(row);
        if milliseconds.rem_euclid(DAY) == 0 {
            Ok(milliseconds.div_euclid(DAY))
        } else {
            Err(Refusal::new(shown(milliseconds.div_euclid(1_000), 0), "a date has no time of day"))
        }
    })
}

fn date<'a>(kind: Kind, days: impl Fn(usize) -> Result<i64, Refusal> + 'a) -> Option<Cell<'a>> {
    Some(match kind {
        Kind::Date => Box::new(move |row, out| put_date(out, days(row)?)),
        Kind::Timestamp | Kind::TimestampTz => {
            Box::new(move |row, out| put_timestamp(out, days(row)?.saturating_mul(DAY_SECONDS), 0))
        }
        Kind::Text => Box::new(move |row, out| {
            let days = days(row)?;
            put_with(out, |out| {
                let era = push_date(out, days);
                era.push(out);
            })
        }),
        _ => return None,
    })
}

/// `unit` is the nanoseconds that one counts.
pub(super) fn time<T>(array: &PrimitiveArray<T>, unit: i64, kind: Kind) -> Option<Cell<'_>>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64>,
{
    let nanoseconds = move |row| {
        let value: i64 = array.value(row).into();
        let day = DAY_SECONDS * 1_000_000_000;
        match value.checked_mul(unit) {
            Some(time) if (0..=day).contains(&time) => Ok(time.unsigned_abs()),
            _ => Err(Refusal::new(value, "it is no time of day")),
        }
    };
    Some(match kind {
        Kind::Time => Box::new(move |row, out| {
            let nanoseconds = nanoseconds(row)?;
            if !nanoseconds.is_multiple_of(1_000) {
                return Err(too_fine(|text| {
                    push_time(text, nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000)
                }));
            }
            put(out, &(nanoseconds / 1_000).to_be_bytes())
        }),
        Kind::Text => Box::new(move |row, out| {
            let nanoseconds = nanoseconds(row)?;
            put_with(out, |out| push_time(out, nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000))
        }),
        _ => return None,
    })
}

/// `per_second` is how many of the unit make a second.
pub(super) fn timestamp<T>(
    array: &PrimitiveArray<T>,
    per_second: i64,
    zoned: bool,
    kind: Kind,
) -> Option<Cell<'_>>
where
    T: ArrowPrimitiveType<Native = i64>,
{
    let value = move |row| {
        let value = array.value(row);
        let nanoseconds = value.rem_euclid(per_second) * (1_000_000_000 / per_second);
        (value.div_euclid(per_second), nanoseconds.unsigned_abs())
    };
    if matches!(kind, Kind::Timestamp | Kind::TimestampTz) && per_second == 1_000_000 {
        return Some(Box::new(move |row, out| {
            // What PostgreSQL counts, too.
            match array.value(row).checked_sub(EPOCH_DAYS * DAY_SECONDS * 1_000_000) {
                Some(time) if (FIRST..END).contains(&time) => put(out, &time.to_be_bytes()),
                _ => {
                    let (seconds, nanoseconds) = value(row);
                    put_timestamp(out, seconds, nanoseconds)
                }
            }
        }));
    }
    moment(value, zoned, kind)
}

/// Nanoseconds since 1970, of years that 64 bits could not hold.
pub(super) fn nanoseconds(
    array: &PrimitiveArray<Decimal128Type>,
    zoned: bool,
    kind: Kind,
) -> Option<Cell<'_>> {
    const SECOND: i128 = 1_000_000_000;
    let value = move |row| {
        let value = array.value(row);
        let seconds = i64::try_from(value.div_euclid(SECOND));
        (seconds.unwrap_or(i64::MAX), value.rem_euclid(SECOND) as u64)
    };
    moment(value, zoned, kind)
}

/// `value` gives the seconds since 1970 and the nanoseconds after them.
fn moment<'a>(value: impl Fn(usize) -> (i64, u64) + 'a, zoned: bool, kind: Kind) -> Option<Cell<'a>> {
    Some(match kind {
        Kind::Timestamp | Kind::TimestampTz => Box::new(move |row, out| {
            let (seconds, nanoseconds) = value(row);
            put_timestamp(out, seconds, nanoseconds)
        }),
        Kind::Date => Box::new(move |row, out| match value(row) {
            (seconds, 0) if seconds.rem_euclid(DAY_SECONDS) == 0 => {
                put_date(out, seconds.div_euclid(DAY_SECONDS))
            }
            (seconds, nanoseconds) => {
                Err(Refusal::new(shown(seconds, nanoseconds), "a date has no time of day"))
            }
        }),
        Kind::Text => Box::new(move |row, out| {
            let (seconds, nanoseconds) = value(row);
            put_with(out, |out| push_timestamp(out, seconds, nanoseconds, zoned))
        }),
        _ => return None,
    })
}

fn push_timestamp(out: &mut Vec<u8>, seconds: i64, nanoseconds: u64, zoned: bool) {
    let era = push_date(out, seconds.div_euclid(DAY_SECONDS));
    out.push(b' ');
    push_time(out, seconds.rem_euclid(DAY_SECONDS).unsigned_abs(), nanoseconds);
    if zoned {
        out.extend_from_slice(b"+00");
    }
    era.push(out);
}

fn shown(seconds: i64, nanoseconds: u64) -> String {
    let mut text = Vec::new();
    push_timestamp(&mut text, seconds, nanoseconds, false);
    String::from_utf8_lossy(&text).into_owned()
}

fn put_date(out: &mut Vec<u8>, days: i64) -> Result<(), Refusal> {
    // From 4713 BC to the end of year 5874897, as PostgreSQL has it.
    match i32::try_from(days - EPOCH_DAYS) {
        Ok(days @ -2_451_545..=2_145_031_948) => put(out, &days.to_be_bytes()),
        _ => Err(Refusal::new(shown(days.saturating_mul(DAY_SECONDS), 0), "it is out of the range of date")),
    }
}

fn put_timestamp(out: &mut Vec<u8>, seconds: i64, nanoseconds: u64) -> Result<(), Refusal> {
    if !nanoseconds.is_multiple_of(1_000) {
        return Err(too_fine(|text| push_timestamp(text, seconds, nanoseconds, false)));
    }
    let since_epoch = seconds
        .checked_sub(EPOCH_DAYS * DAY_SECONDS)
        .and_then(|seconds| seconds.checked_mul(1_000_000))
        .and_then(|time| time.checked_add_unsigned(nanoseconds / 1_000));
    match since_epoch {
        Some(time) if (FIRST..END).contains(&time) => put(out, &time.to_be_bytes()),
        _ => Err(Refusal::new(shown(seconds, nanoseconds), "it is out of the range of timestamp")),
    }
}

/// Cut or rounded it would be another time.
pub(super) fn too_fine(push: impl FnOnce(&mut Vec<u8>)) -> Refusal {
    let mut text = Vec::new();
    push(&mut text);
    Refusal::new(String::from_utf8_lossy(&text), "PostgreSQL holds six digits of a second")
}
