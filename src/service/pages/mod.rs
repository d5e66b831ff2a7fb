//! Pages for people: rendered on the server, with one frame and one stylesheet. Nothing comes from another
//! host, and all can be used without script. They lie under /ui/, beside the API and not in its way: what a
//! path answers to programs does not hang on what else it could answer. Only `/` is both, by Accept.

mod assets;
pub mod board;
pub mod data;
pub mod docs;
mod frame;
mod graph;
pub mod runs;
mod start;
mod table;
mod text;
pub mod vouchers;

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::dev::RequestHead;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use maud::html;

use super::problem::Problem;
use super::routes::Call;
use super::snapshot::Snapshot;
use super::state::State;

pub use assets::file;
use frame::{Page, Section};
pub use start::start;

/// Whether the caller is a browser that would rather be shown a page.
pub fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let place = |word: &str| accept.find(word).unwrap_or(usize::MAX);
    place("text/html") < place("application/json")
}

/// Whether an answer was written as a page, whatever its status.
pub fn is_page(response: &HttpResponse) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE);
    response.error().is_none() && content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
}

/// An error as a page, where a browser asked for a page; programs get the one form everywhere.
pub fn error(head: &RequestHead, problem: &Problem, request_id: &str, state: &State) -> Option<HttpResponse> {
    let path = head.uri.path();
    let is_page = path == "/" || path.starts_with("/ui") || path.starts_with("/boards");
    if !is_page || !wants_page(&head.headers) {
        return None;
    }
    let content = html! {
        h1 { (problem) }
        @if let Some(hint) = problem.hint() { p { (hint) } }
        p class="quiet" { code { (problem.code()) } ", request " code { (request_id) } }
    };
    let page = Page::new(Section::Other, problem.to_string(), content);
    Some(page.write(problem.answer(), path, state.snapshot.load_full().as_deref()))
}

/// The way from the page at a path to the service's first path: links also work behind a path of a proxy.
fn root(path: &str) -> String {
    match path.matches('/').count() {
        0 | 1 => ".".to_owned(),
        deep => vec![".."; deep - 1].join("/"),
    }
}

/// A name as a part of a path.
fn address(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn snapshot(call: &Call) -> Result<Arc<Snapshot>, Problem> {
    call.state.snapshot.load_full().ok_or_else(|| call.state.no_snapshot())
}
