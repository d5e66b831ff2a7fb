//! The first page: what there is, and how it stands.

use actix_web::http::header::{HeaderValue, VARY};
use maud::{Markup, html};

use super::frame::{Page, Section};
use super::text::{count, moment};
use super::{board, root};
use crate::service::routes::{Answer, Call};
use crate::service::snapshot::Snapshot;
use crate::service::state::Database;

pub async fn start(call: Call) -> Answer {
    let snapshot = call.state.snapshot.load_full();
    let root = root(call.request.path());
    let content = html! {
        h1 { "What is published" }
        (standing(&root, call.state.database(), snapshot.as_deref()))
        @if let Some(snapshot) = &snapshot {
            div class="pair" {
                (boards(&root, snapshot))
                (endpoints(&root, snapshot))
            }
        }
    };
    let mut response = Page::new(Section::Other, "Start", content).answer(&call)?;
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

fn standing(root: &str, database: Database, snapshot: Option<&Snapshot>) -> Markup {
    let away = |since, what: &str| html! { p class="notice" { (what) " since " (moment(since)) "." } };
    html! {
        @match database {
            Database::Here | Database::NotAskedYet => {},
            Database::Unpublished => p class="notice" {
                "Nothing is published yet; the pipeline has to run first: "
                a href={ (root) "/ui/runs" } { "start a run" } ", or type " code { "elt run" } "."
            },
            Database::Away(since) => (away(since, "The database cannot be reached")),
            Database::Unreadable(since) => (away(since, "What is published cannot be read")),
        }
        @if let Some(snapshot) = snapshot {
            p { "All of it comes from run " (snapshot.run_id) ", published " (moment(snapshot.published_at)) "." }
        }
    }
}

fn boards(root: &str, snapshot: &Snapshot) -> Markup {
    html! {
        section class="panel" aria-labelledby="boards" {
            h2 id="boards" { "Boards" }
            (board::list_of(&format!("{root}/boards/"), snapshot))
        }
    }
}

fn endpoints(root: &str, snapshot: &Snapshot) -> Markup {
    html! {
        section class="panel" aria-labelledby="endpoints" {
            h2 id="endpoints" { (count(snapshot.endpoints.len(), "endpoint")) }
            ul class="list" {
                @for published in &snapshot.endpoints {
                    @let path = &published.endpoint.path;
                    li {
                        // One with parameters in its path has no page to be shown without them.
                        @if path.contains('{') { code { (path) } } @else { a href={ (root) (path) } { code { (path) } } }
                        " " span class="quiet" { (published.endpoint.summary) }
                    }
                }
            }
            p class="quiet" { a href={ (root) "/docs/" } { "API docs" } " describe each, and try it." }
        }
    }
}
