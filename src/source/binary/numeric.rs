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

/// The same for `value` hundredths, thousandths or the like: `scale` digits are behind the point. False where that is
/// too much for this way, which is the short one.
pub(super) fn put_scaled(out: &mut Vec<u8>, value: i64, scale: i8) -> bool {
    const LONGEST: usize = 16;
    let Some(digits) = usize::try_from(scale).ok().filter(|digits| *digits <= LONGEST) else { return false };
    let unit = 10_u64.pow(digits as u32);
    let (mut whole, mut fraction) = (value.unsigned_abs() / unit, value.unsigned_abs() % unit);
    // As many groups of four as the digits fill.
    let behind = digits.div_ceil(4);
    fraction *= 10_u64.pow((behind * 4 - digits) as u32);
    // Nineteen digits before the point at most are five groups.
    let mut groups = [0_u16; 5 + LONGEST / 4];
    let mut from = 5;
    for group in groups[5..5 + behind].iter_mut().rev() {
        *group = (fraction % 10_000) as u16;
        fraction /= 10_000;
    }
    while whole > 0 {
        from -= 1;
        groups[from] = (whole % 10_000) as u16;
        whole /= 10_000;
    }
    let mut to = 5 + behind;
    while from < to && groups[from] == 0 {
        from += 1;
    }
    while from < to && groups[to - 1] == 0 {
        to -= 1;
    }
    let count = to - from;
    let (weight, sign) = match count {
        0 => (0, 0),
        _ => (4 - from as i16, if value < 0 { NEGATIVE } else { 0 }),
    };
    let mut field = [0; 4 + 8 + 2 * (5 + LONGEST / 4)];
    field[..4].copy_from_slice(&(8 + 2 * count as i32).to_be_bytes());
    let head = [count as u16, weight.cast_unsigned(), sign, scale.cast_unsigned().into()];
    for (part, place) in head.iter().chain(&groups[from..to]).zip(field[4..].chunks_exact_mut(2)) {
        place.copy_from_slice(&part.to_be_bytes());
    }
    out.extend_from_slice(&field[..12 + 2 * count]);
    true
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
    fn the_short_way_writes_what_the_long_one_does() {
        let mut values = vec![0, 1, 9, 10, 9_999, 10_000, 10_001, 12_345_678, i64::MAX, i64::MAX / 3];
        values.extend(
            (0..19).flat_map(|power| [10_i64.pow(power), 10_i64.pow(power) - 1, 7 * 10_i64.pow(power) / 8]),
        );
        values.extend(values.clone().iter().map(|value| -value));
        values.push(i64::MIN);
        for value in values {
            for scale in 0..=16_i8 {
                let (mut short, mut long, mut text) = (Vec::new(), Vec::new(), Vec::new());
                assert!(put_scaled(&mut short, value, scale));
                super::super::text::push_decimal(&mut text, scale, |out| {
                    out.extend(value.to_string().bytes())
                });
                put_numeric(&mut long, &text).expect("it fits");
                assert_eq!(short, long, "{value} {scale}");
            }
        }
        assert!(!put_scaled(&mut Vec::new(), 1, 17) && !put_scaled(&mut Vec::new(), 1, -1));
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
