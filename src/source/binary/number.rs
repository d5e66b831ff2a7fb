//! Booleans, integers, floating-point numbers and decimals.

use std::fmt::Display;
use std::io::Write;

use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{BooleanArray, PrimitiveArray};

use super::numeric::{put_numeric, put_scaled};
use super::text::{push_decimal, push_integer};
use super::{Cell, Kind, Refusal, put, put_with};

pub(super) fn boolean(array: &BooleanArray, kind: Kind) -> Option<Cell<'_>> {
    let word = |value: bool| if value { "true" } else { "false" };
    Some(match kind {
        Kind::Bool => Box::new(|row, out| put(out, &[u8::from(array.value(row))])),
        Kind::Text | Kind::Json => Box::new(move |row, out| put(out, word(array.value(row)).as_bytes())),
        Kind::Jsonb => Box::new(move |row, out| {
            put_with(out, |out| {
                out.push(1);
                out.extend_from_slice(word(array.value(row)).as_bytes());
            })
        }),
        _ => return None,
    })
}

pub(super) fn integer<T>(array: &PrimitiveArray<T>, kind: Kind) -> Option<Cell<'_>>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128>,
{
    let value = |row| -> i128 { array.value(row).into() };
    match kind {
        Kind::Float4 => Some(Box::new(move |row, out| put(out, &(value(row) as f32).to_be_bytes()))),
        Kind::Float8 => Some(Box::new(move |row, out| put(out, &(value(row) as f64).to_be_bytes()))),
        Kind::Int2 | Kind::Int4 | Kind::Int8 => whole(kind, move |row| Ok(value(row))),
        _ => textual(kind, move |row, out| push_integer(out, value(row))),
    }
}

/// `text` writes the shortest text that reads back as the value.
pub(super) fn float<'a, T>(
    array: &'a PrimitiveArray<T>,
    kind: Kind,
    text: impl Fn(T::Native, &mut Vec<u8>) + 'a,
) -> Option<Cell<'a>>
where
    T: ArrowPrimitiveType,
    T::Native: Into<f64>,
{
    let value = |row| -> f64 { array.value(row).into() };
    match kind {
        Kind::Float8 => Some(Box::new(move |row, out| put(out, &value(row).to_be_bytes()))),
        Kind::Float4 => Some(Box::new(move |row, out| put(out, &to_float4(value(row))?.to_be_bytes()))),
        Kind::Int2 | Kind::Int4 | Kind::Int8 => whole(kind, move |row| {
            let value = value(row);
            if value.trunc() == value {
                // Beyond its range the cast saturates, and no integer type of PostgreSQL reaches so far.
                Ok(value as i128)
            } else {
                Err(Refusal::new(value, format!("{} holds whole numbers only", kind.name())))
            }
        }),
        Kind::Json | Kind::Jsonb => {
            let mut write = textual(kind, move |row, out| text(array.value(row), out))?;
            Some(Box::new(move |row, out| match value(row) {
                value if value.is_finite() => write(row, out),
                value => Err(Refusal::new(value, "JSON has no such number")),
            }))
        }
        _ => textual(kind, move |row, out| text(array.value(row), out)),
    }
}

fn to_float4(value: f64) -> Result<f32, Refusal> {
    let narrow = value as f32;
    if value.is_finite() && !narrow.is_finite() || value != 0.0 && narrow == 0.0 {
        return Err(Refusal::new(value, "it is out of the range of real"));
    }
    Ok(narrow)
}

/// `short` gives the digits as a number where they are not too many for one.
pub(super) fn decimal<'a, T>(
    array: &'a PrimitiveArray<T>,
    scale: i8,
    kind: Kind,
    short: impl Fn(T::Native) -> Option<i64> + 'a,
) -> Option<Cell<'a>>
where
    T: ArrowPrimitiveType,
    T::Native: Display,
{
    // Writing to a Vec cannot fail.
    let text = move |row: usize, out: &mut Vec<u8>| {
        push_decimal(out, scale, |out| drop(write!(out, "{}", array.value(row))));
    };
    let read = move |row: usize| {
        let mut written = Vec::new();
        text(row, &mut written);
        String::from_utf8_lossy(&written).into_owned()
    };
    let unreadable = |text: &str| Refusal::new(text, "it is no number");
    match kind {
        Kind::Float8 => Some(Box::new(move |row, out| {
            let text = read(row);
            put(out, &text.parse::<f64>().map_err(|_| unreadable(&text))?.to_be_bytes())
        })),
        Kind::Float4 => Some(Box::new(move |row, out| {
            let text = read(row);
            put(out, &to_float4(text.parse().map_err(|_| unreadable(&text))?)?.to_be_bytes())
        })),
        Kind::Int2 | Kind::Int4 | Kind::Int8 => whole(kind, move |row| {
            let text = read(row);
            let (digits, fraction) = text.split_once('.').unwrap_or((&text, ""));
            let whole = fraction.bytes().all(|digit| digit == b'0').then(|| digits.parse().ok()).flatten();
            whole.ok_or_else(|| Refusal::new(&text, format!("it is no {}", kind.name())))
        }),
        Kind::Numeric => {
            let mut written = textual(kind, text)?;
            Some(Box::new(move |row, out| match short(array.value(row)) {
                Some(value) if put_scaled(out, value, scale) => Ok(()),
                _ => written(row, out),
            }))
        }
        _ => textual(kind, text),
    }
}

/// The integer targets.
fn whole<'a>(kind: Kind, value: impl Fn(usize) -> Result<i128, Refusal> + 'a) -> Option<Cell<'a>> {
    fn fit<T: TryFrom<i128>>(value: i128, kind: Kind) -> Result<T, Refusal> {
        T::try_from(value)
            .map_err(|_| Refusal::new(value, format!("it is out of the range of {}", kind.name())))
    }
    Some(match kind {
        Kind::Int2 => Box::new(move |row, out| put(out, &fit::<i16>(value(row)?, kind)?.to_be_bytes())),
        Kind::Int4 => Box::new(move |row, out| put(out, &fit::<i32>(value(row)?, kind)?.to_be_bytes())),
        Kind::Int8 => Box::new(move |row, out| put(out, &fit::<i64>(value(row)?, kind)?.to_be_bytes())),
        _ => return None,
    })
}

/// The targets that are made from a number's text.
fn textual<'a>(kind: Kind, text: impl Fn(usize, &mut Vec<u8>) + 'a) -> Option<Cell<'a>> {
    Some(match kind {
        Kind::Text | Kind::Json => Box::new(move |row, out| put_with(out, |out| text(row, out))),
        Kind::Jsonb => Box::new(move |row, out| {
            put_with(out, |out| {
                out.push(1);
                text(row, out);
            })
        }),
        Kind::Numeric => {
            let mut written = Vec::new();
            Box::new(move |row, out| {
                written.clear();
                text(row, &mut written);
                put_numeric(out, &written)
            })
        }
        _ => return None,
    })
}
