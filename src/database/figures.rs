//! The runs of a prod schema in numbers, and what stands published by them.

use super::history::{self, STATUS, status_named};
use super::{DatabaseError, Session, progress};
use crate::pipeline::{Figures, NodeStatus, RunStatus};

pub async fn figures(session: &Session, prod_schema: &str) -> Result<Figures, DatabaseError> {
    let sql = format!(
        "select standing, count(*), max(id) from (select id, {STATUS} as standing from elt.runs where prod_schema = $1) as r \
         group by standing"
    );
    let rows = session.client.query(&sql, &[&prod_schema]).await?;
    let mut figures = Figures::default();
    let mut newest: Option<i64> = None;
    for row in &rows {
        let (status, count, last): (RunStatus, i64, i64) = (status_named(row.get(0)), row.get(1), row.get(2));
        if status == RunStatus::Running {
            figures.is_running = true;
            continue;
        }
        figures.ended.push((status, count.unsigned_abs()));
        newest = newest.max(Some(last));
    }
    if let Some(id) = newest {
        figures.last = history::summary(session, prod_schema, id).await?;
        figures.tests = tests(session, id).await?;
    }
    // What stands was built by some run, and not always by the newest.
    let sql = "select r.node, n.kind, n.status, n.row_count, n.duration_ms, null::text, n.started_at, null::text \
               from elt.relations r join elt.runs x on x.id = r.run_id and x.prod_schema = $1 \
               join elt.run_nodes n on n.node = r.node and n.run_id = r.run_id order by r.node";
    let published = session.client.query(sql, &[&prod_schema]).await?;
    figures.published = published.iter().map(progress::node).collect();
    Ok(figures)
}

async fn tests(session: &Session, run: i64) -> Result<Vec<(NodeStatus, u64)>, DatabaseError> {
    let sql = "select status, count(*) from elt.run_nodes where run_id = $1 and kind in ('test', 'unit test') \
               group by status";
    let rows = session.client.query(sql, &[&run]).await?;
    let count = |row: &tokio_postgres::Row| {
        let count: i64 = row.get(1);
        Some((NodeStatus::named(row.get(0))?, count.unsigned_abs()))
    };
    Ok(rows.iter().filter_map(count).collect())
}
