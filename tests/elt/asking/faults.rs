//! What is wrong with questions, in whole texts.

use super::{ORDERS, told};
use crate::support::Project;

#[tokio::test]
async fn questions_that_fail_are_told_where_they_stand() {
    let project = Project::new(&[
        (
            "macros/m.sql",
            "{% macro largest(relation) %}\n{{ return(run_query('select max(larg) from ' ~ relation).rows[0][0]) }}\n{% endmacro %}",
        ),
        ("models/stage/orders.sql", ORDERS),
        (
            "models/stage/a.sql",
            "{% set sql %}\nselect methd\nfrom {{ ref('orders') }}\n{% endset %}\n{% set found = run_query(sql) %}\nselect 1 as n",
        ),
        ("models/stage/b.sql", "-- depends_on: {{ ref('orders') }}\nselect {% if execute %}{{ largest(ref('orders')) }}{% else %}1{% endif %} as n"),
        ("models/stage/c.sql", "{% do run_query('create table made (n int)') %}\nselect 1 as n"),
        ("models/stage/d.sql", "{% do run_query('with gone as (delete from ' ~ ref('orders') ~ ' returning id) select * from gone') %}\nselect 1 as n"),
        (
            "models/stage/e.sql",
            "select 1 as n\n{% if execute %}union all select count(*) from {{ ref('orders') }}{% endif %}",
        ),
        ("models/stage/f.sql", "{% do run_query('select 1; select 2') %}\nselect 1 as n"),
        ("models/stage/g.sql", "{% set rows = run_query('select 1 as n where false').rows %}\nselect {% if execute %}{{ rows[0].n }}{% else %}1{% endif %} as n"),
    ])
    .await;
    let ended = project.elt(&["run", "--threads", "1"]).expect(1);
    insta::assert_snapshot!(told(&ended.stderr), @r#"
    error[not-a-question]: what a model asks while it renders must read and change nothing: `create`
     --> models/stage/c.sql:1:7
      |
    1 | {% do run_query('create table made (n int)') %}
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: a statement that changes something belongs into a hook (pre_hook, post_hook), or into a macro that `elt run-operation` runs

    error[late-ref]: ref('orders') is read only once the database is asked, so that nobody knew that it has to be built before
     --> models/stage/e.sql:2:56
      |
    2 | {% if execute %}union all select count(*) from {{ ref('orders') }}{% endif %}
      |                                                        ^^^^^^
      |
      = help: name it where nothing is asked, too: -- depends_on: {{ ref('orders') }}

    error[sql-syntax]: cannot insert multiple commands into a prepared statement
     --> models/stage/f.sql:1:7
      |
    1 | {% do run_query('select 1; select 2') %}
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error[template]: `rows[0].n` is not defined
     --> models/stage/g.sql:2:27
      |
    2 | select {% if execute %}{{ rows[0].n }}{% else %}1{% endif %} as n
      |                           ^^^^^^^^^
      |
      = help: where that is meant, write `… | default('')`

    error[unknown-column]: column "methd" does not exist
     --> models/stage/a.sql:2:8
      |
    2 | select methd
      |        ^^^^^
      |
      = help: Perhaps you meant to reference the column "orders.method".

    error[unknown-column]: column "larg" does not exist
     --> macros/m.sql:2:11
      |
    2 | {{ return(run_query('select max(larg) from ' ~ relation).rows[0][0]) }}
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error[not-a-question]: what a model asks while it renders must read and change nothing: cannot execute SELECT in a read-only transaction
     --> models/stage/d.sql:1:7
      |
    1 | {% do run_query('with gone as (delete from ' ~ ref('orders') ~ ' returning id) select * from gone') %}
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: a statement that changes something belongs into a hook (pre_hook, post_hook), or into a macro that `elt run-operation` runs

    note: 1 node that was built is kept until the next run begins: `elt retry` goes on from here
    "#);
    assert_eq!(project.value("select count(*) from pg_class where relname = 'made'").await, "0");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_told_and_the_session_goes_on() {
    let large = "{% set found = run_query(\"select repeat('x', 8388608) as x from generate_series(1, 1000000)\") %}\n";
    let project = Project::new(&[
        ("models/stage/a.sql", &format!("{large}select 1 as n")),
        ("models/stage/b.sql", "select {{ run_query('select 7').rows[0][0] if execute else 0 }} as n"),
    ])
    .await;
    let ended = project.elt(&["run", "--threads", "1"]).expect(1);
    ended
        .says("the answer takes more than 64 MiB of memory")
        .says("models/stage/a.sql:1:16")
        .says("ask for fewer rows")
        .says("built   view        stage.b");
}

#[tokio::test]
async fn results_are_empty_while_the_project_is_read() {
    let project = Project::new(&[
        ("models/stage/a.sql", "select {{ run_query('select 1 as n').rows[0].n }} as n"),
        (
            "models/raw/b.sql",
            "{{ config(source='https://example.org/a.csv') }}\n{% do run_query('select 1') %}a int",
        ),
        (
            "models/stage/c.yml",
            "models:\n  - name: d\n    config:\n      tags: [\"{{ run_query('select 1') }}\"]\n",
        ),
        ("models/stage/d.sql", "select 1 as n"),
    ])
    .await;
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr, @r#"
    error[template]: what a load brings in must be known without asking the database
     --> models/raw/b.sql:1:4
      |
    1 | {{ config(source='https://example.org/a.csv') }}
      |    ^^^^^^
      |
      = help: write its columns out, or leave them to `infer=true`

    error[template]: `run_query('select 1 as n').rows[0].n` is not defined
     --> models/stage/a.sql:1:11
      |
    1 | select {{ run_query('select 1 as n').rows[0].n }} as n
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: while the project is read nothing is asked, and results are empty: put what needs them into {% if execute %}…{% endif %}

    error[template]: a value of YAML asks the database, and is needed before there is one to ask
     --> models/stage/c.yml:4:7
      |
    4 |       tags: ["{{ run_query('select 1') }}"]
      |       ^
      |
      = help: write the value itself, or ask in the model

    3 problems; nothing was run.
    "#);
}
