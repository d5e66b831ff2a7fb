//! `--json` makes every command talk in JSON lines.

use serde_json::Value;

use crate::support::{Ended, Project};

/// What was said, one object a line; nothing else may be on standard output, and no talk on standard error.
#[track_caller]
fn lines(ended: &Ended) -> Vec<Value> {
    assert!(ended.stderr.is_empty(), "it talks beside the JSON\n{ended}");
    let read =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("`{line}` is no JSON\n{ended}"));
    let lines: Vec<Value> = ended.stdout.lines().map(read).collect();
    assert!(lines.iter().all(|line| line["event"].is_string()), "each line says what it is\n{ended}");
    lines
}

#[track_caller]
fn said(ended: &Ended, event: &str) -> Value {
    let line = lines(ended).into_iter().find(|line| line["event"] == event);
    line.unwrap_or_else(|| panic!("it says no `{event}`\n{ended}"))
}

#[tokio::test]
async fn every_command_talks_in_json_lines_where_that_is_asked_for() {
    let project = Project::new(&[
        ("models/stage/a.sql", "{{ config(materialized='table') }} select 1 as id"),
        ("models/prod/gone.sql", "select 1 as id"),
        ("models/stage/a.yml", "models: [{name: a, columns: [{name: id, tests: [unique]}]}]"),
        ("tests/claim.sql", "select id from {{ ref('a') }} where id > 1"),
    ])
    .await;
    let json = |arguments: &[&str], status: i32| {
        let mut all = vec!["--json"];
        all.extend(arguments);
        project.elt(&all).expect(status)
    };
    assert_eq!(said(&json(&["check"], 0), "checked")["good"], 4);
    assert_eq!(said(&json(&["run"], 0), "ended")["status"], "succeeded");

    let ended = json(&["test"], 0);
    assert_eq!(lines(&ended).iter().filter(|line| line["event"] == "finished").count(), 2);
    assert_eq!(said(&ended, "ended")["status"], "succeeded");
    project.write("tests/claim.sql", "select id from {{ ref('a') }} where id > 0");
    let ended = json(&["test"], 1);
    assert_eq!(said(&ended, "problem")["problem"]["code"], "test-failed");
    assert_eq!(said(&ended, "ended")["failed_step"], "claim");
    let ended = json(&["retry"], 1);
    let tried: Vec<Value> = lines(&ended).into_iter().filter(|line| line["event"] == "finished").collect();
    assert_eq!(tried.len(), 1, "only what failed: {ended}");
    assert_eq!(tried[0]["record"]["node"], "claim");

    project.remove("models/prod/gone.sql");
    let ended = json(&["prune"], 0);
    assert_eq!(said(&ended, "orphan")["relation"], "prod.gone");
    assert_eq!(said(&ended, "pruned")["dropped"], 0);
    assert_eq!(said(&json(&["prune", "--yes"], 0), "orphan")["dropped"], true);

    assert_eq!(said(&json(&["show", "a"], 0), "row")["row"]["id"], 1);
    assert_eq!(said(&json(&["show", "--inline", "select 2 as id"], 0), "row")["row"]["id"], 2);
    assert_eq!(said(&json(&["explain", "unknown-ref"], 0), "class")["code"], "unknown-ref");
    assert_eq!(said(&json(&["debug"], 0), "debug")["name"], "elt");
    assert!(said(&json(&["docs"], 0), "documented").is_object());
    assert!(lines(&json(&["deps"], 0)).is_empty());
    assert_eq!(said(&json(&["run", "--select", "nosuch"], 2), "error")["code"], "selector");

    // A folder where the artifact should be.
    std::fs::remove_file(project.root.join("target/manifest.json")).expect("it was written");
    std::fs::create_dir_all(project.root.join("target/manifest.json/x")).expect("it can be made");
    let note = said(&json(&["check"], 0), "note");
    assert!(note["message"].as_str().is_some_and(|text| text.contains("was not written")), "{note}");

    project.write("dbt/dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: shop\n");
    project.write("dbt/models/m.sql", "select 1 as id");
    assert_eq!(said(&json(&["import", "dbt", "--out", "shop"], 0), "imported")["models"], 1);
}
