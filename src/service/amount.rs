//! PostgreSQL's numeric text as a JSON number, digit for digit: `2640.00` is written `2640`, `2640.50`
//! `2640.5`, and a number that no float holds exactly keeps all its digits.

use serde_json::value::RawValue;

/// `None` for what JSON has no number for (`NaN`, `Infinity`) and for what is no number.
pub fn number(text: &str) -> Option<Box<RawValue>> {
    let shortest = match text.split_once('.') {
        Some((whole, fraction)) => match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction => format!("{whole}.{fraction}"),
        },
        None => text.to_owned(),
    };
    let is_number = shortest.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    is_number.then(|| RawValue::from_string(shortest).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_zeros_go_and_all_other_digits_stay() {
        let written = |text| number(text).map(|number| number.get().to_owned());
        assert_eq!(written("2640").as_deref(), Some("2640"));
        assert_eq!(written("2640.0").as_deref(), Some("2640"));
        assert_eq!(written("2640.00").as_deref(), Some("2640"));
        assert_eq!(written("2640.50").as_deref(), Some("2640.5"));
        assert_eq!(written("0.00").as_deref(), Some("0"));
        assert_eq!(written("-0.10").as_deref(), Some("-0.1"));
        assert_eq!(written("1000").as_deref(), Some("1000"));
        let wide = "123456789012345678901234567890.123456789";
        assert_eq!(written(wide).as_deref(), Some(wide));
        assert_eq!(written("NaN"), None);
        assert_eq!(written("-Infinity"), None);
        assert_eq!(written(""), None);
    }
}
