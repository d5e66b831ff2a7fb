//! Each table's rows. A row draws from its own chance only, so it is the same however it is reached.

use std::fmt::Write;

use super::facts::{FILMS, PLACES, PLANS, SEGMENTS};
use super::{Kind, StreamingTable, campaigns};
use crate::generate::calendar::{DAY, day, push_date, push_timestamp};
use crate::generate::shop::facts::{FIRST_NAMES, LAST_NAMES};
use crate::generate::table::{Chance, shuffled};

/// Customers join in these two years, and watch in the one after.
const FIRST_JOINED: i64 = day(2022, 1, 1);
const JOINING_DAYS: u64 = 730;
const FIRST_WATCHED: i64 = day(2024, 1, 1);
const WATCHING_DAYS: u64 = 366;

/// Tables of chance.
const CUSTOMERS: u64 = 300;
const ENGAGEMENTS: u64 = 301;
/// Of 1,000 customers so many ever watch.
const ACTIVE: u64 = 930;

pub fn columns(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Subscriptions => &["subscription_id", "subscription_name", "price"],
        Kind::Movies => {
            &["movie_id", "movie_name", "release_year", "movie_duration", "movie_rating", "movie_genre"]
        }
        Kind::Customers => {
            &["customer_id", "name", "email", "subscription_id", "location", "created_at", "updated_at"]
        }
        Kind::Engagements => &[
            "engagement_id",
            "customer_id",
            "movie_id",
            "session_date",
            "session_duration",
            "watched_fully",
            "like_status",
        ],
        Kind::Segments => &["segment_id", "segment_name", "segment_description"],
        Kind::AbTests => &["ab_test_id", "goal", "targeting", "test_variant", "text_skeleton"],
        Kind::Experiments => {
            &["experiment_id", "ab_test_id", "customer_id", "assigned_at", "status", "sent_at", "token"]
        }
        Kind::AbTestResults => {
            &["ab_test_result_id", "experiment_id", "ab_test_id", "customer_id", "clicked_at"]
        }
    }
}

/// Writes the fields of the row at `number`, if there is one. Writing into a String does not fail.
pub fn fill(service: &StreamingTable, number: u64, fields: &mut [String]) -> bool {
    let Some((id, fields)) = fields.split_first_mut() else { return false };
    let _ = write!(id, "{}", number + 1);
    let at = usize::try_from(number).unwrap_or(usize::MAX);
    match service.kind {
        Kind::Subscriptions => {
            let Some((name, price)) = PLANS.get(at) else { return false };
            put(fields, [name, price]);
        }
        Kind::Movies => {
            let Some(film) = FILMS.get(at) else { return false };
            let rating = format!("{}.{}", film.rating / 10, film.rating % 10);
            put(fields, [&film.name, &film.year, &film.minutes, &rating, &film.genre]);
        }
        Kind::Segments => {
            let Some((name, description)) = SEGMENTS.get(at) else { return false };
            put(fields, [name, description]);
        }
        Kind::Customers => customer(service, number, fields),
        Kind::Engagements => engagement(service, number, fields),
        Kind::AbTests => campaigns::ab_test(number, fields),
        Kind::Experiments => campaigns::experiment(service, number, fields),
        Kind::AbTestResults => return campaigns::result(service, number, fields),
    }
    true
}

fn put<const N: usize>(fields: &mut [String], values: [&dyn std::fmt::Display; N]) {
    for (field, value) in fields.iter_mut().zip(values) {
        let _ = write!(field, "{value}");
    }
}

fn customer(service: &StreamingTable, number: u64, fields: &mut [String]) {
    let [name, email, plan, location, created_at, updated_at] = fields else { return };
    let joined = joined(service.seed, number);
    let mut chance = Chance::of(service.seed, CUSTOMERS, number);
    let (first, last) = (chance.one(&FIRST_NAMES), chance.one(&LAST_NAMES));
    let _ = write!(name, "{first} {last}");
    let plain = last.to_lowercase().replace('\'', "");
    let _ = write!(email, "{}.{plain}{}@example.com", first.to_lowercase(), number + 1);
    let _ = write!(plan, "{}", 1 + chance.weighted(&[25, 20, 35, 20]));
    location.push_str(chance.one(&PLACES));
    push_timestamp(created_at, joined);
    // Half of them never changed a thing.
    let later = if chance.permille(500) { chance.below(200 * DAY.cast_unsigned()).cast_signed() } else { 0 };
    push_timestamp(updated_at, joined + later);
}

/// When a customer joined. Unit: microseconds since 1970.
fn joined(seed: u64, number: u64) -> i64 {
    let micros = Chance::of(seed, CUSTOMERS + 10, number).below(JOINING_DAYS * DAY.cast_unsigned());
    FIRST_JOINED * DAY + micros.cast_signed() / 1_000_000 * 1_000_000
}

fn engagement(service: &StreamingTable, number: u64, fields: &mut [String]) {
    let [customer, movie, date, duration, fully, liked] = fields else { return };
    let mut chance = Chance::of(service.seed, ENGAGEMENTS, number);
    let active = service.customers() * ACTIVE / 1000;
    let rank = if chance.permille(350) { chance.low(4, active) } else { chance.below(active) };
    let _ = write!(customer, "{}", shuffled(rank, service.customers(), 0));
    let film = chance.low(2, FILMS.len() as u64);
    let minutes = FILMS[film as usize].minutes;
    let _ = write!(movie, "{}", film + 1);
    push_date(date, FIRST_WATCHED + chance.below(WATCHING_DAYS).cast_signed());
    let whole = chance.permille(400);
    let watched = if whole { minutes } else { chance.between((1, minutes - 1)) };
    let _ = write!(duration, "{watched}");
    let _ = write!(fully, "{whole}");
    // Who saw the end liked it more often.
    let weights = if whole { [45, 10, 45] } else { [15, 20, 65] };
    liked.push_str(["Liked", "Disliked", "No Action"][chance.weighted(&weights)]);
}
