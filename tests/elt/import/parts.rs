//! The parts of a dbt project beside its models: each is taken or listed, and targets stay apart.

use crate::support::Project;

const DBT_PROJECT: &str = "name: corner\nprofile: \"{{ env_var('PROFILE', 'corner') }}\"\ndocs-paths: [notes]\nasset-paths: [pictures]\n\
    test-paths: [checks]\nseeds:\n  corner:\n    +delimiter: ';'\ntests:\n  +severity: warn\n  corner:\n    \
    +store_failures: true\nsources:\n  corner:\n    till:\n      +enabled: true\n\
    models:\n  corner:\n    marts: {labels: {+tags: [all]}}\n    by_database:\n      spark: {+enabled: \"{{ target.type == 'spark' }}\"}\n      \
    default: {+enabled: \"{{ target.type == 'postgres' }}\", +meta: {a: b}}\n";

/// Two targets of one database, as most teams have them.
const PROFILES: &str = "corner:\n  target: \"{{ env_var('CORNER', 'dev') }}\"\n  outputs:\n    \
    dev: {type: postgres, host: /run/postgresql, threads: \"{{ env_var('THREADS', '3') }}\", user: ann, dbname: shop, schema: dbt_ann}\n    \
    ci: {type: postgres, host: db.example, user: ci, dbname: shop, schema: \"ci_{{ env_var('RUN', '1') }}\"}\n    \
    prod: {type: postgres, host: db.example, user: bot, dbname: shop, schema: analytics, search_path: \"shop, public\", role: owner, connect_timeout: 5, keepalives_idle: 0, sslkey: k}\n    \
    flake: {type: snowflake, account: x}\n";

const FILES: &[(&str, &str)] = &[
    ("dbt/dbt_project.yml", DBT_PROJECT),
    ("dbt/profiles.yml", PROFILES),
    ("dbt/seeds/codes.csv", "code;label\n1;\"a;b\"\n2;c,d\n"),
    ("dbt/seeds/orders.csv", "id;at\n1;2020-01-01\n"),
    (
        "dbt/models/src.yml",
        "sources: [{name: till, schema: raw, tables: [{name: orders}]}]\nmodels:\n  - name: labels\n    description: \"{{ doc('grain') }}\"\n    config:\n      tags: own\n\
         unit_tests:\n  - name: labels_are_kept\n    model: labels\n    given:\n      - {input: ref('codes'), format: csv, fixture: some_codes}\n    \
         expect: {format: csv, fixture: some_labels}\n",
    ),
    (
        "dbt/models/marts/labels.sql",
        "select label, {{ shared.twice('code') }} as two from {{ ref('corner', 'codes') }}\n",
    ),
    ("dbt/models/staging/days.sql", "select at from {{ source('till', 'orders') }}\n"),
    ("dbt/models/marts/far.sql", "select {{ far_macros.far(1) }} as n from {{ ref('labels') }}\n"),
    ("dbt/.dbtignore", "# not of dbt\n*.draft.sql\n/models/old/\n"),
    ("dbt/models/marts/far.draft.sql", "select"),
    ("dbt/models/old/labels.sql", "select 1"),
    ("dbt/models/by_database/spark/twin.sql", "select spark"),
    ("dbt/models/by_database/default/twin.sql", "select 1 as n"),
    ("dbt/analyses/deep/look.sql", "select 1\n"),
    ("dbt/notes/grain.md", "{% docs grain %}One row a code.{% enddocs %}\n"),
    ("dbt/checks/fixtures/some_codes.csv", "code,label\n1,x\n"),
    ("dbt/checks/fixtures/deep/some_labels.csv", "label,two\nx,2\n"),
    ("dbt/checks/no_nines.sql", "select * from {{ ref('labels') }} where two = 9\n"),
    ("dbt/checks/checks.yml", "data_tests:\n  - name: no_nines\n    description: None.\n"),
    (
        "dbt/selectors.yml",
        "selectors:\n  - name: all_marts\n    definition: {method: fqn, value: labels}\n  - name: odd\n    definition: {method: tag, value: x, childs: true}\n",
    ),
    (
        "dbt/packages.yml",
        "packages:\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n  - package: acme/other\n    version: 1.0.0\n  - local: ../shared\n  - git: https://git.example/acme/far-macros.git\n    revision: v1\n",
    ),
    ("shared/dbt_project.yml", "name: shared\n"),
    ("shared/macros/m.sql", "{% macro twice(c) %}2 * {{ c }}{% endmacro %}\n"),
];

#[tokio::test]
async fn every_part_is_taken_or_listed_and_targets_stay_apart() {
    let project = Project::new(FILES).await;
    project.good(&["import", "dbt", "--out", "deep/elt"]).says("elt deps && elt run");
    let text = |path: &str| std::fs::read_to_string(project.root.join(path)).expect(path);
    insta::assert_snapshot!(text("deep/elt/IMPORT.md"), @r"
    # corner, imported from dbt

    Made by `elt import`. Places are those of the dbt project.

    ## Not taken

    Left out: commented out where it stood, or not copied.

    - dbt_project.yml:4: `asset-paths`: the site of `elt docs` is one file and takes no pictures
    - dbt_project.yml:16: `enabled: true` for folders of sources: write it in the `config:` of each source
    - models/by_database/spark/twin.sql: `twin`: dbt_project.yml enables another model of that name on PostgreSQL
    - packages.yml:2: the package dbt-labs/dbt_utils: the most used of its macros and tests are built in
    - packages.yml:4: the package acme/other: name its git repository and revision in packages.yml; then `elt deps`
    - profiles.yml: `sslkey` of the target `prod`: elt shows the server no certificate of its own: let a password or the socket say who it is
    - profiles.yml: the target `flake`: it is snowflake, and elt speaks PostgreSQL only
    - selectors.yml:4: `- name: odd`: a selector has no word `childs` (did you mean `children`?)

    ## Otherwise than in dbt

    Taken, but not as it stood.

    - packages.yml:6: the package ../shared: it is in packages.yml; its macros and tests are taken, its models are not
    - packages.yml:7: the package https://git.example/acme/far-macros.git: it is in packages.yml: bring it in with `elt deps`; its macros and tests are taken, its models are not
    - profiles.yml: the target `dev` builds in dbt_ann_raw, dbt_ann_stage and dbt_ann_prod: `schema_prefix` keeps it apart from the other targets, as dbt's schema `dbt_ann` does
    - profiles.yml: the target `ci` builds in ci_{{ env_var('RUN', '1') }}_raw, ci_{{ env_var('RUN', '1') }}_stage and ci_{{ env_var('RUN', '1') }}_prod: `schema_prefix` keeps it apart from the other targets, as dbt's schema `ci_{{ env_var('RUN', '1') }}` does
    - profiles.yml: the target `prod` builds in raw, stage and prod: in elt each layer has a schema; dbt's is `analytics`
    - seeds/codes.csv: its columns are separated by commas, not by ';': rules are plain CSV
    - seeds/orders.csv: the seed `orders` is loaded into raw: the source `till.orders` reads it
    - selectors.yml: paths and folders: models lie by layer now: see below where each one is

    ## Where the models are

    | layer | model | came from |
    |---|---|---|
    | raw | `models/raw/till/orders.sql` | `a seed` |
    | stage | `models/stage/corner/days.sql` | `models/staging/days.sql` |
    | prod | `models/prod/by_database/default/twin.sql` | `models/by_database/default/twin.sql` |
    | prod | `models/prod/corner/far.sql` | `models/marts/far.sql` |
    | prod | `models/prod/corner/labels.sql` | `models/marts/labels.sql` |
    ");
    insta::assert_snapshot!(text("deep/elt/profiles.yml"), @r#"
    # Where elt builds. `elt debug` shows how this file is understood.
    target: "{{ env_var('CORNER', 'dev') }}"

    targets:
      dev:
        url: "postgres://ann@%2Frun%2Fpostgresql:5432/shop"
        schema_prefix: dbt_ann_
        threads: 3
      ci:
        url: "postgres://ci@db.example:5432/shop"
        schema_prefix: "ci_{{ env_var('RUN', '1') }}_"
      prod:
        url: "postgres://bot@db.example:5432/shop?connect_timeout=5&options=-c%20search_path%3Dshop%2Cpublic%20-c%20role%3Downer"

    # What other tools and ref('package', 'model') call this project.
    name: corner

    tests:
      +severity: warn
      +store_failures: true
    "#);
    insta::assert_snapshot!(text("deep/elt/packages.yml"), @r#"
    packages:
      - local: "../../shared"
      - git: "https://git.example/acme/far-macros.git"
        revision: "v1"
    "#);
    assert_eq!(text("deep/elt/rules/codes.csv"), "code,label\n1,a;b\n2,\"c,d\"\n");

    project.write(
        "deep/elt/packages.yml",
        "packages:\n  - local: ../../shared\n  - package: dbt-labs/dbt_utils\n",
    );
    project.remove("deep/elt/models/prod/corner/far.sql");
    let inside = ["--project-dir", "deep/elt"];
    project.good(&[&["deps"], &inside[..]].concat()).says("`dbt-labs/dbt_utils` was not brought in");
    let relation = |target: &str| {
        let listed = [
            "ls",
            "-t",
            target,
            "-s",
            "labels",
            "-o",
            "json",
            "--output-keys",
            "relation",
            "--resource-type",
            "model",
        ];
        project.good(&[&listed[..], &inside[..]].concat()).stdout
    };
    assert_eq!(relation("prod").trim(), r#"{"relation":"prod.labels"}"#);
    assert_eq!(relation("dev").trim(), r#"{"relation":"dbt_ann_prod.labels"}"#);
    assert_eq!(relation("ci").trim(), r#"{"relation":"ci_1_prod.labels"}"#);
    let listed = ["ls", "-t", "prod", "--selector", "all_marts", "--resource-type", "model"];
    assert_eq!(project.good(&[&listed[..], &inside[..]].concat()).stdout.trim(), "prod.labels");

    let listed = ["ls", "-t", "prod", "-s", "tag:all,tag:own", "--resource-type", "model"];
    assert_eq!(project.good(&[&listed[..], &inside[..]].concat()).stdout.trim(), "prod.labels");

    project.write("deep/elt/profiles.yml", "name: corner\n");
    project.good(&[&["run"], &inside[..]].concat()).says("2 tests passed");
    let labels = "select string_agg(label || ' ' || two, ' | ' order by two) from prod.labels";
    assert_eq!(project.value(labels).await, "a;b 2 | c,d 4");
    assert_eq!(project.value("select at from stage.days").await, "2020-01-01");
    project
        .good(&[&["run-operation", "shared.twice", "--args", "{c: 4}", "--dry-run"], &inside[..]].concat())
        .prints("2 * 4");
    project
        .elt(&[&["run-operation", "shared.twiec"], &inside[..]].concat())
        .expect(2)
        .says("there is no macro `shared.twiec`")
        .says("did you mean `shared.twice`?");
}

#[tokio::test]
async fn versions_and_foreign_keys_are_taken() {
    let project = Project::new(&[
        (
            "dbt/dbt_project.yml",
            "name: corner\nprofile: corner\nmodels:\n  corner:\n    +materialized: table\n",
        ),
        ("dbt/models/customers_v1.sql", "select 1 as id\n"),
        ("dbt/models/customers_v2.sql", "select 1 as id, 'a' as name\n"),
        ("dbt/models/orders.sql", "select 7 as id, 1 as customer_id, '{{ ref('customers', v=1) }}' as old\n"),
        (
            "dbt/models/all.yml",
            "models:
  - name: customers
    latest_version: 2
    config: {contract: {enforced: true}}
    columns:
      - {name: id, data_type: int, constraints: [{type: primary_key}]}
      - {name: name, data_type: text}
    versions:
      - v: 1
        columns: [{include: all, exclude: [name]}]
      - v: 2
  - name: orders
    config: {contract: {enforced: true}}
    columns:
      - {name: id, data_type: int}
      - name: customer_id
        data_type: int
        constraints:
          - {type: foreign_key, to: ref('customers'), to_columns: [id]}
          - {type: foreign_key, expression: analytics.customers (id)}
      - {name: old, data_type: text}
",
        ),
    ])
    .await;
    let ended = project.good(&["import", "dbt", "--out", "elt"]).says("0 to mend");
    ended.says("a foreign key points to `analytics.customers (id)`, which is no model, rule or source");
    project.good(&["run", "--project-dir", "elt"]);
    let key = "select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'prod.orders'::regclass";
    assert_eq!(
        project.value(key).await,
        "FOREIGN KEY (customer_id) REFERENCES prod.customers_v2(id) DEFERRABLE"
    );
    let tables = "select string_agg(relname, ' ' order by relname) from pg_class where relkind = 'r' \
                  and relnamespace = 'prod'::regnamespace and relname !~ '^_elt'";
    assert_eq!(project.value(tables).await, "customers_v1 customers_v2 orders");
}
