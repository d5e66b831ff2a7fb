//! What the database says of foreign keys.

use tokio_postgres::types::Oid;

use super::catalog::relation;
use super::{DatabaseError, Session};
use crate::name::{Ident, Relation};

/// A foreign key that stands.
#[derive(Debug, Clone)]
pub struct StandingKey {
    pub name: Ident,
    /// The table whose rows point.
    pub child: Relation,
    pub child_oid: u32,
    pub columns: Vec<String>,
    /// The table that they point to.
    pub parent: Relation,
    pub parent_oid: u32,
    /// Whether elt published it.
    pub parent_owned: bool,
    pub parent_columns: Vec<String>,
}

/// The foreign keys of the tables `oids`, and those that point to one of them.
pub async fn standing(session: &Session, oids: &[u32]) -> Result<Vec<StandingKey>, DatabaseError> {
    let names = |of: &str, numbers: &str| {
        format!(
            "array(select a.attname::text from unnest(k.{numbers}) with ordinality as o(number, place) \
             join pg_attribute a on a.attrelid = k.{of} and a.attnum = o.number order by o.place)"
        )
    };
    let sql = format!(
        "select k.conname, n.nspname, c.relname, c.oid, {}, tn.nspname, t.relname, t.oid, \
           exists (select from elt.relations r where r.schema_name = tn.nspname and r.name = t.relname), {} \
         from pg_constraint k \
         join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace \
         join pg_class t on t.oid = k.confrelid join pg_namespace tn on tn.oid = t.relnamespace \
         where k.contype = 'f' and k.conparentid = 0 \
           and (k.confrelid = any($1::oid[]) or k.conrelid = any($1::oid[])) order by 2, 3, 1",
        names("conrelid", "conkey"),
        names("confrelid", "confkey"),
    );
    let oids: Vec<Oid> = oids.to_vec();
    let rows = session.client.query(&sql, &[&oids]).await?;
    rows.iter()
        .map(|row| {
            Ok(StandingKey {
                name: Ident::new(row.get::<_, &str>(0))?,
                child: relation(row.get(1), row.get(2))?,
                child_oid: row.get(3),
                columns: row.get(4),
                parent: relation(row.get(5), row.get(6))?,
                parent_oid: row.get(7),
                parent_owned: row.get(8),
                parent_columns: row.get(9),
            })
        })
        .collect()
}

/// Whether PostgreSQL takes these columns, in any order, for what a foreign key can point to.
pub async fn is_key(session: &Session, on: &Relation, columns: &[Ident]) -> Result<bool, DatabaseError> {
    let sql = "select exists (select from pg_index i join pg_class c on c.oid = i.indrelid \
                 join pg_namespace n on n.oid = c.relnamespace \
                 where n.nspname = $1 and c.relname = $2 and i.indisunique and i.indimmediate and i.indisvalid \
                   and i.indpred is null and i.indexprs is null and i.indnkeyatts = cardinality($3::text[]) \
                   and not exists (select from unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) as u(number) \
                     join pg_attribute a on a.attrelid = c.oid and a.attnum = u.number \
                     where a.attname <> all($3::text[])))";
    let columns: Vec<&str> = columns.iter().map(Ident::as_str).collect();
    let row = session.client.query_one(sql, &[&on.schema.as_str(), &on.name.as_str(), &columns]).await?;
    Ok(row.get(0))
}

/// The foreign keys of published tables whose rows PostgreSQL has not looked at yet.
pub async fn not_validated(
    session: &Session,
    schemas: &[&str],
) -> Result<Vec<(Relation, Ident)>, DatabaseError> {
    let sql = "select n.nspname, c.relname, k.conname from pg_constraint k \
               join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace \
               join elt.relations r on r.schema_name = n.nspname and r.name = c.relname \
               where k.contype = 'f' and not k.convalidated and n.nspname = any($1::text[]) order by 1, 2, 3";
    let rows = session.client.query(sql, &[&schemas]).await?;
    rows.iter()
        .map(|row| Ok((relation(row.get(0), row.get(1))?, Ident::new(row.get::<_, &str>(2))?)))
        .collect()
}
