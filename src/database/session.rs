//! One connection and what is done on it: statements, results as text.

use futures_util::TryStreamExt;
use tokio_postgres::{Client, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::DatabaseError;
use crate::name::{Ident, literal};

/// One connection. Dropping it ends it.
pub struct Session {
    pub(super) client: Client,
    pub(super) tls: MakeRustlsConnect,
}

/// A cell takes so much besides its text.
const CELL_BYTES: usize = 32;
/// PostgreSQL's code for what goes beyond a limit.
const TOO_LARGE: &str = "54000";

/// How values are written that leave elt, whatever the database's owner likes to read: every digit of a float, and
/// days that nobody takes for another.
pub(super) const WRITTEN: [(&str, &str); 4] = [
    ("datestyle", "ISO"),
    ("intervalstyle", "postgres"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
];

/// The statements that have the rest of a transaction write values so.
pub fn written_plainly() -> String {
    WRITTEN.map(|(name, value)| format!("set local {name} = {}; ", literal(value))).concat()
}

/// Rows as PostgreSQL writes them; `None` is NULL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextTable {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Option<String>>>,
}

impl Session {
    pub(super) fn new(client: Client, tls: MakeRustlsConnect) -> Self {
        Self { client, tls }
    }

    /// A handle that cancels what this session is running on the server.
    pub fn canceller(&self) -> Canceller {
        Canceller::new(self.client.cancel_token(), self.tls.clone())
    }

    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Runs one or more statements; the row count that the last one reported.
    pub async fn run(&self, sql: &str) -> Result<u64, DatabaseError> {
        let messages = self.client.simple_query(sql).await?;
        let last = messages.into_iter().rev().find_map(|message| match message {
            SimpleQueryMessage::CommandComplete(rows) => Some(rows),
            _ => None,
        });
        Ok(last.unwrap_or(0))
    }

    /// Runs one query; its rows as text.
    pub async fn table(&self, sql: &str) -> Result<TextTable, DatabaseError> {
        Ok(self.tables(sql).await?.pop().unwrap_or_default())
    }

    /// Runs one or more statements; the rows of each that returns some, as text.
    pub async fn tables(&self, sql: &str) -> Result<Vec<TextTable>, DatabaseError> {
        self.tables_within(sql, usize::MAX).await
    }

    /// The same, cancelled when the rows take more bytes of memory than that.
    pub(super) async fn tables_within(
        &self,
        sql: &str,
        most: usize,
    ) -> Result<Vec<TextTable>, DatabaseError> {
        let mut tables: Vec<TextTable> = Vec::new();
        let mut stream = std::pin::pin!(self.client.simple_query_raw(sql).await?);
        let mut bytes = 0;
        while let Some(message) = stream.try_next().await? {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    let columns = columns.iter().map(|column| column.name().to_owned()).collect();
                    tables.push(TextTable { columns, rows: Vec::new() });
                }
                SimpleQueryMessage::Row(row) => {
                    let cells = (0..row.len()).map(|index| row.get(index).map(str::to_owned));
                    let cells: Vec<Option<String>> = cells.collect();
                    bytes += cells
                        .iter()
                        .map(|cell| CELL_BYTES + cell.as_ref().map_or(0, String::len))
                        .sum::<usize>();
                    if bytes > most {
                        self.canceller().cancel().await;
                        // What is on its way is not for the next question.
                        while stream.try_next().await.is_ok_and(|left| left.is_some()) {}
                        let message = format!("the answer takes more than {} MiB of memory", most >> 20);
                        return Err(DatabaseError::of_code(TOO_LARGE, &message)
                            .with_hint("ask for fewer rows, or for sums of them"));
                    }
                    if let Some(table) = tables.last_mut() {
                        table.rows.push(cells);
                    }
                }
                _ => {}
            }
        }
        Ok(tables)
    }

    /// The single value of a query, as text.
    pub async fn value(&self, sql: &str) -> Result<Option<String>, DatabaseError> {
        let table = self.table(sql).await?;
        Ok(table.rows.into_iter().next().and_then(|row| row.into_iter().next().flatten()))
    }

    /// As sessions that build are set up: named after their run, not waiting for the disk (the publishing
    /// transaction does), and ended by the server when elt is gone.
    pub async fn prepare_for_build(&self, run: i64) -> Result<(), DatabaseError> {
        let name = literal(&application_name(run));
        self.run(&format!(
            "set application_name = {name}; set synchronous_commit = off; set client_min_messages = warning"
        ))
        .await?;
        // Not every platform can watch a client; there a lost client's query runs to its end.
        if let Err(error) = self.run("set client_connection_check_interval = '1s'").await {
            tracing::debug!(%error, "the server cannot watch for lost clients");
        }
        Ok(())
    }

    /// Takes over what another run left, by statements in one transaction: all of it or nothing. Nobody's lock is
    /// waited for longer than five seconds.
    pub(super) async fn take_over(&self, sql: &str) -> Result<(), DatabaseError> {
        let taken = self.run(&format!("begin; set local lock_timeout = '5s'; {sql}; commit")).await;
        if taken.is_err() {
            // The first error is the one to tell.
            let _ = self.run("rollback").await;
        }
        taken.map(drop)
    }

    /// Makes a schema that did not exist.
    pub async fn create_schema(&self, schema: &Ident) -> Result<(), DatabaseError> {
        self.run(&format!("create schema {schema}")).await.map(drop)
    }
}

/// What sessions of a run call themselves, so that a later run can end those of a dead one.
pub(super) fn application_name(run: i64) -> String {
    format!("elt run {run}")
}

/// Cancels a session's running statement from outside.
#[derive(Clone)]
pub struct Canceller {
    token: tokio_postgres::CancelToken,
    tls: MakeRustlsConnect,
}

impl Canceller {
    pub(super) fn new(token: tokio_postgres::CancelToken, tls: MakeRustlsConnect) -> Self {
        Self { token, tls }
    }

    pub async fn cancel(&self) {
        if let Err(error) = self.token.cancel_query(self.tls.clone()).await {
            tracing::debug!(%error, "cancel did not reach the server");
        }
    }
}
