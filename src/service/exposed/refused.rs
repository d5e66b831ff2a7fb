//! What the database's refusal means for who asked: his mistake, the model's, or a bad moment.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};

use super::request::{self, Asked};
use crate::database::RowsError;
use crate::service::problem::{FieldProblem, Problem};
use crate::service::routes::Call;

pub async fn refused(call: &Call, asked: &Asked, error: RowsError) -> Problem {
    let fields = match &error {
        RowsError::Value(_) => wrong_values(call, asked).await,
        RowsError::Unfit(_) if !asked.names.is_empty() || !asked.query.order.is_empty() => {
            return request::invalid(&[])
                .with_hint("A column's type has no such comparison, or no order.")
                .caused_by(error.to_string());
        }
        _ => Vec::new(),
    };
    // Where every value is one of its type, the model's own SQL breaks on a row.
    if fields.is_empty() { unread(&error) } else { request::invalid(&fields).caused_by(error.to_string()) }
}

/// The same where nothing of the caller's takes part.
pub fn unread(error: &RowsError) -> Problem {
    let problem = match error {
        RowsError::Away(_) => later("database_away", "The database cannot be reached at the moment."),
        RowsError::Busy => later("busy", "Too many are reading rows at the moment."),
        RowsError::Slow(_) => Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "too_slow",
            "The rows took longer than the service waits.",
        )
        .with_hint("Ask for fewer rows, or filter by an indexed column."),
        error if is_outdated(error) => changing(),
        RowsError::Value(_) | RowsError::Unfit(_) | RowsError::Broken(_) => {
            Problem::from_status(StatusCode::INTERNAL_SERVER_ERROR)
        }
    };
    problem.caused_by(error.to_string())
}

/// Whether what is asked for is not there any more: a publication came between the look at the path and the
/// reading.
pub fn is_outdated(error: &RowsError) -> bool {
    // undefined_table, undefined_column.
    matches!(error, RowsError::Broken(error) if error.is("42P01") || error.is("42703"))
}

pub fn changing() -> Problem {
    later("changing", "What is published here is changing in this moment.")
}

fn later(code: &'static str, message: &'static str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
        .with_header(RETRY_AFTER, HeaderValue::from_static("5"))
}

/// Which of the values are none of their column's type, as the server judges.
async fn wrong_values(call: &Call, asked: &Asked) -> Vec<FieldProblem> {
    let mut named = Vec::new();
    let mut types_and_values = Vec::new();
    for (name, condition) in &asked.names {
        let value = condition.value.as_str();
        let (data_type, values) = match condition.operator {
            operator if !operator.is_typed() => ("text", vec![value]),
            crate::endpoint::Operator::In => (condition.data_type.as_str(), value.split(',').collect()),
            _ => (condition.data_type.as_str(), vec![value]),
        };
        named.push((name.as_str(), "is no value of this type", data_type));
        types_and_values.push((data_type, values));
    }
    for (sort, value) in asked.query.order.iter().zip(asked.query.after.iter().flat_map(|after| &after.0)) {
        named.push(("cursor", "is none of this order's", "the `cursor` of a `next` link, as it is"));
        types_and_values.push((sort.data_type.as_str(), value.as_deref().into_iter().collect()));
    }
    let fit = call.state.reader.fit(&types_and_values).await.unwrap_or_default();
    let wrong = named.into_iter().zip(fit).filter(|(_, fits)| !fits);
    let mut fields: Vec<FieldProblem> = wrong
        .map(|((field, problem, accepts), _)| FieldProblem {
            field: field.to_owned().into(),
            problem: problem.into(),
            accepts: accepts.to_owned().into(),
        })
        .collect();
    fields.dedup();
    fields
}
