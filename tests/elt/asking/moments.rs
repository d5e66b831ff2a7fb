//! When models ask: at work, of what this run builds, and not twice for nothing.

use super::{ARCHIVE, ORDERS, told};
use crate::support::Project;

const PIVOTED: &str = "{{ config(materialized='table') }}
select {{ dbt_utils.pivot('method', dbt_utils.get_column_values(ref('orders'), 'method'), then_value='amount') }}
from {{ ref('orders') }}";

#[tokio::test]
async fn models_ask_what_this_run_builds_and_nothing_twice() {
    let project = Project::new(&[
        ("models/stage/orders.sql", ORDERS),
        ("models/stage/archive.sql", ARCHIVE),
        ("models/prod/pivoted.sql", PIVOTED),
        ("models/prod/starred.sql", "select {{ dbt_utils.star(ref('archive')) }} from {{ ref('archive') }}"),
        (
            "models/prod/catalogue.sql",
            "{{ config(materialized='table') }}\n\
             {% set found = run_query(\"select count(*) as n from information_schema.tables where table_schema = 'nowhere'\") %}\n\
             select {% if execute %}{{ found.rows[0][0] }}{% else %}0{% endif %} as n",
        ),
        (
            "models/prod/clocked.sql",
            "{{ config(materialized='table') }}\nselect '{{ dbt_utils.get_single_value('select now()') }}' as at",
        ),
    ])
    .await;
    project.good(&["run"]);
    let columns = "select string_agg(attname, ' ' order by attnum) from pg_attribute where attrelid = 'prod.pivoted'::regclass and attnum > 0";
    assert_eq!(project.value(columns).await, "card it's \"cash\"");
    project.good(&["run"]).says("2 built, 4 unchanged");
    insta::assert_snapshot!(project.good(&["plan"]).stdout, @r"
    build    table  prod.catalogue  never skipped: it asks the database by a query that reads information_schema.tables, which is named by neither ref nor source
    build    table  prod.clocked    never skipped: it asks the database by a query that calls now()

    2 to build, 4 unchanged
    ");
    // A new value is a new column in the same run.
    project.write("models/stage/orders.sql", &ORDERS.replace("(3, 'card'", "(3, 'coupon'"));
    project.good(&["run"]);
    assert_eq!(project.value(columns).await.split(' ').count(), 4);
    assert!(project.value(columns).await.contains("coupon"));
}

#[tokio::test]
async fn what_is_changed_where_nothing_is_asked_yet_is_built_anew() {
    let model = |sign: &str| {
        format!(
            "{{{{ config(materialized='table') }}}}\n-- depends_on: {{{{ ref('orders') }}}}\n\
             {{% if execute %}}select {{{{ least() }}}} {sign} {{{{ var('more', 0) }}}} as n{{% else %}}select 1 as n{{% endif %}}"
        )
    };
    let least = |of: &str| {
        format!(
            "{{% macro least() %}}{{{{ inner() }}}}{{% endmacro %}}{{% macro inner() %}}{{{{ dbt_utils.get_single_value('select {of}(id) from ' ~ ref('orders')) }}}}{{% endmacro %}}"
        )
    };
    let project = Project::new(&[
        ("models/stage/orders.sql", ORDERS),
        ("models/stage/asked.sql", &model("+")),
        ("macros/m.sql", &least("min")),
    ])
    .await;
    project.good(&["run"]);
    project.good(&["run"]).says("2 unchanged");
    let n = "select n from stage.asked";
    assert_eq!(project.value(n).await, "1");
    project.write("models/stage/asked.sql", &model("-"));
    project.good(&["run", "--vars", "{more: 5}"]);
    assert_eq!(project.value(n).await, "-4");
    project.good(&["run", "--vars", "{more: 6}"]);
    assert_eq!(project.value(n).await, "-5");
    project.write("macros/m.sql", &least("max"));
    project.good(&["run", "--vars", "{more: 6}"]);
    assert_eq!(project.value(n).await, "-3");
    project.good(&["run", "--vars", "{more: 6}"]).says("2 unchanged");
}

#[tokio::test]
async fn a_check_has_no_rows_and_blames_nobody_for_that() {
    let project = Project::new(&[
        ("models/stage/orders.sql", ORDERS),
        (
            "models/stage/chosen.sql",
            "select * from {{ ref('orders') }} where method in ('{{ dbt_utils.get_column_values(ref('orders'), 'method') | join(\"','\") }}')",
        ),
        (
            "models/stage/few.sql",
            "select * from {{ ref('orders') }} where id in ({{ dbt_utils.get_column_values(ref('orders'), 'id') | join(', ') }})",
        ),
        ("models/stage/of_few.sql", "select * from {{ ref('few') }}"),
        ("models/stage/starred.sql", "select {{ dbt_utils.star(ref('orders')) }} from {{ ref('orders') }}"),
        ("models/stage/of_starred.sql", "select amount, nothing from {{ ref('starred') }}"),
    ])
    .await;
    let ended = project.elt(&["check"]).expect(1);
    insta::assert_snapshot!(told(&ended.stderr), @r#"
    error[unknown-column]: column "nothing" does not exist
     --> models/stage/of_starred.sql:1:16
      |
    1 | select amount, nothing from {{ ref('starred') }}
      |                ^^^^^^^

    note: not judged, for what they read is wrong or not known yet: stage.of_few
    note: can be judged only with data, for what they ask the database has no rows in a check: stage.few
    "#);
}

#[tokio::test]
async fn compile_and_show_and_unit_tests_answer_in_their_own_ways() {
    let project = Project::new(&[
        ("models/stage/orders.sql", ORDERS),
        ("models/prod/pivoted.sql", PIVOTED),
        (
            "models/prod/tests.yml",
            "unit_tests:\n\
             \x20 - name: values_of_the_given_rows\n    model: pivoted\n    given:\n      - input: ref('orders')\n        rows:\n          - {method: gold, amount: 2}\n          - {method: gold, amount: 3}\n    expect:\n      rows:\n        - {gold: 5}\n\
             \x20 - name: values_that_are_overridden\n    model: pivoted\n    overrides:\n      macros:\n        dbt_utils.get_column_values: [card, tin]\n    given:\n      - input: ref('orders')\n        rows:\n          - {method: tin, amount: 2}\n    expect:\n      rows:\n        - {card: 0, tin: 2}\n",
        ),
        (
            "tests/every_method.sql",
            "{% set methods = dbt_utils.get_column_values(ref('orders'), 'method') %}\n\
             select * from {{ ref('orders') }} where {{ methods | length }} not in (0, 2)",
        ),
    ])
    .await;
    let compiled = project.good(&["compile", "--select", "pivoted"]).stdout;
    insta::assert_snapshot!(compiled, @r#"
    -- prod.pivoted (models/prod/pivoted.sql)
    -- asks the database while it renders; this is what is known without an answer

    select 
    from "stage"."orders"
    "#);
    project.good(&["run"]);
    project.good(&["test"]);
    insta::assert_snapshot!(project.good(&["show", "pivoted", "--query"]).stdout, @r#"
     card  it's "cash"
    12.50            4
    "#);
    let inline =
        "select {{ dbt_utils.get_single_value('select count(*) from ' ~ ref('orders')) or 'null' }} as n";
    insta::assert_snapshot!(project.good(&["show", "--inline", inline]).stdout, @r"
    n
    3
    ");
}

#[tokio::test]
async fn operations_and_hooks_may_change_what_they_ask() {
    let macros = "{% macro fill(times) %}
{% do run_query('create table if not exists notes (n int)') %}
{% for i in range(times) %}{% do run_query('insert into notes values (1)') %}{% endfor %}
{% set found = run_query('select count(*) as n from notes') %}
{{ log('there are ' ~ found.rows[0].n, info=true) }}
insert into notes values ({{ found.rows[0].n }})
{% endmacro %}
{% macro noted(relation) %}{% if execute %}
{% set n = run_query('select count(*) from ' ~ relation).columns[0].values()[0] %}
{% do run_query('insert into notes values (100)') %}
insert into notes values ({{ 1000 + n }})
{% endif %}{% endmacro %}";
    let project = Project::new(&[
        ("macros/m.sql", macros),
        (
            "models/stage/orders.sql",
            &ORDERS.replace("materialized='table'", "materialized='table', post_hook=\"{{ noted(this) }}\""),
        ),
    ])
    .await;
    let told = project.good(&["run-operation", "fill", "--args", "{times: 2}"]);
    let told = told.says("there are 2");
    assert_eq!(told.stderr.matches("there are").count(), 1, "{}", told.stderr);
    assert_eq!(project.value("select string_agg(n::text, ' ' order by n) from notes").await, "1 1 2");
    project.good(&["run"]);
    assert_eq!(
        project.value("select string_agg(n::text, ' ' order by n) from notes").await,
        "1 1 2 100 1003"
    );
}

#[tokio::test]
async fn views_and_added_rows_are_published_as_they_were_answered() {
    let project = Project::new(&[
        (
            "models/raw/numbers.sql",
            "{{ config(source='numbers.csv') }}\nn int, \"the \"\"name\"\"\" text",
        ),
        ("numbers.csv", "n,\"the \"\"name\"\"\"\n1,a\n2,b\n"),
        (
            "models/stage/grown.sql",
            "{{ config(materialized='incremental', unique_key='n') }}\n\
             {% set columns = adapter.get_columns_in_relation(this) | map(attribute='quoted') %}\n\
             select {{ dbt_utils.star(ref('numbers')) }} from {{ ref('numbers') }}\n\
             {% if is_incremental() %}where {{ columns | length }} = 2 and n > {{ dbt_utils.get_single_value('select max(n) from ' ~ this, default=0) }}{% endif %}",
        ),
        (
            "models/stage/seen.sql",
            "select {{ dbt_utils.get_column_values(ref('grown'), 'n', order_by='n') | join(' + ') or 0 }} as total, count(*) as rows from {{ ref('grown') }}",
        ),
        (
            "models/prod/kept.sql",
            "{{ config(materialized='materialized_view') }}\n\
             select {{ dbt_utils.get_column_values(ref('grown'), 'n', order_by='n') | join(' + ') or 0 }} as total from {{ ref('grown') }}",
        ),
    ])
    .await;
    project.good(&["run"]);
    let all = "select concat_ws(' ', s.total, s.rows, max(k.total), count(*)) from stage.seen s, prod.kept k group by s.total, s.rows";
    assert_eq!(project.value(all).await, "3 2 3 2");
    project.write("numbers.csv", "n,\"the \"\"name\"\"\"\n1,x\n2,y\n3,c\n");
    project.good(&["run"]);
    assert_eq!(project.value(all).await, "6 3 6 3");
    assert_eq!(
        project.value("select string_agg(\"the \"\"name\"\"\", '' order by n) from stage.grown").await,
        "abc"
    );
    // What the build schema held is gone, and the view reads what is published.
    assert_eq!(project.value("select count(*) from pg_namespace where nspname like 'elt_run%'").await, "0");
    project.good(&["check"]);
    project.good(&["run", "--full-refresh"]);
    assert_eq!(project.value(all).await, "6 3 6 3");
}
