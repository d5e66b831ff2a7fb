//! What time it was by the wall clock, and which day, without asking either anew at every request: each worker asks
//! once a second, and counts on from there.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;

use super::LookupDate;
use super::timestamp::day_of;

/// After this the wall clock is asked again: it may have been set, and the machine may have slept.
const TRUSTED: Duration = Duration::from_secs(1);

thread_local! {
    static ASKED: Cell<Option<(Instant, Timestamp)>> = const { Cell::new(None) };
    static DAY: RefCell<Day> = RefCell::new(Day::of(Date::ZERO));
}

/// Of a moment that has just been.
pub fn time_of(moment: Instant) -> Timestamp {
    let counted = ASKED.get().and_then(|(asked, time)| {
        let since = moment.checked_duration_since(asked).filter(|since| *since < TRUSTED)?;
        time.checked_add(since).ok()
    });
    counted.unwrap_or_else(|| {
        let now = Timestamp::now();
        ASKED.set(Some((moment, now)));
        now
    })
}

/// A UTC day.
pub struct Day {
    /// Since 1970-01-01.
    pub number: i64,
    pub text: String,
}

impl Day {
    pub fn of(date: Date) -> Self {
        Self { number: day_of(date), text: date.to_string() }
    }
}

impl LookupDate {
    pub fn date(self, now: Timestamp) -> Date {
        match self {
            Self::Today => jiff::tz::Offset::UTC.to_datetime(now).date(),
            Self::Fixed(date) => date,
        }
    }

    /// Hands on the day, which is put into words once a day.
    pub fn with<T>(self, now: Timestamp, then: impl FnOnce(&Day) -> T) -> T {
        let number = match self {
            Self::Today => now.as_second().div_euclid(86_400),
            Self::Fixed(date) => day_of(date),
        };
        DAY.with_borrow_mut(|day| {
            if day.number != number {
                *day = Day::of(self.date(now));
            }
            then(day)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_between_two_looks_at_the_clock() {
        let first = Instant::now();
        let time = time_of(first);
        let later = |passed| time_of(first + passed).duration_since(time);
        assert_eq!(later(Duration::from_micros(1_500)).as_micros(), 1_500);
        // Asked again, and it is not that late.
        assert!(later(Duration::from_secs(600)).as_secs() < 300);
        // From then on no earlier moment is known.
        assert!(later(Duration::ZERO).as_secs() < 300);
    }

    #[test]
    fn the_day_ends_at_midnight() {
        let text = |now: &str| LookupDate::Today.with(now.parse().unwrap(), |day| day.text.clone());
        assert_eq!(text("2026-11-22T23:59:59.999999Z"), "2026-11-22");
        assert_eq!(text("2026-11-23T00:00:00Z"), "2026-11-23");
        let fixed = LookupDate::Fixed(jiff::civil::date(2018, 9, 15));
        assert_eq!(
            fixed.with(Timestamp::UNIX_EPOCH, |day| (day.number, day.text.clone())),
            (17_789, "2018-09-15".into())
        );
    }
}
