//! What other tools read: dbt's artifacts.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::Project;

/// One of everything that a manifest can hold.
async fn everything() -> Project {
    Project::new(&[
        ("profiles.yml", "name: shop\ntarget: dev\n"),
        ("models/raw/sales/r.sql", "{{ config(materialized='load', source='r.csv') }}\nid int,\nname text"),
        ("r.csv", "id,name\n1,a\n2,b\n"),
        (
            "models/stage/sales/s.sql",
            "{{ config(tags=['nightly'], meta={'owner': 'me'}) }}\nselect id, {{ twice('id') }} as two, name, \
             '{{ env_var('API_TOKEN') }}' as token from {{ ref('r') }}",
        ),
        ("models/stage/sales/e.sql", "{{ config(materialized='ephemeral') }} select id from {{ ref('s') }}"),
        (
            "models/stage/sales/i.sql",
            "{{ config(materialized='incremental', unique_key='id') }} select id from {{ ref('e') }} \
             {% if is_incremental() %}where id > 1{% endif %}",
        ),
        ("models/prod/sales/p.sql", "{{ config(materialized='table') }} select s.id, k.label from {{ ref('s') }} s left join {{ ref('k') }} k on k.code = s.id"),
        ("models/prod/sales/q.sql", "select count(*) as n from {{ ref('p') }}"),
        ("models/stage/sales/o.sql", "select * from {{ source('shop', 'orders') }}"),
        (
            "models/sales.yml",
            "version: 2\nsources:\n  - {name: shop, schema: public, description: The shop., tables: [{name: orders, identifier: shop_orders}]}\n\
             models:\n  - name: s\n    description: \"{{ doc('grain') }}\"\n    meta: {pii: true}\n    columns:\n      - {name: id, description: The key., data_type: integer, meta: {a: 1}, data_tests: [unique, not_null]}\n      - name: name\n        data_tests:\n          - accepted_values: {arguments: {values: [a, b]}, config: {severity: warn, where: id > 0, tags: [odd]}}\n\
             rules:\n  - {name: k, description: Labels.}\n\
             exposures:\n  - name: board\n    type: dashboard\n    maturity: high\n    url: https://example.org/board\n    owner: {name: Ann, email: ann@example.org}\n    description: What the boss looks at.\n    depends_on: [ref('p'), ref('q'), \"source('shop', 'orders')\"]\n    tags: [boss]\n",
        ),
        ("models/sales.md", "{% docs grain %}\nOne row a sale.\n{% enddocs %}\n"),
        ("rules/k.csv", "code,label\n1,one\n"),
        ("macros/m.sql", "{% macro once(c) %}{{ c }}{% endmacro %}\n{% macro twice(c) %}2 * {{ once(c) }}{% endmacro %}"),
        (
            "models/prod/sales/promised.sql",
            "{{ config(materialized='table', group='finance', access='public') }} select id, label from {{ ref('p') }}",
        ),
        ("models/prod/sales/off.sql", "{{ config(enabled=false, tags=['old']) }} select 1 as n from {{ ref('s') }}"),
        (
            "models/stage/sales/kept.sql",
            "{{ config(materialized='snapshot', unique_key='id', strategy='check', check_cols='all') }} select id from {{ ref('s') }}",
        ),
        (
            "models/promised.yml",
            "sources:\n  - name: till\n    schema: public\n    tables: [{name: days, columns: [{name: id, data_tests: [not_null]}]}]\n\
             models:\n  - name: promised\n    config: {contract: {enforced: true}}\n    constraints: [{type: primary_key, columns: [id]}]\n    \
             data_tests:\n      - dbt_utils.equal_rowcount: {arguments: {compare_model: ref('p')}, description: No row is lost.}\n    \
             columns:\n      - {name: id, data_type: integer, tags: [key], constraints: [{type: not_null}, {type: check, expression: id > 0, name: positive}]}\n      \
             - {name: label, data_type: text}\n",
        ),
        ("selectors.yml", "selectors:\n  - {name: night, description: By night., definition: 'tag:nightly'}\n"),
        ("tests/unit.yml", "unit_tests:\n  - name: names_are_kept\n    model: s\n    description: a unit test\n    given: [{input: ref('r'), rows: [{id: 1, name: a}]}]\n    overrides: {vars: {x: 1}}\n    expect: {format: sql, rows: select 1 as id}\n"),
        ("tests/no_gap.sql", "select 1 where not exists (select from {{ ref('s') }})"),
        ("tests/small.sql", "{{ config(severity='warn') }} select * from {{ ref('p') }}"),
    ])
    .await
    .env("API_TOKEN", "swordfish99")
    .env("DBT_ENV_CUSTOM_ENV_BRANCH", "main")
}

fn artifact(project: &Project, name: &str) -> Value {
    let path = project.root.join("target").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(!text.contains("swordfish99"), "a secret is in {name}");
    serde_json::from_str(&text).unwrap()
}

/// Reads them as dbt's tools do, where the parser is there (`scripts/test-artifacts.sh` sees to that).
fn parsed_by_dbts_parser(folder: &Path, names: &[&str]) {
    let Some(python) = std::env::var_os("ELT_TEST_ARTIFACTS_PYTHON") else {
        eprintln!(
            "LEFT OUT: {names:?} were not read by dbt-artifacts-parser; scripts/test-artifacts.sh does it"
        );
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/artifacts/parse.py");
    let output = Command::new(python).arg(script).arg(folder).args(names).output().expect("python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_run_writes_manifest_results_and_catalog_as_dbt_does() {
    let project = everything().await;
    project.database.run("create table public.shop_orders (id int, amount numeric(12, 2))").await;
    project.database.run("create table public.days (id int)").await;
    project.good(&["run"]);
    project.good(&["catalog"]).says("relations described in");

    let manifest = artifact(&project, "manifest.json");
    assert_eq!(manifest["metadata"]["project_name"], "shop");
    assert_eq!(manifest["metadata"]["env"]["BRANCH"], "main");
    let s = &manifest["nodes"]["model.shop.s"];
    assert_eq!(s["description"], "One row a sale.");
    assert_eq!(s["fqn"], serde_json::json!(["shop", "stage", "sales", "s"]));
    assert_eq!(s["depends_on"]["nodes"], serde_json::json!(["model.shop.r"]));
    assert_eq!(s["depends_on"]["macros"], serde_json::json!(["macro.shop.twice"]));
    assert_eq!(s["config"]["meta"], serde_json::json!({"owner": "me", "pii": true}));
    assert_eq!(s["columns"]["id"]["data_type"], "integer");
    assert!(s["compiled_code"].as_str().unwrap().contains("'***' as token"), "{s}");
    assert_eq!(manifest["macros"]["macro.shop.twice"]["depends_on"]["macros"][0], "macro.shop.once");
    assert_eq!(manifest["nodes"]["seed.shop.k"]["resource_type"], "seed");
    assert_eq!(manifest["sources"]["source.shop.shop.orders"]["identifier"], "shop_orders");
    assert_eq!(manifest["child_map"]["model.shop.q"], serde_json::json!(["exposure.shop.board"]));
    let values = manifest["nodes"].as_object().unwrap().values();
    let values = values.into_iter().find(|node| node["name"] == "accepted_values_s_name").unwrap();
    assert_eq!(values["config"]["severity"], "WARN");
    assert_eq!(values["attached_node"], "model.shop.s");
    assert!(values["unique_id"].as_str().unwrap().starts_with("test.shop.accepted_values_s_name."));

    let promised = &manifest["nodes"]["model.shop.promised"];
    assert_eq!(promised["contract"]["enforced"], true);
    assert_eq!(promised["contract"]["checksum"].as_str().map(str::len), Some(64));
    assert_eq!(promised["constraints"][0]["type"], "primary_key");
    assert_eq!(promised["constraints"][0]["columns"], serde_json::json!(["id"]));
    assert_eq!(promised["primary_key"], serde_json::json!(["id"]));
    assert_eq!(promised["columns"]["id"]["tags"], serde_json::json!(["key"]));
    assert_eq!(promised["columns"]["id"]["constraints"][1]["name"], "positive");
    assert_eq!((&promised["group"], &promised["access"]), (&"finance".into(), &"public".into()));
    assert_eq!(manifest["groups"]["group.shop.finance"]["name"], "finance");
    assert_eq!(manifest["group_map"]["finance"], serde_json::json!(["model.shop.promised"]));
    assert_eq!(manifest["selectors"]["night"]["definition"], "tag:nightly");
    let off = &manifest["disabled"]["model.shop.off"][0];
    assert_eq!((&off["config"]["enabled"], &off["tags"]), (&false.into(), &serde_json::json!(["old"])));
    assert_eq!(manifest["nodes"]["model.shop.off"], Value::Null);
    let kept = &manifest["nodes"]["snapshot.shop.kept"];
    assert_eq!((&kept["resource_type"], &kept["config"]["strategy"]), (&"snapshot".into(), &"check".into()));
    let by_name = |name: &str| {
        let mut nodes = manifest["nodes"].as_object().unwrap().values();
        nodes.find(|node| node["name"] == name).unwrap_or_else(|| panic!("{name}"))
    };
    let counted = by_name("equal_rowcount_promised");
    assert_eq!(counted["description"], "No row is lost.");
    assert_eq!(counted["test_metadata"]["namespace"], "dbt_utils");
    assert_eq!(counted["raw_code"], "{{ dbt_utils.test_equal_rowcount(**_dbt_generic_test_kwargs) }}");
    let days = by_name("not_null_till_days_id");
    assert_eq!(days["file_key_name"], "sources.till_days");
    assert_eq!(days["attached_node"], Value::Null);
    assert_eq!(days["test_metadata"]["kwargs"]["model"], "{{ get_where_subquery(source('till', 'days')) }}");

    let results = artifact(&project, "run_results.json");
    let status = |id: &str| {
        let found = results["results"].as_array().unwrap().iter().find(|result| result["unique_id"] == id);
        found.map(|result| result["status"].as_str().unwrap().to_owned())
    };
    assert_eq!(status("model.shop.p").as_deref(), Some("success"));
    assert_eq!(status("snapshot.shop.kept").as_deref(), Some("success"));
    assert_eq!(status("test.shop.no_gap").as_deref(), Some("pass"));
    assert_eq!(status("unit_test.shop.s.names_are_kept").as_deref(), Some("pass"));
    let unit = &manifest["unit_tests"]["unit_test.shop.s.names_are_kept"];
    assert_eq!(unit["given"][0]["rows"], serde_json::json!([{"id": 1, "name": "a"}]));
    assert_eq!(unit["expect"]["format"], "sql");
    assert_eq!(status("test.shop.small").as_deref(), Some("warn"));
    assert_eq!(results["args"]["which"], "run");
    assert_eq!(results["metadata"]["invocation_id"].as_str().unwrap().len(), 36);

    let catalog = artifact(&project, "catalog.json");
    assert_eq!(catalog["nodes"]["model.shop.p"]["metadata"]["type"], "BASE TABLE");
    assert_eq!(catalog["nodes"]["model.shop.s"]["columns"]["id"]["comment"], "The key.");
    assert_eq!(catalog["nodes"]["model.shop.p"]["stats"]["num_rows"]["value"], 2);
    assert_eq!(catalog["sources"]["source.shop.shop.orders"]["columns"]["amount"]["type"], "numeric(12,2)");

    parsed_by_dbts_parser(&project.root.join("target"), &["manifest", "run_results", "catalog"]);
}

#[tokio::test]
async fn a_failure_is_in_the_results_and_a_folder_that_cannot_be_written_to_is_a_note() {
    let project = Project::new(&[
        ("models/stage/good.sql", "select 1 as n"),
        ("models/stage/broken.sql", "select 1 / (n - 1) as n from {{ ref('good') }}"),
        ("models/stage/table.sql", "{{ config(materialized='table') }} select n from {{ ref('broken') }}"),
        ("models/prod/after.sql", "select n from {{ ref('table') }}"),
        ("tests/wrong.sql", "select n from {{ ref('good') }}"),
        ("in_the_way", ""),
    ])
    .await;
    project.elt(&["run", "--target-path", "elsewhere"]).expect(1);
    let path = project.root.join("elsewhere/run_results.json");
    let results: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let results: Vec<(String, String)> = results["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| {
            let id = result["unique_id"].as_str().unwrap().rsplit('.').next().unwrap().to_owned();
            (id, result["status"].as_str().unwrap().to_owned())
        })
        .collect();
    for (id, status) in [("good", "success"), ("table", "skipped"), ("wrong", "fail"), ("after", "skipped")] {
        assert!(results.contains(&(id.to_owned(), status.to_owned())), "{id} {status}: {results:?}");
    }

    assert!(!project.root.join("target").exists());
    project.remove("tests/wrong.sql");
    project.remove("models/stage/table.sql");
    project.remove("models/prod/after.sql");
    project.good(&["run", "--target-path", "in_the_way"]).says("manifest.json was not written");
    project.good(&["run", "--no-write-json"]);
    assert!(!project.root.join("target").exists());
    project.write("target/debug/of_cargo", "");
    project.good(&["compile"]);
    assert!(project.root.join("target/manifest.json").exists());
    project.good(&["clean"]).says("removed");
    assert!(!project.root.join("target/manifest.json").exists());
    assert!(project.root.join("target/debug/of_cargo").exists(), "only elt's own files are removed");
}

#[tokio::test]
async fn what_is_wrong_with_exposures_docs_blocks_and_names_is_told() {
    let project = Project::new(&[
        ("models/stage/a.sql", "select 1 as n"),
        (
            "models/a.yml",
            "models: [{name: a, description: \"{{ doc('graim') }}\"}]\nexposures:\n  - {name: b, type: dashboard, depends_on: [ref('aa')]}\n  - {name: b, type: dashboard}\n",
        ),
        ("models/a.md", "{% docs grain %}x{% enddocs %}"),
    ])
    .await;
    project
        .elt(&["ls"])
        .expect(2)
        .says("there is no docs block `graim`")
        .says("did you mean `grain`?")
        .says("there is no model or rule `aa`")
        .says("`b` is exposed twice");
    project.write("profiles.yml", "name: my shop\n");
    project.elt(&["ls"]).expect(2).says("the project's name `my shop` is no identifier");
}

#[tokio::test]
async fn what_is_switched_off_is_told_apart_whatever_it_is() {
    let project = Project::new(&[
        ("profiles.yml", "name: shop\ntarget: dev\n"),
        ("models/prod/a.sql", "select 1 as id"),
        (
            "models/prod/a.yml",
            "sources:
  - name: till
    tables: [{name: days, config: {enabled: false}}, {name: hours}]
models:
  - name: a
    columns:
      - name: id
        tests: [{unique: {config: {enabled: false}}}, not_null]
exposures:
  - {name: board, type: dashboard, owner: {name: ann}, depends_on: [metric('gone')], config: {enabled: false}}
",
        ),
        ("tests/off.sql", "{{ config(enabled=false) }} select * from {{ ref('gone') }}"),
        ("rules/old.csv", "this, is: \"no table"),
        ("rules/old.yml", "rules: [{name: old, config: {enabled: false}}]"),
    ])
    .await;
    project.good(&["run", "--select", "a"]);
    let manifest = artifact(&project, "manifest.json");
    let disabled = manifest["disabled"].as_object().unwrap();
    let mut told: Vec<String> = disabled
        .iter()
        .map(|(id, all)| format!("{} {} {}", all[0]["resource_type"], id, all[0]["config"]["enabled"]))
        .collect();
    told.sort();
    insta::assert_snapshot!(told.join("\n"), @r#"
    "exposure" exposure.shop.board false
    "seed" seed.shop.old false
    "source" source.shop.till.days false
    "test" test.shop.off false
    "test" test.shop.unique_a_id.68a9fe67d2 false
    "#);
    for (id, all) in disabled {
        assert_eq!(all[0]["unique_id"], id.as_str());
    }
    for part in ["nodes", "sources", "exposures"] {
        assert!(manifest[part].as_object().unwrap().keys().all(|id| !disabled.contains_key(id)), "{part}");
    }
}
