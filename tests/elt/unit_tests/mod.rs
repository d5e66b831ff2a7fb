//! Unit tests: a model on a few given rows, before anything was ever built.

mod running;
mod spelled;

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
    insta::assert_snapshot!(told(&fixture), @r#"
    error[bad-unit-test]: there is no fixture `two_peple` in tests/fixtures
      --> tests/totals.yml:11:13
       |
    11 |     given: [{input: "source('shop', 'people')", fixture: two_peple, format: csv}]
       |             ^
       |
       = help: did you mean `two_people`?

    1 problem; nothing was run.
    "#);
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
  - {name: none, model: orders, expect: {rows: []}}
  - {name: maybe, model: totals, overrides: {macros: {is_incremental: maybe}}, expect: {rows: []}}
  - {name: list, model: totals, overrides: {macros: {today: [x]}}, expect: {rows: []}}
"#;
    project.write("tests/totals.yml", tests);
    insta::assert_snapshot!(told(&project.elt(&["compile"]).expect(2)), @r"
    error[bad-unit-test]: `orders` is no model of SQL that rows can be given to
     --> tests/totals.yml:3:25
      |
    3 |   - {name: none, model: orders, expect: {rows: []}}
      |                         ^^^^^^

    error[bad-unit-test]: `is_incremental` is true or false
     --> tests/totals.yml:4:55
      |
    4 |   - {name: maybe, model: totals, overrides: {macros: {is_incremental: maybe}}, expect: {rows: []}}
      |                                                       ^^^^^^^^^^^^^^

    error[bad-unit-test]: what the macro `today` writes is a text or a number
     --> tests/totals.yml:5:54
      |
    5 |   - {name: list, model: totals, overrides: {macros: {today: [x]}}, expect: {rows: []}}
      |                                                      ^^^^^
      |
      = help: put it in quotes, as it shall stand in the SQL

    3 problems; nothing was run.
    ");

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
