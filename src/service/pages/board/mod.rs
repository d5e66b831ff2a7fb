//! Boards: the charts of published endpoints on one page for each domain, drawn on the server as SVG. Nothing
//! runs in the browser, and each picture has its figures as a table.

mod chart;
mod data;
mod drawn;
mod page;

use std::collections::BTreeMap;

use futures_util::future::join_all;
use maud::Markup;
use percent_encoding::percent_decode_str;

use super::{root, snapshot};
use crate::endpoint::{Cache, Chart, ChartKind, Published};
use crate::service::routes::{Answer, Call, nothing_here};
use crate::service::snapshot::Snapshot;
use data::Data;
pub use drawn::Drawn;

/// Rows that a picture shows at most.
const ROWS: u64 = 500;
/// Rows that a table shows: it is read, not looked at.
const TABLE_ROWS: u64 = 20;

/// A chart with what it shows, or why it cannot be shown.
struct Panel<'a> {
    published: &'a Published,
    chart: &'a Chart,
    data: Result<Data, &'static str>,
}

/// The boards there are.
pub async fn list(call: Call) -> Answer {
    let snapshot = snapshot(&call)?;
    page::list(list_of(&format!("{}/boards/", root(call.request.path())), &snapshot)).answer(&call)
}

/// One board.
pub async fn show(call: Call) -> Answer {
    let snapshot = snapshot(&call)?;
    let name = call.request.match_info().get("board").unwrap_or_default();
    let name = percent_decode_str(name).decode_utf8_lossy();
    let Some(charts) = boards(&snapshot).remove(&*name) else { return nothing_here() };
    let (run, root) = (snapshot.run_id, root(call.request.path()));
    if let Some(drawn) = call.state.boards.get(run, &name, &root) {
        return page::board(&name, drawn).answer(&call);
    }
    let lasts = charts.iter().all(|(published, _)| published.endpoint.cache() == Cache::Run);
    let panels = charts.into_iter().map(|(published, chart)| {
        let call = &call;
        async move { Panel { published, chart, data: data(call, published, chart).await } }
    });
    let panels = join_all(panels).await;
    let drawn = page::panels(&panels, &root);
    if lasts && panels.iter().all(|panel| panel.data.is_ok()) {
        call.state.boards.keep(run, &name, &root, drawn.clone());
    }
    page::board(&name, drawn).answer(&call)
}

/// Links to all boards; `folder` is the way to where they lie.
pub fn list_of(folder: &str, snapshot: &Snapshot) -> Markup {
    let boards = boards(snapshot);
    let boards: Vec<(&str, usize)> = boards.iter().map(|(name, charts)| (*name, charts.len())).collect();
    page::links(folder, &boards)
}

/// Charts by board, each in its place.
fn boards(snapshot: &Snapshot) -> BTreeMap<&str, Vec<(&Published, &Chart)>> {
    let mut boards: BTreeMap<&str, Vec<(&Published, &Chart)>> = BTreeMap::new();
    for published in &snapshot.endpoints {
        let Some(chart) = &published.endpoint.chart else { continue };
        let domain = published.domain.split('/').next().unwrap_or_default();
        let named = [chart.board.as_str(), domain, "overview"].into_iter().find(|name| !name.is_empty());
        boards.entry(named.unwrap_or_default()).or_default().push((published, chart));
    }
    for charts in boards.values_mut() {
        charts.sort_by_key(|(published, chart)| (chart.position, published.endpoint.path.clone()));
    }
    boards
}

/// The rows as a caller without any wishes would get them.
async fn data(call: &Call, published: &Published, chart: &Chart) -> Result<Data, &'static str> {
    let is_table = chart.kind == ChartKind::Table;
    // A table of the best five shows five; a picture of all months shows them all.
    let most = if is_table { TABLE_ROWS.min(published.endpoint.limit.default) } else { ROWS };
    // One more tells whether these are all.
    let query = data::query(published, &call.state.schema, most + 1)
        .ok_or("It needs parameters that a board has no values for.")?;
    let read = async {
        let mut rows = call.state.reader.rows(&query).await?;
        let mut fields = Vec::new();
        while let Some(row) = rows.next().await? {
            fields.push(row.fields);
        }
        Ok::<_, crate::database::RowsError>(fields)
    };
    let rows = read.await.map_err(|error| {
        tracing::warn!(%error, path = published.endpoint.path, "a chart cannot be drawn");
        "Its rows cannot be read at the moment."
    })?;
    Ok(Data::new(published, rows, usize::try_from(most).unwrap_or(usize::MAX)))
}
