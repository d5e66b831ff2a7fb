//! Draws one row after the other. Integers only: the same seed must give the same rows on every machine.

use std::fmt::Write;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::facts::{Amount, BANDS, COUNTRIES, Country, Orders, defects};
use super::{Edition, VoucherRow};
use crate::generate::calendar::{DAY, day, push_date, push_timestamp};

const HOUR: u32 = 3_600;

pub struct Draw {
    chance: ChaCha8Rng,
    edition: Edition,
}

impl Draw {
    pub fn new(seed: u64, edition: Edition) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self { chance: ChaCha8Rng::from_seed(key), edition }
    }

    /// Overwrites `row` with the next one; the texts keep their memory.
    pub fn next(&mut self, row: &mut VoucherRow) {
        let country = self.weighted(&COUNTRIES, |country| country.share);
        let band = self.weighted(&[0, 1, 2, 3, 4, 5], |&band: &usize| country.bands[band]);
        let orders = self.orders(BANDS[*band]);

        let (timestamp, last) = self.dates(country, *band);
        let first = last - self.span(orders);
        set(&mut row.timestamp, |text| {
            push_timestamp(text, timestamp);
            text.push_str(self.zone());
        });
        self.spell_country(&mut row.country_code, country);
        self.spell_last_order(&mut row.last_order_ts, last);
        row.first_order_ms = first * (DAY / 1000);
        self.spell_orders(&mut row.total_orders, orders);
        let amount = self.weighted(country.amounts, |amount: &Amount| amount.weights[*band]);
        row.voucher_amount = (!self.one_of(country.without_amount)).then_some(f64::from(amount.value));
    }

    /// When the voucher was assigned, in microseconds, and the day of the last order.
    fn dates(&mut self, country: &Country, band: usize) -> (i64, i64) {
        let newest = self.newest();
        let assigned = newest - i64::from(self.below(52));
        let last = assigned - self.days_since_last_order(country, band);
        // The day is long, with most of it around six in the evening.
        let second = 14 * HOUR + self.below(4 * HOUR + HOUR / 2) + self.below(4 * HOUR + HOUR / 2);
        let in_day = i64::from(second) * 1_000_000 + i64::from(self.below(1_000_000));
        let assigned = if self.one_of(defects::ASSIGNED_BEFORE) {
            newest - 1_160 - i64::from(self.below(50))
        } else {
            assigned
        };
        (assigned * DAY + in_day, last)
    }

    /// Nearly all are won back after one month or three; the others are spread, so that no segment is empty.
    fn days_since_last_order(&mut self, country: &Country, band: usize) -> i64 {
        if self.below(1_000) < 40 {
            return i64::from(5 + self.below(416));
        }
        if self.below(1_000) < country.long_gone[band] { 92 } else { 31 }
    }

    fn orders(&mut self, band: Orders) -> Option<u32> {
        Some(match band {
            Orders::Blank => return None,
            Orders::Exactly(orders) => orders,
            Orders::From(1) => {
                *self.weighted(&[1, 2, 3, 4], |orders: &u32| [0, 16, 42, 24, 18][*orders as usize])
            }
            Orders::From(38) => 38 + self.low(8, 425),
            Orders::From(14) => 14 + self.low(2, 24),
            Orders::From(from) => from + self.low(2, 9),
        })
    }

    /// Days from the first order to the last.
    fn span(&mut self, orders: Option<u32>) -> i64 {
        if self.one_of(defects::LAST_BEFORE_FIRST) {
            return -1 - i64::from(self.below(60));
        }
        let days = match orders {
            // Some that are right among the many with one order and two dates.
            Some(1) if self.below(100) < 2 => 0,
            Some(1) => 1 + self.low(3, 900),
            Some(2..=4) if self.below(100) < 55 => 0,
            Some(2..=4) => 1 + self.low(3, 900),
            Some(0) | None if self.below(100) < 16 => 0,
            Some(0) | None => 1 + self.low(4, 2_000),
            Some(_) => 3 + self.low(4, 2_600),
        };
        i64::from(days)
    }

    fn spell_country(&mut self, text: &mut String, country: &Country) {
        let capitals = self.one_of(defects::COUNTRY_IN_CAPITALS);
        set(text, |text| {
            text.push_str(country.name);
            if capitals {
                text.make_ascii_uppercase();
            }
        });
    }

    fn spell_last_order(&mut self, text: &mut String, last: i64) {
        let broken = self.one_of(defects::DATE_DOES_NOT_PARSE);
        set(text, |text| {
            push_date(text, last);
            if broken {
                text.replace_range(4.., "-13-40");
            }
            if self.edition == Edition::E2020 {
                text.push_str(" 00:00:00");
                text.push_str(self.zone());
            }
        });
    }

    fn spell_orders(&mut self, text: &mut String, orders: Option<u32>) {
        let broken = self.one_of(defects::ORDERS_DO_NOT_PARSE);
        let blanks = self.one_of(defects::BLANKS_AROUND_ORDERS);
        let only_blanks = self.one_of(defects::ONLY_BLANKS_FOR_ORDERS);
        set(text, |text| match orders {
            None => {}
            Some(_) if only_blanks => text.push_str("  "),
            Some(orders) => {
                let (before, decimals, after) = match (broken, blanks) {
                    (true, _) => ("", ".5", ""),
                    (_, true) => (" ", ".0", " "),
                    _ => ("", ".0", ""),
                };
                // Writing into a String does not fail.
                let _ = write!(text, "{before}{orders}{decimals}{after}");
            }
        });
    }

    pub fn edition(&self) -> Edition {
        self.edition
    }

    fn newest(&self) -> i64 {
        match self.edition {
            Edition::E2018 => const { day(2018, 7, 31) },
            Edition::E2020 => const { day(2020, 5, 31) },
        }
    }

    fn zone(&self) -> &'static str {
        match self.edition {
            Edition::E2018 => "",
            Edition::E2020 => "+00:00",
        }
    }

    /// Evenly from 0 up to, without, `end`.
    fn below(&mut self, end: u32) -> u32 {
        let wide = u64::from(self.chance.next_u32()) * u64::from(end);
        (wide >> 32) as u32
    }

    /// The lowest of several draws: small numbers often, large ones seldom.
    fn low(&mut self, draws: u32, end: u32) -> u32 {
        (0..draws).map(|_| self.below(end)).min().unwrap_or(0)
    }

    /// True in `share` of 100,000 cases.
    fn one_of(&mut self, share: u32) -> bool {
        self.below(100_000) < share
    }

    fn weighted<'a, T>(&mut self, choices: &'a [T], weight: impl Fn(&T) -> u32) -> &'a T {
        let mut left = self.below(choices.iter().map(&weight).sum());
        for choice in choices {
            match left.checked_sub(weight(choice)) {
                Some(rest) => left = rest,
                None => return choice,
            }
        }
        // The draw is below the sum of all weights, so the loop has returned.
        &choices[choices.len() - 1]
    }
}

fn set(text: &mut String, write: impl FnOnce(&mut String)) {
    text.clear();
    write(text);
}
