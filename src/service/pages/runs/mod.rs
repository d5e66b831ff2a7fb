//! Runs: the list, the form that starts one, and one run as it goes.

mod one;
mod rows;
mod start;

use maud::{Markup, html};

use super::frame::{Page, Section};
use super::root;
use super::text::{badge, duration, moment};
use crate::pipeline::{RunRecord, RunStatus};
use crate::service::gate::Need;
use crate::service::problem::Problem;
use crate::service::routes::{Answer, Call};
use crate::service::runs::newest;
use crate::token::Access;

pub use one::one;
pub use start::start;

/// Runs that the list shows.
const LISTED: i64 = 50;

pub async fn list(call: Call) -> Answer {
    page(&call, None).await?.answer(&call)
}

/// `refused`: why the form of this page started no run.
async fn page(call: &Call, refused: Option<&Problem>) -> Result<Page, Problem> {
    let runs = newest(&call.state, LISTED).await?;
    let root = root(call.request.path());
    let needs_token = call.state.gate.access(Need::Run) == Access::Token;
    let under_way = runs.first().filter(|run| run.status == RunStatus::Running);
    let content = html! {
        h1 { "Runs" }
        @match under_way {
            Some(run) if refused.is_none() => p class="notice" {
                a href={ (root) "/ui/runs/" (run.id) } { "Run " (run.id) } " is under way since " (moment(run.started_at)) "."
            },
            _ => (start::form(&root, needs_token, refused)),
        }
        @if runs.is_empty() { p { "There was none yet." } } @else { (table(&root, &runs)) }
    };
    Ok(Page::new(Section::Runs, "Runs", content))
}

fn table(root: &str, runs: &[RunRecord]) -> Markup {
    super::table::scrolled(
        "The newest runs",
        html! { table {
            thead { tr {
                th scope="col" { "Run" } th scope="col" { "State" } th scope="col" { "Started" }
                th scope="col" class="number" { "Took" } th scope="col" { "Failed at" }
            } }
            tbody { @for run in runs { tr {
                th scope="row" { a href={ (root) "/ui/runs/" (run.id) } { "Run " (run.id) } }
                td { (badge(run.status.name())) }
                td { (moment(run.started_at)) }
                td class="number" { (took(run).map(duration).unwrap_or_default()) }
                td { (run.failed_step.as_deref().unwrap_or_default()) }
            } } }
        } },
    )
}

/// Milliseconds.
fn took(run: &RunRecord) -> Option<i64> {
    let took = run.finished_at?.duration_since(run.started_at);
    i64::try_from(took.as_millis()).ok()
}
