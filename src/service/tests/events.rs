//! Following a run by server-sent events.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::*;
use crate::pipeline::{Doing, NodeRecord, NodeStatus, Step};
use crate::service::Settings;

fn started(node: &str) -> Step {
    Step::Started(Doing { node: node.into(), kind: "table".into(), since: Timestamp::UNIX_EPOCH })
}

fn finished(node: &str) -> Step {
    Step::Finished(NodeRecord {
        node: node.into(),
        kind: "table".into(),
        status: NodeStatus::Built,
        rows: Some(8),
        started_at: None,
        duration_ms: 12,
        message: Some("two\nlines".into()),
        excerpt: None,
    })
}

impl Served {
    async fn begin_held_run(&self) {
        self.pipeline.hold();
        let run = self.client.post(format!("{}/runPipeline/", self.base)).header("prefer", "respond-async");
        assert_eq!(run.send().await.unwrap().status(), 202);
    }

    async fn events(&self, last_seen: Option<&str>) -> reqwest::Response {
        let request = self.client.get(format!("{}/runs/1/events", self.base));
        let request = match last_seen {
            Some(id) => request.header("last-event-id", id),
            None => request,
        };
        request.send().await.unwrap()
    }
}

async fn read_until(response: &mut reqwest::Response, words: &str) -> String {
    let mut text = String::new();
    while !text.contains(words) {
        let piece = response.chunk().await.unwrap();
        text.push_str(std::str::from_utf8(&piece.unwrap_or_else(|| panic!("it ends: {text}"))).unwrap());
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_come_as_they_are_taken_and_who_was_away_goes_on_where_it_was() {
    let served = served_alone(settings()).await;
    served.begin_held_run().await;
    served.pipeline.step(started("segments"));
    let mut early = served.events(None).await;
    assert_eq!(early.headers()["content-type"], "text/event-stream");
    assert_eq!(early.headers()["cache-control"], "no-store");
    let first = read_until(&mut early, "event: started\ndata: {\"node\":\"segments\"").await;
    let began = "event: log\ndata: {\"at\":\"1970-01-01T00:00:00Z\",\"text\":\"segments begins\"}\n\nid: 1\nevent: started\n";
    assert!(first.contains(began), "{first}");
    served.pipeline.step(finished("segments"));
    served.pipeline.step(Step::Publishing);
    let second = read_until(&mut early, "event: publishing").await;
    assert!(second.contains("id: 2\nevent: finished\ndata: {\"node\":\"segments\",\"kind\":\"table\",\"status\":\"built\",\"rows\":8,\"started_at\":null,\"duration_ms\":12,\"message\":\"two\\nlines\",\"excerpt\":null}\n\n"), "{second}");
    let late = served.events(Some("1")).await;
    let ahead = served.events(Some("99")).await;
    served.pipeline.end();
    let rest = early.text().await.unwrap();
    assert!(rest.ends_with("event: end\ndata: {\"status\":\"succeeded\"}\n\n"), "{rest}");
    let late = late.text().await.unwrap();
    assert!(!late.contains("id: 1\n") && late.contains("id: 2\n") && late.contains("event: end"), "{late}");
    let ahead = ahead.text().await.unwrap();
    assert!(!ahead.contains("id: ") && ahead.contains("event: end"), "{ahead}");
    // Afterwards there is nothing to wait for.
    let after = served.events(None).await.text().await.unwrap();
    assert_eq!(after, "retry: 3000\n\nevent: end\ndata: {\"status\":\"succeeded\"}\n\n");
    for (path, status) in [("/runs/2/events", 404), ("/runs/x/events", 404)] {
        assert_eq!(served.get(path).await.0, status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_few_and_a_client_that_left_makes_room() {
    let served = served_alone(Settings { most_streams: 1, ..settings() }).await;
    served.begin_held_run().await;
    let first = served.events(None).await;
    let (status, refused) = served.get("/runs/1/events").await;
    assert_eq!((status.as_u16(), &refused["code"]), (503, &json!("too_many_streams")));
    assert_eq!(served.get("/runs/1").await.0, 200, "all else goes on");
    let head = served.client.head(format!("{}/runs/1/events", served.base)).send().await.unwrap();
    assert_eq!(head.status(), 200, "a look at the headers takes no place");
    drop(first);
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        // Whoever is gone is noticed when something is sent.
        served.pipeline.step(started("segments"));
        if served.events(None).await.status() == 200 {
            break;
        }
        assert!(Instant::now() < until, "the place is still taken");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_holds_up_nothing() {
    let served = served_alone(settings()).await;
    served.begin_held_run().await;
    let mut stuck = TcpStream::connect(served.running.addr).await.unwrap();
    stuck.write_all(b"GET /runs/1/events HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut one = [0];
    stuck.read_exact(&mut one).await.unwrap();
    // More than any buffer on the way takes.
    let long = "n".repeat(1000);
    (0..20_000).for_each(|_| served.pipeline.step(started(&long)));
    served.pipeline.end();
    assert_eq!(served.get("/runs/1").await.1["status"], "succeeded");
    let mut other = served.events(Some("19999")).await;
    read_until(&mut other, "event: end").await;
    drop(stuck);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stops_does_not_wait_for_who_follows() {
    let served = served_alone(settings()).await;
    served.begin_held_run().await;
    let following = served.events(None).await;
    let Served { running, .. } = served;
    tokio::time::timeout(Duration::from_secs(10), running.stop()).await.expect("it stops");
    assert_eq!(following.text().await.unwrap(), "retry: 3000\n\n", "it ends well, and is not broken off");
}
