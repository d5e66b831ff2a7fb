//! The snapshot: absent, published, renewed, and the database away.

use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::gate::FakeKeyring;
use super::support::*;
use crate::cluster::Cluster;
use crate::database::Connector;
use crate::service::Settings;
use crate::token::Access;

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_the_service_starts_and_says_that_it_is_not_ready() {
    let database = test_database().await;
    let served = serve(settings(), database.unreachable_reader()).await;
    assert_eq!(served.get("/healthz").await.0, 200);
    let (status, answer) = served.get("/readyz").await;
    assert_eq!((status.as_u16(), &answer["code"]), (503, &json!("not_ready")));
    assert_eq!(answer["details"]["database"]["status"], "away");
    assert_eq!(answer["details"]["snapshot"], json!(null));
    let (status, answer) = served.look_up(&customer("frequent_segment", 2, None)).await;
    assert_eq!((status.as_u16(), &answer["code"]), (503, &json!("not_ready")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_publication_and_every_later_one_are_served_when_they_are_announced() {
    let database = test_database().await;
    // The timer alone would take an hour.
    let slow = Settings { refresh_interval: Duration::from_secs(3600), ..settings() };
    let served = serve(slow, database.reader()).await;
    let (status, answer) = served.look_up(&customer("frequent_segment", 2, None)).await;
    assert_eq!((status.as_u16(), &answer["code"]), (503, &json!("not_published")));
    let (status, answer) = served.get("/readyz").await;
    assert_eq!((status.as_u16(), &answer["details"]["database"]["status"]), (503, &json!("not_published")));

    database.publish(7, PERU).await;
    let readiness = served.wait_until(|readiness| readiness["status"] == "ready").await;
    assert_eq!(readiness["snapshot"]["run_id"], 7);
    assert_eq!(served.look_up(&customer("frequent_segment", 2, None)).await.1["run_id"], 7);

    database.publish(8, &PERU.replace("2640.00", "9.90")).await;
    served.wait_until(|readiness| readiness["snapshot"]["run_id"] == 8).await;
    let (_, answer) = served.look_up(&customer("frequent_segment", 2, None)).await;
    assert_eq!((&answer["run_id"], &answer["voucher_amount"]), (&json!(8), &json!(9.9)));

    database.publish(9, "").await;
    served.wait_until(|readiness| readiness["snapshot"]["run_id"] == 9).await;
    let (status, answer) = served.look_up(&customer("frequent_segment", 2, None)).await;
    assert_eq!((status.as_u16(), &answer["code"]), (404, &json!("unknown_country")));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_the_old_snapshot_answers_and_it_comes_back_by_itself() {
    let database = test_database().await;
    database.publish(7, PERU).await;
    let served =
        serve(Settings { refresh_interval: Duration::from_secs(1), ..settings() }, database.reader()).await;
    database.go_away().await;
    let readiness = served.wait_until(|readiness| readiness["status"] == "degraded").await;
    assert_eq!(readiness["database"]["status"], "away");
    assert!(readiness["database"]["since"].is_string());
    assert_eq!(served.look_up(&customer("frequent_segment", 2, None)).await.0, 200);

    database.come_back().await;
    served.wait_until(|readiness| readiness["status"] == "ready").await;
    database.publish(8, PERU).await;
    served.wait_until(|readiness| readiness["snapshot"]["run_id"] == 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_tells_of_tokens_that_are_not_known_and_of_runs_that_cannot_begin() {
    let database = test_database().await;
    database.publish(7, PERU).await;
    let quick = || Settings { refresh_interval: Duration::from_millis(200), ..settings() };
    let away = FakeKeyring::default();
    away.go_away();
    let closed = Settings { reads: Access::Token, ..quick() };
    let served = serve_with(closed, database.reader(), away).await;
    let is_missing = |answer: &serde_json::Value| answer["details"]["tokens"] == "missing";
    let answer = served.wait_until(is_missing).await;
    assert_eq!((&answer["code"], &answer["details"]["snapshot"]["run_id"]), (&json!("not_ready"), &json!(7)));
    assert_eq!(answer["details"]["runs"]["status"], "away");
    assert!(answer["details"]["runs"]["since"].is_string(), "{answer}");
    served.keyring.come_back();
    let answer = served.wait_until(|answer| answer["status"] == "ready").await;
    assert_eq!((&answer["tokens"], &answer["runs"]["status"]), (&json!("known"), &json!("here")));

    let served = serve(quick(), database.reader()).await;
    let answer = served.wait_until(|answer| answer["status"] == "ready").await;
    assert_eq!(answer["tokens"], "not_needed");
    served.keyring.go_away();
    let answer = served.wait_until(|answer| answer["status"] == "degraded").await;
    assert_eq!((&answer["runs"]["status"], &answer["database"]["status"]), (&json!("away"), &json!("here")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_and_started_again_is_outlived() {
    let folder = TempDir::new().unwrap();
    let cluster = Cluster::open(folder.path(), &[("fsync", "off")]).unwrap();
    let connector = Connector::from_socket(cluster.socket_dir(), cluster.port(), cluster.user(), "postgres");
    let database = Warehouse::within(connector).await;
    database.publish(7, PERU).await;
    let served =
        serve(Settings { refresh_interval: Duration::from_secs(1), ..settings() }, database.reader()).await;
    let pid_file = cluster.data_dir().join("postmaster.pid");
    let pid = std::fs::read_to_string(&pid_file).unwrap().lines().next().unwrap().to_owned();
    // SIGQUIT ends the server at once, without a shutdown, and takes its children along.
    assert!(std::process::Command::new("kill").args(["-QUIT", &pid]).status().unwrap().success());
    let readiness = served.wait_until(|readiness| readiness["status"] == "degraded").await;
    assert_eq!(readiness["database"]["status"], "away");
    assert_eq!(readiness["snapshot"]["run_id"], 7);
    for _ in 0..50 {
        assert_eq!(served.look_up(&customer("frequent_segment", 2, None)).await.0, 200);
    }

    let again = Cluster::open(folder.path(), &[("fsync", "off")]).unwrap();
    served.wait_until(|readiness| readiness["status"] == "ready").await;
    database.publish(8, PERU).await;
    served.wait_until(|readiness| readiness["snapshot"]["run_id"] == 8).await;
    drop((cluster, again));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_that_contradicts_itself_is_not_answered_from() {
    let database = test_database().await;
    database.publish(7, PERU).await;
    let served = serve(settings(), database.reader()).await;
    database.publish(8, &PERU.replace("'5-13', 5, 13", "'5-13', 4, 13")).await;
    let readiness = served.wait_until(|readiness| readiness["status"] == "degraded").await;
    assert_eq!(
        (&readiness["database"]["status"], &readiness["snapshot"]["run_id"]),
        (&json!("unreadable"), &json!(7))
    );
    database.publish(9, PERU).await;
    served.wait_until(|readiness| readiness["snapshot"]["run_id"] == 9).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_of_the_service_can_read_prod_and_nothing_else() {
    let (database, _served) = served_peru().await;
    let session = database.reader_session().await;
    for forbidden in [
        "select * from raw.voucher_history",
        "select * from stage.segment_rules",
        "select * from elt.runs",
        "delete from prod.segments_derived",
        "create table prod.mine (x int)",
    ] {
        let error = session.run(forbidden).await.unwrap_err();
        assert!(error.is("42501"), "{forbidden}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lookups_in_the_middle_of_many_publishings_are_never_mixed() {
    let database = test_database().await;
    let rows = |run: i64| PERU.replace("2640.00", &run.to_string());
    database.publish(1, &rows(1)).await;
    let served = serve(settings(), database.reader()).await;
    let publishing = async {
        for run in 2..12 {
            database.publish(run, &rows(run)).await;
        }
    };
    let looking = async {
        for _ in 0..300 {
            let (status, answer) = served.look_up(&customer("frequent_segment", 2, None)).await;
            assert_eq!(status, 200);
            assert_eq!(answer["voucher_amount"], answer["run_id"]);
        }
    };
    tokio::join!(publishing, looking);
}
