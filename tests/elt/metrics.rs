//! /metrics, as a scraper sees it.

use crate::gate::{GATE, Gate};
use crate::server::Server;
use crate::support::Project;

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_requests_by_route_what_is_answered_from_and_how_the_last_run_went() {
    let project = Project::new(&[
        (
            "models/prod/shops.sql",
            "{{ config(materialized='table') }} select n from generate_series(1, 3) as n",
        ),
        (
            "models/prod/shops.yml",
            "models: [{name: shops, expose: {path: '/shops/{n}', parameters: [{name: n}]}}]",
        ),
    ])
    .await;
    project.good(&["run"]);
    let server = Server::start(&project, &[]);
    for path in ["/shops/1", "/shops/2", "/runs/1", "/a/b/c", "/d/e"] {
        server.get(path).await;
    }
    let url = format!("{}/metrics", server.base);
    let answer = server.client.get(&url).send().await.expect("it answers");
    assert_eq!(
        answer.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let text = answer.text().await.expect("it is text");
    for line in [
        r#"elt_http_requests_total{method="GET",route="/shops/{n}",status="200"} 2"#,
        r#"elt_http_requests_total{method="GET",route="/runs/{id}",status="200"} 1"#,
        r#"elt_http_requests_total{method="GET",route="unknown",status="404"} 2"#,
        r#"elt_http_request_duration_seconds_count{route="/shops/{n}"} 2"#,
        "elt_database_up 1",
        "elt_snapshot_run 1",
        "elt_pool_requests_waiting 0",
        r#"elt_last_run_status{status="succeeded"} 1"#,
        r#"elt_last_run_status{status="failed"} 0"#,
        r#"elt_node_rows{node="prod.shops",kind="table"} 3"#,
        r#"elt_runs_total{status="succeeded"} 1"#,
        r#"elt_runs_total{status="failed"} 0"#,
        r#"elt_last_run_tests{status="failed"} 0"#,
        "elt_run_under_way 0",
    ] {
        assert!(text.lines().any(|told| told == line), "{line}\n{text}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect::<Vec<_>>();
    let mut once = names.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(names.len(), once.len(), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_and_how_runs_ended_stays_told_while_others_go_on_or_fail() {
    let table = |rows: u32| {
        format!("{{{{ config(materialized='table') }}}} select n from generate_series(1, {rows}) as n")
    };
    let project = Project::new(&[
        ("models/prod/shops.sql", &table(3)),
        ("models/prod/gate.sql", GATE),
        ("models/prod/gate.yml", "models: [{name: gate, columns: [{name: n, tests: [not_null]}]}]"),
    ])
    .await;
    project.good(&["run"]);
    let server = Server::start(&project, &[]);
    let scrape = async || {
        let answer = server.client.get(format!("{}/metrics", server.base)).send().await.expect("it answers");
        answer.text().await.expect("it is text")
    };
    let tells = |text: &str, lines: &[&str]| {
        for line in lines {
            assert!(text.lines().any(|told| told == *line), "{line}\n{text}");
        }
    };
    let shops = r#"elt_node_rows{node="prod.shops",kind="table"} 3"#;
    project.write("models/prod/gate.sql", &GATE.replace("1 as n", "null::int as n"));
    let gate = Gate::closed(&project).await;
    let typed = project.start(&["run", "--select", "gate"]);
    gate.somebody_comes().await;
    let good = [r#"elt_last_run_status{status="succeeded"} 1"#, "elt_last_run 1", shops];
    let meanwhile = scrape().await;
    tells(&meanwhile, &good);
    tells(&meanwhile, &["elt_run_under_way 1", r#"elt_runs_total{status="succeeded"} 1"#]);
    gate.open().await;
    typed.wait_with_output().expect("it ends");
    tells(
        &scrape().await,
        &[
            r#"elt_last_run_status{status="failed"} 1"#,
            "elt_last_run 2",
            r#"elt_runs_total{status="failed"} 1"#,
            r#"elt_last_run_tests{status="failed"} 1"#,
            r#"elt_last_run_tests{status="passed"} 0"#,
            r#"elt_node_rows{node="prod.gate",kind="table"} 1"#,
            shops,
        ],
    );
}
