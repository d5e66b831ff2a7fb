//! A lookup's body as JSON has it: the values of the six fields, each as it is written. Pure; what the values
//! mean is for [`super::facts`].

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

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
#[derive(Debug, PartialEq)]
pub struct Fields<'b> {
    pub values: [Option<Given<'b>>; 6],
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
                let mut fields = Fields { values: [const { None }; 6], repeated: Vec::new() };
                let mut seen = [false; 6];
                while let Some(Key(key)) = map.next_key()? {
                    let Some(field) = key else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    if std::mem::replace(&mut seen[field], true) && !fields.repeated.contains(&field) {
                        fields.repeated.push(field);
                    }
                    fields.values[field] = map.next_value()?;
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

/// A field's value, as far as it matters what it is.
#[derive(Debug, PartialEq)]
pub enum Given<'b> {
    Text(Cow<'b, str>),
    /// `14`, and also `14.0` and `1.4e1`.
    Whole(i64),
    /// With a fraction, or too large to be held exactly.
    Number,
    Boolean,
    Array,
    Object,
}

impl Given<'_> {
    /// What it is instead of what was expected.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "is a string",
            Self::Whole(_) | Self::Number => "is a number",
            Self::Boolean => "is a boolean",
            Self::Array => "is an array",
            Self::Object => "is an object",
        }
    }
}

impl<'b> Deserialize<'b> for Given<'b> {
    fn deserialize<D: Deserializer<'b>>(deserializer: D) -> Result<Self, D::Error> {
        struct Value;

        impl<'b> Visitor<'b> for Value {
            type Value = Given<'b>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_borrowed_str<E>(self, text: &'b str) -> Result<Given<'b>, E> {
                Ok(Given::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Given<'b>, E> {
                Ok(Given::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Given<'b>, E> {
                Ok(Given::Whole(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Given<'b>, E> {
                Ok(i64::try_from(number).map_or(Given::Number, Given::Whole))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Given<'b>, E> {
                // Up to 2^53 every whole number has a float of its own.
                let is_whole = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
                Ok(if is_whole { Given::Whole(number as i64) } else { Given::Number })
            }

            fn visit_bool<E>(self, _: bool) -> Result<Given<'b>, E> {
                Ok(Given::Boolean)
            }

            fn visit_seq<A: SeqAccess<'b>>(self, mut array: A) -> Result<Given<'b>, A::Error> {
                while array.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Given::Array)
            }

            fn visit_map<A: MapAccess<'b>>(self, mut object: A) -> Result<Given<'b>, A::Error> {
                while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Given::Object)
            }
        }

        deserializer.deserialize_any(Value)
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
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("14.5", None),
            ("1e300", None),
            ("1e18", None),
            ("9223372036854775808", None),
            ("98765432109876543210", None),
        ] {
            let given: Given<'_> = serde_json::from_str(text).unwrap();
            assert_eq!(given, number.map_or(Given::Number, Given::Whole), "{text}");
        }
    }

    #[test]
    fn every_value_is_of_some_kind() {
        for (json, kind) in [
            (r#""\u0050eru""#, "is a string"),
            ("7", "is a number"),
            ("7.5", "is a number"),
            ("false", "is a boolean"),
            (r#"[[], {"a": "b"}]"#, "is an array"),
            (r#"{"a": ["b"]}"#, "is an object"),
        ] {
            assert_eq!(serde_json::from_str::<Given<'_>>(json).unwrap().kind(), kind, "{json}");
        }
    }
}
