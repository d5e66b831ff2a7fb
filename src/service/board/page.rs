//! The pages around the charts.

use maud::{DOCTYPE, Markup, html};

use super::Panel;
use super::chart;
use super::data::Data;
use crate::endpoint::ChartKind;
use crate::service::snapshot::Snapshot;

pub fn list(boards: &[(&str, usize)], snapshot: &Snapshot) -> Markup {
    frame(
        "Boards",
        "..",
        snapshot,
        html! {
            h1 { "Boards" }
            @if boards.is_empty() {
                p { "No published model has a " code { "chart" } " yet." }
            }
            ul class="boards" {
                @for (name, charts) in boards {
                    li { a href={ (name) } { (title(name)) } " " span class="quiet" { (charts) @if *charts == 1 { " chart" } @else { " charts" } } }
                }
            }
        },
    )
}

pub fn board(name: &str, panels: &[Panel<'_>], snapshot: &Snapshot) -> Markup {
    frame(
        &title(name),
        "..",
        snapshot,
        html! {
            h1 { (title(name)) }
            div class="panels" {
                @for (number, panel) in panels.iter().enumerate() { (self::panel(number, panel)) }
            }
        },
    )
}

fn panel(number: usize, panel: &Panel<'_>) -> Markup {
    let endpoint = &panel.published.endpoint;
    let heading = if panel.chart.title.is_empty() {
        title(&panel.published.relation)
    } else {
        panel.chart.title.clone()
    };
    let wide = matches!(panel.chart.kind, ChartKind::Table | ChartKind::Tile);
    html! {
        section class={ "panel" @if wide { " wide" } } aria-labelledby={ "panel-" (number) } {
            h2 id={ "panel-" (number) } { (heading) }
            @if !endpoint.summary.is_empty() { p class="quiet" { (endpoint.summary) } }
            @match &panel.data {
                Err(why) => p class="notice" { (why) },
                Ok(data) if data.rows.is_empty() => p class="notice" { "There are no rows." },
                Ok(data) => (figures(panel, data, &heading)),
            }
            p class="quiet source" { a href={ ".." (endpoint.path) } { "JSON" } " at " code { (endpoint.path) } }
        }
    }
}

/// The picture, and behind it the same as a table.
fn figures(panel: &Panel<'_>, data: &Data, heading: &str) -> Markup {
    let picture = chart::draw(panel.chart, data, heading);
    html! {
        @match picture {
            Some(picture) => {
                (picture)
                details { summary { "The figures" } (table(data, heading)) }
            },
            None => (table(data, heading)),
        }
    }
}

fn table(data: &Data, heading: &str) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label={ (heading) ", as a table" } {
            table {
                thead { tr {
                    @for (place, column) in data.columns.iter().enumerate() {
                        th scope="col" class=[data.numeric[place].then_some("number")] { (title(column)) }
                    }
                } }
                tbody { @for row in &data.rows { tr {
                    @for (place, field) in row.iter().enumerate() {
                        td class=[data.numeric.get(place).copied().unwrap_or(false).then_some("number")] {
                            (field.as_deref().unwrap_or_default())
                        }
                    }
                } } }
            }
        }
    }
}

/// `monthly_revenue` as a person writes it.
fn title(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => words,
    }
}

/// `root`: the way from the page to the service's first path, so that it also works behind a proxy.
fn frame(heading: &str, root: &str, snapshot: &Snapshot, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (heading) " - elt" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href={ (root) "/assets/board.css" };
            }
            body {
                a class="skip" href="#content" { "To the content" }
                header {
                    strong { "elt" }
                    nav aria-label="Pages" {
                        a href={ (root) "/boards/" } { "Boards" }
                        a href={ (root) "/docs/" } { "API" }
                        a href={ (root) "/runs" } { "Runs" }
                    }
                }
                main id="content" { (content) }
                footer class="quiet" {
                    "Published by run " (snapshot.run_id) ", "
                    time datetime=(snapshot.published_at) { (snapshot.published_at.strftime("%Y-%m-%d %H:%M UTC")) }
                }
            }
        }
    }
}
