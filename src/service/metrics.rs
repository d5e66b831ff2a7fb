//! /metrics, in OpenMetrics' text: what was asked and how long it took, what is answered from, and how runs
//! went. What changes by itself is read when it is asked for.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::counts::{Counted, Counts};
use super::problem::Problem;
use super::routes::{Answer, Call};
use super::state::{Database, State};
use crate::pipeline::{Figures, NodeStatus, RunRecord, RunStatus};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How long a scrape waits for the run history; without it the rest is told.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a run can end.
const ENDS: [(RunStatus, &str); 4] = [
    (RunStatus::Succeeded, "succeeded"),
    (RunStatus::Failed, "failed"),
    (RunStatus::Cancelled, "cancelled"),
    (RunStatus::Died, "died"),
];

/// What is counted as it happens.
pub struct Metrics {
    registry: Registry,
    counted: Counted,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Node {
    node: String,
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Standing {
    status: &'static str,
}

impl Metrics {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("elt");
        let counted = Counted::default();
        registry.register_collector(Box::new(counted.clone()));
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The binary that answers", build);
        Self { registry, counted }
    }

    /// For a worker.
    pub fn counts(&self) -> Counts {
        self.counted.counts()
    }
}

pub async fn show(call: Call) -> Answer {
    let state = &call.state;
    let mut now = Registry::with_prefix("elt");
    standing(state, &mut now);
    let figures = tokio::time::timeout(PATIENCE, state.runtime.spawn(state.pipeline.figures()));
    if let Ok(Ok(Ok(figures))) = figures.await {
        runs(&figures, &mut now);
    }
    let mut body = String::new();
    let failed = |error: std::fmt::Error| Problem::internal(error.to_string());
    text::encode_registry(&mut body, &state.metrics.registry).map_err(failed)?;
    text::encode_registry(&mut body, &now).map_err(failed)?;
    text::encode_eof(&mut body).map_err(failed)?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, OPEN_METRICS))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(body))
}

/// What is answered from, and by how many sessions.
fn standing(state: &State, registry: &mut Registry) {
    gauge(
        registry,
        "database_up",
        "1 while the published data can be read",
        i64::from(state.database() == Database::Here),
    );
    let sessions = state.reader.sessions();
    gauge(registry, "pool_sessions", "Sessions that read rows of endpoints", sessions.open);
    gauge(registry, "pool_sessions_idle", "Of these, those that nobody uses", sessions.idle);
    gauge(registry, "pool_requests_waiting", "Requests that wait for a session", sessions.waiting);
    if let Some(snapshot) = state.snapshot.load().as_ref() {
        gauge(registry, "snapshot_run", "The run whose publication is answered from", snapshot.run_id);
        let age = Timestamp::now().duration_since(snapshot.loaded_at).as_secs().max(0);
        seconds(
            registry,
            "snapshot_age",
            "Since the publication was last found to be the newest",
            age as f64,
        );
        let published = snapshot.published_at.as_second();
        seconds(registry, "published_timestamp", "When it was published, as Unix time", published as f64);
    }
}

fn runs(figures: &Figures, registry: &mut Registry) {
    let ended = Family::<Standing, Counter>::default();
    for (status, name) in ENDS {
        let count = figures.ended.iter().find(|(known, _)| *known == status).map_or(0, |(_, count)| *count);
        ended.get_or_create(&Standing { status: name }).inc_by(count);
    }
    registry.register("runs", "Runs that have ended, by how", ended);
    gauge(registry, "run_under_way", "1 while a run is under way", i64::from(figures.is_running));
    if let Some(run) = &figures.last {
        last_run(run, &figures.tests, registry);
    }
    let (rows, durations) = (
        Family::<Node, Gauge>::default(),
        Family::<Node, Gauge<f64, std::sync::atomic::AtomicU64>>::default(),
    );
    for node in &figures.published {
        let label = Node { node: node.node.clone(), kind: node.kind.clone() };
        if let Some(count) = node.rows {
            rows.get_or_create(&label).set(count);
        }
        durations.get_or_create(&label).set(node.duration_ms as f64 / 1e3);
    }
    let help = "Rows that the run built or loaded that made what is published, by node";
    registry.register("node_rows", help, rows);
    let help = "How long that took, by node";
    registry.register_with_unit("node_duration", help, Unit::Seconds, durations);
}

/// The newest that has ended: one that goes on says nothing yet.
fn last_run(run: &RunRecord, tests: &[(NodeStatus, u64)], registry: &mut Registry) {
    let standings = Family::<Standing, Gauge>::default();
    for (status, name) in ENDS {
        standings.get_or_create(&Standing { status: name }).set(i64::from(run.status == status));
    }
    registry.register("last_run_status", "1 for how the newest run that has ended did", standings);
    gauge(registry, "last_run", "The id of the newest run that has ended", run.id);
    seconds(
        registry,
        "last_run_started_timestamp",
        "When it began, as Unix time",
        run.started_at.as_second() as f64,
    );
    if let Some(end) = run.finished_at {
        let took = end.duration_since(run.started_at).as_secs_f64();
        seconds(registry, "last_run_duration", "From its beginning to its end", took);
    }
    let counted = Family::<Standing, Gauge>::default();
    for status in [NodeStatus::Passed, NodeStatus::Warned, NodeStatus::Failed] {
        let count = tests.iter().find(|(known, _)| *known == status).map_or(0, |(_, count)| *count);
        let label = Standing { status: status.name() };
        counted.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    registry.register("last_run_tests", "Its tests that were run, by how they ended", counted);
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: i64) {
    let gauge: Gauge = Gauge::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn seconds(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Gauge::<f64, std::sync::atomic::AtomicU64>::default();
    gauge.set(value);
    registry.register_with_unit(name, help, Unit::Seconds, gauge);
}
