//! What is published already and would come out the same is not built again.

use crate::support::{Ended, Project};

const LOAD: &str = "{{ config(materialized='load', source='r.csv') }}";
const TABLE: &str = "{{ config(materialized='table') }}";

/// Which of the last run's nodes were built, in order of their names.
async fn built(project: &Project) -> String {
    last(project, "built").await
}

async fn last(project: &Project, status: &str) -> String {
    let sql = format!(
        "select coalesce(string_agg(node, ' ' order by node), '') from elt.run_nodes \
         where run_id = (select max(id) from elt.runs) and status = '{status}'"
    );
    project.value(&sql).await
}

/// raw.r -> stage.v (view) -> prod.t (table) -> prod.w (view), and a rules file beside.
async fn chain() -> Project {
    Project::new(&[
        ("r.csv", "id\n1\n2\n"),
        ("rules/kinds.csv", "id,kind\n1,a\n"),
        ("macros/m.sql", "{% macro number(x) %}{{ x }}::int{% endmacro %}"),
        ("models/raw/r.sql", LOAD),
        ("models/stage/v.sql", "select {{ number('id') }} as id, {{ var('n', 1) }} as n from {{ ref('r') }}"),
        (
            "models/prod/t.sql",
            "{{ config(materialized='table') }} select v.id, n, kind from {{ ref('v') }} v left join {{ ref('kinds') }} using (id)",
        ),
        ("models/prod/w.sql", "select count(*) as n from {{ ref('t') }}"),
        ("models/prod/t.yml", "models: [{name: t, columns: [{name: id, tests: [not_null]}]}]"),
        ("tests/few.sql", "select * from {{ ref('t') }} where id > {{ var('few', 100) }}"),
    ])
    .await
}

#[tokio::test]
async fn a_second_run_builds_and_tests_nothing_and_says_so() {
    let project = chain().await;
    project.good(&["run"]);
    let schemas =
        "select string_agg(nspname, ' ' order by nspname) from pg_namespace where nspname like 'elt%'";
    let ended = project.good(&["run"]).says("Nothing to publish: 5 unchanged, 2 tests unchanged");
    assert!(!ended.stderr.contains("stage.v"), "{ended}");
    assert_eq!(project.value("select run_id from prod._elt_publication").await, "1");
    assert_eq!(project.value(schemas).await, "elt");
    assert_eq!(project.value("select status from elt.runs where id = 2").await, "succeeded");
    assert_eq!(
        last(&project, "unchanged").await,
        "few not_null_t_id prod.t prod.w raw.r stage.kinds stage.v"
    );
    let json = project.good(&["run", "--json"]);
    json.prints(r#""node":"stage.v","kind":"view","status":"unchanged""#);

    project.good(&["run", "--full-refresh"]).says("5 built, 2 tests passed");
    assert_eq!(built(&project).await, "prod.t prod.w raw.r stage.kinds stage.v");
    project.good(&["run"]).says("Nothing to publish");
}

#[tokio::test]
async fn whatever_changes_is_built_with_all_that_reads_it() {
    let project = chain().await;
    project.good(&["run"]);
    let run = |arguments: &[&str]| {
        project.good(arguments);
    };

    project.write("r.csv", "id\n1\n3\n");
    run(&["run"]);
    assert_eq!(built(&project).await, "prod.t prod.w raw.r stage.v", "the source's content");
    assert_eq!(project.value("select max(id) from prod.t").await, "3");
    run(&["run", "--vars", "{n: 2}"]);
    assert_eq!(built(&project).await, "prod.t prod.w stage.v", "a variable");
    assert_eq!(project.value("select max(n) from prod.t").await, "2");
    run(&["run"]);
    project.write("macros/m.sql", "{% macro number(x) %}{{ x }}::bigint{% endmacro %}");
    run(&["run"]);
    assert_eq!(built(&project).await, "prod.t prod.w stage.v", "a macro");
    project.write("rules/kinds.csv", "id,kind\n1,b\n");
    run(&["run"]);
    assert_eq!(built(&project).await, "prod.t prod.w stage.kinds", "a rule");
    project.write("models/prod/w.sql", "-- only a word\nselect count(*) as n from {{ ref('t') }}");
    run(&["run"]);
    assert_eq!(built(&project).await, "prod.w", "a model that nothing reads");
    project.write(
        "models/prod/t.yml",
        "models: [{name: t, description: rows, columns: [{name: id, tests: [not_null]}]}]",
    );
    run(&["run"]);
    assert_eq!(built(&project).await, "prod.t prod.w", "a description");
    project.write(
        "models/prod/t.yml",
        "models: [{name: t, config: {indexes: [{columns: id}], tags: [x]}, columns: [{name: id, tests: [not_null]}]}]",
    );
    run(&["run"]);
    assert_eq!(built(&project).await, "prod.t prod.w", "a word of the config");
    project.write(
        "models/prod/t.yml",
        "models: [{name: t, config: {indexes: [{columns: id}], tags: [y]}, columns: [{name: id, tests: [not_null]}]}]",
    );
    project.good(&["run"]).says("Nothing to publish");
}

#[tokio::test]
async fn what_was_done_to_a_relation_by_hand_is_seen() {
    let project = chain().await;
    project.good(&["run"]);
    for (by_hand, expected) in [
        ("drop view prod.w; drop table prod.t", "prod.t prod.w"),
        ("truncate prod.t", "prod.t prod.w"),
        ("alter table prod.t add column extra int", "prod.t prod.w"),
        ("create or replace view prod.w as select 7::bigint as n", "prod.w"),
        ("drop view stage.v", "prod.t prod.w stage.v"),
    ] {
        project.database.run(by_hand).await;
        project.good(&["run"]);
        assert_eq!(built(&project).await, expected, "{by_hand}");
        assert_eq!(project.value("select n from prod.w").await, "2", "{by_hand}");
        project.good(&["run"]).says("Nothing to publish");
    }
}

#[tokio::test]
async fn the_clock_chance_and_tables_of_others_are_never_skipped_also_not_through_views() {
    let project = Project::new(&[
        ("models/stage/clock.sql", "select now() as at"),
        ("models/stage/over.sql", "select at from {{ ref('clock') }}"),
        ("models/prod/through_views.sql", "{{ config(materialized='table') }} select at from {{ ref('over') }}"),
        ("models/prod/literal.sql", "{{ config(materialized='table') }} select 'today'::date as d"),
        ("models/prod/keyword.sql", "{{ config(materialized='table') }} select current_date as d"),
        ("models/prod/chance.sql", "{{ config(materialized='table') }} select random() as r"),
        ("models/prod/function.sql", "{{ config(materialized='table') }} select public.theirs() as r"),
        ("models/prod/hidden.sql", "{{ config(materialized='table') }} select n from public.hard_coded"),
        ("models/stage/of_source.sql", "select n from {{ source('public', 'sourced') }}"),
        ("models/stage/s.yml", "sources: [{name: public, tables: [{name: sourced}]}]"),
        ("models/prod/from_source.sql", "{{ config(materialized='table') }} select n from {{ ref('of_source') }}"),
        ("models/prod/calm.sql", "{{ config(materialized='table') }} select to_char(date '2020-01-01', 'YYYY') as y, 1::numeric(12,2) as n"),
        ("models/prod/pure.sql", "{{ config(materialized='table') }} select public.pure(1) as n"),
        ("tests/sourced_is_small.sql", "select * from {{ ref('of_source') }} where n > 1"),
    ])
    .await;
    project
        .database
        .run(
            "create table public.hard_coded as select 1 as n; create table public.sourced as select 1 as n; \
             create function public.theirs() returns int language sql stable as 'select n from public.sourced'; \
             create function public.pure(int) returns int language sql immutable as 'select $1'",
        )
        .await;
    project.good(&["run"]);
    project.database.run("update public.sourced set n = 2; update public.hard_coded set n = 2").await;
    project.elt(&["run"]).expect(1).says("sourced_is_small found 1 row");
    project.remove("tests/sourced_is_small.sql");
    project.good(&["run"]);
    assert_eq!(
        built(&project).await,
        "prod.chance prod.from_source prod.function prod.hidden prod.keyword prod.literal prod.through_views"
    );
    assert_eq!(
        last(&project, "unchanged").await,
        "prod.calm prod.pure stage.clock stage.of_source stage.over"
    );
    let sums = "select (select n from prod.from_source) + (select r from prod.function) + (select n from prod.hidden)";
    assert_eq!(project.value(sums).await, "6");

    project.database.run("create or replace function public.pure(int) returns int language sql immutable as 'select $1 + 1'").await;
    project.good(&["run", "--select", "pure"]);
    assert_eq!(project.value("select n from prod.pure").await, "2", "a function was replaced");
}

#[tokio::test]
async fn a_changed_test_alone_is_asked_of_what_is_published() {
    let project = chain().await;
    project.good(&["run"]);
    project.elt(&["run", "--vars", "{few: 1}"]).expect(1).says("few found 1 row").says("prod is as it was");
    assert_eq!(last(&project, "unchanged").await, "not_null_t_id prod.t raw.r stage.kinds stage.v");
    assert_eq!(last(&project, "skipped").await, "prod.w");
    project.elt(&["run", "--vars", "{few: 1}"]).expect(1).says("few found 1 row");
    project
        .good(&["run", "--vars", "{few: 2}"])
        .says("Nothing to publish: 1 test passed, 5 unchanged, 1 test unchanged");
    project.good(&["run", "--vars", "{few: 2}"]).says("Nothing to publish: 5 unchanged, 2 tests unchanged");
}

#[tokio::test]
async fn a_warning_is_told_again_each_time() {
    let project = Project::new(&[
        ("models/stage/a.sql", "select null::int as n"),
        (
            "models/stage/a.yml",
            "models: [{name: a, columns: [{name: n, tests: [{not_null: {severity: warn}}]}]}]",
        ),
    ])
    .await;
    project.good(&["run"]);
    project
        .good(&["run"])
        .says("not_null_a_n found 1 row")
        .says("Nothing to publish: 1 test warned, 1 unchanged");
}

#[tokio::test]
async fn after_a_failed_run_the_next_one_builds_what_was_not_published() {
    let project = chain().await;
    project.good(&["run"]);
    project.write("models/stage/v.sql", "select id::int as id, 5 as n from {{ ref('r') }}");
    project.write("models/prod/w.sql", "select 1 / 0 as n, nothing from {{ ref('t') }}");
    project.elt(&["run"]).expect(1);
    assert_eq!(built(&project).await, "prod.t stage.v");
    project.write("models/prod/w.sql", "select count(*) as n from {{ ref('t') }}");
    project.good(&["run"]);
    assert_eq!(built(&project).await, "prod.t prod.w stage.v");
    assert_eq!(project.value("select max(n) from prod.t").await, "5");
}

#[tokio::test]
async fn parts_of_a_project_know_what_other_runs_published() {
    let project = chain().await;
    project.good(&["run"]);
    // The view is not selected: it is pointed at the new table, and what reads it is not told until later.
    project.write("r.csv", "id\n8\n");
    project.good(&["run", "--select", "r"]);
    assert_eq!(project.value("select max(id) from stage.v").await, "8");
    project.good(&["run", "--select", "t"]);
    assert_eq!(built(&project).await, "prod.t", "its parent's parent was published since");
    project.good(&["run", "--select", "t"]).says("Nothing to publish");
    project.good(&["run"]);
    assert_eq!(project.value("select max(id) from prod.t").await, "8");
    project.good(&["run"]).says("Nothing to publish");

    let other = "target: dev\ntargets: {dev: {schema_prefix: mine}}\n";
    project.write("profiles.yml", other);
    let ended: Ended = project.good(&["run"]);
    ended.says("Published 5 relations");
}

#[tokio::test]
async fn incremental_models_always_look_and_what_reads_them_only_if_there_was_something() {
    let events = "{{ config(materialized='incremental', unique_key='id') }} select * from (values (1), (2)) as t(id) \
                  {% if is_incremental() %} where id > {{ var('after', 2) }} {% endif %}";
    let project = Project::new(&[
        ("models/stage/events.sql", events),
        ("models/prod/t.sql", &format!("{TABLE} select count(*) as n from {{{{ ref('events') }}}}")),
    ])
    .await;
    project.good(&["run"]);
    project.good(&["run"]).says("Nothing to publish: 2 unchanged");
    project.good(&["run"]).says("Nothing to publish: 2 unchanged");
    let litter = "select count(*) from pg_namespace where nspname like 'elt\\_%'";
    assert_eq!(project.value(litter).await, "0");
    project.good(&["run", "--vars", "{after: 1}"]);
    assert_eq!(built(&project).await, "prod.t stage.events");
    assert_eq!(project.value("select n from prod.t").await, "2");
}

#[tokio::test]
async fn a_missing_source_still_fails_the_run() {
    let project = chain().await;
    project.good(&["run"]);
    project.remove("r.csv");
    project.elt(&["run"]).expect(1).says("r.csv cannot be opened").says("prod is as it was");
    project.write("r.csv", "id\n1\n2\n");
    project.good(&["run"]).says("Nothing to publish");
}

#[tokio::test]
async fn hooks_contracts_endpoints_and_the_readers_rights_are_part_of_what_is_published() {
    let yaml = |more: &str| format!("models: [{{name: t, columns: [{{name: id, data_type: int}}]{more}}}]");
    let project = Project::new(&[
        ("models/prod/t.sql", "{{ config(materialized='table') }} select 1 as id"),
        ("models/prod/t.yml", &yaml("")),
        ("models/prod/other.sql", "select 1 as n"),
    ])
    .await;
    project.good(&["run"]);
    let hooked = |sql: &str| format!(", config: {{post_hook: \"{sql}\"}}");
    for more in [
        ", config: {contract: {enforced: true}}",
        ", config: {contract: {enforced: true}}, constraints: [{type: primary_key, columns: [id]}]",
        &hooked("comment on table {{ this }} is 'a'"),
        &hooked("comment on table {{ this }} is 'b'"),
        ", expose: {path: /t}",
        ", expose: {path: /t, cache: never}",
    ] {
        project.write("models/prod/t.yml", &yaml(more));
        project.good(&["run"]);
        assert_eq!(built(&project).await, "prod.t", "{more}");
        project.good(&["run"]).says("Nothing to publish");
    }
    let served = "select endpoint ->> 'cache' from prod._elt_endpoints";
    assert_eq!(project.value(served).await, "never");

    // A model that is gone is served no more, although nothing is built.
    project.remove("models/prod/t.sql");
    project.remove("models/prod/t.yml");
    let last_run = "select max(id) from elt.runs";
    project.good(&["run"]).says("Nothing to publish");
    assert_eq!(project.value("select count(*) from prod._elt_endpoints").await, "0");
    assert_eq!(
        project.value("select run_id from prod._elt_publication").await,
        project.value(last_run).await,
        "who serves is told"
    );

    project.write("models/prod/t.sql", "{{ config(materialized='table') }} select 1 as id");
    for (more, why) in [
        (hooked("select now()"), "a hook that reads the clock"),
        (", config: {unlogged: true}".to_owned(), "empty after a crash"),
    ] {
        project.write("models/prod/t.yml", &yaml(&more));
        project.good(&["run"]);
        project.good(&["run"]);
        assert_eq!(built(&project).await, "prod.t", "{why}");
    }
    project.write("models/prod/t.yml", &yaml(""));
    project.good(&["run"]);
    let role = project.value("select rolname from pg_roles where rolname like '%reader%' order by 1 limit 1");
    let role = role.await;
    project.database.run(&format!("revoke select on prod.t from {role}")).await;
    project.good(&["run"]);
    assert_eq!(built(&project).await, "prod.t", "the reader could not read it");
}

#[tokio::test]
async fn what_hooks_of_the_run_change_is_seen_by_the_same_run() {
    let project = Project::new(&[
        ("models/prod/t.sql", "{{ config(materialized='table') }} select public.five() as n"),
        ("profiles.yml", "on_run_start: [\"create or replace function public.five() returns int language sql immutable as 'select 5'\"]\ntarget: dev\ntargets: {dev: {}}\n"),
    ])
    .await;
    project.good(&["run"]);
    let unchanged = "on_run_start: [\"select 1\"]\ntarget: dev\ntargets: {dev: {}}\n";
    project.write("profiles.yml", unchanged);
    project.good(&["run"]);
    project.good(&["run"]).says("Nothing to publish");
    project.write(
        "profiles.yml",
        &unchanged.replace(
            "select 1",
            "create or replace function public.five() returns int language sql immutable as 'select 6'",
        ),
    );
    project.good(&["run"]);
    assert_eq!(project.value("select n from prod.t").await, "6");
}

#[tokio::test]
async fn a_file_of_another_name_is_loaded_again_where_files_are_many() {
    let project = Project::new(&[
        ("in/a.csv", "id\n1\n"),
        ("models/raw/r.sql", "{{ config(materialized='load', source='in/*.csv', metadata=['_file']) }}"),
    ])
    .await;
    project.good(&["run"]);
    project.good(&["run"]).says("Nothing to publish");
    project.remove("in/a.csv");
    project.write("in/b.csv", "id\n1\n");
    project.good(&["run"]);
    assert_eq!(project.value("select _file from raw.r").await, "in/b.csv");
}
