//! Unit tests as part of runs and checks: when, how many at once, and which.

use super::{GOOD, project};
use crate::support::Project;

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
