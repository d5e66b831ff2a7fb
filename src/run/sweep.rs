//! Drops what runs left: relations they replaced, and what runs that failed or died had built. In batches,
//! without CASCADE, and only in schemas that runs of this project made.

use crate::database::{DatabaseError, Session, batches, begun, catalog, history, kept};
use crate::name::Ident;

/// Relations dropped in one transaction: each takes a lock, and the server's table of locks is bounded.
const BATCH: i64 = 200;

/// Where a run builds.
pub(super) fn build_schema(run: i64) -> Ident {
    Ident::new(format!("elt_run_{run}")).expect("a number makes a short name")
}

/// Where a run puts what it replaced, until it is dropped; the first of such places or another one.
pub(super) fn old_schema(run: i64, place: usize) -> Ident {
    let more = if place == 0 { String::new() } else { format!("_{place}") };
    Ident::new(format!("elt_old_{run}{more}")).expect("two numbers make a short name")
}

/// Sweeps all ended runs of a prod schema, but for what is written down as kept and for half-filled tables that
/// the next load goes on from. What cannot be dropped stays for the next run, and is told.
/// Only for who holds the run lock.
pub async fn sweep(session: &Session, prod_schema: &str) -> Result<Vec<String>, DatabaseError> {
    sweep_but(session, prod_schema, None).await
}

/// The same, while `run` is under way.
pub(super) async fn sweep_but(
    session: &Session,
    prod_schema: &str,
    run: Option<i64>,
) -> Result<Vec<String>, DatabaseError> {
    let mut told = Vec::new();
    let litter = history::runs_with_litter(session, prod_schema).await?;
    for run in litter.into_iter().filter(|litter| Some(*litter) != run) {
        let mut gone = true;
        for schema in catalog::schemas_of_run(session, run).await? {
            match drop_schema(session, &schema).await {
                Ok(all) => gone &= all,
                Err(error) => {
                    gone = false;
                    told.push(format!("the schema {} is still there: {error}", schema.as_str()));
                }
            }
        }
        if gone {
            history::litter_is_gone(session, run).await?;
        }
    }
    Ok(told)
}

/// Whether it is gone, and not only emptied of what is not kept.
async fn drop_schema(session: &Session, schema: &Ident) -> Result<bool, DatabaseError> {
    let mut spared = kept::names_in(session, schema).await?;
    spared.extend(begun::names_in(session, schema).await?);
    spared.extend(batches::names_in(session, schema).await?);
    loop {
        let relations = catalog::droppable(session, schema, &spared, BATCH).await?;
        if relations.is_empty() {
            break;
        }
        let drops: Vec<String> = relations
            .iter()
            .map(|(relation, kind)| format!("drop {} if exists {relation}", kind_word(*kind)))
            .collect();
        session.run(&format!("set lock_timeout = '5s'; {}", drops.join("; "))).await?;
    }
    if spared.is_empty() {
        session.run(&format!("drop schema if exists {schema}")).await?;
    }
    Ok(spared.is_empty())
}

/// What DDL calls a `pg_class.relkind`.
pub(super) fn kind_word(kind: char) -> &'static str {
    match kind {
        'v' => "view",
        'm' => "materialized view",
        'f' => "foreign table",
        _ => "table",
    }
}
