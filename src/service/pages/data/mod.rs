//! Data: the tables of prod, and one of them with its columns, tests, lineage and first rows. All of it is what
//! prod tells of itself, so it is of the same run as the rows.

mod family;
mod one;
mod page;
mod preview;

use std::collections::HashMap;

use maud::{Markup, html};

use super::frame::{Page, Section};
use super::table::scrolled;
use super::text::{badge, short, thousands};
use super::{address, root};
use crate::database::{Overview, Stored};
use crate::endpoint::Published;
use crate::overview::OverviewNode;
use crate::service::exposed::unread;
use crate::service::problem::Problem;
use crate::service::routes::{Answer, Call};

pub use one::one;
use page::Asked;

/// Letters of a description that the list shows.
const WORDS: usize = 200;

pub async fn list(call: Call) -> Answer {
    let overview = overview(&call).await?;
    let root = root(call.request.path());
    let tables = tables(&overview);
    let asked = Asked::read(call.request.query_string());
    let mut found = tables.clone();
    found.retain(|(node, stored)| asked.finds(&stored.shown(), &node.description));
    let content = html! {
        h1 { "Data" }
        (asked.form(tables.len()))
        @if tables.is_empty() { p { "Nothing is published yet." } }
        @else if found.is_empty() { p { "No table is called or described so. " a href="?" { "All tables" } } }
        @else {
            (scrolled("The tables of prod", html! { table {
                thead { tr {
                    th scope="col" { "Table" } th scope="col" { "What it holds" } th scope="col" { "Kind" }
                    th scope="col" class="number" { "Rows" } th scope="col" { "Tests" }
                } }
                tbody { @for (node, stored) in asked.shown(&found) { tr {
                    th scope="row" { a href={ (root) "/ui/data/" (address(&stored.shown())) } { (stored.shown()) } }
                    td class="told" { (short(node.description.lines().next().unwrap_or_default(), WORDS)) }
                    td { (node.kind) }
                    td class="number" { (rows_of(stored)) }
                    td { (tested(&overview, node)) }
                } } }
            } }))
            (asked.ways(found.len()))
            p class="quiet" { "Rows are counted by the statistics; views are not counted." }
        }
    };
    Page::new(Section::Data, "Data", content).answer(&call)
}

async fn overview(call: &Call) -> Result<Overview, Problem> {
    let read = call.state.reader.overview(&call.state.schema).await.map_err(|error| unread(&error))?;
    read.ok_or_else(|| call.state.no_snapshot())
}

/// What elt has published and still stands.
fn tables<'a>(overview: &'a Overview) -> Vec<(&'a OverviewNode, &'a Stored)> {
    let place = |stored: &'a Stored| ((stored.schema.as_deref(), stored.name.as_str()), stored);
    let stored: HashMap<_, _> = overview.stored.iter().map(place).collect();
    let stored =
        |node: &OverviewNode| stored.get(&(node.schema.as_deref(), node.relation.as_deref()?)).copied();
    overview.nodes.iter().filter_map(|node| Some((node, stored(node)?))).collect()
}

/// Whether an endpoint serves a relation.
fn is_of(published: &Published, stored: &Stored) -> bool {
    published.relation == stored.name && published.schema == stored.schema
}

fn rows_of(stored: &Stored) -> String {
    stored.rows.map(thousands).unwrap_or_default()
}

fn tested(overview: &Overview, node: &OverviewNode) -> Markup {
    let of_node = || overview.tests.iter().filter(|test| test.node == node.node);
    let (all, good) = (of_node().count(), of_node().filter(|test| test.status == "passed").count());
    html! {
        @match all {
            0 => {},
            all if all == good => { (badge("passed")) " " (all) },
            all => { (badge("warned")) " " (all - good) " of " (all) },
        }
    }
}
