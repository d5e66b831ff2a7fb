//! Lists, records and maps as JSON. Numbers keep their digits; what JSON has no word for is its text.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use super::{Cell, Kind, Meaning, Refusal, put, put_with};

pub(super) fn nested(array: &ArrayRef, kind: Kind) -> Option<Cell<'_>> {
    let mut json = json(array)?;
    let mut text = Vec::new();
    Some(match kind {
        Kind::Text | Kind::Json => Box::new(move |row, out| {
            text.clear();
            json(row, &mut text)?;
            put(out, &text)
        }),
        Kind::Jsonb => Box::new(move |row, out| {
            text.clear();
            json(row, &mut text)?;
            put_with(out, |out| {
                out.push(1);
                out.extend_from_slice(&text);
            })
        }),
        _ => return None,
    })
}

/// Writes the value of a row as JSON, `null` too.
fn json(array: &ArrayRef) -> Option<Cell<'_>> {
    let nulls = array.nulls();
    let mut value = value(array)?;
    Some(Box::new(move |row, out| {
        if nulls.is_some_and(|nulls| nulls.is_null(row)) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        value(row, out)
    }))
}

fn value(array: &ArrayRef) -> Option<Cell<'_>> {
    match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            items(list.values(), move |row| {
                (offset(list.value_offsets()[row]), offset(list.value_offsets()[row + 1]))
            })
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            items(list.values(), move |row| {
                (offset(list.value_offsets()[row]), offset(list.value_offsets()[row + 1]))
            })
        }
        DataType::FixedSizeList(_, _) => {
            let list = array.as_fixed_size_list();
            items(list.values(), move |row| {
                let width = offset(list.value_length());
                (row * width, (row + 1) * width)
            })
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let mut members = Vec::new();
            for (field, column) in fields.iter().zip(columns) {
                members.push((serde_json::to_string(field.name()).ok()?, json(column)?));
            }
            Some(Box::new(move |row, out| {
                out.push(b'{');
                for (at, (name, write)) in members.iter_mut().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(name.as_bytes());
                    out.push(b':');
                    write(row, out)?;
                }
                out.push(b'}');
                Ok(())
            }))
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            let (mut key, mut value) = (quoted(map.keys())?, json(map.values())?);
            Some(Box::new(move |row, out| {
                out.push(b'{');
                let (from, to) = (offset(map.value_offsets()[row]), offset(map.value_offsets()[row + 1]));
                for at in from..to {
                    if at > from {
                        out.push(b',');
                    }
                    key(at, out)?;
                    out.push(b':');
                    value(at, out)?;
                }
                out.push(b'}');
                Ok(())
            }))
        }
        // Numbers and booleans are JSON as they are; text, dates and bytes become texts.
        kind if kind.is_numeric() || *kind == DataType::Boolean => {
            let mut write = super::cell(array, Meaning::Plain, Kind::Json)?;
            let mut as_text = quoted(array)?;
            Some(Box::new(move |row, out| {
                let start = out.len();
                if unframed(&mut write, row, out).is_ok() {
                    return Ok(());
                }
                // JSON has no NaN and no infinity.
                out.truncate(start);
                as_text(row, out)
            }))
        }
        DataType::Null => Some(Box::new(|_, out| {
            out.extend_from_slice(b"null");
            Ok(())
        })),
        _ => quoted(array),
    }
}

/// PostgreSQL's text of the value, as a JSON text.
fn quoted(array: &ArrayRef) -> Option<Cell<'_>> {
    let mut write = super::cell(array, Meaning::Plain, Kind::Text)?;
    let mut text = Vec::new();
    Some(Box::new(move |row, out| {
        text.clear();
        unframed(&mut write, row, &mut text)?;
        let plain = String::from_utf8_lossy(&text);
        let quoted =
            serde_json::to_string(&plain).map_err(|error| Refusal::new(&plain, error.to_string()))?;
        out.extend_from_slice(quoted.as_bytes());
        Ok(())
    }))
}

/// What a cell writes, without the length before it.
fn unframed(write: &mut Cell<'_>, row: usize, out: &mut Vec<u8>) -> Result<(), Refusal> {
    let start = out.len();
    write(row, out)?;
    out.drain(start..start + 4);
    Ok(())
}

fn items<'a>(values: &'a ArrayRef, range: impl Fn(usize) -> (usize, usize) + 'a) -> Option<Cell<'a>> {
    let mut item = json(values)?;
    Some(Box::new(move |row, out| {
        out.push(b'[');
        let (from, to) = range(row);
        for at in from..to {
            if at > from {
                out.push(b',');
            }
            item(at, out)?;
        }
        out.push(b']');
        Ok(())
    }))
}

/// Offsets of an array that was read are not negative.
fn offset(value: impl TryInto<usize>) -> usize {
    value.try_into().unwrap_or(0)
}
