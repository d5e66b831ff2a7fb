//! Traces of runs: one span a node, one for publishing, one over all, sent as OTLP over HTTP in JSON where the
//! environment names a collector. All are sent at once when the run has ended; a collector that cannot be
//! reached costs a second and a sentence, never the run.

mod settings;
mod span;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::pipeline::{NodeRecord, NodeStatus};
use crate::run::{Event, Observer};
pub use settings::Settings;
use span::{Span, Status, attribute};

/// How long the sending may take, all in all.
const PATIENCE: Duration = Duration::from_secs(1);

/// Watches a run for the trace and passes every event on.
pub struct Trace {
    settings: Settings,
    trace_id: String,
    root: Span,
    watched: Mutex<Watched>,
    next: Arc<dyn Observer>,
}

#[derive(Default)]
struct Watched {
    run: Option<i64>,
    begun: HashMap<String, Timestamp>,
    publishing: Option<Span>,
    ended: Vec<Span>,
}

impl Trace {
    /// `name` is what the whole is called, e.g. `elt run`.
    pub fn new(settings: Settings, name: &str, next: Arc<dyn Observer>) -> Self {
        let (trace_id, parent) = match &settings.parent {
            Some((trace, span)) => (trace.clone(), Some(span.clone())),
            None => (span::trace_id(), None),
        };
        let root = Span::new(name, parent, Timestamp::now());
        Self { settings, trace_id, root, watched: Mutex::default(), next }
    }

    /// Ends the trace and sends it. The error is a sentence for the user.
    pub async fn send(&self, attributes: &[(&str, &str)], failure: Option<&str>) -> Result<(), String> {
        let body = self.document(attributes, failure);
        let url = self.settings.url.clone();
        let sending = crate::source::post_json(url.clone(), &self.settings.headers, body);
        match tokio::time::timeout(PATIENCE, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("the trace was not sent to {url}: {error}")),
            Err(_) => Err(format!("the trace was not sent to {url}: no answer within a second")),
        }
    }

    fn document(&self, attributes: &[(&str, &str)], failure: Option<&str>) -> Value {
        let mut watched = self.watched();
        let now = Timestamp::now();
        let mut root = self.root.clone();
        root.ended_at = now;
        root.status = failure.map_or(Status::Good, |why| Status::Failed(why.to_owned()));
        root.attributes.extend(watched.run.map(|run| attribute("elt.run", run)));
        root.attributes.extend(attributes.iter().map(|(name, value)| attribute(name, *value)));
        let mut spans = std::mem::take(&mut watched.ended);
        spans.extend(watched.publishing.take().map(|mut publishing| {
            publishing.ended_at = now;
            publishing.status = root.status.clone();
            publishing
        }));
        spans.push(root);
        let spans: Vec<Value> = spans.iter().map(|span| span.json(&self.trace_id)).collect();
        json!({"resourceSpans": [{
            "resource": {"attributes": self.settings.resource()},
            "scopeSpans": [{
                "scope": {"name": "elt", "version": env!("CARGO_PKG_VERSION")},
                "spans": spans,
            }],
        }]})
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn child(&self, name: &str, started_at: Timestamp) -> Span {
        Span::new(name, Some(self.root.id.clone()), started_at)
    }

    fn finished(&self, record: &NodeRecord) {
        let mut watched = self.watched();
        let now = Timestamp::now();
        let started_at = watched.begun.remove(&record.node).or(record.started_at).unwrap_or(now);
        let step = match record.kind.as_str() {
            kind @ ("load" | "test" | "unit test") => kind,
            _ => "build",
        };
        let mut span = self.child(&format!("{step} {}", record.node), started_at);
        span.ended_at = now;
        span.attributes = vec![
            attribute("elt.node", record.node.as_str()),
            attribute("elt.kind", record.kind.as_str()),
            attribute("elt.status", record.status.name()),
            attribute("db.system.name", "postgresql"),
        ];
        span.attributes.extend(record.rows.map(|rows| attribute("elt.rows", rows)));
        span.status = match record.status {
            NodeStatus::Failed => Status::Failed(record.message.clone().unwrap_or_default()),
            NodeStatus::Skipped => Status::Unset,
            _ => Status::Good,
        };
        watched.ended.push(span);
    }
}

impl Observer for Trace {
    fn event(&self, event: Event) {
        match &event {
            // Tests outside of a run have no number yet.
            Event::Began { run, .. } => self.watched().run = Some(*run).filter(|run| *run > 0),
            Event::Started(doing) => drop(self.watched().begun.insert(doing.node.clone(), doing.since)),
            Event::Finished(record) => self.finished(record),
            Event::Publishing => {
                let span = self.child("publish", Timestamp::now());
                self.watched().publishing = Some(span);
            }
            Event::Published { relations } => {
                let mut watched = self.watched();
                if let Some(mut span) = watched.publishing.take() {
                    span.ended_at = Timestamp::now();
                    span.status = Status::Good;
                    span.attributes.push(attribute("elt.relations", *relations as i64));
                    watched.ended.push(span);
                }
            }
            _ => {}
        }
        self.next.event(event);
    }
}
