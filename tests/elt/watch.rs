//! `elt watch`: what a save leads to, in a project that is broken and mended under way.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::support::Project;

/// A running `elt watch --json`; killed with its owner.
struct Watching {
    process: Child,
    lines: Receiver<Value>,
}

impl Watching {
    fn start(project: &Project, arguments: &[&str]) -> Self {
        let mut process = project.start(&[&["--json", "watch"], arguments].concat());
        let output = process.stdout.take().expect("it is piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
        });
        Self { process, lines }
    }

    /// Reads on until this problem was told and its round is over. A save may be met half way, and then again.
    fn tells(&self, code: &str) {
        let (mut said, mut told) = (Vec::new(), false);
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(60));
            let line = line.unwrap_or_else(|error| panic!("`{code}` was not told: {error}: {said:#?}"));
            told |= line["problem"]["code"] == code;
            if told && line["event"] == "watched" {
                assert_eq!(line["good"], false);
                return;
            }
            said.push(line);
        }
    }
}

/// Asks until the answer is this one.
async fn becomes(project: &Project, sql: &str, wanted: &str) {
    let mut last = String::new();
    for _ in 0..600 {
        last = project.database.value(sql).await.unwrap_or_else(|| "NULL".into());
        if last == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{sql} is {last}, not {wanted}");
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_save_is_checked_and_what_changed_is_published_while_a_broken_project_goes_on_being_watched() {
    let project = Project::new(&[
        ("data/n.csv", "n\n1\n2\n"),
        ("models/raw/numbers.sql", "{{ config(materialized='load', source='data/n.csv') }} n integer"),
        ("models/stage/doubled.sql", "select n * 2 as n from {{ ref('numbers') }}"),
        (
            "models/prod/total.sql",
            "{{ config(materialized='table') }} select sum(n) as total from {{ ref('doubled') }}",
        ),
        ("models/prod/other.sql", "{{ config(materialized='table') }} select 1 as n"),
    ])
    .await;
    let total = "select total from prod.total";
    let other = "select 'prod.other'::regclass::oid";
    let mut watching = Watching::start(&project, &["--run"]);
    becomes(&project, "select to_regclass('prod.total') is not null", "t").await;
    becomes(&project, total, "6").await;
    let before = project.value(other).await;

    project.write("models/stage/doubled.sql", "select n * 3 as n from {{ ref('numbers') }}");
    becomes(&project, total, "9").await;
    assert_eq!(project.value(other).await, before, "what does not depend on it is not");

    project.write("data/n.csv", "n\n10\n");
    becomes(&project, total, "30").await;

    project.write(
        "models/stage/doubled.sql",
        "select n * 4 as n from {{ ref('nombers') }} where {{ var('x') }}",
    );
    watching.tells("template");
    project.write("models/stage/doubled.sql", "select m * 4 as n from {{ ref('numbers') }}");
    watching.tells("unknown-column");
    assert_eq!(project.value(total).await, "30");
    project.write(
        "models/stage/doubled.sql",
        "select n * 4 as n from {{ ref('numbers') }} where {{ var('x', true) }}",
    );
    becomes(&project, total, "40").await;
    project.write("profiles.yml", "target: dev\nvars: {x: false}\n");
    becomes(&project, total, "NULL").await;

    project.remove("models/stage/doubled.sql");
    watching.tells("unknown-ref");
    project.write("models/stage/renamed/doubled.sql", "select n * 5 as n from {{ ref('numbers') }}");
    becomes(&project, total, "50").await;

    let id = rustix::process::Pid::from_child(&watching.process);
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it still runs");
    assert_eq!(watching.process.wait().expect("it ends").code(), Some(0));
}
