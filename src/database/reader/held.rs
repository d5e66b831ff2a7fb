//! Large answers. The server makes one whole and puts it aside, as a cursor that outlives its transaction: from
//! then on nothing of prod is locked by it, however long its client takes.

use std::time::Duration;

use deadpool_postgres::Object;

use super::RowQuery;
use super::rows::{HELD, Rows, RowsError, classify, texts};
use super::statement::{self, Statement};
use crate::database::{Connector, DatabaseError};

/// How long the making may take. Prod is locked against publishing meanwhile, and publishing tries for longer.
const MAKING: Duration = Duration::from_secs(30);

pub(super) async fn begin(
    client: Object,
    connector: &Connector,
    query: &RowQuery,
) -> Result<Rows, RowsError> {
    let canceller = connector.canceller(&client);
    let made = tokio::time::timeout(MAKING, make(&client, query)).await;
    match made {
        Ok(Ok(())) => Rows::held(client, query).await,
        // Its session is in a transaction that failed, or still at work.
        Ok(Err(error)) => {
            drop(Object::take(client));
            Err(error)
        }
        Err(_) => {
            // By itself the server would work on for a client that is gone.
            canceller.cancel().await;
            drop(Object::take(client));
            Err(RowsError::Slow(DatabaseError::new(format!("not made within {} s", MAKING.as_secs()))))
        }
    }
}

async fn make(client: &Object, query: &RowQuery) -> Result<(), RowsError> {
    // Read committed, whatever the role's default: a snapshot from before the names are looked up and locked
    // could see the rows of a newer publication beside the number of the older run.
    let begin = "begin isolation level read committed, read only";
    client.batch_execute(begin).await.map_err(classify)?;
    let Statement { sql, values } = statement::counted_rows(query, query.limit);
    let declare = format!("declare {HELD} no scroll cursor with hold for {sql}");
    let values: Vec<_> = texts(&values).collect();
    client.query_typed(&declare, &values).await.map_err(classify)?;
    // The rows are made here; the time limit of statements does not count for it.
    client.batch_execute("commit").await.map_err(classify)
}
