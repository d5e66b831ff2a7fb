//! Who is let in: tokens, scopes, limits, other sites.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::support::*;
use crate::pipeline::Answer;
use crate::service::{Rate, Settings};
use crate::token::{Access, Digest, Keyring, Scope, Token};

#[derive(Default)]
pub struct FakeKeyring(Mutex<Vec<Token>>, AtomicBool);

impl Keyring for FakeKeyring {
    fn tokens(&self) -> Answer<Result<Vec<Token>, String>> {
        let tokens = self.0.lock().unwrap().clone();
        let is_away = self.1.load(Ordering::Relaxed);
        Box::pin(std::future::ready(if is_away { Err("away".into()) } else { Ok(tokens) }))
    }
}

impl FakeKeyring {
    /// From now on it cannot be read.
    pub fn go_away(&self) {
        self.1.store(true, Ordering::Relaxed);
    }

    pub fn come_back(&self) {
        self.1.store(false, Ordering::Relaxed);
    }

    fn add(&self, token: &str, scope: Scope, expires_at: Option<Timestamp>) {
        let mut tokens = self.0.lock().unwrap();
        let id = tokens.len() as i64 + 1;
        tokens.push(Token {
            id,
            name: token.into(),
            scope,
            digest: Digest::of(token.as_bytes()),
            created_at: Timestamp::now(),
            created_by: "a test".into(),
            expires_at,
            revoked_at: None,
        });
    }
}

/// Closed to all but who holds a token, and it has read the tokens.
async fn closed() -> Served {
    let settings = Settings {
        reads: Access::Token,
        runs: Access::Token,
        refresh_interval: std::time::Duration::from_millis(200),
        ..settings()
    };
    let served = served_alone(settings).await;
    served.keyring.add("reader", Scope::Read, None);
    served.keyring.add("runner", Scope::Run, None);
    served.keyring.add("was", Scope::Run, Some(Timestamp::now() - SignedDuration::from_secs(1)));
    for _ in 0..100 {
        if served.with("/runs", "Bearer reader").await == 200 {
            return served;
        }
        // Wrong tokens count; without one, nothing does.
        tokio::time::sleep(std::time::Duration::from_millis(1000)).await;
    }
    panic!("the tokens are never read");
}

impl Served {
    async fn with(&self, path: &str, authorization: &str) -> u16 {
        let request = self.client.get(format!("{}{path}", self.base));
        request.header("authorization", authorization).send().await.unwrap().status().as_u16()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_closed_opens_to_a_token_of_enough_scope_and_to_nothing_else() {
    let served = closed().await;
    for open in ["/healthz", "/assets/elt.css"] {
        let status = served.client.get(format!("{}{open}", served.base)).send().await.unwrap().status();
        assert_eq!(status, 200, "{open}");
    }
    for path in ["/", "/runs", "/docs/", "/openapi.json", "/boards", "/nothing/here", "/getVoucher"] {
        let (status, refused) = served.get(path).await;
        let expected = if path == "/getVoucher" { 405 } else { 401 };
        assert_eq!(status, expected, "{path} {refused}");
    }
    let (status, refused) = served.look_up(&json!({})).await;
    assert_eq!((status.as_u16(), &refused["code"]), (401, &json!("unauthorized")));

    assert_eq!(served.with("/runs", "Bearer runner").await, 200);
    assert_eq!(served.with("/runs", "bearer reader").await, 200);
    // What browsers ask a person for.
    let basic = |token: &str| format!("Basic {}", STANDARD.encode(format!("anybody:{token}")));
    assert_eq!(served.with("/runs", &basic("reader")).await, 200);
    for wrong in ["Bearer was", "Bearer Reader", "reader", "Bearer", "Basic !!!", &basic("x")] {
        assert_eq!(served.with("/runs", wrong).await, 401, "{wrong}");
    }

    let run = |authorization: String| answer(served.run_pipeline().header("authorization", authorization));
    let (status, refused) = run("Bearer reader".into()).await;
    assert_eq!((status.as_u16(), &refused["code"]), (403, &json!("forbidden")));
    // A browser sends what it remembers along with other sites' forms.
    assert_eq!(run(basic("runner")).await.0, 401);
    assert_eq!(run("Bearer runner".into()).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_is_shut_out_even_from_the_right_token() {
    let settings = Settings { runs: Access::Token, run_token: Some("right".into()), ..settings() };
    let served = served_alone(settings).await;
    let mut seen = Vec::new();
    for guess in 0..15 {
        let request = served.run_pipeline().header("authorization", format!("Bearer guess-{guess}"));
        let response = request.send().await.unwrap();
        let wait = response.headers().get("retry-after").map(|wait| wait.to_str().unwrap().parse::<u64>());
        assert_eq!(wait.is_some(), response.status() == 429);
        seen.push(response.status().as_u16());
    }
    assert!(seen.starts_with(&[401; 10]) && seen.ends_with(&[429; 3]), "{seen:?}");
    let right = served.run_pipeline().header("authorization", "Bearer right");
    let (status, refused) = answer(right).await;
    assert_eq!((status.as_u16(), &refused["code"]), (429, &json!("too_many_requests")));
    // What is open to all stays so.
    assert_eq!(served.get("/runs").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_too_often_waits_and_is_known_behind_a_trusted_proxy() {
    let rate = Rate { per_second: NonZeroU32::MIN, burst: NonZeroU32::new(3).unwrap() };
    let proxies = vec![IpAddr::from(Ipv4Addr::LOCALHOST).into()];
    let served = served_alone(Settings { rate: Some(rate), proxies, ..settings() }).await;
    let ask = |served: &Served, caller: &str| {
        let request = served.client.get(format!("{}/openapi.json", served.base));
        request.header("x-forwarded-for", caller).send()
    };
    for _ in 0..3 {
        assert_eq!(ask(&served, "192.0.2.1").await.unwrap().status(), 200);
    }
    let refused = ask(&served, "192.0.2.1").await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(ask(&served, "192.0.2.2").await.unwrap().status(), 200);
    assert_eq!(served.get("/healthz").await.0, 200, "probes are never limited");

    let direct = served_alone(Settings { rate: Some(rate), ..settings() }).await;
    let mut statuses = Vec::new();
    for caller in 0..5 {
        statuses.push(ask(&direct, &format!("192.0.2.{caller}")).await.unwrap().status().as_u16());
    }
    assert_eq!(statuses[..4], [200, 200, 200, 429], "an address that anybody can write counts for nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_may_ask_only_where_they_are_named() {
    let asked = |served: &Served, origin: &str| {
        served.client.get(format!("{}/healthz", served.base)).header("origin", origin).send()
    };
    let closed = served_alone(settings()).await;
    let answer = asked(&closed, "https://shop.example.org").await.unwrap();
    assert!(!answer.headers().contains_key("access-control-allow-origin"));

    let open = Settings { cors: vec!["https://shop.example.org".into()], ..settings() };
    let open = served_alone(open).await;
    let answer = asked(&open, "https://shop.example.org").await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://shop.example.org");
    let answer = asked(&open, "https://evil.example.org").await.unwrap();
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
    // An error is an answer, too.
    for (path, status) in [("/nowhere", 404), ("/runs?limit=x", 400), ("/getVoucher/", 405)] {
        let refused =
            open.client.get(format!("{}{path}", open.base)).header("origin", "https://shop.example.org");
        let refused = refused.send().await.unwrap();
        assert_eq!(refused.status(), status);
        assert_eq!(refused.headers()["access-control-allow-origin"], "https://shop.example.org", "{path}");
        assert!(refused.headers()["vary"].to_str().unwrap().contains("Origin"));
        assert!(refused.headers()["content-type"].to_str().unwrap().contains("json"));
    }
    let preflight = open
        .client
        .request(reqwest::Method::OPTIONS, format!("{}/getVoucher/", open.base))
        .header("origin", "https://shop.example.org")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type, prefer, traceparent")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 200);
    assert!(preflight.headers().contains_key("access-control-allow-methods"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_start_no_runs_even_where_everybody_may() {
    let settings = Settings { cors: vec!["https://shop.example.org".into()], ..settings() };
    let served = served_alone(settings).await;
    let foreign = served.run_pipeline().header("origin", "https://evil.example.org");
    let (status, refused) = answer(foreign).await;
    assert_eq!((status.as_u16(), &refused["code"]), (403, &json!("other_site")));
    let foreign = served.run_pipeline().header("sec-fetch-site", "cross-site");
    assert_eq!(answer(foreign).await.0, 403);
    for own in [served.base.as_str(), "https://shop.example.org"] {
        assert_eq!(answer(served.run_pipeline().header("origin", own)).await.0, 200, "{own}");
    }
}
