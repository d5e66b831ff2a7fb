use super::*;
use crate::diagnostic::Location;

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
        .render(&file(text), Subject { name: "m", schema: "stage", incremental: false })
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
fn an_unknown_variable_is_told_at_its_place_with_the_nearest_name() {
    let problems =
        library("").render(&file("select 1\nwhere {{ var('dayz') }}"), Subject::default()).unwrap_err();
    insta::assert_snapshot!(problems[0].render(false), @r"
    error[template]: the variable `dayz` is not set
     --> models/m.sql:2:10
      |
    2 | where {{ var('dayz') }}
      |          ^^^^^^^^^^^
      |
      = help: did you mean `days`?
    ");
}

#[test]
fn a_syntax_error_and_an_unknown_function_have_places() {
    for (text, at) in [
        ("a\n{{ 1 + }}", "models/m.sql:2:"),
        ("a\n{{ nosuch('x') }}", "models/m.sql:2:"),
        ("{% if x %}", "models/m.sql:1:"),
    ] {
        let problems = library("").render(&file(text), Subject::default()).unwrap_err();
        let place = problems[0].location.as_ref().unwrap().to_string();
        assert!(place.starts_with(at), "{text}: {place}: {}", problems[0].message);
    }
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
    assert_eq!(sql(&out), "00 11 x2true 1yfalse");
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

/// Renders as at work, each question answered by the rows of `answer`.
fn answered(library: &Arc<Library>, text: &str, answer: &Table) -> (String, Vec<String>) {
    let asking = rendered(library, text).asking.expect("it asks");
    let (mut answers, mut asked) = (Arc::new(Answers::default()), Vec::new());
    loop {
        match asking.step(&mut answers).unwrap_or_else(|problems| panic!("{}", problems[0].render(false))) {
            Step::Done(rendered) => return (sql(&rendered), asked),
            Step::Asks(question) => {
                asked.push(sql(&question.rendered()));
                Arc::make_mut(&mut answers).insert(question, Answer::Rows(answer.clone()));
            }
        }
    }
}

#[test]
fn questions_end_a_render_until_they_are_answered() {
    let rows = Table {
        columns: vec![("n".into(), Kind::Integer), ("name".into(), Kind::Text)],
        rows: vec![vec![Some("2".into()), Some("x".into())], vec![None, Some("y".into())]],
    };
    let text = "{% set first = run_query('select * from ' ~ ref('b') ~ ', ' ~ ref('a')) %}
        {%- if execute -%}{%- set n = first.rows[0].n -%}
        {%- set second = run_query('select ' ~ n ~ ' from ' ~ ref('a')) -%}
        {%- for row in second -%}{{ row.name }}{{ row[0] is none }};{%- endfor -%}
        {%- endif -%} {{ ref('a') }}{% if nothing %}1{% else %}0{% endif %}";
    let library = library("");
    let parsed = rendered(&library, text);
    assert_eq!(sql(&parsed), "ref('a')0");
    assert_eq!(parsed.references, [Reference::Ref("b".into()), Reference::Ref("a".into())]);
    let (text, asked) = answered(&library, text, &rows);
    assert_eq!(text, "xfalse;ytrue;ref('a')0");
    assert_eq!(asked, ["select * from ref('b'), ref('a')", "select 2 from ref('a')"]);
    assert!(rendered(&library, "select 1").asking.is_none());
}

#[test]
fn an_empty_result_is_false_and_a_macro_may_give_one() {
    let library = library("{% macro found() %}{{ return(run_query('select 1')) }}{% endmacro %}");
    let text = "{% if execute %}{% set rows = found() %}{% if not rows %}none{% endif %}{% for row in found() %}{{ row.n }}{% endfor %}{{ rows | length }}{% endif %}";
    let mut table = Table { columns: vec![("n".into(), Kind::Number)], rows: Vec::new() };
    assert_eq!(answered(&library, text, &table).0, "none0");
    table.rows = vec![vec![Some("1.50".into())], vec![Some("12345678901234567890.5".into())]];
    assert_eq!(answered(&library, text, &table).0, "1.512345678901234567890.52");
}
