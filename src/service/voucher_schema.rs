//! The JSON schemas of a voucher lookup: what [`super::facts`] reads and what [`super::snapshot`] writes.

use serde_json::{Value, json};
use utoipa::openapi::KnownFormat;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, SchemaType, Type};

use super::facts::{LONGEST_COUNTRY, MOST_ORDERS};
use super::snapshot::SegmentType;
use super::timestamp;

/// Unknown fields are allowed and ignored: old clients send more.
pub fn request() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("A customer's facts, and the kind of segment that is asked for"))
        .property("customer_id", integer(i64::MIN, i64::MAX))
        .required("customer_id")
        .property(
            "country_code",
            text("Without regard to case")
                .min_length(Some(1))
                .max_length(Some(LONGEST_COUNTRY))
                .pattern(Some(r"\S")),
        )
        .required("country_code")
        .property("total_orders", integer(0, MOST_ORDERS))
        .required("total_orders")
        .property("last_order_ts", moment("The last order"))
        .property("first_order_ts", moment("The first order; not after the last"))
        .property("segment_name", segment_type("By total orders, or by days since the last order"))
        .required("segment_name")
}

pub fn answer() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("voucher_amount", number("The most used value"))
        .required("voucher_amount")
        .property("segment_name", text("The segment that the customer is in"))
        .required("segment_name")
        .property("segment_type", segment_type("The kind that was asked for"))
        .required("segment_type")
        .property(
            "reference_date",
            text("The UTC day that recency is counted to")
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))),
        )
        .required("reference_date")
        .property("evidence", evidence())
        .required("evidence")
        .property("run_id", integer(0, i64::MAX))
        .required("run_id")
}

fn evidence() -> ObjectBuilder {
    let flag =
        |description: &str| ObjectBuilder::new().schema_type(Type::Boolean).description(Some(description));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("The rows of the history behind the amount"))
        .property("segment_rows", integer(0, i64::MAX))
        .required("segment_rows")
        .property("winner_rows", integer(0, i64::MAX))
        .required("winner_rows")
        .property("runner_up_amount", number("The second most used value").schema_type(or_null(Type::Number)))
        .required("runner_up_amount")
        .property("runner_up_rows", integer(0, i64::MAX).schema_type(or_null(Type::Integer)))
        .required("runner_up_rows")
        .property("is_tie", flag("Another value is as frequent; the lower one is answered"))
        .required("is_tie")
        .property("low_support", flag("There are fewer rows than the project asks for"))
        .required("low_support")
}

/// Named examples for the try-it-out page.
pub fn examples() -> Vec<(String, Example)> {
    let customer = |segment_name: &str| {
        json!({
            "customer_id": 123,
            "country_code": "Peru",
            "last_order_ts": "2018-05-03 00:00:00",
            "first_order_ts": "2017-05-03 00:00:00",
            "total_orders": 15,
            "segment_name": segment_name,
        })
    };
    SegmentType::NAMES
        .iter()
        .map(|name| {
            let example = ExampleBuilder::new().summary(format!("By {name}")).value(Some(customer(name)));
            ((*name).to_owned(), example.build())
        })
        .collect()
}

pub fn example_answer() -> Value {
    json!({
        "voucher_amount": 2640,
        "segment_name": "14-37",
        "segment_type": "frequent_segment",
        "reference_date": "2020-06-01",
        "evidence": {
            "segment_rows": 8000,
            "winner_rows": 4000,
            "runner_up_amount": 3300,
            "runner_up_rows": 2500,
            "is_tie": false,
            "low_support": false,
        },
        "run_id": 12,
    })
}

fn moment(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(or_null(Type::String))
        .description(Some(format!(
            "{description}: {}. Without a zone it is UTC; null, absent and blank mean that there is none.",
            timestamp::ACCEPTS
        )))
        .pattern(Some(timestamp::PATTERN))
}

fn segment_type(description: &str) -> ObjectBuilder {
    text(description).enum_values(Some(SegmentType::NAMES))
}

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}

fn number(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Number).description(Some(description))
}

fn integer(least: i64, most: i64) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(least as isize))
        .maximum(Some(most as isize))
}

fn or_null(plain: Type) -> SchemaType {
    SchemaType::from_iter([plain, Type::Null])
}
