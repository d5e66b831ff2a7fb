//! The record of runs, their nodes and loads, in elt's own schema.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use super::{DatabaseError, Session, progress, session::application_name};
use crate::pipeline::{Doing, LastRecord, PlannedNode, RunRecord, RunStatus};

/// What is known of a run when it begins.
pub struct NewRun<'a> {
    pub target: &'a str,
    pub prod_schema: &'a str,
    pub command: &'a str,
    pub host: &'a str,
    pub started_by: &'a str,
    /// What was asked for, as JSON.
    pub request: &'a str,
}

/// What made a run fail.
pub struct Failure {
    pub step: String,
    pub error: String,
    /// The lines of the project's files where it was.
    pub excerpt: Option<String>,
}

/// Who holds the run lock.
#[derive(Debug, Clone)]
pub struct Holder {
    pub id: i64,
    pub started_at: Timestamp,
    pub host: String,
    pub process_id: i64,
    pub started_by: String,
    pub command: String,
}

/// The error of a run that could not write its own.
const DIED: &str = "the process that ran it died";

const LOCK_KEY: &str = "hashtextextended('elt run ' || $1, 0)";

/// Takes the run lock of a prod schema, if nobody has it. It goes with the session.
pub async fn try_lock(session: &Session, prod_schema: &str) -> Result<bool, DatabaseError> {
    let sql = format!("select pg_try_advisory_lock({LOCK_KEY})");
    Ok(session.client.query_one(&sql, &[&prod_schema]).await?.get(0))
}

/// The run that holds, or last held, the lock of a prod schema.
pub async fn holder(session: &Session, prod_schema: &str) -> Result<Option<Holder>, DatabaseError> {
    let sql = "select id, started_at, host, process_id, started_by, command from elt.runs \
               where prod_schema = $1 and status = 'running' order by id desc limit 1";
    let row = session.client.query_opt(sql, &[&prod_schema]).await?;
    Ok(row.map(|row| Holder {
        id: row.get(0),
        started_at: row.get(1),
        host: row.get(2),
        process_id: row.get(3),
        started_by: row.get(4),
        command: row.get(5),
    }))
}

/// Writes that a run began; its id.
pub async fn begin(session: &Session, run: &NewRun<'_>) -> Result<i64, DatabaseError> {
    let sql = "insert into elt.runs (target, prod_schema, command, elt_version, host, process_id, started_by, request) \
               values ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb) returning id";
    let process_id = i64::from(std::process::id());
    let version = env!("CARGO_PKG_VERSION");
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 8] = [
        &run.target,
        &run.prod_schema,
        &run.command,
        &version,
        &run.host,
        &process_id,
        &run.started_by,
        &run.request,
    ];
    Ok(session.client.query_one(sql, &values).await?.get(0))
}

/// Writes what began and has ended, and leaves nothing to sweep; its id.
pub async fn record_ended(
    session: &Session,
    run: &NewRun<'_>,
    started_at: Timestamp,
    status: RunStatus,
    failure: Option<&Failure>,
) -> Result<i64, DatabaseError> {
    let id = begin(session, run).await?;
    let sql = "update elt.runs set started_at = $2, litter = false where id = $1";
    session.client.execute(sql, &[&id, &started_at]).await?;
    finish(session, id, status, failure).await?;
    Ok(id)
}

/// Writes what a run is to do.
pub async fn record_plan(session: &Session, run: i64, plan: &[PlannedNode]) -> Result<(), DatabaseError> {
    let json = Json(plan);
    session.client.execute("update elt.runs set plan = $2 where id = $1", &[&run, &json]).await?;
    Ok(())
}

/// What a run of a prod schema is or was to do; empty where it was not written down.
pub async fn plan(session: &Session, prod_schema: &str, id: i64) -> Result<Vec<PlannedNode>, DatabaseError> {
    let sql = "select plan from elt.runs where id = $1 and prod_schema = $2 and plan is not null";
    let Some(row) = session.client.query_opt(sql, &[&id, &prod_schema]).await? else { return Ok(Vec::new()) };
    let plan: Json<Vec<PlannedNode>> = row.try_get(0)?;
    Ok(plan.0)
}

/// Writes how a run ended. Inside a publishing transaction it becomes true with the publishing.
pub async fn finish(
    session: &Session,
    id: i64,
    status: RunStatus,
    failure: Option<&Failure>,
) -> Result<(), DatabaseError> {
    let sql = "update elt.runs set status = $2, finished_at = clock_timestamp(), failed_step = $3, error = $4, \
               excerpt = $5, doing = null where id = $1";
    let step = failure.map(|failure| &failure.step);
    let error = failure.map(|failure| &failure.error);
    let excerpt = failure.and_then(|failure| failure.excerpt.as_ref());
    session.client.execute(sql, &[&id, &status.name(), &step, &error, &excerpt]).await?;
    Ok(())
}

/// Marks the runs of this schema that died; their ids. Only for who holds the lock.
pub async fn bury_dead(session: &Session, prod_schema: &str) -> Result<Vec<i64>, DatabaseError> {
    let sql = "update elt.runs set status = 'died', finished_at = clock_timestamp(), error = $2, doing = null \
               where prod_schema = $1 and status = 'running' returning id";
    let rows = session.client.query(sql, &[&prod_schema, &DIED]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Ends what sessions of a dead run still do on the server.
pub async fn end_sessions_of(session: &Session, run: i64) -> Result<(), DatabaseError> {
    let sql = "select pg_terminate_backend(pid) from pg_stat_activity \
               where application_name = $1 and datname = current_database() and pid <> pg_backend_pid()";
    session.client.query(sql, &[&application_name(run)]).await?;
    Ok(())
}

/// Ended runs whose schemas may still be there. `own` counts as ended.
pub async fn runs_with_litter(session: &Session, prod_schema: &str) -> Result<Vec<i64>, DatabaseError> {
    let sql = "select id from elt.runs where litter and prod_schema = $1 order by id";
    let rows = session.client.query(sql, &[&prod_schema]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

pub async fn litter_is_gone(session: &Session, run: i64) -> Result<(), DatabaseError> {
    session.client.execute("update elt.runs set litter = false where id = $1", &[&run]).await?;
    Ok(())
}

/// How each node and test ended last, by its name; empty where no run ever began.
pub async fn last_records(
    session: &Session,
    prod_schema: &str,
) -> Result<HashMap<String, LastRecord>, DatabaseError> {
    if session.value("select to_regclass('elt.run_nodes')::text").await?.is_none() {
        return Ok(HashMap::new());
    }
    let sql = "select distinct on (n.node) n.node, n.run_id, r.started_at, n.status, n.row_count, \
                 n.duration_ms, n.message \
               from elt.run_nodes n join elt.runs r on r.id = n.run_id \
               where r.prod_schema = $1 and n.status not in ('skipped', 'unchanged', 'kept') \
               order by n.node, n.run_id desc";
    let rows = session.client.query(sql, &[&prod_schema]).await?;
    let record = |row: &Row| LastRecord {
        run_id: row.get(1),
        at: row.get(2),
        status: row.get(3),
        rows: row.get(4),
        duration_ms: row.get(5),
        message: row.get(6),
    };
    Ok(rows.iter().map(|row| (row.get(0), record(row))).collect())
}

/// The newest run, or the tests after it that failed, and what was asked.
#[derive(Debug, Clone)]
pub struct LastRequest {
    pub run: i64,
    pub status: RunStatus,
    pub failed_step: Option<String>,
    /// As JSON; `None` of a run by an elt that did not write it down.
    pub request: Option<String>,
}

/// `None` where no run ever began.
pub async fn last_request(
    session: &Session,
    prod_schema: &str,
) -> Result<Option<LastRequest>, DatabaseError> {
    let there = "select 1 from pg_attribute where attrelid = to_regclass('elt.runs') and attname = 'request'";
    if session.value(there).await?.is_none() {
        return Ok(None);
    }
    let sql = format!(
        "select {}, request::text from elt.runs \
         where id in (select max(id) from elt.runs where prod_schema = $1 group by command = 'test') \
           and not (command = 'test' and status = 'succeeded') order by id desc limit 1",
        run_columns()
    );
    let row = session.client.query_opt(&sql, &[&prod_schema]).await?;
    Ok(row.map(|row| {
        let run = run_record(&row);
        LastRequest {
            run: run.id,
            status: run.status,
            failed_step: run.failed_step,
            request: row.get("request"),
        }
    }))
}

/// How a run of `elt.runs` stands. Who runs holds the lock: without it, a run that is written down as running died.
pub(super) const STATUS: &str = "case when status <> 'running' or exists (select from pg_locks \
       where locktype = 'advisory' and objsubid = 1 and granted \
         and database = (select oid from pg_database where datname = current_database()) \
         and (classid::bigint << 32 | objid::bigint) = hashtextextended('elt run ' || prod_schema, 0)) \
     then status else 'died' end";

fn run_columns() -> String {
    format!("id, target, {STATUS}, started_at, finished_at, failed_step, error")
}

/// The newest runs of a prod schema first; not the tests between them.
pub async fn runs(session: &Session, prod_schema: &str, limit: i64) -> Result<Vec<RunRecord>, DatabaseError> {
    let sql = format!(
        "select {} from elt.runs where prod_schema = $1 and command <> 'test' order by id desc limit $2",
        run_columns()
    );
    Ok(session.client.query(&sql, &[&prod_schema, &limit]).await?.iter().map(run_record).collect())
}

/// One run of a prod schema, without its nodes.
pub async fn summary(
    session: &Session,
    prod_schema: &str,
    id: i64,
) -> Result<Option<RunRecord>, DatabaseError> {
    let sql = format!("select {} from elt.runs where id = $1 and prod_schema = $2", run_columns());
    Ok(session.client.query_opt(&sql, &[&id, &prod_schema]).await?.as_ref().map(run_record))
}

/// One run of a prod schema, with its nodes and its log.
pub async fn run(session: &Session, prod_schema: &str, id: i64) -> Result<Option<RunRecord>, DatabaseError> {
    let sql = format!(
        "select {}, excerpt, coalesce(doing, '[]') from elt.runs where id = $1 and prod_schema = $2",
        run_columns()
    );
    let Some(row) = session.client.query_opt(&sql, &[&id, &prod_schema]).await? else { return Ok(None) };
    let doing: Json<Vec<Doing>> = row.try_get(8)?;
    let (nodes, log) =
        futures_util::try_join!(progress::nodes(session, id, 0), progress::log(session, id, 0))?;
    let record = run_record(&row);
    // What the dead were at is left standing.
    let doing = if record.status == RunStatus::Running { doing.0 } else { Vec::new() };
    Ok(Some(RunRecord { excerpt: row.get(7), nodes, doing, log, ..record }))
}

fn run_record(row: &Row) -> RunRecord {
    let status = status_named(row.get(2));
    RunRecord {
        id: row.get(0),
        target: row.get(1),
        status,
        started_at: row.get(3),
        finished_at: row.get(4),
        failed_step: row.get(5),
        error: row
            .get::<_, Option<String>>(6)
            .or_else(|| (status == RunStatus::Died).then(|| DIED.to_owned())),
        excerpt: None,
        nodes: Vec::new(),
        doing: Vec::new(),
        log: Vec::new(),
    }
}

pub(super) fn status_named(name: &str) -> RunStatus {
    RunStatus::named(name).unwrap_or(RunStatus::Cancelled)
}
