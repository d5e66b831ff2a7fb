//! What a mobile bought: the same for the same seed, whoever asks and in whatever batch.

use crate::generate::calendar::{day, push_date};
use crate::generate::table::{Chance, push_money};

pub const COLUMNS: [&str; 4] = ["mobile", "date", "amount", "store"];

const STORES: [&str; 5] = ["Airport", "Harbour", "High Street", "Mall", "Station"];
const FIRST_DAY: i64 = day(2023, 1, 1);
const DAYS: u64 = 730;

/// Tables of chance. Each purchase of a mobile has one of its own.
const HABIT: u64 = 210;
const COUNT: u64 = 211;
const PURCHASES: u64 = 220;

/// A row of the history. What is missing was not written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// `2024-01-31`, or `31-01-2024`.
    pub date: Option<String>,
    /// As `1234.50`.
    pub amount: Option<String>,
    pub store: Option<&'static str>,
}

/// How a kind of customer lives and buys. Ranges hold both their ends.
pub struct Habit {
    weight: u64,
    pub age: (u64, u64),
    pub income: (u64, u64),
    purchases: (u64, u64),
    /// Unit: hundredths.
    amounts: (u64, u64),
}

/// Kinds that a clustering can find.
const HABITS: [Habit; 4] = [
    // Young people with little money.
    Habit {
        weight: 35,
        age: (18, 34),
        income: (150_000, 700_000),
        purchases: (3, 6),
        amounts: (10_000, 150_000),
    },
    // The middle.
    Habit {
        weight: 30,
        age: (28, 56),
        income: (500_000, 1_500_000),
        purchases: (4, 8),
        amounts: (60_000, 400_000),
    },
    // Families that buy often.
    Habit {
        weight: 20,
        age: (30, 50),
        income: (800_000, 2_000_000),
        purchases: (7, 10),
        amounts: (120_000, 600_000),
    },
    // Those who have it.
    Habit {
        weight: 15,
        age: (42, 70),
        income: (1_600_000, 3_000_000),
        purchases: (4, 9),
        amounts: (400_000, 1_000_000),
    },
];

pub fn habit(seed: u64, mobile: &str) -> &'static Habit {
    let weights = HABITS.each_ref().map(|habit| habit.weight);
    &HABITS[Chance::of(seed, HABIT, number_of(mobile)).weighted(&weights)]
}

/// Everything that `mobile` bought.
pub fn history(seed: u64, mobile: &str) -> Vec<Purchase> {
    let (habit, number) = (habit(seed, mobile), number_of(mobile));
    let count = Chance::of(seed, COUNT, number).between(habit.purchases);
    let mut purchases = Vec::new();
    for place in 0..count {
        let mut chance = Chance::of(seed, PURCHASES + place, number);
        let purchase = Purchase {
            date: date(&mut chance),
            amount: amount(&mut chance, habit),
            store: (!chance.permille(50)).then(|| chance.one(&STORES)),
        };
        // Now and then a row is delivered twice.
        if chance.permille(15) {
            purchases.push(purchase.clone());
        }
        purchases.push(purchase);
    }
    purchases
}

fn date(chance: &mut Chance) -> Option<String> {
    let bought = FIRST_DAY + chance.below(DAYS).cast_signed();
    let mut iso = String::new();
    push_date(&mut iso, bought);
    match chance.weighted(&[10, 9, 81]) {
        0 => None,
        1 => Some(format!("{}-{}-{}", &iso[8..], &iso[5..7], &iso[..4])),
        _ => Some(iso),
    }
}

fn amount(chance: &mut Chance, habit: &Habit) -> Option<String> {
    let cents = chance.between(habit.amounts);
    let mut text = String::new();
    push_money(&mut text, cents);
    (!chance.permille(50)).then_some(text)
}

impl Purchase {
    /// As a row of CSV.
    pub fn fill(&self, of: &str, fields: &mut [String]) {
        let [mobile, date, amount, store] = fields else { return };
        mobile.push_str(of);
        date.push_str(self.date.as_deref().unwrap_or_default());
        amount.push_str(self.amount.as_deref().unwrap_or_default());
        store.push_str(self.store.unwrap_or_default());
    }
}

/// The mobile as the number of a row of chance (FNV-1a).
fn number_of(mobile: &str) -> u64 {
    let hash = mobile.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // A row's place among the words of chance must not overflow.
    hash >> 8
}
