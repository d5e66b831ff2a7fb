//! What stands in the way of a run, in whole texts.

use crate::gate::Gate;
use crate::support::{Ended, Project};

#[tokio::test]
async fn what_stands_in_the_way_of_a_run_is_told() {
    let project = Project::new(&[
        ("models/stage/grown.sql", "{{ config(materialized='incremental', on_schema_change='fail') }} select 1 as a"),
        ("models/stage/kept.sql", "{{ config(materialized='snapshot', unique_key='a', strategy='check', check_cols='all') }} select 1 as a"),
        ("models/prod/hung.sql", "{{ config(materialized='table') }} select 1 as a"),
        ("models/prod/child.sql", "select * from {{ ref('hung') }}"),
    ])
    .await;
    insta::assert_snapshot!(project.elt(&["-q", "run", "--select", "child"]).expect(2).stderr, @r#"
    error[not-published]: `child` reads `hung`, which has never been published and is not part of this run
     --> models/prod/child.sql:1:1
      |
    1 | select * from {{ ref('hung') }}
      | ^
      |
      = help: build it too: --select +child
    "#);
    project.good(&["run"]);
    project.database.run("create materialized view public.theirs as select * from prod.hung").await;
    project.write("models/prod/hung.sql", "{{ config(materialized='table') }} select 2 as a");
    insta::assert_snapshot!(project.elt(&["-q", "run", "--select", "hung"]).expect(1).stderr, @r#"
    error[depended-on]: the materialized view public.theirs depends on a relation that this run replaces
     |
     = help: elt does not drop what it did not make; drop it yourself, or make it a model
    "#);
    project.write(
        "models/stage/grown.sql",
        "{{ config(materialized='incremental', on_schema_change='fail') }} select 1 as a, 2 as b",
    );
    insta::assert_snapshot!(project.elt(&["-q", "run", "--select", "grown"]).expect(1).stderr, @r#"
    error[columns-changed]: the columns of `grown` are not those of its published table: `b` came
     --> models/stage/grown.sql:1:1
      |
    1 | {{ config(materialized='incremental', on_schema_change='fail') }} select 1 as a, 2 as b
      | ^
      |
      = help: let the table follow with on_schema_change='append_new_columns' or 'sync_all_columns', or build it anew with --full-refresh --select grown
    "#);
    project.database.run("alter table stage.kept drop column dbt_valid_to cascade").await;
    insta::assert_snapshot!(project.elt(&["-q", "run", "--select", "kept"]).expect(1).stderr, @r#"
    error[snapshot-columns]: stage.kept is there, but has no column `dbt_valid_to`: it is not a snapshot of this kind
     --> models/stage/kept.sql:1:1
      |
    1 | {{ config(materialized='snapshot', unique_key='a', strategy='check', check_cols='all') }} select 1 as a
      | ^
      |
      = help: elt replaces no table that may hold history: add the column, or rename or drop the table yourself
    "#);
    project.write("models/stage/kept.sql", "{{ config(materialized='table') }} select 1 as a");
    insta::assert_snapshot!(project.elt(&["-q", "run", "--select", "kept"]).expect(2).stderr, @r#"
    error[history-lost]: stage.kept is a snapshot, and this run would replace its history by a table
     --> models/stage/kept.sql:1:11
      |
    1 | {{ config(materialized='table') }} select 1 as a
      |           ^^^^^^^^^^^^
      |
      = help: rename the model, or rename or drop the table yourself
    "#);
}

#[tokio::test]
async fn a_source_that_changes_under_a_planned_run_is_told() {
    let project = Project::new(&[
        ("profiles.yml", "target: dev\non_run_start: [select pg_advisory_lock_shared(4711)]\n"),
        ("n.csv", "n\n1\n"),
        ("models/raw/n.sql", "{{ config(materialized='load', source='n.csv') }} n integer"),
    ])
    .await;
    project.good(&["run"]);
    project.write("n.csv", "n\n2\n");
    project.good(&["plan", "--out", "plan.json"]);
    let gate = Gate::closed(&project).await;
    let run = project.start(&["-q", "run", "--plan", "plan.json"]);
    gate.somebody_comes().await;
    project.write("n.csv", "n\n3\n");
    gate.open().await;
    let ended = Ended::new(&["run"], run.wait_with_output().expect("it ends")).expect(1);
    insta::assert_snapshot!(ended.stderr, @r"
    error[plan-outdated]: the source of raw.n holds something else than the plan says
     --> models/raw/n.sql:1:32
      |
    1 | {{ config(materialized='load', source='n.csv') }} n integer
      |                                ^^^^^^
    ");
    assert_eq!(project.value("select n from raw.n").await, "1");
}
