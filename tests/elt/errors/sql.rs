//! What PostgreSQL refuses, in whole texts at the user's own line.

use crate::support::Project;

#[tokio::test]
async fn what_postgresql_refuses_is_told_at_the_users_own_line() {
    let project = Project::new(&[
        ("models/stage/function.sql", "select nosuch(1) as a"),
        ("models/stage/relation.sql", "select 1 as a from nosuch"),
        ("models/stage/syntax.sql", "select 1 as a form x"),
        ("models/stage/grouped.sql", "select a, count(*) as n from (values (1)) as v(a)"),
    ])
    .await;
    insta::assert_snapshot!(project.elt(&["-q", "check"]).expect(1).stderr, @r#"
    error[unknown-function]: function nosuch(integer) does not exist
     --> models/stage/function.sql:1:8
      |
    1 | select nosuch(1) as a
      |        ^^^^^^
      |
      = help: No function matches the given name and argument types. You might need to add explicit type casts.

    error[sql]: column "v.a" must appear in the GROUP BY clause or be used in an aggregate function
     --> models/stage/grouped.sql:1:8
      |
    1 | select a, count(*) as n from (values (1)) as v(a)
      |        ^

    error[unknown-relation]: relation "nosuch" does not exist
     --> models/stage/relation.sql:1:20
      |
    1 | select 1 as a from nosuch
      |                    ^^^^^^
      |
      = help: name models by {{ ref('…') }}, so that elt knows the order and the schema

    error[sql-syntax]: syntax error at or near "form"
     --> models/stage/syntax.sql:1:15
      |
    1 | select 1 as a form x
      |               ^^^^
    "#);

    let project = Project::new(&[
        ("models/stage/value.sql", "{{ config(materialized='table') }}\nselect 1 / (n - 1) as a from generate_series(1, 2) as n"),
        ("models/stage/there.sql", "{{ config(pre_hook='create schema stage') }}\nselect 1 as a"),
        ("models/stage/pay.sql", "{{ config(materialized='table') }}\nselect n from public.pay"),
        ("models/prod/theirs.sql", "select 1 as a"),
        ("models/stage/key.sql", "{{ config(materialized='table', post_hook='alter table {{ this }} add check (a > 1)') }}\nselect 1 as a"),
    ])
    .await;
    project
        .database
        .run("create table public.salaries (n int); create view public.pay as select n from public.salaries; alter view public.pay owner to pg_monitor")
        .await;
    project.database.run("create schema prod; create table prod.theirs (a int); create schema stage").await;
    insta::assert_snapshot!(project.elt(&["-q", "run"]).expect(2).stderr, @r#"
    error[not-ours]: prod.theirs is there already, and elt did not make it
     --> models/prod/theirs.sql:1:1
      |
    1 | select 1 as a
      | ^
      |
      = help: elt never replaces what it did not make: rename the model, or drop or move that relation yourself
    "#);
    project.database.run("drop table prod.theirs").await;
    insta::assert_snapshot!(project.elt(&["-q", "run", "--threads", "1"]).expect(1).stderr, @r#"
    error[constraint]: check constraint "key_a_check" of relation "key" is violated by some row
     --> models/stage/key.sql:1:1
      |
    1 | {{ config(materialized='table', post_hook='alter table {{ this }} add check (a > 1)') }}
      | ^

    error[not-permitted]: permission denied for table salaries
     --> models/stage/pay.sql:1:1
      |
    1 | {{ config(materialized='table') }}
      | ^

    error[exists-already]: schema "stage" already exists
     --> models/stage/there.sql:1:1
      |
    1 | {{ config(pre_hook='create schema stage') }}
      | ^

    error[bad-value]: division by zero
     --> models/stage/value.sql:1:1
      |
    1 | {{ config(materialized='table') }}
      | ^
    "#);
    for (name, text) in [
        ("lost", "{{ config(materialized='table') }} select pg_terminate_backend(pg_backend_pid())"),
        (
            "slow",
            "{{ config(materialized='table', pre_hook=\"set statement_timeout = '20ms'\") }} select 1 as a from pg_sleep(5)",
        ),
    ] {
        project.write(&format!("models/stage/{name}.sql"), text);
    }
    insta::assert_snapshot!(project.elt(&["-q", "run", "--select", "lost"]).expect(1).stderr, @r#"
    error[connection-lost]: terminating connection due to administrator command
     --> models/stage/lost.sql:1:1
      |
    1 | {{ config(materialized='table') }} select pg_terminate_backend(pg_backend_pid())
      | ^
    "#);
    insta::assert_snapshot!(project.elt(&["-q", "run", "--select", "slow"]).expect(1).stderr, @r#"
    error[cancelled]: canceling statement due to statement timeout
     --> models/stage/slow.sql:1:1
      |
    1 | {{ config(materialized='table', pre_hook="set statement_timeout = '20ms'") }} select 1 as a from pg_sleep(5)
      | ^
    "#);
}
