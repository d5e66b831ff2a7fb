//! What PostgreSQL knows of relations, for who describes them to people.

use std::collections::HashMap;

use super::catalog::relation;
use super::{DatabaseError, Session};
use crate::name::Relation;

/// One relation as it stands.
#[derive(Debug, Clone)]
pub struct Described {
    pub relation: Relation,
    /// As in `pg_class.relkind`.
    pub kind: char,
    pub owner: String,
    pub comment: Option<String>,
    pub columns: Vec<DescribedColumn>,
    /// Of what holds rows: about how many, by the statistics.
    pub rows: Option<i64>,
    /// On disk, with indexes.
    pub bytes: i64,
}

#[derive(Debug, Clone)]
pub struct DescribedColumn {
    pub name: String,
    /// As `format_type` writes it.
    pub data_type: String,
    pub comment: Option<String>,
}

/// Those of `relations` that stand.
pub async fn described(session: &Session, relations: &[Relation]) -> Result<Vec<Described>, DatabaseError> {
    let schemas: Vec<&str> = relations.iter().map(|relation| relation.schema.as_str()).collect();
    let names: Vec<&str> = relations.iter().map(|relation| relation.name.as_str()).collect();
    let sql = "select c.oid, n.nspname, c.relname, c.relkind, pg_get_userbyid(c.relowner)::text, \
                 obj_description(c.oid, 'pg_class'), \
                 case when c.relkind in ('r', 'm', 'p') then greatest(c.reltuples, 0)::bigint end, \
                 pg_total_relation_size(c.oid) \
               from unnest($1::text[], $2::text[]) as wanted(schema_name, name) \
               join pg_namespace n on n.nspname = wanted.schema_name \
               join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name \
               where c.relkind in ('r', 'v', 'm', 'p', 'f')";
    let rows = session.client.query(sql, &[&schemas, &names]).await?;
    let oids: Vec<u32> = rows.iter().map(|row| row.get(0)).collect();
    let mut columns = columns(session, &oids).await?;
    rows.iter()
        .map(|row| {
            Ok(Described {
                relation: relation(row.get(1), row.get(2))?,
                kind: row.get::<_, i8>(3) as u8 as char,
                owner: row.get(4),
                comment: row.get(5),
                columns: columns.remove(&row.get(0)).unwrap_or_default(),
                rows: row.get(6),
                bytes: row.get(7),
            })
        })
        .collect()
}

async fn columns(
    session: &Session,
    oids: &[u32],
) -> Result<HashMap<u32, Vec<DescribedColumn>>, DatabaseError> {
    let sql = "select a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), \
                 col_description(a.attrelid, a.attnum) \
               from pg_attribute a \
               where a.attrelid = any($1::oid[]) and a.attnum > 0 and not a.attisdropped \
               order by a.attrelid, a.attnum";
    let mut found: HashMap<u32, Vec<DescribedColumn>> = HashMap::new();
    for row in session.client.query(sql, &[&oids]).await? {
        let column = DescribedColumn { name: row.get(1), data_type: row.get(2), comment: row.get(3) };
        found.entry(row.get(0)).or_default().push(column);
    }
    Ok(found)
}
