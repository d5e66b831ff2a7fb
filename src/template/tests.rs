mod faults;
mod questions;

use super::*;
use crate::diagnostic::{Location, SourceFile};

fn file(text: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile { path: "models/m.sql".into(), text: text.into() })
}

fn library(macros: &str) -> Arc<Library> {
    let scope = Scope { vars: Map::from_iter([("days".to_owned(), Value::from(30))]), ..Scope::default() };
    let macros = Arc::new(SourceFile { path: "macros/m.sql".into(), text: macros.into() });
    let library = Library::new(&[macros], scope);
    Arc::new(library.unwrap_or_else(|problems| panic!("{}", problems[0].render(false))))
}

fn sql(rendered: &Rendered) -> String {
    settle(&rendered.marked, |index, _| rendered.references[index].to_string()).0
}

fn rendered(library: &Arc<Library>, text: &str) -> Rendered {
    library
        .render(&file(text), Subject { name: "m", schema: "stage", ..Subject::default() })
        .unwrap_or_else(|problems| panic!("{}", problems[0].render(false)))
}

#[test]
fn a_dbt_model_renders_unchanged() {
    let library =
        library("{% macro cents(column, scale=2) %}round({{ column }} / 100.0, {{ scale }}){% endmacro %}");
    let out = rendered(
        &library,
        "{{ config(materialized='table', tags=['a', 'b']) }}\nselect {{ cents('amount') }}, {{ cents('x', 4) }}\nfrom {{ ref('orders') }}\nwhere age < {{ var('days') }} {% if is_incremental() %} and t > (select max(t) from {{ this }}) {% endif %}",
    );
    insta::assert_snapshot!(sql(&out), @r"

    select round(amount / 100.0, 2), round(x / 100.0, 4)
    from ref('orders')
    where age < 30 
    ");
    assert_eq!(out.config["tags"], serde_json::json!(["a", "b"]));
    assert_eq!(out.references, [Reference::Ref("orders".into())]);
}

#[test]
fn places_of_sql_map_back_through_loops_and_trimmed_tags() {
    let library = library("");
    let text = "{%- set xs = ['a','b'] -%}\nselect\n{%- for x in xs %}\n  {{ x }} as col_{{ x }},\n{%- endfor %}\n  nope from t";
    let out = rendered(&library, text);
    let (sql, map) = settle(&out.marked, |_, _| String::new());
    assert_eq!(sql, "select\n  a as col_a,\n  b as col_b,\n  nope from t");
    assert_eq!(map.source_of(sql.find("nope").unwrap()), text.find("nope"));
    assert_eq!(map.source_of(sql.rfind("as col_").unwrap()), text.find("as col_"));
    assert_eq!(map.source_of(sql.find("a as").unwrap()), text.find("{{ x }}"));
}

#[test]
fn set_blocks_compare_as_plain_text() {
    let out = rendered(&library(""), "{% set x %}abc{% endset %}{% if x == 'abc' %}yes{% endif %}");
    assert_eq!(sql(&out), "yes");
}

#[test]
fn generic_tests_render_and_follow_refs() {
    let library = library("");
    let place = Location::start_of(&file("to: ref('customers')"));
    let arguments = serde_json::json!({"model": "ref('x')", "column_name": "\"id\"", "to": "ref('customers')", "field": "id"});
    let out = library
        .render_test(
            "relationships",
            arguments.as_object().unwrap(),
            Some("id > 1"),
            Subject::default(),
            &place,
        )
        .unwrap();
    assert!(sql(&out).contains("select id from ref('customers')"), "{}", sql(&out));
    let problems = library.render_test("uniqe", &Map::new(), None, Subject::default(), &place).unwrap_err();
    assert_eq!(problems[0].hint.as_deref(), Some("did you mean `unique`?"));
}

#[test]
fn macros_take_maps_and_values_of_any_type() {
    let library = library(
        "{% macro opt(a, b={}) %}{{ a | length }}{{ b | length }}{% endmacro %}\n\
         {% macro typed(a, b=2, c=none) %}{{ a }}{{ b }}{{ c is none }}{% endmacro %}",
    );
    let out = rendered(
        &library,
        "{{ opt({}) }} {{ opt({'a': {}}, {'x': 1}) }} {{ typed('x') }} {{ typed(1, 'y', 3) }}",
    );
    assert_eq!(sql(&out), "00 11 x2True 1yFalse");
}

#[test]
fn a_value_that_is_returned_inside_of_a_block_is_a_value_still() {
    let library =
        library("{% macro lost() %}{% set x %}{{ return([1, 2]) }}{% endset %}{{ x }}{% endmacro %}");
    assert_eq!(sql(&rendered(&library, "{{ lost() | length }}")), "2");
}

#[test]
fn references_of_yaml_are_read_as_dbt_writes_them() {
    let read = Reference::parse;
    assert_eq!(read("ref('a')"), Some(Reference::Ref("a".into())));
    assert_eq!(read("{{ ref( \"pkg\", 'a' ) }}"), Some(Reference::Ref("a".into())));
    assert_eq!(read("ref('a', v=2)"), Some(Reference::Ref("a.v2".into())));
    assert_eq!(read("ref('pkg', 'a', version='beta')"), Some(Reference::Ref("a.vbeta".into())));
    assert_eq!(read("ref('a', w=2)"), None);
    assert_eq!(read("source('a', 'b')"), Some(Reference::Source("a".into(), "b".into())));
    assert_eq!(read("metric('m')"), None);
    assert_eq!(read("a"), None);
}

/// What a text writes beside a macro `cents(column, scale=2)`.
fn written(text: &str) -> String {
    let library = library("{% macro cents(column, scale=2) %}{{ column }}/{{ scale }}{% endmacro %}");
    sql(&rendered(&library, text))
}

fn told(text: &str) -> (String, String) {
    let library = library("{% macro cents(column) %}{% endmacro %}");
    let mut problems = library.render(&file(text), Subject::default()).unwrap_err();
    let problem = problems.swap_remove(0);
    (problem.message, problem.hint.unwrap_or_default())
}

#[test]
fn values_are_pythons() {
    assert_eq!(
        written("{{ true }} {{ none }} {{ ['a', 1, 2.0] }} {{ {'a': (1, 'b')} }}"),
        "True None ['a', 1, 2.0] {'a': (1, 'b')}"
    );
    assert_eq!(
        written("{% set a, b = 1, 2 %}{{ a + b }} {{ 'a' + 'b' }} {{ ([1] + [2]) | join }} {{ 'x' * 3 }}"),
        "3 ab 12 xxx"
    );
    assert_eq!(
        written("{{ '%s of %d' % ('a', 2) }} {{ '%s' % 'b'.upper() }} {{ '{}_{x}'.format(1, x=2) }}"),
        "a of 2 B 1_2"
    );
    assert_eq!(written(r"{{ 'a\d' }} {{ 'a' 'b' }} {{ ',' if not true }}"), r"a\d ab ");
    assert_eq!(
        written(
            "{{ [3, 1, 2][1:] | sort | first }} {{ 'abc'[-1] }} {{ 7 // 2 }} {{ 2 ** 3 }} {{ 1 < 2 <= 2 }}"
        ),
        "1 c 3 8 True"
    );
    assert_eq!(
        written("{{ 'a,b'.split(',')[1].zfill(3) }} {{ 'x_y'.partition('_')[2] }} {{ 'Ab'.swapcase() }}"),
        "00b y aB"
    );
}

#[test]
fn lists_and_maps_change_wherever_they_are_known() {
    assert_eq!(
        written(
            "{% set xs = [] %}{% for i in range(3) %}{% do xs.append(i) %}{% endfor %}{{ xs }}{{ xs.pop() }}{{ xs | length }}"
        ),
        "[0, 1, 2]22"
    );
    assert_eq!(
        written(
            "{% set d = {} %}{% set e = d %}{% do e.update({'a': 1}) %}{{ d }}{% for k, v in d.items() %}{{ k }}{{ v }}{% endfor %}{% for k in d %}{{ k }}{% endfor %}"
        ),
        "{'a': 1}a1a"
    );
    assert_eq!(
        written(
            "{% set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}"
        ),
        "3"
    );
    assert_eq!(
        written(
            "{% set xs = ['b', 'a'] %}{% do xs.sort() %}{% do xs.extend(['c']) %}{% do xs.insert(0, 'z') %}{{ xs.index('c') }}{{ xs == ['z', 'a', 'b', 'c'] }}"
        ),
        "3True"
    );
    let (message, hint) = told("{% set xs = [1] | map('string') %}{% do xs.append(2) %}");
    assert_eq!(
        (message.as_str(), hint.as_str()),
        ("this cannot be changed by `append`", "`| list` makes a list that can be")
    );
}

#[test]
fn macros_call_each_other_return_values_and_take_a_callers_text() {
    let library = library(
        "{% macro some(a=1, b=0) %}{{ a }}{{ b }}{{ kwargs }}{% endmacro %}\n\
         {% macro twice(a, b=a, c=[a, 1]) -%} {{ a }}{{ b }}{{ c | join }}{% endmacro %}\n\
         {% macro outer() %}<{{ caller() }}>{% endmacro %}\n\
         {% macro pairs(n) %}{% if n == 0 %}{{ return([]) }}{% endif %}{{ return(pairs(n - 1) + [n]) }}{% endmacro %}\n\
         {% macro all() %}{{ varargs | join('+') }}{{ kwargs.get('x') }}{% endmacro %}\n\
         {% macro default__which() %}default{% endmacro %}{% macro postgres__which() %}postgres{% endmacro %}\n\
         {% macro which() %}{{ return(adapter.dispatch('which')()) }}{% endmacro %}",
    );
    let sql = |text: &str| sql(&rendered(&library, text));
    assert_eq!(sql("{% set x = 1 %}{% call outer() %}{{ x }}{% endcall %}"), "<1>");
    assert_eq!(sql("{% for n in pairs(40) if n > 38 %}{{ n }},{% endfor %}"), "39,40,");
    assert_eq!(sql("{{ some(b=2, c=3) }} {{ dbt.is_incremental() }}"), "12{'c': 3} False");
    assert_eq!(
        sql("{% set xs = [] %}{% do xs.append(1) if true %}{%- do xs.append(2) if false -%} {{ xs }}"),
        "[1]"
    );
    assert_eq!(sql("{{ twice('x') }} {{ twice('x', 'y', 'z') }}"), "xxx1 xyz");
    assert_eq!(sql("{{ all(1, 2, x=3) }} {{ which() }}"), "1+23 postgres");
    assert_eq!(
        sql("{% set f = which %}{{ f() }} {{ dbt.length('a') }} {{ length('a') }}"),
        "postgres length(a) length(a)"
    );
}

#[test]
fn modules_of_python_are_there() {
    let dates =
        "{% set d = modules.datetime.datetime(2020, 2, 28) + modules.datetime.timedelta(days=2, hours=5) %}";
    assert_eq!(
        written(&format!(
            "{dates}{{{{ d }}}} {{{{ d.strftime('%Y%m%d') }}}} {{{{ (d.date() - modules.datetime.date(2020, 2, 1)).days + 1 }}}}"
        )),
        "2020-03-01 05:00:00 20200301 30"
    );
    assert_eq!(
        written(
            "{{ modules.datetime.date(2020, 1, 30) < modules.datetime.date(2020, 2, 1) }} {{ modules.pytz.timezone('Europe/Berlin').localize(modules.datetime.datetime(2020, 7, 1, 12)).isoformat() }}"
        ),
        "True 2020-07-01T12:00:00+02:00"
    );
    assert_eq!(
        written(
            r"{{ modules.re.sub('(a)(b)?', '\\2-\\1', 'abac') }} {{ modules.re.findall('[a-z]+', 'a1bc') }} {{ modules.re.match('(\\w+)-(?P<n>\\d+)', 'ab-12').group('n') }} {{ modules.re.match('x', 'ax') is none }}"
        ),
        "b-a-ac ['a', 'bc'] 12 True"
    );
    assert_eq!(
        written(
            "{% for a, b in modules.itertools.product([1, 2], 'xy') %}{{ a }}{{ b }};{% endfor %}{{ modules.itertools.combinations([1, 2, 3], 2) | length }}"
        ),
        "1x;1y;2x;2y;3"
    );
    let out = rendered(&library(""), "{{ run_started_at.year }} {{ invocation_id }}");
    assert_eq!(sql(&out), "1970 0");
    assert!(out.asking.is_some(), "it is written again by each run");
}

#[test]
fn what_names_schemas_can_be_fallen_back_on_with_the_package_or_without() {
    for call in ["default__generate_alias_name('x')", "dbt.default__generate_alias_name('x')"] {
        assert_eq!(written(&format!("{{{{ {call} }}}}")), "x");
    }
}

#[test]
fn what_is_configured_can_be_asked_for() {
    let config = serde_json::json!({"meta": {"owner": "a"}, "materialized": "table"});
    let subject = Subject { name: "m", config: config.as_object(), ..Subject::default() };
    let text = "{{ config(tags=['x']) }}{{ config.get('materialized') }} {{ config.get('tags') }} {{ config.get('meta').owner }} {{ config.get('no', 1) }} {{ model.name }} {{ model.config.materialized }}";
    let out = library("").render(&file(text), subject).unwrap();
    assert_eq!(sql(&out), "table ['x'] a 1 m table");
}

#[test]
fn a_value_of_yaml_keeps_its_kind_where_it_is_one_expression() {
    let place = Location::start_of(&file("x"));
    let native = |text: &str| library("").render_native(text, &place).unwrap();
    assert_eq!(native("{{ var('days') + 1 }}"), serde_json::json!(31));
    assert_eq!(native("{{ ['a', {'b': none}] }}"), serde_json::json!(["a", {"b": null}]));
    assert_eq!(native("{{ var('days') }} days"), serde_json::json!("30 days"));
    assert_eq!(native("{% if var('days') > 1 %}long{% endif %}"), serde_json::json!("long"));
    assert_eq!(native("a { b"), serde_json::json!("a { b"));
}

#[test]
fn a_header_is_set_by_a_block_and_a_config_by_a_map() {
    let text = "{{ config({'materialized': 'table', 'post-hook': ['x']}) }}{% call set_sql_header(config) %}set a = 1;{% endcall %}select 1";
    let out = rendered(&library(""), text);
    assert_eq!(sql(&out), "select 1");
    let config = serde_json::json!({"materialized": "table", "post-hook": ["x"], "sql_header": "set a = 1;"});
    assert_eq!(serde_json::Value::Object(out.config.clone()), config);
}
