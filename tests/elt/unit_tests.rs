//! Unit tests: a model on a few given rows, before anything was ever built.

use crate::support::{Ended, Project};

const FILES: &[(&str, &str)] = &[
    ("profiles.yml", "target: dev\nvars: {rate: 2}\n"),
    (
        "models/raw/orders.sql",
        "{{ config(source='orders.csv') }} id int, amount numeric(12,2), placed_at date, note text",
    ),
    ("models/stage/sources.yml", "sources: [{name: shop, schema: shop_app, tables: [{name: people}]}]"),
    (
        "models/stage/late.sql",
        "{{ config(materialized='ephemeral') }} select * from {{ ref('orders') }} where placed_at < current_date - 30",
    ),
    (
        "models/stage/totals.sql",
        "{{ config(materialized='incremental', unique_key='id') }}
select o.id, o.amount * {{ var('rate') }} as total, coalesce(o.note, '') as note, p.name
from {{ ref('late') }} as o left join {{ source('shop', 'people') }} as p on p.id = o.id
{% if is_incremental() %}where o.id > (select coalesce(max(id), 0) from {{ this }}){% endif %}",
    ),
    ("tests/fixtures/two_people.csv", "id,name\n1,Ann\n2,\n"),
    ("tests/fixtures/new_people.sql", "select 9 as id, 'Zoe' as name"),
];

const GOOD: &str = r#"
unit_tests:
  - name: totals_double_the_amount
    model: totals
    description: with rows of every form
    given:
      - input: ref('orders')
        rows:
          - {id: 1, amount: 10, placed_at: 2020-01-01, note: "it's"}
          - {id: 2, amount: 0.5, placed_at: '2020-01-02'}
          - {id: 3, amount: 1, placed_at: 2999-01-01}
      - input: source('shop', 'people')
        format: csv
        fixture: two_people
    expect:
      rows:
        - {id: 2, total: 1, note: '', name: null}
        - {id: 1, total: 20.0, note: "it's", name: Ann}
  - name: later_runs_take_new_rows_only
    model: totals
    config: {tags: [quick]}
    overrides: {macros: {is_incremental: true}, vars: {rate: 10}}
    given:
      - input: ref('orders')
        format: csv
        rows: |
          id,amount,placed_at
          1,1,2020-01-01
          2,2,2020-01-01
          3,3,2999-02-28
      - {input: this, rows: [{id: 1}]}
    expect: {rows: [{id: 2, total: 20}]}
  - name: an_ephemeral_parent_can_be_given
    model: totals
    given:
      - {input: ref('late'), rows: [{id: 9, amount: 1}]}
      - {input: "source('shop', 'people')", format: sql, fixture: new_people}
    expect: {format: sql, rows: "select 9 as id, 2 as total, 'Zoe' as name"}
  - {name: no_rows_give_none, model: totals, expect: {rows: []}}
  - {name: off, model: totals, config: {enabled: false}, expect: {rows: [{id: 1}]}}
"#;

async fn project(tests: &str) -> Project {
    let project = Project::new(FILES).await;
    project.write("tests/totals.yml", tests);
    project.database.run("create schema shop_app; create table shop_app.people (id int, name text)").await;
    project
}

/// The diagnostics alone.
fn told(ended: &Ended) -> String {
    let lines = ended.stderr.lines().skip_while(|line| !line.contains("error["));
    let lines = lines.take_while(|line| !line.contains(" failed in "));
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

#[tokio::test]
async fn models_are_tested_on_given_rows_before_anything_is_built() {
    let project = project(GOOD).await;
    project.good(&["test"]).says("4 tests passed");
    assert_eq!(project.value("select count(*) from pg_namespace where nspname like 'elt_check%'").await, "0");
}

#[tokio::test]
async fn a_failure_shows_the_rows_that_differ_under_each_other() {
    let tests = r#"
unit_tests:
  - name: totals_are_wrong
    model: totals
    given:
      - input: ref('orders')
        rows:
          - {id: 1, amount: 10, placed_at: 2020-01-01}
          - {id: 2, amount: 20, placed_at: 2020-01-01}
          - {id: 3, amount: 30, placed_at: 2020-01-01}
    expect:
      rows:
        - {id: 1, total: 20.00, name: null}
        - {id: 2, total: 41, name: Bob}
        - {id: 4, total: 80, name: Dan}
"#;
    let project = project(tests).await;
    let ended = project.elt(&["test"]).expect(1);
    insta::assert_snapshot!(told(&ended), @r#"
    error[unit-test-failed]: totals_are_wrong: the rows of totals are not those expected
     --> tests/totals.yml:3:11
      |
    3 |   - name: totals_are_wrong
      |           ^^^^^^^^^^^^^^^^
      |
      = help: - expected, + actual
                id  total    name
              - 2   *41*     *Bob*
              + 2   *40.00*  *NULL*
              - 4   80       Dan
              + 3   60.00    NULL
              not given, and so empty: people
    "#);
}

#[tokio::test]
async fn wrong_names_in_unit_tests_are_told_at_their_place() {
    let tests = r#"
unit_tests:
  - {name: a, model: total, expect: {rows: []}}
  - name: b
    model: totals
    given: [{input: ref('order'), rows: []}]
    expect: {rows: []}
  - {name: m, model: totals, overrides: {macros: {today: x}}, expect: {rows: []}}
  - name: c
    model: totals
    given: [{input: "source('shop', 'people')", fixture: two_peple, format: csv}]
    expect: {rows: []}
"#;
    let project = project(tests).await;
    let fixture = project.elt(&["compile"]).expect(2);
    fixture.says("there is no fixture `two_peple`").says("did you mean `two_people`?");
    project.write("tests/totals.yml", tests.split("  - name: c").next().unwrap_or_default());
    insta::assert_snapshot!(told(&project.elt(&["compile"]).expect(2)), @r#"
    error[unknown-model]: there is no model `total`
     --> tests/totals.yml:3:22
      |
    3 |   - {name: a, model: total, expect: {rows: []}}
      |                      ^^^^^
      |
      = help: did you mean `totals`?

    error[unknown-input]: `totals` does not read ref('order')
     --> tests/totals.yml:6:21
      |
    6 |     given: [{input: ref('order'), rows: []}]
      |                     ^^^^^^^^^^^^
      |
      = help: did you mean `orders`?

    error[unknown-macro]: there is no macro `today`
     --> tests/totals.yml:8:51
      |
    8 |   - {name: m, model: totals, overrides: {macros: {today: x}}, expect: {rows: []}}
      |                                                   ^^^^^

    3 problems; nothing was run.
    "#);

    let tests = r#"
unit_tests:
  - name: column
    model: totals
    given: [{input: ref('orders'), rows: [{idd: 1}]}]
    expect: {rows: []}
  - name: value
    model: totals
    given: [{input: ref('orders'), rows: [{id: one}]}]
    expect: {rows: []}
  - name: expected
    model: totals
    given: [{input: ref('orders'), rows: [{id: 1}]}]
    expect: {rows: [{totale: 1}]}
"#;
    project.write("tests/totals.yml", tests);
    insta::assert_snapshot!(told(&project.elt(&["test"]).expect(1)), @r#"
    error[unknown-column]: there is no column `idd`
     --> tests/totals.yml:5:44
      |
    5 |     given: [{input: ref('orders'), rows: [{idd: 1}]}]
      |                                            ^^^
      |
      = help: did you mean `id`?

    error[bad-value]: invalid input syntax for type integer: "one"
     --> tests/totals.yml:9:13
      |
    9 |     given: [{input: ref('orders'), rows: [{id: one}]}]
      |             ^

    error[unknown-column]: there is no column `totale`
      --> tests/totals.yml:14:22
       |
    14 |     expect: {rows: [{totale: 1}]}
       |                      ^^^^^^
       |
       = help: did you mean `total`?
    "#);
}

/// A model with all that a unit test may override, and columns of JSON and lists.
const SPELLED: &[(&str, &str)] = &[
    ("profiles.yml", "name: shop\ntarget: dev\n"),
    (
        "macros/day.sql",
        "{% macro today() %}current_date{% endmacro %}\n{% macro yesterday(days=1) %}({{ today() }} - {{ days }}){% endmacro %}",
    ),
    (
        "models/raw/events.sql",
        "{{ config(source='events.csv') }} id int, payload jsonb, kinds text[], notes json, seen date",
    ),
    ("events.csv", "id,payload,kinds,notes,seen\n1,\"{}\",{},\"{}\",2020-01-01\n"),
    (
        "models/stage/late_events.sql",
        "{{ config(materialized='table') }} select id, payload -> 'a' as a, payload, kinds, notes, {{ dbt.current_timestamp() }} as at \
         from {{ ref('events') }} where seen < {{ yesterday(2) }} {% if env_var('REGION', 'eu') == 'us' %}and id > 1{% endif %}",
    ),
    ("models/prod/late_count.sql", "select count(*) as n from {{ ref('late_events') }}"),
];

const SPELLED_TESTS: &str = r#"
unit_tests:
  - name: macros_and_values_of_every_form
    model: late_events
    overrides:
      macros: {today: "date '2024-03-10'", dbt.current_timestamp: "timestamptz '2024-03-10 12:00+00'"}
      env_vars: {REGION: us}
    given:
      - input: ref('events')
        rows:
          - {id: 1, seen: 2024-01-01}
          - {id: 2, seen: 2024-03-07, payload: {a: [1, {b: "it's"}]}, kinds: [x, 'y "z"', null, 'a,b'], notes: {n: 1}}
          - {id: 3, seen: 2024-03-08, payload: '{"a": 1}'}
    expect:
      rows:
        - id: 2
          a: [1, {b: "it's"}]
          payload: {a: [1, {b: "it's"}]}
          kinds: [x, 'y "z"', null, 'a,b']
          notes: '{"n":   1}'
          at: 2024-03-10 12:00:00+00
"#;

#[tokio::test]
async fn macros_and_the_environment_are_overridden_and_values_may_be_json_and_lists() {
    let project = Project::new(SPELLED).await;
    project.write("tests/events.yml", SPELLED_TESTS);
    project.good(&["test"]).says("1 test passed");
    project.write("tests/events.yml", &SPELLED_TESTS.replace("notes: '{\"n\":   1}'", "notes: {n: 2}"));
    insta::assert_snapshot!(told(&project.elt(&["test"]).expect(1)), @r#"
    error[unit-test-failed]: macros_and_values_of_every_form: the rows of late_events are not those expected
     --> tests/events.yml:3:11
      |
    3 |   - name: macros_and_values_of_every_form
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: - expected, + actual
                id  a                   payload                    kinds                       notes       at
              - 2   [1, {"b": "it's"}]  {"a": [1, {"b": "it's"}]}  {x,"y \\"z\\"",NULL,"a,b"}  *{"n": 2}*  2024-03-10 12:00:00+00
              + 2   [1, {"b": "it's"}]  {"a": [1, {"b": "it's"}]}  {x,"y \\"z\\"",NULL,"a,b"}  *{"n": 1}*  2024-03-10 12:00:00+00
    "#);

    for (override_, told) in [
        ("{tomorow: x}", "there is no macro `tomorow`"),
        ("{yestoday: x}", "did you mean `yesterday`?"),
        ("{today: true}", "what the macro `today` writes is a text or a number"),
        ("{is_incremental: soon}", "`is_incremental` is true or false"),
        ("{today: {a: 1}}", "what the macro `today` writes is a text or a number"),
    ] {
        let yaml = format!(
            "unit_tests: [{{name: t, model: late_events, overrides: {{macros: {override_}}}, expect: {{rows: []}}}}]"
        );
        project.write("tests/events.yml", &yaml);
        project.elt(&["compile"]).expect(2).says(told).says("tests/events.yml:1:");
    }
}

#[tokio::test]
async fn a_run_tests_a_model_before_it_builds_it_and_stops_it_where_that_fails() {
    let project = project(GOOD).await;
    project.write("orders.csv", "id,amount,placed_at,note\n1,1,2020-01-01,a\n");
    project.write("models/prod/sums.sql", "select sum(total) as total from {{ ref('totals') }}");
    project.good(&["run"]).says("4 tests passed");
    // What was asked before of the same types is not asked again.
    project.good(&["build"]).says("unchanged");
    project.good(&["build", "--full-refresh"]).says("4 tests passed");

    let wrong = GOOD.replace("{id: 2, total: 20}", "{id: 2, total: 21}");
    project.write("tests/totals.yml", &wrong);
    let ended = project.elt(&["run"]).expect(1);
    for told in [
        "error[unit-test-failed]: later_runs_take_new_rows_only: the rows of totals are not those expected",
        "skipped incremental stage.totals",
        "skipped view        prod.sums",
        "3 tests passed, 1 failed, 2 skipped",
        "Failed at later_runs_take_new_rows_only",
    ] {
        assert!(ended.stderr.contains(told), "{told}\n{}", ended.stderr);
    }
    assert!(ended.stderr.contains("tests/totals.yml:19:11"), "{}", ended.stderr);
    project.good(&["run", "--exclude-resource-type", "unit_test", "--full-refresh"]).says("Published");
    project.good(&["run", "--exclude", "unit_test:later*", "--full-refresh"]).says("3 tests passed");
    project.good(&["load"]);
    assert_eq!(project.value("select count(*) from pg_class where relname like 'elt_actual%'").await, "0");
}

#[tokio::test]
async fn unit_tests_are_selected_as_tests_are() {
    let project = project(GOOD).await;
    project.write("tests/plain.sql", "select 1 from {{ ref('totals') }} where false");
    let names = |arguments: &[&str]| {
        let ended = project.good(&[&["ls", "--output", "name"], arguments].concat());
        ended.stdout.lines().map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    let all = "totals_double_the_amount later_runs_take_new_rows_only an_ephemeral_parent_can_be_given no_rows_give_none";
    assert_eq!(names(&["--resource-type", "unit_test"]), all);
    assert_eq!(names(&["--select", "test_type:unit"]), all);
    assert_eq!(names(&["--select", "test_type:data"]), "plain");
    assert_eq!(names(&["--select", "unit_test:no_rows*"]), "no_rows_give_none");
    assert_eq!(names(&["--select", "tag:quick"]), "later_runs_take_new_rows_only");
    assert_eq!(
        names(&["--select", "+unit_test:no_rows_give_none", "--exclude", "layer:raw"]),
        "stage.late stage.totals no_rows_give_none"
    );
    assert_eq!(names(&["--select", "totals", "--resource-type", "unit_test"]), all);
    project
        .elt(&["ls", "--select", "unit_test:no_rows_giv_none"])
        .expect(2)
        .says("did you mean `no_rows_give_none`?");
    project.good(&["test", "--select", "test_type:unit", "--exclude", "tag:quick"]).says("3 tests passed");
    project.good(&["test", "--select", "unit_test:later*"]).says("1 test passed");

    std::fs::rename(project.root.join("target"), project.root.join("before")).unwrap();
    assert_eq!(names(&["--select", "state:modified", "--state", "before"]), "");
    project.write("tests/totals.yml", &GOOD.replace("rate: 10", "rate: 11"));
    assert_eq!(names(&["--select", "state:modified", "--state", "before"]), "later_runs_take_new_rows_only");
}

#[tokio::test]
async fn check_judges_the_names_and_values_of_unit_tests_and_not_their_rows() {
    let project = project(&GOOD.replace("{id: 2, total: 20}", "{id: 2, total: 21}")).await;
    project.good(&["check"]).says("6 good, 0 bad");
    project.write("tests/totals.yml", &GOOD.replace("{id: 2, total: 20}", "{id: two, total: 21}"));
    project
        .elt(&["check"])
        .expect(1)
        .says("invalid input syntax for type integer: \"two\"")
        .says("5 good, 1 bad");
    project.write(
        "models/stage/late.sql",
        "{{ config(materialized='ephemeral') }} select nothing from {{ ref('orders') }}",
    );
    project.elt(&["check"]).expect(1).says("column \"nothing\" does not exist").says("not judged");
}

#[tokio::test]
async fn tests_run_several_at_once_and_are_told_in_their_order() {
    let project = Project::new(&[
        ("models/stage/one.sql", "select 1 as n"),
        ("tests/a.sql", "select n from {{ ref('one') }} where not public.others_are_here()"),
        ("tests/b.sql", "select n from {{ ref('one') }} where not public.others_are_here()"),
        ("tests/c.sql", "select n from {{ ref('one') }}"),
        ("tests/d.sql", "select n from {{ ref('one') }}"),
    ])
    .await;
    // True as soon as two sessions ask at the same time; one alone waits in vain.
    let function = "create function public.others_are_here() returns bool language plpgsql as $$ begin
        for i in 1..400 loop
            perform pg_stat_clear_snapshot();
            if (select count(*) from pg_stat_activity where query like '%others_are_here%' and state = 'active' and datname = current_database()) > 1 then
                perform pg_sleep(0.2); return true;
            end if;
            perform pg_sleep(0.05);
        end loop;
        return false; end $$";
    project.database.run(function).await;
    project.good(&[
        "build",
        "--exclude",
        "one,test_type:data",
        "--select",
        "one",
        "--indirect-selection",
        "empty",
    ]);
    let ended = project.elt(&["test"]).expect(1);
    ended.says("2 tests passed, 2 failed");
    let ended = project.elt(&["test", "--threads", "1", "--select", "c", "d", "--fail-fast"]).expect(1);
    assert!(ended.stderr.contains("1 failed") && !ended.stderr.contains("d found"), "{}", ended.stderr);
}
