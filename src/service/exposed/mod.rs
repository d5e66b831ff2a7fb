//! Published relations at paths of their own. What a path answers is in the snapshot, so it changes with a
//! publication and never half; the rows are read from prod when they are asked for.

mod cursor;
mod describe;
mod page;
mod request;

use std::borrow::Cow;

use actix_web::http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH, RETRY_AFTER, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpResponse};
use percent_encoding::percent_decode_str;

use super::body;
use super::metrics::Routed;
use super::problem::{FieldProblem, Problem};
use super::routes::{Answer, Call, nothing_here};
use crate::database::{RowFormat, RowsError};
use crate::endpoint::{Cache, Published};
pub use describe::describe;
use request::Asked;
pub use request::visible;

/// An answer's form, from the request's Accept header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
}

/// Whatever is published at the request's path; 404 where nothing is.
pub async fn answer(mut call: Call) -> Answer {
    body::leave(&call.request, call.payload.take());
    let snapshot = call.state.snapshot.load_full();
    let path = call.request.path();
    let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    let found = snapshot.as_ref().and_then(|snapshot| Some((snapshot, snapshot.endpoint(path)?)));
    let Some((snapshot, (published, in_path))) = found else { return nothing_here() };
    call.request.extensions_mut().insert(Routed(published.endpoint.path.clone()));
    if call.request.method() != Method::GET && call.request.method() != Method::HEAD {
        return Err(Problem::from_status(StatusCode::METHOD_NOT_ALLOWED)
            .with_hint("It takes GET, HEAD.")
            .with_header(ALLOW, HeaderValue::from_static("GET, HEAD")));
    }
    let in_path = in_path
        .into_iter()
        .map(|(name, value)| (name, percent_decode_str(value).decode_utf8_lossy()))
        .collect::<Vec<(&str, Cow<'_, str>)>>();
    let form = form(&call);
    let asked = request::read(published, &call.state.schema, in_path, call.request.query_string(), form)?;
    let kept = published.endpoint.cache == Cache::Run;
    if kept && has_tag(&call, &tag(snapshot.run_id, form)) {
        let mut response = HttpResponse::NotModified();
        return Ok(headers(&mut response, kept, Some(snapshot.run_id), form).finish());
    }
    let rows = match call.state.reader.rows(&asked.query).await {
        Ok(rows) => rows,
        Err(error) => return Err(refused(&call, &asked, error).await),
    };
    let mut response = HttpResponse::Ok();
    headers(&mut response, kept, rows.run_id, form);
    page::write(response, published, &asked, rows, call.request.path()).await
}

fn form(call: &Call) -> Form {
    let accept = call.request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let place = |word: &str| accept.find(word).unwrap_or(usize::MAX);
    // The first of the two that is named; anything else is answered with JSON.
    if place("text/csv") < place("application/json") { Form::Csv } else { Form::Json }
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    fn rows(self) -> RowFormat {
        match self {
            Self::Json => RowFormat::Json,
            Self::Csv => RowFormat::Texts,
        }
    }
}

/// The same run answers the same question with the same bytes.
fn tag(run_id: i64, form: Form) -> String {
    format!("\"{run_id}-{}\"", form.name())
}

fn has_tag(call: &Call, tag: &str) -> bool {
    let known = call.request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    known.is_some_and(|known| {
        known.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == tag || one == "*")
    })
}

fn headers(
    response: &mut actix_web::HttpResponseBuilder,
    kept: bool,
    run_id: Option<i64>,
    form: Form,
) -> &mut actix_web::HttpResponseBuilder {
    response.insert_header((VARY, "Accept"));
    if let Some(run_id) = run_id {
        response.insert_header(("elt-run", run_id));
        if kept {
            response.insert_header((ETAG, tag(run_id, form)));
        }
    }
    // Kept, but asked for again each time: a publication may come at any moment.
    response.insert_header((CACHE_CONTROL, if kept { "no-cache" } else { "no-store" }))
}

/// What the database's refusal means for the caller.
async fn refused(call: &Call, asked: &Asked, error: RowsError) -> Problem {
    match &error {
        RowsError::Value(_) => wrong_value(call, asked, &error).await,
        other => unread(other),
    }
}

/// The same where no value of the caller's takes part.
pub fn unread(error: &RowsError) -> Problem {
    let away = |code, message: &'static str| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
            .with_header(RETRY_AFTER, HeaderValue::from_static("5"))
    };
    let problem = match error {
        RowsError::Away(_) => away("database_away", "The database cannot be reached at the moment."),
        RowsError::Slow(_) => Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "too_slow",
            "The rows took longer than the service waits.",
        )
        .with_hint("Ask for fewer rows, or filter by an indexed column."),
        // A publication came between the look at the path and the reading.
        RowsError::Broken(error) if error.is("42P01") || error.is("42703") => {
            away("changing", "What is published here is changing in this moment.")
        }
        RowsError::Value(_) | RowsError::Broken(_) => Problem::from_status(StatusCode::INTERNAL_SERVER_ERROR),
    };
    problem.caused_by(error.to_string())
}

/// Which of the values it was, by asking the server about each.
async fn wrong_value(call: &Call, asked: &Asked, error: &RowsError) -> Problem {
    let mut fields = Vec::new();
    for (name, condition) in &asked.names {
        let values = condition.value.split(',').filter(|_| condition.operator.is_typed());
        for value in values {
            if matches!(call.state.reader.fits(&condition.data_type, value).await, Ok(false)) {
                fields.push(FieldProblem {
                    field: name.clone().into(),
                    problem: "is no value of this type".into(),
                    accepts: condition.data_type.clone().into(),
                });
                break;
            }
        }
    }
    let problem = request::invalid(&fields).caused_by(error.to_string());
    match fields.is_empty() {
        true => problem.with_hint("One of the filters is not possible for a column of its type."),
        false => problem,
    }
}

/// The names that a caller may send to an endpoint.
fn known_names(published: &Published) -> Vec<&str> {
    let paged = published.endpoint.shape == crate::endpoint::Shape::Rows;
    let mut names: Vec<&str> =
        published.endpoint.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    for column in request::visible(published) {
        if published.endpoint.filters.allow(&column.name) && !names.contains(&column.name.as_str()) {
            names.push(&column.name);
        }
    }
    names.extend(crate::endpoint::RESERVED_PARAMETERS.iter().filter(|_| paged));
    names
}
