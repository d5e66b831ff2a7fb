//! One run: how it stands, what went wrong and where, its graph, its nodes. While it runs the page is brought up
//! to date by a script of a few lines, or by loading it anew where there is no script.

use maud::{Markup, html};

use super::rows::{Row, rows, with_tests};
use super::took;
use crate::pipeline::{RunRecord, RunStatus};
use crate::service::pages::frame::{Page, Section};
use crate::service::pages::graph::{Node, dots, graph};
use crate::service::pages::root;
use crate::service::pages::table::scrolled;
use crate::service::pages::text::{badge, count, duration, moment, thousands};
use crate::service::routes::{Answer, Call};
use crate::service::{run_log, runs};

/// Nodes that a picture shows with their names at most: of more nobody sees anything.
const DRAWN: usize = 150;
/// Nodes that a picture shows at all.
const DOTTED: usize = 5000;
/// Rows of the table at most; what went wrong is told above it in any case.
const LISTED: usize = 2000;

pub async fn one(call: Call) -> Answer {
    let id = runs::asked(&call)?;
    let run = runs::record(&call.state, id).await?;
    let plan = runs::within(&call.state, call.state.pipeline.plan(id)).await?;
    let rows = rows(plan, &run);
    let root = root(call.request.path());
    let is_live = run.status == RunStatus::Running;
    let events = is_live.then(|| format!("{root}/runs/{id}/events"));
    let content = html! {
        p class="way" { a href={ (root) "/ui/runs" } { "All runs" } }
        h1 { "Run " (id) }
        div id="run" data-events=[events] {
            (standing(&run, &rows))
            (problems(&run, &rows))
            (picture(&rows))
            (log(&run))
            (table(&rows))
        }
    };
    let page = Page::new(Section::Runs, format!("Run {id}"), content);
    if is_live { page.kept_up_to_date("run.js") } else { page }.answer(&call)
}

fn standing(run: &RunRecord, rows: &[Row]) -> Markup {
    let done = rows.iter().filter(|row| !matches!(row.state, "waiting" | "running" | "unknown")).count();
    html! {
        p { (badge(run.status.name())) " " span id="done" { (done) } " of " (count(rows.len(), "step")) " done"
            span id="doing" role="status" {}
        }
        dl class="facts" {
            dt { "Target" } dd { (run.target) }
            dt { "Started" } dd { (moment(run.started_at)) }
            @if let Some(took) = took(run) { dt { "Took" } dd { (duration(took)) } }
        }
    }
}

fn problems(run: &RunRecord, rows: &[Row]) -> Markup {
    let wrong: Vec<&Row> = rows.iter().filter(|row| matches!(row.state, "failed" | "warned")).collect();
    let told = |step: &str| wrong.iter().any(|row| row.node == step && row.message.is_some());
    let other = run.error.as_deref().filter(|_| !run.failed_step.as_deref().is_some_and(told));
    html! {
        @if !wrong.is_empty() || other.is_some() {
            section aria-labelledby="problems" {
                h2 id="problems" { "What went wrong" }
                @if let Some(error) = other {
                    div class="notice bad" { strong { (run.failed_step.as_deref().unwrap_or("The run")) } (placed(error)) (excerpt(&run.excerpt)) }
                }
                @for row in &wrong {
                    div class={ "notice" @if row.state == "failed" { " bad" } } {
                        strong { (row.node) } " " (badge(row.state))
                        (placed(row.message.as_deref().unwrap_or_default()))
                        (excerpt(&row.excerpt))
                    }
                }
            }
        }
    }
}

/// A message with the place that it begins with set apart.
fn placed(message: &str) -> Markup {
    let place = message.split_once(": ").filter(|(place, _)| is_place(place));
    html! {
        @match place {
            Some((place, rest)) => { p { code { (place) } } p { (rest) } },
            None => p { (message) },
        }
    }
}

/// The lines of the project where it went wrong.
fn excerpt(lines: &Option<String>) -> Markup {
    html! {
        @if let Some(lines) = lines {
            pre tabindex="0" role="region" aria-label="The place in the file" { code { (lines) } }
        }
    }
}

/// `models/stage/orders.sql:5:15`
fn is_place(text: &str) -> bool {
    let mut parts = text.rsplitn(3, ':');
    let mut number = || parts.next().is_some_and(|part| part.parse::<usize>().is_ok());
    number() && number() && parts.next().is_some_and(|file| !file.is_empty())
}

fn picture(rows: &[Row]) -> Markup {
    let states = with_tests(rows);
    // Tests come after all that is built.
    let built: Vec<usize> = (0..rows.len()).filter(|place| !rows[*place].is_test()).collect();
    let mut tests = vec![0; rows.len()];
    for row in rows.iter().filter(|row| row.is_test()) {
        row.parents.iter().max().into_iter().for_each(|home| tests[*home] += 1);
    }
    let position = |place: &usize| built.binary_search(place).ok();
    let parents: Vec<Vec<usize>> =
        built.iter().map(|place| rows[*place].parents.iter().filter_map(position).collect()).collect();
    let nodes: Vec<Node> = built
        .iter()
        .map(|place| {
            let row = &rows[*place];
            let tested =
                if tests[*place] > 0 { format!(", {}", count(tests[*place], "test")) } else { String::new() };
            Node {
                label: row.node.clone(),
                note: format!("{}{tested}", row.kind),
                state: states[*place],
                link: None,
            }
        })
        .collect();
    let caption = "The nodes of this run and what each is made from; the table below has the same";
    html! {
        @if (2..=DOTTED).contains(&nodes.len()) {
            section aria-labelledby="graph" {
                h2 id="graph" { "The graph" }
                @if nodes.len() <= DRAWN { (graph(caption, &nodes, &parents)) } @else { (dots(caption, &nodes, &parents)) }
            }
        }
    }
}

/// What began and ended when, and what the run told of itself; the newest lines if they are many.
fn log(run: &RunRecord) -> Markup {
    let lines = run_log::log(run);
    let skipped = lines.len().saturating_sub(LISTED);
    html! {
        section aria-labelledby="log-title" {
            h2 id="log-title" { "The log" }
            @if skipped > 0 { p class="quiet" { (skipped) " earlier lines are at " code { "/runs/" (run.id) } "." } }
            div class="log scroll" tabindex="0" role="region" aria-label="The log of this run" {
                ol id="log" { @for line in lines.iter().skip(skipped) {
                    li { time datetime=(line.at) { (line.at.strftime("%H:%M:%S")) } " " (line.text) }
                } }
            }
        }
    }
}

fn table(rows: &[Row]) -> Markup {
    html! {
        section aria-labelledby="steps" {
            h2 id="steps" { "The steps" }
            (scrolled("The steps of this run", html! { table {
                thead { tr {
                    th scope="col" { "Step" } th scope="col" { "Kind" } th scope="col" { "State" }
                    th scope="col" class="number" { "Rows" } th scope="col" class="number" { "Took" } th scope="col" { "Why" }
                } }
                tbody { @for row in rows.iter().take(LISTED) { tr data-node=(row.node) {
                    th scope="row" { (row.node) }
                    td { (row.kind) }
                    td class="is" { (badge(row.state)) }
                    td class="number rows" { (row.rows.map(thousands).unwrap_or_default()) }
                    td class="number took" { (row.duration_ms.map(duration).unwrap_or_default()) }
                    // What went wrong stands above, whole.
                    td { @if row.state == "skipped" { (row.message.as_deref().unwrap_or_default()) } }
                } } }
            } }))
            @if rows.len() > LISTED { p class="quiet" { "And " (rows.len() - LISTED) " more." } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_set_apart_only_where_there_is_one() {
        let told = |message| placed(message).into_string();
        assert_eq!(
            told("models/a.sql:5:15: column \"x\": no"),
            "<p><code>models/a.sql:5:15</code></p><p>column &quot;x&quot;: no</p>"
        );
        assert_eq!(told("error: 3:4: x"), "<p>error: 3:4: x</p>");
        assert_eq!(told("plain"), "<p>plain</p>");
    }
}
