//! `elt check` judges all that a run would stumble over, all at once, and leaves nothing behind.

use crate::support::Project;

#[tokio::test]
async fn all_that_is_said_of_models_is_judged_at_once() {
    let contract = "{{ config(materialized='table', contract={'enforced': true}) }}\nselect 1 as a, 2 as b";
    let project = Project::new(&[
        (
            "profiles.yml",
            "target: dev\non_run_start:\n  - insert into nosuch_log values (1)\non_run_end:\n  - grant select onn x to y\n",
        ),
        (
            "models/stage/indexed.sql",
            "{{ config(materialized='table', indexes=[{'columns': ['idd']}], unique_key='idd') }}\nselect 1 as id",
        ),
        ("models/stage/described.sql", "select 1 as id, 2 as n"),
        ("models/prod/promised.sql", contract),
        (
            "models/stage/hooked.sql",
            "{{ config(post_hook=['update {{ this }} set nosuch = 1', 'analyze {{ this }}']) }}\nselect 1 as id",
        ),
        ("models/stage/given.sql", "{{ config(grants={'select': ['nosuch_role']}) }}\nselect 1 as id"),
        ("models/stage/read.sql", "select * from {{ source('shop', 'orders') }}"),
        (
            "models/stage/all.yml",
            "models:\n  - name: described\n    columns:\n      - {name: idd, description: Wrong.}\n      - {name: nn, description: Wrong.}\n\
             sources:\n  - name: shop\n    schema: public\n    tables:\n      - name: orders\n        loaded_at_field: orderd_at\n        freshness: {warn_after: {count: 1, period: day}}\n",
        ),
        (
            "models/prod/promised.yml",
            "models:\n  - name: promised\n    columns:\n      - name: a\n        data_type: integer\n        constraints: [{type: check, expression: a > nosuch}]\n      - {name: b, data_type: integer}\n",
        ),
    ])
    .await;
    project.database.run("create table public.orders (id int, ordered_at timestamptz)").await;
    insta::assert_snapshot!(project.elt(&["-q", "check"]).expect(1).stderr, @r#"
    error[unknown-column]: column "nosuch" does not exist
     --> models/prod/promised.yml:4:15
      |
    4 |       - name: a
      |               ^

    warning[unknown-column]: `described` has no column `idd`
     --> models/stage/all.yml:4:16
      |
    4 |       - {name: idd, description: Wrong.}
      |                ^^^
      |
      = help: did you mean `id`?

    warning[unknown-column]: `described` has no column `nn`
     --> models/stage/all.yml:5:16
      |
    5 |       - {name: nn, description: Wrong.}
      |                ^^
      |
      = help: did you mean `n`?

    error[unknown-column]: `indexed` has no column `idd`
     --> models/stage/indexed.sql:1:56
      |
    1 | {{ config(materialized='table', indexes=[{'columns': ['idd']}], unique_key='idd') }}
      |                                                        ^^^
      |
      = help: did you mean `id`?

    error[unknown-relation]: relation "nosuch_log" does not exist
     --> profiles.yml:3:17
      |
    3 |   - insert into nosuch_log values (1)
      |                 ^^^^^^^^^^
      |
      = help: name models by {{ ref('…') }}, so that elt knows the order and the schema

    error[sql-syntax]: syntax error at or near "onn"
     --> profiles.yml:5:18
      |
    5 |   - grant select onn x to y
      |                  ^^^

    error[unknown-column]: column "nosuch" of relation "hooked" does not exist
     --> models/stage/hooked.sql:1:45
      |
    1 | {{ config(post_hook=['update {{ this }} set nosuch = 1', 'analyze {{ this }}']) }}
      |                                             ^^^^^^

    error[unknown-column]: shop.orders: column "orderd_at" does not exist
      --> models/stage/all.yml:11:26
       |
    11 |         loaded_at_field: orderd_at
       |                          ^^^^^^^^^
       |
       = help: Perhaps you meant to reference the column "orders.ordered_at".

    error[unknown-role]: `given` grants to the role `nosuch_role`, which does not exist
     --> models/stage/given.sql:1:31
      |
    1 | {{ config(grants={'select': ['nosuch_role']}) }}
      |                               ^^^^^^^^^^^
      |
      = help: make it first: create role nosuch_role
    "#);
    let left = "select count(*) from pg_namespace where nspname like 'elt\\_%'";
    assert_eq!(project.value(left).await, "0");
    // A run that would make the table before it is named is not blamed.
    project.write(
        "profiles.yml",
        "target: dev\non_run_start: [create table if not exists nosuch_log (n int), insert into nosuch_log values (1)]\n",
    );
    let ended = project.elt(&["check", "--select", "read"]).expect(0);
    assert!(!ended.stderr.contains("nosuch_log"), "{ended}");
}

#[tokio::test]
async fn the_nearest_name_is_told_where_postgresql_knows_none() {
    let project = Project::new(&[
        ("models/stage/orders.sql", "select 1 as order_id, 'x'::text as kind"),
        ("models/stage/by_name.sql", "select * from ordres"),
        // What depends on a failure is not blamed too, nor are its hooks.
        (
            "models/stage/child.sql",
            "{{ config(post_hook='update {{ this }} set a = 1') }} select * from {{ ref('by_name') }}",
        ),
        ("models/stage/by_source.sql", "select * from public.paymnets"),
        ("models/stage/by_table.sql", "select * from ledgr"),
        ("models/stage/by_function.sql", "select coalsce(1, 2) as a"),
        ("models/stage/by_types.sql", "select upper(1) as a"),
        ("models/stage/by_type.sql", "select 1::intger as a"),
        ("models/stage/by_column.sql", "select kindof as k from {{ ref('orders') }} as o"),
        ("models/stage/s.yml", "sources: [{name: shop, schema: public, tables: [{name: payments}]}]"),
        ("tests/claim.sql", "select order_idd from {{ ref('orders') }}"),
    ])
    .await;
    project.database.run("create table public.payments (id int); create table public.ledger (id int)").await;
    insta::assert_snapshot!(project.elt(&["-q", "check"]).expect(1).stderr, @r#"
    error[unknown-function]: function coalsce(integer, integer) does not exist
     --> models/stage/by_function.sql:1:8
      |
    1 | select coalsce(1, 2) as a
      |        ^^^^^^^
      |
      = help: did you mean `coalesce`?

    error[unknown-relation]: relation "ordres" does not exist
     --> models/stage/by_name.sql:1:15
      |
    1 | select * from ordres
      |               ^^^^^^
      |
      = help: did you mean {{ ref('orders') }}?

    error[unknown-relation]: relation "public.paymnets" does not exist
     --> models/stage/by_source.sql:1:15
      |
    1 | select * from public.paymnets
      |               ^^^^^^
      |
      = help: did you mean {{ source('shop', 'payments') }}?

    error[unknown-relation]: relation "ledgr" does not exist
     --> models/stage/by_table.sql:1:15
      |
    1 | select * from ledgr
      |               ^^^^^
      |
      = help: did you mean `public.ledger`?

    error[unknown-type]: type "intger" does not exist
     --> models/stage/by_type.sql:1:11
      |
    1 | select 1::intger as a
      |           ^^^^^^
      |
      = help: did you mean `integer`?

    error[unknown-function]: function upper(integer) does not exist
     --> models/stage/by_types.sql:1:8
      |
    1 | select upper(1) as a
      |        ^^^^^
      |
      = help: No function matches the given name and argument types. You might need to add explicit type casts.

    error[unknown-column]: column "kindof" does not exist
     --> models/stage/by_column.sql:1:8
      |
    1 | select kindof as k from {{ ref('orders') }} as o
      |        ^^^^^^
      |
      = help: Perhaps you meant to reference the column "o.kind".

    error[unknown-column]: column "order_idd" does not exist
     --> tests/claim.sql:1:8
      |
    1 | select order_idd from {{ ref('orders') }}
      |        ^^^^^^^^^
      |
      = help: Perhaps you meant to reference the column "orders.order_id".
    "#);
    let ended = project.elt(&["run", "--select", "by_name", "by_function"]).expect(1);
    ended.says("did you mean {{ ref('orders') }}?").says("did you mean `coalesce`?");
    project
        .elt(&["show", "--inline", "select * from ordres"])
        .expect(2)
        .says("did you mean {{ ref('orders') }}?");
}
