//! The pages around the charts.

use maud::{Markup, html};

use super::Panel;
use super::chart;
use super::data::Data;
use crate::endpoint::ChartKind;
use crate::service::pages::address;
use crate::service::pages::frame::{Page, Section};
use crate::service::pages::table::{Column, table};
use crate::service::pages::text::{count, title};

pub fn list(links: Markup) -> Page {
    Page::new(Section::Boards, "Boards", html! { h1 { "Boards" } (links) })
}

pub fn links(folder: &str, boards: &[(&str, usize)]) -> Markup {
    html! {
        @if boards.is_empty() {
            p { "No published model has a " code { "chart" } " yet." }
        } @else {
            ul class="list" {
                @for (name, charts) in boards {
                    li { a href={ (folder) (address(name)) } { (title(name)) } " " span class="quiet" { (count(*charts, "chart")) } }
                }
            }
        }
    }
}

pub fn board(name: &str, panels: Markup) -> Page {
    Page::new(Section::Boards, title(name), html! { h1 { (title(name)) } (panels) })
}

pub fn panels(panels: &[Panel<'_>], root: &str) -> Markup {
    html! {
        div class="panels" {
            @for (number, panel) in panels.iter().enumerate() { (self::panel(number, panel, root)) }
        }
    }
}

fn panel(number: usize, panel: &Panel<'_>, root: &str) -> Markup {
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
            @if !endpoint.summary.is_empty() && endpoint.summary.trim_end_matches('.') != heading {
                p class="quiet" { (endpoint.summary) }
            }
            @if let (ChartKind::Bar | ChartKind::Line | ChartKind::Area | ChartKind::Scatter, false) =
                (panel.chart.kind, panel.chart.unit.is_empty()) {
                p class="quiet" { "In " (panel.chart.unit) }
            }
            @match &panel.data {
                Err(why) => p class="notice" { (why) },
                Ok(data) if data.rows.is_empty() => p class="notice" { "There are no rows." },
                Ok(data) => {
                    (figures(panel, data, &heading))
                    @if data.is_cut { (cut(panel.chart.kind, data.rows.len())) }
                },
            }
            p class="quiet source" {
                // One with parameters in its path has no page to be shown without them.
                @if !endpoint.path.contains('{') { a href={ (root) (endpoint.path) } { "JSON" } " at " }
                code { (endpoint.path) }
            }
        }
    }
}

/// Says that these are not all rows: whoever looks would take them for all.
fn cut(kind: ChartKind, rows: usize) -> Markup {
    html! {
        @if kind == ChartKind::Table { p class="quiet" { "The first " (count(rows, "row")) "." } }
        @else { p class="notice" { "Drawn from the first " (rows) " rows only; there are more." } }
    }
}

/// The picture, and behind it the same as a table.
fn figures(panel: &Panel<'_>, data: &Data, heading: &str) -> Markup {
    let picture = chart::draw(panel.chart, data, heading);
    html! {
        @match picture {
            Some(picture) => {
                (picture)
                details { summary { "The figures" } (figures_table(data, heading)) }
            },
            None => (figures_table(data, heading)),
        }
    }
}

fn figures_table(data: &Data, heading: &str) -> Markup {
    let columns: Vec<Column<'_>> = data
        .columns
        .iter()
        .zip(&data.numeric)
        .map(|(name, is_number)| Column { name, is_number: *is_number })
        .collect();
    table(heading, &columns, &data.rows)
}
