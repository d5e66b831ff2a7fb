//! One table of prod.

use maud::{Markup, html};
use percent_encoding::percent_decode_str;

use super::{address, family, is_of, overview, preview, rows_of, tables};
use crate::database::{Overview, Stored};
use crate::overview::{OverviewNode, OverviewTest};
use crate::service::pages::frame::{Page, Section};
use crate::service::pages::graph::graph;
use crate::service::pages::root;
use crate::service::pages::table::{Column, scrolled, table};
use crate::service::pages::text::{badge, count, thousands};
use crate::service::routes::{Answer, Call, nothing_here};

pub async fn one(call: Call) -> Answer {
    let asked = call.request.match_info().get("table").unwrap_or_default();
    let asked = percent_decode_str(asked).decode_utf8_lossy().into_owned();
    let overview = overview(&call).await?;
    let Some((node, stored)) = tables(&overview).into_iter().find(|(_, stored)| stored.shown() == asked)
    else {
        return nothing_here();
    };
    let root = root(call.request.path());
    let content = html! {
        p class="way" { a href={ (root) "/ui/data" } { "All tables" } }
        h1 { (stored.shown()) }
        @if !node.description.is_empty() { p { (node.description) } }
        dl class="facts" {
            dt { "Kind" } dd { (node.kind) }
            @if stored.rows.is_some() { dt { "Rows" } dd { "about " (rows_of(stored)) } }
            @for path in served(&call, stored) {
                dt { "Served at" } dd { @if path.contains('{') { code { (path) } } @else { a href={ (root) (path) } { code { (path) } } } }
            }
        }
        (columns(node, stored))
        (tests(&root, &overview, node))
        (lineage(&root, &overview, node))
        (rows(&call, stored).await)
    };
    Page::new(Section::Data, stored.shown(), content).answer(&call)
}

fn served(call: &Call, stored: &Stored) -> Vec<String> {
    let snapshot = call.state.snapshot.load();
    let published = snapshot.iter().flat_map(|snapshot| &snapshot.endpoints);
    published.filter(|one| is_of(one, stored)).map(|one| one.endpoint.path.clone()).collect()
}

fn columns(node: &OverviewNode, stored: &Stored) -> Markup {
    let described =
        |name: &str| node.columns.iter().find(|(column, _)| column == name).map(|(_, words)| words.as_str());
    html! {
        section aria-labelledby="columns" {
            h2 id="columns" { (count(stored.columns.len(), "column")) }
            (scrolled("The columns", html! { table {
                thead { tr { th scope="col" { "Column" } th scope="col" { "Type" } th scope="col" { "What it is" } } }
                tbody { @for column in &stored.columns { tr {
                    th scope="row" { (column.name) } td { (column.data_type) }
                    td class="told" { (described(&column.name).unwrap_or_default()) }
                } } }
            } }))
        }
    }
}

fn tests(root: &str, overview: &Overview, node: &OverviewNode) -> Markup {
    let tests: Vec<&OverviewTest> = overview.tests.iter().filter(|test| test.node == node.node).collect();
    html! {
        section aria-labelledby="tests" {
            h2 id="tests" { (count(tests.len(), "test")) }
            @if !tests.is_empty() { (scrolled("The tests", html! { table {
                thead { tr {
                    th scope="col" { "Test" } th scope="col" { "Column" } th scope="col" { "Result" }
                    th scope="col" class="number" { "Wrong rows" } th scope="col" { "In" }
                } }
                tbody { @for test in tests { tr {
                    th scope="row" { (test.name) } td { (test.column.as_deref().unwrap_or_default()) }
                    td { (badge(&test.status)) } td class="number" { (test.wrong.map(thousands).unwrap_or_default()) }
                    td { a href={ (root) "/ui/runs/" (test.run_id) } { "Run " (test.run_id) } }
                } } }
            } })) }
        }
    }
}

fn lineage(root: &str, overview: &Overview, node: &OverviewNode) -> Markup {
    let link = |relation: &str| format!("{root}/ui/data/{}", address(relation));
    let (nodes, parents) = family::of(overview, &node.node, &link);
    html! {
        section aria-labelledby="lineage" {
            h2 id="lineage" { "Where it comes from, and where it goes" }
            @if nodes.len() > 1 {
                (graph(&format!("What {} is made from, and what is made from it", node.node), &nodes, &parents))
            } @else { p { "Nothing else of the project takes part." } }
        }
    }
}

async fn rows(call: &Call, stored: &Stored) -> Markup {
    let shown = match preview::of(call, stored).await {
        Ok(shown) => shown,
        Err(why) => return html! { h2 { "First rows" } p class="notice" { (why) } },
    };
    let columns: Vec<Column<'_>> =
        shown.columns.iter().map(|(name, is_number)| Column { name, is_number: *is_number }).collect();
    html! {
        section aria-labelledby="rows" {
            h2 id="rows" { "First rows" }
            @if shown.rows.is_empty() { p { "There are no rows." } } @else { (table("The first rows", &columns, &shown.rows)) }
            @if shown.more_columns > 0 {
                p class="quiet" { "The first columns; there are " (shown.more_columns) " more." }
            }
        }
    }
}
