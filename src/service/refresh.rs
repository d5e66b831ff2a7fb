//! Keeps the snapshot as new as the last publishing: a listening session brings the news, a timer stands
//! behind it, and while the database is away the old snapshot goes on answering. Never fails, never ends.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::snapshot::Snapshot;
use super::state::{Database, Owner, State};
use crate::database::{ReadError, Reader};
use crate::token::Keyring;

const SHORTEST_RETRY: Duration = Duration::from_millis(200);
/// Also how late the first publication may be noticed: until then there may be no role to listen as.
const LONGEST_RETRY: Duration = Duration::from_secs(2);
/// For the tokens.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between reads while a session listens but the last read failed.
const RETRY_READ: Duration = Duration::from_secs(1);

pub struct Refresh {
    pub state: Arc<State>,
    pub reader: Reader,
    pub keyring: Arc<dyn Keyring>,
    pub interval: Duration,
}

impl Refresh {
    /// `first` is told when the first try is over, however it went.
    pub async fn keep(self, first: oneshot::Sender<()>) {
        // An interval of nothing would be a busy loop.
        let interval = self.interval.max(SHORTEST_RETRY);
        let mut first = Some(first);
        let mut retry = SHORTEST_RETRY;
        loop {
            // Listening begins before the read, so no publishing falls between the two.
            let listening = self.reader.publications().await;
            self.read_all().await;
            if let Some(first) = first.take() {
                let _ = first.send(());
            }
            match listening {
                Ok(mut publications) => {
                    retry = SHORTEST_RETRY;
                    loop {
                        let pause = if self.is_away() { interval.min(RETRY_READ) } else { interval };
                        tokio::select! {
                            notice = publications.next() => match notice {
                                Some(run_id) => tracing::debug!(run_id, "a run has published, or tokens changed"),
                                None => break,
                            },
                            () = sleep(pause) => {}
                        }
                        self.read_all().await;
                    }
                    tracing::debug!("the listening session has ended");
                }
                Err(error) => tracing::debug!(%error, "cannot listen for publishing"),
            }
            sleep(retry).await;
            retry = (retry * 2).min(LONGEST_RETRY).min(interval);
        }
    }

    fn is_away(&self) -> bool {
        matches!(self.state.database(), Database::Away(_))
    }

    async fn read_all(&self) {
        self.state.gate.forget_the_quiet();
        let read = async {
            let _alone = self.state.renewing.lock().await;
            read(&self.state).await
        };
        tokio::join!(read, self.read_tokens());
    }

    /// Where they cannot be read, those that were known go on counting. They are asked for also where nothing is
    /// closed: that tells whether runs could be begun.
    async fn read_tokens(&self) {
        let read = tokio::time::timeout(PATIENCE, self.keyring.tokens()).await;
        let error = match read {
            Ok(Ok(tokens)) => {
                self.state.gate.renew(tokens);
                if self.state.note_owner(Owner::Here) {
                    tracing::debug!("tokens and runs can be read");
                }
                return;
            }
            Ok(Err(error)) => error,
            Err(_) => "no answer".to_owned(),
        };
        if self.state.note_owner(Owner::Away(Timestamp::now())) {
            tracing::warn!(error, "tokens and runs cannot be read");
        }
    }
}

/// What is published now, for who found that it is no more what `outdated` says; `None` where it cannot be read.
pub async fn renew(state: &State, outdated: &Snapshot) -> Option<Arc<Snapshot>> {
    // One after the other: what was read first must not be taken last.
    let _alone = state.renewing.lock().await;
    let known = state.snapshot.load_full().filter(|known| known.loaded_at > outdated.loaded_at);
    match known {
        Some(known) => Some(known),
        None => read(state).await,
    }
}

/// Reads what is published, and answers from it from now on.
async fn read(state: &State) -> Option<Arc<Snapshot>> {
    let now = Timestamp::now();
    let read = match state.reader.publication(&state.schema).await {
        Ok(publication) => {
            Snapshot::new(publication, now).map_err(|error| (Database::Unreadable(now), error))
        }
        Err(error) => {
            let standing = match &error {
                ReadError::Away(_) => Database::Away(now),
                ReadError::Unpublished => Database::Unpublished,
                ReadError::Unreadable(_) => Database::Unreadable(now),
            };
            Err((standing, error.to_string()))
        }
    };
    // Told once when it changes, not at every try.
    match read {
        Ok(snapshot) => {
            let snapshot = swap(state, snapshot);
            if state.note_database(Database::Here) {
                tracing::info!("the published data is read");
            }
            Some(snapshot)
        }
        Err((standing, error)) => {
            let is_news = state.note_database(standing);
            if is_news && standing == Database::Unpublished {
                tracing::warn!("nothing is published yet; it takes `elt run`, or POST /runPipeline");
            } else if is_news {
                tracing::warn!(error, "the published data cannot be read");
            }
            None
        }
    }
}

fn swap(state: &State, snapshot: Snapshot) -> Arc<Snapshot> {
    let run_id = snapshot.run_id;
    let snapshot = Arc::new(snapshot);
    let before = state.snapshot.swap(Some(snapshot.clone()));
    // Endpoints also go by `elt prune`, which is no run.
    if before.as_ref().is_none_or(|before| before.endpoints != snapshot.endpoints) {
        state.pages.describe(&snapshot.endpoints);
    }
    if before.is_none_or(|before| before.run_id != run_id) {
        tracing::info!(run_id, "answering from the publication of this run");
        if let Some(why) = &snapshot.no_segments {
            tracing::warn!(why, "segments_derived is not the table that vouchers are looked up in");
        }
    }
    snapshot
}
