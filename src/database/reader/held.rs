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
        Ok(Ok(has_more)) => Rows::held(client, query, has_more).await,
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

/// Whether there are more rows than are asked for.
async fn make(client: &Object, query: &RowQuery) -> Result<bool, RowsError> {
    // Both statements look at one moment.
    let begin = "begin isolation level repeatable read, read only";
    client.batch_execute(begin).await.map_err(classify)?;
    let Statement { sql, values } = statement::rows(query, query.limit);
    let declare = format!("declare {HELD} no scroll cursor with hold for {sql}");
    let values: Vec<_> = texts(&values).collect();
    client.query_typed(&declare, &values).await.map_err(classify)?;
    let Statement { sql, values } = statement::reach(query);
    let values: Vec<_> = texts(&values).collect();
    let counted = client.query_typed(&sql, &values).await.map_err(classify)?;
    let counted: i64 = counted.first().map_or(Ok(0), |row| row.try_get(0)).map_err(classify)?;
    // The rows are made here; the time limit of statements does not count for it.
    client.batch_execute("commit").await.map_err(classify)?;
    Ok(u64::try_from(counted).unwrap_or(0) > query.limit)
}
