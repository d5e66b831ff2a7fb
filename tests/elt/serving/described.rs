//! Endpoints in the API's description: what each takes and answers, in the words and types of its model.

use serde_json::{Value, json};

use crate::server::Server;
use crate::support::Project;

const YAML: &str = "
models:
  - name: sales
    description: Every sale.
    columns:
      - {name: id, description: Its number., tests: [unique, not_null]}
      - {name: amount, description: What was paid.}
      - {name: seen_at, description: When it was seen.}
      - {name: limit, description: How much is allowed.}
    expose:
      path: /my-sales
      key: id
      order: [-amount]
      filters: [id, amount, day, limit]
      parameters:
        - {name: at_least, column: amount, operator: gte, default: 2.5, description: The least.}
        - {name: is_open, column: day, operator: 'null', default: false}
        - {name: some, column: id, operator: in, default: '1,2'}
  - name: others
    expose: {path: /my_sales, filters: false, cache: never}
  - name: first
    expose: {path: '/first/{id}', shape: object, columns: [id, amount]}
";

async fn described() -> Project {
    let sales = "{{ config(materialized='table', persist_docs={'columns': true}) }} select 1::bigint as id, 2.5 as amount,
        date '2024-01-01' as day, now() as seen_at, array[1] as list, null::uuid as token, 3 as limit";
    let project = Project::new(&[
        ("models/prod/sales.sql", sales),
        ("models/prod/others.sql", "select 1 as a"),
        ("models/prod/first.sql", "select id, amount from {{ ref('sales') }}"),
        ("models/prod/m.yml", YAML),
    ])
    .await;
    project.good(&["run"]);
    project
}

fn parameter<'a>(operation: &'a Value, name: &str) -> Vec<&'a Value> {
    let all = operation["parameters"].as_array().expect("there are some");
    all.iter().filter(|one| one["name"] == name).collect()
}

#[tokio::test]
async fn an_endpoint_is_described_with_its_columns_words_and_types() {
    let project = described().await;
    let server = Server::start(&project, &[]);
    let (_, openapi) = server.get("/openapi.json").await;
    let sales = &openapi["paths"]["/my-sales"]["get"];
    let row = &sales["responses"]["200"]["content"]["application/json"]["schema"]["items"]["properties"];
    for (column, expected) in [
        ("id", json!({"type": ["integer", "null"], "format": "int64", "description": "Its number."})),
        ("amount", json!({"type": ["number", "null"], "description": "What was paid."})),
        ("day", json!({"type": ["string", "null"], "format": "date"})),
        (
            "seen_at",
            json!({"type": ["string", "null"], "format": "date-time", "description": "When it was seen."}),
        ),
        ("token", json!({"type": ["string", "null"], "format": "uuid"})),
    ] {
        assert_eq!(row[column], expected, "{column}");
    }
    // Defaults are of their column's type; where several may be given, text.
    for (name, default) in [("at_least", json!(2.5)), ("is_open", json!(false)), ("some", json!("1,2"))] {
        assert_eq!(parameter(sales, name)[0]["schema"]["default"], default, "{name}");
    }
    assert_eq!(parameter(sales, "at_least")[0]["description"], "The least.");
    // What may be sorted by is what may be filtered; a column called like a reserved word hides it not.
    let order = parameter(sales, "order")[0]["schema"]["pattern"].as_str().expect("it has a pattern");
    assert_eq!(order, "^-?(id|amount|day|limit)(,-?(id|amount|day|limit))*$");
    let limits = parameter(sales, "limit");
    assert_eq!((limits.len(), &limits[0]["schema"]["maximum"]), (1, &json!(1000)));
    assert_eq!(server.get("/my-sales?limit.eq=4").await, (200, json!([])));
    assert_eq!(parameter(sales, "cursor").len(), 1);

    let others = &openapi["paths"]["/my_sales"]["get"];
    assert_eq!(
        [sales["operationId"].as_str(), others["operationId"].as_str()],
        [Some("endpoint_my_sales"), Some("endpoint_my_sales_2")]
    );
    for absent in ["cursor", "order", "a"] {
        assert!(parameter(others, absent).is_empty(), "{absent}");
        assert_eq!(server.get(&format!("/my_sales?{absent}=1")).await.0, 400, "{absent}");
    }
    assert!(others["responses"]["304"].is_null() && others["responses"]["409"].is_null());
    assert!(sales["responses"]["304"].is_object());
    let first = &openapi["paths"]["/first/{id}"]["get"];
    assert!(first["responses"]["409"].is_object());
    assert_eq!(first["parameters"][0]["in"], "path");

    // What is pruned is described no more.
    project.remove("models/prod/others.sql");
    project.write(
        "models/prod/m.yml",
        &YAML.replace("  - name: others\n    expose: {path: /my_sales, filters: false, cache: never}\n", ""),
    );
    project.good(&["prune", "--yes"]);
    server.wait_for("/openapi.json", |openapi| openapi["paths"]["/my_sales"].is_null()).await;
}

#[tokio::test]
async fn what_an_endpoint_cannot_keep_is_told_before_it_is_published() {
    let project = described().await;
    let with = |expose: &str| {
        project.write("models/prod/m.yml", &format!("models: [{{name: sales, expose: {{{expose}}}}}]"));
    };
    // What pages are sorted by is seen by who follows them.
    with("columns: [id], order: [-amount], key: day");
    insta::assert_snapshot!(project.elt(&["run"]).expect(2).stderr, @r"
error[bad-endpoint]: `sales`: `order` names `amount`, which `columns` leaves out
 --> models/prod/m.yml:1:48
  |
1 | models: [{name: sales, expose: {columns: [id], order: [-amount], key: day}}]
  |                                                ^^^^^
  |
  = help: a caller sees what pages are sorted by: add it to `columns`, or take it away

error[bad-endpoint]: `sales`: `key` names `day`, which `columns` leaves out
 --> models/prod/m.yml:1:66
  |
1 | models: [{name: sales, expose: {columns: [id], order: [-amount], key: day}}]
  |                                                                  ^^^
  |
  = help: a caller sees what pages are sorted by: add it to `columns`, or take it away

warning[unproven-key]: `sales`: nothing says that the key day is unique
 --> models/prod/m.yml:1:66
  |
1 | models: [{name: sales, expose: {columns: [id], order: [-amount], key: day}}]
  |                                                                  ^^^
  |
  = help: pages leave rows out where it does not hold: test it with `unique` (of several columns with `unique_combination_of_columns`) and `not_null`, or give it a unique index

2 problems; nothing was run.
");
    // Nothing says that the key holds.
    with("key: [id, day]");
    project
        .good(&["compile"])
        .says("warning[unproven-key]: `sales`: nothing says that the key id, day is unique");
    for proven in [
        "tests: [{unique_combination_of_columns: {combination_of_columns: [id, day]}}], columns: [{name: id, tests: [not_null]}, {name: day, tests: [not_null]}]",
        "columns: [{name: id, tests: [not_null, unique]}, {name: day, tests: [not_null]}]",
    ] {
        let yaml = format!("models: [{{name: sales, expose: {{key: [id, day]}}, {proven}}}]");
        project.write("models/prod/m.yml", &yaml);
        let told = project.good(&["compile"]).stderr;
        assert!(!told.contains("warning"), "{proven}: {told}");
    }
    // A test that only warns, or looks at some rows only, proves nothing.
    let weak = "columns: [{name: id, tests: [not_null, {unique: {config: {severity: warn}}}]}]";
    project.write("models/prod/m.yml", &format!("models: [{{name: sales, expose: {{key: id}}, {weak}}}]"));
    project.good(&["compile"]).says("nothing says that the key id is unique");
    let unique = "columns: [{name: id, tests: [unique]}]";
    project.write("models/prod/m.yml", &format!("models: [{{name: sales, expose: {{key: id}}, {unique}}}]"));
    project.good(&["compile"]).says("`sales`: nothing says that id is never null");

    // A default that its column cannot take.
    with("parameters: [{name: since, column: day, operator: gte, default: 2024-13-40}]");
    let told = "error[bad-endpoint]: `sales`: the default `2024-13-40` of the parameter `since` is none for the \
                column `day`: date/time field value out of range: \"2024-13-40\"\n --> models/prod/m.yml:1:97";
    for command in ["check", "run"] {
        project.elt(&[command]).expect(1).says(told);
    }
    with(
        "parameters: [{name: some, column: id, operator: in, default: '1,x'}, {name: a, column: amount, default: b}]",
    );
    project.elt(&["check"]).expect(1).says("the default `1,x`").says("the default `b`");
    with("order: [daay]");
    project.elt(&["check"]).expect(1).says("`sales` has no column `daay`").says("did you mean `day`?");
}
