//! Rows of a served relation, as they come: written by the server, so digit for digit, and never more of them
//! in memory than are on their way. Names come from the catalogue, values only ever as parameters.

use std::pin::Pin;

use deadpool_postgres::Object;
use futures_util::TryStreamExt;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, RowStream};

use crate::database::DatabaseError;
use crate::endpoint::Operator;
use crate::name::{Ident, Relation};

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
    /// Unit: rows.
    pub limit: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFormat {
    /// A row is one text: a JSON object.
    Json,
    /// A row is a text for each column; `None` is NULL.
    Texts,
}

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub column: Ident,
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
    /// Part of the key: never null.
    pub is_key: bool,
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
    /// A value is none of its column's type, or the type has no such comparison.
    #[error("a value does not fit its column: {0}")]
    Value(DatabaseError),
    #[error("the rows took longer than the service waits: {0}")]
    Slow(DatabaseError),
    #[error("{0}")]
    Broken(DatabaseError),
}

/// An answer under way. Dropping it before its end ends its session.
pub struct Rows {
    /// The run that published what is read; `None` where nothing is published.
    pub run_id: Option<i64>,
    stream: Pin<Box<RowStream>>,
    /// Read ahead, because the run's number comes with it.
    first: Option<Row>,
    /// `None` once the answer has come to its end.
    client: Option<Object>,
}

impl Rows {
    pub(super) async fn begin(client: Object, query: &RowQuery) -> Result<Self, RowsError> {
        let (sql, values) = statement(query);
        let values = values.iter().map(|value| (value as &(dyn ToSql + Sync), Type::TEXT));
        // In one round trip, and prepared nowhere: callers choose the filters, so there is no end of forms.
        let stream = client.query_typed_raw(&sql, values).await.map_err(classify)?;
        let mut rows = Self { run_id: None, stream: Box::pin(stream), first: None, client: Some(client) };
        rows.first = rows.read().await?;
        if let Some(first) = &rows.first {
            rows.run_id = first.try_get(0).map_err(classify)?;
        }
        Ok(rows)
    }

    pub async fn next(&mut self) -> Result<Option<PageRow>, RowsError> {
        let row = match self.first.take() {
            Some(row) => Some(row),
            None => self.read().await?,
        };
        let Some(row) = row else { return Ok(None) };
        // Without any row the publication stands alone.
        let fields: Option<Vec<Option<String>>> = row.try_get(1).map_err(classify)?;
        let Some(fields) = fields else { return Ok(None) };
        Ok(Some(PageRow { fields, position: row.try_get(2).map_err(classify)? }))
    }

    async fn read(&mut self) -> Result<Option<Row>, RowsError> {
        if self.client.is_none() {
            return Ok(None);
        }
        let row = self.stream.try_next().await.map_err(classify)?;
        if row.is_none() {
            self.client = None;
        }
        Ok(row)
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

pub(super) async fn fits(client: &Object, data_type: &str, value: &str) -> Result<bool, RowsError> {
    let sql = format!("select cast($1::text as {data_type}) is null");
    match client.query_typed(&sql, &[(&value, Type::TEXT)]).await {
        Ok(_) => Ok(true),
        Err(error) => match classify(error) {
            RowsError::Value(_) => Ok(false),
            other => Err(other),
        },
    }
}

pub(super) fn classify(error: tokio_postgres::Error) -> RowsError {
    let error = DatabaseError::from(error);
    let class = error.code.as_deref().and_then(|code| code.get(..2));
    if error.is("57014") {
        RowsError::Slow(error)
    } else if class == Some("22") || error.is("42883") || error.is("42846") {
        // Data exceptions; undefined_function and cannot_coerce: the type has no such comparison.
        RowsError::Value(error)
    } else if error.is_unreachable() {
        RowsError::Away(error)
    } else {
        RowsError::Broken(error)
    }
}

/// The statement, and its parameters, all of them text.
fn statement(query: &RowQuery) -> (String, Vec<String>) {
    let mut values = Values(Vec::new());
    let mut wanted: Vec<String> =
        query.conditions.iter().map(|condition| values.condition(condition)).collect();
    wanted.extend(query.after.as_ref().and_then(|after| values.after(&query.order, after)));
    let filter = if wanted.is_empty() { String::new() } else { format!(" where {}", wanted.join(" and ")) };
    let order = list(query.order.iter().map(|sort| {
        let direction = if sort.descending { " desc" } else { "" };
        // A key has no nulls to be put last, and its index is in the plain order.
        let nulls = if sort.descending && !sort.is_key { " nulls last" } else { "" };
        format!("q.{}{direction}{nulls}", sort.column)
    }));
    let order = if order.is_empty() { order } else { format!(" order by {order}") };
    let position = list(query.order.iter().map(|sort| format!("q.{}::text", sort.column)));
    let (row, beside) = match query.format {
        RowFormat::Json => (
            "row_to_json(t)::text".to_owned(),
            format!(
                " cross join lateral (select {}) as t",
                list(query.columns.iter().map(|column| format!("q.{column}")))
            ),
        ),
        RowFormat::Texts => {
            (list(query.columns.iter().map(|column| format!("q.{column}::text"))), String::new())
        }
    };
    let sql = format!(
        "select p.run_id::int8, s.* from {} as p left join lateral (select array[{row}]::text[], \
         array[{position}]::text[] from {} as q{beside}{filter}{order} limit {}) as s on true",
        query.publication, query.relation, query.limit
    );
    (sql, values.0)
}

fn list(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

struct Values(Vec<String>);

impl Values {
    /// The parameter that stands for `value`.
    fn text(&mut self, value: &str) -> String {
        self.0.push(value.to_owned());
        format!("${}::text", self.0.len())
    }

    fn typed(&mut self, value: &str, data_type: &str) -> String {
        format!("cast({} as {data_type})", self.text(value))
    }

    fn condition(&mut self, condition: &Condition) -> String {
        let Condition { column, data_type, operator, value } = condition;
        let comparison = match operator {
            Operator::Eq => "=",
            Operator::Ne => "is distinct from",
            Operator::Gt => ">",
            Operator::Gte => ">=",
            Operator::Lt => "<",
            Operator::Lte => "<=",
            Operator::In => {
                let values: Vec<String> =
                    value.split(',').map(|value| self.typed(value, data_type)).collect();
                return format!("q.{column} in ({})", values.join(", "));
            }
            Operator::Contains => {
                return format!("position(lower({}) in lower(q.{column}::text)) > 0", self.text(value));
            }
            Operator::Null => {
                let not = if value == "true" { "" } else { "not " };
                return format!("q.{column} is {not}null");
            }
        };
        format!("q.{column} {comparison} {}", self.typed(value, data_type))
    }

    /// The rows that come after a position. Where all is ascending and never null, as one comparison of rows,
    /// which an index answers.
    fn after(&mut self, order: &[Sort], after: &After) -> Option<String> {
        if order.is_empty() {
            return None;
        }
        if order.iter().all(|sort| sort.is_key && !sort.descending) && after.0.iter().all(Option::is_some) {
            let columns = list(order.iter().map(|sort| format!("q.{}", sort.column)));
            let values: Vec<String> = order
                .iter()
                .zip(after.0.iter().flatten())
                .map(|(sort, value)| self.typed(value, &sort.data_type))
                .collect();
            return Some(format!("({columns}) > ({})", values.join(", ")));
        }
        let mut ways = Vec::new();
        for (place, (sort, value)) in order.iter().zip(&after.0).enumerate() {
            let Some(beyond) = self.beyond(sort, value.as_deref()) else { continue };
            let mut way: Vec<String> = order[..place]
                .iter()
                .zip(&after.0)
                .map(|(sort, value)| match value {
                    Some(value) => format!("q.{} = {}", sort.column, self.typed(value, &sort.data_type)),
                    None => format!("q.{} is null", sort.column),
                })
                .collect();
            way.push(beyond);
            ways.push(format!("({})", way.join(" and ")));
        }
        Some(if ways.is_empty() { "false".to_owned() } else { format!("({})", ways.join(" or ")) })
    }

    /// Nulls come last, so after a null there is nothing.
    fn beyond(&mut self, sort: &Sort, value: Option<&str>) -> Option<String> {
        let comparison = if sort.descending { "<" } else { ">" };
        let beyond = format!("q.{} {comparison} {}", sort.column, self.typed(value?, &sort.data_type));
        Some(if sort.is_key { beyond } else { format!("({beyond} or q.{} is null)", sort.column) })
    }
}
