//! Every error has the one form, whatever made it, and tells nothing of the inside.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::pipeline::Mood;
use super::support::*;
use crate::service::{ServiceError, Settings, start};

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_wrong_methods() {
    let served = served_alone(settings()).await;
    for path in [
        "/nowhere",
        "/runs/1/2",
        "/getVoucher/x",
        "/docs/nowhere.js",
        "/docs/..%2f..%2fetc%2fpasswd",
        "//",
        "/%00",
    ] {
        let (status, answer) = served.get(path).await;
        assert_eq!((status.as_u16(), &answer["code"]), (404, &json!("unknown_path")), "{path}");
    }
    for (method, path, allow) in [
        (Method::GET, "/getVoucher/", "POST"),
        (Method::GET, "/segmentation-voucher", "POST"),
        (Method::PUT, "/runPipeline", "POST"),
        (Method::POST, "/runs", "GET, HEAD"),
        (Method::DELETE, "/runs/1", "GET, HEAD"),
        (Method::POST, "/healthz/", "GET, HEAD"),
        (Method::PATCH, "/readyz", "GET, HEAD"),
        (Method::POST, "/docs/index.html", "GET, HEAD"),
        (Method::OPTIONS, "/", "GET, HEAD"),
        (Method::TRACE, "/openapi.json", "GET, HEAD"),
    ] {
        let request = served.client.request(method.clone(), format!("{}{path}", served.base));
        let response = request.try_clone().unwrap().send().await.unwrap();
        assert_eq!(response.headers()["allow"], allow, "{method} {path}");
        let (status, answer) = answer(request).await;
        assert_eq!(
            (status.as_u16(), &answer["code"]),
            (405, &json!("method_not_allowed")),
            "{method} {path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_json_are_told_where() {
    let served = served_alone(settings()).await;
    let json_type = "application/json";
    let (status, answer) = served.send_text("/getVoucher/", json_type, "{\n  \"customer_id\": 12,,\n}").await;
    assert_eq!((status.as_u16(), &answer["code"]), (400, &json!("malformed_json")));
    assert_eq!(answer["details"], json!({"line": 2, "column": 21}));
    for broken in ["", "{", "{\"country_code\": \"\u{1}\"}", "{}x"] {
        assert_eq!(served.send_text("/getVoucher/", json_type, broken).await.0, 400, "{broken:?}");
    }
    assert_eq!(
        served.send_text("/getVoucher/", json_type, vec![b'{', b'"', 0xff, b'"', b':', b'1', b'}']).await.0,
        400
    );
    for no_object in ["[]", "5", "null", "\"x\"", "[1, \"Peru\", 2, null, null, \"frequent_segment\"]"] {
        let (status, answer) = served.send_text("/getVoucher/", json_type, no_object).await;
        assert_eq!((status.as_u16(), &answer["code"]), (422, &json!("invalid_body")), "{no_object}");
    }
    let twice = r#"{"customer_id": 1, "total_orders": 1, "total_orders": 2, "country_code": "Peru", "segment_name": "frequent_segment"}"#;
    let (status, answer) = served.send_text("/getVoucher/", json_type, twice).await;
    assert_eq!(
        (status.as_u16(), &answer["details"]["fields"][0]["problem"]),
        (422, &json!("is given twice"))
    );
    let surrogate = r#"{"customer_id": 1, "total_orders": 1, "country_code": "\ud800", "segment_name": "frequent_segment"}"#;
    let status = served.send_text("/getVoucher/", json_type, surrogate).await.0;
    assert!(status == 422 || status == 400, "{status}");
    let deep = "[".repeat(60_000);
    assert!(served.send_text("/getVoucher/", json_type, deep).await.0.is_client_error());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_types_and_too_much_are_refused() {
    let served = served_alone(settings()).await;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let (status, answer) = served.send_text("/getVoucher/", content_type, "{}").await;
        assert_eq!(
            (status.as_u16(), &answer["code"]),
            (415, &json!("unsupported_media_type")),
            "{content_type}"
        );
    }
    for size in [64 * 1024 + 1, 10_000_000] {
        for path in ["/getVoucher/", "/runPipeline/"] {
            let (status, answer) = served.send_text(path, "application/json", " ".repeat(size)).await;
            assert_eq!((status.as_u16(), &answer["code"]), (413, &json!("body_too_large")), "{path} {size}");
            assert_eq!(answer["details"]["limit_bytes"], 65536);
        }
    }
    assert_eq!(served.send_text("/getVoucher/", "application/json", " ".repeat(64 * 1024)).await.0, 400);
    // Without a length announced.
    let parts = futures_util::stream::iter((0..20).map(|_| Ok::<_, std::io::Error>(" ".repeat(8192))));
    let (status, _) =
        served.send_text("/getVoucher/", "application/json", reqwest::Body::wrap_stream(parts)).await;
    assert_eq!(status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let served = served_alone(Settings { request_timeout: Duration::from_millis(300), ..settings() }).await;
    let mut stream = tokio::net::TcpStream::connect(served.running.addr).await.unwrap();
    let head = "POST /getVoucher/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = vec![0; 4096];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut text)).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&text[..read]).into_owned();
    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
    assert!(text.contains(r#""code":"request_timeout""#), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_inside_stays_inside() {
    let served = served_alone(settings()).await;
    served.pipeline.be(Mood::Broken);
    for (path, code) in [("/runs", "history_unavailable"), ("/runs/1", "history_unavailable")] {
        let (status, answer) = served.get(path).await;
        assert_eq!((status.as_u16(), &answer["code"]), (503, &json!(code)));
    }
    let (status, refused) = answer(served.client.post(format!("{}/runPipeline/", served.base))).await;
    assert_eq!((status.as_u16(), &refused["code"]), (503, &json!("run_not_started")));
    served.pipeline.be(Mood::Panics);
    for path in ["/runs", "/runs/1"] {
        let (status, answer) = served.get(path).await;
        assert_eq!(
            (status.as_u16(), &answer["code"], &answer["details"]),
            (500, &json!("internal"), &Value::Null)
        );
    }
    assert_eq!(served.get("/healthz").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sane_request_id_is_kept_and_any_other_replaced() {
    let served = served_alone(settings()).await;
    let sent_back = async |id: &str| {
        let request = served.client.get(format!("{}/healthz", served.base)).header("x-request-id", id);
        request.send().await.unwrap().headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(sent_back("aZ9_.-").await, "aZ9_.-");
    assert_eq!(sent_back(&"x".repeat(64)).await.len(), 64);
    for insane in ["", "a b", "a\"b", "ä", &"x".repeat(65)] {
        let id = sent_back(insane).await;
        assert_ne!(id, insane);
        assert_eq!(id.len(), 16);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_told() {
    let served = served_alone(settings()).await;
    let taken = Settings { port: served.running.addr.port(), ..settings() };
    let database = crate::database::Connector::from_socket(std::path::Path::new("/nonexistent"), 1, "x", "x");
    let reader = crate::database::Reader::new(&database);
    match start(taken, reader, served.pipeline.clone(), served.keyring.clone()).await {
        Err(error @ ServiceError::PortTaken { .. }) => {
            assert!(error.to_string().contains("is taken by"), "{error}")
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("started twice"),
    }
}
