use super::*;

fn plain(source: &str) -> String {
    let signatures = Signatures::from([("cents".to_owned(), vec!["column".to_owned(), "scale".to_owned()])]);
    macros(source, &signatures).text
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
        "{% component cents(column, scale=2) %}{{ column }}{% endcomponent %}"
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
    let rewritten = macros("{{ ref('a', 'b', 'c') }}", &Signatures::new());
    assert_eq!(rewritten.problems[0].span, 17..20);
    assert!(rewritten.problems[0].message.contains("takes 2 by position"));
}

#[test]
fn places_map_back_to_the_source() {
    let source = "select {{ ref('x') }}, {{ var('y') }}";
    let rewritten = macros(source, &Signatures::new());
    let at = rewritten.text.find("'y'").unwrap();
    assert_eq!(rewritten.source_of(at), source.find("'y'").unwrap());
}
