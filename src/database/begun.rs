//! Loads that have not come to their end: where their tables stand, and what is in them, for the next load to go
//! on from.

use tokio_postgres::types::ToSql;

use super::catalog::relation;
use super::{DatabaseError, Session};
use crate::name::{Ident, Relation, literal};

/// A load that has not come to its end.
#[derive(Debug, Clone)]
pub struct BegunLoad {
    /// Which was at it.
    pub run: i64,
    /// Half filled.
    pub relation: Relation,
    /// `None` where nobody can go on from it.
    pub identity: Option<String>,
}

/// A file whose rows are in such a table.
#[derive(Debug, Clone)]
pub struct BegunFile {
    pub file: String,
    pub version: String,
    pub rows: i64,
    pub bad_rows: i64,
    pub bytes: i64,
    pub sha256: Option<String>,
    pub from_cache: bool,
    pub said: Vec<String>,
    pub never_came: Option<Vec<String>>,
}

/// Writes down that a load is under way. Those before it of the same node are no use any more.
pub async fn begin(
    session: &Session,
    prod_schema: &str,
    (run, node): (i64, &str),
    relation: &Relation,
    identity: Option<&str>,
) -> Result<(), DatabaseError> {
    forget_node(session, prod_schema, node).await?;
    let sql = "insert into elt.begun_loads (run_id, node, schema_name, name, identity) \
               values ($1, $2, $3, $4, $5)";
    let (schema, name) = (relation.schema.as_str(), relation.name.as_str());
    session.client.execute(sql, &[&run, &node, &schema, &name, &identity]).await?;
    Ok(())
}

/// The load of a node that another run began and did not end.
pub async fn find(
    session: &Session,
    prod_schema: &str,
    node: &str,
) -> Result<Option<BegunLoad>, DatabaseError> {
    let sql = "select b.run_id, b.schema_name, b.name, b.identity from elt.begun_loads b \
               join elt.runs r on r.id = b.run_id \
               where r.prod_schema = $1 and b.node = $2 order by b.run_id desc limit 1";
    let row = session.client.query_opt(sql, &[&prod_schema, &node]).await?;
    row.map(|row| {
        Ok(BegunLoad { run: row.get(0), relation: relation(row.get(1), row.get(2))?, identity: row.get(3) })
    })
    .transpose()
}

/// Moves a half-filled table to where this run builds, with all that is known of it: all of that or nothing.
pub async fn take(
    session: &Session,
    (begun, node): (&BegunLoad, &str),
    to: &Relation,
    run: i64,
) -> Result<(), DatabaseError> {
    let (from, node) = (&begun.relation, literal(node));
    let rename = match from.name == to.name {
        true => String::new(),
        false => format!("alter table {from} rename to {}; ", to.name),
    };
    let sql = format!(
        "{rename}\
         alter table {moved} set schema {schema}; \
         update elt.begun_loads set run_id = {run}, schema_name = {schema_name}, name = {name} \
           where run_id = {before} and node = {node}; \
         update elt.bad_rows set run_id = {run} where run_id = {before} and node = {node}",
        moved = Relation::new(from.schema.clone(), to.name.clone()),
        schema = to.schema,
        schema_name = literal(to.schema.as_str()),
        name = literal(to.name.as_str()),
        before = begun.run,
    );
    session.take_over(&sql).await
}

/// Writes down that all rows of a file have come; in the transaction in which they came.
pub async fn add_file(
    session: &Session,
    run: i64,
    node: &str,
    file: &BegunFile,
) -> Result<(), DatabaseError> {
    let sql = "insert into elt.begun_load_files (run_id, node, file, version, row_count, bad_rows, bytes, \
               sha256, from_cache, said, never_came) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values: [&(dyn ToSql + Sync); 11] = [
        &run,
        &node,
        &file.file,
        &file.version,
        &file.rows,
        &file.bad_rows,
        &file.bytes,
        &file.sha256,
        &file.from_cache,
        &file.said,
        &file.never_came,
    ];
    session.client.execute(sql, &values).await?;
    Ok(())
}

/// The files whose rows are in the table of a run.
pub async fn files(session: &Session, run: i64, node: &str) -> Result<Vec<BegunFile>, DatabaseError> {
    let sql = "select file, version, row_count, bad_rows, bytes, sha256, from_cache, said, never_came \
               from elt.begun_load_files where run_id = $1 and node = $2 order by file";
    let rows = session.client.query(sql, &[&run, &node]).await?;
    let file = |row: &tokio_postgres::Row| BegunFile {
        file: row.get(0),
        version: row.get(1),
        rows: row.get(2),
        bad_rows: row.get(3),
        bytes: row.get(4),
        sha256: row.get(5),
        from_cache: row.get(6),
        said: row.get(7),
        never_came: row.get(8),
    };
    Ok(rows.iter().map(file).collect())
}

/// All has come, or nobody is to go on from what has.
pub async fn forget_node(session: &Session, prod_schema: &str, node: &str) -> Result<(), DatabaseError> {
    let sql = "delete from elt.begun_loads b using elt.runs r \
               where r.id = b.run_id and r.prod_schema = $1 and b.node = $2";
    session.client.execute(sql, &[&prod_schema, &node]).await?;
    Ok(())
}

/// From now on what is left of loads of other nodes than these is litter.
pub async fn forget_but(session: &Session, prod_schema: &str, nodes: &[String]) -> Result<(), DatabaseError> {
    let sql = "delete from elt.begun_loads b using elt.runs r \
               where r.id = b.run_id and r.prod_schema = $1 and b.node <> all($2)";
    session.client.execute(sql, &[&prod_schema, &nodes]).await?;
    Ok(())
}

/// The names of the half-filled tables in a schema that somebody can go on from.
pub async fn names_in(session: &Session, schema: &Ident) -> Result<Vec<String>, DatabaseError> {
    let sql = "select name from elt.begun_loads where schema_name = $1 and identity is not null";
    let rows = session.client.query(sql, &[&schema.as_str()]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
