//! Selectors, and commands that look or do a part.

use crate::support::Project;

async fn chain() -> Project {
    Project::new(&[
        ("models/raw/src/r.sql", "{{ config(materialized='load', source='r.csv') }}"),
        ("r.csv", "id,name\n1,a\n2,\"\"\n3,\n"),
        ("models/stage/x/s.sql", "{{ config(tags=['nightly']) }} select id, name from {{ ref('r') }}"),
        (
            "models/prod/y/p.sql",
            "{{ config(materialized='table') }} select count(*) as n from {{ ref('s') }}",
        ),
        ("models/prod/y/q.sql", "select n + 1 as n from {{ ref('p') }}"),
        ("rules/k.csv", "code,label\n1,one\n2,two\n"),
        ("tests/no_gap.sql", "select 1 where not exists (select from {{ ref('s') }})"),
    ])
    .await
}

fn listed(project: &Project, arguments: &[&str]) -> String {
    let mut all = vec!["ls"];
    all.extend(arguments);
    project.good(&all).stdout.lines().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn selectors_follow_the_graph_tags_paths_and_layers() {
    let project = chain().await;
    assert_eq!(listed(&project, &["--select", "+p"]), "raw.r stage.s prod.p");
    assert_eq!(listed(&project, &["--select", "1+q"]), "prod.p prod.q");
    assert_eq!(listed(&project, &["--select", "s+1"]), "stage.s prod.p");
    assert_eq!(listed(&project, &["--select", "tag:nightly+", "--exclude", "q"]), "stage.s prod.p");
    assert_eq!(listed(&project, &["--select", "layer:prod,p"]), "prod.p");
    assert_eq!(listed(&project, &["--select", "path:models/prod k"]), "stage.k prod.p prod.q");
    assert_eq!(listed(&project, &["--select", "config.materialized:seed"]), "stage.k");
    project.elt(&["ls", "--select", "tag:nigthly"]).expect(2).says("did you mean `nightly`?");
    project.elt(&["ls", "--select", "colour:red"]).expect(2).says("there is no selector method `colour:`");
}

#[tokio::test]
async fn a_part_can_be_built_on_what_is_published() {
    let project = chain().await;
    project.elt(&["run", "--select", "p"]).expect(2).says("`p` reads `s`, which has never been published");
    project.good(&["load"]).says("Published 1 relation");
    project.good(&["seed"]).says("Published 1 relation");
    project.good(&["build"]).says("Published 3 relations").says("1 unchanged");
    assert_eq!(project.value("select n from prod.q").await, "4");
    project.write("r.csv", "id,name\n1,a\n");
    project.good(&["load"]);
    assert_eq!(
        project.value("select count(*) from stage.s").await,
        "1",
        "a view that was not rebuilt reads the new table"
    );
    project.good(&["run", "--select", "p"]);
    assert_eq!(project.value("select n from prod.q").await, "2", "and so does one over a rebuilt table");
    project.good(&["test"]).says("1 test passed");
}

#[tokio::test]
async fn null_and_the_empty_string_are_told_apart_in_csv() {
    let project = chain().await;
    project.good(&["load"]);
    assert_eq!(
        project.value("select string_agg(coalesce(name, '<null>'), ',' order by id) from raw.r").await,
        "a,,<null>"
    );
}

#[tokio::test]
async fn show_prints_tables_csv_and_json() {
    let project = chain().await;
    project.elt(&["show", "k"]).expect(2).says("nothing has been published");
    project.good(&["seed"]);
    project.elt(&["show", "p"]).expect(2).says("prod.p has not been published to the target dev yet");
    project.elt(&["show", "kk"]).expect(2).says("there is no model or rule `kk`");
    insta::assert_snapshot!(project.good(&["show", "k"]).stdout, @r"
      code  label
         1  one
         2  two
    ");
    assert_eq!(project.good(&["show", "k", "--output", "csv", "--limit", "1"]).stdout, "code,label\n1,one\n");
    let json: serde_json::Value =
        serde_json::from_str(&project.good(&["show", "k", "-o", "json"]).stdout).unwrap();
    assert_eq!(json[1], serde_json::json!({"code": 2, "label": "two"}));
}

#[tokio::test]
async fn compile_opens_no_connection_and_debug_tells_what_is_understood() {
    let project = chain().await;
    let away = project
        .command(&["compile", "--select", "p"])
        .env("DATABASE_URL", "postgres://127.0.0.1:1/x")
        .output();
    let text = String::from_utf8(away.unwrap().stdout).unwrap();
    assert!(text.contains("select count(*) as n from \"stage\".\"s\""), "{text}");
    project.good(&["compile", "--out", "compiled"]);
    assert!(project.root.join("compiled/models/prod/y/q.sql").exists());
    project.good(&["debug"]).prints("4 models, 1 rules").prints("PostgreSQL");
}

#[tokio::test]
async fn json_output_is_one_object_a_line() {
    let project = chain().await;
    let run = project.good(&["run", "--json"]);
    let events: Vec<serde_json::Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.first().unwrap()["event"], "began");
    let end = events.last().unwrap();
    assert_eq!((end["event"].as_str(), end["status"].as_str()), (Some("ended"), Some("succeeded")));
    assert!(run.stderr.is_empty(), "{run}");
}

#[tokio::test]
async fn misuse_is_exit_code_2_and_says_what_to_do() {
    let project = chain().await;
    project.elt(&["--target", "nope", "ls"]).expect(2).says("there is no target `nope`");
    project.elt(&["--vars", "[1", "ls"]).expect(2).says("--vars is not YAML");
    project.elt(&["frobnicate"]).expect(2);
    let elsewhere = project.command(&["ls", "--project-dir", "/nonexistent"]).output().unwrap();
    assert_eq!(elsewhere.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&elsewhere.stderr).contains("has no profiles.yml"));
}

#[tokio::test]
async fn check_finds_every_error_at_once_and_leaves_nothing_behind() {
    let project = Project::new(&[
        ("models/raw/r.sql", "{{ config(materialized='load', source='r.csv', metadata=['_loaded_at']) }}\nid int,\nname text,"),
        ("models/stage/a.sql", "select id, nmae from {{ ref('r') }}"),
        ("models/stage/b.sql", "select id + 'x'::date as d from {{ ref('r') }}"),
        ("models/stage/c.sql", "{{ config(materialized='incremental', unique_key='id') }}\nselect id, _loaded_at from {{ ref('r') }}\n{% if is_incremental() %}where id > (select max(idd) from {{ this }}){% endif %}"),
        ("models/prod/d.sql", "select * from {{ ref('a') }}"),
        ("models/prod/e.sql", "{{ config(materialized='table') }} select id::text || 'x' as id from {{ ref('k') }}"),
        ("rules/k.csv", "id\n1\n"),
        ("tests/t.sql", "select *\nfrom {{ ref('e') }} where id > 5"),
    ])
    .await;
    let ended = project.elt(&["check"]).expect(1);
    for place in
        ["models/stage/a.sql:1:12", "models/stage/b.sql:1:13", "models/stage/c.sql:3:49", "tests/t.sql:2:30"]
    {
        assert!(ended.stderr.contains(place), "expected {place}\n{ended}");
    }
    let ended =
        ended.says("not judged").says("prod.d").says("Perhaps you meant to reference the column \"r.name\"");
    ended.says(": 3 good, 4 bad");
    assert_eq!(
        project
            .value(r"select count(*) from pg_namespace where nspname like 'elt%' or nspname = 'stage'")
            .await,
        "0"
    );

    project.good(&["check", "--select", "k"]).says(": 1 good, 0 bad");
}

#[tokio::test]
async fn the_shipped_project_passes_its_own_check_and_completes_in_shells() {
    let project = Project::shipped().await;
    project.good(&["check"]).says(" 0 bad");
    project.good(&["completions", "bash"]).prints("--full-refresh");
}

#[tokio::test]
async fn prune_finds_what_no_model_makes_any_more_and_touches_nothing_else() {
    let project = Project::new(&[
        ("models/stage/a.sql", "{{ config(materialized='table') }} select 1 as n"),
        ("models/stage/b.sql", "select n from {{ ref('a') }}"),
        ("models/prod/c.sql", "{{ config(materialized='table') }} select n from {{ ref('b') }}"),
        ("models/prod/d.sql", "select 1 as n"),
    ])
    .await;
    project.good(&["run"]);
    project.good(&["prune"]).says("every published relation has its model");
    project
        .database
        .run("create table prod.theirs as select 1 as n; create view prod.hung as select * from prod.c")
        .await;
    for path in ["models/stage/a.sql", "models/stage/b.sql", "models/prod/c.sql"] {
        project.remove(path);
    }
    let listed = project.good(&["prune"]).says("`elt prune --yes` drops these");
    let mut names: Vec<&str> = listed.stdout.lines().collect();
    names.sort_unstable();
    assert_eq!(names, ["prod.c", "stage.a", "stage.b"]);
    let ended = project.elt(&["prune", "--yes"]).expect(1);
    ended
        .says("prod.c is kept: cannot drop table prod.c because other objects depend on it")
        .says("dropped 2 of 3");
    project.database.run("drop view prod.hung").await;
    project.good(&["prune", "--yes"]).says("dropped 1 of 1");
    let left = "select string_agg(relname, ' ' order by relname) from pg_class where relkind in ('r', 'v') \
                and relnamespace in ('stage'::regnamespace, 'prod'::regnamespace)";
    assert_eq!(
        project.value(left).await,
        "_elt_endpoints _elt_overview _elt_publication _elt_tests d theirs"
    );
}
