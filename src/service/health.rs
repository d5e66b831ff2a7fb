//! Whether the service lives, whether it can answer, and where to look next.
//!
//! Decided: /readyz is 200 as long as there is a snapshot to answer from, and says `degraded` while the
//! database is away; taking such an instance out of service would turn a stale answer into none. Without a
//! snapshot it is 503, and while nobody can be let in because the tokens that reading asks for are not known yet.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, VARY};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::gate::Need;
use super::pages;
use super::routes::{Answer, Call};
use super::state::{Database, Owner, State};
use crate::token::Access;

#[derive(Serialize, ToSchema)]
pub struct Health {
    /// The process lives; nothing is said about the database.
    #[schema(example = "ok")]
    status: &'static str,
}

#[derive(Serialize, ToSchema)]
pub struct Readiness {
    status: ReadinessStatus,
    database: DatabaseStanding,
    snapshot: Option<SnapshotStanding>,
    /// Whether vouchers can be looked up.
    vouchers: VoucherStanding,
    tokens: TokensStanding,
    runs: RunsStanding,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VoucherStanding {
    Served,
    /// The project publishes none.
    None,
    /// A model is called segments_derived and has other columns than the look-up reads; the log says which.
    OtherColumns,
}

/// The service's tokens.
#[derive(Clone, Copy, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokensStanding {
    Known,
    /// They could not be read yet, and nothing is closed: only limits by token wait for them.
    Unread,
    /// They could not be read yet, and nobody can be let in to what is closed.
    Missing,
    NotNeeded,
}

/// The connection that starts runs and reads their history.
#[derive(Serialize, ToSchema)]
pub struct RunsStanding {
    status: RunsStatus,
    /// Since when; null unless `away`.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
}

#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunsStatus {
    Here,
    /// Cannot be reached: nothing can be run, and no history read; the reason is in the service's log.
    Away,
    NotAskedYet,
}

#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadinessStatus {
    Ready,
    /// Answering, but the snapshot cannot be renewed, or nothing can be run, at the moment.
    Degraded,
    /// Only as details of the 503.
    NotReady,
}

#[derive(Serialize, ToSchema)]
pub struct DatabaseStanding {
    status: DatabaseStatus,
    /// Since when; null unless `away` or `unreadable`.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseStatus {
    Here,
    /// Cannot be reached.
    Away,
    /// Reached, but what is published cannot be read; the reason is in the service's log.
    Unreadable,
    /// Reached, but no run has published yet.
    NotPublished,
    NotAskedYet,
}

/// The publication that lookups are answered from.
#[derive(Serialize, ToSchema)]
pub struct SnapshotStanding {
    run_id: i64,
    #[schema(value_type = String, format = DateTime)]
    published_at: Timestamp,
    /// When it was last read from the database, and found to be the newest.
    #[schema(value_type = String, format = DateTime)]
    loaded_at: Timestamp,
    /// Seconds since `loaded_at`.
    #[schema(minimum = 0)]
    age_seconds: i64,
}

#[derive(Serialize, ToSchema)]
pub struct Welcome {
    #[schema(example = "elt")]
    name: &'static str,
    version: &'static str,
    links: Links,
    /// What is published at paths of its own.
    #[schema(example = json!(["/monthly_revenue"]))]
    endpoints: Vec<String>,
}

/// Paths to go on with.
#[derive(Serialize, ToSchema)]
pub struct Links {
    docs: &'static str,
    boards: &'static str,
    openapi: &'static str,
    runs: &'static str,
    health: &'static str,
    readiness: &'static str,
}

pub async fn lives(_: Call) -> Answer {
    Ok(fresh().json(Health { status: "ok" }))
}

pub async fn ready(call: Call) -> Answer {
    let readiness = readiness(&call.state);
    match readiness.status {
        ReadinessStatus::NotReady => {
            let problem = match readiness.snapshot {
                Some(_) => call.state.gate.no_tokens(),
                None => call.state.no_snapshot(),
            };
            // Only strings, numbers and timestamps, which JSON can hold.
            Err(problem.with_details(serde_json::to_value(readiness).unwrap_or_default()))
        }
        _ => Ok(fresh().json(readiness)),
    }
}

pub async fn welcome(call: Call) -> Answer {
    if pages::wants_page(call.request.headers()) {
        return pages::start(call).await;
    }
    let links = Links {
        docs: "/docs/",
        boards: "/boards/",
        openapi: "/openapi.json",
        runs: "/runs",
        health: "/healthz",
        readiness: "/readyz",
    };
    let snapshot = call.state.snapshot.load();
    let published = snapshot.iter().flat_map(|snapshot| &snapshot.endpoints);
    let endpoints = published.map(|published| published.endpoint.path.clone()).collect();
    let welcome = Welcome { name: "elt", version: env!("CARGO_PKG_VERSION"), links, endpoints };
    Ok(HttpResponse::Ok().insert_header((VARY, "Accept")).json(welcome))
}

fn readiness(state: &State) -> Readiness {
    let database = state.database();
    let snapshot = state.snapshot.load().as_ref().map(|snapshot| SnapshotStanding {
        run_id: snapshot.run_id,
        published_at: snapshot.published_at,
        loaded_at: snapshot.loaded_at,
        age_seconds: Timestamp::now().duration_since(snapshot.loaded_at).as_secs().max(0),
    });
    let tokens = tokens(state);
    let runs = match state.owner() {
        Owner::NotAskedYet => RunsStanding { status: RunsStatus::NotAskedYet, since: None },
        Owner::Here => RunsStanding { status: RunsStatus::Here, since: None },
        Owner::Away(since) => RunsStanding { status: RunsStatus::Away, since: Some(since) },
    };
    let status = match (&snapshot, database, runs.status) {
        (None, ..) => ReadinessStatus::NotReady,
        _ if tokens == TokensStanding::Missing => ReadinessStatus::NotReady,
        (Some(_), Database::Here, RunsStatus::Here | RunsStatus::NotAskedYet) => ReadinessStatus::Ready,
        _ => ReadinessStatus::Degraded,
    };
    let vouchers = match state.snapshot.load().as_ref() {
        Some(snapshot) if snapshot.has_vouchers => VoucherStanding::Served,
        Some(snapshot) if snapshot.no_segments.is_some() => VoucherStanding::OtherColumns,
        _ => VoucherStanding::None,
    };
    Readiness { status, database: DatabaseStanding::from(database), snapshot, vouchers, tokens, runs }
}

fn tokens(state: &State) -> TokensStanding {
    if !state.gate.asks_for_tokens() {
        TokensStanding::NotNeeded
    } else if state.gate.knows_tokens() {
        TokensStanding::Known
    } else if state.gate.access(Need::Read) == Access::Token {
        TokensStanding::Missing
    } else {
        TokensStanding::Unread
    }
}

impl From<Database> for DatabaseStanding {
    fn from(database: Database) -> Self {
        let (status, since) = match database {
            Database::NotAskedYet => (DatabaseStatus::NotAskedYet, None),
            Database::Here => (DatabaseStatus::Here, None),
            Database::Unpublished => (DatabaseStatus::NotPublished, None),
            Database::Away(since) => (DatabaseStatus::Away, Some(since)),
            Database::Unreadable(since) => (DatabaseStatus::Unreadable, Some(since)),
        };
        Self { status, since }
    }
}

/// For what must not come out of a cache.
pub fn fresh() -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    response
}
