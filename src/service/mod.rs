//! HTTP over the published layer; the only module that knows actix-web and utoipa. It reads prod through
//! [`crate::database::Reader`] and asks for runs through [`crate::pipeline::Pipeline`]; it knows nothing of
//! models, raw or stage.
//!
//! A request comes in by `door`, goes through `routes` to a handler, and leaves in an `envelope` (id, headers,
//! error form, log).

mod access_log;
mod amount;
mod body;
mod clock;
mod counts;
mod docs;
mod door;
mod envelope;
mod events;
mod exposed;
mod facts;
mod fields;
mod gate;
mod health;
mod lookup;
mod metrics;
mod openapi;
mod pages;
mod plain;
mod problem;
mod refresh;
mod routes;
mod run_answers;
mod run_log;
mod runs;
mod sample_api;
mod server;
mod snapshot;
mod state;
mod timestamp;
#[doc(hidden)]
pub mod trial;
mod voucher;
mod voucher_schema;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use jiff::civil::Date;

use crate::name::Ident;
use crate::token::Access;

pub use access_log::{AccessLog, Answered, Events as AccessEvents, TARGET as ACCESS_LOG};
pub use gate::Rate;
pub use sample_api::{RunningApi, SampleApi, start_sample_api};
pub use server::{Running, start};

/// How the service is to run. [`Settings::new`] gives the defaults.
#[derive(Clone)]
pub struct Settings {
    /// A name or an address to listen on.
    pub host: String,
    /// 0: any free port; [`Running::addr`] says which.
    pub port: u16,
    /// Threads that answer; `None`: one for each core.
    pub workers: Option<usize>,
    pub prod_schema: Ident,
    pub lookup_date: LookupDate,
    /// Who may read what is published.
    pub reads: Access,
    /// Who may start runs.
    pub runs: Access,
    /// A token that may start runs, beside those that the database keeps.
    pub run_token: Option<String>,
    /// How often one caller may come; `None`: as often as it likes.
    pub rate: Option<Rate>,
    /// Proxies that are believed when they tell whom they ask for.
    pub proxies: Vec<IpNet>,
    /// Other sites whose pages may ask, e.g. `https://shop.example.org`.
    pub cors: Vec<String>,
    /// The names by which the service may be asked, besides this machine's own; `None`: by any.
    pub hosts: Option<Vec<String>>,
    /// The longest body that is read. Unit: bytes.
    pub body_limit: usize,
    /// How long a request's headers may take to arrive.
    pub header_timeout: Duration,
    /// How long a request's body may take to arrive, and the run history to answer. A run itself may take
    /// as long as it does.
    pub request_timeout: Duration,
    /// How long the client of a large answer may take nothing of it, before the answer is broken off.
    pub stall_timeout: Duration,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// How long a stop waits for what was begun. Whole seconds.
    pub stop_timeout: Duration,
    /// How often the published data is read again when no notice comes.
    pub refresh_interval: Duration,
    /// How many may follow runs by server-sent events at the same time.
    pub most_streams: usize,
    pub preview: Preview,
    /// The page that `elt docs` writes, if it does.
    pub docs: Option<PathBuf>,
    pub access_log: Arc<dyn AccessLog>,
}

/// Whose first rows the pages show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preview {
    All,
    /// Of relations that are served at a path of their own.
    Exposed,
    Nothing,
}

/// The UTC day that the recency of a lookup is counted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupDate {
    Today,
    Fixed(Date),
}

/// Why the service cannot start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error("port {port} of {host} is taken by another program; choose another port, or 0 for any free one")]
    PortTaken { host: String, port: u16 },
    #[error("cannot listen on {host}, port {port}: {source}")]
    Listen { host: String, port: u16, source: std::io::Error },
    #[error("the HTTP server failed: {0}")]
    Server(#[source] std::io::Error),
}

impl Settings {
    /// On this machine only, port 8080, open to whoever reaches it.
    pub fn new(prod_schema: Ident) -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8080,
            workers: None,
            prod_schema,
            lookup_date: LookupDate::Today,
            reads: Access::Open,
            runs: Access::Open,
            run_token: None,
            rate: None,
            proxies: Vec::new(),
            cors: Vec::new(),
            hosts: None,
            body_limit: 64 * 1024,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            stop_timeout: Duration::from_secs(30),
            refresh_interval: Duration::from_secs(30),
            most_streams: 64,
            preview: Preview::All,
            docs: None,
            access_log: Arc::new(access_log::Events),
        }
    }
}

#[cfg(test)]
mod tests;
