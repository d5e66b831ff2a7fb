//! Snapshots: every version of a row is kept, in dbt's columns; nothing ever loses them.

use crate::support::Project;

/// The versions as text: key, value, from, to, and whether the id is dbt's.
const VERSIONS: &str = "select string_agg(concat_ws('|', id, v, dbt_valid_from::date, dbt_valid_to::date), ' ' \
    order by id, dbt_valid_from, v, dbt_valid_to nulls first) from stage.customers_kept";

fn by_timestamp(more: &str) -> String {
    format!(
        "{{{{ config(materialized='snapshot', unique_key='id', strategy='timestamp', updated_at='at'{more}) }}}}\n\
         select id, v, at::timestamp as at from (values {{{{ var('rows') }}}}) as t(id, v, at)"
    )
}

fn rows(rows: &str) -> String {
    format!("{{rows: \"{rows}\"}}")
}

#[tokio::test]
async fn changed_deleted_and_reappeared_rows_become_versions() {
    let project = Project::new(&[
        ("models/stage/customers_kept.sql", &by_timestamp(", hard_deletes='invalidate'")),
        ("models/prod/open.sql", "select id, v from {{ ref('customers_kept') }} where dbt_valid_to is null"),
        (
            "models/prod/counted.sql",
            "{{ config(materialized='table') }} select count(*) as n from {{ ref('customers_kept') }}",
        ),
    ])
    .await;
    project.good(&[
        "run",
        "--vars",
        &rows("(1, 'a', '2020-01-01'), (2, 'b', '2020-01-01'), (3, 'c', '2020-01-01')"),
    ]);
    let id = "select bool_and(dbt_scd_id = md5(id::text || '|' || dbt_updated_at)) from stage.customers_kept";
    assert_eq!(project.value(id).await, "t");
    let types = "select string_agg(column_name || ' ' || data_type, ', ' order by ordinal_position) \
                 from information_schema.columns where table_name = 'customers_kept' and column_name like 'dbt%'";
    assert_eq!(
        project.value(types).await,
        "dbt_scd_id text, dbt_updated_at timestamp without time zone, dbt_valid_from timestamp without time zone, \
         dbt_valid_to timestamp without time zone"
    );
    // One changed, one is gone, one is new; a second run of the same changes nothing more.
    let second = rows("(1, 'A', '2020-02-01'), (3, 'c', '2020-01-01'), (4, 'd', '2020-02-01')");
    project.good(&["run", "--vars", &second]);
    let ended = project.good(&["run", "--full-refresh", "--vars", &second]);
    ended.says("stage.customers_kept is a snapshot: --full-refresh left its history as it is");
    let today = project.value("select now()::date").await;
    assert_eq!(
        project.value(VERSIONS).await,
        format!(
            "1|a|2020-01-01|2020-02-01 1|A|2020-02-01 2|b|2020-01-01|{today} 3|c|2020-01-01 4|d|2020-02-01"
        )
    );
    assert_eq!(project.value("select string_agg(id || v, ' ' order by id) from prod.open").await, "1A 3c 4d");
    assert_eq!(
        project.value("select n from prod.counted").await,
        "5",
        "children in the run see what will be"
    );
    // The one that was gone is there again.
    project.good(&[
        "run",
        "--vars",
        &rows("(1, 'A', '2020-02-01'), (2, 'b', '2020-01-01'), (3, 'c', '2020-01-01')"),
    ]);
    assert_eq!(
        project.value(VERSIONS).await,
        format!(
            "1|a|2020-01-01|2020-02-01 1|A|2020-02-01 2|b|2020-01-01 2|b|2020-01-01|{today} 3|c|2020-01-01 \
             4|d|2020-02-01|{today}"
        )
    );
}

#[tokio::test]
async fn checked_columns_make_versions_and_deletions_can_be_versions_too() {
    let model = "{{ config(materialized='snapshot', unique_key=['id', 'part'], strategy='check', check_cols='all',\n\
                 hard_deletes='new_record', dbt_valid_to_current=\"'9999-12-31'::timestamp\",\n\
                 snapshot_meta_column_names={'dbt_valid_to': 'until'}) }}\n\
                 select {{ var('columns') }} from (values {{ var('rows') }}) as t(id, part, v)";
    let project = Project::new(&[
        ("models/stage/kept.sql", model),
        ("models/stage/k.yml", "models: [{name: kept, columns: [{name: id, tests: [not_null]}]}]"),
    ])
    .await;
    let run = |columns: &str, rows: &str| {
        let vars = format!("{{columns: \"{columns}\", rows: \"{rows}\"}}");
        project.good(&["run", "--vars", &vars]);
    };
    let versions = "select string_agg(concat_ws('|', id, part, v, case when until < '9000-01-01' then 'over' end, \
                    dbt_is_deleted), ' ' order by id, dbt_valid_from, dbt_is_deleted) from stage.kept";
    run("id, part, v", "(1, 1, 'a'), (1, 2, null), (2, 1, 'b')");
    run("id, part, v", "(1, 1, 'a'), (1, 2, 'x'), (2, 1, 'b')");
    assert_eq!(
        project
            .value(versions)
            .await
            .split(' ')
            .filter(|version| version.starts_with("1|2"))
            .collect::<Vec<_>>(),
        ["1|2|over|False", "1|2|x|False"],
        "NULL to a value is a change"
    );
    run("id, part, v", "(1, 1, 'a'), (1, 2, 'x')");
    run("id, part, v", "(1, 1, 'a'), (1, 2, 'x')");
    let of_two = "select string_agg(concat_ws('|', v, until < '9000-01-01', dbt_is_deleted), ' ' order by dbt_valid_from) \
                  from stage.kept where id = 2";
    assert_eq!(project.value(of_two).await, "b|t|False b|f|True", "gone, and noted once");
    run("id, part, v", "(1, 1, 'a'), (1, 2, 'x'), (2, 1, 'b')");
    assert_eq!(project.value(of_two).await, "b|t|False b|t|True b|f|False", "and there again");
    // A new column makes a new version of every row; old ones have no value in it.
    run("id, part, v, 7 as more", "(1, 1, 'a'), (1, 2, 'x'), (2, 1, 'b')");
    assert_eq!(
        project.value("select string_agg(concat_ws('|', part, until < '9000-01-01', more), ' ' order by part, dbt_valid_from) from stage.kept where id = 1 and v is not null").await,
        "1|t 1|f|7 2|t 2|f|7"
    );
}

#[tokio::test]
async fn a_failed_test_leaves_the_snapshot_as_it_was_and_so_does_a_key_that_is_none() {
    let project = Project::new(&[
        ("models/stage/customers_kept.sql", &by_timestamp("")),
        ("models/stage/k.yml", "models: [{name: customers_kept, columns: [{name: v, tests: [not_null]}]}]"),
    ])
    .await;
    project.good(&["run", "--vars", &rows("(1, 'a', '2020-01-01'), (2, 'b', '2020-01-01')")]);
    let before = project.value(VERSIONS).await;
    let failed = project.elt(&["run", "--vars", &rows("(1, null, '2020-02-01')")]).expect(1);
    failed.says("not_null_customers_kept_v found 1 row");
    let failed =
        project.elt(&["run", "--vars", &rows("(1, 'x', '2020-02-01'), (1, 'y', '2020-02-01')")]).expect(1);
    failed
        .says("error[snapshot-key]: `customers_kept` has two rows with one unique_key, (1)")
        .says("customers_kept.sql:1:");
    let failed = project.elt(&["run", "--vars", &rows("(null, 'x', '2020-02-01')")]).expect(1);
    failed.says("a row of `customers_kept` has no unique_key: (,x,");
    assert_eq!(project.value(VERSIONS).await, before);

    // No other way to lose it either.
    project.write("models/stage/customers_kept.sql", "{{ config(materialized='table') }} select 1 as v");
    let refused = project.elt(&["run"]).expect(2);
    refused.says("stage.customers_kept is a snapshot, and this run would replace its history by a table");
    project.remove("models/stage/customers_kept.sql");
    project.remove("models/stage/k.yml");
    project.write("models/stage/other.sql", "select 1 as v");
    project.elt(&["prune", "--yes"]).expect(1).says("history cannot be built again");
    assert_eq!(project.value(VERSIONS).await, before);
}

#[tokio::test]
async fn what_a_snapshot_lacks_is_told_before_anything_runs() {
    let project = Project::new(&[
        ("models/stage/a.sql", "{{ config(materialized='snapshot') }} select 1 as id"),
        ("models/stage/b.sql", "{{ config(materialized='snapshot', unique_key='id') }} select 1 as id"),
        (
            "models/stage/c.sql",
            "{{ config(materialized='snapshot', unique_key='id', strategy='timestamp') }} select 1 as id",
        ),
        (
            "models/stage/d.sql",
            "{{ config(materialized='snapshot', unique_key='id', strategy='check') }} select 1 as id",
        ),
    ])
    .await;
    let ended = project.elt(&["compile"]).expect(2);
    let ended = ended.says("config has no unique_key").says("config has no strategy");
    ended.says("config has no updated_at").says("config has no check_cols");
}

#[tokio::test]
async fn the_history_that_dbt_kept_goes_on() {
    let project = Project::new(&[(
        "models/stage/kept.sql",
        "{{ config(materialized='snapshot', unique_key='id', strategy='check', check_cols=['name'], hard_deletes='invalidate') }}\n\
         select * from (values (1, 'new'), (2, 'same')) as t (id, name)",
    )])
    .await;
    let version = |id: &str, name: &str, from: &str, to: &str| {
        format!(
            "({id}, '{name}', md5('{id}|{from}'), timestamp '{from}', timestamp '{from}', {to}::timestamp)"
        )
    };
    let versions = [
        version("1", "oldest", "2020-01-01", "'2021-01-01'"),
        version("1", "old", "2021-01-01", "null"),
        version("2", "same", "2020-01-01", "null"),
        version("3", "gone", "2020-01-01", "null"),
    ];
    let table = format!(
        "create schema stage; create table stage.kept as select * from (values {}) \
         as t (id, name, dbt_scd_id, dbt_updated_at, dbt_valid_from, dbt_valid_to)",
        versions.join(", ")
    );
    project.database.run(&table).await;
    project.good(&["run"]).says("Published 1 relation");
    let history = "select string_agg(concat_ws(' ', id, name, dbt_valid_from::date = current_date, \
                   coalesce((dbt_valid_to::date = current_date)::text, 'open')), ', ' order by id, dbt_valid_from) from stage.kept";
    let goes_on = "1 oldest f false, 1 old f true, 1 new t open, 2 same f open, 3 gone f true";
    assert_eq!(project.value(history).await, goes_on);
    project.good(&["run"]);
    assert_eq!(project.value(history).await, goes_on);

    // What is no snapshot stays whose it is.
    project.write(
        "models/stage/other.sql",
        "{{ config(materialized='snapshot', unique_key='id', strategy='check', check_cols='all') }} select 1 as id",
    );
    project.database.run("create table stage.other (id int)").await;
    project.elt(&["run"]).expect(1).says("stage.other is there, but has no column `dbt_scd_id`");
    project.database.run("drop table stage.other; create view stage.other as select 1 as id").await;
    project.elt(&["run"]).expect(2).says("stage.other is there already, and elt did not make it");
}
