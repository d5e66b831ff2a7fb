//! Rows of a served relation, as they come: written by the server, so digit for digit, and never more of them
//! in memory than are on their way.

use std::pin::Pin;

use deadpool_postgres::Object;
use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, RowStream};

use super::statement::{self, Statement};
use crate::database::DatabaseError;
use crate::endpoint::Operator;
use crate::name::{Ident, Relation};

/// The cursor of an answer that the server holds; each session has one at a time.
pub(super) const HELD: &str = "answer";

/// Rows of such an answer that are fetched at a time.
const PART: u64 = 1000;

/// What is asked of a relation.
#[derive(Debug, Clone)]
pub struct RowQuery {
    pub relation: Relation,
    /// Where the run's number stands.
    pub publication: Relation,
    pub format: RowFormat,
    /// In the order of the answer; at least one.
    pub columns: Vec<Ident>,
    pub conditions: Vec<Condition>,
    pub order: Vec<Sort>,
    pub after: Option<After>,
    /// Rows of the answer at most.
    pub limit: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFormat {
    /// A row is one text: a JSON object.
    Json,
    /// A row is a text for each column; `None` is NULL.
    Texts,
    /// The same, cut off after so many letters by the server, so that nothing huge travels.
    Beginnings(usize),
}

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub column: Ident,
    /// Without length or precision.
    pub data_type: String,
    pub operator: Operator,
    pub value: String,
}

/// A column to sort by, nulls last.
#[derive(Debug, Clone, PartialEq)]
pub struct Sort {
    pub column: Ident,
    pub data_type: String,
    pub descending: bool,
    pub never_null: bool,
}

/// Only rows that come after the one with these values of the sort columns.
#[derive(Debug, Clone, PartialEq)]
pub struct After(pub Vec<Option<String>>);

#[derive(Debug, Clone, PartialEq)]
pub struct PageRow {
    pub fields: Vec<Option<String>>,
    /// The values of the sort columns.
    pub position: Vec<Option<String>>,
}

#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    #[error("the database is away: {0}")]
    Away(DatabaseError),
    #[error("every session that reads rows is in use")]
    Busy,
    /// A value is none of its column's type, or what was asked for breaks on one of the rows.
    #[error("a value does not fit: {0}")]
    Value(DatabaseError),
    /// The type of a column has no such comparison, or no order.
    #[error("a type cannot do what is asked of it: {0}")]
    Unfit(DatabaseError),
    #[error("the rows took longer than the service waits: {0}")]
    Slow(DatabaseError),
    #[error("{0}")]
    Broken(DatabaseError),
}

/// An answer under way. Dropping it before its end ends its session.
pub struct Rows {
    /// The run that published what is read; `None` where nothing is published.
    pub run_id: Option<i64>,
    /// Whether there are more rows than were asked for. Of a held answer known from its beginning, of any other
    /// at its end.
    pub has_more: bool,
    /// Rows that may still be given.
    left: u64,
    stream: Pin<Box<RowStream>>,
    /// Read ahead, because the run's number comes with it.
    first: Option<Row>,
    /// Of an answer that the server holds: rows that its part has not given yet.
    part: Option<u64>,
    /// `None` once the answer has come to its end.
    client: Option<Object>,
}

impl Rows {
    /// One row more is read than is asked for, to know whether there are more.
    pub(super) async fn begin(client: Object, query: &RowQuery) -> Result<Self, RowsError> {
        let Statement { sql, values } = statement::rows(query, query.limit.saturating_add(1));
        // In one round trip, and prepared nowhere: callers choose the filters, so there is no end of forms.
        let stream = client.query_typed_raw(&sql, texts(&values)).await.map_err(classify)?;
        Self::with_first(client, stream, query.limit, None).await
    }

    /// Of an answer that the server holds under [`HELD`].
    pub(super) async fn held(client: Object, query: &RowQuery) -> Result<Self, RowsError> {
        let stream = match next_part(&client).await {
            Ok(stream) => stream,
            Err(error) => {
                // Its cursor would be in the way of the next one.
                drop(Object::take(client));
                return Err(error);
            }
        };
        let mut rows = Self::with_first(client, stream, query.limit, Some(PART)).await?;
        if let Some(first) = &rows.first {
            rows.has_more = first.try_get(3).map_err(classify)?;
        }
        Ok(rows)
    }

    async fn with_first(
        client: Object,
        stream: RowStream,
        left: u64,
        part: Option<u64>,
    ) -> Result<Self, RowsError> {
        let client = Some(client);
        let stream = Box::pin(stream);
        let mut rows = Self { run_id: None, has_more: false, left, stream, first: None, part, client };
        rows.first = rows.read().await?;
        if let Some(first) = &rows.first {
            rows.run_id = first.try_get(0).map_err(classify)?;
        }
        Ok(rows)
    }

    /// Has to be asked until it says `None`: only then can the session be used again.
    pub async fn next(&mut self) -> Result<Option<PageRow>, RowsError> {
        loop {
            let row = match self.first.take() {
                Some(row) => Some(row),
                None => self.read().await?,
            };
            let Some(row) = row else { return Ok(None) };
            // Without any row the publication stands alone.
            let fields: Option<Vec<Option<String>>> = row.try_get(1).map_err(classify)?;
            match fields {
                None => {}
                Some(_) if self.left == 0 => self.has_more = true,
                Some(fields) => {
                    self.left -= 1;
                    return Ok(Some(PageRow { fields, position: row.try_get(2).map_err(classify)? }));
                }
            }
        }
    }

    async fn read(&mut self) -> Result<Option<Row>, RowsError> {
        loop {
            let Some(client) = &self.client else { return Ok(None) };
            if let Some(row) = self.stream.try_next().await.map_err(classify)? {
                self.part = self.part.map(|left| left.saturating_sub(1));
                return Ok(Some(row));
            }
            match self.part {
                // As many as could be: there may be more.
                Some(0) => {
                    self.stream.set(next_part(client).await?);
                    self.part = Some(PART);
                }
                Some(_) => {
                    client.batch_execute(&format!("close {HELD}")).await.map_err(classify)?;
                    self.client = None;
                }
                None => self.client = None,
            }
        }
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        // A session in the middle of an answer is of no use to the next request: it ends, and the server
        // stops sending.
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

async fn next_part(client: &Object) -> Result<RowStream, RowsError> {
    let none: [(String, Type); 0] = [];
    client.query_typed_raw(&format!("fetch forward {PART} from {HELD}"), none).await.map_err(classify)
}

pub(super) fn texts(values: &[String]) -> impl Iterator<Item = (&(dyn ToSql + Sync), Type)> {
    values.iter().map(|value| (value as &(dyn ToSql + Sync), Type::TEXT))
}

/// For each type and its values, whether the server takes them all for values of it.
pub(super) async fn fit(client: &Object, asked: &[(&str, Vec<&str>)]) -> Result<Vec<bool>, RowsError> {
    // Sent one behind the other without waiting: one way to the server and back for all of them.
    let judged = asked.iter().map(|(data_type, values)| async move {
        let fits = client.query_typed(&statement::fits(data_type), &[(values, Type::TEXT_ARRAY)]).await;
        match fits.map_err(classify) {
            Ok(_) => Ok(true),
            Err(RowsError::Value(_) | RowsError::Unfit(_)) => Ok(false),
            Err(other) => Err(other),
        }
    });
    try_join_all(judged).await
}

pub(super) fn classify(error: tokio_postgres::Error) -> RowsError {
    let error = DatabaseError::from(error);
    let class = error.code.as_deref().and_then(|code| code.get(..2));
    if error.is("57014") {
        RowsError::Slow(error)
    } else if class == Some("22") {
        // Data exceptions.
        RowsError::Value(error)
    } else if error.is("42883") || error.is("42846") {
        // undefined_function and cannot_coerce.
        RowsError::Unfit(error)
    } else if error.is_unreachable() {
        RowsError::Away(error)
    } else {
        RowsError::Broken(error)
    }
}
