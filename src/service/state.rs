//! What all handlers share: the snapshot, how the database stands, and the settings of requests.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::access_log::AccessLog;
use super::docs::Pages;
use super::gate::{Gate, Need};
use super::metrics::Metrics;
use super::openapi::Guarded;
use super::pages::board::Drawn;
use super::problem::Problem;
use super::snapshot::Snapshot;
use super::{LookupDate, Preview};
use crate::database::Reader;
use crate::name::Ident;
use crate::pipeline::Pipeline;
use crate::token::Access;

/// What to do where nothing is published.
pub const TO_PUBLISH: &str = "Run the pipeline: `elt run` where the project lies, or POST /runPipeline.";

pub struct State {
    /// `None` until the first publication was read. Lookups read it without a lock.
    pub snapshot: ArcSwapOption<Snapshot>,
    database: Mutex<Database>,
    owner: Mutex<Owner>,
    pub pipeline: Arc<dyn Pipeline>,
    /// Where runs live: the caller's runtime, which outlives the workers' own and any one request.
    pub runtime: tokio::runtime::Handle,
    pub lookup_date: LookupDate,
    pub gate: Gate,
    /// Unit: bytes.
    pub body_limit: usize,
    pub request_timeout: Duration,
    pub pages: Pages,
    /// Places for who follows a run.
    pub streams: Arc<Semaphore>,
    /// Set when the service stops: what would go on for long ends.
    pub stopping: CancellationToken,
    pub metrics: Metrics,
    /// Reads rows of what is served.
    pub reader: Reader,
    pub schema: Ident,
    pub preview: Preview,
    /// How long the client of a large answer may take nothing.
    pub stall_timeout: Duration,
    /// Held by who reads the publication because a request needs it: one at a time is enough.
    pub renewing: tokio::sync::Mutex<()>,
    pub boards: Drawn,
    /// The site about the project, where it was written.
    pub docs: Option<PathBuf>,
    pub access_log: Arc<dyn AccessLog>,
}

/// How the last read of the published layer went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    NotAskedYet,
    Here,
    Unpublished,
    /// Cannot be reached, since then.
    Away(Timestamp),
    /// Answers, but not with what the contract says, since then.
    Unreadable(Timestamp),
}

/// How the last question about runs or tokens went: they are read as the database's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    NotAskedYet,
    Here,
    /// No answer, since then.
    Away(Timestamp),
}

impl State {
    pub fn new(
        settings: &super::Settings,
        reader: Reader,
        pipeline: Arc<dyn Pipeline>,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        let gate = Gate::new(settings);
        let guarded = Guarded {
            reads: gate.access(Need::Read) == Access::Token,
            runs: gate.access(Need::Run) == Access::Token,
            rate: settings.rate.is_some(),
            hosts: settings.hosts.is_some(),
        };
        Self {
            snapshot: ArcSwapOption::empty(),
            database: Mutex::new(Database::NotAskedYet),
            owner: Mutex::new(Owner::NotAskedYet),
            pipeline,
            runtime,
            lookup_date: settings.lookup_date,
            body_limit: settings.body_limit,
            request_timeout: settings.request_timeout,
            pages: Pages::new(guarded),
            metrics: Metrics::new(),
            gate,
            streams: Arc::new(Semaphore::new(settings.most_streams)),
            stopping: CancellationToken::new(),
            reader,
            schema: settings.prod_schema.clone(),
            preview: settings.preview,
            stall_timeout: settings.stall_timeout,
            renewing: tokio::sync::Mutex::default(),
            boards: Drawn::default(),
            docs: settings.docs.clone(),
            access_log: settings.access_log.clone(),
        }
    }

    pub fn database(&self) -> Database {
        *slot(&self.database)
    }

    pub fn owner(&self) -> Owner {
        *slot(&self.owner)
    }

    /// Notes how the database stands now; what goes on keeps the time when it began. Returns whether it
    /// changed.
    pub fn note_database(&self, now: Database) -> bool {
        note(&self.database, now)
    }

    /// The same of the owner's connection.
    pub fn note_owner(&self, now: Owner) -> bool {
        note(&self.owner, now)
    }

    /// The 503 of a service that has nothing to answer from.
    pub fn no_snapshot(&self) -> Problem {
        let (code, message) = match self.database() {
            Database::Unpublished => {
                ("not_published", "Nothing is published yet; the pipeline has to run first.")
            }
            _ => ("not_ready", "The published data could not be read yet."),
        };
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
            .with_header(RETRY_AFTER, HeaderValue::from_static("5"));
        match code {
            "not_published" => problem.with_hint(TO_PUBLISH),
            _ => problem,
        }
    }
}

fn note<T>(standing: &Mutex<T>, now: T) -> bool {
    let mut slot = slot(standing);
    let changed = std::mem::discriminant(&*slot) != std::mem::discriminant(&now);
    if changed {
        *slot = now;
    }
    changed
}

fn slot<T>(standing: &Mutex<T>) -> MutexGuard<'_, T> {
    // The value is written whole, so a panic elsewhere cannot have left half of it.
    standing.lock().unwrap_or_else(PoisonError::into_inner)
}
