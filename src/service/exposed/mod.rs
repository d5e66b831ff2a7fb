//! Published relations at paths of their own. What a path answers is in the snapshot, so it changes with a
//! publication and never half; the rows are read from prod when they are asked for.

mod cursor;
mod describe;
mod page;
mod refused;
mod request;
mod stream;

use std::borrow::Cow;

use actix_web::http::header::{ACCEPT, ALLOW, CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH, VARY};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpResponse};
use percent_encoding::percent_decode_str;

use super::door::Routed;
use super::problem::Problem;
use super::routes::{Answer, Call, nothing_here};
use super::snapshot::Snapshot;
use super::state::Database;
use super::{body, refresh};
use crate::database::{Condition, RowFormat};
use crate::endpoint::{Cache, Published, Shape};
use crate::name::Ident;
pub use describe::describe;
pub use refused::unread;
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
    let Some(snapshot) = call.state.snapshot.load_full() else {
        return match call.state.database() {
            Database::Unpublished => Err(Problem::from_status(StatusCode::NOT_FOUND)
                .with_hint("Nothing is published yet: the paths of models come with the first run.")),
            _ => nothing_here(),
        };
    };
    if let Some(answer) = answer_from(&call, &snapshot).await {
        return answer;
    }
    // Published anew since the snapshot was taken, and the news of it is still on its way.
    let Some(newer) = refresh::renew(&call.state, &snapshot).await else { return Err(refused::changing()) };
    answer_from(&call, &newer).await.unwrap_or_else(|| Err(refused::changing()))
}

/// `None`: the rows are of another run than the snapshot, so what it says of them may not hold.
async fn answer_from(call: &Call, snapshot: &Snapshot) -> Option<Answer> {
    let path = call.request.path();
    let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    let Some((published, in_path)) = snapshot.endpoint(path) else { return Some(nothing_here()) };
    call.request.extensions_mut().insert(Routed(published.endpoint.path.clone()));
    if call.request.method() != Method::GET && call.request.method() != Method::HEAD {
        return Some(Err(Problem::from_status(StatusCode::METHOD_NOT_ALLOWED)
            .with_hint("It takes GET, HEAD.")
            .with_header(ALLOW, HeaderValue::from_static("GET, HEAD"))));
    }
    let in_path = in_path
        .into_iter()
        .map(|(name, value)| (name, percent_decode_str(value).decode_utf8_lossy()))
        .collect::<Vec<(&str, Cow<'_, str>)>>();
    let form = form(call);
    let asked = request::read(published, &call.state.schema, in_path, call.request.query_string(), form);
    let mut asked = match asked {
        Ok(asked) => asked,
        Err(problem) => return Some(Err(problem)),
    };
    let tag = (published.endpoint.cache() == Cache::Run).then(|| tag(snapshot, form));
    if tag.as_ref().is_some_and(|tag| has_tag(call, tag)) {
        let mut response = HttpResponse::NotModified();
        return Some(Ok(headers(&mut response, snapshot, tag).finish()));
    }
    let only_headers = asked.is_large() && call.request.method() == Method::HEAD;
    if only_headers {
        // Enough to tell whether it can be answered.
        asked.query.limit = 1;
    }
    let reader = &call.state.reader;
    let read = match asked.is_large() {
        true => reader.many_rows(&asked.query).await,
        false => reader.rows(&asked.query).await,
    };
    match read {
        Ok(rows) if rows.run_id != Some(snapshot.run_id) => None,
        Ok(rows) => {
            let mut response = HttpResponse::Ok();
            headers(&mut response, snapshot, tag);
            Some(match only_headers {
                true => page::only_headers(response, asked, rows, call).await,
                false => page::write(response, published, asked, rows, call).await,
            })
        }
        Err(error) if refused::is_outdated(&error) => None,
        Err(error) => Some(Err(refused::refused(call, &asked, error).await)),
    }
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

/// The same publication answers the same question with the same bytes. A database that was set back counts
/// its runs anew, so the moment is part of it.
fn tag(snapshot: &Snapshot, form: Form) -> String {
    let Snapshot { run_id, published_at, .. } = snapshot;
    format!("\"{run_id}-{:x}-{}\"", published_at.as_microsecond(), form.name())
}

fn has_tag(call: &Call, tag: &str) -> bool {
    let known = call.request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    known.is_some_and(|known| {
        known.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == tag || one == "*")
    })
}

/// `tag`: of an answer that may be kept.
fn headers<'a>(
    response: &'a mut actix_web::HttpResponseBuilder,
    snapshot: &Snapshot,
    tag: Option<String>,
) -> &'a mut actix_web::HttpResponseBuilder {
    response.insert_header((VARY, "Accept")).insert_header(("elt-run", snapshot.run_id));
    // Kept, but asked for again each time: a publication may come at any moment.
    response.insert_header((CACHE_CONTROL, if tag.is_some() { "no-cache" } else { "no-store" }));
    if let Some(tag) = tag {
        response.insert_header((ETAG, tag));
    }
    response
}

/// The words of a query string that have a meaning of their own at an endpoint.
fn reserved_names(published: &Published) -> impl Iterator<Item = &'static str> {
    let endpoint = &published.endpoint;
    let paged = endpoint.shape == Shape::Rows;
    let sorts = request::visible(published).iter().any(|column| endpoint.filters.allow(&column.name));
    let words = [
        ("limit", paged),
        // Without a key there is no telling where a page ended.
        ("cursor", paged && !endpoint.key.is_empty()),
        ("order", paged && sorts),
        ("columns", paged),
    ];
    words.into_iter().filter(|(_, is_taken)| *is_taken).map(|(word, _)| word)
}

/// The names that a caller may send to an endpoint.
fn known_names(published: &Published) -> Vec<&str> {
    let endpoint = &published.endpoint;
    let reserved: Vec<&str> = reserved_names(published).collect();
    let mut names: Vec<&str> = endpoint.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    for column in request::visible(published) {
        let name = column.name.as_str();
        if endpoint.filters.allow(name) && !names.contains(&name) && !reserved.contains(&name) {
            names.push(name);
        }
    }
    names.extend(reserved);
    names
}

/// What holds for who asks for nothing in particular: the defaults; `None` where a parameter is required.
pub fn unasked(published: &Published) -> Option<Vec<Condition>> {
    let mut conditions = Vec::new();
    for parameter in &published.endpoint.parameters {
        if parameter.required {
            return None;
        }
        if let Some(value) = &parameter.default {
            let known = published.columns.iter().find(|column| column.name == parameter.column())?;
            conditions.push(Condition {
                column: Ident::new(parameter.column()).ok()?,
                data_type: known.data_type.clone(),
                operator: parameter.operator,
                value: value.clone(),
            });
        }
    }
    Some(conditions)
}
