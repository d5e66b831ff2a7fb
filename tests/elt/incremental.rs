//! Incremental models: new rows are tested beside the old ones, then moved over.

use crate::support::Project;

const EVENTS: &str = "{{ config(materialized='incremental', unique_key='id') }}\n\
    select id, v from (values {{ var('rows') }}) as t(id, v)\n\
    {% if is_incremental() %}where id >= (select max(id) from {{ this }}){% endif %}";

async fn rows(project: &Project, relation: &str) -> String {
    project.value(&format!("select string_agg(id || v, ' ' order by id) from {relation}")).await
}

#[tokio::test]
async fn new_rows_replace_old_ones_with_the_same_key() {
    let project = Project::new(&[
        ("models/stage/events.sql", EVENTS),
        ("models/prod/seen.sql", "select id, v from {{ ref('events') }}"),
        (
            "models/prod/counted.sql",
            "{{ config(materialized='table') }} select count(*) as n from {{ ref('events') }}",
        ),
    ])
    .await;
    project.good(&["run", "--vars", "{rows: \"(1, 'a'), (2, 'b')\"}"]);
    let oid = project.value("select 'stage.events'::regclass::oid").await;
    project.good(&["run", "--vars", "{rows: \"(1, 'z'), (2, 'c'), (3, 'd')\"}"]);
    assert_eq!(rows(&project, "stage.events").await, "1a 2c 3d");
    assert_eq!(rows(&project, "prod.seen").await, "1a 2c 3d", "a view over it reads the published table");
    assert_eq!(
        project.value("select n from prod.counted").await,
        "3",
        "what reads it in the run sees old and new"
    );
    assert_eq!(
        project.value("select 'stage.events'::regclass::oid").await,
        oid,
        "the table is added to, not replaced"
    );

    project.good(&["run", "--full-refresh", "--vars", "{rows: \"(9, 'x')\"}"]);
    assert_eq!(rows(&project, "stage.events").await, "9x");
}

#[tokio::test]
async fn a_failed_test_keeps_new_rows_out() {
    let project = Project::new(&[
        ("models/stage/events.sql", EVENTS),
        ("models/stage/e.yml", "models: [{name: events, columns: [{name: v, tests: [not_null]}]}]"),
    ])
    .await;
    project.good(&["run", "--vars", "{rows: \"(1, 'a')\"}"]);
    project.elt(&["run", "--vars", "{rows: \"(2, null)\"}"]).expect(1).says("not_null_events_v found 1 row");
    assert_eq!(rows(&project, "stage.events").await, "1a");
}

#[tokio::test]
async fn append_only_adds_and_changed_columns_are_refused_with_the_way_out() {
    let project = Project::new(&[(
        "models/stage/log.sql",
        "{{ config(materialized='incremental', incremental_strategy='append') }} select 1 as id, 'a' as v",
    )])
    .await;
    project.good(&["run"]);
    project.good(&["run"]);
    assert_eq!(rows(&project, "stage.log").await, "1a 1a");
    project.write(
        "models/stage/log.sql",
        "{{ config(materialized='incremental', incremental_strategy='append') }} select 1 as id, 'a' as w",
    );
    project.elt(&["run"]).expect(1).says("`w` came, `v` went").says("--full-refresh --select log");
}
