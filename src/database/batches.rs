//! Tables that are built a batch of time after another and did not come to their end: where they stand, and which
//! batches are in them, for `elt retry` to go on from.

use std::collections::HashSet;

use super::catalog::relation;
use super::{DatabaseError, Session};
use crate::name::{Ident, Relation, literal};

/// A table of batches whose run did not publish. Times are texts, as `2024-05-31T00:00:00`.
#[derive(Debug, Clone)]
pub struct BegunBatches {
    /// In whose schema it stands.
    pub run: i64,
    pub begun_by: i64,
    pub relation: Relation,
    pub identity: String,
    /// From when until before when its batches are.
    pub period: [String; 2],
    /// Those that are in it, by their beginnings.
    pub built: HashSet<String>,
    /// Of all these.
    pub rows: i64,
}

/// Writes down that `run` makes such a table; in the transaction that makes it.
pub async fn begin(
    session: &Session,
    (run, node): (i64, &str),
    relation: &Relation,
    identity: &str,
    [start, end]: [&str; 2],
) -> Result<(), DatabaseError> {
    let sql = "insert into elt.begun_batches (run_id, node, schema_name, name, begun_by, identity, period_start, \
               period_end) values ($1, $2, $3, $4, $1, $5, $6, $7)";
    let (schema, name) = (relation.schema.as_str(), relation.name.as_str());
    session.client.execute(sql, &[&run, &node, &schema, &name, &identity, &start, &end]).await?;
    Ok(())
}

/// Writes down that the rows of a batch have come; in the transaction in which they came.
pub async fn add(
    session: &Session,
    (run, node): (i64, &str),
    batch: &str,
    rows: i64,
) -> Result<(), DatabaseError> {
    let sql = "insert into elt.built_batches (run_id, node, batch, row_count) values ($1, $2, $3, $4)";
    session.client.execute(sql, &[&run, &node, &batch, &rows]).await?;
    Ok(())
}

/// What another run left of a node.
pub async fn find(
    session: &Session,
    prod_schema: &str,
    node: &str,
) -> Result<Option<BegunBatches>, DatabaseError> {
    let sql = "select b.run_id, b.begun_by, b.schema_name, b.name, b.identity, b.period_start, b.period_end, \
                 coalesce(array_agg(d.batch) filter (where d.batch is not null), '{}'), \
                 coalesce(sum(d.row_count), 0)::bigint \
               from elt.begun_batches b join elt.runs r on r.id = b.run_id \
               left join elt.built_batches d on d.run_id = b.run_id and d.node = b.node \
               where r.prod_schema = $1 and b.node = $2 \
               group by b.run_id, b.node order by b.run_id desc limit 1";
    let row = session.client.query_opt(sql, &[&prod_schema, &node]).await?;
    row.map(|row| {
        Ok(BegunBatches {
            run: row.get(0),
            begun_by: row.get(1),
            relation: relation(row.get(2), row.get(3))?,
            identity: row.get(4),
            period: [row.get(5), row.get(6)],
            built: row.get::<_, Vec<String>>(7).into_iter().collect(),
            rows: row.get(8),
        })
    })
    .transpose()
}

/// Moves the table to where `run` builds, with all that is known of it: all of that or nothing.
pub async fn take(
    session: &Session,
    (begun, node): (&BegunBatches, &str),
    to: &Relation,
    run: i64,
) -> Result<(), DatabaseError> {
    let sql = format!(
        "{}; update elt.begun_batches set run_id = {run}, schema_name = {}, name = {} \
           where run_id = {} and node = {}",
        begun.relation.moves("table", to).join("; "),
        literal(to.schema.as_str()),
        literal(to.name.as_str()),
        begun.run,
        literal(node),
    );
    session.take_over(&sql).await
}

/// From now on what `run` has of a node is no half-built table any more.
pub async fn forget_node(session: &Session, (run, node): (i64, &str)) -> Result<(), DatabaseError> {
    let sql = "delete from elt.begun_batches where run_id = $1 and node = $2";
    session.client.execute(sql, &[&run, &node]).await?;
    Ok(())
}

/// How many batches are kept.
pub async fn count(session: &Session, prod_schema: &str) -> Result<i64, DatabaseError> {
    let sql = "select count(*) from elt.built_batches b join elt.runs r on r.id = b.run_id \
               where r.prod_schema = $1";
    Ok(session.client.query_one(sql, &[&prod_schema]).await?.get(0))
}

/// The names of such tables in a schema.
pub async fn names_in(session: &Session, schema: &Ident) -> Result<Vec<String>, DatabaseError> {
    let sql = "select name from elt.begun_batches where schema_name = $1";
    let rows = session.client.query(sql, &[&schema.as_str()]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
