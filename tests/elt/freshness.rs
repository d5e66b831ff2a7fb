//! `elt freshness`: how old the newest rows of sources and loads are; and tests on sources.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::Project;

const SHOP: &str = "
version: 2
sources:
  - name: shop
    schema: \"{{ var('shop_schema') }}\"
    loader: a script
    database: \"{{ target.dbname }}\"
    tags: outside
    meta: {owner: ann}
    quoting: {identifier: true}
    config:
      freshness: {warn_after: {count: 1, period: day}, error_after: {count: 10, period: day}}
      loaded_at_field: changed_at
    tables:
      - name: orders
        identifier: shop_orders
        data_tests: [{unique_combination_of_columns: {combination_of_columns: [id, changed_at]}}]
        columns:
          - {name: id, quote: true, tags: keys, data_tests: [unique, {not_null: {severity: warn}}]}
      - name: late
        freshness: {error_after: {count: 2, period: day}}
        tags: [slow]
      - name: filtered
        identifier: late
        freshness: {filter: \"id <> 3\"}
      - {name: asked, identifier: late, loaded_at_query: \"select min(changed_at) from {{ this }}\"}
      - {name: nobody_cares, identifier: gone, freshness: null}
      - {name: empty, columns: [{name: id, config: {tags: [keys], meta: {a: 1}}, tests: [unique]}]}
";

async fn project(yaml: &str) -> Project {
    let project = Project::new(&[
        ("profiles.yml", "name: shop\ntarget: dev\nvars: {shop_schema: out}\n"),
        ("models/shop.yml", yaml),
        (
            "models/raw/sales/rows.sql",
            "{{ config(source='rows.csv', freshness={'warn_after': {'count': 1, 'period': 'hour'}}) }} id int",
        ),
        ("models/raw/sales/kept.sql", "{{ config(source='rows.csv') }} id int"),
        ("models/stage/sales/all_orders.sql", "select id from {{ source('shop', 'orders') }}"),
        ("rows.csv", "id\n1\n"),
    ])
    .await;
    let tables = "create schema out; set time zone 'Asia/Tokyo';
        create table out.shop_orders (id int, changed_at timestamptz);
        create table out.late (id int, changed_at timestamp);
        create table out.empty (id int, changed_at date);
        insert into out.shop_orders values (1, now() - interval '3 hours 10 minutes'), (1, now() - interval '2 days'), (null, null);
        insert into out.late values (1, now() at time zone 'utc' - interval '5 days 1 hour'), (2, now() at time zone 'utc' - interval '20 days 1 hour'), (3, now() at time zone 'utc' - interval '30 minutes')";
    project.database.run(tables).await;
    project
}

fn sources_json(project: &Project) -> Value {
    let text = std::fs::read_to_string(project.root.join("target/sources.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn parsed_by_dbts_parser(folder: &Path) {
    let Some(python) = std::env::var_os("ELT_TEST_ARTIFACTS_PYTHON") else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/artifacts/parse.py");
    let output = Command::new(python).arg(script).arg(folder).args(["manifest", "sources"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The table, with times of today left out.
fn table(printed: &str) -> String {
    let lines = printed.lines().map(|line| {
        let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        let passes = |cell: &str| [" UTC", " second", " seconds"].iter().any(|unit| cell.ends_with(unit));
        let cells = cells.into_iter().map(|cell| if passes(cell) { "…" } else { cell });
        format!("{}\n", cells.collect::<Vec<_>>().join(" | "))
    });
    lines.collect()
}

#[tokio::test]
async fn sources_are_as_fresh_as_their_newest_row_and_loads_as_their_last_run() {
    let project = project(SHOP).await;
    let ended = project.elt(&["freshness"]).expect(1);
    insta::assert_snapshot!(table(&ended.stdout), @r#"
    source | newest | age | status
    raw.rows | never loaded | warn (after 1 hour)
    shop.orders | … | 3 hours | pass
    shop.late | … | 30 minutes | pass
    shop.filtered | … | 5 days | warn (after 1 day)
    shop.asked | … | 20 days | error (after 10 days)
    shop.empty | no rows | error (after 10 days)
    "#);
    project.good(&["run", "--select", "layer:raw"]);
    insta::assert_snapshot!(table(&project.good(&["freshness", "--select", "rows", "source:shop.orders"]).stdout), @r#"
    source | newest | age | status
    raw.rows | … | … | pass
    shop.orders | … | 3 hours | pass
    "#);
    project
        .good(&["freshness", "--select", "all_orders"])
        .says("nothing that is selected has a `freshness:`");

    project.elt(&["freshness", "--exclude", "rows"]).expect(1);
    let found = sources_json(&project);
    let result = |table: &str| {
        let id = format!("source.shop.shop.{table}");
        let results = found["results"].as_array().unwrap().iter();
        results.clone().find(|one| one["unique_id"] == id.as_str()).cloned().unwrap()
    };
    assert_eq!(found["metadata"]["dbt_schema_version"], "https://schemas.getdbt.com/dbt/sources/v3.json");
    assert_eq!(result("orders")["status"], "pass");
    assert_eq!(result("late")["criteria"]["warn_after"]["period"], "day");
    assert_eq!(result("filtered")["criteria"]["filter"], "id <> 3");
    assert_eq!(result("empty")["max_loaded_at"], "0001-01-01T00:00:00.000000Z");
    let age = result("filtered")["max_loaded_at_time_ago_in_s"].as_f64().unwrap();
    assert!((age - 5.0 * 86400.0 - 3600.0).abs() < 600.0, "{age}");
    parsed_by_dbts_parser(&project.root.join("target"));

    // A state to compare with: only what became newer since.
    let state = project.root.join("before");
    std::fs::rename(project.root.join("target"), &state).unwrap();
    project.database.run("insert into out.shop_orders values (7, now())").await;
    project.elt(&["freshness", "--exclude", "rows"]).expect(1);
    let chosen =
        ["ls", "--select", "source_status:fresher+", "--state", "before", "--resource-type", "model"];
    assert_eq!(project.good(&chosen).stdout.trim(), "stage.all_orders");
}

#[tokio::test]
async fn a_source_that_cannot_be_asked_is_an_error_of_its_own() {
    let yaml = "
sources:
  - name: shop
    schema: out
    loaded_at_field: changed
    freshness: {warn_after: {count: 1, period: hour}}
    tables:
      - {name: orders, identifier: shop_orders}
      - {name: gone}
      - {name: late, loaded_at_field: 'changed_at', freshness: {filter: \"1 = '{{ env_var('API_TOKEN') }}'\"}}
      - {name: empty, loaded_at_field: null, description: nothing tells its time}
";
    let project = project(yaml).await.env("API_TOKEN", "swordfish99");
    let ended = project.elt(&["freshness", "--select", "source:shop"]).expect(1);
    insta::assert_snapshot!(ended.stderr, @r#"
    note: shop.empty is left out: it has no loaded_at_field or loaded_at_query
    error[unknown-column]: shop.orders: column "changed" does not exist
     --> models/shop.yml:5:22
      |
    5 |     loaded_at_field: changed
      |                      ^^^^^^^
      |
      = help: Perhaps you meant to reference the column "shop_orders.changed_at".

    error[unknown-relation]: shop.gone: relation "out.gone" does not exist
     --> models/shop.yml:9:16
      |
    9 |       - {name: gone}
      |                ^^^^
      |
      = help: name models by {{ ref('…') }}, so that elt knows the order and the schema

    error[bad-value]: shop.late: invalid input syntax for type integer: "***"
      --> models/shop.yml:10:16
       |
    10 |       - {name: late, loaded_at_field: 'changed_at', freshness: {filter: "1 = '{{ env_var('API_TOKEN') }}'"}}
       |                ^^^^
    "#);
    assert!(!sources_json(&project).to_string().contains("swordfish99"));
    let ended = project.elt(&["freshness", "--select", "source:shop", "--json"]).expect(1);
    assert_eq!(ended.stdout.matches("\"event\":\"freshness\"").count(), 3);
    assert!(ended.stdout.contains("\"status\":\"runtime error\""), "{}", ended.stdout);

    for (words, told) in [
        ("freshness: {warn_after: {count: 1, period: week}}", "period"),
        ("freshness: {warn_after: {count: -1, period: day}}", "count"),
        ("freshness: {warn: {count: 1, period: day}}", "warn"),
        ("loaded_at_field: a, loaded_at_query: select 1", "a loaded_at_field and a loaded_at_query"),
        ("loaded_at_felt: a", "loaded_at_felt"),
    ] {
        let yaml = format!("sources: [{{name: shop, tables: [{{name: orders, {words}}}]}}]");
        project.write("models/shop.yml", &yaml);
        project.elt(&["freshness"]).expect(2).says(told).says("models/shop.yml:1");
    }
    project.write("models/shop.yml", "sources: [{name: shop, tables: [{name: orders}, {name: orders}]}]");
    project.elt(&["freshness"]).expect(2).says("the source `shop.orders` is declared twice");
}

#[tokio::test]
async fn tests_on_sources_judge_the_table_that_is_there() {
    let project = project(SHOP).await;
    project.good(&["run", "--exclude", "tag:keys", "test_name:unique_combination_of_columns"]);
    let ended = project.elt(&["test", "--select", "source:shop"]).expect(1);
    for told in
        ["unique_shop_orders_id found 1 row", "warning[test-failed]: not_null_shop_orders_id found 1 row"]
    {
        assert!(ended.stderr.contains(told), "{told}: {}", ended.stderr);
    }
    ended.says("2 tests passed, 1 test warned, 1 failed");
    let listed = project.good(&["ls", "--select", "tag:keys", "--output", "name"]).stdout;
    assert_eq!(listed, "unique_shop_orders_id\nnot_null_shop_orders_id\nunique_shop_empty_id\n");
    // In a run they judge before what reads the source is published.
    project.elt(&["run"]).expect(1).says("unique_shop_orders_id found 1 row");
}
