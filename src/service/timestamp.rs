//! Reads the timestamp spellings that clients send. Pure: no clock, and no zone but the one in the text.
//! What carries no zone is UTC; what carries one is converted to UTC before its date is taken.

use jiff::civil::Date;

/// What [`read`] accepts, as the regular expression that the API's schema shows. The days of each month
/// are checked beyond it.
pub const PATTERN: &str = r"^[ \t\r\n]*([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([ Tt]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?( ?([Zz]|UTC|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?))?)?)?[ \t\r\n]*$";

/// The same for people.
pub const ACCEPTS: &str = "a date or timestamp such as 2018-04-20, 2018-07-21 18:59:21.102761 or \
                           2018-07-21T18:59:21+00:00, or null";

const SECONDS_PER_DAY: i64 = 86_400;

/// A point in time, or a day without a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Since 1970-01-01 00:00:00 UTC.
    seconds: i64,
    nanoseconds: u32,
    has_time: bool,
}

impl Moment {
    /// The UTC date as days since 1970-01-01.
    pub fn day(self) -> i64 {
        self.seconds.div_euclid(SECONDS_PER_DAY)
    }

    /// Surely earlier: by the day, and within a day only where both have a time of day.
    pub fn is_before(self, other: Self) -> bool {
        let time = |moment: Self| (moment.seconds, moment.nanoseconds);
        self.day() < other.day() || (self.has_time && other.has_time && time(self) < time(other))
    }
}

/// Days since 1970-01-01. Counted in years that begin with March, so that the leap day is their last.
pub fn day_of(date: Date) -> i64 {
    let (month, day) = (i64::from(date.month()), i64::from(date.day()));
    let year = i64::from(date.year()) - i64::from(month < 3);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

/// `Ok(None)` for a blank text, which means that there is no such order. The error says what is wrong.
pub fn read(text: &str) -> Result<Option<Moment>, &'static str> {
    let mut text = text.as_bytes();
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] | [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = text {
        text = rest;
    }
    if text.is_empty() {
        return Ok(None);
    }
    let mut rest = Cursor(text);
    let moment = moment(&mut rest).ok_or("is not a timestamp")?;
    if rest.0.is_empty() { moment.map(Some) } else { Err("is not a timestamp") }
}

/// The outer `None`: not of the form. The inner error: of the form, but no such date.
fn moment(text: &mut Cursor<'_>) -> Option<Result<Moment, &'static str>> {
    let year = text.digits::<4>()?;
    text.one(|byte| byte == b'-')?;
    let month = text.digits::<2>()?;
    text.one(|byte| byte == b'-')?;
    let day = text.digits::<2>()?;
    let mut second_of_day = 0;
    let mut nanoseconds = 0;
    let mut offset = 0;
    let has_time = text.one(|byte| matches!(byte, b' ' | b'T' | b't')).is_some();
    if has_time {
        let hour = text.digits::<2>().filter(|hour| *hour < 24)?;
        text.one(|byte| byte == b':')?;
        second_of_day = i64::from(hour * 3600 + text.digits::<2>().filter(|minute| *minute < 60)? * 60);
        if text.one(|byte| byte == b':').is_some() {
            second_of_day += i64::from(text.digits::<2>().filter(|second| *second < 60)?);
            if text.one(|byte| byte == b'.').is_some() {
                nanoseconds = text.fraction()?;
            }
        }
        offset = zone(text)?;
    }
    // Four, two and two digits fit their types. PostgreSQL has no year 0, so it names no order either.
    let date = Date::new(year as i16, month as i8, day as i8).ok().filter(|_| year > 0);
    Some(date.ok_or("is no day of the calendar").map(|date| Moment {
        seconds: day_of(date) * SECONDS_PER_DAY + second_of_day - offset,
        nanoseconds,
        has_time,
    }))
}

/// The offset from UTC in seconds; 0 where the text names no zone.
fn zone(text: &mut Cursor<'_>) -> Option<i64> {
    if text.0.is_empty() {
        return Some(0);
    }
    text.one(|byte| byte == b' ');
    if text.one(|byte| matches!(byte, b'Z' | b'z')).is_some() || text.word(b"UTC").is_some() {
        return Some(0);
    }
    let sign = if text.one(|byte| matches!(byte, b'+' | b'-'))? == b'-' { -1 } else { 1 };
    let hours = text.digits::<2>().filter(|hours| *hours < 16)?;
    let minutes = if text.one(|byte| byte == b':').is_some() || !text.0.is_empty() {
        text.digits::<2>().filter(|minutes| *minutes < 60)?
    } else {
        0
    };
    Some(sign * i64::from(hours * 3600 + minutes * 60))
}

struct Cursor<'t>(&'t [u8]);

impl Cursor<'_> {
    /// Takes one byte if `is` says that it is meant.
    fn one(&mut self, is: impl Fn(u8) -> bool) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        is(*first).then(|| {
            self.0 = rest;
            *first
        })
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(word)?;
        Some(())
    }

    /// Takes exactly so many digits as a number.
    fn digits<const COUNT: usize>(&mut self) -> Option<u32> {
        let (digits, rest) = self.0.split_first_chunk::<COUNT>()?;
        let number = number(digits)?;
        self.0 = rest;
        Some(number)
    }

    /// Takes one to nine digits as a fraction of a second, in nanoseconds.
    fn fraction(&mut self) -> Option<u32> {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 || count > 9 {
            return None;
        }
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        Some(number(digits)? * 10_u32.pow(9 - count as u32))
    }
}

/// Of at most nine digits.
fn number(digits: &[u8]) -> Option<u32> {
    let mut number = 0;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number * 10 + u32::from(byte - b'0');
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn seconds(text: &str) -> i64 {
        read(text).unwrap().unwrap().seconds
    }

    #[test]
    fn every_spelling_of_one_moment_is_the_same_moment() {
        let expected = "2018-07-21T18:59:21Z".parse::<jiff::Timestamp>().unwrap().as_second();
        for text in [
            "2018-07-21 18:59:21",
            "2018-07-21T18:59:21",
            "2018-07-21t18:59:21z",
            "2018-07-21 18:59:21 UTC",
            "2018-07-21 18:59:21+00",
            "2018-07-21T18:59:21+00:00",
            "2018-07-21T20:59:21+02:00",
            "2018-07-21T13:29:21-0530",
            " 2018-07-21 18:59:21\n",
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        let precise = read("2018-07-21 18:59:21.102761").unwrap().unwrap();
        assert_eq!((precise.seconds, precise.nanoseconds), (expected, 102_761_000));
    }

    #[test]
    fn the_day_is_taken_after_the_conversion_to_utc() {
        let day = day_of(date(2018, 7, 21));
        assert_eq!(read("2018-07-22T01:00:00+02:00").unwrap().unwrap().day(), day);
        assert_eq!(read("2018-07-20T23:00:00-05:00").unwrap().unwrap().day(), day);
        assert_eq!(read("2018-07-21").unwrap().unwrap().day(), day);
        assert_eq!(read("1969-12-31T23:59:59Z").unwrap().unwrap().day(), -1);
    }

    #[test]
    fn blank_means_no_order() {
        assert_eq!(read(""), Ok(None));
        assert_eq!(read(" \t"), Ok(None));
    }

    #[test]
    fn what_is_no_timestamp_is_refused() {
        for text in [
            "yesterday",
            "2018-7-21",
            "20180721",
            "2018-07-21T",
            "2018-07-21 24:00",
            "2018-07-21 10:60",
            "2018-07-21 10:00:60",
            "2018-07-21 10:00:00.",
            "2018-07-21 10:00:00.1234567890",
            "2018-07-21 10:00:00 CET",
            "2018-07-21+00:00",
            "2018-07-21 10:00+16:00",
            "2018-07-21 10:00+00:",
            "2018-07-21x",
            "-2018-07-21",
            "２018-07-21",
            "1532199561",
        ] {
            assert_eq!(read(text), Err("is not a timestamp"), "{text}");
        }
        for text in ["2018-02-29", "2018-13-40", "0000-01-01", "2018-04-31T10:00:00Z"] {
            assert_eq!(read(text), Err("is no day of the calendar"), "{text}");
        }
    }
}
