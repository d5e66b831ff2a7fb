//! GET /runs/{id}/events: a run as it goes, by server-sent events. Nothing waits for who listens: a stream looks
//! at what has happened whenever its client has taken what was sent before. Streams are few, and end after a
//! while; a client goes on where it was by its Last-Event-ID.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, Data};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::problem::Problem;
use super::routes::{Answer, Call};
use super::run_answers::NodeAnswer;
use super::state::State;
use super::{run_log, runs};
use crate::pipeline::{RunStatus, Step, Steps};

/// After this a stream ends, so that one whose client neither reads nor leaves holds no place for ever.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// A line now and then, by which a vanished client is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Steps that are sent at a time.
const AT_ONCE: usize = 500;
/// Tells the client how long to wait before it asks again. Unit: milliseconds.
const RETRY: &str = "retry: 3000\n\n";

pub async fn follow(call: Call) -> Answer {
    let id = runs::asked(&call)?;
    // Before the record is read: a run that ends in between is then seen to its end.
    let steps = call.state.pipeline.steps(id);
    let record = runs::record(&call.state, id).await?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        // A proxy that gathers answers would keep the news to itself.
        .insert_header((HeaderName::from_static("x-accel-buffering"), "no"));
    if record.status != RunStatus::Running {
        return Ok(response.body(format!("{RETRY}{}", event("end", &json!({ "status": record.status })))));
    }
    if call.request.method() == Method::HEAD {
        return Ok(response.finish());
    }
    let _place = place(&call.state)?;
    let steps = steps.unwrap_or_else(|| {
        let _within = call.state.runtime.enter();
        call.state.pipeline.watch(id)
    });
    let following = Following {
        id,
        seen: last_seen(&call),
        steps,
        _place,
        state: call.state,
        until: Instant::now() + LONGEST,
        ended: false,
    };
    let begin = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(RETRY.as_bytes()))]);
    let news = stream::unfold(following, |mut following| async move {
        let news = following.next().await?;
        Some((Ok(Bytes::from(news)), following))
    });
    Ok(response.streaming(futures_util::StreamExt::chain(begin, Box::pin(news))))
}

fn last_seen(call: &Call) -> usize {
    let header = call.request.headers().get("last-event-id");
    header.and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}

/// One of the few streams. The place is free again when the stream is dropped, and at the latest when it should
/// have ended: a stream is only asked to go on when its client reads.
fn place(state: &State) -> Result<oneshot::Sender<()>, Problem> {
    let permit: OwnedSemaphorePermit = state.streams.clone().try_acquire_owned().map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_streams",
            "Too many follow runs at the moment.",
        )
        .with_hint("GET /runs/{id} tells how the run stands.")
        .with_header(RETRY_AFTER, actix_web::http::header::HeaderValue::from_static("5"))
    })?;
    let (stream, gone) = oneshot::channel();
    state.runtime.spawn(async move {
        let _ = tokio::time::timeout(LONGEST, gone).await;
        drop(permit);
    });
    Ok(stream)
}

struct Following {
    id: i64,
    steps: Steps,
    /// How many steps the client has.
    seen: usize,
    state: Data<State>,
    until: Instant,
    ended: bool,
    _place: oneshot::Sender<()>,
}

impl Following {
    /// What has happened since, as soon as something has; `None` when there is no more to tell.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(news) = self.news() {
                return Some(news);
            }
            if self.ended {
                return None;
            }
            tokio::select! {
                changed = self.steps.changed() => if changed.is_err() {
                    self.ended = true;
                    // What came last is told before the end.
                    return Some(self.news().unwrap_or_default() + &self.end().await);
                },
                () = tokio::time::sleep(HEARTBEAT) => return Some(":\n\n".to_owned()),
                () = tokio::time::sleep_until(self.until) => return None,
                () = self.state.stopping.cancelled() => return None,
            }
        }
    }

    fn news(&mut self) -> Option<String> {
        let steps = self.steps.borrow_and_update();
        let new = steps.get(self.seen..).unwrap_or_default();
        if new.is_empty() {
            return None;
        }
        let mut text = String::new();
        for step in new.iter().take(AT_ONCE) {
            self.seen += 1;
            text.push_str(&told(step, self.seen));
        }
        Some(text)
    }

    async fn end(&self) -> String {
        let status = runs::record(&self.state, self.id).await.ok().map(|record| record.status);
        event("end", &json!({ "status": status }))
    }
}

/// The step as the `number`-th, behind its line of the log: who is cut off between the two hears both again.
fn told(step: &Step, number: usize) -> String {
    let line = run_log::of_step(step);
    let line =
        line.map(|line| event("log", &json!({ "at": line.at, "text": line.text }))).unwrap_or_default();
    let taken = match step {
        Step::Said(_) => return format!("id: {number}\n{line}"),
        Step::Started(doing) => event("started", &json!({ "node": doing.node, "at": doing.since })),
        Step::Finished(record) => {
            // Texts and numbers, which JSON can hold.
            event("finished", &serde_json::to_value(NodeAnswer::from(record.clone())).unwrap_or_default())
        }
        Step::Publishing => event("publishing", &json!({})),
    };
    format!("{line}id: {number}\n{taken}")
}

/// JSON has no line breaks but escaped ones, so it is one line of data.
fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}
