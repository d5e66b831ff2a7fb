//! What runs that did not publish had built, for the run that goes on from it.

use std::collections::HashMap;

use tokio_postgres::types::{Json, ToSql};

use super::catalog::relation;
use super::ledger::SHAPE;
use super::{DatabaseError, Session};
use crate::name::{Ident, Relation, literal};

/// A relation that stands in the schema of a run that did not publish.
#[derive(Debug, Clone)]
pub struct KeptNode {
    pub node: String,
    pub relation: Relation,
    /// In whose schema it stands.
    pub run: i64,
    /// Who built it.
    pub built_by: i64,
    pub fingerprint: String,
    pub inputs: String,
    pub content: Option<String>,
    /// What it reads of the same run, or of those that one went on from.
    pub parents: Vec<String>,
    pub rows: Option<i64>,
    pub duration_ms: Option<i64>,
}

/// Writes down what a run built, each as it stands by now. What earlier runs kept of the same nodes is no use
/// any more.
pub async fn record(
    session: &Session,
    prod_schema: &str,
    run: i64,
    nodes: &[KeptNode],
) -> Result<(), DatabaseError> {
    let sql = format!(
        "insert into elt.kept_nodes (run_id, built_by, node, schema_name, name, fingerprint, inputs, content, \
           parents, row_count, duration_ms, shape) \
         select $1, $1, k.node, k.schema_name, k.name, k.fingerprint, k.inputs, k.content, \
           array(select jsonb_array_elements_text(k.parents)), k.row_count, k.duration_ms, {SHAPE} \
         from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], \
           $7::text[], $8::bigint[], $9::bigint[], $10::jsonb[]) as k(node, schema_name, name, fingerprint, inputs, \
           content, row_count, duration_ms, parents) \
         join pg_namespace n on n.nspname = k.schema_name \
         join pg_class c on c.relnamespace = n.oid and c.relname = k.name on conflict do nothing"
    );
    let text = |of: fn(&KeptNode) -> &str| nodes.iter().map(of).collect::<Vec<&str>>();
    let labels = text(|one| &one.node);
    let contents: Vec<Option<&str>> = nodes.iter().map(|one| one.content.as_deref()).collect();
    let rows: Vec<Option<i64>> = nodes.iter().map(|one| one.rows).collect();
    let durations: Vec<Option<i64>> = nodes.iter().map(|one| one.duration_ms).collect();
    let parents: Vec<Json<&Vec<String>>> = nodes.iter().map(|one| Json(&one.parents)).collect();
    let values: [&(dyn ToSql + Sync); 10] = [
        &run,
        &labels,
        &text(|one| one.relation.schema.as_str()),
        &text(|one| one.relation.name.as_str()),
        &text(|one| &one.fingerprint),
        &text(|one| &one.inputs),
        &contents,
        &rows,
        &durations,
        &parents,
    ];
    session.client.execute(&sql, &values).await?;
    drop_rows(session, prod_schema, &labels, Some(run)).await
}

/// Takes back what was written of nodes: they must be built anew.
pub async fn distrust(session: &Session, prod_schema: &str, nodes: &[&str]) -> Result<(), DatabaseError> {
    let sql = "delete from elt.begun_batches b using elt.runs r where r.id = b.run_id and r.prod_schema = $1 \
               and b.node = any($2)";
    session.client.execute(sql, &[&prod_schema, &nodes]).await?;
    drop_rows(session, prod_schema, nodes, None).await
}

/// Takes back what reads nodes that are not kept any more.
pub async fn drop_baseless(session: &Session, prod_schema: &str) -> Result<(), DatabaseError> {
    let sql = "with mine as (select k.* from elt.kept_nodes k join elt.runs r on r.id = k.run_id \
                 where r.prod_schema = $1) \
               delete from elt.kept_nodes k using mine m where m.run_id = k.run_id and m.node = k.node \
               and exists (select from unnest(k.parents) as p where p not in (select node from mine))";
    while session.client.execute(sql, &[&prod_schema]).await? > 0 {}
    Ok(())
}

async fn drop_rows(
    session: &Session,
    prod_schema: &str,
    nodes: &[&str],
    but_of: Option<i64>,
) -> Result<(), DatabaseError> {
    let sql = "delete from elt.kept_nodes k using elt.runs r where r.id = k.run_id and r.prod_schema = $1 \
               and k.node = any($2) and k.run_id is distinct from $3";
    session.client.execute(sql, &[&prod_schema, &nodes, &but_of]).await?;
    Ok(())
}

/// Writes down which tests held, each with its fingerprint.
pub async fn record_tests(
    session: &Session,
    run: i64,
    tests: &[(String, String)],
) -> Result<(), DatabaseError> {
    let sql = "insert into elt.kept_tests (run_id, test, fingerprint) \
               select $1, k.* from unnest($2::text[], $3::text[]) as k on conflict do nothing";
    let (names, fingerprints): (Vec<&str>, Vec<&str>) =
        tests.iter().map(|(test, fingerprint)| (test.as_str(), fingerprint.as_str())).unzip();
    session.client.execute(sql, &[&run, &names, &fingerprints]).await?;
    Ok(())
}

/// What is kept and stands as it was built, by node.
pub async fn nodes(session: &Session, prod_schema: &str) -> Result<HashMap<String, KeptNode>, DatabaseError> {
    let sql = format!(
        "select k.node, k.schema_name, k.name, k.run_id, k.built_by, k.fingerprint, k.inputs, k.content, \
           k.row_count, k.duration_ms, k.parents \
         from elt.kept_nodes k join elt.runs r on r.id = k.run_id \
         join pg_namespace n on n.nspname = k.schema_name \
         join pg_class c on c.relnamespace = n.oid and c.relname = k.name \
         where r.prod_schema = $1 and k.shape = {SHAPE} order by k.run_id"
    );
    let rows = session.client.query(&sql, &[&prod_schema]).await?;
    let read = rows.iter().map(|row| {
        let node = KeptNode {
            node: row.get(0),
            relation: relation(row.get(1), row.get(2))?,
            run: row.get(3),
            built_by: row.get(4),
            fingerprint: row.get(5),
            inputs: row.get(6),
            content: row.get(7),
            rows: row.get(8),
            duration_ms: row.get(9),
            parents: row.get(10),
        };
        Ok((node.node.clone(), node))
    });
    read.collect()
}

/// The fingerprints of the tests that held, by test.
pub async fn tests(session: &Session, prod_schema: &str) -> Result<HashMap<String, String>, DatabaseError> {
    let sql = "select k.test, k.fingerprint from elt.kept_tests k join elt.runs r on r.id = k.run_id \
               where r.prod_schema = $1 order by k.run_id";
    let rows = session.client.query(sql, &[&prod_schema]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The names of what is kept in a schema.
pub async fn names_in(session: &Session, schema: &Ident) -> Result<Vec<String>, DatabaseError> {
    let sql = "select name from elt.kept_nodes where schema_name = $1";
    let rows = session.client.query(sql, &[&schema.as_str()]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// From now on all that other runs built is litter.
pub async fn forget_others(session: &Session, prod_schema: &str, run: i64) -> Result<(), DatabaseError> {
    for table in ["kept_nodes", "begun_batches"] {
        let sql = format!(
            "delete from elt.{table} k using elt.runs r where r.id = k.run_id and r.prod_schema = $1 \
             and k.run_id <> $2"
        );
        session.client.execute(&sql, &[&prod_schema, &run]).await?;
    }
    Ok(())
}

/// From now on all of it is litter.
pub async fn forget(session: &Session, prod_schema: &str) -> Result<(), DatabaseError> {
    for table in ["kept_nodes", "kept_tests", "begun_batches"] {
        let sql = format!(
            "delete from elt.{table} k using elt.runs r where r.id = k.run_id and r.prod_schema = $1"
        );
        session.client.execute(&sql, &[&prod_schema]).await?;
    }
    Ok(())
}

/// Moves a relation to where the run that goes on has it, with what is known of it. `kind` is what DDL calls it. All
/// of that or nothing.
pub async fn take(
    session: &Session,
    kept: &KeptNode,
    kind: &str,
    to: &Relation,
    run: i64,
) -> Result<(), DatabaseError> {
    let (from, node) = (kept.run, literal(&kept.node));
    let of_load =
        "node, location, bytes, row_count, sha256, from_cache, duration_ms, added, cursor_value, asked";
    let sql = format!(
        "{}; \
         update elt.kept_nodes set run_id = {run}, schema_name = {}, name = {} where run_id = {from} and node = {node}; \
         insert into elt.loads (run_id, {of_load}) \
           select {run}, {of_load} from elt.loads where run_id = {from} and node = {node}; \
         insert into elt.load_files (run_id, node, file, version) \
           select {run}, node, file, version from elt.load_files where run_id = {from} and node = {node}",
        kept.relation.moves(kind, to).join("; "),
        literal(to.schema.as_str()),
        literal(to.name.as_str()),
    );
    session.take_over(&sql).await
}
