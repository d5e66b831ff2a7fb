//! Reads the published layer for the service: what a run published and how it is served, rows of a served
//! relation, and the notice that a new run has published. It names prod relations only and never writes; the
//! role behind its connector can do no more.

mod held;
mod overview;
mod publication;
mod rows;
mod statement;

use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use super::session::WRITTEN;
use super::{Connector, DatabaseError, Session};
use crate::name::Ident;
pub use overview::{Overview, Stored};
pub use publication::{Publication, PublishedSegment};
pub use rows::{After, Condition, PageRow, RowFormat, RowQuery, Rows, RowsError, Sort};

/// The channel of the notice that is sent in the publishing transaction; its payload is the run's id.
const CHANNEL: &str = "elt_published";

/// The channel of the notice that tokens were made or revoked.
pub(super) const TOKENS_CHANNEL: &str = "elt_tokens";

/// The tables are small: a read that takes longer than this means that the database is away or blocked.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sessions that read rows at the same time; who comes later waits.
const ROW_SESSIONS: usize = 8;

/// Sessions of large answers: they are kept as long as the clients take, so they are others.
const LARGE_SESSIONS: usize = 4;

/// Reads one prod schema.
#[derive(Clone)]
pub struct Reader {
    connector: Connector,
    /// One session reads the publication, a second keeps a stuck one harmless.
    pool: deadpool_postgres::Pool,
    /// For rows of served relations, so that slow ones of these do not keep the publication from being read.
    row_pool: deadpool_postgres::Pool,
    large_pool: deadpool_postgres::Pool,
    /// The first run makes the role that is read as: where it is missing, nothing is published yet.
    role_comes_with_runs: bool,
}

/// Sessions that read rows, and requests that wait for one.
#[derive(Debug, Clone, Copy)]
pub struct Sessions {
    pub open: i64,
    pub idle: i64,
    pub waiting: i64,
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

/// A session that hears of publishing, and of changed tokens. Dropping it ends the session.
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
        let connector =
            WRITTEN.iter().fold(connector, |connector, (name, value)| connector.with_setting(name, value));
        Self {
            pool: connector.pool(2),
            row_pool: connector.pool(ROW_SESSIONS),
            // A statement there lasts as long as a client takes to read; what is too long is judged here.
            large_pool: connector.with_setting("statement_timeout", "0").pool(LARGE_SESSIONS),
            connector,
            role_comes_with_runs: false,
        }
    }

    /// The role that is read as is made by the first run.
    pub fn of_role_made_by_runs(mut self) -> Self {
        self.role_comes_with_runs = true;
        self
    }

    /// The segments and the run that published them, from one statement and so from one moment.
    pub async fn publication(&self, schema: &Ident) -> Result<Publication, ReadError> {
        tokio::time::timeout(PATIENCE, self.read(schema)).await.unwrap_or_else(|_| {
            Err(ReadError::Away(DatabaseError::new(format!("no answer in {} s", PATIENCE.as_secs()))))
        })
    }

    /// Listens for publishing and for changes of tokens. Errors: server away, login refused.
    pub async fn publications(&self) -> Result<Publications, DatabaseError> {
        let listen = async {
            let (session, notices) = self.connector.connect_listening().await?;
            session.client.batch_execute(&format!("LISTEN {CHANNEL}; LISTEN {TOKENS_CHANNEL}")).await?;
            Ok(Publications { _session: session, notices })
        };
        tokio::time::timeout(PATIENCE, listen)
            .await
            .unwrap_or_else(|_| Err(DatabaseError::new(format!("no answer in {} s", PATIENCE.as_secs()))))
    }

    async fn read(&self, schema: &Ident) -> Result<Publication, ReadError> {
        // Whatever keeps a session from opening, the database is out of reach: the server, its limit of
        // connections, or the database itself that takes none.
        let client = self.pool.get().await.map_err(|error| match unreached(error) {
            error if self.lacks_role(&error) => ReadError::Unpublished,
            error => ReadError::Away(error),
        })?;
        publication::read(&client, schema).await
    }

    fn lacks_role(&self, error: &DatabaseError) -> bool {
        // To log in as it: invalid_authorization_specification. To become it: invalid_parameter_value.
        self.role_comes_with_runs && (error.is("28000") || error.is("22023"))
    }

    /// Begins to read rows of a served relation; all of them have to be taken at once, for the relation is
    /// locked until then. Errors tell a wrong value from a database that is away.
    pub async fn rows(&self, query: &RowQuery) -> Result<Rows, RowsError> {
        Rows::begin(session(&self.row_pool).await?, query).await
    }

    /// The same for answers that a client may take its time with.
    pub async fn many_rows(&self, query: &RowQuery) -> Result<Rows, RowsError> {
        held::begin(session(&self.large_pool).await?, &self.connector, query).await
    }

    /// How the sessions that read rows stand.
    pub fn sessions(&self) -> Sessions {
        let all = [self.row_pool.status(), self.large_pool.status()];
        let sum = |part: fn(&deadpool_postgres::Status) -> usize| {
            i64::try_from(all.iter().map(part).sum::<usize>()).unwrap_or(i64::MAX)
        };
        Sessions {
            open: sum(|pool| pool.size),
            idle: sum(|pool| pool.available),
            waiting: sum(|pool| pool.waiting),
        }
    }

    /// What prod tells of itself; `None` where no run has written that yet.
    pub async fn overview(&self, schema: &Ident) -> Result<Option<Overview>, RowsError> {
        match session(&self.row_pool).await {
            Ok(client) => overview::read(client, schema).await,
            Err(RowsError::Away(error)) if self.lacks_role(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// For each type, as the catalogue writes it, whether the server takes all these values for values of it.
    pub async fn fit(&self, asked: &[(&str, Vec<&str>)]) -> Result<Vec<bool>, RowsError> {
        rows::fit(&session(&self.row_pool).await?, asked).await
    }
}

async fn session(pool: &deadpool_postgres::Pool) -> Result<deadpool_postgres::Object, RowsError> {
    use deadpool_postgres::{PoolError, TimeoutType};
    pool.get().await.map_err(|error| match error {
        PoolError::Timeout(TimeoutType::Wait) => RowsError::Busy,
        error => RowsError::Away(unreached(error)),
    })
}

impl Publications {
    /// Waits for the next publishing and returns the run's id as it was announced, or nothing where only
    /// tokens changed; several announced at once count as the last of them. `None`: the connection has ended.
    pub async fn next(&mut self) -> Option<String> {
        let mut latest = self.notices.recv().await?;
        while let Ok(newer) = self.notices.try_recv() {
            latest = newer;
        }
        Some(latest)
    }
}

fn unreached(error: deadpool_postgres::PoolError) -> DatabaseError {
    match error {
        deadpool_postgres::PoolError::Backend(error) => error.into(),
        other => DatabaseError::new(other.to_string()),
    }
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
