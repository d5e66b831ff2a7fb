//! elt's own schema, brought up to date by refinery.

use super::{DatabaseError, Session};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Serialises migrations of processes that start at once. Any constant that nobody else uses.
const LOCK: i64 = 0x656c_745f_6d69_6772;

/// Brings the schema `elt` up to date; does nothing, in one query, where it is.
pub async fn migrate(session: &mut Session) -> Result<(), DatabaseError> {
    let mut runner = embedded::migrations::runner();
    runner.set_migration_table_name("elt.migrations");
    let newest = runner.get_migrations().iter().map(refinery::Migration::version).max().unwrap_or(0);
    if applied(session).await? == Some(i64::from(newest)) {
        return Ok(());
    }
    session.run(&format!("select pg_advisory_lock({LOCK})")).await?;
    let result = apply(session, &runner).await;
    session.run(&format!("select pg_advisory_unlock({LOCK})")).await?;
    result
}

async fn applied(session: &Session) -> Result<Option<i64>, DatabaseError> {
    match session.value("select max(version) from elt.migrations").await {
        Ok(version) => Ok(version.and_then(|version| version.parse().ok())),
        // No schema or no table yet.
        Err(error) if error.is("42P01") || error.is("3F000") => Ok(None),
        Err(error) => Err(error),
    }
}

async fn apply(session: &mut Session, runner: &refinery::Runner) -> Result<(), DatabaseError> {
    session.run("set client_min_messages = warning; create schema if not exists elt").await?;
    runner.run_async(&mut session.client).await.map(drop).map_err(|error| {
        DatabaseError::new(format!("elt's own schema cannot be brought up to date: {error}"))
            .with_hint("the database may have been used by a newer elt; install that version")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_from_one_without_a_gap() {
        let mut numbers: Vec<i64> = embedded::migrations::runner()
            .get_migrations()
            .iter()
            .map(|migration| i64::from(migration.version()))
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..).take(numbers.len()).collect::<Vec<i64>>());
    }
}
