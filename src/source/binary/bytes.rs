//! Strings and bytes.

use arrow_array::ArrayAccessor;

use super::text::push_hex;
use super::{Cell, Kind, Meaning, Refusal, put, put_with};

pub(super) fn string<'a>(array: impl ArrayAccessor<Item = &'a str> + 'a, kind: Kind) -> Option<Cell<'a>> {
    Some(match kind {
        Kind::Text | Kind::Json => Box::new(move |row, out| put(out, array.value(row).as_bytes())),
        Kind::Jsonb => Box::new(move |row, out| {
            put_with(out, |out| {
                out.push(1);
                out.extend_from_slice(array.value(row).as_bytes());
            })
        }),
        Kind::Uuid => Box::new(move |row, out| {
            let text = array.value(row);
            put(out, &parse_uuid(text).ok_or_else(|| Refusal::new(text, "it is no UUID"))?)
        }),
        _ => return None,
    })
}

pub(super) fn binary<'a>(
    array: impl ArrayAccessor<Item = &'a [u8]> + 'a,
    meaning: Meaning,
    kind: Kind,
) -> Option<Cell<'a>> {
    Some(match (kind, meaning) {
        (Kind::Bytea, _) => Box::new(move |row, out| put(out, array.value(row))),
        (Kind::Text, Meaning::Uuid) => {
            Box::new(move |row, out| put_with(out, |out| push_uuid(out, array.value(row))))
        }
        (Kind::Text, _) => Box::new(move |row, out| {
            put_with(out, |out| {
                out.extend_from_slice(br"\x");
                push_hex(out, array.value(row));
            })
        }),
        (Kind::Uuid, _) => Box::new(move |row, out| match array.value(row) {
            uuid if uuid.len() == 16 => put(out, uuid),
            other => Err(Refusal::new(format!("{} bytes", other.len()), "a UUID has 16 bytes")),
        }),
        _ => return None,
    })
}

fn push_uuid(out: &mut Vec<u8>, bytes: &[u8]) {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        push_hex(out, &[*byte]);
    }
}

/// 32 hex digits; hyphens anywhere between bytes and braces around are passed over.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let text = text.trim();
    let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    let mut uuid = [0; 16];
    let mut digits = text.chars().filter(|c| *c != '-');
    for byte in &mut uuid {
        let (high, low) = (digits.next()?.to_digit(16)?, digits.next()?.to_digit(16)?);
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    digits.next().is_none().then_some(uuid)
}
