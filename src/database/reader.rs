//! Reads the published layer for the service: the voucher segments, the run that published them, and the
//! notice that a new run has. It names prod relations only and never writes; the role behind its connector
//! can do no more.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_postgres::Row;

use super::{Connector, DatabaseError, Session};
use crate::name::{Ident, Relation};

/// The channel of the notice that is sent in the publishing transaction; its payload is the run's id.
const CHANNEL: &str = "elt_published";

/// The tables are small: a read that takes longer than this means that the database is away or blocked.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads one prod schema.
#[derive(Clone)]
pub struct Reader {
    connector: Connector,
    pool: deadpool_postgres::Pool,
}

/// All voucher segments as one run published them.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    pub run_id: i64,
    pub published_at: Timestamp,
    pub segments: Vec<PublishedSegment>,
}

/// One row of `segments_derived`. Amounts are PostgreSQL's numeric text, digit for digit.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedSegment {
    pub country_code: String,
    pub segment_type: String,
    pub segment_name: String,
    /// Both ends belong to the segment. Orders, or whole days since the last order.
    pub lower_value: i64,
    /// `None`: no upper bound.
    pub upper_value: Option<i64>,
    pub voucher_amount: String,
    pub segment_rows: i64,
    pub winner_rows: i64,
    pub runner_up_amount: Option<String>,
    pub runner_up_rows: Option<i64>,
    pub is_tie: bool,
    pub low_support: bool,
}

/// Why the published layer could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The server cannot be reached; a later try may succeed.
    #[error("the database is away: {0}")]
    Away(DatabaseError),
    /// The server answers, but no run has published yet.
    #[error("nothing is published yet")]
    Unpublished,
    /// The server answers, but not with what was published by the contract, or it forbids the reading.
    #[error("the published tables cannot be read: {0}")]
    Unreadable(DatabaseError),
}

/// A session that hears of publishing. Dropping it ends the session.
pub struct Publications {
    // Held because the connection ends with its client.
    _session: Session,
    notices: UnboundedReceiver<String>,
}

impl Reader {
    /// `connector` is the role that may read prod and nothing else. Opens no connection yet.
    pub fn new(connector: &Connector) -> Self {
        let connector = connector
            .with_setting("default_transaction_read_only", "on")
            .with_setting("statement_timeout", &format!("{}s", PATIENCE.as_secs()))
            .with_setting("application_name", "elt serve");
        // The service answers from its snapshot; one session reads, a second keeps a stuck one harmless.
        let pool = connector.pool(2);
        Self { connector, pool }
    }

    /// The segments and the run that published them, from one statement and so from one moment.
    pub async fn publication(&self, schema: &Ident) -> Result<Publication, ReadError> {
        tokio::time::timeout(PATIENCE, self.read(schema)).await.unwrap_or_else(|_| {
            Err(ReadError::Away(DatabaseError::new(format!("no answer in {} s", PATIENCE.as_secs()))))
        })
    }

    /// Listens for publishing. Errors: server away, login refused.
    pub async fn publications(&self) -> Result<Publications, DatabaseError> {
        let listen = async {
            let (session, notices) = self.connector.connect_listening().await?;
            session.client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
            Ok(Publications { _session: session, notices })
        };
        tokio::time::timeout(PATIENCE, listen)
            .await
            .unwrap_or_else(|_| Err(DatabaseError::new(format!("no answer in {} s", PATIENCE.as_secs()))))
    }

    async fn read(&self, schema: &Ident) -> Result<Publication, ReadError> {
        // Whatever keeps a session from opening, the database is out of reach: the server, its limit of
        // connections, or the database itself that takes none.
        let client = self.pool.get().await.map_err(|error| match error {
            deadpool_postgres::PoolError::Backend(error) => ReadError::Away(error.into()),
            other => ReadError::Away(DatabaseError::new(other.to_string())),
        })?;
        // Not prepared beforehand: publishing replaces the table, and with it every plan made for it.
        let rows = client.query(&statement(schema), &[]).await.map_err(|error| classify(error.into()))?;
        publication(&rows).map_err(|error| ReadError::Unreadable(error.into()))?.ok_or(ReadError::Unpublished)
    }
}

impl Publications {
    /// Waits for the next publishing and returns the run's id as it was announced; several announced at
    /// once count as the last of them. `None`: the connection has ended.
    pub async fn next(&mut self) -> Option<String> {
        let mut latest = self.notices.recv().await?;
        while let Ok(newer) = self.notices.try_recv() {
            latest = newer;
        }
        Some(latest)
    }
}

fn statement(schema: &Ident) -> String {
    let relation = |name: &str| {
        Relation::new(schema.clone(), Ident::new(name).expect("both names are short and not empty"))
    };
    // The casts let a model's author choose any whole-number or numeric type.
    format!(
        "select p.run_id::int8, p.published_at::timestamptz, s.* \
         from {} as p left join ( \
             select country_code::text, segment_type::text, segment_name::text, \
                    lower_value::int8, upper_value::int8, voucher_amount::numeric::text as voucher_amount, \
                    segment_rows::int8, winner_rows::int8, \
                    runner_up_amount::numeric::text as runner_up_amount, runner_up_rows::int8, \
                    is_tie::bool, low_support::bool, true as is_here \
             from {}) as s on true",
        relation("_elt_publication"),
        relation("segments_derived"),
    )
}

fn publication(rows: &[Row]) -> Result<Option<Publication>, tokio_postgres::Error> {
    let Some(first) = rows.first() else { return Ok(None) };
    let (run_id, published_at) = (first.try_get("run_id")?, first.try_get("published_at")?);
    let is_here = first.try_get::<_, Option<bool>>("is_here")?.is_some();
    let segments = if is_here { rows.iter().map(segment).collect::<Result<_, _>>()? } else { Vec::new() };
    Ok(Some(Publication { run_id, published_at, segments }))
}

fn segment(row: &Row) -> Result<PublishedSegment, tokio_postgres::Error> {
    Ok(PublishedSegment {
        country_code: row.try_get("country_code")?,
        segment_type: row.try_get("segment_type")?,
        segment_name: row.try_get("segment_name")?,
        lower_value: row.try_get("lower_value")?,
        upper_value: row.try_get("upper_value")?,
        voucher_amount: row.try_get("voucher_amount")?,
        segment_rows: row.try_get("segment_rows")?,
        winner_rows: row.try_get("winner_rows")?,
        runner_up_amount: row.try_get("runner_up_amount")?,
        runner_up_rows: row.try_get("runner_up_rows")?,
        is_tie: row.try_get("is_tie")?,
        low_support: row.try_get("low_support")?,
    })
}

fn classify(error: DatabaseError) -> ReadError {
    // undefined_table and invalid_schema_name: the first run has not published yet.
    if error.is("42P01") || error.is("3F000") {
        ReadError::Unpublished
    } else if error.is_unreachable() {
        ReadError::Away(error)
    } else {
        ReadError::Unreadable(error)
    }
}
