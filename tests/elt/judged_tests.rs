//! When a test fails, what is kept of its failure, and what the user is told.

use crate::support::{Ended, Project};

const ROWS: (&str, &str) = (
    "models/prod/orders.sql",
    "{{ config(materialized='table') }} select n as id, n % 3 as kind from generate_series(1, {{ var('rows', 12) }}) as n",
);

/// The diagnostics of an ended command.
fn told(ended: &Ended) -> String {
    let lines = ended.stderr.lines().skip_while(|line| !line.contains("[test-failed]"));
    let lines = lines.take_while(|line| !line.starts_with("Failed at") && !line.contains(" failed in "));
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

#[tokio::test]
async fn thresholds_limits_and_calculations_decide_as_in_dbt() {
    let project = Project::new(&[
        ROWS,
        (
            "models/prod/orders.yml",
            r#"
models:
  - name: orders
    tests:
      - expression: {name: few, expression: id < 4, config: {error_if: ">10", warn_if: ">5"}}
      - expression: {name: some, expression: id < 4, error_if: "> 100", warn_if: "between 1 and 9"}
      - expression: {name: none_counts, expression: id < 4, error_if: "> 9", warn_if: "> 9"}
      - expression: {name: cut, expression: id < 4, limit: 2}
      - expression: {name: summed, expression: id < 10, fail_calc: sum(id), where: kind <> 1}
      - expression: {name: off, expression: id < 4, enabled: false}
"#,
        ),
        (
            "tests/singular.sql",
            "{{ config(severity='warn', warn_if='>= 12', tags=['nightly']) }} select * from {{ ref('orders') }}",
        ),
    ])
    .await;
    let ended = project.elt(&["run"]).expect(1);
    assert!(!ended.stderr.contains("none_counts found") && !ended.stderr.contains("off found"), "{ended}");
    for text in [
        "warning[test-failed]: few found 9 rows (warn_if >5)",
        "warning[test-failed]: some found 9 rows (warn_if between 1 and 9)",
        "error[test-failed]: cut found 2 rows\n",
        "error[test-failed]: summed came to 23 (sum(id))",
        "warning[test-failed]: singular found 12 rows (warn_if >= 12)",
    ] {
        assert!(ended.stderr.contains(text), "expected: {text}\n{ended}");
    }
    let strict = project.elt(&["--warn-error", "run"]).expect(1);
    assert!(!strict.stderr.contains("warning["), "{strict}");
    strict
        .says("error[test-failed]: few found 9 rows (warn_if >5)")
        .says("error[test-failed]: singular found 12 rows");
}

#[tokio::test]
async fn a_wrong_word_about_judging_is_told_at_its_place() {
    let project = Project::new(&[
        ROWS,
        (
            "models/prod/orders.yml",
            "models:\n  - name: orders\n    tests:\n      - unique: {column_name: id, error_if: ten, limit: few}\n      - not_null: {column_name: id, config: {severity: loud, store_failures_as: file}}\n",
        ),
    ])
    .await;
    let ended = project.elt(&["compile"]).expect(2);
    insta::assert_snapshot!(ended.stderr, @r#"
    error[bad-config]: `error_if` is a comparison like `> 10`, `!= 0` or `between 1 and 5`, not `ten`
     --> models/prod/orders.yml:4:35
      |
    4 |       - unique: {column_name: id, error_if: ten, limit: few}
      |                                   ^^^^^^^^

    error[bad-config]: a test's `limit` is a number of rows, not "few"
     --> models/prod/orders.yml:4:50
      |
    4 |       - unique: {column_name: id, error_if: ten, limit: few}
      |                                                  ^^^^^

    error[bad-config]: a test's severity is `error` or `warn`, not `loud`
     --> models/prod/orders.yml:5:46
      |
    5 |       - not_null: {column_name: id, config: {severity: loud, store_failures_as: file}}
      |                                              ^^^^^^^^

    error[bad-config]: `store_failures_as` is `table`, `view` or `ephemeral`, not `file`
     --> models/prod/orders.yml:5:62
      |
    5 |       - not_null: {column_name: id, config: {severity: loud, store_failures_as: file}}
      |                                                              ^^^^^^^^^^^^^^^^^

    4 problems; nothing was run.
    "#);
}

#[tokio::test]
async fn failing_rows_are_kept_where_only_who_owns_them_sees_them() {
    let name = "a_name_that_is_much_longer_than_postgresql_keeps_and_so_must_be_cut";
    let project = Project::new(&[
        ROWS,
        (
            "models/prod/orders.yml",
            &format!(
                "models:\n  - name: orders\n    tests:\n      - expression: {{name: kept, expression: id < 11, store_failures: true}}\n      - expression: {{name: {name}, expression: id < 12, config: {{store_failures_as: view}}}}\n      - expression: {{name: not_kept, expression: id < 12, store_failures: false}}\n"
            ),
        ),
    ])
    .await;
    let ended = project.elt(&["run", "--threads", "1"]).expect(1);
    insta::assert_snapshot!(told(&ended), @r#"
    error[test-failed]: kept found 2 rows
     --> models/prod/orders.yml:4:9
      |
    4 |       - expression: {name: kept, expression: id < 11, store_failures: true}
      |         ^
      |
      = help: for example {"id":11,"kind":2}
              {"id":12,"kind":0}
              all of them: select * from prod_failures.kept
              its query: target/failed/kept.sql

    error[test-failed]: a_name_that_is_much_longer_than_postgresql_keeps_and_so_must_be_cut found 1 row
     --> models/prod/orders.yml:5:9
      |
    5 |       - expression: {name: a_name_that_is_much_longer_than_postgresql_keeps_and_so_must_be_cut, expression: id < 12, config: {store_f...
      |         ^
      |
      = help: for example {"id":12,"kind":0}
              all of them: select * from prod_failures.a_name_that_is_much_longer_than_postgresql_keeps_and_7c9ab47125
              its query: target/failed/a_name_that_is_much_longer_than_postgresql_keeps_and_so_must_be_cut.sql

    error[test-failed]: not_kept found 1 row
     --> models/prod/orders.yml:6:9
      |
    6 |       - expression: {name: not_kept, expression: id < 12, store_failures: false}
      |         ^
      |
      = help: for example {"id":12,"kind":0}
              its query: target/failed/not_kept.sql
    "#);
    // Nothing was published, and the failures are there all the same; twice is as once.
    project.elt(&["run", "--store-failures"]).expect(1);
    assert_eq!(project.value("select count(*) from pg_class where relname = 'orders'").await, "0");
    assert_eq!(project.value("select string_agg(id::text, ',') from prod_failures.kept").await, "11,12");
    assert_eq!(project.value("select count(*) from pg_tables where schemaname = 'prod_failures'").await, "2");
    let may = "select has_schema_privilege('elt_reader', 'prod_failures', 'usage')";
    assert_eq!(project.value(may).await, "f");

    // A test that passes keeps nothing; one that is gone is found by prune.
    project.write("models/prod/orders.yml", "models: [{name: orders, tests: [{expression: {name: kept, expression: id < 13, store_failures: true}}]}]");
    project.good(&["run"]);
    assert_eq!(project.value("select count(*) from pg_tables where schemaname = 'prod_failures'").await, "1");
    project.good(&["prune", "--yes"]).prints("prod_failures.a_name_that_is_much_longer");
    assert_eq!(project.value("select count(*) from pg_tables where schemaname = 'prod_failures'").await, "0");

    // On what is published, by the command's own word; a table of somebody else stays.
    project.write("models/prod/orders.yml", "models: [{name: orders, tests: [{expression: {name: late, expression: id < 12}}, {expression: {name: later, expression: id < 11}}]}]");
    project.database.run("create table prod_failures.late as select 'mine' as whose").await;
    let ended = project.elt(&["test", "--store-failures"]).expect(1);
    let ended = ended.says("select * from prod_failures.later");
    let told = ended.stderr.split("\n\n").find(|told| told.contains("[failures-not-kept]"));
    insta::assert_snapshot!(told.unwrap_or_default(), @r"
    warning[failures-not-kept]: the failures of late are not kept: prod_failures.late is there already, and elt did not make it
     --> models/prod/orders.yml:1:33
      |
    1 | models: [{name: orders, tests: [{expression: {name: late, expression: id < 12}}, {expression: {name: later, expression: id < 11}}]}]
      |                                 ^
    ");
    assert_eq!(project.value("select whose from prod_failures.late").await, "mine");
    let quick = project.elt(&["test", "--fail-fast", "--threads", "1"]).expect(1);
    assert!(quick.stderr.contains("late found 1 row") && !quick.stderr.contains("later found"), "{quick}");
}

#[tokio::test]
async fn the_query_of_a_failed_test_is_a_file_until_the_test_holds() {
    let project = Project::new(&[
        ROWS,
        (
            "models/prod/orders.yml",
            "models:\n  - name: orders\n    tests:\n      - expression: {name: small, expression: \"id < {{ var('most', 12) }}\"}\n",
        ),
        ("tests/few.sql", "{{ config(severity='warn') }}\nselect * from {{ ref('orders') }} where id > 11;\n"),
    ])
    .await;
    let read = |name: &str| std::fs::read_to_string(project.root.join(format!("target/failed/{name}.sql")));
    let ended = project.elt(&["run"]).expect(1);
    ended.says("its query: target/failed/small.sql").says("its query: target/failed/few.sql");
    insta::assert_snapshot!(read("small").unwrap(), @r#"
    -- small found 1 row
    -- Run 1 asked it of prod.orders as it had built that, and did not publish it: here it reads what is published.
    -- The rows that were found are kept by --store-failures.
    select * from "prod"."orders" where not ( id < 12)
    ;
    "#);
    project.good(&["run", "--vars", "{most: 99}"]).says("its query: target/failed/few.sql");
    assert!(read("small").is_err(), "the test holds");
    insta::assert_snapshot!(read("few").unwrap(), @r#"
    -- few found 1 row
    select * from "prod"."orders" where id > 11
    ;
    "#);
    project.elt(&["test"]).expect(1).says("its query: target/failed/small.sql");
    let found =
        project.database.session().await.table(&read("small").unwrap()).await.expect("it can be pasted");
    assert_eq!(found.rows.len(), 1);
    project.elt(&["test", "--no-write-json", "--target-path", "other"]).expect(1);
    assert!(!project.root.join("other").exists());
    project.good(&["clean"]);
    assert!(!project.root.join("target/failed").exists());
}
