//! A lookup's body as JSON has it: the six fields as raw JSON values, and how single values are read. Pure;
//! what the values mean is for [`super::facts`].

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// All fields that are read.
pub const FIELDS: [&str; 6] =
    ["customer_id", "country_code", "total_orders", "last_order_ts", "first_order_ts", "segment_name"];
// Their places in FIELDS.
pub const CUSTOMER: usize = 0;
pub const COUNTRY: usize = 1;
pub const ORDERS: usize = 2;
pub const LAST: usize = 3;
pub const FIRST: usize = 4;
pub const SEGMENT: usize = 5;

/// The fields as they stand in the body; `null` counts as absent.
pub struct Fields<'b> {
    pub values: [Option<&'b RawValue>; 6],
    /// Places of the fields that stand there more than once.
    pub repeated: Vec<usize>,
}

impl<'b> Deserialize<'b> for Fields<'b> {
    fn deserialize<D: Deserializer<'b>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'b> Visitor<'b> for Object {
            type Value = Fields<'b>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'b>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut fields = Fields { values: [None; 6], repeated: Vec::new() };
                let mut seen = [false; 6];
                while let Some(Key(key)) = map.next_key()? {
                    let value: &'b RawValue = map.next_value()?;
                    let Some(field) = key else { continue };
                    if std::mem::replace(&mut seen[field], true) && !fields.repeated.contains(&field) {
                        fields.repeated.push(field);
                    }
                    fields.values[field] = Some(value).filter(|value| value.get() != "null");
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// The place of a key in [`FIELDS`]; `None` for any other.
struct Key(Option<usize>);

impl<'b> Deserialize<'b> for Key {
    fn deserialize<D: Deserializer<'b>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Key, E> {
                Ok(Key(FIELDS.iter().position(|field| *field == name)))
            }
        }

        deserializer.deserialize_identifier(Name)
    }
}

/// `14`, `14.0` and `1.4e1` are the same whole number. Exact, or `None`.
pub fn integral(number: &str) -> Option<i64> {
    let whole = match number.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole,
        _ => number,
    };
    whole.parse().ok().or_else(|| {
        // Only an exponent or a fraction is left; floats are exact up to 2^53.
        let float: f64 = number.parse().ok()?;
        (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
    })
}

/// The text of a JSON string; `None` for null and for an absent field.
pub fn text(value: Option<&RawValue>) -> Result<Option<Cow<'_, str>>, &'static str> {
    let Some(value) = value.map(RawValue::get) else { return Ok(None) };
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Ok(Some(Cow::Borrowed(plain))),
        Some(_) => {
            serde_json::from_str(value).map(|text| Some(Cow::Owned(text))).map_err(|_| "is no valid text")
        }
        None => Err(kind(value)),
    }
}

/// What it is instead of what was expected, by its first byte.
pub fn kind(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'"') => "is a string",
        Some(b'{') => "is an object",
        Some(b'[') => "is an array",
        Some(b't' | b'f') => "is a boolean",
        _ => "is a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_exactly_or_not_at_all() {
        for (text, number) in [
            ("14", Some(14)),
            ("14.0", Some(14)),
            ("1.4e1", Some(14)),
            ("-0", Some(0)),
            ("9223372036854775807.00", Some(i64::MAX)),
            ("14.5", None),
            ("1e400", None),
            ("1e18", None),
            ("9223372036854775808", None),
        ] {
            assert_eq!(integral(text), number, "{text}");
        }
    }
}
