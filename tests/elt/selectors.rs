//! dbt's selectors, named ones, earlier states, and reading from another target.

use crate::support::Project;

const YAML: &str = "
sources:
  - {name: shop, schema: public, tables: [{name: orders}]}
models:
  - name: s
    config: {meta: {owner: me}, group: sales_team, access: public}
    columns:
      - {name: id, data_tests: [unique, {not_null: {config: {tags: [odd], severity: warn}}}]}
  - name: p
    columns:
      - name: id
        data_tests: [{relationships: {arguments: {to: \"ref('s')\", field: id}}}]
exposures:
  - {name: board, type: dashboard, tags: [boss], meta: {owner: them}, depends_on: [ref('p')]}
";

async fn shop() -> Project {
    let project = Project::new(&[
        ("profiles.yml", "name: shop\ntarget: prod\ntargets:\n  prod: {}\n  alice: {schema_prefix: alice_, defer: prod}\n  bob: {schema_prefix: bob_}\n"),
        ("models/stage/sales/s.sql", "{{ config(tags=['nightly']) }} select {{ one() }} as id"),
        ("models/stage/sales/o.sql", "select * from {{ source('shop', 'orders') }}"),
        ("models/stage/other/t.sql", "{{ config(materialized='table') }} select id from {{ ref('s') }}"),
        ("models/prod/sales/p.sql", "{{ config(materialized='table') }} select id from {{ ref('t') }}"),
        ("models/prod/sales/q.sql", "select id from {{ ref('p') }}"),
        ("models/shop.yml", YAML),
        ("rules/k.csv", "code\n1\n"),
        ("macros/m.sql", "{% macro one() %}1{% endmacro %}"),
        ("tests/small.sql", "select id from {{ ref('p') }} where id > 5"),
        ("selectors.yml", "selectors:\n  - name: night\n    definition: {union: [{method: tag, value: nightly, children: true, children_depth: 1}, {exclude: ['s']}]}\n  - name: both\n    definition: {union: [{method: selector, value: night}, 'q']}\n"),
    ])
    .await;
    project.database.run("create table public.orders (id int)").await;
    project
}

#[track_caller]
fn listed(project: &Project, arguments: &[&str]) -> String {
    let mut all = vec!["ls"];
    all.extend(arguments);
    project.good(&all).stdout.lines().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn every_method_of_dbt_finds_what_it_names() {
    let project = shop().await;
    for (selector, expected) in [
        ("stage.sales", "stage.s stage.o"),
        ("shop.stage.sales.s", "stage.s"),
        ("stage.o*", "stage.o stage.t"),
        ("models/stage/other", "stage.t"),
        ("t.sql", "stage.t"),
        ("file:t", "stage.t"),
        ("config.meta.owner:me", "stage.s"),
        ("config.tags:nightly", "stage.s"),
        ("config.materialized:ta*", "stage.t prod.p"),
        ("source:shop.orders+", "raw.orders stage.o"),
        ("source:shop", "raw.orders"),
        ("exposure:board", "exposure:board"),
        ("+exposure:board,layer:prod", "prod.p"),
        ("p+", "prod.p prod.q exposure:board"),
        ("tag:boss", "exposure:board"),
        ("config.meta.owner:them", "exposure:board"),
        ("config.tags:boss", "exposure:board"),
        ("selector:night", "stage.t"),
        ("selector:night+1,layer:prod", "prod.p"),
        ("1+selector:both", "stage.s stage.t prod.p prod.q"),
        ("resource_type:seed", "stage.k"),
        ("@t", "stage.s stage.t prod.p prod.q exposure:board"),
        ("package:this,layer:stage", "stage.k stage.s stage.o stage.t"),
        ("package:shop,layer:stage", "stage.k stage.s stage.o stage.t"),
        ("group:sales_team", "stage.s"),
        ("access:public", "stage.s"),
        ("version:none,layer:prod", "prod.p prod.q"),
        ("test_type:generic", "unique_s_id not_null_s_id relationships_p_id"),
        ("test_type:singular", "small"),
        ("test_name:unique", "unique_s_id"),
        ("tag:odd", "not_null_s_id"),
        ("config.severity:warn", "not_null_s_id"),
        ("1+small", "prod.p small"),
        ("relationships_*", "relationships_p_id"),
    ] {
        let mut found: Vec<String> =
            listed(&project, &["--select", selector]).split(' ').map(str::to_owned).collect();
        let mut expected: Vec<&str> = expected.split(' ').collect();
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected, "{selector}");
    }
    assert_eq!(listed(&project, &["--selector", "night"]), "stage.t");
    assert_eq!(listed(&project, &["--selector", "both"]), "stage.t prod.q");
    assert_eq!(listed(&project, &["--resource-type", "exposure", "source"]), "raw.orders exposure:board");
    assert_eq!(
        listed(&project, &["-s", "o", "source:shop", "-o", "selector"]),
        "source:shop.orders shop.stage.sales.o"
    );
    assert_eq!(
        listed(&project, &["-s", "t", "-o", "json", "--output-keys", "name", "unique_id"]),
        r#"{"name":"t","unique_id":"model.shop.t"}"#
    );
}

#[tokio::test]
async fn tests_come_along_as_eagerly_as_asked() {
    let project = shop().await;
    let tests = |how: &str, selector: &str| {
        listed(&project, &["--resource-type", "test", "--select", selector, "--indirect-selection", how])
    };
    assert_eq!(tests("eager", "p"), "relationships_p_id small");
    assert_eq!(tests("cautious", "p"), "small");
    assert_eq!(tests("buildable", "p"), "relationships_p_id small");
    assert_eq!(tests("cautious", "p s"), "unique_s_id not_null_s_id relationships_p_id small");
    project
        .good(&["ls", "--select", "p", "--indirect-selection", "empty", "--resource-type", "test"])
        .says("nothing is selected");
    project.good(&["run"]).says("4 tests passed");
    project
        .good(&["run", "--full-refresh", "--select", "p", "--indirect-selection", "cautious"])
        .says("1 test passed");
    project.good(&["run", "--full-refresh", "--exclude-resource-type", "test"]).says("6 built\n");
    project.good(&["test", "--select", "test_type:singular"]).says("1 test passed");
    project.good(&["test", "--select", "s", "--exclude", "test_name:unique"]).says("2 tests passed");
}

#[tokio::test]
async fn wrong_selectors_are_told_with_the_nearest_name() {
    let project = shop().await;
    for (arguments, message) in [
        (vec!["--select", "tag:nigthly"], "did you mean `nightly`?"),
        (vec!["--select", "colour:red"], "there is no selector method `colour:`"),
        (vec!["--select", "metric:m"], "elt has no `metric:`"),
        (vec!["--select", "test_type:generc"], "did you mean `generic`?"),
        (vec!["--select", "config:table"], "names no word of the config"),
        (vec!["--select", "exposure:bord"], "did you mean `board`?"),
        (vec!["--exclude", "smal"], "did you mean `small`?"),
        (vec!["--selector", "nigt"], "did you mean `night`?"),
        (vec!["--select", "selector:nigt"], "did you mean `night`?"),
        (vec!["--select", "state:modified"], "none is given"),
        (vec!["--select", "state:modified", "--state", "nowhere"], "there is no manifest.json in nowhere"),
    ] {
        let mut all = vec!["ls"];
        all.extend(arguments);
        project.elt(&all).expect(2).says(message);
    }
    project.write("selectors.yml", "selectors:\n  - {name: a, definition: {method: selector, value: a}}\n");
    project.elt(&["ls"]).expect(2).says("in a circle: a -> a").says("selectors.yml:2:12");
    project.write("selectors.yml", "selectors:\n  - {name: a, definition: 'selector:a+'}\n");
    project.elt(&["ls"]).expect(2).says("in a circle: a -> a");
    project.write("selectors.yml", "selectors:\n  - {name: a, default: true, definition: 'tag:nightly'}\n");
    assert_eq!(listed(&project, &[]), "stage.s", "the default selector holds where nothing is selected");
    assert_eq!(listed(&project, &["--select", "t"]), "stage.t");
}

#[tokio::test]
async fn state_compares_what_was_written_and_nothing_else() {
    let project = shop().await;
    project.good(&["run", "--target-path", "before"]);
    let changed = |project: &Project, selector: &str| {
        listed(project, &["--select", selector, "--state", "before", "--target", "bob"])
    };
    assert_eq!(changed(&project, "state:modified"), "", "another target is no change");
    project.good(&["run", "--select", "state:modified", "--state", "before"]).says("nothing has changed");
    project.write(
        "profiles.yml",
        "name: renamed\ntarget: prod\ntargets: {prod: {}, bob: {schema_prefix: b_}}\n",
    );
    assert_eq!(changed(&project, "state:modified"), "", "nor is another name of the project");

    project.write("models/prod/sales/q.sql", "select id + 1 as id from {{ ref('p') }}\r\n");
    project.write(
        "models/stage/other/t.sql",
        "{{ config(materialized='table') }} select id from {{ ref('s') }}\r\n\n",
    );
    assert_eq!(changed(&project, "state:modified"), "prod.q", "line ends are no change");
    project.write("macros/m.sql", "{% macro one() %}2{% endmacro %}");
    assert_eq!(changed(&project, "state:modified"), "stage.s prod.q");
    assert_eq!(changed(&project, "state:modified.macros"), "stage.s");
    project.write(
        "models/shop.yml",
        &YAML.replace("owner: me", "owner: you").replace("- name: p\n", "- name: p\n    description: New.\n"),
    );
    assert_eq!(changed(&project, "state:modified.configs"), "stage.s");
    assert_eq!(changed(&project, "state:modified.persisted_descriptions"), "prod.p");
    assert_eq!(changed(&project, "state:modified.body"), "prod.q");
    assert_eq!(changed(&project, "state:modified.relation"), "");
    assert_eq!(changed(&project, "state:modified.contract"), "");
    assert_eq!(changed(&project, "state:old,layer:prod"), "prod.p prod.q");
    project.write("rules/k.csv", "code\n2\n");
    project.write("models/prod/sales/n.sql", "select 1 as id");
    assert_eq!(changed(&project, "state:new"), "prod.n");
    assert_eq!(changed(&project, "state:modified,layer:prod"), "prod.n prod.q");
    assert!(changed(&project, "state:modified").contains("stage.k"));
    assert!(changed(&project, "state:unmodified").contains("prod.p"));
    project
        .elt(&["ls", "-s", "state:modifed", "--state", "before"])
        .expect(2)
        .says("did you mean `modified`?");

    project.write("tests/small.sql", "select id from {{ ref('p') }}");
    project.elt(&["run", "--target-path", "before"]).expect(1);
    assert_eq!(changed(&project, "result:fail"), "small");
    assert!(changed(&project, "result:success").contains("stage.t"));
    project
        .elt(&["ls", "-s", "source_status:fresher", "--state", "before"])
        .expect(2)
        .says("needs sources.json");
}

#[tokio::test]
async fn a_copy_of_ones_own_stands_on_another_targets_tables() {
    let project = shop().await;
    project.good(&["run", "--target-path", "prod_target"]);
    let ended = project.good(&["run", "--target", "alice", "--select", "p", "q"]);
    ended.says("read from prod: stage.t is stage.t").says("Published 2 relations");
    assert_eq!(
        project.value("select count(*) from pg_class where relnamespace = 'alice_stage'::regnamespace").await,
        "0"
    );
    assert_eq!(project.value("select id from alice_prod.q").await, "1");

    project.elt(&["run", "--target", "bob", "--select", "q"]).expect(2).says("has never been published");
    project.elt(&["run", "--target", "bob", "--select", "q", "--defer"]).expect(2).says("but not to what");
    project
        .elt(&["run", "--target", "alice", "--select", "p", "--no-defer"])
        .expect(2)
        .says("never been published");
    project.good(&["run", "--target", "bob", "--select", "q", "--defer", "--state", "prod_target"]);
    project.good(&["run", "--target", "bob", "--select", "s", "t", "--defer", "prod"]);

    // What stands here is read here, unless the state is favoured.
    project.write("models/stage/other/t.sql", "{{ config(materialized='table') }} select 7 as id");
    project.good(&["run", "--target", "bob", "--select", "t"]);
    project
        .elt(&["run", "--target", "bob", "--select", "p", "--defer", "prod"])
        .expect(1)
        .says("small found 1 row");
    project.good(&["run", "--target", "bob", "--select", "p", "--defer", "prod", "--favor-state"]);
    assert_eq!(project.value("select id from bob_prod.p").await, "1");

    // Prod goes on, with the others' views on its tables.
    project.good(&["run", "--exclude", "t"]);
    project.write(
        "profiles.yml",
        "target: prod\ntargets: {prod: {}, far: {url: 'postgres://127.0.0.1:1/x', schema_prefix: f_}}\n",
    );
    project.elt(&["run", "--select", "q", "--defer", "far"]).expect(2).says("is another database");
}
