//! What the database itself says of its relations.

use std::collections::{HashMap, HashSet};

use tokio_postgres::types::Oid;

use super::{DatabaseError, Session};
use crate::name::{Ident, Relation};

/// The table in prod that says which run its readers see.
pub const PUBLICATION: &str = "_elt_publication";

/// The table in prod that says how its relations are served over HTTP.
pub const ENDPOINTS: &str = "_elt_endpoints";

/// The tables in prod that say what it holds, and how the tests of that ended.
pub const OVERVIEW: &str = "_elt_overview";
pub const TESTS: &str = "_elt_tests";

/// The tables in prod that are elt's own.
pub const OWN_TABLES: [&str; 4] = [PUBLICATION, ENDPOINTS, OVERVIEW, TESTS];

/// A column of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// Of a domain its base type.
    pub type_oid: u32,
    /// As `format_type` writes it, e.g. `numeric(12,2)`.
    pub data_type: String,
    /// `atttypmod`, of a domain its own; -1 for none.
    pub modifier: i32,
    pub not_null: bool,
    pub is_domain: bool,
}

/// A relation that stands where one is to be published.
#[derive(Debug, Clone)]
pub struct Existing {
    pub oid: u32,
    pub relation: Relation,
    /// `r` table, `v` view, `m` materialized view, and so on, as in `pg_class.relkind`.
    pub kind: char,
    /// Whether elt published it.
    pub owned: bool,
    /// What elt published it as: `table`, `snapshot`, ….
    pub made_as: String,
}

/// An index as it can be made again on another relation.
#[derive(Debug, Clone)]
pub struct IndexShape {
    pub name: Relation,
    pub unique: bool,
    /// Unique over plain columns and all rows, as REFRESH CONCURRENTLY needs one.
    pub identifies: bool,
    /// `btree (id)` and what else its definition ends in.
    pub using: String,
}

impl IndexShape {
    /// What a set of indexes is, whatever their names.
    pub fn all(indexes: &[Self]) -> Vec<(bool, &str)> {
        let mut all: Vec<(bool, &str)> =
            indexes.iter().map(|index| (index.unique, index.using.as_str())).collect();
        all.sort_unstable();
        all
    }

    pub fn statement(&self, relation: &Relation) -> String {
        let unique = if self.unique { "unique " } else { "" };
        format!("create {unique}index {} on {relation} using {}", self.name.name, self.using)
    }
}

/// The indexes of a relation.
pub async fn indexes(session: &Session, on: &Relation) -> Result<Vec<IndexShape>, DatabaseError> {
    let sql = "select n.nspname, ic.relname, i.indisunique, \
                 i.indisunique and i.indimmediate and i.indpred is null and i.indexprs is null, \
                 substring(pg_get_indexdef(i.indexrelid) from ' USING (.*)$') \
               from pg_index i join pg_class ic on ic.oid = i.indexrelid \
               join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace \
               where n.nspname = $1 and c.relname = $2";
    let rows = session.client.query(sql, &[&on.schema.as_str(), &on.name.as_str()]).await?;
    rows.iter()
        .map(|row| {
            Ok(IndexShape {
                name: relation(row.get(0), row.get(1))?,
                unique: row.get(2),
                identifies: row.get(3),
                using: row.get::<_, Option<String>>(4).unwrap_or_default(),
            })
        })
        .collect()
}

/// Whether two views have the same query, and the second one holds rows.
pub async fn same_query(session: &Session, one: &Relation, other: &Relation) -> Result<bool, DatabaseError> {
    let sql = "select pg_get_viewdef($1::text::regclass) = pg_get_viewdef(oid) and relispopulated \
               from pg_class where oid = $2::text::regclass";
    Ok(session.client.query_one(sql, &[&one.to_string(), &other.to_string()]).await?.get(0))
}

/// Statements that make the indexes and comments of a relation, to be run when its name stands for another.
pub async fn decoration(session: &Session, oid: u32) -> Result<Vec<String>, DatabaseError> {
    let sql = "select pg_get_indexdef(indexrelid) from pg_index where indrelid = $1 \
               union all \
               select case objsubid when 0 then format('comment on materialized view %I.%I is %L', n.nspname, c.relname, description) \
                 else format('comment on column %I.%I.%I is %L', n.nspname, c.relname, a.attname, description) end \
               from pg_description d join pg_class c on c.oid = d.objoid join pg_namespace n on n.oid = c.relnamespace \
               left join pg_attribute a on a.attrelid = c.oid and a.attnum = d.objsubid and d.objsubid > 0 \
               where d.classoid = 'pg_class'::regclass and d.objoid = $1";
    Ok(session.client.query(sql, &[&oid]).await?.iter().map(|row| row.get(0)).collect())
}

/// Something outside a set of relations that depends on one inside it.
#[derive(Debug, Clone)]
pub struct Dependent {
    pub oid: u32,
    pub relation: Relation,
    pub kind: char,
    /// The view's query, all names with schema.
    pub definition: String,
    /// `security_barrier=true, …`, or empty.
    pub options: String,
    /// By a failed run, which may be that of another target.
    pub kept: bool,
}

/// The columns of a relation in their order; empty where there is no such relation.
pub async fn columns(session: &Session, relation: &Relation) -> Result<Vec<Column>, DatabaseError> {
    let sql = "select a.attname, coalesce(nullif(t.typbasetype, 0), a.atttypid), \
                 format_type(a.atttypid, a.atttypmod), \
                 case when t.typtype = 'd' then t.typtypmod else a.atttypmod end, \
                 a.attnotnull, t.typtype = 'd' \
               from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_type t on t.oid = a.atttypid \
               join pg_namespace n on n.oid = c.relnamespace \
               where n.nspname = $1 and c.relname = $2 and a.attnum > 0 and not a.attisdropped order by a.attnum";
    let rows = session.client.query(sql, &[&relation.schema.as_str(), &relation.name.as_str()]).await?;
    Ok(rows
        .iter()
        .map(|row| Column {
            name: row.get(0),
            type_oid: row.get(1),
            data_type: row.get(2),
            modifier: row.get(3),
            not_null: row.get(4),
            is_domain: row.get(5),
        })
        .collect())
}

/// The type of each column without its length or precision, of a domain its base type, in the form of a cast: what
/// is too long is then refused when the column takes it, not cut off.
pub async fn unbounded_types(
    session: &Session,
    relation: &Relation,
) -> Result<HashMap<String, String>, DatabaseError> {
    let sql = "select a.attname, format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), -1) \
               from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_type t on t.oid = a.atttypid \
               join pg_namespace n on n.oid = c.relnamespace \
               where n.nspname = $1 and c.relname = $2 and a.attnum > 0 and not a.attisdropped";
    let rows = session.client.query(sql, &[&relation.schema.as_str(), &relation.name.as_str()]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Whether a table has constraints that refuse values: checks, keys, exclusions.
pub async fn is_constrained(session: &Session, relation: &Relation) -> Result<bool, DatabaseError> {
    let sql = "select exists (select from pg_constraint k join pg_class c on c.oid = k.conrelid \
               join pg_namespace n on n.oid = c.relnamespace \
               where n.nspname = $1 and c.relname = $2 and k.contype <> 'n')";
    let row = session.client.query_one(sql, &[&relation.schema.as_str(), &relation.name.as_str()]).await?;
    Ok(row.get(0))
}

/// Those of `relations` that exist.
pub async fn existing(session: &Session, relations: &[Relation]) -> Result<Vec<Existing>, DatabaseError> {
    let sql = "select c.oid, n.nspname, c.relname, c.relkind, r.name is not null, coalesce(r.kind, '') \
               from unnest($1::text[], $2::text[]) as wanted(schema_name, name) \
               join pg_namespace n on n.nspname = wanted.schema_name \
               join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name \
               left join elt.relations r on r.schema_name = n.nspname and r.name = c.relname";
    let schemas: Vec<&str> = relations.iter().map(|relation| relation.schema.as_str()).collect();
    let names: Vec<&str> = relations.iter().map(|relation| relation.name.as_str()).collect();
    let rows = session.client.query(sql, &[&schemas, &names]).await?;
    rows.iter().map(standing).collect()
}

/// Those of `relations` that exist, whoever made them. Needs none of elt's own tables.
pub async fn there(session: &Session, relations: &[Relation]) -> Result<HashSet<Relation>, DatabaseError> {
    let sql = "select n.nspname, c.relname from unnest($1::text[], $2::text[]) as wanted(schema_name, name) \
               join pg_namespace n on n.nspname = wanted.schema_name \
               join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name";
    let schemas: Vec<&str> = relations.iter().map(|relation| relation.schema.as_str()).collect();
    let names: Vec<&str> = relations.iter().map(|relation| relation.name.as_str()).collect();
    let rows = session.client.query(sql, &[&schemas, &names]).await?;
    rows.iter().map(|row| relation(row.get(0), row.get(1))).collect()
}

/// The relations of some schemas that elt published and that are still there.
pub async fn owned(session: &Session, schemas: &[String]) -> Result<Vec<Existing>, DatabaseError> {
    let sql = "select c.oid, n.nspname, c.relname, c.relkind, true, r.kind from elt.relations r \
               join pg_namespace n on n.nspname = r.schema_name \
               join pg_class c on c.relnamespace = n.oid and c.relname = r.name \
               where r.schema_name = any($1::text[]) order by c.oid desc";
    session.client.query(sql, &[&schemas]).await?.iter().map(standing).collect()
}

/// Forgets that a relation is elt's.
pub async fn disown(session: &Session, relation: &Relation) -> Result<(), DatabaseError> {
    let sql = "delete from elt.relations where schema_name = $1 and name = $2";
    session.client.execute(sql, &[&relation.schema.as_str(), &relation.name.as_str()]).await?;
    Ok(())
}

/// Views and functions that elt did not make and that read these columns of a relation: column and user.
pub async fn users_of_columns(
    session: &Session,
    relation: &Relation,
    columns: &[&str],
) -> Result<Vec<(String, String)>, DatabaseError> {
    let sql = format!(
        "select distinct a.attname, case c.relkind when 'm' then 'the materialized view ' else 'the view ' end \
                 || n.nspname || '.' || c.relname \
               from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid \
               join pg_rewrite w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid \
               join pg_class c on c.oid = w.ev_class and c.oid <> d.refobjid \
               join pg_namespace n on n.oid = c.relnamespace \
               left join elt.relations r on r.schema_name = n.nspname and r.name = c.relname \
               where d.refclassid = 'pg_class'::regclass and d.refobjid = to_regclass($1) \
                 and a.attname = any($2::text[]) and r.name is null and not {KEPT} \
               union \
               select distinct a.attname, 'the function ' || p.oid::regprocedure::text \
               from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid \
               join pg_proc p on d.classid = 'pg_proc'::regclass and p.oid = d.objid \
               where d.refclassid = 'pg_class'::regclass and d.refobjid = to_regclass($1) \
                 and a.attname = any($2::text[]) order by 1, 2"
    );
    let rows = session.client.query(&sql, &[&relation.to_string(), &columns]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Of the schema `n`: it holds what a run that has ended keeps for `elt retry`.
const KEPT: &str = "exists (select from elt.kept_nodes k join elt.runs kr on kr.id = k.run_id \
                    where k.schema_name = n.nspname and kr.status <> 'running')";

/// Everything that depends on the relations `oids` and is not among them: views first, nearest first.
/// Names in definitions carry their schema only where the search path is empty: set it before.
pub async fn dependents(session: &Session, oids: &[u32]) -> Result<Vec<Dependent>, DatabaseError> {
    let sql = format!(
        "with recursive found(oid, depth) as ( \
                 select unnest($1::oid[]), 0 \
                 union \
                 select r.ev_class, f.depth + 1 from found f \
                 join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = f.oid \
                   and d.classid = 'pg_rewrite'::regclass \
                 join pg_rewrite r on r.oid = d.objid and r.ev_class <> f.oid \
                 where f.depth < 1000 \
               ), deepest as (select oid, max(depth) as depth from found group by oid) \
               select n.nspname, c.relname, c.relkind, pg_get_viewdef(c.oid), \
                 coalesce(array_to_string(c.reloptions, ', '), ''), c.oid, {KEPT} \
               from deepest f join pg_class c on c.oid = f.oid join pg_namespace n on n.oid = c.relnamespace \
               where f.oid <> all($1::oid[]) order by f.depth"
    );
    let oids: Vec<Oid> = oids.to_vec();
    let rows = session.client.query(&sql, &[&oids]).await?;
    rows.iter()
        .map(|row| {
            Ok(Dependent {
                relation: relation(row.get(0), row.get(1))?,
                kind: row.get::<_, i8>(2) as u8 as char,
                definition: row.get::<_, Option<String>>(3).unwrap_or_default(),
                options: row.get(4),
                oid: row.get(5),
                kept: row.get(6),
            })
        })
        .collect()
}

/// The grants on relations other than their owner's own, as `GRANT` statements for `{relation}`.
pub async fn grants(session: &Session, oids: &[u32]) -> Result<Vec<(Relation, String)>, DatabaseError> {
    let sql = "select n.nspname, c.relname, format('grant %s on %I.%I to %s%s', a.privilege_type, n.nspname, \
                 c.relname, case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end, \
                 case when a.is_grantable then ' with grant option' else '' end) \
               from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a \
               where c.oid = any($1::oid[]) and a.grantee <> c.relowner";
    let oids: Vec<Oid> = oids.to_vec();
    let rows = session.client.query(sql, &[&oids]).await?;
    rows.iter().map(|row| Ok((relation(row.get(0), row.get(1))?, row.get(2)))).collect()
}

/// Relations of a schema that no view reads: these can be dropped. At most `limit`, and none of `spared`.
pub async fn droppable(
    session: &Session,
    schema: &Ident,
    spared: &[String],
    limit: i64,
) -> Result<Vec<(Relation, char)>, DatabaseError> {
    let sql = "select n.nspname, c.relname, c.relkind from pg_class c \
               join pg_namespace n on n.oid = c.relnamespace \
               where n.nspname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relname <> all($3) and not exists ( \
                 select from pg_depend d join pg_rewrite r on r.oid = d.objid and r.ev_class <> c.oid \
                 where d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid \
                   and d.classid = 'pg_rewrite'::regclass) limit $2";
    let rows = session.client.query(sql, &[&schema.as_str(), &limit, &spared]).await?;
    rows.iter()
        .map(|row| Ok((relation(row.get(0), row.get(1))?, row.get::<_, i8>(2) as u8 as char)))
        .collect()
}

/// Where a run builds, and where it puts what it replaced.
pub async fn schemas_of_run(session: &Session, run: i64) -> Result<Vec<Ident>, DatabaseError> {
    let sql = "select nspname from pg_namespace where nspname ~ ('^elt_(run|old)_' || $1 || '(_[0-9]+)?$') order by 1";
    let rows = session.client.query(sql, &[&run.to_string()]).await?;
    rows.iter()
        .map(|row| Ident::new(row.get::<_, String>(0)).map_err(|error| DatabaseError::new(error.to_string())))
        .collect()
}

pub async fn schema_exists(session: &Session, schema: &Ident) -> Result<bool, DatabaseError> {
    let sql = "select exists (select from pg_namespace where nspname = $1)";
    Ok(session.client.query_one(sql, &[&schema.as_str()]).await?.get(0))
}

pub async fn role_exists(session: &Session, role: &Ident) -> Result<bool, DatabaseError> {
    let sql = "select exists (select from pg_roles where rolname = $1)";
    Ok(session.client.query_one(sql, &[&role.as_str()]).await?.get(0))
}

/// The names of all roles but the server's own.
pub async fn roles(session: &Session) -> Result<Vec<String>, DatabaseError> {
    let sql = r"select rolname from pg_roles where rolname not like 'pg\_%'";
    Ok(session.client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

pub(super) fn standing(row: &tokio_postgres::Row) -> Result<Existing, DatabaseError> {
    Ok(Existing {
        oid: row.get(0),
        relation: relation(row.get(1), row.get(2))?,
        kind: row.get::<_, i8>(3) as u8 as char,
        owned: row.get(4),
        made_as: row.get(5),
    })
}

pub(super) fn relation(schema: &str, name: &str) -> Result<Relation, DatabaseError> {
    Ok(Relation::new(Ident::new(schema)?, Ident::new(name)?))
}
