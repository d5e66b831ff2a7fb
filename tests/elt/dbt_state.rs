//! A manifest that dbt itself wrote serves as an earlier state.

use serde_json::json;

use crate::support::Project;

const ORDERS: &str = "{{ config(materialized='table', tags='hot') }}\nselect {{ cents('1') }} as id";

async fn shop() -> Project {
    let project = Project::new(&[
        ("profiles.yml", "name: renamed_here\n"),
        ("models/prod/shop/orders.sql", &format!("{ORDERS}\n")),
        (
            "models/prod/shop/orders.yml",
            "sources: [{name: till, schema: public, tables: [{name: sales, columns: [{name: id, data_tests: [not_null]}]}]}]\n\
             models:\n  - name: orders\n    description: All.\n    columns:\n      - name: id\n        data_tests:\n          - unique: {config: {severity: warn}}\n          \
             - accepted_values: {arguments: {values: [100]}}\n\
             exposures: [{name: board, type: dashboard, owner: {name: Ann}, depends_on: [ref('orders')]}]\n\
             unit_tests: [{name: one, model: orders, expect: {rows: [{id: 100}]}}]\n",
        ),
        ("models/stage/shop/sales.sql", "select id from {{ source('till', 'sales') }}\n"),
        ("rules/codes.csv", "code\n1\n\n"),
        ("macros/m.sql", "{% macro cents(a) %}100 * {{ a }}{% endmacro %}\n"),
        ("tests/none.sql", "select * from {{ ref('orders') }} where id = 0\n"),
    ])
    .await;
    let node = |kind: &str, name: &str, fields: serde_json::Value| {
        let mut node = json!({
            "resource_type": kind, "name": name, "package_name": "shop", "schema": "dbt_marts", "alias": name,
            "fqn": ["shop", "marts", name], "unrendered_config": {}, "config": {}, "columns": {}, "description": "",
            "depends_on": {"macros": [], "nodes": []}, "tags": [], "meta": {},
        });
        node.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        node
    };
    let test = |kind: &str, model: &str, arguments: serde_json::Value, config: serde_json::Value| {
        let mut kwargs =
            json!({"column_name": "id", "model": format!("{{{{ get_where_subquery({model}) }}}}")});
        kwargs.as_object_mut().unwrap().extend(arguments.as_object().unwrap().clone());
        node(
            "test",
            "named_by_dbt",
            json!({
                "column_name": "id", "test_metadata": {"name": kind, "kwargs": kwargs, "namespace": null},
                "raw_code": "{{ test(**kwargs) }}", "unrendered_config": config,
            }),
        )
    };
    let manifest = json!({
        "metadata": {"dbt_version": "1.11.16", "project_name": "shop"},
        "nodes": {
            "model.shop.orders": node("model", "orders", json!({
                "raw_code": ORDERS, "description": "All.", "columns": {"id": {"name": "id", "description": ""}},
                "unrendered_config": {"schema": "marts", "materialized": "table", "tags": ["hot"]},
                "depends_on": {"macros": ["macro.shop.cents"], "nodes": []},
            })),
            "model.shop.sales": node("model", "sales", json!({
                "raw_code": "select id from {{ source('till', 'sales') }}", "fqn": ["shop", "staging", "till", "sales"],
                "unrendered_config": {"materialized": "view", "schema": "staging"},
            })),
            "seed.shop.codes": node("seed", "codes", json!({
                // Of the file without the white space at its end.
                "checksum": {"name": "sha256", "checksum": "f05e64a5133b80ce4b13d47978c8776129df05b24bce862ea3a71be1633748fb"},
                "unrendered_config": {"column_types": {"code": "text"}, "quote_columns": true},
            })),
            "test.shop.unique_orders_id.abc1234567": test("unique", "ref('orders')", json!({}), json!({"severity": "warn"})),
            "test.shop.accepted_values_orders_id__100.def1234567":
                test("accepted_values", "ref('orders')", json!({"values": [100]}), json!({})),
            "test.shop.source_not_null_till_sales_id.aaa1234567":
                test("not_null", "source('till', 'sales')", json!({}), json!({})),
            "test.shop.none": node("test", "none", json!({"raw_code": "select * from {{ ref('orders') }} where id = 0"})),
        },
        "sources": {"source.shop.till.sales": node("source", "sales", json!({"schema": "public", "identifier": "sales"}))},
        "exposures": {"exposure.shop.board": node("exposure", "board", json!({
            "owner": {"email": null, "name": "Ann"}, "depends_on": {"macros": [], "nodes": ["model.shop.orders"]},
        }))},
        "unit_tests": {"unit_test.shop.orders.one": node("unit_test", "one", json!({"checksum": "of dbt's own"}))},
        "macros": {
            "macro.shop.cents": {
                "name": "cents", "package_name": "shop",
                "macro_sql": "{% macro cents(a) %}100 * {{ a }}{% endmacro %}",
            },
            "macro.dbt.cents": {"name": "cents", "package_name": "dbt", "macro_sql": "another one"},
        },
    });
    project.write("dbt/manifest.json", &manifest.to_string());
    let results = json!({"results": [
        {"unique_id": "test.shop.accepted_values_orders_id__100.def1234567", "status": "fail"},
        {"unique_id": "model.shop.orders", "status": "success"},
    ]});
    project.write("dbt/run_results.json", &results.to_string());
    project
}

#[tokio::test]
async fn what_dbt_wrote_is_compared_as_far_as_it_means_the_same() {
    let project = shop().await;
    let listed = |selector: &str| {
        let exactly = ["--indirect-selection", "empty", "--resource-type", "all", "--state", "dbt"];
        let told = project.good(&[&["ls", "-s", selector], &exactly[..]].concat()).stdout;
        told.lines().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(listed("state:modified"), "");
    assert_eq!(listed("state:new"), "");
    assert_eq!(listed("result:fail"), "accepted_values_orders_id");
    assert_eq!(listed("result:success"), "prod.orders");

    project.write("macros/m.sql", "{% macro cents(a) %}1000 * {{ a }}{% endmacro %}\n");
    assert_eq!(listed("state:modified.macros"), "prod.orders");
    project.write("rules/codes.csv", "code\n2\n");
    assert_eq!(listed("state:modified.body"), "stage.codes");
    project.write("models/prod/shop/orders.sql", &ORDERS.replace("hot", "cold"));
    assert_eq!(listed("state:modified.configs"), "prod.orders");
    let yaml = std::fs::read_to_string(project.root.join("models/prod/shop/orders.yml")).unwrap();
    project
        .write("models/prod/shop/orders.yml", &yaml.replace("[100]", "[100, 200]").replace("warn", "error"));
    assert_eq!(listed("state:new"), "accepted_values_orders_id");
    assert_eq!(listed("state:modified.configs"), "prod.orders unique_orders_id");
    project.write("models/prod/shop/fresh.sql", "select 1 as n");
    assert_eq!(listed("state:new"), "prod.fresh accepted_values_orders_id");
}
