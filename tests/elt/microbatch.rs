//! Models that are built a batch of time after another.

use jiff::{Timestamp, ToSpan};

use crate::support::Project;

/// The day of so many days ago, in UTC.
fn ago(days: i64) -> String {
    let at = Timestamp::now().checked_sub((days * 24).hours()).expect("a time of these years");
    at.strftime("%Y-%m-%d").to_string()
}

async fn shop(config: &str) -> Project {
    let model = format!(
        "{{{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='at', batch_size='day', \
         begin='{}'{config}) }}}}\n\
         select events.id, events.at, v || label as v from {{{{ source('shop', 'events') }}}}\n\
         join {{{{ ref('labels').render() }}}} as labels on true\n",
        ago(5)
    );
    let project = Project::new(&[
        (
            "models/stage/sources.yml",
            "sources: [{name: shop, tables: [{name: events, config: {event_time: at}}]}]\n\
             models: [{name: labels, config: {event_time: made}}]\n",
        ),
        (
            "models/stage/labels.sql",
            "{{ config(materialized='table') }} select '!' as label, timestamptz '2001-01-01' as made",
        ),
        ("models/stage/seen.sql", &model),
        (
            "models/prod/counted.sql",
            "{{ config(materialized='table') }} select count(*) as n from {{ ref('seen') }}",
        ),
    ])
    .await;
    project
        .database
        .run(
            "create schema shop; create table shop.events as select n as id, now() - make_interval(days => n) as at, \
             'a' as v from generate_series(0, 8) as n",
        )
        .await;
    project
}

async fn rows(project: &Project) -> String {
    project.value("select string_agg(id || v, ' ' order by id) from stage.seen").await
}

#[tokio::test]
async fn each_run_builds_the_newest_batches_and_those_that_are_asked_for() {
    let project = shop("").await;
    project.good(&["run"]);
    assert_eq!(rows(&project).await, "0a! 1a! 2a! 3a! 4a! 5a!", "what came before `begin` is left out");
    let oid = project.value("select 'stage.seen'::regclass::oid").await;
    project.database.run("update shop.events set v = 'b'; delete from shop.events where id = 1").await;
    project.good(&["run"]);
    assert_eq!(
        rows(&project).await,
        "0b! 2a! 3a! 4a! 5a!",
        "today and, by lookback, yesterday are built again"
    );
    assert_eq!(project.value("select n from prod.counted").await, "5");
    let (start, end) = (ago(4), ago(2));
    let asked =
        ["run", "--select", "seen", "--event-time-start", start.as_str(), "--event-time-end", end.as_str()];
    project.good(&asked);
    assert_eq!(rows(&project).await, "0b! 2a! 3b! 4b! 5a!");
    assert_eq!(project.value("select 'stage.seen'::regclass::oid").await, oid, "the table is added to");

    // Of a day without rows nothing is left, though none came.
    project.database.run("delete from shop.events where id = 3").await;
    let (start, end) = (ago(3), ago(2));
    project.good(&["run", "--select", "seen", "--event-time-start", &start, "--event-time-end", &end]);
    assert_eq!(rows(&project).await, "0b! 2a! 4b! 5a!");
    project.good(&["run", "--full-refresh"]);
    assert_eq!(rows(&project).await, "0b! 2b! 4b! 5b!");

    // A failed test keeps all batches out.
    project.write(
        "models/stage/t.yml",
        "models: [{name: seen, columns: [{name: v, tests: [{accepted_values: {values: ['b!']}}]}]}]",
    );
    project.database.run("update shop.events set v = 'c'").await;
    project.elt(&["run"]).expect(1).says("accepted_values_seen_v");
    assert_eq!(rows(&project).await, "0b! 2b! 4b! 5b!");
}

#[tokio::test]
async fn with_a_key_new_rows_replace_those_of_the_same_key_and_contracts_hold() {
    let project = shop(", unique_key='id', lookback=0, contract={'enforced': true}").await;
    project.write(
        "models/stage/seen.yml",
        "models:
  - name: seen
    columns:
      - {name: id, data_type: int, constraints: [{type: primary_key}]}
      - {name: at, data_type: timestamptz}
      - {name: v, data_type: text, constraints: [{type: not_null}]}
",
    );
    project.good(&["run"]);
    assert_eq!(rows(&project).await, "0a! 1a! 2a! 3a! 4a! 5a!");
    project
        .database
        .run("update shop.events set v = 'b'; insert into shop.events values (9, now(), 'n')")
        .await;
    project.good(&["run"]);
    assert_eq!(rows(&project).await, "0b! 1a! 2a! 3a! 4a! 5a! 9n!");
    project.database.run("delete from shop.events where id = 0").await;
    project.good(&["run"]);
    assert_eq!(
        rows(&project).await,
        "0b! 1a! 2a! 3a! 4a! 5a! 9n!",
        "a merge takes nothing away, as dbt's on PostgreSQL"
    );
    let key = "select count(*) from pg_constraint where conrelid = 'stage.seen'::regclass and contype = 'p'";
    assert_eq!(project.value(key).await, "1");
}

#[tokio::test]
async fn what_batches_need_is_told() {
    let project = Project::new(&[(
        "models/stage/seen.sql",
        "{{ config(materialized='incremental', incremental_strategy='microbatch', begin='soon') }} select 1 as id",
    )])
    .await;
    let ended = project.elt(&["compile"]).expect(2);
    insta::assert_snapshot!(ended.stderr.trim_end(), @r"
    error[bad-config]: config's `begin` is wrong: `soon` is no time: write 2024-05-31, or 2024-05-31T12:00:00 in UTC
     --> models/stage/seen.sql:1:74
      |
    1 | {{ config(materialized='incremental', incremental_strategy='microbatch', begin='soon') }} select 1 as id
      |                                                                          ^^^^^

    1 problem; nothing was run.
    ");
    project.write(
        "models/stage/seen.sql",
        "{{ config(materialized='incremental', incremental_strategy='microbatch') }} select 1 as id",
    );
    let ended = project.elt(&["compile"]).expect(2);
    insta::assert_snapshot!(ended.stderr.trim_end(), @r"
    error[bad-config]: `seen` is built in batches, but config has no event_time
     --> models/stage/seen.sql:1:4
      |
    1 | {{ config(materialized='incremental', incremental_strategy='microbatch') }} select 1 as id
      |    ^^^^^^
      |
      = help: add event_time='…': the column that says when a row came

    error[bad-config]: `seen` is built in batches, but config has no batch_size
     --> models/stage/seen.sql:1:4
      |
    1 | {{ config(materialized='incremental', incremental_strategy='microbatch') }} select 1 as id
      |    ^^^^^^
      |
      = help: add batch_size='day', or hour, month or year

    error[bad-config]: `seen` is built in batches, but config has no begin
     --> models/stage/seen.sql:1:4
      |
    1 | {{ config(materialized='incremental', incremental_strategy='microbatch') }} select 1 as id
      |    ^^^^^^
      |
      = help: add begin='2024-01-01': when the first batch begins

    warning[no-event-time]: `seen` is built in batches, but nothing that it reads says when its rows came
     --> models/stage/seen.sql:1:61
      |
    1 | {{ config(materialized='incremental', incremental_strategy='microbatch') }} select 1 as id
      |                                                             ^^^^^^^^^^
      |
      = help: each batch reads everything: give what it reads an `event_time`

    3 problems; nothing was run.
    ");
    project.write(
        "models/stage/seen.sql",
        "{{ config(materialized='incremental', incremental_strategy='microbatch', begin='2024-01-01', batch_size='year', \
         event_time='at') }} select 1 as id",
    );
    project.elt(&["run", "--event-time-start", "2024-01-01"]).expect(2).says("--event-time-end");
    project
        .elt(&["run", "--event-time-start", "2024-01-02", "--event-time-end", "2024-01-01"])
        .expect(2)
        .says("--event-time-end lies before --event-time-start");
    project.good(&["run"]);
    project.elt(&["run"]).expect(1).says("`seen` has no column `at` to be its event_time");
    project.write(
        "models/stage/seen.sql",
        "{{ config(materialized='incremental', incremental_strategy='microbatch', begin='9999-01-01', batch_size='year', \
         event_time='at') }} select 1 as id",
    );
    project
        .elt(&["run", "--full-refresh"])
        .expect(1)
        .says("`seen` has no batch to build: its time lies ahead");
}

#[tokio::test]
async fn batches_after_the_first_are_built_at_once_where_nothing_is_against_it() {
    let project = shop("").await;
    let model = |config: &str, v: &str| {
        format!(
            "{{{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='at', batch_size='day', \
             begin='{}'{config}) }}}}\n\
             select id, at, {v} as v, pg_backend_pid() as pid, pg_sleep(0.3)::text as waited from {{{{ source('shop', 'events') }}}}",
            ago(5)
        )
    };
    let sessions = "select count(distinct pid) > 1 from stage.seen";
    project.write("models/stage/seen.sql", &model("", "v"));
    project.good(&["run", "--threads", "4"]);
    assert_eq!(rows(&project).await, "0a 1a 2a 3a 4a 5a");
    assert_eq!(project.value(sessions).await, "t");
    for config in [", concurrent_batches=false", ", pre_hook='select 1'"] {
        project.write("models/stage/seen.sql", &model(config, "v"));
        project.good(&["run", "--threads", "4", "--full-refresh"]);
        assert_eq!(rows(&project).await, "0a 1a 2a 3a 4a 5a");
        assert_eq!(project.value(sessions).await, "f", "{config}");
    }

    // Whichever batch goes wrong, nothing of the others is published.
    project.write("models/stage/seen.sql", &model("", "(1 / (id - 2))::text"));
    project.elt(&["run", "--threads", "4", "--full-refresh"]).expect(1).says("division by zero");
    assert_eq!(rows(&project).await, "0a 1a 2a 3a 4a 5a");
}

const BEGUN: &str = "select concat_ws(' ', (select count(*) from elt.begun_batches), (select count(*) from elt.built_batches))";

/// `seen` over the events, which says which session built each row; a batch with a `v` that is no number fails.
async fn numbered(config: &str) -> Project {
    let project = shop("").await;
    project.database.run("update shop.events set v = id").await;
    let model = format!(
        "{{{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='at', batch_size='day', \
         begin='{}'{config}) }}}}\n\
         select id, at, v::int::text as v, clock_timestamp() as made from {{{{ source('shop', 'events') }}}}\n",
        ago(5)
    );
    project.write("models/stage/seen.sql", &model);
    project
}

async fn spoil(project: &Project, ids: &str) {
    project.database.run(&format!("update shop.events set v = 'bad' where id in ({ids})")).await;
}

/// The table that batches are built into, wherever it stands.
async fn made(project: &Project, table: &str, ids: &str) -> String {
    let sql = format!("select string_agg(made::text, ' ' order by id) from {table} where id in ({ids})");
    project.value(&sql).await
}

#[tokio::test]
async fn a_retry_builds_the_batches_that_failed_and_those_alone() {
    let project = numbered("").await;
    spoil(&project, "1, 3").await;
    let failed = project.elt(&["run", "--threads", "3"]).expect(1);
    let named =
        format!("2 of 6 batches failed, {}, {}; `elt retry` leaves out those that are built", ago(3), ago(1));
    failed.says(&named).says("4 batches that were built are kept until the next run begins");
    assert_eq!(project.value(BEGUN).await, "1 4");
    let before = made(&project, "elt_run_1.seen", "0, 2, 4, 5").await;

    // One of the two is mended, and rows of a batch that is built are others by now.
    project.database.run("update shop.events set v = 7 where id in (2, 3)").await;
    let failed = project.elt(&["retry"]).expect(1);
    failed.says(&format!("1 of 6 batches failed, {};", ago(1))).says("5 batches that were built are kept");
    assert_eq!(project.value(BEGUN).await, "1 5");
    project.database.run("update shop.events set v = 8 where id = 1").await;
    let ended = project.good(&["retry"]);
    ended.says("stage.seen: 5 of 6 batches are those that run 1 built");
    assert_eq!(rows(&project).await, "00 18 22 37 44 55");
    assert_eq!(
        made(&project, "stage.seen", "0, 2, 4, 5").await,
        before,
        "they are the rows of the first run"
    );
    assert_eq!(project.value(BEGUN).await, "0 0");
    assert_eq!(project.value("select count(*) from pg_namespace where nspname like 'elt\\_run%'").await, "0");

    // The same of rows that are added to what is published.
    spoil(&project, "2").await;
    let (start, end) = (ago(4), ago(0));
    project
        .elt(&["run", "--event-time-start", &start, "--event-time-end", &end])
        .expect(1)
        .says("1 of 4 batches failed");
    project.database.run("update shop.events set v = 9").await;
    project.good(&["retry"]).says("stage.seen: 3 of 4 batches are those that run 4 built");
    assert_eq!(rows(&project).await, "00 18 29 37 44 55");
    assert_eq!(project.value("select n from prod.counted").await, "6");
}

#[tokio::test]
async fn batches_are_built_anew_where_they_would_be_others() {
    let project = numbered("").await;
    spoil(&project, "3").await;
    project.elt(&["run"]).expect(1);
    // Another run than a retry reads all anew.
    project.database.run("update shop.events set v = 1").await;
    project.good(&["run"]);
    assert_eq!(rows(&project).await, "01 11 21 31 41 51");
    assert_eq!(project.value(BEGUN).await, "0 0");

    spoil(&project, "3").await;
    project.elt(&["run", "--full-refresh"]).expect(1);
    project.database.run("update shop.events set v = 2").await;
    let model = std::fs::read_to_string(project.root.join("models/stage/seen.sql")).expect("it is there");
    project.write("models/stage/seen.sql", &model.replace("v::int::text", "(v::int + 1)::text"));
    let ended = project.good(&["retry"]);
    assert!(!ended.stderr.contains("batches are those"), "{ended}");
    assert_eq!(rows(&project).await, "03 13 23 33 43 53");

    // A test that fails says that the rows are wrong, whichever batch they are of.
    let test = |value: u8| {
        format!(
            "models: [{{name: seen, columns: [{{name: v, tests: [{{accepted_values: {{values: ['{value}']}}}}]}}]}}]"
        )
    };
    project.write("models/stage/t.yml", &test(3));
    project.database.run("update shop.events set v = 4").await;
    project.elt(&["run"]).expect(1).says("accepted_values_seen_v");
    assert_eq!(project.value(BEGUN).await, "0 0");

    // With --fail-fast nothing is begun after a batch has failed; and what a hook does is not known again.
    spoil(&project, "4").await;
    let ended = project.elt(&["run", "--full-refresh", "--fail-fast", "--threads", "1"]).expect(1);
    ended.says("1 of 6 batches failed").says("1 batch that was built is kept");
    project.write("models/stage/seen.sql", &model.replace("begin=", "pre_hook='select 1', begin="));
    let ended = project.elt(&["run", "--full-refresh"]).expect(1);
    assert!(!ended.stderr.contains("batches"), "{ended}");
    assert_eq!(project.value(BEGUN).await, "0 0");
}

#[tokio::test]
async fn the_batches_of_a_run_that_was_killed_are_there() {
    let project = numbered(", concurrent_batches=false").await;
    let model = std::fs::read_to_string(project.root.join("models/stage/seen.sql")).expect("it is there");
    project.database.run("create table public.wait (seconds int)").await;
    let waits = model + " where id <> 1 or pg_sleep((select max(seconds) from public.wait)) is not null";
    project.write("models/stage/seen.sql", &waits);
    project.database.run("insert into public.wait values (60)").await;
    let mut run = project.start(&["run"]);
    project.wait_for(BEGUN, "1 4").await;
    run.kill().expect("SIGKILL can be sent");
    run.wait().expect("it ends");
    project
        .database
        .run("update public.wait set seconds = 0; update shop.events set v = 6 where id < 2")
        .await;
    project.good(&["retry"]).says("stage.seen: 4 of 6 batches are those that run 1 built");
    assert_eq!(rows(&project).await, "06 16 22 33 44 55");
}
