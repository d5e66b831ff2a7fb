//! SQL outside of a run: `show --query`, `show --inline`, `compile --inline`, `run-operation`.

use crate::support::Project;

async fn numbers() -> Project {
    Project::new(&[
        ("models/stage/numbers.sql", "select n from generate_series(1, 3) as n"),
        ("models/stage/seen.sql", "{{ config(materialized='ephemeral') }} select n as seen from {{ ref('numbers') }}"),
        ("models/prod/total.sql", "{{ config(materialized='table') }} select sum(seen) as total from {{ ref('seen') }}"),
        (
            "macros/operations.sql",
            "{% macro remember(what, times=1) %}\ncreate table if not exists stage.memory (what text);\n\
             insert into stage.memory select {{ literal(what) }} from generate_series(1, {{ times }});\n\
             select what, count(*) from stage.memory group by what;\n{% endmacro %}\n\
             {% macro broken() %}\ncreate table stage.left_over (n int);\nselect nope from {{ ref('numbers') }};\n{% endmacro %}\n",
        ),
    ])
    .await
}

#[tokio::test]
async fn a_query_is_seen_before_it_is_built_and_typed_sql_reads_what_is_published() {
    let project = numbers().await;
    project.good(&["run"]);
    project.write("models/prod/total.sql", "select sum(seen) * 10 as total from {{ ref('seen') }}");
    project.good(&["show", "total", "-o", "csv"]).prints("total\n6\n");
    project.good(&["show", "total", "--query", "-o", "csv"]).prints("total\n60\n");
    project.good(&["show", "seen", "--query", "-o", "json"]).prints("[{\"seen\":1},\n {\"seen\":2},");
    let typed = "select max(n) as most from {{ ref('numbers') }} -- a comment";
    project.good(&["show", "--inline", typed, "-o", "csv"]).prints("most\n3\n");
    project.good(&["compile", "--inline", typed]).prints("select max(n) as most from \"stage\".\"numbers\"");

    let told = project.elt(&["show", "--inline", "select m from\n  {{ ref('numbers') }}"]).expect(2);
    insta::assert_snapshot!(told.stderr, @r#"
    error[unknown-column]: column "m" does not exist
     --> --inline:1:8
      |
    1 | select m from
      |        ^
      |
      = help: did you mean `n`?

    1 problem; nothing was run.
    "#);
    let told = project.elt(&["show", "--inline", "select 1 from {{ ref('number') }}"]).expect(2);
    told.says("there is no model or rule `number`").says("did you mean `numbers`?");
    project.elt(&["show", "--inline", "select {{ 1 + }}"]).expect(2).says("--> --inline:1:15");
    project.elt(&["show", "--inline", " -- nothing"]).expect(2).says("--inline holds no SQL");
    let slow = project.elt(&["show", "--inline", "select pg_sleep(30)", "--timeout", "1"]).expect(2);
    slow.says("given up after 1 seconds");
    // It can change nothing, even by a function.
    let told = project.elt(&["show", "--inline", "select setval('stage.s', 1)"]);
    told.expect(2);
    project.database.run("create sequence stage.s").await;
    let told = project.elt(&["show", "--inline", "select nextval('stage.s')"]).expect(2);
    told.says("cannot execute nextval() in a read-only transaction");
    project.elt(&["show"]).expect(2);
    project.elt(&["show", "seen"]).expect(2).says("`elt show seen --query` runs its SQL");
}

#[tokio::test]
async fn an_operation_is_one_transaction_and_its_errors_are_shown_in_the_macro() {
    let project = numbers().await;
    project.good(&["run"]);
    let told = project.good(&["run-operation", "remember", "--args", "{what: it's, times: 2}"]);
    told.prints("it's      2").says("Ran remember");
    let dry = project.good(&["run-operation", "remember", "--args", "{what: x}", "--dry-run"]);
    dry.prints("insert into stage.memory select 'x' from generate_series(1, 1)");
    assert_eq!(project.value("select count(*) from stage.memory").await, "2");

    let told = project.elt(&["run-operation", "broken"]).expect(1);
    insta::assert_snapshot!(told.stderr, @r#"
    error[unknown-column]: column "nope" does not exist
     --> macros/operations.sql:8:8
      |
    8 | select nope from {{ ref('numbers') }};
      |        ^^^^

    Failed; nothing of it stays
    "#);
    assert_eq!(project.value("select to_regclass('stage.left_over')").await, "NULL");
    project.elt(&["run-operation", "broke"]).expect(2).says("did you mean `broken`?");
    let told = project.elt(&["run-operation", "remember", "--args", "{wat: 1}"]).expect(2);
    told.says("takes no argument `wat`").says("did you mean `what`?");
    project
        .elt(&["run-operation", "remember", "--args", "[1]"])
        .expect(2)
        .says("--args is not YAML of names");
    project
        .elt(&["run-operation", "remember"])
        .expect(2)
        .says("what `literal` is given as `value` is not defined");
}

#[tokio::test]
async fn a_project_without_tests_has_nothing_to_test_and_that_is_no_error() {
    let project = Project::new(&[("models/stage/a.sql", "select 1 as a")]).await;
    project.good(&["run"]);
    project.good(&["test"]).says("there is nothing to test: the project has no tests");
}
