//! The customers. A mobile's own chance decides what kind of customer it is, here and in the history.

use std::fmt::Write;

use super::history::habit;
use crate::generate::table::Chance;

pub const COLUMNS: [&str; 5] = ["name", "age", "income", "mobile", "gender"];

const FIRST_NAMES: [&str; 20] = [
    "Aarav", "Aditi", "Arjun", "Diya", "Farhan", "Gauri", "Harish", "Ishaan", "Jaya", "Kabir", "Lakshmi",
    "Manoj", "Meera", "Nikhil", "Priya", "Rahul", "Sana", "Tara", "Vikram", "Zoya",
];
const LAST_NAMES: [&str; 20] = [
    "Agarwal",
    "Bhat",
    "Chopra",
    "Das",
    "Fernandes",
    "Gupta",
    "Iyer",
    "Joshi",
    "Kaur",
    "Khan",
    "Menon",
    "Mishra",
    "Nair",
    "Patel",
    "Rao",
    "Reddy",
    "Shah",
    "Sharma",
    "Singh",
    "Varma",
];
const GENDERS: [&str; 3] = ["Female", "Male", "Other"];

/// Mobiles that begin with 6 to 9.
const MOBILES: u64 = 4_000_000_000;
/// Odd and no multiple of 5, so it walks through all of them before one comes again.
const STRIDE: u64 = 2_654_435_761;

/// Tables of chance.
const TWICE: u64 = 200;
const PERSON: u64 = 201;
const MOBILE: u64 = 202;

/// The mobile of the customer at `number`; no two have the same.
pub fn mobile(seed: u64, number: u64) -> String {
    let first = Chance::of(seed, MOBILE, 0).below(MOBILES);
    let number = (u128::from(number) * u128::from(STRIDE) + u128::from(first)) % u128::from(MOBILES);
    format!("+91{}", 6_000_000_000 + number)
}

/// Whether the row is a customer's first; one in twenty is another's again.
pub fn is_first(seed: u64, number: u64) -> bool {
    number == 0 || !Chance::of(seed, TWICE, number).permille(50)
}

/// The row at `number`: a customer, or one of the thousand rows before it again.
pub fn fill(seed: u64, number: u64, fields: &mut [String]) {
    let mut number = number;
    while !is_first(seed, number) {
        let mut chance = Chance::of(seed, TWICE, number);
        // The first word drawn said that it is no first.
        let _ = chance.below(1);
        number -= 1 + chance.below(number.min(1000));
    }
    let [name, age, income, own_mobile, gender] = fields else { return };
    *own_mobile = mobile(seed, number);
    let habit = habit(seed, own_mobile);
    let mut chance = Chance::of(seed, PERSON, number);
    let (first, last) = (chance.one(&FIRST_NAMES), chance.one(&LAST_NAMES));
    *gender = GENDERS[chance.weighted(&[49, 48, 3])].to_owned();
    let years = chance.between(habit.age);
    // Writing into a String does not fail.
    let _ = write!(name, "{first} {last}");
    if !chance.permille(60) {
        let _ = write!(age, "{years}");
    }
    let _ = write!(income, "{}", chance.between(habit.income) / 100 * 100);
}
