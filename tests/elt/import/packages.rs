//! Packages that `dbt deps` has brought are imported with their models.

use crate::support::Project;

#[tokio::test]
async fn models_of_installed_packages_are_taken_under_their_packages_name() {
    let project = Project::new(&[
        (
            "dbt/dbt_project.yml",
            "name: corner\nprofile: corner\nmodels:\n  stripe:\n    +materialized: table\nvars:\n  stripe: {least: 2}\n",
        ),
        ("dbt/packages.yml", "packages:\n  - package: acme/stripe\n    version: 1.0.0\n  - package: acme/dates\n    version: 1.0.0\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n"),
        ("dbt/models/marts/revenue.sql", "select day, {{ stripe.dollars('cents') }} as amount from {{ ref('stripe', 'stripe__daily') }}\n"),
        ("dbt/models/staging/stg_days.sql", "select {{ dates.plain('day') }} as day from {{ ref('stripe__calendar') }}\n"),
        ("dbt/dbt_packages/stripe/dbt_project.yml", "name: stripe\nvars:\n  least: 100\n  stripe: {currency: usd}\nmodels:\n  stripe:\n    +materialized: view\n    staging:\n      +tags: [inner]\n"),
        ("dbt/dbt_packages/stripe/models/staging/src.yml", "sources: [{name: stripe, tables: [{name: charge}]}]\nmodels:\n  - name: stg_stripe__charge\n    columns: [{name: id, tests: [unique]}]\nsemantic_models: []\n"),
        ("dbt/dbt_packages/stripe/models/staging/stg_stripe__charge.sql", "select *, {{ dollars('cents') }} as amount from {{ source('stripe', 'charge') }} where currency = '{{ var('currency') }}'\n"),
        ("dbt/dbt_packages/stripe/models/stripe__daily.sql", "select day, sum(cents) as cents from {{ ref('stg_stripe__charge') }} group by 1 having count(*) >= {{ var('least') }}\n"),
        ("dbt/dbt_packages/stripe/models/stripe__calendar.sql", "select date '2025-01-01' as day\n"),
        ("dbt/dbt_packages/stripe/macros/m.sql", "{% macro dollars(column) %}({{ column }} / 100.0){% endmacro %}\n"),
        ("dbt/dbt_packages/stripe/seeds/kinds.csv", "kind\na\n"),
        ("dbt/dbt_packages/dates/dbt_project.yml", "name: dates\n"),
        ("dbt/dbt_packages/dates/macros/plain.sql", "{% macro plain(day) %}({{ day }})::date{% endmacro %}\n"),
        ("dbt/dbt_packages/dates/models/only_on_databricks.py", "def model(dbt, session): return None\n"),
        ("dbt/dbt_packages/dbt_utils/dbt_project.yml", "name: dbt_utils\n"),
        ("dbt/dbt_packages/dbt_utils/models/odd.sql", "select 1\n"),
    ])
    .await;
    project
        .database
        .run(
            "create schema stripe; create table stripe.charge as select n as id, date '2025-01-01' + n % 2 as day, \
             n * 100 as cents, 'usd' as currency from generate_series(1, 3) as n",
        )
        .await;
    project.good(&["import", "dbt", "--out", "elt"]).says("0 to mend");
    let report = std::fs::read_to_string(project.root.join("elt/IMPORT.md")).unwrap();
    insta::assert_snapshot!(report, @r"
    # corner, imported from dbt

    Made by `elt import`. Places are those of the dbt project.

    ## Not taken

    Left out: commented out where it stood, or not copied.

    - dbt_packages/dates/models/only_on_databricks.py: a Python model: elt builds in SQL alone; what it makes can stay with what runs it now, and be a source here
    - dbt_packages/stripe/models/staging/src.yml:6: `semantic_models: []`: elt has no semantic layer
    - packages.yml:6: the package dbt-labs/dbt_utils: the most used of its macros and tests are built in

    ## Otherwise than in dbt

    Taken, but not as it stood.

    - dbt_packages/stripe/models/stripe__calendar.sql: `stripe__calendar` is stage, not prod: a stage model reads it, and stage cannot read prod
    - packages.yml:2: the package acme/stripe: it is packages/stripe, as it lies there; what is new comes by another import
    - packages.yml:4: the package acme/dates: it is packages/dates, as it lies there; what is new comes by another import

    ## Where the models are

    | layer | model | came from |
    |---|---|---|
    | stage | `models/stage/corner/stg_days.sql` | `models/staging/stg_days.sql` |
    | stage | `packages/stripe/models/stage/stripe/stg_stripe__charge.sql` | `dbt_packages/stripe/models/staging/stg_stripe__charge.sql` |
    | stage | `packages/stripe/models/stage/stripe/stripe__calendar.sql` | `dbt_packages/stripe/models/stripe__calendar.sql` |
    | prod | `models/prod/corner/revenue.sql` | `models/marts/revenue.sql` |
    | prod | `packages/stripe/models/prod/stripe/stripe__daily.sql` | `dbt_packages/stripe/models/stripe__daily.sql` |
    ");
    project.good(&["run", "--project-dir", "elt"]);
    assert_eq!(
        project.value("select string_agg(day || ' ' || amount::int, ', ') from prod.revenue").await,
        "2025-01-02 4"
    );
    let made = "select string_agg(n.nspname || '.' || c.relname || ' ' || c.relkind::text, ', ' order by c.relname) from pg_class c \
                join pg_namespace n on n.oid = c.relnamespace where c.relname like '%stripe\\_\\_%' or c.relname = 'kinds'";
    assert_eq!(
        project.value(made).await,
        "stage.kinds r, stage.stg_stripe__charge r, stage.stripe__calendar r, prod.stripe__daily r"
    );
    let listed = project.good(&["ls", "--project-dir", "elt", "--select", "package:stripe"]).stdout;
    assert_eq!(listed.lines().count(), 6, "three models, a seed, a source and a test: {listed}");
    project.good(&["ls", "--project-dir", "elt", "--select", "tag:inner"]).prints("stage.stg_stripe__charge");
}
