//! What a run writes down while it goes: its nodes as they end, what it is working on, its log.

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};

use super::history::STATUS;
use super::{DatabaseError, Session};
use crate::pipeline::{Doing, LogLine, NodeRecord, NodeStatus};

/// Writes the nodes of a run from the `from`-th on, in one statement. What is written already stays.
pub async fn record_nodes(
    session: &Session,
    run: i64,
    from: usize,
    nodes: &[NodeRecord],
) -> Result<(), DatabaseError> {
    let nodes = nodes.get(from..).unwrap_or_default();
    if nodes.is_empty() {
        return Ok(());
    }
    let sql = "insert into elt.run_nodes (run_id, position, node, kind, status, row_count, duration_ms, message, \
                 started_at, excerpt) \
               select $1, n.* from unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::bigint[], \
               $7::bigint[], $8::text[], $9::timestamptz[], $10::text[]) as n on conflict do nothing";
    let column = |of: fn(&NodeRecord) -> &str| nodes.iter().map(of).collect::<Vec<&str>>();
    let text = |of: fn(&NodeRecord) -> Option<&str>| nodes.iter().map(of).collect::<Vec<Option<&str>>>();
    let rows: Vec<Option<i64>> = nodes.iter().map(|node| node.rows).collect();
    let durations: Vec<i64> = nodes.iter().map(|node| node.duration_ms).collect();
    let started: Vec<Option<Timestamp>> = nodes.iter().map(|node| node.started_at).collect();
    let values: [&(dyn ToSql + Sync); 10] = [
        &run,
        &positions(from, nodes.len()),
        &column(|node| &node.node),
        &column(|node| &node.kind),
        &column(|node| node.status.name()),
        &rows,
        &durations,
        &text(|node| node.message.as_deref()),
        &started,
        &text(|node| node.excerpt.as_deref()),
    ];
    session.client.execute(sql, &values).await?;
    Ok(())
}

/// Writes what a run is working on.
pub async fn record_doing(session: &Session, run: i64, doing: &[Doing]) -> Result<(), DatabaseError> {
    session.client.execute("update elt.runs set doing = $2 where id = $1", &[&run, &Json(doing)]).await?;
    Ok(())
}

/// Writes lines of a run's log, the first as the `from`-th.
pub async fn record_log(
    session: &Session,
    run: i64,
    from: usize,
    lines: &[LogLine],
) -> Result<(), DatabaseError> {
    let sql = "insert into elt.run_log (run_id, position, at, text) \
               select $1, l.* from unnest($2::int[], $3::timestamptz[], $4::text[]) as l on conflict do nothing";
    let at: Vec<Timestamp> = lines.iter().map(|line| line.at).collect();
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    session.client.execute(sql, &[&run, &positions(from, lines.len()), &at, &texts]).await?;
    Ok(())
}

fn positions(from: usize, count: usize) -> Vec<i32> {
    (i32::try_from(from).unwrap_or(i32::MAX)..).take(count).collect()
}

/// The nodes of a run that have ended, from the `from`-th on.
pub async fn nodes(session: &Session, run: i64, from: i32) -> Result<Vec<NodeRecord>, DatabaseError> {
    let sql = "select node, kind, status, row_count, duration_ms, message, started_at, excerpt from elt.run_nodes \
               where run_id = $1 and position >= $2 order by position";
    Ok(session.client.query(sql, &[&run, &from]).await?.iter().map(node).collect())
}

pub(super) fn node(row: &Row) -> NodeRecord {
    NodeRecord {
        node: row.get(0),
        kind: row.get(1),
        status: NodeStatus::named(row.get(2)).unwrap_or(NodeStatus::Skipped),
        rows: row.get(3),
        duration_ms: row.get(4),
        message: row.get(5),
        started_at: row.get(6),
        excerpt: row.get(7),
    }
}

/// The lines of a run's log from the `from`-th on.
pub async fn log(session: &Session, run: i64, from: i32) -> Result<Vec<LogLine>, DatabaseError> {
    let sql = "select at, text from elt.run_log where run_id = $1 and position >= $2 order by position";
    let lines = session.client.query(sql, &[&run, &from]).await?;
    Ok(lines.iter().map(|row| LogLine { at: row.get(0), text: row.get(1) }).collect())
}

/// What a run is working on; `None` once it has ended.
pub async fn doing(session: &Session, run: i64) -> Result<Option<Vec<Doing>>, DatabaseError> {
    let sql = format!("select coalesce(doing, '[]') from elt.runs where id = $1 and {STATUS} = 'running'");
    let Some(row) = session.client.query_opt(&sql, &[&run]).await? else { return Ok(None) };
    let doing: Json<Vec<Doing>> = row.try_get(0)?;
    Ok(Some(doing.0))
}
