//! A few sessions that many ask in turn, so that however many ask, the server has few connections of elt's.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use super::{Connector, DatabaseError, Session, migrate};

/// What is asked is small. One that the server has forgotten must not keep its place for ever.
const SETTINGS: &str = "set statement_timeout = '20s'; set application_name = 'elt serve'";

#[derive(Clone)]
pub struct Sessions(Arc<Shared>);

struct Shared {
    connector: Connector,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Session>>,
    /// elt's own schema is brought up to date by the first session, not by each.
    migrated: OnceCell<()>,
}

/// A session for one question. It is for others too once it is given back; dropped it ends, whatever it is at.
pub struct Borrowed {
    session: Session,
    shared: Arc<Shared>,
    _place: OwnedSemaphorePermit,
}

impl Sessions {
    pub fn new(connector: Connector, most: usize) -> Self {
        let (places, idle) = (Arc::new(Semaphore::new(most)), Mutex::default());
        Self(Arc::new(Shared { connector, places, idle, migrated: OnceCell::new() }))
    }

    /// Waits while all are in use. Errors: server away, elt's schema cannot be brought up to date.
    pub async fn get(&self) -> Result<Borrowed, DatabaseError> {
        let shared = self.0.clone();
        let place = shared.places.clone().acquire_owned().await.expect("the semaphore is never closed");
        let idle = std::iter::from_fn(|| shared.idle().pop()).find(|session| !session.is_closed());
        let session = match idle {
            Some(session) => session,
            None => {
                let mut session = shared.connector.connect().await?;
                shared.migrated.get_or_try_init(|| migrate(&mut session)).await?;
                session.run(SETTINGS).await?;
                session
            }
        };
        Ok(Borrowed { session, shared, _place: place })
    }
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        // Sessions are put in and taken out whole, so a panic elsewhere cannot have left half of one.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Borrowed {
    pub fn give_back(self) {
        self.shared.idle().push(self.session);
    }
}

impl std::ops::Deref for Borrowed {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}
