//! Names, numbers and times as a person writes them. Pure.

use jiff::Timestamp;
use maud::{Markup, html};

/// `monthly_revenue` as a heading.
pub fn title(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => words,
    }
}

/// Whether a column of this type, as PostgreSQL writes it, holds numbers.
pub fn is_number(data_type: &str) -> bool {
    let plain = data_type.split('(').next().unwrap_or_default();
    matches!(plain, "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision")
}

pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A state in its colour, and in words for who does not tell colours apart.
pub fn badge(state: &str) -> Markup {
    html! { span class={ "badge " (state) } { (state) } }
}

/// `0.19 s`, `2 min 5 s`, `1 h 2 min`.
pub fn duration(milliseconds: i64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        ..60 => format!("{:.2} s", milliseconds as f64 / 1000.0),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The beginning of a text, with a mark where there is more.
pub fn short(text: &str, letters: usize) -> String {
    match text.char_indices().nth(letters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// `1 chart`, `2 charts`.
pub fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// `1,234,567`.
pub fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_read_well() {
        assert_eq!([0, 999, 1000, -1234567].map(thousands), ["0", "999", "1,000", "-1,234,567"]);
        assert_eq!(
            (title("monthly_revenue").as_str(), count(1, "chart").as_str()),
            ("Monthly revenue", "1 chart")
        );
    }
}
