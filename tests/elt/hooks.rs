//! Hooks: statements of the user's before and after relations and runs.

use crate::support::Project;

#[tokio::test]
async fn hooks_run_around_what_they_are_hooked_to_and_name_it() {
    let project = Project::new(&[
        ("profiles.yml", "target: dev\non_run_start: create table if not exists public.log (line text)\non-run-end:\n  - insert into public.log select 'end ' || count(*) from {{ ref('a') }}\n"),
        (
            "models/stage/a.sql",
            "{{ config(materialized='table', pre_hook=\"set elt.word = 'said'\",\n\
             post_hook=[\"insert into {{ this }} values (2, 'hooked')\", {'sql': 'vacuum {{ this }}', 'transaction': false},\n\
             \"insert into public.log values ('{{ this.name }}')\"]) }}\n\
             select 1 as n, current_setting('elt.word') as word",
        ),
        ("models/stage/b.sql", "{{ config(materialized='table') }} select current_setting('elt.word', true) as word from {{ ref('a') }}"),
        ("models/stage/m.yml", "models: [{name: a, columns: [{name: n, tests: [{accepted_values: {values: [1, 2]}}]}]}]"),
        (
            "models/stage/c.sql",
            "{{ config(materialized='incremental', post_hook='update {{ this }} set n = n + 10 where n < 10') }} select 1 as n",
        ),
    ])
    .await;
    project.good(&["run", "--threads", "1"]);
    assert_eq!(
        project.value("select string_agg(n || word, ' ' order by n) from stage.a").await,
        "1said 2hooked"
    );
    assert_eq!(
        project.value("select string_agg(coalesce(nullif(word, ''), 'none'), ' ') from stage.b").await,
        "none none",
        "what a hook set is gone"
    );
    assert_eq!(project.value("select string_agg(line, ', ') from public.log").await, "a, end 2");
    project.good(&["run", "--select", "c"]);
    assert_eq!(
        project.value("select string_agg(n::text, ' ') from stage.c").await,
        "11 11",
        "and in the table that stays"
    );

    // What fails is told at its line, and nothing is published.
    project.write("models/stage/a.sql", "{{ config(materialized='table',\n  post_hook='insert into {{ this }} values (nope)') }}\nselect 2 as n");
    let ended = project.elt(&["run"]).expect(1);
    ended.says("column \"nope\" does not exist").says("models/stage/a.sql:2:");
    assert_eq!(project.value("select count(*) from stage.a").await, "2");
    project.write("models/stage/a.sql", "{{ config(materialized='table') }} select 2 as n");
    project.write("models/stage/c.sql", "{{ config(materialized='incremental',\n  pre_hook='delete from {{ this }} where nix') }} select 1 as n");
    let ended = project.elt(&["run"]).expect(1);
    ended.says("column \"nix\" does not exist").says("models/stage/c.sql:2:").says("Failed at publish");
    assert_eq!(project.value("select count(*) from stage.a").await, "2");

    project.write("profiles.yml", "target: dev\non_run_start: select nothing\non_run_end: select 1\n");
    let ended = project.elt(&["run"]).expect(1);
    ended.says("profiles.yml:2:").says("an on_run_start hook failed; nothing was built");
    project.write("profiles.yml", "target: dev\non_run_end: [select nothing]\n");
    let ended = project.good(&["run", "--select", "a"]);
    ended.says("warning[unknown-column]").says("an on_run_end hook failed; the run itself ended before it");
    project.write("profiles.yml", "target: dev\non_run_end: \"select '{{ ref('nope') }}'\"\n");
    project.elt(&["run"]).expect(2).says("there is no model or rule `nope`").says("profiles.yml:2:");
}

#[tokio::test]
async fn hooks_in_either_spelling_add_up() {
    let log = |word: &str| format!("insert into public.log values ('{word}')");
    let project = Project::new(&[
        ("profiles.yml", &format!("on_run_start: create table if not exists public.log (line text)\nmodels: {{+post-hook: \"{}\"}}\n", log("folder"))),
        ("models/stage/a.sql", &format!("{{{{ config({{'post-hook': \"{}\"}}, post_hook=\"{}\") }}}} select 1 as n", log("map"), log("named"))),
        ("models/stage/a.yml", &format!("models: [{{name: a, config: {{post-hook: \"{}\"}}}}]", log("yaml"))),
    ])
    .await;
    project.good(&["run"]);
    let lines = "select string_agg(line, ' ' order by ctid) from public.log";
    assert_eq!(project.value(lines).await, "folder yaml map named");
}

#[tokio::test]
async fn the_projects_hooks_run_around_tests_and_freshness_too() {
    let profile =
        |before: &str, after: &str| format!("target: dev\non_run_start: {before}\non_run_end: {after}\n");
    let log = "insert into public.log values ('{{ flags.WHICH }}')";
    let end = "\"insert into public.log values ('{{ flags.WHICH }} {{ results | length }} {{ selected_resources | length }}')\"";
    let project = Project::new(&[
        ("profiles.yml", &profile(log, end)),
        ("models/stage/a.sql", "select 1 as n"),
        (
            "models/stage/a.yml",
            "models: [{name: a, config: {loaded_at_field: now(), freshness: {error_after: {count: 1, period: day}}}, \
             columns: [{name: n, tests: [unique, not_null]}]}]",
        ),
        ("tests/one.yml", "unit_tests: [{name: one, model: a, given: [], expect: {rows: [{n: 1}]}}]"),
    ])
    .await;
    // Where nothing can be tested, nothing is begun.
    project
        .elt(&["test", "--select", "a", "--exclude", "test_type:unit"])
        .expect(2)
        .says("error[not-published]");
    project.database.run("create table public.log (line text)").await;
    let lines = async |project: &Project| {
        let lines = project.value("select string_agg(line, ', ' order by ctid) from public.log").await;
        project.database.run("truncate public.log").await;
        lines
    };
    project.good(&["build"]);
    assert_eq!(lines(&project).await, "build, build 4 4");
    project.good(&["test"]);
    assert_eq!(lines(&project).await, "test, test 3 3");
    project.good(&["freshness"]);
    assert_eq!(lines(&project).await, "freshness, freshness 0 1");
    for arguments in
        [&["compile"][..], &["ls"], &["check"], &["show", "a"], &["docs"], &["catalog"], &["plan"]]
    {
        project.good(arguments);
    }
    assert_eq!(lines(&project).await, "NULL");

    // After a test that failed they come last, too; and a retry has its own.
    project.write("tests/wrong.sql", "select n from {{ ref('a') }}");
    project.elt(&["test"]).expect(1);
    assert_eq!(lines(&project).await, "test, test 4 4");
    project.elt(&["retry"]).expect(1);
    assert_eq!(lines(&project).await, "test, test 1 1");
    project.remove("tests/wrong.sql");

    project.write("profiles.yml", &profile("select nothing", log));
    let told = project.elt(&["test"]).expect(1);
    insta::assert_snapshot!(told.stderr, @r#"
    error[unknown-column]: column "nothing" does not exist
     --> profiles.yml:2:22
      |
    2 | on_run_start: select nothing
      |                      ^^^^^^^

    An on_run_start hook failed; nothing was tested
    "#);
    project
        .elt(&["freshness"])
        .expect(1)
        .says("An on_run_start hook failed; nothing was asked")
        .says("profiles.yml:2:");
    assert_eq!(lines(&project).await, "NULL");
    project.write("profiles.yml", &profile(log, "select nothing"));
    let told = project.good(&["test"]).says("an on_run_end hook failed; the tests ended before it");
    told.says("warning[unknown-column]").says("3 tests passed");
    project.good(&["freshness"]).says("warning[unknown-column]");
}
