//! Config of whole folders, of rules, and of YAML as dbt's users write it.

use crate::support::Project;

const PROFILE: &str = "target: dev
models:
  +tags: all
  +materialized: view
  stage:
    +materialized: table
    shop:
      +tags: [shop]
      orders: {+post_hook: \"insert into public.log values ('folder')\"}
  prod: {+enabled: \"{{ target.name == 'prod' }}\"}
rules: {+tags: [rules], wide: {+delimiter: ';'}}
tests: {+severity: warn, stage: {shop: {+tags: [slow]}}}
";

#[tokio::test]
async fn folders_are_configured_and_what_is_nearer_wins() {
    let project = Project::new(&[
        ("profiles.yml", PROFILE),
        ("models/raw/shop/raw_orders.sql", "{{ config(source='orders.csv') }} id int"),
        ("orders.csv", "id\n1\n1\n"),
        (
            "models/stage/shop/orders.sql",
            "{{ config(tags=['own'], post_hook=\"insert into public.log values ('own')\") }} select * from {{ ref('raw_orders') }}",
        ),
        (
            "models/stage/shop/orders.yml",
            "models:\n  - name: orders\n    columns: [{name: id, tests: [unique, {not_null: {severity: error}}]}]\n\
             \x20 - name: viewed\n    config: {materialized: view, tags: yaml}\n",
        ),
        ("models/stage/shop/viewed.sql", "{{ config(tags='own') }} select * from {{ ref('orders') }}"),
        ("models/stage/plain.sql", "{{ config(materialized='view') }} select 1 as n"),
        ("models/prod/gone.sql", "select 1 as n"),
        ("rules/wide/limits.csv", "a;b\n1;2\n"),
    ])
    .await;
    project.database.run("create table public.log (who text)").await;
    let ended = project.good(&["run"]);
    ended.says("warn").says("built   seed        stage.limits");
    let kinds = "select string_agg(relname || ' ' || relkind::text, ', ' order by relname) from pg_class \
                 where relnamespace::regnamespace::text in ('raw', 'stage', 'prod') and relkind in ('r', 'v') and relname not like '@_elt@_%' escape '@'";
    assert_eq!(project.value(kinds).await, "limits r, orders r, plain v, raw_orders r, viewed v");
    assert_eq!(project.value("select string_agg(who, ' ') from public.log").await, "folder own");
    assert_eq!(project.value("select b from stage.limits").await, "2");
    let listed = |selector: &str| project.good(&["ls", "--select", selector]).stdout;
    for (selector, names) in [
        ("tag:all", "raw_orders orders viewed plain"),
        ("tag:shop,tag:own", "orders viewed"),
        ("tag:yaml,tag:all", "viewed"),
        ("tag:rules", "limits"),
        ("tag:slow", "unique_orders_id"),
    ] {
        let found = listed(selector);
        for name in names.split(' ') {
            assert!(found.contains(name), "{selector}: {name} in {found}");
        }
    }
    assert!(!listed("tag:all").contains("gone"));
}

#[tokio::test]
async fn what_is_wrong_with_folders_is_told_at_its_line() {
    let project = Project::new(&[
        (
            "profiles.yml",
            "target: dev\nmodels:\n  stage:\n    +materialised: table\n    shp:\n      +tags: [x]\n    persist_docs: {columns: true}\n\
             \x20   +database: marts\nrules: {+enabled: maybe}\ntests: {+severity: loud, stage: }\n",
        ),
        ("models/stage/shop/a.sql", "select 1 as n"),
        ("models/stage/shop/a.yml", "models: [{name: a, columns: [{name: n, tests: [unique]}]}]"),
        ("rules/r.csv", "n\n1\n"),
    ])
    .await;
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr, @r#"
    warning[unknown-folder]: `models:` names `shp`, and there is no such folder or file
     --> profiles.yml:5:5
      |
    5 |     shp:
      |     ^^^
      |
      = help: did you mean `shop`?

    warning[unknown-folder]: `models:` names `persist_docs`, and there is no such folder or file
     --> profiles.yml:7:5
      |
    7 |     persist_docs: {columns: true}
      |     ^^^^^^^^^^^^
      |
      = help: a word of config has a plus here: `+persist_docs`

    warning[passed-over]: config's `database` is passed over
     --> profiles.yml:8:6
      |
    8 |     +database: marts
      |      ^^^^^^^^
      |
      = help: a run builds in one database: the target's url in profiles.yml names it

    error[unknown-config]: config has no word `materialised`
     --> profiles.yml:4:6
      |
    4 |     +materialised: table
      |      ^^^^^^^^^^^^
      |
      = help: did you mean `materialized`?

    error[bad-config]: config's `enabled` is wrong: invalid type: string "maybe", expected a boolean
     --> profiles.yml:9:10
      |
    9 | rules: {+enabled: maybe}
      |          ^^^^^^^

    error[bad-config]: a test's severity is `error` or `warn`, not `loud`
      --> profiles.yml:10:10
       |
    10 | tests: {+severity: loud, stage: }
       |          ^^^^^^^^

    3 problems; nothing was run.
    "#);
}

#[tokio::test]
async fn rules_take_their_own_words_and_no_others() {
    let project = Project::new(&[
        ("rules/limits.csv", "a;b\n007;2\n"),
        ("rules/off.csv", "a\n1\n"),
        (
            "rules/all.yml",
            "seeds:\n  - name: limits\n    config:\n      delimiter: ';'\n      column_types: {a: text}\n      quote_columns: true\n\
             \x20     post_hook: \"insert into {{ this }} values ('8', 9)\"\n  - name: off\n    config: {enabled: false}\n",
        ),
        ("models/stage/m.sql", "select * from {{ ref('limits') }}"),
    ])
    .await;
    project.good(&["run"]);
    let rows = project.value("select string_agg(a || ' ' || b, ', ' order by a) from stage.limits").await;
    assert_eq!(rows, "007 2, 8 9");
    assert_eq!(project.value("select to_regclass('stage.off')").await, "NULL");
    project.write(
        "rules/all.yml",
        "seeds:\n  - name: limits\n    config:\n      delimiter: ';;'\n  - name: off\n    config:\n      materialized: view\n\
         \x20     unique_key: a\n      column_types: {b: text}\n      contract: {enforced: true}\n",
    );
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr, @r"
    error[bad-config]: config's `delimiter` is wrong: `;;` is not one character of ASCII
     --> rules/all.yml:4:7
      |
    4 |       delimiter: ';;'
      |       ^^^^^^^^^

    error[bad-config]: `off` is a rule, which has no `unique_key`
     --> rules/all.yml:8:7
      |
    8 |       unique_key: a
      |       ^^^^^^^^^^
      |
      = help: a rule takes materialized, enabled, alias, schema, tags, meta, docs, group, access, report, indexes, unlogged, persist_docs, grants, pre_hook, pre-hook, post_hook, post-hook, contract, delimiter, column_types, full_refresh, freshness, loaded_at_field, loaded_at_query, distribute

    error[bad-config]: `off` is a rule, and a rule is always a table
     --> rules/all.yml:7:7
      |
    7 |       materialized: view
      |       ^^^^^^^^^^^^
      |
      = help: select from it in a model that is materialized so

    error[bad-config]: `column_types` names the column `b`, which rules/off.csv does not have
     --> rules/all.yml:9:22
      |
    9 |       column_types: {b: text}
      |                      ^
      |
      = help: did you mean `a`?

    error[bad-contract]: `off` is a seed and keeps no contract
     --> rules/all.yml:5:11
      |
    5 |   - name: off
      |           ^^^
      |
      = help: views, tables and incremental models do

    5 problems; nothing was run.
    ");
}

#[tokio::test]
async fn an_alias_names_the_relation_and_ref_the_file() {
    let project = Project::new(&[
        (
            "models/stage/orders_v2.sql",
            "{{ config(alias='orders', materialized='table') }} select 1 as id, '{{ this.name }}' as name",
        ),
        ("models/stage/orders.yml", "models: [{name: orders_v2, columns: [{name: id, tests: [unique]}]}]"),
        ("models/prod/m.sql", "select * from {{ ref('orders_v2') }}"),
    ])
    .await;
    project.good(&["run"]).says("stage.orders ");
    assert_eq!(project.value("select name from prod.m").await, "orders");
    assert_eq!(project.value("select to_regclass('stage.orders_v2')").await, "NULL");
    project.good(&["run", "--select", "orders_v2+", "--full-refresh"]).says("stage.orders ");
    project.good(&["test", "--select", "orders_v2"]).says("1 test");
    project.write("models/stage/orders.sql", "select 2 as id");
    project
        .elt(&["compile"])
        .expect(2)
        .says("error[name-taken-twice]: the relation stage.orders is made twice");
}

#[tokio::test]
async fn yaml_of_newer_dbt_is_read() {
    let project = Project::new(&[
        ("models/stage/orders.sql", "{{ config(materialized='table') }} select 1 as id, 'new' as state"),
        (
            "models/stage/orders.yml",
            "version: 2\n\
             groups: [{name: finance, owner: {email: x@example.org}}]\n\
             macros: [{name: cents, description: x}]\n\
             models:\n  - name: orders\n    access: public\n    group: finance\n    docs: {show: true}\n    deprecation_date: 2030-01-01\n    latest_version: 1\n\
             \x20   columns: [{name: id, data_tests: [{name: each_id_once, test_name: unique, config: {severity: warn}}]}]\n\
             snapshots:\n  - name: orders_history\n    relation: ref('orders')\n    description: Every state\n\
             \x20   config: {unique_key: id, strategy: check, check_cols: all, schema: snapshots}\n    columns: [{name: id, data_tests: [not_null]}]\n\
             data_tests:\n  - name: no_such_order\n    description: None\n    config: {severity: warn}\n",
        ),
        ("tests/no_such_order.sql", "select * from {{ ref('orders') }}"),
        ("tests/generic/positive.sql", "{% test positive(model, column_name) %}select * from {{ model }} where {{ column_name }} <= 0{% endtest %}"),
        ("models/stage/more.yml", "unit_tests:\n  - name: given\n    model: copy\n    config: {tags: quick}\n    given: [{input: \"ref('shop', 'orders')\", rows: [{id: 5}]}]\n    expect: {rows: [{id: 5}]}\nmodels: [{name: copy, columns: [{name: id, tests: [positive]}]}]\n"),
        ("models/stage/copy.sql", "select id from {{ ref('orders') }}"),
    ])
    .await;
    project.good(&["run"]).says("snapshot    stage_snapshots.orders_history").says("no_such_order");
    assert_eq!(
        project.value("select count(*) from stage_snapshots.orders_history where dbt_valid_to is null").await,
        "1"
    );
    project.good(&["test", "--select", "each_id_once"]).says("1 test");
    project.write("models/stage/odd.yml", "data_tests: [{name: no_such_ordr}]\n");
    project
        .good(&["compile"])
        .says("warning[unknown-test]: `no_such_ordr` is described")
        .says("did you mean `no_such_order`?");
    project.write("models/stage/bad.yml", "snapshots: [{name: s, relation: orders}]\n");
    project
        .elt(&["compile"])
        .expect(2)
        .says("the snapshot `s` is of `orders`")
        .says("write `relation: ref('orders')`");
}
