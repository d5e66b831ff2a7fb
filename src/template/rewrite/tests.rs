use super::*;

fn plain(source: &str) -> String {
    let signatures = signatures("{% macro cents(column, scale) %}{% endmacro %}");
    let rewritten = macros(source, &signatures);
    assert_eq!(rewritten.problems, [], "{source}");
    rewritten.text
}

#[test]
fn dbt_calls_become_keyword_calls() {
    assert_eq!(plain("{{ ref('x') }}"), "{{ ref(name='x') }}");
    assert_eq!(plain("{{ source('a', \"b\") }}"), "{{ source(source='a', name=\"b\") }}");
    assert_eq!(
        plain("{{ var('x', env_var('Y', '3')) }}"),
        "{{ var(name='x', default=env_var(name='Y', default='3')) }}"
    );
    assert_eq!(plain("{{ ref(name='x') }}"), "{{ ref(name='x') }}");
}

#[test]
fn a_choice_without_else_is_one_for_nothing() {
    assert_eq!(plain("{{ ',' if not loop.last }}"), "{{ ',' if not loop.last  else \"\"}}");
    assert_eq!(plain("{{ 'a' if b else 'c' }}"), "{{ 'a' if b else 'c' }}");
    assert_eq!(plain("{{ 'a' if b else 'c' if d }}"), "{{ 'a' if b else 'c' if d  else \"\"}}");
    assert_eq!(
        plain("{{ 'x' ~ (',' if a) ~ cents('a' if b, 4) }}"),
        "{{ 'x' ~ (',' if a else \"\") ~ <cents column={'a' if b else \"\"} scale={4} /> }}"
    );
    assert_eq!(plain("{% set a = ['x' if b, 'if'] %}"), "{% set a = ['x' if b else \"\", 'if'] %}");
    assert_eq!(plain("{{ {'a': 1 if b} }}"), "{{ {'a': 1 if b else \"\"} }}");
    assert_eq!(
        plain("{%- if a -%}{% elif (b) %}{% else %}{% endif %}"),
        "{%- if a -%}{% elif (b) %}{% else %}{% endif %}"
    );
    assert_eq!(
        plain("{% for a in b if a %}{{ a }}{% endfor %}"),
        "{% for a in [a for a in elt_each(of= b ) if a ]%}{{ a }}{% endfor %}"
    );
    let told = macros("{% for a, b in c if a %}{% endfor %}", &Signatures::new()).problems;
    assert_eq!(told[0].message, "a loop over several names takes no `if`");
}

#[test]
fn texts_are_added_by_a_tilde_and_numbers_by_a_plus() {
    assert_eq!(plain("{{ 'a' + b + \"c\" }}"), "{{ 'a' ~ b ~ \"c\" }}");
    assert_eq!(plain("{{ a + b + '_c' }}"), "{{ a ~ b ~ '_c' }}");
    assert_eq!(plain("{{ (a + 1) ~ 'b' ~ d['e'] + 2 }}"), "{{ (a + 1) ~ 'b' ~ d['e'] + 2 }}");
    assert_eq!(plain("{{ cents('a' + b, 1 + c) }}"), "{{ <cents column={'a' ~ b} scale={1 + c} /> }}");
    assert_eq!(plain("{% if a + 1 == 2 and b == 'c' %}"), "{% if a + 1 == 2 and b == 'c' %}");
    assert_eq!(plain("{{ 'abc' | length + 1 }}"), "{{ 'abc' | length + 1 }}");
    assert_eq!(plain("{% set a = 'x' + b if c else 1 + 2 %}"), "{% set a = 'x' ~ b if c else 1 + 2 %}");
}

#[test]
fn maps_may_end_where_maps_and_tags_end() {
    assert_eq!(plain("{{ config(a={'b': {'c': 1}}) }} x }}"), "{{ config(a={'b': {'c': 1} }) }} x }}");
    assert_eq!(plain("{{ {'a': {}}}}"), "{{ {'a': {} } }}");
    assert_eq!(plain("{% set a = {'b': {'c': '}}'}} %}"), "{% set a = {'b': {'c': '}}'} } %}");
    assert_eq!(plain("{{ {'a' }} {{ b }}"), "{{ {'a' }} {{ b }}");
}

#[test]
fn macros_become_components() {
    assert_eq!(
        plain("{% macro cents(column, scale=2) %}{{ column }}{% endmacro %}"),
        "{% component cents(column, scale=none) %}{{ column }}{% endcomponent %}"
    );
    assert_eq!(plain("{{ cents('a', 4) }}"), "{{ <cents column={'a'} scale={4} /> }}");
    assert_eq!(
        plain("{{ cents(cents('a'), scale=1) | upper }}"),
        "{{ <cents column={<cents column={'a'} />} scale={1} /> | upper }}"
    );
}

#[test]
fn adapters_are_dispatched_to_postgresql_and_targets_are_asked() {
    let signatures = signatures(
        "{% macro default__cents(c) %}{% endmacro %}{% macro postgres__cents(c) %}{% endmacro %}{% macro default__x() %}{% endmacro %}",
    );
    let plain = |source: &str| macros(source, &signatures).text;
    assert_eq!(plain("{{ return(adapter.dispatch('cents')(c)) }}"), "{{ <postgres__cents c={c} /> }}");
    assert_eq!(
        plain("{{ adapter.dispatch(macro_name='x', macro_namespace='p') () }}"),
        "{{ <default__x /> }}"
    );
    assert_eq!(plain("{% if target.name == 'prod' %}"), "{% if target(part=\"name\") == 'prod' %}");
    let told = macros("{{ adapter.dispatch('y')() }}", &signatures).problems;
    assert_eq!(told[0].message, "there is no macro `postgres__y` or `default__y`");
}

#[test]
fn strings_comments_and_raw_blocks_stay_as_they_are() {
    for text in
        ["ref('x')", "{# {{ ref('x') }} #}", "{% raw %}{{ ref('x') }}{% endraw %}", "{{ 'ref(1) }} this' }}"]
    {
        assert_eq!(plain(text), text);
    }
}

#[test]
fn filters_and_this_are_understood() {
    assert_eq!(plain("{{ xs | join(', ') }}"), "{{ xs | join(sep=', ') }}");
    assert_eq!(plain("{{ this }} {{ this.schema }}"), "{{ this() }} {{ this(part=\"schema\") }}");
    assert_eq!(plain("{% for k, v in d.items() %}"), "{% for k, v in d %}");
    assert_eq!(
        plain("{{ config(a=[{'columns': ['x']}], source=var('v')) }}"),
        "{{ config(a=[{'columns': ['x']}], source=var(name='v')) }}"
    );
}

#[test]
fn words_of_logic_are_no_calls_and_ranges_have_two_ends() {
    assert_eq!(plain("{% if not (a or b) and (c) %}"), "{% if not (a or b) and (c) %}");
    assert_eq!(plain("{% for i in range(1, n + 1) %}"), "{% for i in range(start=1, end=n + 1) %}");
    assert_eq!(plain("{% for i in range(3) %}"), "{% for i in range(end=3) %}");
}

#[test]
fn too_many_arguments_are_told_with_their_place() {
    let rewritten = macros("{{ source('a', 'b', 'c') }}", &Signatures::new());
    assert_eq!(rewritten.problems[0].span, 20..23);
    assert!(rewritten.problems[0].message.contains("takes 2 by position"));
}

#[test]
fn places_map_back_to_the_source() {
    let source = "select {{ ref('x') }}, {{ var('y') }}";
    let rewritten = macros(source, &Signatures::new());
    let at = rewritten.text.find("'y'").unwrap();
    assert_eq!(rewritten.source_of(at), source.find("'y'").unwrap());
}

fn told(source: &str) -> (String, String) {
    let signatures = signatures("{% macro cents(column) %}{% endmacro %}");
    let problem = macros(source, &signatures).problems.swap_remove(0);
    (problem.message, problem.hint)
}

#[test]
fn what_there_is_not_is_told_with_the_nearest_name() {
    let (message, hint) = told("{{ cent('amount') }}");
    assert_eq!(message, "there is no macro or function `cent`");
    assert_eq!(hint, "did you mean `cents`?");
    assert_eq!(told("{{ cent() }}").0, message);
    assert_eq!(told("{{ cent(column=1) }}").0, message);
    assert_eq!(told("{{ local_md5('x').y[0].values() }}").0, "there is no macro or function `local_md5`");
    assert_eq!(told("{{ run_started_at.strftime('%Y') }}").0, "there is no `run_started_at`");
    assert_eq!(told("{{ modules.datetime.datetime.now() }}").0, "there is no `modules.datetime`");
    assert_eq!(told("{{ adapter.drop_relation(1, 2) }}").0, "there is no `adapter.drop_relation`");
    assert_eq!(told("{{ codegen.x('a') }}").0, "there is no package `codegen`, and no method `x`");
    let (message, hint) = told("{{ cents(colum='a') }}");
    assert_eq!((message.as_str(), hint.as_str()), ("`cents` takes no `colum`", "did you mean `column`?"));
    assert_eq!(told("{{ ref('orders', w=2) }}").0, "`ref` takes no `w`");
}

#[test]
fn defaults_are_said_by_who_calls() {
    let source = "{% macro m(a, b=['x, y'], c=var('d')) %}{% endmacro %}{{ m(1, c=2) }}{{ m(1) }}";
    assert_eq!(
        macros(source, &signatures(source)).text,
        "{% component m(a, b=none, c=none) %}{% endcomponent %}{{ <m a={1} c={2} b={['x, y']} /> }}{{ <m a={1} b={['x, y']} c={var(name='d')} /> }}"
    );
}

#[test]
fn maps_end_before_the_tag_does() {
    let source = "{% macro m(a, b={}) %}{% endmacro %}{{ m({}) }}{{ m({'x': {}}, 1) }}";
    assert_eq!(
        macros(source, &signatures(source)).text,
        "{% component m(a, b=none) %}{% endcomponent %}{{ <m a={{} } b={{} } /> }}{{ <m a={{'x': {} } } b={1} /> }}"
    );
}

#[test]
fn a_test_behind_is_no_call() {
    assert_eq!(
        plain("{% if x is not divisible_by(divisor=3) %}"),
        "{% if x is not divisible_by(divisor=3) %}"
    );
    assert_eq!(plain("{% if x is not None %}"), "{% if x is not none %}");
}

#[test]
fn methods_of_python_become_filters() {
    assert_eq!(plain("{{ 'a'.upper() ~ x.y.lower() }}"), "{{ 'a' | upper ~ x.y | lower }}");
    assert_eq!(plain("{{ x.replace('a', ref('b')) }}"), "{{ x | replace(from='a', to=ref(name='b')) }}");
    assert_eq!(plain("{{ var('x').name }}"), "{{ var(name='x')[\"name\"] }}");
    assert_eq!(
        plain("{{ var('x')[0].a.b }} {{ x.y.z }}"),
        "{{ var(name='x')[0][\"a\"][\"b\"] }} {{ x.y.z }}"
    );
    assert_eq!(plain("{{ d.get('k', 1) }}"), "{{ d | elt_get(key='k', default=1) }}");
}

#[test]
fn statements_that_change_a_variable_set_it_anew() {
    assert_eq!(
        plain("{% set xs = [] %}{%- do xs.append(ref('a')) -%}"),
        "{% set_global xs = [] %}{%- set_global xs = elt_append(of=xs, value=(ref(name='a'))) -%}"
    );
    assert_eq!(
        plain("{% set ns = namespace(n=0) %}{% set ns.n = ns.n + 1 %}"),
        "{% set_global ns = namespace(n=0) %}{% set_global ns = elt_with(of=ns, key=\"n\", value=( ns.n + 1 )) %}"
    );
    assert_eq!(plain("{% set _ = xs.append(1) %}"), "{% set_global xs = elt_append(of=xs, value=(1)) %}");
    assert_eq!(plain("{% do cents('a') %}"), "{% set elt_done = <cents column={'a'} /> %}");
}

#[test]
fn loops_take_rows_apart_and_leave_some_out() {
    assert_eq!(
        plain("{% for a, b in zip(x, y) -%}"),
        "{% for elt_row in elt_rows(of= zip(first=x, second=y) )-%}{%- set a = elt_row[0] -%}{%- set b = elt_row[1] -%}"
    );
    assert_eq!(
        plain("{% for a in xs if a != 'b' %}"),
        "{% for a in [a for a in elt_each(of= xs ) if a != 'b' ]%}"
    );
}

#[test]
fn macros_that_return_are_called_for_their_value() {
    let source = "{% macro m() %}{{ return(['a']) }}{% endmacro %}{% for x in m() %}{% endfor %}";
    assert_eq!(
        macros(source, &signatures(source)).text,
        "{% component m() %}{{ elt_return(value=(['a'])) }}{% endcomponent %}{% for x in elt_each(of= elt_returned(of=<m />) ) %}{% endfor %}"
    );
}

#[test]
fn questions_are_functions_and_statements_are_asked_where_they_end() {
    assert_eq!(
        plain("{% set x = run_query('select 1').columns[0].values()[0] %}"),
        "{% set x = run_query(sql='select 1')[\"columns\"][0] | values[0] %}"
    );
    assert_eq!(
        plain("{%- call statement('a', fetch_result=True) -%} select 1 {%- endcall %}"),
        "{%- set elt_sql -%} select 1 {%- endset %}{{ elt_statement(sql=elt_sql, name='a', fetch_result=True) }}"
    );
    assert_eq!(plain("{% if execute %}"), "{% if elt_execute() %}");
    assert_eq!(
        plain("{% if found and not other or execute and found.rows %}"),
        "{% if elt_truth(of=found) and not elt_truth(of=other) or elt_execute() and found.rows %}"
    );
    assert_eq!(
        plain("{% if execute %}{% for row in found %}{% endfor %}{% endif %}"),
        "{% if elt_execute() %}{% for row in elt_each(of= found ) %}{% endfor %}{% endif %}"
    );
}

#[test]
fn parts_of_relations_and_names_as_keys_are_understood() {
    assert_eq!(plain("{{ ref('a').schema }}"), "{{ ref(name='a') | elt_part(part=\"schema\") }}");
    assert_eq!(plain("{{ a.identifier ~ b.c }}"), "{{ a | elt_part(part=\"identifier\") ~ b.c }}");
    assert_eq!(
        plain("{{ api.Relation.create('db', schema=s, identifier=ref('x').name) }}"),
        "{{ elt_relation(database='db', schema=s, identifier=ref(name='x') | elt_part(part=\"name\")) }}"
    );
    assert_eq!(plain("{{ a.schema is defined }}"), "{{ a.schema is defined }}");
    assert_eq!(
        plain("{{ {a.b: 1, 'c': ref('d')} }}"),
        "{{ {...elt_entry(key=(a.b), value=( 1)), ...elt_entry(key=( 'c'), value=( ref(name='d'))), } }}"
    );
}
