//! Versions of a model: files of their own, one name for all of them.

use serde_json::Value;

use crate::support::Project;

const YAML: &str = "models:
  - name: customers
    latest_version: 2
    description: Who buys.
    config: {materialized: table, tags: [crm]}
    columns:
      - {name: id, tests: [unique]}
      - {name: name}
      - {name: phone}
    versions:
      - v: 1
        defined_in: customers
        deprecation_date: 2024-05-01
        columns:
          - include: all
            exclude: [phone]
      - v: 2
        description: Who buys, and how to call them.
      - v: 3
        config: {materialized: view, alias: customers_next}
        columns:
          - include: [id]
          - {name: called, description: The full name.}
";

async fn shop() -> Project {
    Project::new(&[
        ("models/stage/customers.sql", "select 1 as id, 'ann' as name"),
        ("models/stage/customers_v2.sql", "select 1 as id, 'ann' as name, '1' as phone"),
        (
            "models/stage/customers_v3.sql",
            "select 1 as id, 'ann b' as called from {{ ref('customers', version=2) }}",
        ),
        ("models/stage/customers.yml", YAML),
        ("models/prod/latest.sql", "select phone from {{ ref('customers') }}"),
        ("models/prod/pinned.sql", "select called from {{ ref('customers', v=3) }}"),
        ("models/prod/old.sql", "select name from {{ ref('customers', v='1') }}"),
        (
            "tests/u.yml",
            "unit_tests:
  - name: the_old_ones
    model: old
    given: [{input: \"ref('customers', v=1)\", rows: [{name: x}]}]
    expect: {rows: [{name: x}]}
",
        ),
    ])
    .await
}

#[tokio::test]
async fn a_reference_without_a_version_is_to_the_latest_one() {
    let project = shop().await;
    let ended = project.good(&["run"]);
    insta::assert_snapshot!(ended.stderr.split("\nelt run").next().unwrap_or_default(), @r"
    warning[deprecated]: `old` refers to `customers.v1`, which is deprecated since 2024-05-01
     --> models/prod/old.sql:1:26
      |
    1 | select name from {{ ref('customers', v='1') }}
      |                          ^^^^^^^^^
      |
      = help: the latest version is 2: ref('customers', v=2)
    ");
    let made = "select string_agg(format('%s.%s %s', n.nspname, c.relname, c.relkind), ', ' order by c.relname) from pg_class c \
                join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'stage'";
    assert_eq!(
        project.value(made).await,
        "stage.customers_next v, stage.customers_v1 r, stage.customers_v2 r"
    );
    assert_eq!(project.value("select phone from prod.latest").await, "1");
    assert_eq!(project.value("select called from prod.pinned").await, "ann b");
    assert_eq!(project.value("select name from prod.old").await, "ann");
    let described = "select obj_description('stage.customers_v2'::regclass) || col_description('stage.customers_next'::regclass, 2)";
    assert_eq!(project.value(described).await, "Who buys, and how to call them.The full name.");

    let listed = |selected: &str| {
        let ended = project.good(&["ls", "--output", "name", "--select", selected]);
        ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(listed("version:latest"), "stage.customers_v2");
    assert_eq!(listed("version:old"), "stage.customers_v1");
    assert_eq!(listed("version:prerelease"), "stage.customers_next");
    assert_eq!(listed("version:none"), "prod.old prod.latest prod.pinned");
    assert_eq!(listed("customers"), "stage.customers_v1 stage.customers_v2 stage.customers_next");
    assert_eq!(listed("customers.v2"), "stage.customers_v2");
    assert_eq!(listed("customers_v2"), "stage.customers_v2");
    assert_eq!(listed("customers.v1+"), "stage.customers_v1 prod.old");

    let manifest = std::fs::read_to_string(project.root.join("target/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let package = manifest["metadata"]["project_name"].as_str().unwrap();
    let node = &manifest["nodes"][format!("model.{package}.customers.v1")];
    insta::assert_json_snapshot!(
        serde_json::json!([
            node["name"], node["alias"], node["version"], node["latest_version"], node["deprecation_date"],
            node["columns"].as_object().unwrap().keys().collect::<Vec<_>>(),
            manifest["nodes"][format!("model.{package}.pinned")]["refs"],
        ]), @r#"
    [
      "customers",
      "customers_v1",
      1,
      2,
      "2024-05-01T00:00:00Z",
      [
        "id",
        "name"
      ],
      [
        {
          "name": "customers",
          "package": null,
          "version": 3
        }
      ]
    ]
    "#);
}

#[tokio::test]
async fn what_is_wrong_with_versions_is_told() {
    let project = shop().await;
    project.write("models/prod/none.sql", "select 1 from {{ ref('customers', v=4) }}");
    let ended = project.elt(&["compile"]).expect(2);
    insta::assert_snapshot!(ended.stderr.trim_end(), @r"
    error[unknown-ref]: there is no model or rule `customers.v4`
     --> models/prod/none.sql:1:23
      |
    1 | select 1 from {{ ref('customers', v=4) }}
      |                       ^^^^^^^^^
      |
      = help: `customers` has the versions 1, 2, 3

    warning[deprecated]: `old` refers to `customers.v1`, which is deprecated since 2024-05-01
     --> models/prod/old.sql:1:26
      |
    1 | select name from {{ ref('customers', v='1') }}
      |                          ^^^^^^^^^
      |
      = help: the latest version is 2: ref('customers', v=2)

    1 problem; nothing was run.
    ");
    project.remove("models/prod/none.sql");
    project.write("models/stage/customers.yml", &YAML.replace("v: 3", "v: 2"));
    let ended = project.elt(&["compile"]).expect(2);
    insta::assert_snapshot!(ended.stderr.trim_end(), @r"
    error[bad-version]: `customers` has a version `2`
      --> models/stage/customers.yml:19:12
       |
    19 |       - v: 2
       |            ^
       |
       = help: `v` is a number or a word, and each version has its own

    error[unknown-ref]: there is no model or rule `customers.v1`
     --> models/prod/old.sql:1:26
      |
    1 | select name from {{ ref('customers', v='1') }}
      |                          ^^^^^^^^^
      |
      = help: `customers` has no versions

    error[unknown-ref]: there is no model or rule `customers.v3`
     --> models/prod/pinned.sql:1:28
      |
    1 | select called from {{ ref('customers', v=3) }}
      |                            ^^^^^^^^^
      |
      = help: `customers` has no versions

    error[unknown-ref]: there is no model or rule `customers.v2`
     --> models/stage/customers_v3.sql:1:48
      |
    1 | select 1 as id, 'ann b' as called from {{ ref('customers', version=2) }}
      |                                                ^^^^^^^^^
      |
      = help: `customers` has no versions

    4 problems; nothing was run.
    ");
    for (before, after, told) in [
        (
            "latest_version: 2",
            "latest_version: 7",
            "error[bad-version]: `customers` has no version `7` to be its latest",
        ),
        ("2024-05-01", "soon", "error[bad-date]: the deprecation_date \"soon\" is no date"),
    ] {
        project.write("models/stage/customers.yml", &YAML.replace(before, after));
        project.elt(&["compile"]).expect(2).says(told);
    }
    project.write("models/stage/customers.yml", &YAML.replace("v: 3", "v: 5"));
    let told = "warning[unknown-model]: `customers_v5` is described, but there is no such model or rule";
    project.elt(&["compile"]).says(told);
    // The latest may lie in a file without its number.
    project.write(
        "models/stage/customers.yml",
        &YAML
            .replace("        defined_in: customers\n", "")
            .replace("latest_version: 2", "latest_version: 1"),
    );
    assert_eq!(
        project.good(&["compile", "--select", "latest"]).stdout.matches("\"customers_v1\"").count(),
        1
    );
    project.write(
        "models/stage/customers.yml",
        &YAML
            .replace("defined_in: customers", "defined_in: customers_v2")
            .replace("v: 2", "defined_in: customers_v3\n        v: 2")
            .replace("      - v: 3", "      - v: 0"),
    );
    project.elt(&["compile"]).expect(2);
}
