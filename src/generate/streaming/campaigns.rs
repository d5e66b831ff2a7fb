//! What the service's application would have written: A/B tests of e-mails, who was put into which half and
//! written to, and who clicked. A customer is in one test at most, and the halves of a test are equal within one.

use std::fmt::Write;

use super::StreamingTable;
use crate::generate::calendar::{DAY, day, push_timestamp};
use crate::generate::table::{Chance, shuffled};

/// Tables of chance.
const SENDING: u64 = 310;
const CLICKING: u64 = 311;
const HALVES: u64 = 312;
/// In another order than customers watch.
const ORDER: u64 = 5;

/// Of all customers, one in ten is asked in each test.
const SHARE: u64 = 10;
/// Of 1,000 mails so many do not arrive.
const FAILED: u64 = 15;
const FIRST_TEST: i64 = day(2024, 2, 5);
const DAYS_BETWEEN: i64 = 45;
const SECOND: i64 = 1_000_000;

pub struct AbTest {
    goal: &'static str,
    targeting: &'static str,
    /// Of A and of B: the text, and of 1,000 who read it so many click.
    variants: [(&'static str, u64); 2],
}

const fn test(goal: &'static str, targeting: &'static str, variants: [(&'static str, u64); 2]) -> AbTest {
    AbTest { goal, targeting, variants }
}

pub const TESTS: [AbTest; 6] = [
    test(
        "subscription",
        "Free Riders",
        [
            ("Hello {name}, take {plan} for a month at half its price.", 300),
            ("{name}, a month of {plan} is on us: try it.", 450),
        ],
    ),
    test(
        "engagement by movie",
        "Vulnerable Customers",
        [
            ("{name}, have you seen {movie}?", 80),
            ("{name}, who liked what you liked is watching {movie}.", 120),
        ],
    ),
    test(
        "engagement by genre",
        "Vulnerable Customers",
        [("New {genre} this week, {name}.", 110), ("{name}, your evening of {genre} is ready.", 105)],
    ),
    test(
        "subscription",
        "Lost Cause",
        [("We miss you, {name}.", 15), ("{name}, come back: the first month costs nothing.", 40)],
    ),
    test(
        "engagement by movie",
        "Star Customers",
        [
            ("{name}, see {movie} before all others.", 260),
            ("An invitation for {name}: the first night of {movie}.", 250),
        ],
    ),
    test(
        "engagement by genre",
        "Free Riders",
        [("{name}, the ten best of {genre}.", 140), ("Ten of {genre} that you have not seen, {name}.", 190)],
    ),
];

const VARIANTS: [&str; 2] = ["A", "B"];

impl StreamingTable {
    fn audience(&self) -> u64 {
        self.customers() / SHARE
    }

    pub(super) fn experiments(&self) -> u64 {
        TESTS.len() as u64 * self.audience()
    }
}

/// A row for each half of each test.
pub fn ab_test(number: u64, fields: &mut [String]) {
    let [goal, targeting, variant, text] = fields else { return };
    let (test, half) = (&TESTS[(number / 2) as usize % TESTS.len()], (number % 2) as usize);
    goal.push_str(test.goal);
    targeting.push_str(test.targeting);
    variant.push_str(VARIANTS[half]);
    text.push_str(test.variants[half].0);
}

/// Who takes part in which test, and what became of it.
struct Part {
    customer: u64,
    ab_test: u64,
    /// Unit: microseconds since 1970; none where the mail did not arrive.
    sent: Option<i64>,
    clicked: Option<i64>,
    token: u128,
    assigned: i64,
}

fn part(service: &StreamingTable, number: u64) -> Part {
    let audience = service.audience();
    let (test, place) = ((number / audience) as usize % TESTS.len(), number % audience);
    // Of each two the one by chance, so that the halves are equal.
    let half = (place + Chance::of(service.seed, HALVES, number - place % 2).below(2)) % 2;
    let assigned = (FIRST_TEST + DAYS_BETWEEN * test as i64) * DAY + 9 * 3600 * SECOND;
    let mut chance = Chance::of(service.seed, SENDING, number);
    let token = u128::from(chance.below(u64::MAX)) << 64 | u128::from(chance.below(u64::MAX));
    // A few mails at once, forty a second.
    let at = assigned + 60 * SECOND + place.cast_signed() * SECOND / 40;
    let sent = (!chance.permille(FAILED)).then_some(at);
    let mut chance = Chance::of(service.seed, CLICKING, number);
    let clicks = chance.permille(TESTS[test].variants[half as usize].1);
    // Most within hours, the last after a week.
    let later = (60 + chance.low(4, 7 * 24 * 3600)).cast_signed() * SECOND;
    Part {
        customer: shuffled(number, service.customers(), ORDER),
        ab_test: 2 * test as u64 + half + 1,
        sent,
        clicked: sent.filter(|_| clicks).map(|sent| sent + later),
        token,
        assigned,
    }
}

pub fn experiment(service: &StreamingTable, number: u64, fields: &mut [String]) {
    let [ab_test, customer, assigned_at, status, sent_at, token] = fields else { return };
    let part = part(service, number);
    let _ = write!(ab_test, "{}", part.ab_test);
    let _ = write!(customer, "{}", part.customer);
    push_timestamp(assigned_at, part.assigned);
    status.push_str(if part.sent.is_some() { "sent" } else { "failed" });
    if let Some(sent) = part.sent {
        push_timestamp(sent_at, sent);
    }
    let _ = write!(token, "{:032x}", part.token);
}

/// Whether there is a result, which there is of those who clicked.
pub fn result(service: &StreamingTable, number: u64, fields: &mut [String]) -> bool {
    let [experiment, ab_test, customer, clicked_at] = fields else { return false };
    let part = part(service, number);
    let Some(clicked) = part.clicked else { return false };
    let _ = write!(experiment, "{}", number + 1);
    let _ = write!(ab_test, "{}", part.ab_test);
    let _ = write!(customer, "{}", part.customer);
    push_timestamp(clicked_at, clicked);
    true
}

pub fn results(service: &StreamingTable) -> u64 {
    (0..service.experiments()).filter(|number| part(service, *number).clicked.is_some()).count() as u64
}
