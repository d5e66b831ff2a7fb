//! Starting runs and reading about them.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::*;
use crate::service::Settings;
use crate::token::Access;

impl Served {
    pub(super) fn run_pipeline(&self) -> reqwest::RequestBuilder {
        self.client.post(format!("{}/runPipeline/", self.base))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_waited_for_and_its_summary_is_the_answer() {
    let served = served_alone(settings()).await;
    let (status, run) = answer(served.run_pipeline()).await;
    assert_eq!((status.as_u16(), &run["id"], &run["status"]), (200, &json!(1), &json!("succeeded")));
    assert_eq!(
        run["nodes"][0],
        json!({"node": "segments", "kind": "table", "status": "built", "rows": 8, "started_at": null,
            "duration_ms": 12, "message": null, "excerpt": null})
    );
    // A body is not needed, and does no harm.
    let (status, _) = served.send_text("/runPipeline", "text/plain", "anything").await;
    assert_eq!(status, 200);
    assert_eq!(served.get("/runs/1").await.1, run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_is_a_500_with_its_step_and_error() {
    let served = served_alone(settings()).await;
    served.pipeline.fail();
    let (status, failed) = answer(served.run_pipeline()).await;
    assert_eq!((status.as_u16(), &failed["code"]), (500, &json!("run_failed")));
    assert_eq!(failed["message"], "Run 1 failed at stage segments.");
    assert_eq!(failed["details"]["run"]["error"], "column \"x\" does not exist");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_want_to_wait_polls_and_a_second_caller_is_told_who_is_first() {
    let served = served_alone(settings()).await;
    served.pipeline.hold();
    let response = served.run_pipeline().header("prefer", "wait=5, Respond-Async").send().await.unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!(response.headers()["location"], "/runs/1");
    assert_eq!(response.headers()["preference-applied"], "respond-async");
    let accepted: Value = response.json().await.unwrap();
    assert_eq!(accepted, json!({"run_id": 1, "status": "running", "location": "/runs/1"}));

    for prefer in ["respond-async", "wait=1"] {
        let (status, busy) = answer(served.run_pipeline().header("prefer", prefer)).await;
        assert_eq!(
            (status.as_u16(), &busy["code"], &busy["details"]["run_id"]),
            (409, &json!("run_busy"), &json!(1))
        );
    }
    let (_, running) = served.get("/runs/1/").await;
    assert_eq!((&running["status"], &running["finished_at"]), (&json!("running"), &Value::Null));
    served.pipeline.end();
    while served.get("/runs/1").await.1["status"] == "running" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    served.pipeline.hold();
    assert_eq!(answer(served.run_pipeline().header("prefer", "respond-async")).await.0, 202);
    served.pipeline.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_when_its_client_leaves() {
    let served = served_alone(settings()).await;
    served.pipeline.hold();
    let left = served.run_pipeline().timeout(Duration::from_millis(300)).send().await;
    assert!(left.unwrap_err().is_timeout());
    assert_eq!(served.get("/runs/1").await.1["status"], "running");
    served.pipeline.end();
    while served.get("/runs/1").await.1["status"] == "running" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(served.get("/runs/1").await.1["status"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_newest_first_and_limited() {
    let served = served_alone(settings()).await;
    for _ in 0..25 {
        assert_eq!(answer(served.run_pipeline()).await.0, 200);
    }
    let ids = async |query: &str| -> Vec<i64> {
        let (status, list) = served.get(&format!("/runs{query}")).await;
        assert_eq!(status, 200, "{list}");
        list["runs"].as_array().unwrap().iter().map(|run| run["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(ids("").await, (6..=25).rev().collect::<Vec<_>>());
    assert_eq!(ids("/?limit=2").await, [25, 24]);
    assert_eq!(ids("?limit=100&other=1").await.len(), 25);
    for query in
        ["?limit=0", "?limit=101", "?limit=-1", "?limit=x", "?limit=", "?limit=1&limit=2", "?limit=1.0"]
    {
        let (status, refused) = served.get(&format!("/runs{query}")).await;
        assert_eq!((status.as_u16(), &refused["code"]), (400, &json!("invalid_parameter")), "{query}");
        assert_eq!(refused["details"]["fields"][0]["field"], "limit");
    }
    for id in ["26", "0", "-1", "x", "99999999999999999999", "%20"] {
        let (status, refused) = served.get(&format!("/runs/{id}")).await;
        assert_eq!((status.as_u16(), &refused["code"]), (404, &json!("run_unknown")), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_token_set_only_its_bearer_starts_a_run() {
    let served =
        served_alone(Settings { runs: Access::Token, run_token: Some("s3cret-token".into()), ..settings() })
            .await;
    let response = served.run_pipeline().send().await.unwrap();
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    for wrong in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer s3cret-toke",
        "Bearer s3cret-token ",
        "Basic s3cret-token",
        "s3cret-token",
    ] {
        let (status, refused) = answer(served.run_pipeline().header("authorization", wrong)).await;
        // A trailing blank is no part of a header's value.
        let expected = if wrong.ends_with("token ") { 200 } else { 401 };
        assert_eq!(status, expected, "{wrong} {refused}");
    }
    let (status, _) = answer(served.run_pipeline().header("authorization", "bearer s3cret-token")).await;
    assert_eq!(status, 200);
    assert_eq!(served.get("/runs").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_what_was_begun() {
    let served = served_alone(settings()).await;
    served.pipeline.hold();
    let waiting = tokio::spawn(answer(served.run_pipeline()));
    while served.get("/runs/1").await.0 != 200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let pipeline = served.pipeline.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        pipeline.end();
    });
    let addr = served.running.addr;
    let began = std::time::Instant::now();
    served.running.stop().await;
    assert_eq!(waiting.await.unwrap().0, 200);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "idle connections held the stop: {:?}",
        began.elapsed()
    );
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}
