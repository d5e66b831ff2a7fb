//! `elt import`: a dbt project becomes an elt project that runs.

mod folder_tests;
mod packages;
mod parts;
mod snapshots;

use crate::support::Project;

const DBT_PROJECT: &str = "name: corner\nprofile: corner\nvars:\n  corner: {least: 2}\nseeds:\n  corner:\n    +schema: raw\n\
    models:\n  corner:\n    +schema: analytics\n    marts:\n      +materialized: table\n      +tags: [daily]\n\
    on-run-start: \"select 1\"\n";

/// A dbt project as people write them, in the folder `dbt`.
const FILES: &[(&str, &str)] = &[
    ("dbt/dbt_project.yml", DBT_PROJECT),
    (
        "dbt/profiles.yml",
        "corner: {target: dev, outputs: {dev: {type: postgres, host: db.example, user: ann, password: hunter2secret, dbname: shop, schema: x, threads: 2}}}\n",
    ),
    ("dbt/packages.yml", "packages:\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n"),
    (
        "dbt/seeds/raw_orders.csv",
        "id,customer,amount,at\n1,a,10.5,2025-01-01T10:00:00\n2,b,20,2025-01-02T11:30:00\n3,a,7.25,2025-01-03T12:00:00\n",
    ),
    ("dbt/seeds/regions.csv", "code,weight\n01,0.5\n02,1\n"),
    (
        "dbt/models/staging/_sources.yml",
        "sources:\n  - name: till\n    schema: raw\n    tables:\n      - name: orders\n        identifier: raw_orders\n        loaded_by: hand\n",
    ),
    (
        "dbt/models/staging/stg_orders.sql",
        "with source as (select * from {{ source('till', 'orders') }})\nselect id, customer, {{ rounded('amount') }} as amount from source\n",
    ),
    (
        "dbt/models/staging/stg_orders.yml",
        "unit_tests:\n  - name: amounts_are_rounded\n    model: stg_orders\n    given:\n      - input: source('till', 'orders')\n        rows:\n          - {id: 1, customer: a, amount: 1.25}\n    expect:\n      rows:\n        - {id: 1, customer: a, amount: 1.3}\n",
    ),
    (
        "dbt/models/marts/customers.sql",
        "{%- set whole = ['id', 'amount'] -%}\nselect customer\n{%- for c in whole %}, max({{ c }}) as max_{{ c }}{% endfor %}\nfrom {{ ref('stg_orders') }} group by 1 having count(*) >= {{ var('least') }}\n",
    ),
    ("dbt/models/marts/weights.sql", "select * from {{ ref('regions') }}\n"),
    ("dbt/models/marts/hasty.sql", "select count(*) as n from {{ source('till', 'orders') }}\n"),
    (
        "dbt/models/marts/schema.yml",
        "version: 2\n\nmodels:\n  - name: customers # the good ones\n    group: sales\n    columns:\n      - name: customer\n        data_tests:\n          - unique\n          - nosuchpackage.is_nice\n      - name: max_id\n        data_tests:\n          - nosuchpackage.is_nice\n\nsemantic_models:\n  - name: customers\n    model: ref('customers')\n",
    ),
    (
        "dbt/macros/all.sql",
        "{% macro rounded(column) %}{{ return(adapter.dispatch('rounded')(column)) }}{% endmacro %}\n\
         {% macro default__rounded(column) %}nonsense{% endmacro %}\n\
         {% macro postgres__rounded(column) %}round({{ column }}::numeric, 1){% endmacro %}\n\
         {% macro asks() %}\n{% do no_such('x') %}\n{% endmacro %}\n\
         {% macro generate_schema_name(custom, node) %}{{ target.schema }}{% if custom %}_{{ custom }}{% endif %}{% endmacro %}\n",
    ),
    ("dbt/tests/no_free_orders.sql", "select * from {{ ref('stg_orders') }} where amount = 0\n"),
    ("dbt/analyses/look.sql", "select 1\n"),
];

#[tokio::test]
async fn a_dbt_project_is_imported_and_what_has_no_word_is_listed_with_its_place() {
    let project = Project::new(FILES).await;
    let told = project.good(&["import", "dbt", "--out", "elt"]);
    assert!(!told.stderr.contains("hunter2secret"), "{told}");
    let text = |path: &str| std::fs::read_to_string(project.root.join(path)).expect("it is there");
    let report = text("elt/IMPORT.md");
    insta::assert_snapshot!(report, @r"
    # corner, imported from dbt

    Made by `elt import`. Places are those of the dbt project.

    ## Not taken

    Left out: commented out where it stood, or not copied.

    - macros/all.sql:5: `macro asks()`: there is no macro or function `no_such` (write the SQL, or a macro of your own in macros/)
    - models/marts/schema.yml:11: `- nosuchpackage.is_nice`: there is no generic test `is_nice`
    - models/marts/schema.yml:14: `- nosuchpackage.is_nice`: there is no generic test `is_nice`
    - models/marts/schema.yml:16: `semantic_models:`: elt has no semantic layer
    - models/staging/_sources.yml:7: `loaded_by: hand`: elt has no word `loaded_by` here
    - packages.yml:2: the package dbt-labs/dbt_utils: the most used of its macros and tests are built in
    - profiles.yml: the password of the target `dev`: a secret does not belong in a file: export DEV_PASSWORD=…

    ## Otherwise than in dbt

    Taken, but not as it stood.

    - models/marts/hasty.sql: `hasty` is stage, not prod: it reads a source, and prod reads stage only; put a stage model between to publish it
    - profiles.yml: the target `dev` builds in raw, stage and prod: in elt each layer has a schema; dbt's is `x`
    - seeds/raw_orders.csv: the seed `raw_orders` is loaded into raw: the source `till.orders` reads it

    ## Where the models are

    | layer | model | came from |
    |---|---|---|
    | raw | `models/raw/till/raw_orders.sql` | `a seed` |
    | stage | `models/stage/corner/hasty.sql` | `models/marts/hasty.sql` |
    | stage | `models/stage/corner/stg_orders.sql` | `models/staging/stg_orders.sql` |
    | prod | `models/prod/corner/customers.sql` | `models/marts/customers.sql` |
    | prod | `models/prod/corner/weights.sql` | `models/marts/weights.sql` |
    ");

    // SQL is taken byte for byte.
    assert_eq!(text("elt/models/prod/corner/customers.sql"), text("dbt/models/marts/customers.sql"));
    assert_eq!(text("elt/models/stage/corner/stg_orders.sql"), text("dbt/models/staging/stg_orders.sql"));
    insta::assert_snapshot!(text("elt/models/prod/corner/schema.yml"), @r"
    version: 2

    models:
      - name: customers # the good ones
        config: {schema: analytics, materialized: table, tags: [daily]}
        group: sales
        columns:
          - name: customer
            data_tests:
              - unique
    #          - nosuchpackage.is_nice
          - name: max_id
            data_tests:
    #          - nosuchpackage.is_nice

    #semantic_models:
    #  - name: customers
    #    model: ref('customers')
    ");
    insta::assert_snapshot!(text("elt/profiles.yml"), @r#"
    # Where elt builds. `elt debug` shows how this file is understood.
    target: dev

    targets:
      dev:
        url: "postgres://ann:{{ env_var('DEV_PASSWORD') }}@db.example:5432/shop"
        threads: 2

    # What other tools and ref('package', 'model') call this project.
    name: corner

    vars:
      least: 2

    on_run_start:
      - "select 1"
    "#);

    project.write("elt/profiles.yml", "vars: {least: 2}\n");
    project.good(&["run", "--project-dir", "elt"]).says("3 tests passed");
    let rows = "select string_agg(format('%s %s %s', customer, max_id, max_amount), ', ') from prod_analytics.customers";
    assert_eq!(project.value(rows).await, "a 3 10.5");
    assert_eq!(
        project
            .value("select pg_typeof(weight)::text || pg_typeof(code) from prod_analytics.weights limit 1")
            .await,
        "double precisioninteger"
    );
    assert_eq!(project.value("select n from stage_analytics.hasty").await, "3");

    project.elt(&["import", "dbt", "--out", "elt"]).expect(2).says("elt is there already");
    project.elt(&["import", "elt"]).expect(2).says("elt is no dbt project");
    // What does not compile stays in its place, is told, and fails the command.
    project.write("dbt/models/marts/asking.sql", "select 1 as n\n{% call log('x') %}{% endcall %}\n");
    let told = project.elt(&["import", "dbt", "--out", "again"]).expect(1);
    told.says("to mend   models/marts/asking.sql:2: template: `log` takes no block: `{% call log(…) %}`");
    assert!(project.root.join("again/models/prod/corner/asking.sql").exists());
}
