//! From an address's query to the body that getVoucher reads, and from its refusal to words at a field. Pure.

use std::collections::{BTreeMap, HashMap};

use serde_json::value::{RawValue, to_raw_value};
use url::form_urlencoded;

use crate::service::fields::{COUNTRY, CUSTOMER, FIELDS, FIRST, LAST, ORDERS, SEGMENT};
use crate::service::problem::Problem;
use crate::service::snapshot::SegmentType;

/// How a field is shown.
pub struct Field {
    pub name: &'static str,
    pub words: &'static str,
    /// Of the input element.
    pub input_type: &'static str,
    pub required: bool,
}

/// In the order of the form; the kind of segment comes after them.
pub const SHOWN: [Field; 5] = [
    Field { name: FIELDS[CUSTOMER], words: "Customer id", input_type: "number", required: true },
    Field { name: FIELDS[COUNTRY], words: "Country", input_type: "text", required: true },
    Field { name: FIELDS[ORDERS], words: "Total orders", input_type: "number", required: true },
    Field { name: FIELDS[FIRST], words: "First order", input_type: "date", required: false },
    Field { name: FIELDS[LAST], words: "Last order", input_type: "date", required: false },
];

/// The kinds of segments, in words.
pub const KINDS: [(&str, &str); 2] =
    [(SegmentType::NAMES[0], "By total orders"), (SegmentType::NAMES[1], "By days since the last order")];

pub const KIND: &str = FIELDS[SEGMENT];

/// What was typed in.
#[derive(Default)]
pub struct Form(HashMap<&'static str, String>);

impl Form {
    /// Names that are no field are nobody's business; of a field given twice the last one holds.
    pub fn read(query: &str) -> Self {
        let mut values = HashMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if let Some(field) = FIELDS.into_iter().find(|field| *field == name) {
                values.insert(field, value.trim().to_owned());
            }
        }
        Self(values)
    }

    pub fn is_asked(&self) -> bool {
        !self.0.is_empty()
    }

    pub fn value(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }

    pub fn country(&self) -> &str {
        self.value(FIELDS[COUNTRY])
    }

    /// A field left empty is left out; numbers stand as they were typed.
    pub fn body(&self) -> Vec<u8> {
        let filled = self.0.iter().filter(|(_, value)| !value.is_empty());
        let fields: BTreeMap<&str, Box<RawValue>> =
            filled.filter_map(|(field, value)| Some((*field, json(field, value)?))).collect();
        // Texts and numbers are always JSON.
        serde_json::to_vec(&fields).unwrap_or_default()
    }
}

fn json(field: &str, value: &str) -> Option<Box<RawValue>> {
    let is_number = field == FIELDS[CUSTOMER] || field == FIELDS[ORDERS];
    let number = || serde_json::from_str::<Box<RawValue>>(value).ok();
    match number().filter(|raw| is_number && raw.get().starts_with(|c: char| c == '-' || c.is_ascii_digit()))
    {
        Some(number) => Some(number),
        None => to_raw_value(value).ok(),
    }
}

/// What the API says of each field, as a sentence.
pub fn wrong(problem: &Problem) -> HashMap<String, String> {
    let fields = problem.details().and_then(|details| details.get("fields")?.as_array());
    let told = fields.into_iter().flatten().filter_map(|field| {
        let part = |name: &str| field.get(name)?.as_str();
        // Everything that is typed is text; what matters is that it is no number.
        let what = match part("problem")? {
            "is a string" => "is no number",
            other => other,
        };
        Some((part("field")?.to_owned(), format!("This {what}; it takes {}.", part("accepts")?)))
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::facts;

    #[test]
    fn what_is_typed_is_read_as_the_api_reads_it() {
        let form = Form::read(
            "customer_id=12&country_code=+Peru+&total_orders=14.0&first_order_ts=&last_order_ts=2018-05-03&segment_name=recency_segment&x=1",
        );
        let body = form.body();
        let facts = facts::read(&body).unwrap();
        assert_eq!((facts.country_code.as_ref(), facts.total_orders), ("Peru", 14));
        assert!(!Form::read("x=1").is_asked());
    }

    #[test]
    fn every_wrong_field_is_told_in_words() {
        let form = Form::read("customer_id=&country_code=%22%7B&total_orders=many&segment_name=x");
        let problem = facts::read(&form.body()).unwrap_err();
        let wrong = wrong(&problem);
        assert!(wrong["customer_id"].starts_with("This is missing; it takes a whole number"), "{wrong:?}");
        assert!(wrong["total_orders"].starts_with("This is no number; it takes a whole"), "{wrong:?}");
        assert!(wrong["segment_name"].starts_with("This is unknown; it takes frequent_segment"), "{wrong:?}");
        assert!(!wrong.contains_key("country_code"), "any text may be a country's name");
    }
}
