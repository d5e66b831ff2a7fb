//! Runs started over HTTP: one at a time, and told how they ended.

use std::collections::BTreeSet;

use serde_json::json;

use super::{SAMPLE, customer, shipped, tiny};
use crate::gate::{GATE, Gate};
use crate::server::Server;
use crate::support::Ended;

#[tokio::test]
async fn the_first_run_is_started_over_http_and_served_soon_after() {
    let project = shipped().await;
    let server = Server::start(&project, &["--vars", SAMPLE]);
    let (status, answer) = server.post("/getVoucher/", &customer("frequent_segment", 2, None)).await;
    assert_eq!(status, 503, "{answer}");
    let (status, run) = server.run_pipeline().await;
    assert_eq!((status, &run["status"], &run["id"]), (200, &json!("succeeded"), &json!(1)), "{run}");
    let nodes: BTreeSet<&str> =
        run["nodes"].as_array().into_iter().flatten().filter_map(|node| node["node"].as_str()).collect();
    assert!(nodes.contains("prod.segments_derived") && nodes.contains("raw.voucher_history"), "{run}");
    server.serves_run(1).await;
    assert_eq!(server.post("/getVoucher/", &customer("frequent_segment", 2, None)).await.0, 200);

    let second = server.begin_run().await;
    assert_eq!(server.wait_for_end(second).await["status"], "succeeded");
    let (_, list) = server.get("/runs?limit=2").await;
    assert_eq!((&list["runs"][0]["id"], &list["runs"][1]["id"]), (&json!(second), &json!(1)));
    assert_eq!(
        project.value("select count(*) from raw.voucher_history").await,
        "3000",
        "no file is added again"
    );
}

#[tokio::test]
async fn a_second_run_is_refused_whoever_began_the_first() {
    let project = tiny(&[("models/stage/gate.sql", GATE)]).await;
    let server = Server::start(&project, &[]);
    let gate = Gate::closed(&project).await;
    let run = server.begin_run().await;
    gate.somebody_comes().await;
    let (status, busy) = server.run_pipeline().await;
    assert_eq!(
        (status, &busy["code"], &busy["details"]["run_id"]),
        (409, &json!("run_busy"), &json!(run)),
        "{busy}"
    );
    assert_eq!(busy["details"]["location"], format!("/runs/{run}"));
    project.elt(&["run"]).expect(2).says(&format!("run {run} (run by "));
    gate.open().await;
    assert_eq!(server.wait_for_end(run).await["status"], "succeeded");

    let gate = Gate::closed(&project).await;
    let typed = project.start(&["run"]);
    gate.somebody_comes().await;
    let (status, busy) = server.run_pipeline().await;
    assert_eq!((status, &busy["code"]), (409, &json!("run_busy")), "{busy}");
    let typed_run = busy["details"]["run_id"].as_i64().expect("it is told who is first");
    assert_eq!(server.get(&format!("/runs/{typed_run}")).await.1["status"], "running");
    gate.open().await;
    Ended::new(&["run"], typed.wait_with_output().expect("it ends")).expect(0);
    assert_eq!(server.wait_for_end(typed_run).await["status"], "succeeded");
}

#[tokio::test]
async fn a_broken_model_is_a_500_with_its_step_and_the_old_prod_is_still_served() {
    let project = tiny(&[("models/stage/other.sql", "select 1 as n")]).await.env("API_TOKEN", "abcdef123456");
    project.good(&["run"]);
    let server = Server::start(&project, &[]);
    project.write("models/stage/other.sql", "select\n  nothing as n");
    let (status, failed) = server.run_pipeline().await;
    assert_eq!((status, &failed["code"]), (500, &json!("run_failed")), "{failed}");
    let run = &failed["details"]["run"];
    assert_eq!((&run["status"], &run["failed_step"]), (&json!("failed"), &json!("stage.other")), "{failed}");
    let error = run["error"].as_str().expect("it is told why");
    assert!(error.contains("column \"nothing\" does not exist"), "{error}");
    assert_eq!(server.get("/runs/2").await.1["error"], error);

    // A value that is nobody's business stays so, also in what goes to clients.
    for secret in [
        "select \"{{ env_var('API_TOKEN') }}\" as n",
        "{{ config(materialized=env_var('API_TOKEN')) }} select 1 as n",
    ] {
        project.write("models/stage/other.sql", secret);
        let (status, failed) = server.run_pipeline().await;
        assert_eq!(status, 500, "{failed}");
        let all = format!("{failed}{}{}", server.get("/runs/3").await.1, server.told());
        assert!(all.contains("***") && !all.contains("abcdef123456"), "{all}");
    }

    // What cannot even be compiled has no run of its own.
    project.write("models/stage/other.sql", "select * from {{ ref('segments_derivd') }}");
    let (status, failed) = server.run_pipeline().await;
    assert_eq!((status, &failed["code"]), (500, &json!("project_broken")), "{failed}");
    assert_eq!(failed["details"]["failed_step"], "compile");
    let problem = failed["details"]["problems"][0].as_str().expect("it is told why");
    assert!(
        problem.starts_with("models/stage/other.sql:1:23: ") && problem.contains("segments_derivd"),
        "{problem}"
    );

    let (status, answer) = server.post("/getVoucher/", &customer("frequent_segment", 2, None)).await;
    assert_eq!((status, &answer["run_id"]), (200, &json!(1)), "{answer}");
    assert_eq!(server.get("/readyz").await.1["status"], "ready");
    project.write("models/stage/other.sql", "select 2 as n");
    let (status, run) = server.run_pipeline().await;
    assert_eq!(status, 200, "{run}");
    server.serves_run(run["id"].as_i64().expect("a run has a number")).await;
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_stop_its_run() {
    let project = tiny(&[("models/stage/gate.sql", GATE)]).await;
    let server = Server::start(&project, &[]);
    let gate = Gate::closed(&project).await;
    let request = server.client.post(format!("{}/runPipeline/", server.base));
    let waiting = tokio::spawn(request.send());
    gate.somebody_comes().await;
    waiting.abort();
    assert!(waiting.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(server.get("/runs/1").await.1["status"], "running");
    gate.open().await;
    assert_eq!(server.wait_for_end(1).await["status"], "succeeded");
    server.serves_run(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_about_runs_share_a_few_sessions() {
    let project = tiny(&[]).await;
    project.good(&["run"]);
    let server = Server::start(&project, &[]);
    let asked = (0..200).map(|number| {
        let path = ["/runs", "/runs/1", "/ui/runs", "/ui/runs/1", "/metrics"][number % 5];
        server.client.get(format!("{}{path}", server.base)).send()
    });
    let answers = futures_util::future::join_all(asked);
    let all = "select count(*) from pg_stat_activity where datname = current_database()";
    let (answers, meanwhile) = tokio::join!(answers, project.value(all));
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|answer| answer.status() == 200)));
    let asking = project.value(&format!("{all} and application_name = 'elt serve'")).await;
    assert!(["1", "2", "3", "4"].contains(&asking.as_str()), "{asking} sessions");
    assert!(meanwhile.parse::<u32>().expect("it is a number") < 40, "{meanwhile} sessions");
}

#[tokio::test]
async fn a_run_whose_process_was_killed_is_told_as_one_that_died() {
    let project = tiny(&[("models/stage/gate.sql", GATE)]).await;
    let server = Server::start(&project, &[]);
    let gate = Gate::closed(&project).await;
    let mut typed = project.start(&["run"]);
    gate.somebody_comes().await;
    assert_eq!(server.get("/runs/1").await.1["status"], "running");
    typed.kill().expect("SIGKILL can be sent");
    typed.wait().expect("it ends");
    let run = server.wait_for("/runs/1", |run| run["status"] != "running").await;
    assert_eq!(
        (&run["status"], &run["finished_at"], &run["doing"]),
        (&json!("died"), &json!(null), &json!([]))
    );
    assert_eq!(run["error"], "the process that ran it died");
    assert_eq!(server.get("/runs").await.1["runs"][0]["status"], "died");
    let scrape = async || {
        let answer = server.client.get(format!("{}/metrics", server.base)).send().await.expect("it answers");
        answer.text().await.expect("it is text")
    };
    let died = r#"elt_runs_total{status="died"} 1"#;
    let told = scrape().await;
    assert!(told.lines().any(|line| line == died) && told.contains("elt_run_under_way 0\n"), "{told}");

    gate.open().await;
    project.good(&["run"]);
    let status = "select status || ' ' || (finished_at is not null) from elt.runs where id = 1";
    assert_eq!(project.value(status).await, "died true");
    let told = scrape().await;
    assert!(told.lines().any(|line| line == died), "{told}");
}
