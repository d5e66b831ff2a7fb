//! SQL outside of a run: a query to look at rows, which can change nothing, and an operation, which may and
//! therefore holds the run lock meanwhile.

use std::sync::Arc;

use super::asking::Asker;
use super::start::{RunError, take_lock};
use super::unpublished::{tell_unpublished, unpublished};
use crate::database::{DatabaseError, Session, TextTable, history, migrate, written_plainly};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::manifest::{Answered, Manifest, Sql, Text};
use crate::project::Layer;

use super::Place;

/// The rows of a query, at most `limit` of them (0: all), read in a transaction that can write nothing and
/// ends after `timeout` seconds (0: never). With `as_json` each row is one JSON text.
pub async fn preview(
    session: &Session,
    query: &Sql,
    limit: u64,
    timeout: u64,
    as_json: bool,
) -> Result<TextTable, (DatabaseError, Sql)> {
    let limit = if limit == 0 { String::new() } else { format!(" limit {limit}") };
    let columns = if as_json { "row_to_json(shown.*)::text" } else { "*" };
    let sql = query.clone().wrap(&format!("select {columns} from (\n"), &format!("\n) as shown{limit}"));
    let begun = format!("begin read only; set local statement_timeout = '{timeout}s'; {}", written_plainly());
    let rows = match session.run(&begun).await {
        Ok(_) => session.table(&sql.text).await,
        Err(error) => Err(error),
    };
    match rows {
        Ok(rows) => match session.run("rollback").await {
            Ok(_) => Ok(rows),
            Err(error) => Err((error, sql)),
        },
        Err(error) => Err((error, sql)),
    }
}

/// Why an operation did not come to its end. Nothing of it stays.
pub enum OperationError {
    Start(RunError),
    Sql(DatabaseError, Box<Sql>),
    /// What the macro asks has no answer.
    Asked(Box<Diagnostic>),
}

/// Runs what a macro writes in one transaction, while no run can begin; the rows of each statement that returned
/// some. What it asks while it renders is asked in that transaction, and may change something.
pub async fn operation(
    place: &Place,
    manifest: &Manifest,
    text: &Text,
    file: &Arc<SourceFile>,
) -> Result<Vec<TextTable>, OperationError> {
    let start = |error| OperationError::Start(RunError::Database(error));
    let mut session = place.connector.session().await.map_err(start)?;
    migrate(&mut session).await.map_err(start)?;
    let prod = manifest.schema(Layer::Prod).as_str();
    take_lock(&session, prod).await.map_err(OperationError::Start)?;
    for dead in history::bury_dead(&session, prod).await.map_err(start)? {
        history::end_sessions_of(&session, dead).await.map_err(start)?;
    }
    let name = |id| manifest.published(id);
    let target = place.target.name.as_str();
    let named = || text.targets.iter().map(|id| (*id, manifest.published(*id)));
    session.run("begin").await.map_err(start)?;
    let answered = match text.asks() {
        true => {
            let asker = Asker { within: true, does: true, ..Asker::of(&session, manifest, &name) };
            match asker.answered(text, file, None).await {
                Ok(answered) => answered,
                Err(mut problem) => {
                    // What the error ended is gone; without a server there is nothing to add.
                    if session.run("rollback").await.is_ok() {
                        tell_unpublished(&session, manifest, target, &mut problem, named()).await;
                    }
                    return Err(OperationError::Asked(problem));
                }
            }
        }
        false => Answered::default(),
    };
    let sql = manifest.assemble_answered(text, file, &name, &answered);
    let failed = |error| OperationError::Sql(error, Box::new(sql.clone()));
    let tables = match sql.is_blank() {
        true => Ok(Vec::new()),
        false => session.tables(&sql.text).await,
    };
    let tables = match tables {
        Ok(tables) => tables,
        Err(error) if error.is("42P01") && session.run("rollback").await.is_ok() => {
            let told = unpublished(&session, manifest, target, &error.message, named()).await;
            return Err(failed(told.map_or(error.clone(), |told| told.in_place_of(&error))));
        }
        Err(error) => return Err(failed(error)),
    };
    session.run("commit").await.map_err(failed)?;
    Ok(tables)
}
