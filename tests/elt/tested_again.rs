//! `elt test` is written into the history, where docs and `elt retry` find it, and is no run to anybody else.

use crate::support::Project;

#[tokio::test]
async fn tests_outside_of_a_run_are_remembered_and_retried() {
    let project = Project::new(&[
        ("models/prod/a.sql", "{{ config(materialized='table') }} select 1 as id"),
        ("models/prod/a.yml", "models: [{name: a, columns: [{name: id, tests: [unique, not_null]}]}]"),
        ("tests/claim.sql", "select id from {{ ref('a') }} where id > 1"),
    ])
    .await;
    project.good(&["run"]);
    project.database.run("insert into prod.a values (2)").await;
    project.elt(&["test"]).expect(1).says("claim found 1 row");
    let query = "-- claim (tests/claim.sql)\nselect id from \"prod\".\"a\" where id > 1\n";
    project.good(&["compile", "--select", "claim"]).prints(query);
    let last = "select command || ' ' || status || ' ' || failed_step || ' ' || litter from elt.runs order by id desc limit 1";
    assert_eq!(project.value(last).await, "test failed claim false");
    let nodes =
        "select string_agg(node || ' ' || status, ', ' order by node) from elt.run_nodes where run_id = 2";
    assert_eq!(project.value(nodes).await, "claim failed, not_null_a_id passed, unique_a_id passed");
    let told = "select about ->> 'status' from prod._elt_tests where name = 'claim'";
    assert_eq!(project.value(told).await, "failed");

    project.elt(&["retry"]).expect(1).says("the tests of run 2 again that did not hold").says("1 failed");
    project.database.run("delete from prod.a where id = 2").await;
    project.good(&["retry"]).says("1 test passed");
    assert_eq!(project.value(told).await, "passed");
    // What was run before stays what a retry is about.
    project.good(&["retry"]).says("run 1 succeeded: there is nothing to retry");
    project.good(&["run"]).says("Nothing to publish: 1 unchanged, 3 tests unchanged");
    project.write("models/prod/b.sql", "select 1 / (id - 1) as x from {{ ref('a') }}");
    project.write("models/prod/c.sql", "{{ config(materialized='table') }} select * from {{ ref('b') }}");
    project.elt(&["run"]).expect(1);
    project.good(&["test", "--select", "a"]);
    project.elt(&["retry"]).expect(1).says("elt run of run");
}
