//! What must not reach prod does not, and the user is told where it went wrong.

use std::time::Duration;

use crate::support::{Ended, Project};

const NUMBERS: (&str, &str) = ("models/stage/numbers.sql", "select 1 as n");

#[tokio::test]
async fn a_failed_test_leaves_the_old_prod_in_place() {
    let project = Project::new(&[
        ("models/stage/a.sql", "{{ config(materialized='table') }} select 1 as n"),
        ("models/prod/b.sql", "{{ config(materialized='table') }} select n from {{ ref('a') }}"),
        (
            "models/prod/b.yml",
            "models: [{name: b, columns: [{name: n, tests: [{accepted_values: {values: [1]}}]}]}]",
        ),
    ])
    .await;
    project.good(&["run"]);
    project.write("models/stage/a.sql", "{{ config(materialized='table') }} select 2 as n");
    let failed = project.elt(&["run"]).expect(1);
    failed.says("accepted_values_b_n found 1 row").says("models/prod/b.yml:1:").says("prod is as it was");
    assert_eq!(project.value("select n from prod.b").await, "1");
    assert_eq!(
        project.value("select n from stage.a").await,
        "1",
        "nothing of the run is published, not even stage"
    );
    assert_eq!(litter(&project).await, "1", "what was good is kept for `elt retry`");
    project.write("models/stage/a.sql", "{{ config(materialized='table') }} select 1 as n, 2 as m");
    project.good(&["run"]);
    assert_eq!(litter(&project).await, "0", "until the next run");
}

#[tokio::test]
async fn a_failed_test_stops_what_comes_after_it() {
    let project = Project::new(&[
        ("models/stage/a.sql", "select null::int as n"),
        ("models/stage/a.yml", "models: [{name: a, columns: [{name: n, tests: [not_null]}]}]"),
        ("models/prod/b.sql", "{{ config(materialized='table') }} select 1 / n as x from {{ ref('a') }}"),
        ("models/prod/c.sql", "select 1 as x"),
    ])
    .await;
    let failed = project.elt(&["run"]).expect(1);
    let failed = failed.says("skipped table       prod.b").says("built   view        prod.c");
    assert!(!failed.stderr.contains("Published"), "{failed}");
    assert_eq!(project.value("select to_regclass('prod.c')").await, "NULL");
}

#[tokio::test]
async fn a_test_that_only_warns_lets_the_run_publish() {
    let project = Project::new(&[
        ("models/stage/a.sql", "select null::int as n"),
        (
            "models/stage/a.yml",
            "models: [{name: a, columns: [{name: n, tests: [{not_null: {severity: warn}}]}]}]",
        ),
        ("tests/nothing_is_negative.sql", "select * from {{ ref('a') }} where n < 0"),
    ])
    .await;
    project.good(&["run"]).says("warning[test-failed]: not_null_a_n found 1 row").says("1 test warned");
}

#[tokio::test]
async fn postgresql_errors_are_shown_at_the_models_own_line() {
    let project = Project::new(&[
        ("macros/m.sql", "{% macro twice(x) %}({{ x }} * 2){% endmacro %}"),
        NUMBERS,
        (
            "models/stage/broken.sql",
            "{{ config(materialized='table') }}\n{% set columns = ['n', 'n'] %}\nselect\n{% for c in columns %}  \
             {{ twice(c) }} as c{{ loop.index }},\n{% endfor %}  nn as total\nfrom {{ ref('numbers') }}\n",
        ),
    ])
    .await;
    let failed = project.elt(&["run"]).expect(1);
    let at = failed.stderr.find("error[").expect("an error is told");
    let text: String =
        failed.stderr[at..].lines().take(7).map(|line| format!("{}\n", line.trim_end())).collect();
    insta::assert_snapshot!(text, @r#"
    error[unknown-column]: column "nn" does not exist
     --> models/stage/broken.sql:5:15
      |
    5 | {% endfor %}  nn as total
      |               ^^
      |
      = help: Perhaps you meant to reference the column "numbers.n".
    "#);
}

#[tokio::test]
async fn an_error_inside_an_ephemeral_model_is_shown_in_its_own_file() {
    let project = Project::new(&[
        ("models/stage/e.sql", "{{ config(materialized='ephemeral') }}\nselect 1 as n,\n  nothing"),
        ("models/stage/a.sql", "with x as (select 1)\nselect * from {{ ref('e') }}, x"),
    ])
    .await;
    project.elt(&["run"]).expect(1).says("models/stage/e.sql:3:3");
}

#[tokio::test]
async fn every_problem_of_every_file_is_told_at_once_and_nothing_is_run() {
    let project = Project::new(&[
        ("models/stage/a.sql", "select * from {{ ref('nmubers') }}"),
        ("models/stage/b.sql", "{{ config(materialised='table') }} select {{ var('nope') }}"),
        ("models/stage/c.sql", "select * from {{ ref('d') }}"),
        ("models/stage/d.sql", "select * from {{ ref('c') }}"),
        ("models/raw/r.sql", "select * from {{ ref('numbers') }}"),
        ("models/prod/p.sql", "select * from {{ ref('r') }}"),
        ("models/lost.sql", "select 1"),
        (
            "models/stage/more.yml",
            "models: [{name: numbers, columns: [{name: n, tests: [uniqe]}]}, {name: ghost}]",
        ),
        ("rules/r.csv", "a,b\n1\n"),
        NUMBERS,
    ])
    .await;
    let ended = project.elt(&["run"]).expect(2);
    for text in [
        "error[unknown-ref]: there is no model or rule `nmubers`",
        "did you mean `numbers`?",
        "error[template]: the variable `nope` is not set",
        "error[cycle]: models refer to each other in a circle: c -> d -> c",
        "error[layer-order]: the raw model `r` refers to the stage model `numbers`",
        "error[layer-order]: the prod model `p` refers to the raw model `r`",
        "error[no-layer]: models/lost.sql lies in no layer",
        "error[unknown-test]: there is no generic test `uniqe`",
        "did you mean `unique`?",
        "`ghost` is described, but there is no such model or rule",
        "this line has 1 cells, the header 2",
        "nothing was run",
    ] {
        assert!(ended.stderr.contains(text), "expected: {text}\n{ended}");
    }
    assert_eq!(project.value("select count(*) from pg_namespace where nspname = 'elt'").await, "0");
}

#[tokio::test]
async fn a_misspelt_config_word_and_a_wrong_value_are_told_with_their_place() {
    let project = Project::new(&[
        ("models/stage/a.sql", "{{ config(\n  materialised='table',\n  tags=3) }} select 1 as n"),
        ("models/stage/b.sql", "{{ config(materialized='tabel') }} select 1 as n"),
    ])
    .await;
    let ended = project.elt(&["compile"]).expect(2);
    let ended = ended.says("models/stage/a.sql:2:3").says("did you mean `materialized`?");
    ended.says("models/stage/a.sql:3:3").says("unknown variant `tabel`");
}

#[tokio::test]
async fn a_relation_that_elt_did_not_make_is_never_replaced() {
    let project =
        Project::new(&[("models/prod/b.sql", "{{ config(materialized='table') }} select 1 as n")]).await;
    project.database.run("create schema prod; create table prod.b as select 'mine' as n").await;
    project.elt(&["run"]).expect(2).says("prod.b is there already, and elt did not make it");
    assert_eq!(project.value("select n from prod.b").await, "mine");
}

#[tokio::test]
async fn what_others_hung_on_prod_survives_a_run_and_reads_the_new_rows() {
    let project =
        Project::new(&[("models/prod/b.sql", "{{ config(materialized='table') }} select 1 as n")]).await;
    project.good(&["run"]);
    project
        .database
        .run(
            "create schema theirs; create view theirs.v as select n * 10 as n from prod.b; \
             create view theirs.w as select n + 1 as n from theirs.v; create role analyst_of_test; \
             grant select on prod.b to analyst_of_test",
        )
        .await;
    project.write("models/prod/b.sql", "{{ config(materialized='table') }} select 2 as n");
    project.good(&["run"]).says("the view theirs.v is not elt's; it now reads the new relations");
    assert_eq!(project.value("select n from theirs.w").await, "21");
    assert_eq!(project.value("select has_table_privilege('analyst_of_test', 'prod.b', 'select')").await, "t");
    assert_eq!(litter(&project).await, "0");

    project.database.run("create materialized view theirs.m as select * from prod.b").await;
    let ended = project.elt(&["run", "--full-refresh"]).expect(1);
    ended.says("the materialized view theirs.m depends on a relation that this run replaces");
    assert_eq!(litter(&project).await, "1", "what was built is kept for `elt retry`");
    project.database.run("drop materialized view theirs.m; revoke all on prod.b from analyst_of_test; drop role analyst_of_test").await;
}

#[tokio::test]
async fn a_second_run_is_refused_and_told_who_holds_the_lock() {
    let slow = "{{ config(materialized='table') }} select 1 as n from pg_sleep(60)";
    let project = Project::new(&[("models/prod/b.sql", slow)]).await;
    let first = project.start(&["run"]);
    project.wait_for("select count(*) from elt.runs where status = 'running'", "1").await;
    project.elt(&["run"]).expect(2).says("run 1 (run by ").says("is under way since");
    project.elt(&["load"]).expect(2).says("there is nothing to load");
    signal(first.id(), "INT");
    Ended::new(&["run"], first.wait_with_output().expect("it ends")).expect(1).says("Cancelled");
}

#[tokio::test]
async fn ctrl_c_cancels_on_the_server_and_leaves_nothing() {
    let project = Project::new(&[(
        "models/prod/b.sql",
        "{{ config(materialized='table') }} select 1 as n from pg_sleep(60)",
    )])
    .await;
    let run = project.start(&["run"]);
    let sleeping = "select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' and state = 'active' \
                    and datname = current_database() and pid <> pg_backend_pid()";
    project.wait_for(sleeping, "1").await;
    signal(run.id(), "INT");
    let ended = Ended::new(&["run"], run.wait_with_output().expect("it ends"));
    ended.expect(1).says("Cancelled").says("prod is as it was");
    project.wait_for(sleeping, "0").await;
    assert_eq!(project.value("select status from elt.runs").await, "cancelled");
    assert_eq!(litter(&project).await, "0");
}

#[tokio::test]
async fn kill_9_at_any_moment_leaves_prod_whole_and_the_next_run_cleans_up() {
    let project = Project::new(&[
        (
            "models/prod/a.sql",
            "{{ config(materialized='table') }} select {{ var('n') }} as n from generate_series(1, 20000)",
        ),
        (
            "models/prod/b.sql",
            "{{ config(materialized='table') }} select n from {{ ref('a') }}, pg_sleep(0.02) limit 1",
        ),
        ("models/prod/c.sql", "select distinct n from {{ ref('a') }}"),
        (
            "models/prod/d.sql",
            "{{ config(materialized='table', indexes=[{'columns': ['n']}]) }} select n from {{ ref('c') }}",
        ),
    ])
    .await;
    project.good(&["run", "--vars", "{n: 0}"]);
    let mixed = "select (select count(distinct n) from (select n from prod.a union all select n from prod.b \
                 union all select n from prod.c union all select n from prod.d) t) || ' ' || \
                 (select count(*) from prod.a)";
    // Spread over a run's whole length, publishing included; a seed that changes would hide what it finds.
    let mut random: u64 = 0x9E37_79B9_7F4A_7C15;
    for round in 1..=20u64 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut run = project.start(&["run", "--vars", &format!("{{n: {round}}}")]);
        std::thread::sleep(Duration::from_millis(10 + (random >> 33) % 290));
        run.kill().expect("SIGKILL can be sent");
        run.wait().expect("it ends");
        assert_eq!(project.value(mixed).await, "1 20000", "round {round}: prod is one state, and whole");
    }
    project.good(&["run", "--vars", "{n: 99}"]);
    assert_eq!(project.value("select n from prod.d").await, "99");
    assert_eq!(litter(&project).await, "0");
    assert_eq!(project.value("select count(*) from elt.runs where status = 'running'").await, "0");
}

#[tokio::test]
async fn a_table_in_use_is_waited_for_and_nobody_deadlocks() {
    let project =
        Project::new(&[("models/prod/b.sql", "{{ config(materialized='table') }} select 1 as n")]).await;
    project.good(&["run"]);
    let reader = project.database.session().await;
    reader.run("begin; select * from prod.b").await.expect("the table is there");
    let run = project.start(&["run"]);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(
        reader.value("select n from prod.b").await.expect("a reader is never the victim").as_deref(),
        Some("1")
    );
    reader.run("commit").await.expect("the reader ends");
    Ended::new(&["run"], run.wait_with_output().expect("it ends")).expect(0);
}

#[tokio::test]
async fn rows_that_do_not_fit_are_named_by_file_line_and_column_and_nothing_is_loaded() {
    let project = Project::new(&[
        (
            "models/raw/orders.sql",
            "{{ config(materialized='load', source='orders.csv') }}\nid int,\namount numeric",
        ),
        ("orders.csv", "id,amount\n1,2.5\n2,many\n"),
    ])
    .await;
    let ended = project.elt(&["run"]).expect(1);
    ended.says("line 3").says("amount").says("many").says("models/raw/orders.sql:1:");
    assert_eq!(project.value("select count(*) from pg_class where relname = 'orders'").await, "0");

    project.write("orders.csv", "id,amount\n1,2.5,9\n");
    project.elt(&["run"]).expect(1).says("line 2");
    project.write("orders.csv", "id,amont\n1,2.5\n");
    project.elt(&["run"]).expect(1).says("amont").says("amount");
    project.write("orders.csv", "");
    project.elt(&["run"]).expect(1).says("orders.csv");
    project.remove("orders.csv");
    project.elt(&["run"]).expect(1).says("orders.csv");
}

#[tokio::test]
async fn rules_with_holes_or_overlaps_are_refused_before_anything_runs() {
    let project = Project::shipped().await;
    let rules = "segment_type,segment_name,lower_value,upper_value\nfrequent_segment,1-4,1,5\nfrequent_segment,5-13,5,13\n";
    project.write("rules/segment_rules.csv", rules);
    project.elt(&["run"]).expect(2).says("lines 2 and 3 overlap").says("rules/segment_rules.csv:3:1");
}

#[tokio::test]
async fn secrets_are_never_told() {
    let project = Project::new(&[(
        "profiles.yml",
        "target: dev\ntargets: {dev: {url: \"{{ env_var('WAREHOUSE_PASSWORD_URL') }}\"}}\n",
    )])
    .await
    .env("WAREHOUSE_PASSWORD_URL", "postgres://someone:tr0ub4dor@127.0.0.1:1/none");
    project.write("models/prod/b.sql", "select '{{ env_var('API_TOKEN') }}' as t");
    let project = project.env("API_TOKEN", "abcdef123456");
    for arguments in [&["run"][..], &["debug"], &["compile"], &["--json", "run"]] {
        let ended = project.elt(arguments);
        let all = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!all.contains("tr0ub4dor") && !all.contains("abcdef123456"), "{ended}");
    }
}

/// Schemas of runs that are still there.
async fn litter(project: &Project) -> String {
    project.value(r"select count(*) from pg_namespace where nspname like 'elt\_%'").await
}

fn signal(process: u32, name: &str) {
    let killed = std::process::Command::new("kill").args([format!("-{name}"), process.to_string()]).status();
    assert!(killed.is_ok_and(|status| status.success()));
}
