//! Unit tests with all that they may override and spell.

use super::told;
use crate::support::Project;

/// A model with all that a unit test may override, and columns of JSON and lists.
const SPELLED: &[(&str, &str)] = &[
    ("profiles.yml", "name: shop\ntarget: dev\n"),
    (
        "macros/day.sql",
        "{% macro today() %}current_date{% endmacro %}\n{% macro yesterday(days=1) %}({{ today() }} - {{ days }}){% endmacro %}",
    ),
    (
        "models/raw/events.sql",
        "{{ config(source='events.csv') }} id int, payload jsonb, kinds text[], notes json, seen date",
    ),
    ("events.csv", "id,payload,kinds,notes,seen\n1,\"{}\",{},\"{}\",2020-01-01\n"),
    (
        "models/stage/late_events.sql",
        "{{ config(materialized='table') }} select id, payload -> 'a' as a, payload, kinds, notes, {{ dbt.current_timestamp() }} as at \
         from {{ ref('events') }} where seen < {{ yesterday(2) }} {% if env_var('REGION', 'eu') == 'us' %}and id > 1{% endif %}",
    ),
    ("models/prod/late_count.sql", "select count(*) as n from {{ ref('late_events') }}"),
];

const SPELLED_TESTS: &str = r#"
unit_tests:
  - name: macros_and_values_of_every_form
    model: late_events
    overrides:
      macros: {today: "date '2024-03-10'", dbt.current_timestamp: "timestamptz '2024-03-10 12:00+00'"}
      env_vars: {REGION: us}
    given:
      - input: ref('events')
        rows:
          - {id: 1, seen: 2024-01-01}
          - {id: 2, seen: 2024-03-07, payload: {a: [1, {b: "it's"}]}, kinds: [x, 'y "z"', null, 'a,b'], notes: {n: 1}}
          - {id: 3, seen: 2024-03-08, payload: '{"a": 1}'}
    expect:
      rows:
        - id: 2
          a: [1, {b: "it's"}]
          payload: {a: [1, {b: "it's"}]}
          kinds: [x, 'y "z"', null, 'a,b']
          notes: '{"n":   1}'
          at: 2024-03-10 12:00:00+00
"#;

#[tokio::test]
async fn macros_and_the_environment_are_overridden_and_values_may_be_json_and_lists() {
    let project = Project::new(SPELLED).await;
    project.write("tests/events.yml", SPELLED_TESTS);
    project.good(&["test"]).says("1 test passed");
    project.write("tests/events.yml", &SPELLED_TESTS.replace("notes: '{\"n\":   1}'", "notes: {n: 2}"));
    insta::assert_snapshot!(told(&project.elt(&["test"]).expect(1)), @r#"
    error[unit-test-failed]: macros_and_values_of_every_form: the rows of late_events are not those expected
     --> tests/events.yml:3:11
      |
    3 |   - name: macros_and_values_of_every_form
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: - expected, + actual
                id  a                   payload                    kinds                       notes       at
              - 2   [1, {"b": "it's"}]  {"a": [1, {"b": "it's"}]}  {x,"y \\"z\\"",NULL,"a,b"}  *{"n": 2}*  2024-03-10 12:00:00+00
              + 2   [1, {"b": "it's"}]  {"a": [1, {"b": "it's"}]}  {x,"y \\"z\\"",NULL,"a,b"}  *{"n": 1}*  2024-03-10 12:00:00+00
    "#);

    for (override_, told) in [
        ("{tomorow: x}", "there is no macro `tomorow`"),
        ("{yestoday: x}", "did you mean `yesterday`?"),
        ("{today: true}", "what the macro `today` writes is a text or a number"),
        ("{is_incremental: soon}", "`is_incremental` is true or false"),
        ("{today: {a: 1}}", "what the macro `today` writes is a text or a number"),
    ] {
        let yaml = format!(
            "unit_tests: [{{name: t, model: late_events, overrides: {{macros: {override_}}}, expect: {{rows: []}}}}]"
        );
        project.write("tests/events.yml", &yaml);
        project.elt(&["compile"]).expect(2).says(told).says("tests/events.yml:1:");
    }
}
