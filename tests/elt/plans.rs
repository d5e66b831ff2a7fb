//! `elt plan` says what a run would do, `elt run --plan` does just that, `elt retry` asks once more.

use crate::support::Project;

const TABLE: &str = "{{ config(materialized='table') }}";

/// raw.r -> stage.v -> prod.t -> prod.w; stage.events (incremental) -> prod.e.
async fn shop() -> Project {
    Project::new(&[
        ("r.csv", "id\n1\n2\n"),
        ("models/raw/r.sql", "{{ config(materialized='load', source='r.csv') }}"),
        ("models/stage/v.sql", "select id::int as id,\n  {{ var('n', 1) }} as n\nfrom {{ ref('r') }}"),
        ("models/prod/t.sql", &format!("{TABLE}\nselect id, n, 'x'::text as kind\nfrom {{{{ ref('v') }}}}")),
        ("models/prod/w.sql", "select count(*) as rows from {{ ref('t') }}"),
        ("models/stage/events.sql", "{{ config(materialized='incremental') }} select 1 as id {% if is_incremental() %} where false {% endif %}"),
        ("models/prod/e.sql", &format!("{TABLE} select id from {{{{ ref('events') }}}}")),
        ("models/prod/t.yml", "models: [{name: t, columns: [{name: id, tests: [not_null]}]}]\nexposures: [{name: weekly, type: dashboard, owner: {name: me}, depends_on: [\"ref('t')\"]}]"),
    ])
    .await
}

#[tokio::test]
async fn a_plan_tells_what_is_built_and_why_and_what_becomes_of_prods_columns() {
    let project = shop().await;
    insta::assert_snapshot!(project.good(&["plan"]).stdout, @r"
build    load         raw.r         new
build    incremental  stage.events  new
build    view         stage.v       new
build    table        prod.e        new
build    table        prod.t        new
build    view         prod.w        new

Columns of prod
  prod.e is new
    + id integer

Beware
  columns not known yet, for what they read is wrong or was never loaded: prod.t, prod.w

6 to build; tests: 1 to run
");
    assert_eq!(project.value("select count(*) from elt.runs").await, "0");
    project.good(&["run"]);
    insta::assert_snapshot!(project.good(&["plan"]).stdout, @r"
build    incremental  stage.events  never skipped: it takes new rows
perhaps  table        prod.e        only if stage.events gets other rows

1 to build, 1 perhaps, 4 unchanged; tests: 1 unchanged
");

    project.database.run("create view public.theirs as select n from prod.t").await;
    project.write(
        "models/prod/t.sql",
        &format!("{TABLE}\nselect id::bigint as id, 'x'::text as kind, 1 as extra\nfrom {{{{ ref('v') }}}}"),
    );
    project.write("models/prod/gone.sql", "select 1 as n");
    project.good(&["run", "--select", "gone"]);
    project.remove("models/prod/gone.sql");
    insta::assert_snapshot!(project.good(&["plan", "--select", "t", "w"]).stdout, @r#"
build    table  prod.t  modified
           sql
           - select id, n, 'x'::text as kind
           + select id::bigint as id, 'x'::text as kind, 1 as extra
             from "stage"."v"
build    view   prod.w  its parent prod.t is built

Columns of prod
  prod.t
    ~ id integer -> bigint
    + extra integer
    - n integer

Made by no model any more; they stay until `elt prune --yes` drops them
  prod.gone

Beware
  the view public.theirs, which elt did not make, reads prod.t.n
  the exposure weekly uses prod.t, of which id, n change

2 to build; tests: 1 to run
"#);
    let left = "select count(*) from pg_namespace where nspname like 'elt\\_%'";
    assert_eq!(project.value(left).await, "0");

    project.write("r.csv", "id\n7\n");
    let json = project.good(&["plan", "--json", "--select", "r", "v"]);
    json.prints(r#""node":"raw.r","kind":"load","action":"build","why":"its source holds something else""#);

    project.write("models/prod/t.sql", &format!("{TABLE}\nselect nothing from {{{{ ref('v') }}}}"));
    project.elt(&["plan"]).expect(1).says("column \"nothing\" does not exist").says("models/prod/t.sql:2");
}

#[tokio::test]
async fn a_plan_is_followed_to_the_letter_or_refused() {
    let project = shop().await;
    project.good(&["plan", "--out", "plan.json", "--vars", "{n: 5}"]).says("elt run --plan plan.json");
    // Also of what was never loaded it is known what the plan was made for.
    project.write("r.csv", "id\n3\n");
    project
        .elt(&["run", "--plan", "plan.json"])
        .expect(2)
        .says("the source of raw.r holds something else than then");
    project.write("r.csv", "id\n1\n2\n");
    project.good(&["run", "--plan", "plan.json"]).says("Published 6 relations");
    assert_eq!(project.value("select min(n) from prod.t").await, "5", "with the variables of the plan");
    project
        .elt(&["run", "--plan", "plan.json"])
        .expect(2)
        .says("the plan cannot be followed any more:")
        .says("  prod.t, or what it reads, was published or changed since")
        .says("elt plan --out FILE");
    project.elt(&["run", "--plan", "plan.json", "--select", "t"]).expect(2).says("cannot be used with");

    let refused = |because: &str| {
        project.elt(&["run", "--plan", "plan.json"]).expect(2).says(because);
    };
    let plan = || {
        project.good(&["plan", "--out", "plan.json", "--vars", "{n: 5}"]);
    };
    plan();
    project.write("r.csv", "id\n9\n");
    refused("the source of raw.r holds something else than then");
    plan();
    project.write("models/prod/w.sql", "select 1 as rows");
    refused("prod.w was modified since");
    plan();
    project.database.run("truncate prod.t").await;
    refused("prod.t, or what it reads, was published or changed since");
    plan();
    project.remove("models/prod/e.sql");
    refused("prod.e is gone");
    plan();
    project.good(&["run", "--plan", "plan.json"]).says("Published");
    assert_eq!(project.value("select min(id) from prod.t").await, "9");

    project.write("plan.json", "{}");
    project.elt(&["run", "--plan", "plan.json"]).expect(2).says("is no plan that can be followed");
    project.elt(&["run", "--plan", "none.json"]).expect(2).says("none.json cannot be read");
}

#[tokio::test]
async fn a_failed_run_is_asked_once_more_as_it_was_asked() {
    let project = shop().await;
    project.elt(&["retry"]).expect(2).says("nothing has been run on this target yet");
    project.good(&["run"]);
    project.good(&["retry"]).says("run 1 succeeded: there is nothing to retry");
    project.write("models/prod/t.sql", &format!("{TABLE} select id / 0 as id, n from {{{{ ref('v') }}}}"));
    project.elt(&["run", "--select", "v+", "--vars", "{n: 3}"]).expect(1);
    project.elt(&["retry"]).expect(1).says("elt run of run 2 again, which ended at prod.t");
    project.write("models/prod/t.sql", &format!("{TABLE} select id, n from {{{{ ref('v') }}}}"));
    project.good(&["retry"]).says("Published 3 relations");
    assert_eq!(project.value("select min(n) from prod.t").await, "3");
    project.good(&["retry"]).says("there is nothing to retry");
}
