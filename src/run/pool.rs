//! The sessions that build: as many at once as the target has `threads`. Each task has one. What can use more than
//! one is lent those that no task needs at the moment.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;

use crate::database::{Canceller, Connector, DatabaseError, Session};

pub(super) struct Pool {
    connector: Connector,
    run: i64,
    most: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    idle: Vec<Session>,
    /// Those that are open, or about to be.
    open: usize,
    cancellers: Vec<Canceller>,
}

/// A session that goes back when it is dropped, in whatever state it is.
pub(super) struct Lent {
    session: Option<Session>,
    pool: Arc<Pool>,
}

impl Pool {
    /// None is open yet.
    pub fn new(connector: &Connector, run: i64, most: usize) -> Arc<Self> {
        Arc::new(Self { connector: connector.clone(), run, most, held: Mutex::default() })
    }

    /// Opens sessions until there are so many, or as many as there may be. Errors: the server is away, or has no
    /// place for so many.
    pub async fn open(&self, wanted: usize) -> Result<(), DatabaseError> {
        let missing = {
            let mut held = self.held();
            let missing = wanted.min(self.most).saturating_sub(held.open);
            held.open += missing;
            missing
        };
        let mut failed = None;
        for opened in join_all((0..missing).map(|_| self.opened())).await {
            let mut held = self.held();
            match opened {
                Ok(session) => {
                    held.cancellers.push(session.canceller());
                    held.idle.push(session);
                }
                Err(error) => {
                    held.open -= 1;
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn opened(&self) -> Result<Session, DatabaseError> {
        let session = self.connector.connect().await?;
        session.prepare_for_build(self.run).await?;
        Ok(session)
    }

    /// An open session that nobody has.
    pub fn take(self: &Arc<Self>) -> Option<Lent> {
        let session = self.held().idle.pop()?;
        Some(Lent { session: Some(session), pool: self.clone() })
    }

    /// So many sessions that nobody has, or fewer.
    pub async fn spare(self: &Arc<Self>, wanted: usize) -> Vec<Lent> {
        let busy = {
            let held = self.held();
            held.open - held.idle.len()
        };
        if let Err(error) = self.open(busy + wanted).await {
            tracing::debug!(%error, "the server has no session to spare");
        }
        std::iter::from_fn(|| self.take()).take(wanted).collect()
    }

    /// Cancels what the sessions are running on the server.
    pub async fn cancel(&self) {
        let cancellers = self.held().cancellers.clone();
        join_all(cancellers.iter().map(Canceller::cancel)).await;
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Sessions are put in and taken out whole, so a panic elsewhere cannot have left half of one.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Lent {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session.as_ref().expect("it is there until the drop")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.pool.held().idle.extend(self.session.take());
    }
}
