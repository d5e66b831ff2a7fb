//! Runs that `elt serve` begins by itself, and the webhooks that tell how they ended.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::server::Server;
use crate::support::Project;

/// Answers each request and passes on what it said; the first one with an error, so that it comes again.
fn listener() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook/s3cret", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let (mut bytes, mut piece) = (Vec::new(), [0; 8192]);
            let body = loop {
                let count = stream.read(&mut piece).unwrap();
                bytes.extend_from_slice(&piece[..count]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                assert!(head.starts_with("POST /hook/s3cret "), "{head}");
                let length = head
                    .lines()
                    .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                if body.len() >= length.unwrap_or(0) {
                    break serde_json::from_str(body).unwrap();
                }
            };
            let status = if number == 0 { "503 Service Unavailable" } else { "204 No Content" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
            if number > 0 && sender.send(body).is_err() {
                return;
            }
        }
    });
    (address, receiver)
}

/// The next of this kind.
fn told(receiver: &Receiver<Value>, event: &str) -> Value {
    loop {
        let said = receiver.recv_timeout(Duration::from_secs(30)).expect("the webhook is told");
        if said["event"] == event {
            return said;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_come_at_their_time_and_never_two_at_once_and_how_they_end_is_told() {
    let (address, said) = listener();
    let profile = "name: shop\nschedule: {cron: '* * * * * *', time_zone: Europe/Berlin}\n\
                   webhooks: {on_success: \"{{ env_var('HOOK') }}\", on_failure: \"{{ env_var('HOOK') }}\"}\n";
    let slow = "{{ config(materialized='table') }} select 1 as n from pg_sleep(2.5)";
    let project = Project::new(&[("profiles.yml", profile), ("models/prod/slow.sql", slow)]).await;
    let project = project.env("HOOK", &address);
    let server = Server::start(&project, &[]);

    let good = told(&said, "run_succeeded");
    assert_eq!((&good["project"], &good["run"]["status"]), (&json!("shop"), &json!("succeeded")));
    assert_eq!(good["text"], format!("shop: run {} was published", good["run"]["id"]));
    let left_out = told(&said, "run_not_begun");
    let text = left_out["text"].as_str().unwrap();
    assert!(text.starts_with("shop: the scheduled run was left out: run "), "{text}");

    project.write(
        "models/prod/slow.sql",
        "{{ config(materialized='table') }} select 1 / (n - n) as n from generate_series(1, 2) as n",
    );
    let bad = told(&said, "run_failed");
    assert_eq!(bad["run"]["status"], "failed");
    let failed = &bad["failed"][0];
    assert_eq!(failed["node"], "prod.slow");
    assert!(failed["message"].as_str().unwrap().contains("division by zero"), "{bad}");
    assert!(server.told().contains("was left out"), "{}", server.told());
    assert!(!server.told().contains("s3cret"), "{}", server.told());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_missed_while_nobody_served_is_made_up_if_wished() {
    let (address, said) = listener();
    let profile = |missed: &str| {
        format!(
            "schedule: {{cron: '0 0 1 1 *', missed: {missed}}}\nwebhooks: {{on_failure: \"{{{{ env_var('HOOK') }}}}\"}}\n"
        )
    };
    let project =
        Project::new(&[("profiles.yml", &profile("skip")), ("models/prod/a.sql", "select 1 as n")]).await;
    let project = project.env("HOOK", &address);
    project.good(&["run"]);
    project.value("update elt.runs set started_at = '2001-01-01' returning id").await;
    let mut server = Server::start(&project, &[]);
    for _ in 0..100 {
        if server.told().contains("was missed") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(server.told().contains("the next one comes at its time"), "{}", server.told());
    let left_out = told(&said, "run_not_begun");
    assert!(left_out["text"].as_str().is_some_and(|text| text.contains("was missed")), "{left_out}");
    server.terminate().await;
    assert_eq!(project.value("select count(*) from elt.runs").await, "1");

    project.write("profiles.yml", &profile("run"));
    let mut elsewhere = Server::start(&project, &["--no-schedule"]);
    elsewhere.terminate().await;
    assert_eq!(project.value("select count(*) from elt.runs").await, "1");
    let server = Server::start(&project, &[]);
    let runs =
        server.wait_for("/runs", |answer| answer["runs"].as_array().is_some_and(|runs| runs.len() == 2));
    runs.await;
}

#[tokio::test]
async fn a_schedule_that_cannot_be_is_told_with_its_place() {
    let profile =
        "schedule:\n  cron: 0 25 * * *\n  time_zone: Mars/Olympus\nwebhooks:\n  on_failure: ftp://x\n";
    let project = Project::new(&[("profiles.yml", profile)]).await;
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr, @r"
    error[bad-time-zone]: there is no time zone `Mars/Olympus`
     --> profiles.yml:3:14
      |
    3 |   time_zone: Mars/Olympus
      |              ^^^^^^^^^^^^
      |
      = help: write a name of the tz database, e.g. Europe/Berlin

    error[bad-webhook]: the webhook's address is no http or https URL
     --> profiles.yml:5:15
      |
    5 |   on_failure: ftp://x
      |               ^^^^^^^

    2 problems; nothing was run.
    ");
    project.write("profiles.yml", "schedule: {cron: 0 25 * * *}\n");
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr, @r"
    error[bad-schedule]: the schedule `0 25 * * *` cannot be read: Component error: Number out of bounds.
     --> profiles.yml:1:18
      |
    1 | schedule: {cron: 0 25 * * *}
      |                  ^^^^^^^^^^
      |
      = help: minute, hour, day of the month, month, day of the week: `0 6 * * MON-FRI` is six o'clock on workdays

    1 problem; nothing was run.
    ");
}
