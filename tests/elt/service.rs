//! The real `elt serve`, over HTTP: lookups, runs, stops, and what must not get through.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use elt::database::{Connector, Session};
use elt::engine::Engine;
use elt::project::{Project as Files, Setting};
use serde_json::{Value, json};

use crate::server::{Server, signal};
use crate::support::{Ended, Project};

/// What recency is counted to in these tests.
const REFERENCE: &str = "2020-06-01";
const SAMPLE: &str = "{voucher_history: 'sample://vouchers?rows=3000&seed=3'}";

/// Holds back whoever reads it, until the test lets go of the lock.
const GATE: &str = "{{ config(materialized='table') }} select 1 as n from pg_advisory_lock_shared(4711)";

/// The shipped project, counting recency to [`REFERENCE`].
async fn shipped() -> Project {
    let project = Project::shipped().await;
    let profile = std::fs::read_to_string(project.root.join("profiles.yml")).expect("it is shipped");
    assert!(profile.contains("lookup_date: today"), "{profile}");
    let profile = profile.replace("lookup_date: today", &format!("lookup_date: {REFERENCE}"));
    project.write("profiles.yml", &profile);
    project
}

/// A project of one small published table whose amount is the var `n`.
async fn tiny(more: &[(&str, &str)]) -> Project {
    let segments = "{{ config(materialized='table') }}
        select 'Peru' as country_code, 'frequent_segment' as segment_type, name as segment_name,
               lower as lower_value, upper as upper_value, {{ var('n', 1) }}::numeric as voucher_amount,
               10::bigint as segment_rows, 6::bigint as winner_rows, 1.5 as runner_up_amount,
               4::bigint as runner_up_rows, false as is_tie, false as low_support
        from (values ('1-4', 1, 4), ('5-13', 5, 13)) as segment (name, lower, upper)";
    Project::new(&[&[("models/prod/segments_derived.sql", segments)], more].concat()).await
}

fn customer(segment: &str, orders: i64, last_order: Option<&str>) -> Value {
    json!({"customer_id": 1, "country_code": "Peru", "total_orders": orders, "last_order_ts": last_order,
           "first_order_ts": null, "segment_name": segment})
}

fn days_before_reference(days: i64) -> String {
    let reference: jiff::civil::Date = REFERENCE.parse().expect("it is a date");
    reference.checked_sub(jiff::Span::new().days(days)).expect("it is near").to_string()
}

/// Whoever reads [`GATE`] waits while this session lives.
async fn closed_gate(project: &Project) -> Session {
    let session = project.database.session().await;
    session.run("select pg_advisory_lock(4711)").await.expect("nobody else holds it");
    session
}

async fn open(gate: Session) {
    gate.run("select pg_advisory_unlock(4711)").await.expect("it was held");
}

/// Waits until a run waits at the gate.
async fn somebody_at_the_gate(project: &Project) {
    let sql = "select count(*) > 0 from pg_locks where locktype = 'advisory' and objid = 4711 and not granted \
               and database = (select oid from pg_database where datname = current_database())";
    let until = Instant::now() + Duration::from_secs(20);
    while project.value(sql).await != "t" {
        assert!(Instant::now() < until, "no run came to the gate");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

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
    let gate = closed_gate(&project).await;
    let run = server.begin_run().await;
    somebody_at_the_gate(&project).await;
    let (status, busy) = server.run_pipeline().await;
    assert_eq!(
        (status, &busy["code"], &busy["details"]["run_id"]),
        (409, &json!("run_busy"), &json!(run)),
        "{busy}"
    );
    assert_eq!(busy["details"]["location"], format!("/runs/{run}"));
    project.elt(&["run"]).expect(2).says(&format!("run {run} (run by "));
    open(gate).await;
    assert_eq!(server.wait_for_end(run).await["status"], "succeeded");

    let gate = closed_gate(&project).await;
    let typed = project.start(&["run"]);
    somebody_at_the_gate(&project).await;
    let (status, busy) = server.run_pipeline().await;
    assert_eq!((status, &busy["code"]), (409, &json!("run_busy")), "{busy}");
    let typed_run = busy["details"]["run_id"].as_i64().expect("it is told who is first");
    assert_eq!(server.get(&format!("/runs/{typed_run}")).await.1["status"], "running");
    open(gate).await;
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
        "select '{{ env_var('API_TOKEN') }}'::int as n",
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
    let gate = closed_gate(&project).await;
    let request = server.client.post(format!("{}/runPipeline/", server.base));
    let waiting = tokio::spawn(request.send());
    somebody_at_the_gate(&project).await;
    waiting.abort();
    assert!(waiting.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(server.get("/runs/1").await.1["status"], "running");
    open(gate).await;
    assert_eq!(server.wait_for_end(1).await["status"], "succeeded");
    server.serves_run(1).await;
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
async fn a_stop_lets_a_run_end_and_answers_who_waits_for_it() {
    let project = tiny(&[("models/stage/gate.sql", GATE)]).await;
    let mut server = Server::start(&project, &[]);
    assert_eq!(server.get("/healthz").await.0, 200);
    let gate = closed_gate(&project).await;
    let waiting = tokio::spawn(server.client.post(format!("{}/runPipeline/", server.base)).send());
    somebody_at_the_gate(&project).await;
    signal(server.process.id(), "TERM");
    let address = server.base.trim_start_matches("http://").to_owned();
    let until = Instant::now() + Duration::from_secs(10);
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        assert!(Instant::now() < until, "it still takes connections");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    open(gate).await;
    let answer = waiting.await.expect("it was sent").expect("it is answered");
    assert_eq!(answer.status(), 200);
    let until = Instant::now() + Duration::from_secs(10);
    let status = loop {
        match server.process.try_wait().expect("it is our own child") {
            Some(status) => break status,
            None => assert!(Instant::now() < until, "it does not end\n{}", server.told()),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(status.code(), Some(0));
    assert_eq!(project.value("select status from elt.runs").await, "succeeded");
}

#[tokio::test]
async fn a_run_that_outlasts_the_stop_is_cancelled_and_recorded() {
    for somebody_waits in [false, true] {
        let project = tiny(&[("models/stage/gate.sql", GATE)]).await;
        let mut server = Server::start(&project, &["--stop-timeout", "1"]);
        let _gate = closed_gate(&project).await;
        let waiting = if somebody_waits {
            Some(tokio::spawn(server.client.post(format!("{}/runPipeline/", server.base)).send()))
        } else {
            server.begin_run().await;
            None
        };
        somebody_at_the_gate(&project).await;
        let (code, took) = server.terminate().await;
        assert_eq!(code, Some(0), "{}", server.told());
        assert!(took < Duration::from_secs(6), "{took:?}");
        if let Some(waiting) = waiting {
            let answer = waiting.await.expect("it was sent").expect("it is answered");
            assert_eq!(answer.status(), 500);
            let answer: Value = answer.json().await.expect("it is JSON");
            assert_eq!(answer["code"], "run_cancelled", "{answer}");
        }
        assert_eq!(project.value("select status from elt.runs").await, "cancelled");
        let litter = r"select count(*) from pg_namespace where nspname like 'elt\_%'";
        assert_eq!(project.value(litter).await, "0");
    }
}

#[tokio::test]
async fn idle_connections_do_not_hold_a_stop() {
    let project = tiny(&[]).await;
    project.good(&["run"]);
    let mut server = Server::start(&project, &[]);
    assert_eq!(server.get("/readyz").await.0, 200);
    let idle = tokio::net::TcpStream::connect(server.base.trim_start_matches("http://")).await;
    let (code, took) = server.terminate().await;
    assert_eq!(code, Some(0), "{}", server.told());
    assert!(took < Duration::from_secs(5), "{took:?}");
    drop(idle);
}

#[tokio::test]
async fn a_taken_port_is_told_and_nothing_is_served() {
    let project = tiny(&[]).await;
    let server = Server::start(&project, &[]);
    let port = server.base.rsplit(':').next().expect("an address has a port");
    let ended = project.elt(&["serve", "--port", port]).expect(2);
    let ended = ended.says(&format!("port {port} of 127.0.0.1 is taken by another program"));
    assert!(ended.stdout.is_empty() && !ended.stderr.contains("Serving"), "{ended}");
}

/// What `elt serve` would read with.
async fn engine(project: &Project, url: Option<&str>) -> Engine {
    let mut env = std::collections::BTreeMap::new();
    env.extend(url.map(|url| ("DATABASE_URL".to_owned(), url.to_owned())));
    let setting = Setting { target: None, vars: serde_json::Map::new(), env };
    let (files, _) = Files::read(&project.root, &setting).unwrap_or_else(|problems| panic!("{problems:?}"));
    Engine::open(&files.root, &files.target).await.expect("the server answers")
}

/// What the service's role must not do, whatever SQL it is made to send.
const FORBIDDEN: [&str; 12] = [
    "select * from stage.secret",
    "select * from raw.secret_rows",
    "select * from elt.runs",
    "insert into prod.segments_derived select * from prod.segments_derived",
    "update prod.segments_derived set voucher_amount = 0",
    "delete from prod._elt_publication",
    "drop table prod.segments_derived",
    "create table prod.mine (x int)",
    "create schema mine",
    "create role mine",
    "copy prod.segments_derived to program 'cat > /dev/null'",
    "select pg_read_file('PG_VERSION')",
];

async fn refuses(reader: &Connector, before: &str) -> Vec<&'static str> {
    let session = reader.connect().await.expect("the reader can connect");
    session.run("select * from prod.segments_derived").await.expect("prod can be read");
    let mut got_through = Vec::new();
    for forbidden in FORBIDDEN {
        session.run("begin").await.expect("a session takes transactions");
        // A refused role change is as good as one that changed nothing.
        let changed = session.run(before).await.is_ok();
        if !changed {
            session.run("rollback; begin").await.expect("a session takes transactions");
        }
        match session.run(forbidden).await {
            Ok(_) => got_through.push(forbidden),
            Err(error) => assert!(error.is("42501"), "{forbidden} after {before}: {error}"),
        }
        session.run("rollback").await.expect("a session takes transactions");
    }
    got_through
}

async fn with_secrets() -> Project {
    let secret = "{{ config(materialized='table') }} select 1 as n";
    tiny(&[
        ("models/stage/secret.sql", secret),
        ("models/raw/secret_rows.sql", "{{ config(materialized='load', source='secret.csv') }}\nn int"),
        ("secret.csv", "n\n1\n"),
    ])
    .await
}

#[tokio::test]
async fn the_embedded_reader_reads_prod_and_nothing_else_whatever_role_it_asks_for() {
    let project = with_secrets().await;
    embedded(&project, &["run"]).expect(0);
    let engine = engine(&project, None).await;
    for before in [
        "select 1",
        "reset role",
        "set role none",
        "set role elt",
        "set session authorization elt",
        "reset session authorization",
        "set default_transaction_read_only = off",
    ] {
        let got_through = refuses(&engine.reader, before).await;
        assert!(got_through.is_empty(), "after {before}: {got_through:?}");
    }
    engine.close().await.expect("the server stops");
}

#[tokio::test]
async fn with_a_url_alone_the_role_holds_until_somebody_asks_for_the_login_itself() {
    let project = with_secrets().await;
    project.good(&["run"]);
    let engine = engine(&project, Some(&project.database.url)).await;
    for before in
        ["select 1", "reset role", "reset all", "discard all", "set default_transaction_read_only = off"]
    {
        let got_through = refuses(&engine.reader, before).await;
        assert!(got_through.is_empty(), "after {before}: {got_through:?}");
    }
    // The login is the owner's: SQL that asks for it gets it. This is why serve asks for a reader_url.
    assert!(!refuses(&engine.reader, "set role none").await.is_empty());

    let reader_url = project.database.url.replacen("//elt@", "//elt_reader@", 1);
    assert_ne!(reader_url, project.database.url);
    let target = format!("target: dev\ntargets: {{dev: {{reader_url: '{reader_url}'}}}}\n");
    project.write("profiles.yml", &target);
    let engine = self::engine(&project, Some(&project.database.url)).await;
    for before in ["set role none", "set role elt", "reset role", "set session authorization elt"] {
        let got_through = refuses(&engine.reader, before).await;
        assert!(got_through.is_empty(), "after {before}: {got_through:?}");
    }
    let server = Server::start(&project, &[]);
    assert_eq!(server.post("/getVoucher/", &customer("frequent_segment", 2, None)).await.0, 200);
}

#[tokio::test]
async fn who_serves_without_a_reader_url_is_told_what_that_means() {
    let project = tiny(&[]).await;
    project.good(&["run"]);
    let mut process = project.start(&["serve", "--port", "0"]);
    let stderr = BufReader::new(process.stderr.take().expect("it is piped"));
    let told = stderr.lines().map_while(Result::ok).find(|line| line.contains("reader_url"));
    signal(process.id(), "TERM");
    process.wait().expect("it ends");
    assert!(told.is_some_and(|line| line.contains("elt_reader")));
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
                    "/runs" => 422,
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

/// Runs elt on the project's own cluster.
fn embedded(project: &Project, arguments: &[&str]) -> Ended {
    let output = embedded_command(project, arguments).output().expect("the binary starts");
    Ended::new(arguments, output)
}

fn embedded_command(project: &Project, arguments: &[&str]) -> Command {
    let mut command = project.command(arguments);
    command.env_remove("DATABASE_URL");
    command
}

#[tokio::test]
async fn run_serve_and_show_share_the_embedded_server_and_the_last_one_stops_it() {
    let project = shipped().await;
    let running = project.root.join(".elt/cluster/data/postmaster.pid");
    let start = |arguments: &[&str]| {
        let mut command = embedded_command(&project, arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts")
    };
    // All at once, with nothing there yet: one makes the cluster, the others join it.
    let run = start(&["run", "--vars", SAMPLE]);
    let serve = ["--json", "serve", "--port", "0", "--vars", SAMPLE];
    let mut server = Server::from_command(&project, embedded_command(&project, &serve));
    Ended::new(&["run"], run.wait_with_output().expect("it ends")).expect(0).says("Published 36 relations");
    server.serves_run(1).await;
    let shown = embedded(&project, &["show", "segments_derived", "-n", "0", "-o", "csv"]).expect(0);
    assert_eq!(shown.stdout.lines().count(), 9, "{shown}");
    let (status, answer) = server.post("/getVoucher/", &customer("frequent_segment", 2, None)).await;
    assert_eq!((status, &answer["segment_name"]), (200, &json!("1-4")), "{answer}");
    let again = start(&["run", "--full-refresh", "--vars", SAMPLE]);
    Ended::new(&["run"], again.wait_with_output().expect("it ends")).expect(0);
    server.serves_run(2).await;
    assert_eq!(server.run_pipeline().await.0, 200);
    assert!(running.exists(), "serve still uses the server");

    let (code, _) = server.terminate().await;
    assert_eq!(code, Some(0), "{}", server.told());
    assert!(!running.exists(), "the last one stops the server");
}
