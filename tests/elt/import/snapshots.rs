//! dbt's snapshots, in SQL and in YAML, become elt's.

use crate::support::Project;

const FILES: &[(&str, &str)] = &[
    (
        "dbt/dbt_project.yml",
        "name: corner\nsnapshots:\n  corner:\n    +target_schema: history\n    kept:\n      +tags: [slow]\n    plain:\n      +hard_deletes: invalidate\n",
    ),
    (
        "dbt/models/staging/src.yml",
        "sources:\n  - name: till\n    schema: public\n    tables: [{name: orders}]\n",
    ),
    (
        "dbt/snapshots/kept.sql",
        "{% snapshot orders_kept %}\n\n{{\n  config(\n    target_database='shop',\n    target_schema='history',\n    unique_key='id',\n    strategy='check',\n    check_cols=['amount']\n  )\n}}\n\nselect id, amount from {{ source('till', 'orders') }}\n\n{% endsnapshot %}\n\n{%- snapshot second -%}\n{{ config(unique_key='id', strategy='check', check_cols='all', schema='x') }}\nselect id from {{ source('till', 'orders') }}\n{%- endsnapshot -%}\n",
    ),
    (
        "dbt/snapshots/kept.yml",
        "version: 2\nsnapshots:\n  - name: orders_kept\n    description: Every version.\n    config:\n      schema: history\n      meta: {a: 1}\n    columns:\n      - name: id\n        data_tests: [not_null]\n",
    ),
    (
        "dbt/snapshots/plain.yml",
        "snapshots:\n  - name: plain\n    relation: source('till', 'orders')\n    config:\n      schema: history\n      unique_key: id\n      strategy: check\n      check_cols: [amount]\n  - name: flow\n    relation: ref('now')\n    config: {schema: history, unique_key: id, strategy: check, check_cols: all}\nmodels:\n  - name: now\n    description: As it is.\n    config: {schema: marts, meta: {owner: ann}}\n",
    ),
    (
        "dbt/models/marts/now.sql",
        "{{ config(schema='marts', materialized='table') }}\nselect id, amount from {{ ref('orders_kept') }} where dbt_valid_to is null\n",
    ),
];

#[tokio::test]
async fn snapshots_of_dbt_are_imported_run_and_keep_their_versions() {
    let project = Project::new(FILES).await;
    project.good(&["import", "dbt", "--out", "elt"]);
    let text = |path: &str| std::fs::read_to_string(project.root.join(path)).expect(path);
    insta::assert_snapshot!(text("elt/IMPORT.md"), @r"
    # corner, imported from dbt

    Made by `elt import`. Places are those of the dbt project.

    ## Otherwise than in dbt

    Taken, but not as it stood.

    - models/marts/now.sql: `now` is stage, not prod: a stage model reads it, and stage cannot read prod
    - snapshots/kept.sql:1: the snapshot `orders_kept` is a model of that name: elt's snapshots are models with materialized='snapshot'; bring the table that dbt kept to its schema, and its history goes on
    - snapshots/kept.sql:5: `target_database` of `orders_kept`: a run builds in one database: the target's url names it
    - snapshots/kept.sql:17: the snapshot `second` is a model of that name: elt's snapshots are models with materialized='snapshot'; bring the table that dbt kept to its schema, and its history goes on
    - snapshots/plain.yml:2: the snapshot `plain` is a model of that name: elt's snapshots are models with materialized='snapshot'; bring the table that dbt kept to its schema, and its history goes on
    - snapshots/plain.yml:9: the snapshot `flow` is a model of that name: elt's snapshots are models with materialized='snapshot'; bring the table that dbt kept to its schema, and its history goes on

    ## Where the models are

    | layer | model | came from |
    |---|---|---|
    | stage | `models/stage/corner/now.sql` | `models/marts/now.sql` |
    | stage | `models/stage/snapshots/flow.sql` | `snapshots/plain.yml` |
    | stage | `models/stage/snapshots/orders_kept.sql` | `snapshots/kept.sql` |
    | stage | `models/stage/snapshots/plain.sql` | `snapshots/plain.yml` |
    | stage | `models/stage/snapshots/second.sql` | `snapshots/kept.sql` |
    ");
    insta::assert_snapshot!(text("elt/models/stage/snapshots/orders_kept.sql"), @r"
    {{ config(materialized='snapshot') }}

    {{
      config(

        target_schema='history',
        unique_key='id',
        strategy='check',
        check_cols=['amount']
      )
    }}

    select id, amount from {{ source('till', 'orders') }}
    ");
    insta::assert_snapshot!(text("elt/models/stage/snapshots/kept.yml"), @r"
    version: 2
    models:
      - name: orders_kept
        description: Every version.
        config:
          target_schema: history
          tags: [slow]
          schema: history
          meta: {a: 1}
        columns:
          - name: id
            data_tests: [not_null]
    ");

    project.database.run("create table public.orders (id int, amount int)").await;
    project.database.run("insert into public.orders values (1, 10), (2, 20)").await;
    project.write("elt/profiles.yml", "name: corner\n");
    project.good(&["run", "--project-dir", "elt"]).says("1 test passed");
    project.database.run("update public.orders set amount = 11 where id = 1").await;
    project.database.run("delete from public.orders where id = 2").await;
    project.good(&["run", "--project-dir", "elt"]);
    let versions = |name: &str| {
        format!(
            "select string_agg(id || ' ' || amount || ' ' || (dbt_valid_to is null), ', ' order by id, amount) from history.{name}"
        )
    };
    assert_eq!(project.value(&versions("orders_kept")).await, "1 10 false, 1 11 true, 2 20 true");
    assert_eq!(project.value(&versions("plain")).await, "1 10 false, 1 11 true, 2 20 false");
    assert_eq!(project.value("select count(*) from history.flow").await, "3");
    assert_eq!(project.value("select count(*) from history.second").await, "2");
}
