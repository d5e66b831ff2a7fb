//! The ledger of what elt published: what each relation was made from, and whether it still stands as it
//! was put there.

use std::collections::HashMap;

use super::catalog::{self, Existing};
use super::{DatabaseError, Session};
use crate::name::{Ident, Relation};

/// A relation that stands, as the catalogue has it, with what the ledger says of it.
#[derive(Debug, Clone)]
pub struct Standing {
    pub relation: Existing,
    /// Changes when the relation is made anew, rewritten or emptied, and when a column of it changes.
    pub shape: String,
    /// Who may do what with it.
    pub grants: String,
    /// By the role that reads prod, or there is none.
    pub readable: bool,
    /// `None` of what elt did not publish.
    pub entry: Option<Entry>,
}

/// What was written down of a relation when it was published.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// That built it.
    pub run: i64,
    pub fingerprint: Option<String>,
    pub inputs: Option<String>,
    pub content: Option<String>,
    pub shape: Option<String>,
    pub grants: Option<String>,
    pub duration_ms: Option<i64>,
    /// Why what it asked while it was rendered may be answered otherwise although nothing was built in between.
    pub asked: Option<String>,
}

/// A row to be written.
#[derive(Debug, Clone)]
pub struct Published {
    pub relation: Relation,
    pub node: String,
    pub kind: &'static str,
    /// Who built it, where that is not the run that publishes it.
    pub built_by: Option<i64>,
    pub fingerprint: Option<String>,
    pub inputs: Option<String>,
    pub content: Option<String>,
    /// As JSON, without secrets.
    pub definition: Option<String>,
    pub duration_ms: Option<i64>,
    /// As in [`Entry`].
    pub asked: Option<String>,
}

impl Published {
    /// What no run ever leaves as it is.
    pub fn plain(relation: Relation, node: &str, kind: &'static str) -> Self {
        Self {
            relation,
            node: node.to_owned(),
            kind,
            built_by: None,
            fingerprint: None,
            inputs: None,
            content: None,
            definition: None,
            duration_ms: None,
            asked: None,
        }
    }
}

/// How a function behaves, over all that have its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Function {
    pub volatile: bool,
    /// Some of that name are stable and PostgreSQL's own.
    pub stable: bool,
    /// Some of that name are stable and somebody else's.
    pub stable_of_others: bool,
    /// Of those that are not PostgreSQL's own: changes when one is replaced.
    pub version: Option<String>,
}

/// Of the relation `c`: its number, kind and file, its query's version, its columns.
pub(super) const SHAPE: &str = "concat_ws(' ', c.oid, c.relkind, c.relfilenode, \
    case when c.relhasrules then \
      (select w.xmin::text from pg_rewrite w where w.ev_class = c.oid and w.rulename = '_RETURN') end, \
    (select bit_xor(hash_record_extended(row(a.attname, a.atttypid, a.atttypmod, a.attnum), 0)) \
     from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped))";

const GRANTS: &str = "coalesce(c.relacl::text, '')";

/// Those of `relations` that stand. `reader` is the role that reads prod.
pub async fn standing(
    session: &Session,
    relations: &[Relation],
    reader: &Ident,
) -> Result<HashMap<Relation, Standing>, DatabaseError> {
    let sql = format!(
        "select c.oid, n.nspname, c.relname, c.relkind, r.name is not null, coalesce(r.kind, ''), \
           {SHAPE}, {GRANTS}, coalesce(has_table_privilege(reader.oid, c.oid, 'select'), true), \
           r.run_id, r.fingerprint, r.inputs, r.content, r.shape, r.duration_ms, r.grants, r.asked \
         from unnest($1::text[], $2::text[]) as wanted(schema_name, name) \
         join pg_namespace n on n.nspname = wanted.schema_name \
         join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name \
         left join elt.relations r on r.schema_name = n.nspname and r.name = c.relname \
         left join pg_roles reader on reader.rolname = $3"
    );
    let schemas: Vec<&str> = relations.iter().map(|relation| relation.schema.as_str()).collect();
    let names: Vec<&str> = relations.iter().map(|relation| relation.name.as_str()).collect();
    let rows = session.client.query(&sql, &[&schemas, &names, &reader.as_str()]).await?;
    let read = rows.iter().map(|row| {
        let entry = row.get::<_, Option<i64>>(9).map(|run| Entry {
            run,
            fingerprint: row.get(10),
            inputs: row.get(11),
            content: row.get(12),
            shape: row.get(13),
            duration_ms: row.get(14),
            grants: row.get(15),
            asked: row.get(16),
        });
        let relation = catalog::standing(row)?;
        let (shape, grants, readable) = (row.get(6), row.get(7), row.get(8));
        Ok((relation.relation.clone(), Standing { relation, shape, grants, readable, entry }))
    });
    read.collect()
}

/// Writes what a run published, each as it stands by then.
pub async fn own(session: &Session, run: i64, published: &[Published]) -> Result<(), DatabaseError> {
    let sql = format!(
        "insert into elt.relations \
           (schema_name, name, node, kind, fingerprint, inputs, content, duration_ms, definition, run_id, shape, \
            grants, asked) \
         select p.schema_name, p.name, p.node, p.kind, p.fingerprint, p.inputs, p.content, p.duration_ms, \
           p.definition, coalesce(p.built_by, $10), {SHAPE}, {GRANTS}, p.asked from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], \
           $6::text[], $7::text[], $8::bigint[], $9::text[], $11::bigint[], $12::text[]) as p(schema_name, name, node, kind, fingerprint, inputs, \
           content, duration_ms, definition, built_by, asked) \
         join pg_namespace n on n.nspname = p.schema_name \
         join pg_class c on c.relnamespace = n.oid and c.relname = p.name \
         on conflict (schema_name, name) do update \
         set node = excluded.node, kind = excluded.kind, run_id = excluded.run_id, published_at = now(), \
           fingerprint = excluded.fingerprint, inputs = excluded.inputs, content = excluded.content, \
           duration_ms = excluded.duration_ms, shape = excluded.shape, \
           grants = excluded.grants, definition = excluded.definition, asked = excluded.asked"
    );
    let text = |of: fn(&Published) -> &str| published.iter().map(of).collect::<Vec<&str>>();
    let maybe = |of: fn(&Published) -> Option<&str>| published.iter().map(of).collect::<Vec<Option<&str>>>();
    let durations: Vec<Option<i64>> = published.iter().map(|one| one.duration_ms).collect();
    let built_by: Vec<Option<i64>> = published.iter().map(|one| one.built_by).collect();
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 12] = [
        &text(|one| one.relation.schema.as_str()),
        &text(|one| one.relation.name.as_str()),
        &text(|one| &one.node),
        &text(|one| one.kind),
        &maybe(|one| one.fingerprint.as_deref()),
        &maybe(|one| one.inputs.as_deref()),
        &maybe(|one| one.content.as_deref()),
        &durations,
        &maybe(|one| one.definition.as_deref()),
        &run,
        &built_by,
        &maybe(|one| one.asked.as_deref()),
    ];
    session.client.execute(&sql, &values).await?;
    Ok(())
}

/// What these were published from, where that was written down.
pub async fn definitions(
    session: &Session,
    relations: &[Relation],
) -> Result<HashMap<Relation, String>, DatabaseError> {
    let sql = "select schema_name, name, definition from elt.relations \
               where (schema_name, name) in (select * from unnest($1::text[], $2::text[])) and definition is not null";
    let schemas: Vec<&str> = relations.iter().map(|relation| relation.schema.as_str()).collect();
    let names: Vec<&str> = relations.iter().map(|relation| relation.name.as_str()).collect();
    let rows = session.client.query(sql, &[&schemas, &names]).await?;
    rows.iter().map(|row| Ok((catalog::relation(row.get(0), row.get(1))?, row.get(2)))).collect()
}

/// Takes note of what elt itself just changed about relations that it published before.
pub async fn reshape(session: &Session, relations: &[&Relation]) -> Result<(), DatabaseError> {
    let sql = format!(
        "update elt.relations r set shape = {SHAPE} from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = r.schema_name and c.relname = r.name \
           and (r.schema_name, r.name) in (select * from unnest($1::text[], $2::text[]))"
    );
    let schemas: Vec<&str> = relations.iter().map(|relation| relation.schema.as_str()).collect();
    let names: Vec<&str> = relations.iter().map(|relation| relation.name.as_str()).collect();
    session.client.execute(&sql, &[&schemas, &names]).await?;
    Ok(())
}

/// Of every test that held the last time, the fingerprint of what it held of.
pub async fn passed_tests(
    session: &Session,
    prod_schema: &str,
) -> Result<HashMap<String, String>, DatabaseError> {
    let sql = "select test, fingerprint from elt.passed_tests where prod_schema = $1";
    let rows = session.client.query(sql, &[&prod_schema]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Writes which tests held, each with its fingerprint.
pub async fn record_passed(
    session: &Session,
    run: i64,
    prod_schema: &str,
    passed: &[(String, String)],
) -> Result<(), DatabaseError> {
    let sql = "insert into elt.passed_tests (prod_schema, test, fingerprint, run_id) \
               select $1, p.*, $4 from unnest($2::text[], $3::text[]) as p \
               on conflict (prod_schema, test) do update \
               set fingerprint = excluded.fingerprint, run_id = excluded.run_id";
    let (tests, fingerprints): (Vec<&str>, Vec<&str>) =
        passed.iter().map(|(test, fingerprint)| (test.as_str(), fingerprint.as_str())).unzip();
    session.client.execute(sql, &[&prod_schema, &tests, &fingerprints, &run]).await?;
    Ok(())
}

/// How the functions of these names behave; names that no function has are left out.
pub async fn functions(
    session: &Session,
    names: &[&str],
) -> Result<HashMap<String, Function>, DatabaseError> {
    let sql = "select proname, bool_or(provolatile = 'v'), bool_or(provolatile = 's' and own), \
                 bool_or(provolatile = 's' and not own), \
                 string_agg(oid || '/' || changed, ' ' order by oid) filter (where not own) \
               from (select p.oid, p.proname, p.provolatile, p.xmin::text as changed, n.nspname = 'pg_catalog' as own \
                     from pg_proc p join pg_namespace n on n.oid = p.pronamespace \
                     where p.proname = any($1::text[])) as known group by proname";
    let rows = session.client.query(sql, &[&names]).await?;
    let read = rows.iter().map(|row| {
        let function = Function {
            volatile: row.get(1),
            stable: row.get(2),
            stable_of_others: row.get(3),
            version: row.get(4),
        };
        (row.get(0), function)
    });
    Ok(read.collect())
}
