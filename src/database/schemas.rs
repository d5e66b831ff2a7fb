//! The schemas beside those of the layers: which target publishes into each. What was published into one is still
//! known when no model names it any more.

use super::{DatabaseError, Session};

/// Takes note that a target publishes into `schemas`.
pub async fn claim(session: &Session, prod_schema: &str, schemas: &[&str]) -> Result<(), DatabaseError> {
    let sql =
        "insert into elt.schemas select name, $2 from unnest($1::text[]) as name on conflict do nothing";
    session.client.execute(sql, &[&schemas, &prod_schema]).await?;
    Ok(())
}

/// All that a target ever published into.
pub async fn claimed(session: &Session, prod_schema: &str) -> Result<Vec<String>, DatabaseError> {
    let sql = "select name from elt.schemas where prod_schema = $1";
    let rows = session.client.query(sql, &[&prod_schema]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Of `schemas` those that another target publishes into, each with that one's schema of prod.
pub async fn of_others(
    session: &Session,
    prod_schema: &str,
    schemas: &[&str],
) -> Result<Vec<(String, String)>, DatabaseError> {
    let sql =
        "select name, prod_schema from elt.schemas where name = any($1) and prod_schema <> $2 order by name";
    let rows = session.client.query(sql, &[&schemas, &prod_schema]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
