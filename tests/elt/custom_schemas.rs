//! Relations in schemas beside their layer's: published together, read by nobody else, found when they are gone.

use serde_json::json;

use crate::server::Server;
use crate::support::Project;

const SHOP: &[(&str, &str)] = &[
    (
        "profiles.yml",
        "target: main\nmodels: {prod: {sales: {+schema: sales}}}\nrules: {+schema: rules}\ntargets:\n  main: {}\n  ann: {schema_prefix: ann_, defer: main}\n",
    ),
    ("rules/regions.csv", "code\nDE\n"),
    (
        "models/stage/customers_staged.sql",
        "{{ config(alias='customers', materialized='table', indexes=[{'columns': ['id'], 'unique': true}]) }} select 1 as id, code from {{ ref('regions') }}",
    ),
    (
        "models/prod/customers.sql",
        "{{ config(materialized='table', indexes=[{'columns': ['id'], 'unique': true}]) }} select id, '{{ target.schema }}' as own from {{ ref('customers_staged') }}",
    ),
    (
        "models/prod/sales/customers_of_sales.sql",
        "{{ config(alias='customers', materialized='table') }} select id, '{{ this.schema }}.{{ this.name }}'::text as place, '{{ target.schema }}'::text as layer from {{ ref('customers') }}",
    ),
    (
        "models/prod/sales/sales.yml",
        "models:\n  - name: customers_of_sales\n    expose: {path: /customers}\n    columns: [{name: id, tests: [unique]}]\n",
    ),
    (
        "models/stage/sales_seen.sql",
        "{{ config(target_schema='prod_sales', materialized='table') }} select 1 as secret",
    ),
    ("models/prod/sales/report.sql", "select count(*) as n from {{ ref('customers_of_sales') }}"),
];

const PLACES: &str = "select string_agg(schema_name || '.' || name, ' ' order by schema_name, name) from elt.relations where node <> 'elt'";

#[tokio::test]
async fn relations_are_published_in_schemas_beside_their_layers() {
    let project = Project::new(SHOP).await;
    let all = "prod.customers prod_sales.customers prod_sales.report prod_sales.sales_seen stage.customers stage_rules.regions";
    for round in 0..2 {
        project.good(&["run", "--full-refresh"]).says("Published 6 relations");
        assert_eq!(project.value(PLACES).await, all, "{round}");
    }
    project.good(&["run"]).says("6 unchanged");
    assert_eq!(
        project.value("select concat_ws(' ', place, layer) from prod_sales.customers").await,
        "prod_sales.customers prod"
    );
    // The reader of prod reads these, and nothing of stage.
    let may = "select string_agg(schema_name || '.' || name || ' ' || has_table_privilege('elt_reader', quote_ident(schema_name) || '.' || name, 'select') \
               || has_schema_privilege('elt_reader', schema_name, 'usage'), ', ' order by schema_name, name) from elt.relations where node <> 'elt' and name <> 'report'";
    assert_eq!(
        project.value(may).await,
        "prod.customers truetrue, prod_sales.customers truetrue, prod_sales.sales_seen falsetrue, stage.customers falsefalse, stage_rules.regions falsefalse"
    );
    project.good(&["check"]).says("good, 0 bad");
    project.good(&["debug"]).prints("prod in prod, beside them prod_sales, beside them stage_rules");
    project.good(&["test"]).says("1 test passed");
    project.good(&["lineage", "customers_of_sales.id"]).prints("stage.customers");
    project.good(&["compile", "--select", "report"]).prints(r#"from "prod_sales"."customers""#);

    // What moves to another schema leaves the old one, which `prune` still knows when no model names it any more.
    project.write(
        "profiles.yml",
        "target: main\nmodels: {prod: {sales: {+schema: trade}}}\ntargets: {main: {}}\n",
    );
    project.good(&["run"]);
    let pruned = project.good(&["prune", "--yes"]);
    pruned.prints("prod_sales.customers").prints("prod_sales.report").prints("stage_rules.regions");
    assert_eq!(
        project.value(PLACES).await,
        "prod.customers prod_sales.sales_seen prod_trade.customers prod_trade.report stage.customers stage.regions"
    );
}

#[tokio::test]
async fn what_is_served_may_be_in_any_schema_of_prod() {
    let project = Project::new(SHOP).await;
    project.good(&["run"]);
    // A copy of one's own, by its own names, from those of the other target.
    project.good(&["run", "--target", "ann", "--select", "report", "--defer", "main"]).says("read from main");
    assert_eq!(project.value("select n from ann_prod_sales.report").await, "1");
    project.value("drop view ann_prod_sales.report").await;
    let server = Server::start(&project, &[]);
    let (status, rows) = server.get("/customers?id=1").await;
    let row = json!({"id": 1, "place": "prod_sales.customers", "layer": "prod"});
    assert_eq!((status, &rows), (200, &json!([row])), "{rows}");
    let page = |path: &str| server.client.get(format!("{}{path}", server.base)).send();
    let list = page("/ui/data").await.unwrap().text().await.unwrap();
    assert!(list.contains(">prod_sales.customers<") || list.contains(">prod_sales.customers</a>"), "{list}");
    assert!(list.contains(">customers</a>") && !list.contains("stage"), "{list}");
    let one = page("/ui/data/prod_sales.customers").await.unwrap();
    assert_eq!(one.status(), 200);
    let one = one.text().await.unwrap();
    assert!(one.contains("place") && one.contains("/customers"), "{one}");
    // One that is gone is served no more.
    project.remove("models/prod/sales/customers_of_sales.sql");
    project.remove("models/prod/sales/sales.yml");
    project.remove("models/prod/sales/report.sql");
    project.good(&["prune", "--yes"]);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while server.client.get(format!("{}/customers?id=1", server.base)).send().await.unwrap().status() != 404 {
        assert!(std::time::Instant::now() < until, "it is still served");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_project_may_name_schemas_and_relations_itself() {
    let project = Project::new(&[
        ("profiles.yml", "target: main\ntargets:\n  main: {}\n  two: {schema_prefix: two_}\n"),
        (
            "macros/naming.sql",
            "{% macro generate_schema_name(custom_schema_name=none, node=none) -%}\n\
             {%- if custom_schema_name is none -%} {{ target.schema }}\n\
             {%- elif node.name == 'kept' -%} {{ target.name }}_{{ custom_schema_name | trim }}\n\
             {%- else -%} {{ custom_schema_name | trim }} {%- endif -%}\n{%- endmacro %}\n\
             {% macro generate_alias_name(custom_alias_name=none, node=none) -%}\n\
             {{ custom_alias_name or node.fqn[-1].split('__') | last }}\n{%- endmacro %}\n",
        ),
        ("models/prod/shop__orders.sql", "{{ config(schema='shop') }} select 1 as id"),
        (
            "models/prod/till__orders.sql",
            "{{ config(schema='till') }} select 2 as id from {{ ref('shop__orders') }}",
        ),
        (
            "models/prod/kept.sql",
            "{{ config(schema='k', alias='as_asked') }} select '{{ this }}'::text as place",
        ),
    ])
    .await;
    project.good(&["run"]);
    assert_eq!(project.value(PLACES).await, "main_k.as_asked shop.orders till.orders");
    assert_eq!(project.value("select place from main_k.as_asked").await, r#""main_k"."as_asked""#);
    let refused = project.elt(&["run", "--target", "two"]).expect(2);
    insta::assert_snapshot!(refused.stderr.trim_end(), @r"
error[schema-of-another-target]: the schema `shop` is of another target, whose prod is the schema `prod`
 --> models/prod/shop__orders.sql:1:11
  |
1 | {{ config(schema='shop') }} select 1 as id
  |           ^^^^^^
  |
  = help: let `generate_schema_name` put the target's own schema before it, as elt does without it

error[schema-of-another-target]: the schema `till` is of another target, whose prod is the schema `prod`
 --> models/prod/till__orders.sql:1:11
  |
1 | {{ config(schema='till') }} select 2 as id from {{ ref('shop__orders') }}
  |           ^^^^^^
  |
  = help: let `generate_schema_name` put the target's own schema before it, as elt does without it

2 problems; nothing was run.
");
    // A failed run leaves what it built to the next one, also under a name that two have.
    project.write(
        "models/prod/till__orders.sql",
        "{{ config(schema='till', materialized='table') }} select 1/0 as id from {{ ref('shop__orders') }}",
    );
    project.write(
        "models/prod/shop__orders.sql",
        "{{ config(schema='shop', materialized='table') }} select 5 as id",
    );
    project.elt(&["run"]).expect(1);
    project.write(
        "models/prod/till__orders.sql",
        "{{ config(schema='till', materialized='table') }} select id from {{ ref('shop__orders') }}",
    );
    project.good(&["retry"]).says("kept");
    assert_eq!(project.value("select o.id + t.id from shop.orders o, till.orders t").await, "10");
}

#[tokio::test]
async fn a_relation_is_of_one_model_and_a_layers_schema_of_that_layer() {
    let project = Project::new(&[
        ("models/stage/a.sql", "{{ config(schema='prod') }} select 1 as id"),
        ("models/prod/c.sql", "{{ config(schema='y', alias='b') }} select 1 as id"),
        ("models/prod/d.sql", "{{ config(schema='y', alias='b') }} select 1 as id"),
        ("models/prod/e.sql", "{{ config(schema='nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn') }} select 1 as id"),
        ("models/prod/f.sql", "{{ config(schema='elt') }} select 1 as id"),
        ("macros/naming.sql", "{% macro generate_schema_name(asked, node) %}{{ asked or target.schema }}{% endmacro %}"),
    ])
    .await;
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr.trim_end(), @r"
    error[bad-name]: the name `nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn` has 70 bytes; PostgreSQL keeps 63 and would cut it silently
     --> models/prod/e.sql:1:11
      |
    1 | {{ config(schema='nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn') }} select 1 as id
      |           ^^^^^^
      |
      = help: give it a shorter `schema`

    error[bad-name]: `f` would be in the schema `elt`, which is not for models
     --> models/prod/f.sql:1:11
      |
    1 | {{ config(schema='elt') }} select 1 as id
      |           ^^^^^^
      |
      = help: ask for another `schema`

    error[name-taken-twice]: the relation y.b is made twice: by models/prod/c.sql and by models/prod/d.sql
     --> models/prod/d.sql:1:23
      |
    1 | {{ config(schema='y', alias='b') }} select 1 as id
      |                       ^^^^^
      |
      = help: give one of them another `alias` or `schema`

    error[schema-of-another-layer]: models/stage/a.sql is of the layer stage, and its schema `prod` is that of prod
     --> models/stage/a.sql:1:11
      |
    1 | {{ config(schema='prod') }} select 1 as id
      |           ^^^^^^
      |
      = help: move the file to that layer, or give it another schema

    4 problems; nothing was run.
    ");
    project.write(
        "macros/naming.sql",
        "{% macro generate_schema_name(asked, node) %}{{ asked + node.nosuch }}{% endmacro %}",
    );
    insta::assert_snapshot!(project.elt(&["ls"]).expect(2).stderr.trim_end(), @r"
    error[template]: there is no `model.nosuch`
     --> macros/naming.sql:1:57
      |
    1 | {% macro generate_schema_name(asked, node) %}{{ asked + node.nosuch }}{% endmacro %}
      |                                                         ^^^^^^^^^^^
      |
      = help: there are `model.name`, `alias`, `schema`, `config`, `tags`, `path`, `fqn`, `package_name` and `unique_id`

    error[bad-name]: the name `prod_nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn` has 75 bytes; PostgreSQL keeps 63 and would cut it silently
     --> models/prod/e.sql:1:11
      |
    1 | {{ config(schema='nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn') }} select 1 as id
      |           ^^^^^^
      |
      = help: give it a shorter `schema`

    2 problems; nothing was run.
    ");
}
