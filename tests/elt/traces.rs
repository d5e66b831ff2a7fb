//! Traces: a small collector receives what a run sends.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use serde_json::Value;

use crate::server::Server;
use crate::support::Project;

/// Takes one request: its head and its body.
fn collector() -> (String, JoinHandle<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let taken = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut bytes, mut piece) = (Vec::new(), [0; 8192]);
        loop {
            let count = stream.read(&mut piece).unwrap();
            bytes.extend_from_slice(&piece[..count]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
                return (head.to_owned(), serde_json::from_str(body).unwrap());
            }
        }
    });
    (address, taken)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_asked_for_by_http_is_part_of_the_trace_of_who_asked() {
    let (address, taken) = collector();
    let project = Project::new(&[("models/prod/a.sql", "select 1 as n")]).await;
    let project = project.env("OTEL_EXPORTER_OTLP_ENDPOINT", &address);
    let server = Server::start(&project, &[]);
    let (trace, caller) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let request = server.client.post(format!("{}/runPipeline", server.base));
    let (status, _) = server.send(request.header("traceparent", format!("00-{trace}-{caller}-01"))).await;
    assert_eq!(status, 200);
    let (_, body) = taken.join().unwrap();
    let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    let root = spans.iter().find(|span| span["name"] == "elt serve: run").expect("the run has a span");
    assert_eq!((root["traceId"].as_str(), root["parentSpanId"].as_str()), (Some(trace), Some(caller)));
    assert!(spans.iter().any(|span| span["name"] == "build prod.a"), "{body}");
}

#[tokio::test]
async fn a_run_sends_a_span_for_each_node_under_its_callers_trace() {
    let (address, taken) = collector();
    let (trace, caller) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let project = Project::new(&[
        ("models/stage/a.sql", "{{ config(materialized='table') }} select 1 as n"),
        ("models/prod/b.sql", "select n from {{ ref('a') }}"),
        ("tests/wrong.sql", "select n from {{ ref('a') }}"),
    ])
    .await
    .env("OTEL_EXPORTER_OTLP_ENDPOINT", &address)
    .env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=k%201")
    .env("TRACEPARENT", &format!("00-{trace}-{caller}-01"));
    project.elt(&["run"]).expect(1);

    let (head, body) = taken.join().unwrap();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
    assert!(head.contains("api-key: k 1"), "{head}");
    let resource = &body["resourceSpans"][0];
    assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "elt");
    let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap();
    let span = |name: &str| {
        spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("{name}: {body}"))
    };
    let root = span("elt run");
    assert_eq!((root["traceId"].as_str(), root["parentSpanId"].as_str()), (Some(trace), Some(caller)));
    assert_eq!(root["status"]["code"], 2);
    let built = span("build stage.a");
    assert_eq!((&built["traceId"], &built["parentSpanId"]), (&root["traceId"], &root["spanId"]));
    assert_eq!(built["status"]["code"], 1);
    let attribute = |span: &Value, name: &str| {
        let all = span["attributes"].as_array().unwrap();
        all.iter().find(|one| one["key"] == name).map(|one| one["value"].clone())
    };
    assert_eq!(attribute(built, "elt.rows").unwrap()["intValue"], "1");
    assert_eq!(attribute(root, "elt.target").unwrap()["stringValue"], "dev");
    assert_eq!(span("test wrong")["status"]["code"], 2);
    assert_eq!(attribute(span("build prod.b"), "elt.status").unwrap()["stringValue"], "skipped");
    let time = |span: &Value, name: &str| span[name].as_str().unwrap().parse::<u128>().unwrap();
    assert!(time(root, "startTimeUnixNano") <= time(built, "startTimeUnixNano"));
    assert!(time(built, "endTimeUnixNano") <= time(root, "endTimeUnixNano"));
}

#[tokio::test]
async fn a_collector_that_cannot_be_reached_fails_no_run() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let project = Project::new(&[("models/prod/a.sql", "select 1 as n")]).await;
    let run = |endpoint: &str| {
        let mut command = project.command(&["run"]);
        let output = command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(run("http://127.0.0.1:1").contains("the trace was not sent to http://127.0.0.1:1/v1/traces"));
    let told = run(&format!("http://{}", silent.local_addr().unwrap()));
    assert!(told.contains("no answer within a second"), "{told}");
    assert!(run("c:4317").contains("is no http address"));
}

#[tokio::test]
async fn tests_outside_of_a_run_send_their_spans_too() {
    let project = Project::new(&[
        ("models/prod/a.sql", "select 1 as n"),
        ("tests/claim.sql", "select n from {{ ref('a') }} where n > 1"),
    ])
    .await;
    project.good(&["run"]);
    let (address, taken) = collector();
    let project = project.env("OTEL_EXPORTER_OTLP_ENDPOINT", &address);
    project.good(&["test"]);
    let (_, body) = taken.join().unwrap();
    let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    let names: Vec<&str> = spans.iter().filter_map(|span| span["name"].as_str()).collect();
    assert!(names.contains(&"elt test") && names.contains(&"test claim"), "{names:?}");
}
