//! Decimal text as the binary form of PostgreSQL's numeric: base 10,000, aligned at the point.

use super::{Refusal, put, put_with};

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;

/// Writes the field for `-12.50`, `1.5e+300`, `NaN`, `Infinity` or `-Infinity`. Scale and digits are kept.
pub(super) fn put_numeric(out: &mut Vec<u8>, text: &[u8]) -> Result<(), Refusal> {
    match text {
        b"NaN" => return put_special(out, NAN),
        b"Infinity" => return put_special(out, INFINITY),
        b"-Infinity" => return put_special(out, NEGATIVE_INFINITY),
        _ => {}
    }
    let (sign, text) = match text {
        [b'-', rest @ ..] => (NEGATIVE, rest),
        _ => (0, text),
    };
    let (mantissa, exponent) = split_exponent(text);
    let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
    let (whole, fraction) = (&mantissa[..point], mantissa.get(point + 1..).unwrap_or_default());
    let count = whole.len() + fraction.len();
    let digit =
        |at: usize| whole.get(at).or_else(|| fraction.get(at - whole.len())).map_or(0, |byte| byte - b'0');
    // The power of ten of the digit at `at`.
    let power = |at: usize| whole.len() as i64 + exponent - 1 - at as i64;
    let scale = (fraction.len() as i64 - exponent).max(0);

    let first = (0..count).find(|at| digit(*at) != 0);
    let last = (0..count).rev().find(|at| digit(*at) != 0);
    let (weight, lowest) = match (first, last) {
        (Some(first), Some(last)) => (power(first).div_euclid(4), power(last).div_euclid(4)),
        _ => (0, 1),
    };
    let too_large =
        || Refusal::new(String::from_utf8_lossy(text), "it has more digits than a numeric can hold");
    let groups = u16::try_from(weight - lowest + 1).map_err(|_| too_large())?;
    let (weight, scale) = match (i16::try_from(weight), u16::try_from(scale)) {
        (Ok(weight), Ok(scale)) if scale <= 0x3FFF => (weight, scale),
        _ => return Err(too_large()),
    };
    put_with(out, |out| {
        for part in [groups, weight.cast_unsigned(), if groups == 0 { 0 } else { sign }, scale] {
            out.extend_from_slice(&part.to_be_bytes());
        }
        for group in 0..i64::from(groups) {
            let top = (i64::from(weight) - group) * 4 + 3;
            let value = (0..4).fold(0_u16, |value, step| {
                let at = power(0) - (top - step);
                let found = usize::try_from(at).ok().filter(|at| *at < count);
                value * 10 + u16::from(found.map_or(0, digit))
            });
            out.extend_from_slice(&value.to_be_bytes());
        }
    })
}

fn split_exponent(text: &[u8]) -> (&[u8], i64) {
    match text.iter().position(|byte| *byte == b'e') {
        Some(at) => {
            let exponent = std::str::from_utf8(&text[at + 1..]).ok().and_then(|digits| digits.parse().ok());
            (&text[..at], exponent.unwrap_or(0))
        }
        None => (text, 0),
    }
}

fn put_special(out: &mut Vec<u8>, sign: u16) -> Result<(), Refusal> {
    let mut field = [0; 8];
    field[4..6].copy_from_slice(&sign.to_be_bytes());
    put(out, &field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<u16> {
        let mut out = Vec::new();
        put_numeric(&mut out, text.as_bytes()).expect("it fits");
        assert_eq!(out[..4], (out.len() as i32 - 4).to_be_bytes());
        out[4..].chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
    }

    #[test]
    fn digits_are_grouped_by_four_around_the_point() {
        assert_eq!(parts("0"), [0, 0, 0, 0]);
        assert_eq!(parts("-0.00"), [0, 0, 0, 2]);
        assert_eq!(parts("12.50"), [2, 0, 0, 2, 12, 5000]);
        assert_eq!(parts("-12345678.9"), [3, 1, NEGATIVE, 1, 1234, 5678, 9000]);
        assert_eq!(parts("10000"), [1, 1, 0, 0, 1]);
        assert_eq!(parts("0.00001"), [1, u16::MAX - 1, 0, 5, 1000]);
        assert_eq!(parts("1.5e+05"), [1, 1, 0, 0, 15]);
        assert_eq!(parts("1.25e-05"), [1, u16::MAX - 1, 0, 7, 1250]);
        assert_eq!(parts("NaN"), [0, 0, NAN, 0]);
    }
}
