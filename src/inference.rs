//! Which exact type a column of texts has. Nothing may be lost by it: leading zeros and signs, digits of a
//! fraction and zones stay, so money is numeric, never a float, and a telephone number is text. Pure.

/// What all values seen so far still may be.
#[derive(Debug, Clone)]
pub struct Narrowing {
    possible: u8,
    seen: bool,
}

type Takes = fn(&str) -> bool;

/// From the narrowest on; the first that takes every value is taken.
const TYPES: [(&str, Takes); 7] = [
    ("integer", |text| is_whole(text) && text.parse::<i32>().is_ok()),
    ("bigint", |text| is_whole(text) && text.parse::<i64>().is_ok()),
    ("numeric", is_number),
    ("boolean", is_word_of_truth),
    ("date", is_date),
    ("timestamp", |text| is_date(text) || is_moment(text, false)),
    ("timestamptz", |text| is_moment(text, true)),
];

impl Default for Narrowing {
    fn default() -> Self {
        Self { possible: u8::MAX, seen: false }
    }
}

impl Narrowing {
    /// Takes a value that is not NULL into account.
    pub fn see(&mut self, text: &str) {
        self.seen = true;
        for (index, (_, takes)) in TYPES.iter().enumerate() {
            let bit = 1 << index;
            if self.possible & bit != 0 && !takes(text) {
                self.possible &= !bit;
            }
        }
    }

    /// A column without values is text.
    pub fn data_type(&self) -> &'static str {
        let possible =
            TYPES.iter().enumerate().filter(|(index, _)| self.seen && self.possible & (1 << index) != 0);
        possible.map(|(_, (name, _))| *name).next().unwrap_or("text")
    }
}

/// The narrowest type of all values that are not empty.
pub fn type_of<'a>(values: impl Iterator<Item = &'a str>) -> &'static str {
    let mut narrowing = Narrowing::default();
    values.filter(|value| !value.is_empty()).for_each(|value| narrowing.see(value));
    narrowing.data_type()
}

/// Digits with a minus at most, written the one way in which they are written again.
fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (!digits.starts_with('0') || text == "0")
}

fn is_number(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than PostgreSQL's numeric keeps are no number to reckon with.
    digits(whole)
        && digits(fraction)
        && (whole == "0" || !whole.starts_with('0'))
        && text.len() <= 1_000
        && text != "-0"
}

fn is_word_of_truth(text: &str) -> bool {
    ["true", "false", "yes", "no"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// `2020-01-31`
fn is_date(text: &str) -> bool {
    has_shape(text, "dddd-dd-dd") && !text.starts_with("0000") && text.parse::<jiff::civil::Date>().is_ok()
}

/// `2020-01-31 10:00[:00[.123456]]` or with a `T`, and for `zoned` with an offset, `Z` or ` UTC` behind.
fn is_moment(text: &str, zoned: bool) -> bool {
    let Some((_, rest)) = text.split_at_checked(10).filter(|(date, _)| is_date(date)) else { return false };
    let Some(rest) = rest.strip_prefix([' ', 'T']) else { return false };
    let (time, zone) = match rest.find(|c| !matches!(c, '0'..='9' | ':' | '.')) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    is_time(time) && if zoned { is_zone(zone) } else { zone.is_empty() }
}

fn is_time(text: &str) -> bool {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let shaped = has_shape(clock, "dd:dd:dd") || (has_shape(clock, "dd:dd") && !text.contains('.'));
    let below = |range: std::ops::Range<usize>, end: u8| {
        clock.get(range).is_none_or(|part| part.parse::<u8>().is_ok_and(|part| part < end))
    };
    shaped
        && below(0..2, 24)
        && below(3..5, 60)
        && below(6..8, 60)
        && (1..=6).contains(&fraction.len())
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_zone(text: &str) -> bool {
    let Some(offset) = text.strip_prefix(['+', '-']) else { return matches!(text, "Z" | " UTC") };
    let shaped = ["dd", "dddd", "dd:dd"].iter().any(|shape| has_shape(offset, shape));
    shaped
        && offset[..2].parse::<u8>().is_ok_and(|hours| hours <= 14)
        && (offset.len() == 2 || offset[offset.len() - 2..].parse::<u8>().is_ok_and(|minutes| minutes < 60))
}

/// `d` is a digit, all else itself.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, wanted)| match wanted {
            b'd' => byte.is_ascii_digit(),
            wanted => byte == wanted,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> &'static str {
        type_of(values.iter().copied())
    }

    #[test]
    fn types_are_exact_and_never_floats() {
        assert_eq!(of(&["1", "", "-3"]), "integer");
        assert_eq!(of(&["3000000000"]), "bigint");
        assert_eq!(of(&["1", "2.50", "99999999999999999999"]), "numeric");
        assert_eq!(of(&["2020-01-31", "2020-02-01"]), "date");
        assert_eq!(of(&["True", "false"]), "boolean");
        assert_eq!(of(&["2020-01-31", "2020-02-01 10:00:00.5"]), "timestamp");
        assert_eq!(of(&["2020-01-31T10:00Z", "2020-02-01 10:00:00+02:00"]), "timestamptz");
        assert_eq!(of(&["", ""]), "text");
    }

    #[test]
    fn what_would_lose_something_is_text() {
        for values in [
            &["007", "12"][..],
            &["+4912345"],
            &["-0"],
            &["1e5"],
            &["1,5"],
            &[".5"],
            &["NaN"],
            &["2021-02-29"],
            &["2020-01-31 10:00:00.1234567"],
            &["2020-01-31 10:00:00", "2020-01-31 10:00:00Z"],
            &["2020-01-31 25:00:00"],
            &["t", "f"],
            &[" 1"],
            &["1", "true"],
        ] {
            assert_eq!(of(values), "text", "{values:?}");
        }
    }
}
