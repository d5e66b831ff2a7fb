//! Numbers written as text.

use super::numeric::put_numeric;
use super::spelled::Left;

/// `-17`, `+17`
pub(super) fn integer(text: &[u8]) -> Result<i64, Left> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || digits.len() > 19 {
        return Err(Left);
    }
    let mut value: i64 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(Left);
        }
        // Downwards, since there is one negative number more.
        value = value.checked_mul(10).and_then(|value| value.checked_sub(i64::from(digit))).ok_or(Left)?;
    }
    if negative { Ok(value) } else { value.checked_neg().ok_or(Left) }
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// `12`, `-0.5`, `1e-7`, `NaN`. Both PostgreSQL's C library and Rust take the nearest value.
pub(super) fn float<T: Float>(text: &[u8]) -> Result<T, Left> {
    if text == b"NaN" {
        return Ok(T::NAN);
    }
    let (_, digits) = sign(text);
    let plain = digits.first().is_some_and(u8::is_ascii_digit)
        && digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if !plain {
        return Err(Left);
    }
    let value: T = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Left)?;
    // Near both ends of its range PostgreSQL has its own mind.
    let mantissa = digits.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
    let is_zero = mantissa.iter().all(|byte| matches!(byte, b'0' | b'.'));
    if value.is_normal() || is_zero { Ok(value) } else { Err(Left) }
}

pub(super) trait Float: std::str::FromStr + Copy {
    const NAN: Self;
    fn is_normal(self) -> bool;
}

impl Float for f32 {
    const NAN: Self = f32::NAN;
    fn is_normal(self) -> bool {
        f32::is_normal(self)
    }
}

impl Float for f64 {
    const NAN: Self = f64::NAN;
    fn is_normal(self) -> bool {
        f64::is_normal(self)
    }
}

/// `-12.50`, `NaN`. Never what its column's `modifier` is sure to refuse; if `certain`, only what surely fits it.
pub(super) fn decimal(text: &[u8], out: &mut Vec<u8>, (modifier, certain): (i32, bool)) -> Result<(), Left> {
    if text == b"NaN" {
        return put_numeric(out, text).map_err(|_| Left);
    }
    let (negative, digits) = sign(text);
    let point = digits.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(point) => (&digits[..point], &digits[point + 1..]),
        None => (digits, &[][..]),
    };
    let count = whole.len() + fraction.len();
    if count == 0 || count > 1_000 || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return Err(Left);
    }
    if modifier >= 4 && !fits(whole, modifier, certain) {
        return Err(Left);
    }
    if count <= 16 && fraction.len() <= 8 {
        write_short(negative, whole, fraction, out);
        return Ok(());
    }
    let text = text.strip_prefix(b"+").unwrap_or(text);
    put_numeric(out, text).map_err(|_| Left)
}

/// A modifier is precision and scale; to be certain, one digit is kept free for rounding.
fn fits(whole: &[u8], modifier: i32, certain: bool) -> bool {
    let (precision, scale) = ((modifier - 4) >> 16, (modifier - 4) & 0xffff);
    // From PostgreSQL 15 on a scale may be negative or above the precision: nobody can be certain of such.
    if scale > 1_000 {
        return !certain;
    }
    let zeros = whole.iter().take_while(|byte| **byte == b'0').count();
    let room = precision - scale - i32::from(certain);
    i32::try_from(whole.len() - zeros).is_ok_and(|digits| digits <= room || !certain && digits == 0)
}

/// At most 16 digits before the point and 8 after it: in groups of four, without a loop over digits.
fn write_short(negative: bool, whole: &[u8], fraction: &[u8], out: &mut Vec<u8>) {
    let number = |digits: &[u8]| digits.iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    let (mut left, mut right) = (number(whole), number(fraction));
    for _ in fraction.len()..8 {
        right *= 10;
    }
    let mut groups = [0_u16; 6];
    for group in (0..4).rev() {
        groups[group] = (left % 10_000) as u16;
        left /= 10_000;
    }
    groups[4] = (right / 10_000) as u16;
    groups[5] = (right % 10_000) as u16;
    let first = groups.iter().position(|group| *group != 0);
    let last = groups.iter().rposition(|group| *group != 0);
    let (digits, weight) = match (first, last) {
        (Some(first), Some(last)) => (&groups[first..=last], 3 - first as i16),
        _ => (&groups[..0], 0),
    };
    let sign: u16 = if negative && !digits.is_empty() { 0x4000 } else { 0 };
    let length = 8 + 2 * digits.len() as i32;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&(digits.len() as u16).to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&(fraction.len() as u16).to_be_bytes());
    for group in digits {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_at_their_ends() {
        assert_eq!(integer(b"-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(integer(b"9223372036854775808"), Err(Left));
        assert_eq!(integer(b"+007"), Ok(7));
        for text in ["", "-", "1 ", "0x1", "1_000", "1.0", "--1"] {
            assert_eq!(integer(text.as_bytes()), Err(Left), "{text}");
        }
    }

    #[test]
    fn floats_that_every_reader_takes_alike() {
        assert_eq!(float::<f64>(b"-0.1e3"), Ok(-100.0));
        assert_eq!(float::<f32>(b"16777217"), Ok(16_777_216.0));
        assert!(float::<f64>(b"-0").is_ok_and(|zero| zero.is_sign_negative()));
        for text in ["1e999", "1e-310", "inf", "0x1p3", "1e", ".", "", " 1"] {
            assert!(float::<f64>(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn short_decimals_are_written_as_long_ones() {
        for text in [
            "0",
            "-0.00",
            "12.50",
            "-12345678.9",
            "10000",
            "0.00001",
            "9999999999999999",
            "1.",
            ".5",
            "00012.3400",
        ] {
            let (mut short, mut long) = (Vec::new(), Vec::new());
            decimal(text.as_bytes(), &mut short, (-1, false)).unwrap();
            put_numeric(&mut long, text.as_bytes()).unwrap();
            assert_eq!(short, long, "{text}");
        }
        for text in ["", ".", "-", "1e3", "1,5", " 1", "1.2.3", "infinity"] {
            assert_eq!(decimal(text.as_bytes(), &mut Vec::new(), (-1, false)), Err(Left), "{text}");
        }
        let of_5_2 = |text: &[u8], certain| decimal(text, &mut Vec::new(), ((5 << 16 | 2) + 4, certain));
        assert_eq!(of_5_2(b"0099.999", true), Ok(()));
        assert_eq!((of_5_2(b"100", true), of_5_2(b"100", false)), (Err(Left), Ok(())));
        assert_eq!(of_5_2(b"1000", false), Err(Left));
        assert_eq!(decimal(b"0.001", &mut Vec::new(), ((2 << 16 | 3) + 4, false)), Ok(()));
    }
}
