//! What macros and templates of dbt projects do: macros that return values, variables that change, methods of
//! Python, and what there is not.

use crate::support::Project;

/// The example of dbt's own tutorial.
const PAYMENTS: &str = "{% set payment_methods = ['credit_card', 'coupon'] %}
select 1 as order_id,
{% for payment_method in payment_methods -%}
  {{ loop.index }} as {{ payment_method }}_amount{% if not loop.last %},{% endif %}
{% endfor %}";

const METHODS: &str = "{% macro payment_methods() %}{{ return(['credit_card', 'coupon']) }}{% endmacro %}
{% macro is_wide(n) -%}
  {%- if n > 1 -%}
    {%- do return(true) -%}
  {%- endif -%}
  {{ return(false) }}
  {{ ref('there_is_no_such_model') }}{{ exceptions.raise_compiler_error('never') }}
{%- endmacro %}
{% macro columns_of(kind) %}{{ return({'orders': ['id', 'total'], 'customers': ['name']}[kind]) }}{% endmacro %}
{% macro both() %}{{ return(columns_of('orders') | length + columns_of('customers') | length) }}{% endmacro %}
{% macro typed(a=1, b='x', c=[]) %}{{ return(a ~ b ~ c) }}{% endmacro %}
{% macro early(n) %}text before {% if n %}{{ return('early') }}{% endif %}late{% endmacro %}";

#[tokio::test]
async fn macros_return_values_and_not_only_text() {
    let project = Project::new(&[
        ("macros/m.sql", METHODS),
        ("models/stage/payments.sql", PAYMENTS),
        (
            "models/stage/amounts.sql",
            "select {% for m in payment_methods() %}{{ loop.index }} as {{ m }}_amount{% if not loop.last %}, {% endif %}{% endfor %}",
        ),
        (
            "models/stage/values.sql",
            "{% set names = payment_methods() %}\n\
             select {{ names | length }} as n, '{{ names[1] }}' as second, '{{ payment_methods() | join('+') }}' as joined,\n\
             {% if is_wide(2) and not is_wide(1) %}true{% else %}false{% endif %} as decided,\n\
             '{{ columns_of('orders')[0] }}{{ [{'a': {'b': 'c'}}][0].a.b }}' as first, {{ both() }} as sum, '{{ early(true) }}' as early, '{{ early(false) }}' as late, '{{ typed('q', 2.5, none) }}{{ typed() }}' as typed",
        ),
    ])
    .await;
    project.good(&["run"]);
    let all = project
        .value("select concat_ws(' ', n, second, joined, decided, first, sum, early, typed) || '|' || late from stage.values")
        .await;
    assert_eq!(all, "2 coupon credit_card+coupon t idc 3 early q2.5None1x[]|text before late");
    let amounts = project.value("select credit_card_amount + 10 * coupon_amount from stage.amounts").await;
    assert_eq!(amounts, "21");
    assert_eq!(project.value("select coupon_amount from stage.payments").await, "2");
    project.write(
        "models/stage/lost.sql",
        "select {% set x %}{{ payment_methods() }}{% endset %} '{{ x | length > 3 }}' as n",
    );
    project.good(&["compile"]);
}

#[tokio::test]
async fn variables_change_and_values_have_methods() {
    let model = "{% set names = [] %}{% set ns = namespace(total=0) %}{% set map = {'a': 1} %}\n\
        {%- for n, name in zip([1, 2, 3], ['x', 'y', 'z']) -%}\n\
        {%- do names.append(name.upper()) -%}{%- set ns.total = ns.total + n -%}{%- do map.update({'z': n}) -%}\n\
        {%- endfor -%}\n\
        {%- set _ = names.extend(['end']) -%}\n\
        select '{{ ','.join(names) + '' }}' as names, {{ ns.total }} as total, {{ map.get('z') }} as z,\n\
        {{ map.get('nothing', 7) }} as seven,\n\
        '{% for key, value in map.items() %}{{ key }}{{ value }}{% endfor %}{% for key in map %}{{ key }}{% endfor %}' as pairs,\n\
        '{% for x in ['a', 'b', 'c'] if x != 'b' %}{{ x }}{{ '+' if not loop.last }}{% endfor %}' as few,\n\
        '{{ 'a b'.split()[1] }}{{ 'a-b'.split('-') | last }}{{ 'abc'.startswith('ab') }}' as parts,\n\
        '{{ tojson({'a': [1, none]}) }}' as json, {{ fromjson('[1, 5]')[1] }} as five";
    let project = Project::new(&[("models/stage/a.sql", model)]).await;
    project.good(&["run"]);
    let told = project
        .value("select concat_ws(' ', names, total, z, seven, pairs, few, parts, json, five) from stage.a")
        .await;
    assert_eq!(told, "X,Y,Z,end 6 3 7 a1z3az a+c bbTrue {\"a\": [1, null]} 5");
}

#[tokio::test]
async fn what_templates_do_not_have_is_told_where_it_stands() {
    let project = Project::new(&[
        ("macros/m.sql", "{% macro cents(column) %}{{ column }} / 100{% endmacro %}"),
        ("models/stage/a.sql", "select {{ cent('amount') }}, {{ cent() }}"),
        ("models/stage/c.sql", "select '{{ target.user_name }}', '{{ run_started_at.strftime('%Y') }}'"),
        ("models/stage/d.sql", "select * from {{ ref('a', v=2) }}"),
        ("models/stage/e.sql", "{% do adapter.drop_relation(this) %}\nselect 1"),
        ("models/stage/f.sql", "{{ exceptions.raise_compiler_error('this must not be') }}"),
        ("models/stage/g.sql", "select '{{ target.usr }}'"),
    ])
    .await;
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr, @r"
    error[template]: there is no macro or function `cent`
     --> models/stage/a.sql:1:11
      |
    1 | select {{ cent('amount') }}, {{ cent() }}
      |           ^^^^
      |
      = help: did you mean `cents`?

    error[template]: there is no macro or function `cent`
     --> models/stage/a.sql:1:33
      |
    1 | select {{ cent('amount') }}, {{ cent() }}
      |                                 ^^^^
      |
      = help: did you mean `cents`?

    error[template]: `target` has no part `user_name`
     --> models/stage/c.sql:1:12
      |
    1 | select '{{ target.user_name }}', '{{ run_started_at.strftime('%Y') }}'
      |            ^^^^^^^^^^^^^^^^
      |
      = help: target knows: name, target_name, type, threads, profile_name, project_name, dbname, database, user, host, port, raw, stage, prod, schema

    error[template]: there is no `adapter.drop_relation`
     --> models/stage/e.sql:1:7
      |
    1 | {% do adapter.drop_relation(this) %}
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: there are `adapter.get_columns_in_relation`, `get_relation`, `quote` and `dispatch`; for anything else ask with `run_query('…')`

    error[template]: this must not be
     --> models/stage/f.sql:1:4
      |
    1 | {{ exceptions.raise_compiler_error('this must not be') }}
      |    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error[template]: `target` has no part `usr`
     --> models/stage/g.sql:1:12
      |
    1 | select '{{ target.usr }}'
      |            ^^^^^^^^^^
      |
      = help: did you mean `user`?

    error[unknown-ref]: there is no model or rule `a.v2`
     --> models/stage/d.sql:1:23
      |
    1 | select * from {{ ref('a', v=2) }}
      |                       ^
      |
      = help: `a` has no versions

    7 problems; nothing was run.
    ");
}

#[tokio::test]
async fn a_target_tells_what_is_known_of_it() {
    let project = Project::new(&[(
        "models/stage/a.sql",
        "{{ exceptions.warn('a is old') }}\nselect '{{ target.name }}' as name, {{ target.threads }} as threads, '{{ target.type }}' as type,\n\
         '{{ this.database }}' = current_database() as same, '{{ target.schema }}' as schema",
    )])
    .await;
    project.good(&["run"]).says("warning[template]: a is old").says("models/stage/a.sql:1:4");
    let told = project.value("select concat_ws(' ', name, threads, type, same, schema) from stage.a").await;
    assert_eq!(told, "dev 4 postgres t stage");
}

#[tokio::test]
async fn what_is_of_the_run_is_written_by_each_run() {
    let project = Project::new(&[
        ("models/stage/plain.sql", "select '{{ config.get('materialized') }}' as made, '{{ model.name }}' as name"),
        (
            "models/stage/plain.yml",
            "models:\n  - name: plain\n    config: {materialized: table}\n",
        ),
        (
            "models/stage/stamped.sql",
            "select {{ invocation_id }} as run, '{{ run_started_at.strftime('%Y-%m-%d') }}'::date as day, '{{ modules.datetime.datetime.now() - modules.datetime.timedelta(days=1) }}'::timestamp as before",
        ),
    ])
    .await;
    project.good(&["run"]);
    let stamped = "select (s.run = r.id and day = (r.started_at at time zone 'utc')::date and before < now())::text \
                   from stage.stamped s, elt.runs r order by r.id desc limit 1";
    assert_eq!(project.value(stamped).await, "true");
    assert_eq!(project.value("select made || ' ' || name from stage.plain").await, "table plain");
    let plan = project.elt(&["plan"]).expect(0).stdout;
    assert!(plan.contains("never skipped: it writes the number or the time of its run"), "{plan}");
    project.good(&["run"]);
    assert_eq!(project.value(stamped).await, "true");
}
