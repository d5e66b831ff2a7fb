//! How the service begins and stops, with runs and connections under way.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{SAMPLE, customer, embedded, embedded_command, shipped, tiny};
use crate::gate::{GATE, Gate};
use crate::server::{Server, signal};
use crate::support::Ended;

#[tokio::test]
async fn a_stop_lets_a_run_end_and_answers_who_waits_for_it() {
    let project = tiny(&[("models/stage/gate.sql", GATE)]).await;
    let mut server = Server::start(&project, &[]);
    assert_eq!(server.get("/healthz").await.0, 200);
    let gate = Gate::closed(&project).await;
    let waiting = tokio::spawn(server.client.post(format!("{}/runPipeline/", server.base)).send());
    gate.somebody_comes().await;
    signal(server.process.id(), "TERM");
    let address = server.base.trim_start_matches("http://").to_owned();
    let until = Instant::now() + Duration::from_secs(10);
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        assert!(Instant::now() < until, "it still takes connections");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    gate.open().await;
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
        let gate = Gate::closed(&project).await;
        let waiting = if somebody_waits {
            Some(tokio::spawn(server.client.post(format!("{}/runPipeline/", server.base)).send()))
        } else {
            server.begin_run().await;
            None
        };
        gate.somebody_comes().await;
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
        let litter = r"select count(*) from pg_namespace where nspname like 'elt\_%'
            and nspname not in (select schema_name from elt.kept_nodes)";
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

    let text = std::fs::read_to_string(&running).expect("it names the server's process");
    let process = text.lines().next().and_then(|line| line.parse().ok()).expect("it is a number");
    signal(process, "KILL");
    let until = Instant::now() + Duration::from_secs(60);
    while server.run_pipeline().await.0 != 200 {
        assert!(Instant::now() < until, "the server is not started again\n{}", server.told());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(server.told().contains("was gone; it runs again"), "{}", server.told());

    let (code, _) = server.terminate().await;
    assert_eq!(code, Some(0), "{}", server.told());
    assert!(!running.exists(), "the last one stops the server");
}
