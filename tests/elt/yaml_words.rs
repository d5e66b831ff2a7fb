//! What projects that come from dbt write in YAML: templates in the config of a test, words of their own,
//! anchors, more comments than a parser keeps.

use crate::support::Project;

const YAML: &str = r#"
x-common:
  - &stored
    materialized: table
anchors:
  - &key {name: id, data_tests: [unique]}
something_of_another_tool: {a: 1}
models:
  - name: orders
    description: first
    description: second
    time_spine: {standard_granularity_column: day}
    meta: {owner: us}
    config:
      <<: *stored
      meta: {since: 2019}
      grants: {+select: public}
      transient: true
    columns:
      - *key
      - name: day
        granularity: day
        data_tests:
          - not_null:
              config:
                enabled: "{{ target.name == 'nowhere' }}"
      - name: state
        data_tests:
          - accepted_values:
              values: [done]
              config:
                description: What is open comes later.
                severity: "{{ var('strictness') }}"
                error_if: ">{{ var('many') }}"
                limit: "{{ var('many') }}"
                where: "id < {{ var('many') }}"
                owner: us
          - not_null: {config: , arguments: }
  - name: headed
    description: "{{ var('strictness') }} {% if var('many') > 4 %}often{% endif %}"
    config: {sql_header: "set local elt_words.here = 'said before'"}
sources:
  - name: nothing_yet
  - name: lake
    schema: elsewhere
    meta: {owner: us}
    config: {meta: {since: 2020}, tags: [far]}
    tags: [raw]
    tables:
      - name: files
        external: {location: "s3://lake"}
        config: {freshness: {warn_after: {count: "{{ var('many') }}", period: day}}}
seeds:
  - name: regions
    config: {alias: all_regions, enabled: yes}
"#;

#[tokio::test]
async fn words_that_projects_from_dbt_have_in_yaml_do_what_they_did() {
    let comments = "# a line that a person wrote\n".repeat(3000);
    let project = Project::new(&[
        ("profiles.yml", "target: dev\ntargets: {dev: {}}\nvars: {strictness: warn, many: 5}\ntests: {+tags: all, +nosuchtool: 1}\n"),
        ("models/stage/orders.sql", "select * from (values (1, current_date, 'open'), (2, current_date, 'done')) t(id, day, state)"),
        ("models/stage/headed.sql", "{{ config(materialized='table') }} select current_setting('elt_words.here') as said from {{ ref('regions') }}"),
        ("rules/regions.csv", "code\nwest\n"),
        ("models/words.yml", &format!("{comments}{YAML}")),
    ])
    .await;
    // Editors are told of fewer words than elt takes: what it takes with a warning is not worth writing.
    let ran = project.elt(&["run"]).expect(0);
    insta::assert_snapshot!(warnings(&ran.stderr), @"
    warning[duplicate-key]: `description` is written twice here: the last one holds
    warning[unknown-key]: the key `something_of_another_tool` says nothing here
    warning[unknown-config]: config has no word `nosuchtool`: it says nothing here
    warning[unknown-config]: config has no word `transient`: it says nothing here
    warning[unknown-config]: config has no word `owner`: it says nothing here
    warning[test-failed]: accepted_values_orders_state found 1 row
    ");
    assert_eq!(project.value("select said from stage.headed").await, "said before");
    let described = "select obj_description('stage.headed'::regclass)";
    assert_eq!(project.value(described).await, "warn often");
    assert_eq!(project.value("select code from stage.all_regions").await, "west");
    let may = "select (relacl::text like '%,=r/%')::text from pg_class where oid = 'stage.orders'::regclass";
    assert_eq!(project.value(may).await, "true", "granted to all");
    let listed = project.elt(&["ls", "--resource-type", "test", "--output", "json"]).expect(0).stdout;
    assert!(listed.contains("unique_orders_id") && !listed.contains("not_null_orders_day"), "{listed}");
    let lake =
        project.elt(&["ls", "-s", "source:lake,tag:far,tag:raw,config.meta.since:2020,config.meta.owner:us"]);
    lake.expect(0).prints("raw.files");
    let both = "config.meta.since:2019,config.meta.owner:us";
    project.elt(&["ls", "-s", both, "--resource-type", "model"]).expect(0).prints("stage.orders");
    project.elt(&["test", "--select", "orders"]).expect(0).says("warn");
    project.elt(&["test", "--select", "orders", "--vars", "{strictness: error, many: 0}"]).expect(0);
    project.elt(&["test", "--select", "orders", "--vars", "{strictness: odd}"]).expect(2);
}

fn warnings(told: &str) -> String {
    told.lines().filter(|line| line.starts_with("warning[")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_slip_among_the_keys_of_a_file_is_an_error_and_another_key_a_warning() {
    let project = Project::new(&[
        ("models/stage/a.sql", "select 1 as c"),
        ("models/a.yml", "modles: [{name: a}]\n"),
        ("models/b.yml", "x-anything: 1\nlabels: {a: b}\n"),
    ])
    .await;
    project.elt(&["ls"]).expect(2).says("unknown field `modles`").says("models/a.yml:1:1");
    project.write("models/a.yml", "models: [{name: a}]\n");
    let listed =
        project.elt(&["ls"]).expect(0).says("warning[unknown-key]: the key `labels` says nothing here");
    assert!(!listed.stderr.contains("x-anything"), "{listed}");
}
