//! Values in their canonical text: what PostgreSQL itself would print, appended to a buffer.

use std::io::Write;

/// `-17`
pub(super) fn push_integer(out: &mut Vec<u8>, value: i128) {
    if value < 0 {
        out.push(b'-');
    }
    match u64::try_from(value.unsigned_abs()) {
        Ok(small) => push_u64(out, small),
        // Writing to a Vec cannot fail.
        Err(_) => drop(write!(out, "{}", value.unsigned_abs())),
    }
}

fn push_u64(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// `value` with zeros before it up to `width` digits.
fn push_padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let start = out.len();
    push_u64(out, value);
    while out.len() < start + width {
        out.insert(start, b'0');
    }
}

fn push_two(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&[b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8]);
}

/// As float8 is printed: shortest that reads back the same, `2640`, `0.1`, `1e+15`, `NaN`. PostgreSQL gives
/// some numbers above 2^53 a digit more, because it does not take the ends of the interval that reads back.
pub(super) fn push_float8(out: &mut Vec<u8>, value: f64) {
    // Below 10^15 an integer's digits are its shortest form.
    if value.abs() < 1e15 && value.trunc() == value && !(value == 0.0 && value.is_sign_negative()) {
        return push_integer(out, value as i128);
    }
    if push_special(out, value) {
        return;
    }
    push_scientific(out, 15, |out| drop(write!(out, "{value:e}")));
}

/// As float4 is printed.
pub(super) fn push_float4(out: &mut Vec<u8>, value: f32) {
    if !push_special(out, f64::from(value)) {
        push_scientific(out, 6, |out| drop(write!(out, "{value:e}")));
    }
}

fn push_special(out: &mut Vec<u8>, value: f64) -> bool {
    let text: &[u8] = if value.is_nan() {
        b"NaN"
    } else if value == f64::INFINITY {
        b"Infinity"
    } else if value == f64::NEG_INFINITY {
        b"-Infinity"
    } else {
        return false;
    };
    out.extend_from_slice(text);
    true
}

/// Turns Rust's `-1.25e-7` into PostgreSQL's spelling: exponents from -4 up to below `limit` are written out.
fn push_scientific(out: &mut Vec<u8>, limit: i32, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write(out);
    let mut text = [0_u8; 40];
    let length = out.len() - start;
    text[..length].copy_from_slice(&out[start..]);
    out.truncate(start);
    let text = &text[..length];
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    if negative {
        out.push(b'-');
    }
    let e = text.iter().position(|byte| *byte == b'e').unwrap_or(text.len());
    let exponent: i32 =
        text.get(e + 1..).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok()).unwrap_or(0);
    let digits = text[..e].iter().copied().filter(|byte| *byte != b'.');
    let count = text[..e].iter().filter(|byte| **byte != b'.').count() as i32;
    if exponent < -4 || exponent >= limit {
        out.extend_from_slice(&text[..e]);
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        push_two_or_more(out, u64::from(exponent.unsigned_abs()));
    } else if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
        out.extend(digits);
    } else {
        for (at, digit) in digits.enumerate() {
            if at as i32 == exponent + 1 {
                out.push(b'.');
            }
            out.push(digit);
        }
        out.extend(std::iter::repeat_n(b'0', (exponent + 1 - count).max(0) as usize));
    }
}

fn push_two_or_more(out: &mut Vec<u8>, value: u64) {
    if value < 100 { push_two(out, value) } else { push_u64(out, value) }
}

/// A decimal whose signed digits `write` appends, e.g. `-1` with scale 3 as `-0.001`.
pub(super) fn push_decimal(out: &mut Vec<u8>, scale: i8, write: impl FnOnce(&mut Vec<u8>)) {
    let mut start = out.len();
    write(out);
    if out.get(start) == Some(&b'-') {
        start += 1;
    }
    match usize::try_from(scale) {
        Ok(0) => {}
        Ok(scale) => {
            while out.len() - start <= scale {
                out.insert(start, b'0');
            }
            out.insert(out.len() - scale, b'.');
        }
        Err(_) if &out[start..] == b"0" => {}
        Err(_) => out.extend(std::iter::repeat_n(b'0', usize::from(scale.unsigned_abs()))),
    }
}

/// `2018-04-20`; years before 1 as ` BC`, which the caller writes after a time of day.
pub(super) fn push_date(out: &mut Vec<u8>, days: i64) -> Era {
    let (year, month, day) = civil(days);
    let (year, era) = if year > 0 { (year, Era::Common) } else { (1 - year, Era::Before) };
    push_padded(out, year.unsigned_abs(), 4);
    out.push(b'-');
    push_two(out, month);
    out.push(b'-');
    push_two(out, day);
    era
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    Common,
    Before,
}

impl Era {
    pub(super) fn push(self, out: &mut Vec<u8>) {
        if self == Self::Before {
            out.extend_from_slice(b" BC");
        }
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar. The year is
/// reckoned from March, so that the leap day is the last of its year.
fn civil(days: i64) -> (i64, u64, u64) {
    const ERA: i64 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month.unsigned_abs(), day_of_month.unsigned_abs())
}

/// `18:59:21.102761`: the fraction without zeros at its end.
pub(super) fn push_time(out: &mut Vec<u8>, second_of_day: u64, nanoseconds: u64) {
    push_two(out, second_of_day / 3600);
    out.push(b':');
    push_two(out, second_of_day / 60 % 60);
    out.push(b':');
    push_two(out, second_of_day % 60);
    if nanoseconds > 0 {
        out.push(b'.');
        push_padded(out, nanoseconds, 9);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// Lower-case hex digits.
pub(super) fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = b"|".to_vec();
        write(&mut out);
        String::from_utf8(out).expect("text")[1..].to_owned()
    }

    #[test]
    fn doubles_are_printed_as_postgresql_prints_them() {
        for (value, text) in [
            (2640.0, "2640"),
            (2640.5, "2640.5"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (-0.0001, "-0.0001"),
            (0.000_012_5, "1.25e-05"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e15, "1e+15"),
            (1_234_567_890_123_456.0, "1.234567890123456e+15"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
            (100_000.25, "100000.25"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(written(|out| push_float8(out, value)), text);
        }
        for (value, text) in [
            (999_999.0, "999999"),
            (1e6, "1e+06"),
            (123_456.7, "123456.7"),
            (0.1, "0.1"),
            (16_777_216.0, "1.6777216e+07"),
            (-0.0, "-0"),
            (100.0, "100"),
        ] {
            assert_eq!(written(|out| push_float4(out, value)), text);
        }
    }

    #[test]
    fn decimals_keep_their_scale() {
        let decimal = |digits: &str, scale| {
            written(|out| push_decimal(out, scale, |out| out.extend_from_slice(digits.as_bytes())))
        };
        assert_eq!(decimal("1250", 2), "12.50");
        assert_eq!(decimal("-1", 3), "-0.001");
        assert_eq!(decimal("0", 2), "0.00");
        assert_eq!(decimal("7", -2), "700");
        assert_eq!(decimal("0", -2), "0");
    }

    #[test]
    fn dates_are_right_at_the_edges_of_years_and_eras() {
        let date = |days| {
            written(|out| {
                let era = push_date(out, days);
                era.push(out);
            })
        };
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(17_641), "2018-04-20");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(-25_509), "1900-02-28");
        assert_eq!(date(-25_508), "1900-03-01");
        assert_eq!(date(-719_162), "0001-01-01");
        assert_eq!(date(-719_163), "0001-12-31 BC");
        assert_eq!(date(2_932_897), "10000-01-01");
    }

    #[test]
    fn large_integers_and_fractions() {
        assert_eq!(written(|out| push_integer(out, i128::MIN)), i128::MIN.to_string());
        assert_eq!(written(|out| push_time(out, 68_361, 102_761_000)), "18:59:21.102761");
        assert_eq!(written(|out| push_time(out, 86_399, 1)), "23:59:59.000000001");
    }
}
