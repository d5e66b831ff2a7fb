//! Other sessions of the server: whose locks and snapshots publishing waits for.

use tokio_postgres::types::Oid;

use super::catalog::relation;
use super::{DatabaseError, Session};
use crate::name::Relation;

/// Who holds locks that `relations` wait for: process id, user and since when, as one sentence each.
pub async fn lock_holders(session: &Session, oids: &[u32]) -> Result<Vec<String>, DatabaseError> {
    let sql = "select distinct format('process %s of %s, in a transaction since %s', a.pid, \
                 coalesce(a.usename, '?'), coalesce(to_char(a.xact_start, 'HH24:MI:SS'), '?')) \
               from pg_locks l join pg_stat_activity a on a.pid = l.pid \
               where l.relation = any($1::oid[]) and l.granted and a.pid <> pg_backend_pid() \
                 and l.database = (select oid from pg_database where datname = current_database())";
    let oids: Vec<Oid> = oids.to_vec();
    let rows = session.client.query(sql, &[&oids]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Those of some relations that a vacuum or an analyze is at, be it PostgreSQL's own.
pub async fn being_vacuumed(session: &Session, oids: &[u32]) -> Result<Vec<Relation>, DatabaseError> {
    let sql = "select distinct n.nspname, c.relname from pg_locks l \
               join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace \
               where l.relation = any($1::oid[]) and l.granted and l.pid <> pg_backend_pid() \
                 and l.mode = 'ShareUpdateExclusiveLock' \
                 and l.database = (select oid from pg_database where datname = current_database())";
    let rows = session.client.query(sql, &[&oids]).await?;
    rows.iter().map(|row| relation(row.get(0), row.get(1))).collect()
}

/// How long the server lets somebody wait for a lock before it looks whether that is for ever. Unit: milliseconds.
pub async fn deadlock_timeout(session: &Session) -> Result<u64, DatabaseError> {
    let sql = "select setting from pg_settings where name = 'deadlock_timeout'";
    Ok(session.value(sql).await?.and_then(|text| text.parse().ok()).unwrap_or(1000))
}

/// A transaction number of now: what was committed before it is visible to every younger snapshot.
pub async fn transaction_now(session: &Session) -> Result<String, DatabaseError> {
    let sql = "select pg_current_xact_id()::xid::text";
    Ok(session.client.query_one(sql, &[]).await?.get(0))
}

/// Sessions of others whose snapshot is older than a transaction number, one sentence each.
pub async fn older_snapshots(session: &Session, transaction: &str) -> Result<Vec<String>, DatabaseError> {
    let sql = "select format('process %s of %s', pid, coalesce(usename, '?')) from pg_stat_activity \
               where datname = current_database() and pid <> pg_backend_pid() \
                 and backend_type = 'client backend' and age(backend_xmin) > age($1::text::xid)";
    Ok(session.client.query(sql, &[&transaction]).await?.iter().map(|row| row.get(0)).collect())
}
