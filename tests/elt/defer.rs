//! Every command that reads relations reads from another target what this one does not have.

use crate::support::Project;

/// Of prod all is published; alice has nothing.
async fn copy() -> Project {
    let project = Project::new(&[
        ("profiles.yml", "target: prod\ntargets:\n  prod: {}\n  alice: {schema_prefix: alice_, defer: prod}\n  bob: {schema_prefix: bob_}\n"),
        ("models/stage/t.sql", "{{ config(materialized='table') }} select 1 as id, 'x'::text as kind"),
        ("models/prod/p.sql", "{{ config(materialized='table') }} select id from {{ ref('t') }}"),
        ("models/prod/q.sql", "{{ config(materialized='table', contract={'enforced': true}) }} select id from {{ ref('p') }}"),
        ("models/prod/q.yml", "models: [{name: q, columns: [{name: id, data_type: integer, tests: [unique]}]}]\n"),
        ("models/prod/unit.yml", "unit_tests:\n  - name: ids_are_kept\n    model: q\n    given: [{input: ref('p'), rows: [{id: 5}]}]\n    expect: {rows: [{id: 5}]}\n"),
    ])
    .await;
    project.good(&["run", "--target-path", "prod_target"]);
    project
}

#[tokio::test]
async fn a_plan_that_defers_is_made_and_followed_like_a_run_that_does() {
    let project = copy().await;
    let plan = project.good(&["plan", "--target", "alice", "--select", "q", "--out", "plan.json"]);
    plan.says("note: read from prod: prod.p is prod.p").prints("alice_prod.q is new").prints("+ id integer");
    let json = project.good(&["plan", "--target", "alice", "--select", "q", "--json"]);
    json.prints(r#""note":"read from prod: prod.p is prod.p""#);
    project.good(&["run", "--target", "alice", "--plan", "plan.json"]).says("Published 1 relation");
    assert_eq!(project.value("select id from alice_prod.q").await, "1");
    // Without a copy of its own nothing is there to stand on.
    project.elt(&["plan", "--target", "bob", "--select", "q"]).expect(2).says("has never been published");
    project.good(&["plan", "--target", "bob", "--select", "q", "--defer", "prod"]);
    project.write("models/prod/q.sql", "select nosuch as id from {{ ref('p') }}");
    project
        .elt(&["plan", "--target", "alice", "--select", "q"])
        .expect(1)
        .says("column \"nosuch\" does not exist");
}

#[tokio::test]
async fn what_looks_and_what_tests_defers_as_a_run_does() {
    let project = copy().await;
    let alice = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--target", "alice"]);
        project.good(&all)
    };
    let said = "note: read from prod: prod.p is prod.p";
    alice(&["check", "--select", "q"]).says("3 good, 0 bad").says(said);
    project
        .elt(&["check", "--select", "q", "--target", "alice", "--no-defer"])
        .expect(1)
        .says("relation \"alice_prod.p\" does not exist");
    alice(&["compile", "--select", "q"]).prints("from \"prod\".\"p\"").says(said);
    alice(&["compile", "--select", "p", "q"])
        .prints("from \"stage\".\"t\"")
        .prints("from \"alice_prod\".\"p\"");
    alice(&["compile", "--inline", "select * from {{ ref('q') }}"]).prints("from \"prod\".\"q\"");
    alice(&["show", "--inline", "select id + 41 as answer from {{ ref('q') }}"]).prints("42");
    alice(&["show", "q", "--query"]).prints("id").says(said);
    alice(&["show", "q"]).prints("1").says("prod.q is prod.q");
    alice(&["test"]).says("2 tests passed").says("prod.q is prod.q");

    let bob = ["--target", "bob", "--defer", "--state", "prod_target"];
    for command in
        [&["check", "--select", "q"][..], &["show", "q", "--query"], &["test"], &["compile", "--select", "q"]]
    {
        let all: Vec<&str> = command.iter().chain(&bob).copied().collect();
        project.good(&all).says("read from prod_target: ");
    }
    project.elt(&["test", "--target", "bob"]).expect(0).says("only unit tests were run");

    // What stands here is read here, unless the state is favoured.
    project.database.run("create schema alice_prod; create table alice_prod.p as select 7 as id").await;
    alice(&["show", "q", "--query"]).prints("7");
    alice(&["show", "q", "--query", "--favor-state"]).prints("1");
    project.elt(&["show", "q", "--defer"]).expect(2).says("--defer says to defer, but not to what");
}
