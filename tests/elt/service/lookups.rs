//! Lookups of vouchers: what prod says, also while runs go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use super::{REFERENCE, SAMPLE, customer, days_before_reference, shipped, tiny};
use crate::server::Server;

#[tokio::test]
async fn get_voucher_answers_what_prod_says_for_every_segment_and_boundary() {
    let project = shipped().await;
    project.good(&["run", "--vars", SAMPLE]);
    let server = Server::start(&project, &["--vars", SAMPLE]);
    let session = project.database.session().await;
    let sql = "select segment_type, segment_name, lower_value, upper_value, voucher_amount::float8, segment_rows \
               from prod.segments_derived where country_code = 'Peru'";
    let rows = session.table(sql).await.expect("it is published").rows;
    assert_eq!(rows.len(), 8, "all segments of the shipped rules are there");
    for row in rows {
        let cell = |at: usize| row[at].clone().unwrap_or_default();
        let lower: i64 = cell(2).parse().expect("a whole number");
        let ends = [Some(lower), cell(3).parse().ok(), cell(3).is_empty().then_some(lower + 5000)];
        for value in ends.into_iter().flatten() {
            let body = if cell(0) == "frequent_segment" {
                customer("frequent_segment", value, None)
            } else {
                customer("recency_segment", 3, Some(&days_before_reference(value)))
            };
            for path in ["/getVoucher/", "/getVoucher", "/segmentation-voucher/", "/segmentation-voucher"] {
                let (status, answer) = server.post(path, &body).await;
                assert_eq!((status, &answer["segment_name"]), (200, &json!(cell(1))), "{value} {answer}");
                let amount: f64 = cell(4).parse().expect("a number");
                assert_eq!(answer["voucher_amount"].as_f64(), Some(amount), "{answer}");
                assert_eq!(answer["evidence"]["segment_rows"].to_string(), cell(5));
                assert_eq!((&answer["run_id"], &answer["reference_date"]), (&json!(1), &json!(REFERENCE)));
            }
        }
    }
    for outside in [
        customer("frequent_segment", 0, None),
        customer("frequent_segment", 38, None),
        customer("recency_segment", 3, Some(&days_before_reference(29))),
        customer("recency_segment", 3, Some(&days_before_reference(0))),
        customer("recency_segment", 3, Some(&days_before_reference(-31))),
        customer("recency_segment", 3, Some(&days_before_reference(-200))),
    ] {
        let (status, answer) = server.post("/getVoucher/", &outside).await;
        assert_eq!((status, &answer["code"]), (404, &json!("no_segment")), "{outside} {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lookups_during_20_runs_never_fail_and_never_mix_two_runs() {
    let project = tiny(&[]).await;
    project.good(&["run", "--vars", "{n: 1}"]);
    let server = Arc::new(Server::start(&project, &[]));
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicU64::new(0));
    let mut clients = Vec::new();
    for client in 0..4 {
        let (server, stop, asked) = (server.clone(), stop.clone(), asked.clone());
        clients.push(tokio::spawn(async move {
            let own = reqwest::Client::builder().no_proxy().build().expect("a client can be made");
            let mut newest = 1;
            while !stop.load(Ordering::Relaxed) {
                let body = customer("frequent_segment", 2 + client, None);
                let request = own.post(format!("{}/getVoucher/", server.base)).json(&body);
                let (status, answer) = server.send(request).await;
                assert_eq!(status, 200, "{answer}");
                // The amount of each run is its id.
                assert_eq!(answer["voucher_amount"], answer["run_id"], "{answer}");
                let run = answer["run_id"].as_i64().expect("a run has a number");
                assert!(run >= newest, "answered from run {run} after run {newest}");
                newest = run;
                asked.fetch_add(1, Ordering::Relaxed);
            }
            newest
        }));
    }
    for run in 2..=21 {
        project.good(&["run", "--vars", &format!("{{n: {run}}}")]);
    }
    server.serves_run(21).await;
    let before = asked.load(Ordering::Relaxed);
    while asked.load(Ordering::Relaxed) < before + 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        assert_eq!(client.await.expect("no client saw anything wrong"), 21);
    }
    assert!(before > 500, "the clients did ask: {before}");
}

#[tokio::test]
async fn sql_in_any_field_is_only_ever_a_wrong_value() {
    let project = tiny(&[]).await;
    project.good(&["run"]);
    let server = Server::start(&project, &[]);
    let attacks = [
        "'; drop table prod.segments_derived; --",
        "Peru' or '1'='1",
        "$$; select pg_sleep(10); $$",
        "\\'; delete from elt.runs; --",
        "{{ config(materialized='table') }}",
        "%27%3B%20drop%20schema%20prod%20cascade",
        "Peru\u{0}; drop schema prod",
        "\u{2019} or 1=1 \u{2014}",
    ];
    for attack in attacks {
        for field in
            ["customer_id", "country_code", "total_orders", "last_order_ts", "first_order_ts", "segment_name"]
        {
            let mut body = customer("frequent_segment", 2, None);
            body[field] = attack.into();
            let (status, answer) = server.post("/getVoucher/", &body).await;
            let expected = if field == "country_code" { 404 } else { 422 };
            assert_eq!(status, expected, "{field} {attack} {answer}");
        }
        for path in ["/runs", "/runs/1", "/getVoucher/"] {
            let url = reqwest::Url::parse_with_params(&format!("{}{path}", server.base), [("limit", attack)]);
            let request = server.client.get(url.expect("it is encoded"));
            let (status, _) = server.send(request.header("x-request-id", "1'; drop schema prod")).await;
            assert_eq!(
                status,
                match path {
                    "/runs" => 400,
                    "/runs/1" => 200,
                    _ => 405,
                }
            );
        }
        let mut url = reqwest::Url::parse(&server.base).expect("it is a URL");
        url.path_segments_mut().expect("it has a path").extend(["runs", attack]);
        assert_eq!(server.send(server.client.get(url)).await.0, 404);
        let request = server.client.post(format!("{}/runPipeline/", server.base));
        let prefer: String = attack.chars().filter(|sign| sign.is_ascii() && !sign.is_control()).collect();
        let (status, _) = server.send(request.header("prefer", prefer).body(attack)).await;
        assert_eq!(status, 200, "a preference that nobody knows is ignored");
    }
    assert_eq!(server.post("/getVoucher/", &customer("frequent_segment", 2, None)).await.0, 200);
    assert_eq!(project.value("select count(*) from prod.segments_derived").await, "2");
    assert_eq!(project.value("select count(*) from elt.runs").await, (attacks.len() + 1).to_string());
}
