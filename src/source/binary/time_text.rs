//! Dates and times written as text: `2018-04-20`, `18:59[:21[.102761]]`, one after the other with a blank or a
//! `T` between, and `Z`, ` UTC` or an offset behind. PostgreSQL reads these alike in every DateStyle.

use super::spelled::Left;

/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i64 = 10_957;
const DAY_MICROSECONDS: i64 = 86_400_000_000;

/// Days since 2000-01-01.
pub(super) fn date(text: &[u8]) -> Result<i32, Left> {
    let &[a, b, c, d, b'-', e, f, b'-', g, h] = text else { return Err(Left) };
    let year = i64::from(two(a, b)?) * 100 + i64::from(two(c, d)?);
    let (month, day) = (i64::from(two(e, f)?), i64::from(two(g, h)?));
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_in(year, month) {
        return Err(Left);
    }
    // Years are reckoned from March, so that the leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    i32::try_from(days - 719_468 - EPOCH_DAYS).map_err(|_| Left)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn two(tens: u8, ones: u8) -> Result<u8, Left> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    if tens > 9 || ones > 9 { Err(Left) } else { Ok(tens * 10 + ones) }
}

/// Microseconds since midnight.
pub(super) fn time(text: &[u8]) -> Result<i64, Left> {
    let (time, rest) = leading_time(text)?;
    if rest.is_empty() { Ok(time) } else { Err(Left) }
}

fn leading_time(text: &[u8]) -> Result<(i64, &[u8]), Left> {
    let &[a, b, b':', c, d, ref rest @ ..] = text else { return Err(Left) };
    let (hour, minute) = (two(a, b)?, two(c, d)?);
    // Without seconds a fraction would make the minutes seconds.
    let (second, fraction, rest) = match *rest {
        [b':', e, f, b'.', ref rest @ ..] => {
            let (fraction, rest) = leading_fraction(rest)?;
            (two(e, f)?, fraction, rest)
        }
        [b':', e, f, ref rest @ ..] => (two(e, f)?, 0, rest),
        _ => (0, 0, rest),
    };
    if hour > 23 || minute > 59 || second > 59 {
        return Err(Left);
    }
    let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
    Ok((seconds * 1_000_000 + fraction, rest))
}

/// Up to six digits, as microseconds; more would have to be rounded.
fn leading_fraction(text: &[u8]) -> Result<(i64, &[u8]), Left> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=6).contains(&count) {
        return Err(Left);
    }
    let digits = text[..count].iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Ok((digits * 10_i64.pow(6 - count as u32), &text[count..]))
}

/// Microseconds since 2000-01-01.
pub(super) fn timestamp(text: &[u8]) -> Result<i64, Left> {
    let (moment, rest) = leading_timestamp(text)?;
    if rest.is_empty() { Ok(moment) } else { Err(Left) }
}

/// The same in UTC. `utc`: what has no zone is in UTC.
pub(super) fn timestamp_tz(text: &[u8], utc: bool) -> Result<i64, Left> {
    let (moment, rest) = leading_timestamp(text)?;
    let offset = match *rest {
        [] if utc => 0,
        [b'Z'] | [b' ', b'U', b'T', b'C'] => 0,
        [sign, a, b] => offset(sign, two(a, b)?, 0)?,
        [sign, a, b, c, d] | [sign, a, b, b':', c, d] => offset(sign, two(a, b)?, two(c, d)?)?,
        _ => return Err(Left),
    };
    Ok(moment - offset)
}

fn offset(sign: u8, hours: u8, minutes: u8) -> Result<i64, Left> {
    if hours > 14 || minutes > 59 {
        return Err(Left);
    }
    let offset = (i64::from(hours) * 60 + i64::from(minutes)) * 60_000_000;
    match sign {
        b'+' => Ok(offset),
        b'-' => Ok(-offset),
        _ => Err(Left),
    }
}

fn leading_timestamp(text: &[u8]) -> Result<(i64, &[u8]), Left> {
    let (day, rest) = text.split_at_checked(10).ok_or(Left)?;
    let midnight = i64::from(date(day)?) * DAY_MICROSECONDS;
    match rest {
        [b' ' | b'T', rest @ ..] => {
            let (time, rest) = leading_time(rest)?;
            Ok((midnight + time, rest))
        }
        [] => Ok((midnight, rest)),
        _ => Err(Left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_that_are_and_that_are_not() {
        assert_eq!(date(b"2000-01-01"), Ok(0));
        assert_eq!(date(b"1970-01-01"), Ok(-10_957));
        assert_eq!(date(b"2000-02-29"), Ok(59));
        assert_eq!(date(b"0001-01-01"), Ok(-730_119));
        assert_eq!(date(b"9999-12-31"), Ok(2_921_939));
        for text in
            ["1900-02-29", "2020-04-31", "0000-01-01", "2020-13-01", "2020-1-01", "20200101", "2020-01-00"]
        {
            assert_eq!(date(text.as_bytes()), Err(Left), "{text}");
        }
    }

    #[test]
    fn moments_and_their_zones() {
        assert_eq!(timestamp(b"2000-01-02 00:00:01.5"), Ok(86_401_500_000));
        assert_eq!(timestamp(b"2000-01-01T00:01"), Ok(60_000_000));
        assert_eq!(timestamp(b"2000-01-01"), Ok(0));
        assert_eq!(timestamp_tz(b"2000-01-01 02:00:00+02:00", false), Ok(0));
        assert_eq!(timestamp_tz(b"1999-12-31T19:00:00.000000-0500", false), Ok(0));
        assert_eq!(timestamp_tz(b"2000-01-01 00:00:00 UTC", false), Ok(0));
        assert_eq!(timestamp_tz(b"2000-01-01 00:00:00", true), Ok(0));
        assert_eq!(timestamp_tz(b"2000-01-01 00:00:00", false), Err(Left));
        for text in [
            "2000-01-01 24:00:00",
            "2000-01-01 23:59:60",
            "2000-01-01 1:00",
            "2000-01-01 00:01.5",
            "2000-01-01 00:00:00.1234567",
            "2000-01-01 00:00:00Z",
            "2000-01-01 ",
        ] {
            assert_eq!(timestamp(text.as_bytes()), Err(Left), "{text}");
        }
    }
}
