//! Texts that ask the database while they render.

use super::*;

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
    assert_eq!(text, "xFalse;yTrue;ref('a')0");
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
