//! Days and times as the samples spell them. Written by hand because it runs several times a row.

/// Microseconds of a day.
pub const DAY: i64 = 86_400_000_000;

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
pub const fn day(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, in_era) = (year.div_euclid(400), year.rem_euclid(400));
    let in_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719_468
}

/// Appends `2018-07-21`.
pub fn push_date(text: &mut String, day: i64) {
    let day = day + 719_468;
    let (era, in_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    push_digits(text, year, 4);
    text.push('-');
    push_digits(text, month, 2);
    text.push('-');
    push_digits(text, day, 2);
}

/// Appends `2018-07-21 18:59:21.102761` for microseconds since 1970.
pub fn push_timestamp(text: &mut String, micros: i64) {
    push_date(text, micros.div_euclid(DAY));
    let rest = micros.rem_euclid(DAY);
    for (mark, unit, width) in
        [(' ', rest / 3_600_000_000, 2), (':', rest / 60_000_000 % 60, 2), (':', rest / 1_000_000 % 60, 2)]
    {
        text.push(mark);
        push_digits(text, unit, width);
    }
    text.push('.');
    push_digits(text, rest % 1_000_000, 6);
}

/// Appends the last `width` (at most 20) decimal digits of a number that is not negative.
fn push_digits(text: &mut String, mut number: i64, width: usize) {
    let mut digits = ['0'; 20];
    for digit in digits[..width].iter_mut().rev() {
        *digit = char::from(b'0' + (number % 10) as u8);
        number /= 10;
    }
    text.extend(&digits[..width]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_agree_with_a_calendar_library() {
        let mut date = jiff::civil::date(1999, 12, 30);
        while date.year() < 2025 {
            let (year, month, of_month) = (date.year().into(), date.month().into(), date.day().into());
            let mut text = String::new();
            push_date(&mut text, day(year, month, of_month));
            assert_eq!(text, date.to_string());
            date = date.tomorrow().unwrap();
        }
        assert_eq!(day(1970, 1, 1), 0);
    }

    #[test]
    fn a_time_has_six_decimals() {
        let mut text = String::new();
        push_timestamp(&mut text, day(2018, 7, 21) * DAY + 68_361_002_761);
        assert_eq!(text, "2018-07-21 18:59:21.002761");
    }
}
