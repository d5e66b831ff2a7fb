//! What a path answers changes with a publication, and never half: also for who asks before the news is through.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::ids;
use crate::server::Server;
use crate::support::{Ended, Project};

async fn two() -> Project {
    let project = Project::new(&[
        ("models/prod/a.sql", "select 1 as id, 'a' as name, 'x' as more"),
        ("models/prod/b.sql", "{{ config(materialized='table') }} select 2 as id"),
        ("models/prod/m.yml", "models: [{name: a, expose: {path: '/x'}}, {name: b}]"),
    ])
    .await;
    project.good(&["run"]);
    project
}

async fn header(server: &Server, path: &str, name: &str) -> Option<String> {
    let answer = server.client.get(format!("{}{path}", server.base)).send().await.expect("it answers");
    answer.headers().get(name).map(|value| value.to_str().expect("it is ASCII").to_owned())
}

#[tokio::test]
async fn who_asks_before_the_news_is_through_gets_the_new_definition_with_the_new_rows() {
    let project = two().await;
    let server = Server::start(&project, &[]);
    assert_eq!(server.get("/x").await.1, json!([{"id": 1, "name": "a", "more": "x"}]));
    // As a publication does, but nobody is told.
    let definition = "update prod._elt_endpoints set endpoint = jsonb_set(endpoint, '{columns}', '[\"id\"]')";
    project.database.run(&format!("{definition}; update prod._elt_publication set run_id = 77")).await;
    assert_eq!(server.get("/x").await, (200, json!([{"id": 1}])));
    assert_eq!(header(&server, "/x", "elt-run").await.as_deref(), Some("77"));
    // What is gone is gone at once, also where no run has published; and nobody is told of it any more.
    project.database.run("delete from prod._elt_endpoints; drop view prod.a").await;
    assert_eq!(server.get("/x").await.0, 404);
    assert_eq!(server.get("/").await.1["endpoints"], json!([]));
    let (_, openapi) = server.get("/openapi.json").await;
    assert!(openapi["paths"]["/x"].is_null());
    // And where it is not to be found out what holds now, it says so.
    let gone = r#"insert into prod._elt_endpoints select '/x', 'prod.a', '', 'a', '{"path": "/x"}',
                  '[{"name": "id", "type": "integer", "description": ""}]'"#;
    project.database.run(gone).await;
    project.database.run("update prod._elt_publication set run_id = 78; notify elt_published").await;
    server.serves_run(78).await;
    let (status, answer) = server.get("/x").await;
    assert_eq!((status, &answer["code"]), (503, &json!("changing")), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_while_runs_publish_gets_rows_of_the_run_that_the_answer_names() {
    let project = Project::new(&[
        (
            "models/stage/s.sql",
            "{{ config(materialized='table') }} select {{ var('n', 0) }} as n from generate_series(1, 1500)",
        ),
        ("models/prod/a.sql", "select n from {{ ref('s') }}"),
        ("models/prod/m.yml", "models: [{name: a, expose: {limit: {maximum: 2000}}}]"),
    ])
    .await;
    project.good(&["run", "--vars", "{n: 1}"]);
    let server = Server::start(&project, &[]);
    let (ended, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let asking = async {
        while !ended.load(Ordering::Relaxed) {
            // Gathered, and streamed.
            for (limit, rows) in [(7, 7), (2000, 1500)] {
                let asked = server.client.get(format!("{}/a?limit={limit}", server.base)).send().await;
                let answer = asked.expect("it answers");
                assert_eq!(answer.status(), 200);
                let run: i64 = answer.headers()["elt-run"].to_str().unwrap().parse().unwrap();
                let all: Vec<Value> = answer.json().await.expect("it is whole");
                assert!(
                    all.len() == rows && all.iter().all(|row| row["n"] == run),
                    "run {run}: {:?}",
                    all[0]
                );
                answers.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let publishing = async {
        let mut n = 1;
        // Runs may be quicker than answers.
        while n < 6 || answers.load(Ordering::Relaxed) < 20 {
            n += 1;
            let run = project.start(&["run", "--vars", &format!("{{n: {n}}}")]);
            let ended =
                tokio::task::spawn_blocking(|| run.wait_with_output()).await.expect("it is waited for");
            Ended::new(&["run"], ended.expect("it ends")).expect(0);
        }
        ended.store(true, Ordering::Relaxed);
        n
    };
    let ((), last) = tokio::join!(asking, publishing);
    assert_eq!(header(&server, "/a", "elt-run").await, Some(last.to_string()));
}

#[tokio::test]
async fn a_path_that_goes_to_another_model_is_one_models_also_after_half_a_run() {
    let project = two().await;
    let server = Server::start(&project, &[]);
    let yaml = "models: [{name: a, expose: {path: '/y'}}, {name: b, expose: {path: '/x'}}]";
    project.write("models/prod/m.yml", yaml);
    project.good(&["run", "--select", "b"]);
    server.serves_run(2).await;
    assert_eq!(ids(&server.get("/x").await.1), [2]);
    assert_eq!(server.get("/y").await.0, 404);
    assert_eq!(
        project.value("select string_agg(path || node, ' ') from prod._elt_endpoints").await,
        "/xprod.b"
    );
    project.good(&["run"]);
    server.serves_run(3).await;
    assert_eq!((ids(&server.get("/x").await.1), ids(&server.get("/y").await.1)), (vec![2], vec![1]));
    // The names of parameters tell no paths apart.
    let with = |a: &str, b: &str| {
        format!("models: [{{name: a, expose: {{path: '{a}'}}}}, {{name: b, expose: {{path: '{b}'}}}}]")
    };
    project.write("models/prod/m.yml", &with("/z/{id}", "/x"));
    project.good(&["run"]);
    project.write("models/prod/m.yml", &with("/y", "/z/{id}"));
    project.good(&["run", "--select", "b"]);
    server.serves_run(5).await;
    assert_eq!(ids(&server.get("/z/2").await.1), [2]);
    assert_eq!(project.value("select count(*) from prod._elt_endpoints").await, "1");
}

#[tokio::test]
async fn an_answer_is_kept_as_long_as_its_publication_and_never_where_others_change_it() {
    let project = Project::new(&[
        ("models/stage/s.sql", "select * from {{ source('shop', 'orders') }}"),
        ("models/prod/live.sql", "select * from {{ ref('s') }}"),
        ("models/prod/said.sql", "select * from {{ ref('s') }}"),
        ("models/prod/kept.sql", "{{ config(materialized='table') }} select * from {{ ref('s') }}"),
        (
            "models/m.yml",
            "sources: [{name: shop, tables: [{name: orders}]}]\nmodels: [{name: live, expose: {}}, {name: kept, \
             expose: {}}, {name: said, expose: {cache: run}}]",
        ),
    ])
    .await;
    project.database.run("create schema shop; create table shop.orders as select 1 as id").await;
    project.good(&["run"]);
    let server = Server::start(&project, &[]);
    assert_eq!(header(&server, "/live", "etag").await, None);
    assert_eq!(header(&server, "/live", "cache-control").await.as_deref(), Some("no-store"));
    assert!(header(&server, "/said", "etag").await.is_some());
    let tag = header(&server, "/kept", "etag").await.expect("it is kept");
    assert_eq!(header(&server, "/kept", "etag").await.as_ref(), Some(&tag));
    let ask = || server.client.get(format!("{}/kept", server.base)).header("if-none-match", &tag).send();
    assert_eq!(ask().await.unwrap().status(), 304);
    // The database was set back and came to the same number again.
    let again = "update prod._elt_publication set published_at = '2020-01-01'; notify elt_published";
    project.database.run(again).await;
    let is_told =
        |ready: &Value| ready["snapshot"]["published_at"].as_str().is_some_and(|at| at.starts_with("2020"));
    server.wait_for("/readyz", is_told).await;
    assert_eq!(ask().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_model_that_is_only_called_like_the_vouchers_keeps_nothing_else_from_being_served() {
    let project = Project::new(&[
        (
            "models/prod/segments_derived.sql",
            "{{ config(materialized='table') }} select 1 as id, 'north' as segment",
        ),
        ("models/prod/m.yml", "models: [{name: segments_derived, expose: {path: /areas}}]"),
    ])
    .await;
    project.good(&["run"]);
    let server = Server::start(&project, &[]);
    assert_eq!(server.get("/areas").await, (200, json!([{"id": 1, "segment": "north"}])));
    let (status, ready) = server.get("/readyz").await;
    assert_eq!(
        (status, &ready["status"], &ready["vouchers"]),
        (200, &json!("ready"), &json!("other_columns"))
    );
    let customer = json!({"customer_id": 1, "country_code": "Peru", "total_orders": 3,
                          "last_order_ts": null, "first_order_ts": null, "segment_name": "frequent_segment"});
    assert_eq!(server.post("/getVoucher", &customer).await.0, 503);
    assert!(server.told().contains("is not the table that vouchers are looked up in"), "{}", server.told());
}
