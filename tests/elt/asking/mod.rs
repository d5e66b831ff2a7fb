//! Models that ask the database while they render: dbt's `run_query`, `statement`, columns of relations, and the
//! macros of dbt-utils that hang on them.

mod faults;
mod moments;

use crate::support::Project;

/// What was told of problems, and notes without the time that all took.
fn told(stderr: &str) -> String {
    let wanted = stderr.find("error[").map_or(stderr, |at| &stderr[at..]);
    let lines = wanted.lines().filter(|line| !line.starts_with("Checked ") && !line.starts_with("Failed "));
    lines.collect::<Vec<_>>().join("\n")
}

const ORDERS: &str = "{{ config(materialized='table') }}
select * from (values
    (1, 'card', 10.50, true, '2024-03-01'::date), (2, 'it''s \"cash\"', 4, false, '2024-03-02'),
    (3, 'card', 2, true, null)
) as orders (id, method, amount, is_paid, day)";
const ARCHIVE: &str = "select 7 as id, 'card'::varchar(9) as method, 'x' as \"Odd Name\", 1 as secret";

#[tokio::test]
async fn macros_of_dbt_utils_ask_for_columns_and_values() {
    let project = Project::new(&[
        ("models/stage/orders.sql", ORDERS),
        ("models/stage/archive.sql", ARCHIVE),
        (
            "models/stage/starred.sql",
            "select {{ dbt_utils.star(from=ref('orders'), relation_alias='o', except=['AMOUNT', 'day'], prefix='order_') }}\n\
             from {{ ref('orders') }} as o",
        ),
        ("models/stage/odd.sql", "select {{ dbt_utils.star(ref('archive'), except=['secret']) }} from {{ ref('archive') }}"),
        (
            "models/stage/both.sql",
            "{{ dbt_utils.union_relations(relations=[ref('orders'), ref('archive')], exclude=['secret'], where='id <> 2') }}",
        ),
        (
            "models/stage/pivoted.sql",
            "{{ config(materialized='table') }}\nselect is_paid,\n\
             {{ dbt_utils.pivot('method', dbt_utils.get_column_values(ref('orders'), 'method', order_by='method'), agg='sum', then_value='amount') }}\n\
             from {{ ref('orders') }} group by is_paid",
        ),
        (
            "models/prod/long.sql",
            "{{ dbt_utils.unpivot(ref('orders'), cast_to='text', exclude=['id'], remove=['day'], field_name='what') }}",
        ),
        (
            "models/prod/asked.sql",
            "{% set all = dbt_utils.get_query_results_as_dict('select id, method from ' ~ ref('orders') ~ ' order by id') %}\n\
             {% set most = dbt_utils.get_single_value('select max(amount) from ' ~ ref('orders')) %}\n\
             {% set none_of = dbt_utils.get_single_value('select 1 where false', default=-1) %}\n\
             select {{ dbt_utils.get_intervals_between(\"date '2024-01-01'\", \"date '2024-01-03'\", 'day') }} as days,\n\
             '{{ (all.id or []) | join('+') }}' as ids, {{ most or 0 }} as most, {{ none_of or 0 }} as none_of,\n\
             {{ dbt_utils.get_filtered_columns_in_relation(ref('orders'), except=['id']) | length }} as others",
        ),
        (
            "models/prod/found.sql",
            "{% set relations = dbt_utils.get_relations_by_pattern('%', 'arch%') %}\n\
             {% do relations.extend(dbt_utils.get_relations_by_prefix('nothing', 'a')) %}\n\
             {% for relation in relations %}\n\
             select '{{ relation }}' as name, '{{ relation.identifier }}' as identifier, count(*) as rows from {{ relation }}\n\
             {% else %}select null::text as name, null::text as identifier, 0::bigint as rows{% endfor %}",
        ),
    ])
    .await;
    project.good(&["run"]);
    let columns = |table: &str| {
        format!(
            "select string_agg(attname, ' ' order by attnum) from pg_attribute where attrelid = '{table}'::regclass and attnum > 0"
        )
    };
    assert_eq!(project.value(&columns("stage.starred")).await, "order_id order_method order_is_paid");
    assert_eq!(project.value(&columns("stage.odd")).await, "id method Odd Name");
    assert_eq!(
        project.value("select string_agg(concat_ws(' ', _dbt_source_relation, id, method, \"Odd Name\"), '|' order by id) from stage.both").await,
        "\"stage\".\"orders\" 1 card|\"stage\".\"orders\" 3 card|\"stage\".\"archive\" 7 card x"
    );
    assert_eq!(project.value(&columns("stage.pivoted")).await, "is_paid card it's \"cash\"");
    assert_eq!(
        project.value("select card || ' ' || \"it's \"\"cash\"\"\" from stage.pivoted where is_paid").await,
        "12.50 0"
    );
    assert_eq!(
        project.value("select string_agg(concat_ws(' ', id, what, value), '|' order by id, what) from prod.long where id = 1").await,
        "1 amount 10.50|1 is_paid true|1 method card"
    );
    assert_eq!(
        project.value("select concat_ws(' ', days, ids, most, none_of, others) from prod.asked").await,
        "2 1+2+3 10.5 -1 4"
    );
    // The second run finds what the first has published.
    project.good(&["run"]);
    assert_eq!(
        project.value("select concat_ws(' ', name, identifier, rows) from prod.found").await,
        "\"stage\".\"archive\" archive 1"
    );
}

#[tokio::test]
async fn results_of_queries_are_read_as_dbt_reads_them() {
    let read = "{% set found = run_query('select id, method, amount, is_paid, day, amount * 1e20 as large from ' ~ ref('orders') ~ ' order by id') %}
{% if execute %}
  {% set ids = found.columns[0].values() %}
  {% call statement('counted', fetch_result=True) -%}
    select count(*) as n, null as nothing from {{ ref('orders') }}
  {%- endcall %}
  {% set counted = load_result('counted') %}
{% else %}{% set ids = [] %}{% set counted = {'data': [[0]], 'table': {'rows': []}} %}
{% endif %}
select '{{ ids | join(',') }}' as ids,
  '{{ found.columns | map(attribute='name') | join(',') }}|{{ found.column_names | join(',') }}' as names,
  '{% for row in found %}{{ row[0] }}{{ row['method'] | replace(\"'\", '') }}{{ row.is_paid }}{% if row.day is not none %}{{ row.day.strftime('%d.%m.%y') }}{% else %}-{% endif %};{% endfor %}' as rows,
  '{% for row in found.rows %}{{ row.values() | length }}{{ row.keys() | first }}{% endfor %}' as shape,
  '{% for id, method, amount, is_paid, day, large in found.rows %}{% if id == 1 %}{{ id + 1 }}{{ method }}{% endif %}{% endfor %}' as apart,
  {% if execute %}{{ found.rows[0].amount * 2 }}{% else %}0{% endif %} as twice, '{% if execute %}{{ found[0]['large'] }}{% endif %}' as large,
  {{ counted['data'][0][0] }} as counted, {{ found | length }} as length, {% set nobody = run_query('select 1 as n where false') %}{% if nobody %}1{% else %}0{% endif %} as nobody, {{ counted.table.rows | length }} as one,
  '{% for column, values in found.columns.items() %}{% if column == 'id' %}{{ values.values() | sum }}{% endif %}{% endfor %}' as sum";
    let project = Project::new(&[
        ("models/stage/orders.sql", ORDERS),
        ("models/stage/read.sql", read),
        (
            "models/stage/columns.sql",
            "select '{% for column in adapter.get_columns_in_relation(ref('orders')) %}{{ column.name }} {{ column.dtype }} {{ column.is_string() }} {{ column.is_numeric() }};{% endfor %}' as told,\n\
             '{{ adapter.get_columns_in_relation(ref('orders')) | map(attribute='quoted') | join(', ') | replace('\"', '') }}' as quoted",
        ),
    ])
    .await;
    project.good(&["run"]);
    let all = project
        .value("select concat_ws(E'\\n', ids, names, rows, shape, apart, twice, large, counted, length, nobody, one, sum) from stage.read")
        .await;
    insta::assert_snapshot!(all, @r#"
    1,2,3
    id,method,amount,is_paid,day,large|id,method,amount,is_paid,day,large
    1cardTrue01.03.24;2its "cash"False02.03.24;3cardTrue-;
    6id6id6id
    2card
    21.0
    1050000000000000000000.00
    3
    3
    0
    1
    6
    "#);
    insta::assert_snapshot!(project.value("select told || E'\\n' || quoted from stage.columns").await, @r"
    id integer False False;method text True False;amount numeric False True;is_paid boolean False False;day date False False;
    id, method, amount, is_paid, day
    ");
}

/// The example of dbt's own tutorial: a macro that asks, and gives what it found.
const TUTORIAL: &str = "{% macro get_column_values(column_name, relation) %}
{% set relation_query %}
select distinct
{{ column_name }}
from {{ relation }}
order by 1
{% endset %}
{% set results = run_query(relation_query) %}
{% if execute %}
{# Return the first column #}
{% set results_list = results.columns[0].values() %}
{% else %}
{% set results_list = [] %}
{% endif %}
{{ return(results_list) }}
{% endmacro %}
{% macro get_kinds() %}{{ return(get_column_values('kind', ref('payments'))) }}{% endmacro %}";

#[tokio::test]
async fn a_macro_that_asks_gives_what_it_found_also_after_a_failed_run() {
    let project = Project::new(&[
        ("macros/get.sql", TUTORIAL),
        (
            "models/stage/payments.sql",
            "{{ config(materialized='table') }}\nselect 1 as id, 'coupon' as kind, 3 as amount union all select 1, 'card', 4",
        ),
        (
            "models/prod/kinds.sql",
            "{%- set kinds = get_kinds() -%}\n\
             select id\n\
             {%- for kind in kinds %}, sum(case when kind = '{{kind}}' then amount end) as {{kind}}_amount{% endfor %}\n\
             from {{ ref('payments') }} group by 1",
        ),
        ("tests/one.sql", "select * from {{ ref('kinds') }} where card_amount <> 5"),
    ])
    .await;
    project.elt(&["run"]).expect(1).says("test-failed");
    project.write(
        "models/stage/payments.sql",
        "select 1 as id, 'coupon' as kind, 3 as amount union all select 1, 'card', 5",
    );
    project.good(&["retry"]);
    assert_eq!(
        project.value("select concat_ws(' ', id, card_amount, coupon_amount) from prod.kinds").await,
        "1 5 3"
    );
}

#[tokio::test]
async fn relations_are_looked_for_and_questions_follow_from_answers() {
    let project = Project::new(&[
        ("models/stage/orders.sql", ORDERS),
        ("models/stage/small.sql", "{{ config(materialized='ephemeral') }}\nselect {{ dbt_utils.star(ref('orders'), except=['id']) }}, id + 1 as id from {{ ref('orders') }}"),
        (
            "models/stage/there.sql",
            "{% set known = adapter.get_relation(database=ref('orders').database, schema=ref('orders').schema, identifier=ref('orders').name) %}\n\
             {% set unknown = adapter.get_relation(target.database, 'stage', 'nowhere') %}\n\
             {% set before = load_relation(this) is not none %}\n\
             {% set made = api.Relation.create(database=target.database, schema='stage', identifier='a \"b\"') %}\n\
             select count(*) as n, '{{ made }}' as made, {{ unknown is none }} as none_there, {{ before }} as stood_before from {{ known or ref('orders') }}",
        ),
        (
            // The first answer says what the second question is.
            "models/stage/rounds.sql",
            "{% set names = dbt_utils.get_column_values(ref('small'), 'method', where=\"method = 'card'\") %}\n\
             {% for name in names %}\n\
             {% set of = run_query('select sum(id) as n from ' ~ ref('small') ~ ' where method = ' ~ literal(name)) %}\n\
             select '{{ name }}' as name, {{ of.rows[0].n }} as n\n\
             {% else %}select null::text as name, 0::bigint as n{% endfor %}",
        ),
    ])
    .await;
    project.good(&["run"]);
    let there = "select concat_ws(' ', n, made, none_there, stood_before) from stage.there";
    assert_eq!(project.value(there).await, "3 \"stage\".\"a \"\"b\"\"\" t f");
    assert_eq!(project.value("select name || n from stage.rounds").await, "card6");
    project.good(&["run"]);
    assert_eq!(project.value(there).await, "3 \"stage\".\"a \"\"b\"\"\" t t");
}
