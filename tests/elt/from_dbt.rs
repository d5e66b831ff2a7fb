//! Command lines that were written for dbt.

use crate::support::Project;

#[tokio::test]
async fn a_script_that_was_written_for_dbt_runs_or_is_told_what_to_write() {
    let project = Project::new(&[
        ("models/stage/a.sql", "{{ config(materialized='table') }} select 1 as id"),
        ("models/stage/b.sql", "select id + 1 as id from {{ ref('a') }}"),
        (
            "models/stage/kept.sql",
            "{{ config(materialized='snapshot', unique_key='id', strategy='check', check_cols='all') }} select id from {{ ref('a') }}",
        ),
        ("models/stage/m.yml", "models: [{name: a, columns: [{name: id, tests: [unique]}]}]"),
    ])
    .await;
    project.good(&[
        "--no-version-check",
        "run",
        "-m",
        "a",
        "-f",
        "-x",
        "--no-partial-parse",
        "--log-path",
        "logs",
    ]);
    let made = "select string_agg(relname, ' ' order by relname) from pg_class where relnamespace = 'stage'::regnamespace \
                and relkind in ('r', 'v')";
    assert_eq!(project.value(made).await, "a");
    project.good(&["snapshot", "--threads", "2"]);
    assert_eq!(project.value(made).await, "a kept");
    let ended = project.good(&["--log-format", "json", "build", "--models", "b", "--single-threaded"]);
    assert!(ended.stdout.lines().all(|line| line.starts_with('{')), "{ended}");
    project.good(&["show", "--select", "b"]).prints("2");
    project.good(&["list", "--no-print", "--resource-type", "snapshot"]).prints("stage.kept");
    project.good(&["docs", "generate", "--no-populate-cache"]);
    project.good(&["test", "--no-use-colors", "--log-level=debug"]);

    let told = |arguments: &[&str]| project.elt(arguments).expect(2).stderr;
    insta::assert_snapshot!(told(&["run", "--empty"]), @r"
    error[bad-argument]: `--empty` is dbt's, and elt has none
    hint: elt check: PostgreSQL judges every model, test and contract without a row, and nothing is left behind; empty tables are never published
    ");
    insta::assert_snapshot!(told(&["run", "--profiles-dir", ".."]), @r"
    error[bad-argument]: `--profiles-dir` is dbt's, and elt has none
    hint: profiles.yml lies in the project's folder, which --project-dir names
    ");
    insta::assert_snapshot!(told(&["clone", "--state", "x"]), @r"
    error[bad-argument]: `clone` is dbt's, and elt has none
    hint: --defer: a run reads from the other target what this one does not have, without a copy
    ");
}
