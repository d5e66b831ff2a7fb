//! From facts and a snapshot to a voucher, or to the reason why there is none. Pure: the reference date is given.

use actix_web::http::StatusCode;
use serde_json::json;

use super::clock::Day;
use super::facts::Facts;
use super::problem::Problem;
use super::snapshot::{Country, SegmentType, Snapshot};

/// The answer's JSON. Errors: 404 `unknown_country` and `no_segment`.
pub fn look_up(snapshot: &Snapshot, facts: &Facts<'_>, reference_date: &Day) -> Result<String, Problem> {
    if !snapshot.has_vouchers {
        return Err(no_vouchers());
    }
    let country = snapshot
        .country(&facts.country_code)
        .ok_or_else(|| unknown_country(snapshot, &facts.country_code))?;
    let measure = match facts.segment_type {
        SegmentType::Frequent => facts.total_orders,
        SegmentType::Recency => match facts.last_order {
            // Never the absolute value: an order in the future was not long ago.
            Some(last_order) => reference_date.number - last_order.day(),
            None => return Err(no_order(country, &reference_date.text)),
        },
    };
    match country.segment(facts.segment_type, measure) {
        Some(segment) => Ok(segment.answer(&reference_date.text)),
        None => Err(no_segment(country, facts.segment_type, measure, &reference_date.text)),
    }
}

fn no_vouchers() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "not_published",
        "No vouchers are published; the pipeline has to make them first.",
    )
    .with_hint("They are looked up in the prod model segments_derived.")
}

fn unknown_country(snapshot: &Snapshot, asked: &str) -> Problem {
    let countries = snapshot.country_codes();
    let known = if countries.is_empty() { "none".to_owned() } else { countries.join(", ") };
    Problem::new(
        StatusCode::NOT_FOUND,
        "unknown_country",
        format!("There are no vouchers for {}; there are for: {known}.", asked.trim()),
    )
    .with_details(json!({ "country_code": asked.trim(), "countries": countries }))
}

fn no_order(country: &Country, reference_date: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no_segment", "A customer without orders is in no recency segment.")
        .with_details(json!({
            "country_code": country.code,
            "segment_type": "recency_segment",
            "days_since_last_order": null,
            "reference_date": reference_date,
            "segments": ranges(country, SegmentType::Recency),
        }))
}

fn no_segment(country: &Country, segment_type: SegmentType, measure: i64, reference_date: &str) -> Problem {
    let ranges = ranges(country, segment_type);
    let kind = match segment_type {
        SegmentType::Frequent => "frequent",
        SegmentType::Recency => "recency",
    };
    let has = match ranges.as_slice() {
        [] => format!("{} has no {kind} segments", country.code),
        ranges => format!("{} has {}", country.code, ranges.join(", ")),
    };
    let unit = |singular: &'static str, plural: &'static str| if measure == 1 { singular } else { plural };
    let (message, measured) = match segment_type {
        SegmentType::Frequent => (
            format!("{measure} {} is in no frequent segment; {has}.", unit("order", "orders")),
            ("total_orders", measure),
        ),
        SegmentType::Recency if measure < 0 => (
            format!(
                "The last order is {} {} after the reference date {reference_date}, and so in no recency segment; {has}.",
                -measure,
                if measure == -1 { "day" } else { "days" },
            ),
            ("days_since_last_order", measure),
        ),
        SegmentType::Recency => (
            format!(
                "{measure} {} between the last order and the reference date {reference_date} is in no recency segment; {has}.",
                unit("day", "days"),
            ),
            ("days_since_last_order", measure),
        ),
    };
    Problem::new(StatusCode::NOT_FOUND, "no_segment", message).with_details(json!({
        "country_code": country.code,
        "segment_type": format!("{kind}_segment"),
        measured.0: measured.1,
        "reference_date": reference_date,
        "segments": ranges,
    }))
}

fn ranges(country: &Country, segment_type: SegmentType) -> Vec<String> {
    country.segments(segment_type).iter().map(|segment| segment.range()).collect()
}
