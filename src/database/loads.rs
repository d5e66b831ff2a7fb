//! The record of loads: what came from where, and how far incremental ones have come.

use std::collections::HashMap;

use tokio_postgres::types::ToSql;

use super::{DatabaseError, Session};

/// Where a loaded table's rows came from.
#[derive(Debug, Clone)]
pub struct LoadRecord {
    pub node: String,
    pub location: String,
    pub bytes: i64,
    pub rows: i64,
    pub sha256: Option<String>,
    pub from_cache: bool,
    pub duration_ms: i64,
    /// Rows were added to the table that was there.
    pub added: bool,
    pub cursor: Option<String>,
    /// A hash of what was asked of the source.
    pub asked: String,
    /// Name and version of the files of a load that goes by file.
    pub files: Vec<(String, String)>,
}

/// How far the loads of one table have come since it was last loaded whole.
#[derive(Debug, Clone, Default)]
pub struct LoadState {
    /// The greatest value so far.
    pub cursor: Option<String>,
    /// From where the next one is to go on; earlier than the greatest value where it is to look back.
    pub from: Option<String>,
    /// The version of each file that is in the table.
    pub files: HashMap<String, String>,
}

/// Writes a load. It counts from the moment its run succeeds.
pub async fn record(session: &Session, run: i64, load: &LoadRecord) -> Result<(), DatabaseError> {
    let sql = "insert into elt.loads (run_id, node, location, bytes, row_count, sha256, from_cache, \
               duration_ms, added, cursor_value, asked) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values: [&(dyn ToSql + Sync); 11] = [
        &run,
        &load.node,
        &load.location,
        &load.bytes,
        &load.rows,
        &load.sha256,
        &load.from_cache,
        &load.duration_ms,
        &load.added,
        &load.cursor,
        &load.asked,
    ];
    session.client.execute(sql, &values).await?;
    if !load.files.is_empty() {
        let sql = "insert into elt.load_files (run_id, node, file, version) \
                   select $1, $2, f.* from unnest($3::text[], $4::text[]) as f";
        let (files, versions): (Vec<&str>, Vec<&str>) =
            load.files.iter().map(|(file, version)| (file.as_str(), version.as_str())).unzip();
        session.client.execute(sql, &[&run, &load.node, &files, &versions]).await?;
    }
    Ok(())
}

/// What published loads of `node` from `location` have brought since the last whole one; nothing where there
/// was none, or the last one came from elsewhere or asked for something else.
pub async fn state(
    session: &Session,
    prod_schema: &str,
    node: &str,
    location: &str,
    asked: &str,
) -> Result<Option<LoadState>, DatabaseError> {
    let sql = "with good as ( \
                 select l.run_id, l.added, l.location, l.asked, l.cursor_value from elt.loads l \
                 join elt.runs r on r.id = l.run_id \
                 where r.status = 'succeeded' and r.prod_schema = $1 and l.node = $2 \
               ), since as ( \
                 select g.* from good g where g.run_id >= (select max(run_id) from good where not added) \
               ) \
               select s.run_id, s.cursor_value, s.location = $3 and coalesce(s.asked, $4) = $4 from since s order by s.run_id";
    let loads = session.client.query(sql, &[&prod_schema, &node, &location, &asked]).await?;
    if loads.is_empty() || !loads.iter().all(|load| load.get::<_, bool>(2)) {
        return Ok(None);
    }
    let cursor: Option<String> = loads.iter().rev().find_map(|load| load.get(1));
    let runs: Vec<i64> = loads.iter().map(|load| load.get(0)).collect();
    let sql = "select distinct on (file) file, version from elt.load_files \
               where run_id = any($1) and node = $2 order by file, run_id desc";
    let files = session.client.query(sql, &[&runs, &node]).await?;
    let files = files.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(Some(LoadState { from: cursor.clone(), cursor, files }))
}
