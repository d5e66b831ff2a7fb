//! dbt's spelling, odd names, and what else people write.

use crate::support::Project;

#[tokio::test]
async fn names_with_quotes_spaces_and_capitals_work_and_too_long_ones_are_refused() {
    let project = Project::new(&[
        ("models/stage/Od\"d näme.sql", "select 1 as \"Grüße \"\"x\"\"\""),
        ("models/prod/user.sql", "{{ config(materialized='table') }} select * from {{ ref('Od\"d näme') }}"),
        ("models/prod/user.yml", "models: [{name: user, columns: [{name: 'Grüße \"x\"', description: it's, tests: [not_null, unique]}]}]"),
    ])
    .await;
    project.good(&["run"]);
    assert_eq!(project.value("select \"Grüße \"\"x\"\"\" from prod.\"user\"").await, "1");
    project.write(&format!("models/prod/{}.sql", "long".repeat(18)), "select 1 as n");
    project.elt(&["compile"]).expect(2).says("has 72 bytes; PostgreSQL keeps 63");
}

#[tokio::test]
async fn one_name_in_two_places_is_refused_naming_both() {
    let project =
        Project::new(&[("models/stage/a.sql", "select 1 as n"), ("models/prod/a.sql", "select 1 as n")])
            .await;
    project.elt(&["compile"]).expect(2).says("taken twice: by models/prod/a.sql and by models/stage/a.sql");
}

#[tokio::test]
async fn sources_of_others_are_read_and_never_built() {
    let project = Project::new(&[
        ("models/stage/s.yml", "sources: [{name: shop, schema: shop_app, tables: [{name: orders}]}]"),
        ("models/stage/s.sql", "select * from {{ source('shop', 'orders') }}"),
    ])
    .await;
    project.elt(&["run"]).expect(1).says("relation \"shop_app.orders\" does not exist");
    project.database.run("create schema shop_app; create table shop_app.orders as select 7 as id").await;
    project.good(&["run"]);
    assert_eq!(project.value("select id from stage.s").await, "7");
    project.write("models/stage/t.sql", "select * from {{ source('shop', 'ordres') }}");
    project
        .elt(&["compile"])
        .expect(2)
        .says("there is no source `shop.ordres`")
        .says("did you mean `shop.orders`?");
}

#[tokio::test]
async fn generic_tests_find_what_they_are_for() {
    let project = Project::new(&[
        ("models/stage/p.sql", "select * from (values (1), (2)) as t(id)"),
        (
            "models/stage/a.sql",
            "select * from (values (1, 'x', 1, 5), (1, 'y', 4, null), (null, 'z', 9, 8)) as t(id, v, lo, hi)",
        ),
        (
            "models/stage/a.yml",
            r#"
models:
  - name: a
    tests:
      - no_overlap: {lower: lo, upper: hi}
      - expression: {expression: "lo < 9"}
      - mine: {limit: 1}
    columns:
      - name: id
        tests: [unique, not_null]
      - name: v
        tests:
          - accepted_values: {values: [x, y], where: "id is not null"}
          - relationships: {to: ref('p'), field: id::text}
      - name: lo
        data_tests:
          - range: {arguments: {min: 2, max: 8}}
"#,
        ),
        (
            "macros/mine.sql",
            "{% test mine(model, limit) %}select * from {{ model }} offset {{ limit }}{% endtest %}",
        ),
    ])
    .await;
    let ended = project.elt(&["run"]).expect(1);
    for text in [
        "no_overlap_a found 2 rows",
        "expression_a found 1 row",
        "mine_a found 2 rows",
        "unique_a_id found 1 row",
        "not_null_a_id found 1 row",
        "relationships_a_v found 3 rows",
        "range_a_lo found 2 rows",
        r#"for example {"id":1,"times":2}"#,
    ] {
        assert!(ended.stderr.contains(text), "expected: {text}\n{ended}");
    }
    assert!(!ended.stderr.contains("accepted_values_a_v found"), "{ended}");
}

#[tokio::test]
async fn indexes_comments_and_empty_projects_are_handled() {
    let project = Project::new(&[
        ("models/prod/a.sql", "{{ config(materialized='table', indexes=[{'columns': ['id'], 'unique': true}, {'columns': 'v', 'type': 'hash'}]) }} select 1 as id, 'x' as v"),
        ("models/prod/a.yml", "models: [{name: a, description: 'It''s a', columns: [{name: v, description: The v}]}]"),
    ])
    .await;
    project.good(&["run"]);
    project.good(&["run"]);
    let indexes = "select count(*) from pg_indexes where schemaname = 'prod' and tablename = 'a'";
    assert_eq!(project.value(indexes).await, "2");
    assert_eq!(project.value("select obj_description('prod.a'::regclass)").await, "It's a");
    assert_eq!(project.value("select col_description('prod.a'::regclass, 2)").await, "The v");
    project.write("models/prod/a.yml", "models: [{name: a, columns: [{name: w, description: None such}]}]");
    let told = "warning[unknown-column]: `a` has no column `w`\n --> models/prod/a.yml:1:";
    project.good(&["run"]).says(told).says("1 built");
    project.good(&["check"]).says(told).says("1 good, 0 bad");
    project.elt(&["check", "--warn-error"]).expect(1).says("error[unknown-column]").says("1 bad");

    let empty = Project::new(&[]).await;
    empty.elt(&["run"]).expect(2).says("there is nothing to run");
}

#[tokio::test]
async fn a_developers_own_copy_has_its_own_schemas_and_lock() {
    let project = Project::new(&[
        ("profiles.yml", "target: dev\ntargets:\n  dev: {schema_prefix: ann_}\n  main: {schemas: {raw: dh_raw, stage: dh_stage, prod: dh}}\n"),
        ("models/stage/s.sql", "select 1 as n"),
        ("models/prod/p.sql", "select n from {{ ref('s') }}"),
    ])
    .await;
    project.good(&["run"]);
    project.good(&["run", "--target", "main"]);
    assert_eq!(project.value("select n from ann_prod.p").await, "1");
    assert_eq!(project.value("select n from dh.p").await, "1");
}
