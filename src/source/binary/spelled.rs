//! Values written as text, as fields of COPY BINARY. Only spellings that PostgreSQL reads in one way,
//! whatever its settings, are taken; any other is left for PostgreSQL itself to read or to refuse.

use super::number_text::{decimal, float, integer};
use super::time_text::{date, time, timestamp, timestamp_tz};
use super::{Kind, put};

/// The table's column that a value goes into.
#[derive(Debug, Clone, Copy)]
pub(in crate::source) struct Spelling {
    pub kind: Kind,
    /// `pg_attribute.atttypmod`; -1 for none.
    pub modifier: i32,
    /// `name`, which takes at most 63 bytes and cuts the rest off.
    pub is_name: bool,
    /// PostgreSQL's word must be had before the COPY: a value that it would refuse there is left, too.
    pub certain: bool,
    /// The session's time zone is UTC.
    pub utc: bool,
}

/// PostgreSQL has to read the value itself.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::source) struct Left;

impl Spelling {
    /// Appends the field, with its length. What is left may have been written in part.
    #[inline]
    pub fn write(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Left> {
        match self.kind {
            Kind::Text => {
                if self.is_name && text.len() > 63 || !self.fits(text) {
                    return Err(Left);
                }
                field(out, text)
            }
            Kind::Int2 => fixed(out, i16::try_from(integer(text)?).map_err(|_| Left)?.to_be_bytes()),
            Kind::Int4 => fixed(out, i32::try_from(integer(text)?).map_err(|_| Left)?.to_be_bytes()),
            Kind::Int8 => fixed(out, integer(text)?.to_be_bytes()),
            Kind::Float4 => fixed(out, float::<f32>(text)?.to_be_bytes()),
            Kind::Float8 => fixed(out, float::<f64>(text)?.to_be_bytes()),
            Kind::Numeric => decimal(text, out, (self.modifier, self.certain)),
            Kind::Bool => fixed(out, [u8::from(boolean(text)?)]),
            Kind::Date => fixed(out, date(text)?.to_be_bytes()),
            Kind::Time => fixed(out, time(text)?.to_be_bytes()),
            Kind::Timestamp => fixed(out, timestamp(text)?.to_be_bytes()),
            Kind::TimestampTz => fixed(out, timestamp_tz(text, self.utc)?.to_be_bytes()),
            Kind::Uuid => fixed(out, uuid(text)?),
            Kind::Interval => Err(Left),
            Kind::Bytea => bytea(text, out),
            Kind::Json | Kind::Jsonb if self.certain => Err(Left),
            Kind::Json => field(out, text),
            Kind::Jsonb => {
                out.extend_from_slice(&(i32::try_from(text.len() + 1).map_err(|_| Left)?).to_be_bytes());
                out.push(1);
                out.extend_from_slice(text);
                Ok(())
            }
        }
    }

    /// Of varchar(n) and char(n), whose modifier is n + 4: PostgreSQL names what is too long only if it comes as text.
    fn fits(&self, text: &[u8]) -> bool {
        match usize::try_from(self.modifier) {
            Ok(modifier) if text.len() + 4 <= modifier => true,
            Ok(modifier) => text.iter().filter(|byte| (**byte as i8) >= -0x40).count() + 4 <= modifier,
            Err(_) => true,
        }
    }
}

fn field(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Left> {
    put(out, bytes).map_err(|_| Left)
}

fn fixed<const N: usize>(out: &mut Vec<u8>, bytes: [u8; N]) -> Result<(), Left> {
    out.extend_from_slice(&(N as i32).to_be_bytes());
    out.extend_from_slice(&bytes);
    Ok(())
}

fn boolean(text: &[u8]) -> Result<bool, Left> {
    let is = |words: [&str; 6]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    if is(["t", "true", "1", "yes", "y", "on"]) {
        Ok(true)
    } else if is(["f", "false", "0", "no", "n", "off"]) {
        Ok(false)
    } else {
        Err(Left)
    }
}

fn hex(byte: u8) -> Result<u8, Left> {
    char::from(byte).to_digit(16).map(|digit| digit as u8).ok_or(Left)
}

fn uuid(text: &[u8]) -> Result<[u8; 16], Left> {
    let mut uuid = [0; 16];
    let mut rest = text;
    for (index, byte) in uuid.iter_mut().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            rest = rest.strip_prefix(b"-").ok_or(Left)?;
        }
        let [high, low, after @ ..] = rest else { return Err(Left) };
        *byte = hex(*high)? << 4 | hex(*low)?;
        rest = after;
    }
    if rest.is_empty() { Ok(uuid) } else { Err(Left) }
}

fn bytea(text: &[u8], out: &mut Vec<u8>) -> Result<(), Left> {
    let digits = text.strip_prefix(br"\x").filter(|digits| digits.len() % 2 == 0).ok_or(Left)?;
    out.extend_from_slice(&(i32::try_from(digits.len() / 2).map_err(|_| Left)?).to_be_bytes());
    for pair in digits.chunks_exact(2) {
        out.push(hex(pair[0])? << 4 | hex(pair[1])?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(kind: Kind, text: &str) -> Result<Vec<u8>, Left> {
        let mut out = Vec::new();
        let spelling = Spelling { kind, modifier: -1, is_name: false, certain: false, utc: false };
        spelling.write(text.as_bytes(), &mut out)?;
        assert_eq!(out[..4], (out.len() as i32 - 4).to_be_bytes(), "{text}");
        Ok(out.split_off(4))
    }

    #[test]
    fn plain_spellings_are_taken_and_others_left() {
        assert_eq!(spelled(Kind::Bool, "TRUE"), Ok(vec![1]));
        assert_eq!(spelled(Kind::Bool, "tru"), Err(Left));
        assert_eq!(spelled(Kind::Int2, "-32768"), Ok(vec![0x80, 0]));
        assert_eq!(spelled(Kind::Int2, "32768"), Err(Left));
        assert_eq!(spelled(Kind::Bytea, r"\x00fF"), Ok(vec![0, 255]));
        assert_eq!(spelled(Kind::Bytea, r"\x0"), Err(Left));
        assert_eq!(
            spelled(Kind::Uuid, "A0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11").unwrap()[..3],
            [0xa0, 0xee, 0xbc]
        );
        assert_eq!(spelled(Kind::Uuid, "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"), Err(Left));
        assert_eq!(spelled(Kind::Jsonb, "[]"), Ok(b"\x01[]".to_vec()));
    }

    #[test]
    fn what_must_be_certain_counts_characters() {
        let two = Spelling { kind: Kind::Text, modifier: 6, is_name: false, certain: true, utc: false };
        assert_eq!(two.write("äö".as_bytes(), &mut Vec::new()), Ok(()));
        assert_eq!(two.write(b"abc", &mut Vec::new()), Err(Left));
    }
}
