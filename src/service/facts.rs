//! Reads the body of a voucher lookup into facts that do not contradict each other, or reports everything
//! that is wrong with it at once. Pure.
//!
//! Decided: whole numbers may be written `14` or `14.0`, never `"14"`; unknown fields are ignored, since old
//! clients send more than is read; a field given twice is refused, since one of the two would be dropped
//! silently.

use std::borrow::Cow;

use super::fields::{COUNTRY, CUSTOMER, FIELDS, FIRST, Fields, Given, LAST, ORDERS, SEGMENT};
use super::plain;
use super::problem::{FieldProblem, Problem};
use super::snapshot::SegmentType;
use super::timestamp::{self, Moment};
use actix_web::http::StatusCode;

/// As wide as the published bounds. Unit: orders.
pub const MOST_ORDERS: i64 = i32::MAX as i64;
/// Unit: characters.
pub const LONGEST_COUNTRY: usize = 100;

/// Who asks for which kind of segment.
#[derive(Debug, PartialEq)]
pub struct Facts<'b> {
    pub country_code: Cow<'b, str>,
    pub segment_type: SegmentType,
    /// 0 to [`MOST_ORDERS`].
    pub total_orders: i64,
    pub last_order: Option<Moment>,
}

/// Errors: 400 for what is no JSON, 422 for what is no usable body, with every problem found.
pub fn read(body: &[u8]) -> Result<Facts<'_>, Problem> {
    // Text is looked at once as a whole, which is quicker than value by value.
    let fields = match std::str::from_utf8(body) {
        Ok(text) => plain::fields(text).map_or_else(|| serde_json::from_str(text), Ok),
        Err(_) => serde_json::from_slice(body),
    };
    let fields: Fields<'_> = fields.map_err(unreadable)?;
    let mut problems = Problems::default();
    for field in fields.repeated {
        problems.add(field, "is given twice", "one value");
    }
    let [customer_id, country_code, total_orders, last_order, first_order, segment_name] = fields.values;
    let customer_id = problems.keep(CUSTOMER, whole_number(customer_id, i64::MIN, i64::MAX));
    let total_orders = problems.keep(ORDERS, whole_number(total_orders, 0, MOST_ORDERS));
    let country_code = problems.keep(COUNTRY, country(country_code));
    let last_order = problems.keep(LAST, moment(last_order));
    let first_order = problems.keep(FIRST, moment(first_order));
    let segment_type = problems.keep(SEGMENT, segment(segment_name));
    let misread = problems.found.len();
    contradictions(total_orders, last_order, first_order, segment_type, &mut problems);
    match (customer_id, country_code, total_orders, last_order, segment_type) {
        (Some(_), Some(country_code), Some(total_orders), Some(last_order), Some(segment_type))
            if problems.found.is_empty() =>
        {
            Ok(Facts { country_code, segment_type, total_orders, last_order })
        }
        _ => Err(problems.report(misread)),
    }
}

/// Adds what cannot be true together; what could not be read is left out of it.
fn contradictions(
    total_orders: Option<i64>,
    last_order: Option<Option<Moment>>,
    first_order: Option<Option<Moment>>,
    segment_type: Option<SegmentType>,
    problems: &mut Problems,
) {
    let (last, first) = (last_order.flatten(), first_order.flatten());
    if let (Some(last), Some(first)) = (last, first)
        && last.is_before(first)
    {
        problems.add(LAST, "is before first_order_ts", "a time that is not before first_order_ts");
    }
    match total_orders {
        Some(0) if last.is_some() || first.is_some() => {
            problems.add(
                ORDERS,
                "is 0 though an order date is given",
                "at least 1 where there is an order date",
            );
        }
        Some(1) if last.zip(first).is_some_and(|(last, first)| last.day() != first.day()) => {
            let problem = "is 1 though the first and the last order differ";
            problems.add(ORDERS, problem, "at least 2 where first_order_ts and last_order_ts differ");
        }
        Some(1..) if segment_type == Some(SegmentType::Recency) && last_order == Some(None) => {
            let problem = "is missing though there are orders; recency_segment is measured by it";
            problems.add(LAST, problem, "a date or timestamp where total_orders is not 0");
        }
        _ => {}
    }
}

fn unreadable(error: serde_json::Error) -> Problem {
    if error.is_data() {
        let field = FieldProblem {
            field: "body".into(),
            problem: "is no JSON object".into(),
            accepts: Cow::Owned(format!("an object with {}", FIELDS.join(", "))),
        };
        return Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_body",
            "The body must be a JSON object.",
        )
        .with_fields(&[field]);
    }
    let (line, column) = (error.line(), error.column());
    let what = if error.is_eof() { "ends too early" } else { "is not JSON" };
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed_json",
        format!("The body {what}, at line {line}, column {column}."),
    )
    .with_details(serde_json::json!({ "line": line, "column": column }))
}

fn whole_number(value: Option<Given<'_>>, least: i64, most: i64) -> Result<i64, Misread> {
    let accepts = || Cow::Owned(format!("a whole number from {least} to {most}"));
    match value {
        Some(Given::Whole(number)) if (least..=most).contains(&number) => Ok(number),
        Some(Given::Whole(_)) => Err(Misread::new("is out of range", accepts())),
        Some(Given::Number) => Err(Misread::new("is not a whole number, or out of range", accepts())),
        Some(other) => Err(Misread::new(other.kind(), accepts())),
        None => Err(Misread::new("is missing", accepts())),
    }
}

/// `None` for null and for an absent field.
fn text(value: Option<Given<'_>>) -> Result<Option<Cow<'_, str>>, &'static str> {
    match value {
        Some(Given::Text(text)) => Ok(Some(text)),
        Some(other) => Err(other.kind()),
        None => Ok(None),
    }
}

fn country(value: Option<Given<'_>>) -> Result<Cow<'_, str>, Misread> {
    let accepts = || Cow::Borrowed("a country's name, such as \"Peru\"");
    let text = text(value)
        .map_err(|problem| Misread::new(problem, accepts()))?
        .ok_or_else(|| Misread::new("is missing", accepts()))?;
    if text.trim().is_empty() {
        Err(Misread::new("is blank", accepts()))
    } else if text.chars().count() > LONGEST_COUNTRY {
        Err(Misread::new("is too long", Cow::Owned(format!("at most {LONGEST_COUNTRY} characters"))))
    } else {
        Ok(text)
    }
}

fn moment(value: Option<Given<'_>>) -> Result<Option<Moment>, Misread> {
    let refused = |problem| Misread::new(problem, Cow::Borrowed(timestamp::ACCEPTS));
    match text(value).map_err(refused)? {
        Some(text) => timestamp::read(&text).map_err(refused),
        None => Ok(None),
    }
}

fn segment(value: Option<Given<'_>>) -> Result<SegmentType, Misread> {
    let accepts = || Cow::Owned(SegmentType::NAMES.join(" or "));
    let name = text(value)
        .map_err(|problem| Misread::new(problem, accepts()))?
        .ok_or_else(|| Misread::new("is missing", accepts()))?;
    SegmentType::from_name(&name).ok_or_else(|| Misread {
        problem: "is unknown",
        accepts: accepts(),
        hint: nearest(&name).map(|nearest| format!("Did you mean {nearest}?")),
    })
}

/// The name that was probably meant, if any is near.
fn nearest(name: &str) -> Option<&'static str> {
    // Comparing costs the product of the lengths, and nothing this long is a misspelling.
    if name.len() > 64 {
        return None;
    }
    let distance = |known: &str| strsim::damerau_levenshtein(&name.to_lowercase(), known);
    SegmentType::NAMES.into_iter().min_by_key(|known| distance(known)).filter(|known| distance(known) <= 6)
}

struct Misread {
    problem: &'static str,
    accepts: Cow<'static, str>,
    hint: Option<String>,
}

impl Misread {
    fn new(problem: &'static str, accepts: Cow<'static, str>) -> Self {
        Self { problem, accepts, hint: None }
    }
}

#[derive(Default)]
struct Problems {
    found: Vec<FieldProblem>,
    hint: Option<String>,
}

impl Problems {
    fn add(&mut self, field: usize, problem: &'static str, accepts: impl Into<Cow<'static, str>>) {
        self.found.push(FieldProblem {
            field: FIELDS[field].into(),
            problem: problem.into(),
            accepts: accepts.into(),
        });
    }

    fn keep<T>(&mut self, field: usize, value: Result<T, Misread>) -> Option<T> {
        value
            .map_err(|misread| {
                self.add(field, misread.problem, misread.accepts);
                self.hint = misread.hint.or(self.hint.take());
            })
            .ok()
    }

    /// `misread` of the problems are about single fields, the rest about fields that contradict each other.
    fn report(self, misread: usize) -> Problem {
        let code = if misread > 0 { "invalid_body" } else { "contradictory_facts" };
        let message = match self.found.as_slice() {
            [one] => format!("{} {}; it accepts {}.", one.field, one.problem, one.accepts),
            many => {
                let all: Vec<_> = many.iter().map(|one| format!("{} {}", one.field, one.problem)).collect();
                format!("{}.", all.join("; "))
            }
        };
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, message).with_fields(&self.found);
        match self.hint {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_was_meant_is_found() {
        assert_eq!(nearest("ferquency_segment"), Some("frequent_segment"));
        assert_eq!(nearest("frequency_segment"), Some("frequent_segment"));
        assert_eq!(nearest("Recency_Segment"), Some("recency_segment"));
        assert_eq!(nearest("recent_segment"), Some("recency_segment"));
        assert_eq!(nearest("x"), None);
        assert_eq!(nearest(&"recency_segment".repeat(10_000)), None);
    }
}
