//! What there is to read: the API's description, and the site that `elt docs` wrote, which is one file. That site
//! has the text of every model, so it is shown only where all of prod may be seen.

use std::path::PathBuf;

use actix_web::HttpResponse;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use actix_web::web;
use maud::html;

use super::frame::{Page, Section};
use super::root;
use crate::service::Preview;
use crate::service::routes::{Answer, Call, nothing_here};
use crate::service::state::State;

/// As the file itself has it: its script and its styles are in it, and it loads nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub async fn list(call: Call) -> Answer {
    let root = root(call.request.path());
    let is_written = match site(&call.state) {
        Some(path) => {
            let path = path.clone();
            web::block(move || path.is_file()).await.unwrap_or(false)
        }
        None => false,
    };
    let content = html! {
        h1 { "Docs" }
        ul class="list" {
            li { a href={ (root) "/docs/" } { "API docs" } " " span class="quiet" { "each endpoint with its parameters, to try out" } }
            li { a href={ (root) "/openapi.json" } { "OpenAPI" } " " span class="quiet" { "the same for programs" } }
            @if is_written {
                li {
                    a href={ (root) "/ui/docs/project" } { "The project" } " "
                    span class="quiet" { "models, their SQL, columns and lineage, as the last " code { "elt docs" } " wrote them" }
                }
            }
        }
        @if !is_written && call.state.preview == Preview::All {
            p class="quiet" { code { "elt docs" } " writes a site about the project's models; it is shown here." }
        }
    };
    Page::new(Section::Docs, "Docs", content).answer(&call)
}

pub async fn project(call: Call) -> Answer {
    let Some(path) = site(&call.state).cloned() else { return nothing_here() };
    let Ok(Ok(page)) = web::block(move || std::fs::read(path)).await else { return nothing_here() };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_FRAME_OPTIONS, "DENY"))
        .body(page))
}

/// Where the site is, if it may be shown.
fn site(state: &State) -> Option<&PathBuf> {
    state.docs.as_ref().filter(|_| state.preview == Preview::All)
}
