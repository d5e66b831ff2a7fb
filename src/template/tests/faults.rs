//! What is said of templates that are wrong, and where.

use super::*;
use crate::template::faults::{FILTERS, TESTS};

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
fn filters_and_tests_that_may_be_named_as_the_nearest_are_there() {
    let tags = FILTERS.iter().map(|name| format!("{{{{ 'a' | {name} }}}}"));
    for tag in tags.chain(TESTS.iter().map(|name| format!("{{{{ 'a' is {name} }}}}"))) {
        let problems = library("").render(&file(&tag), Subject::default()).err().unwrap_or_default();
        assert!(problems.iter().all(|problem| !problem.message.starts_with("there is no")), "{tag}");
    }
}

#[test]
fn what_there_is_not_is_told_with_the_nearest_name() {
    let (message, hint) = told("{{ cent('amount') }}");
    assert_eq!(message, "there is no macro or function `cent`");
    assert_eq!(hint, "did you mean `cents`?");
    assert_eq!(told("{% if false %}{{ cent() }}{% endif %}").0, message, "where nothing comes, too");
    assert_eq!(told("{{ flags.WHIC }}").0, "`flags.WHIC` is not defined");
    assert_eq!(told("{{ adapter.drop_relation(1, 2) }}").0, "there is no `adapter.drop_relation`");
    assert_eq!(
        told("{{ dbt_utils.stat('a') }}"),
        ("elt has no macro `dbt_utils.stat`".into(), "did you mean `star`?".into())
    );
    let (message, hint) = told("{{ cents(colum='a') }}");
    assert_eq!((message.as_str(), hint.as_str()), ("`cents` takes no `colum`", "did you mean `column`?"));
    assert_eq!(told("{{ ref('orders', w=2) }}").0, "`ref` takes no `w`");
    assert_eq!(told("{{ source('a', 'b', 'c') }}").0, "`source` takes 2 by position: source, name");
    assert_eq!(told("{{ adapter.dispatch('y')() }}").0, "there is no macro `postgres__y` or `default__y`");
    assert_eq!(told("{{ a.b }}").0, "`a.b` is not defined");
    assert_eq!(
        told("{{ 'a' | uper }}"),
        ("there is no filter `uper`".into(), "did you mean `upper`?".into())
    );
    assert_eq!(told("{{ 1 is od }}"), ("there is no test `od`".into(), "did you mean `odd`?".into()));
    assert_eq!(told("{{ codegen.x('a') }}").0, "there is no package `codegen`, and no value of this name");
    assert_eq!(told("{{\n codegen.x(a=codegen['a'],\nb=1) }}").0, told("{{ codegen.x('a') }}").0);
    assert_eq!(told("{{ none.upper() }}").0, "none has no method `upper`");
    assert_eq!(
        told("{{ 'a'.uper() }}"),
        ("there is no method `uper`".into(), "did you mean `upper`?".into())
    );
}

#[test]
fn a_local_name_is_no_unknown_function() {
    assert_eq!(
        written("{% macro own(a) %}{{ a }}!{% endmacro %}{{ own(1) }}{% set f = cents %}{{ f('x') }}"),
        "1!x/2"
    );
}

#[test]
fn a_macro_that_calls_itself_without_end_is_told() {
    let library = library("{% macro again(n) %}{{ again(n + 1) }}{% endmacro %}");
    let problems = library.render(&file("select {{ again(1) }}"), Subject::default()).unwrap_err();
    assert_eq!(problems[0].message, "macros call each other too deep");
    assert_eq!(problems[0].location.as_ref().unwrap().to_string(), "macros/m.sql:1:24");
}
