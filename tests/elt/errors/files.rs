//! What is wrong with the files of a project, all at once and in whole texts.

use std::fs;

use crate::support::Project;

#[tokio::test]
async fn what_is_wrong_with_the_files_of_a_project_is_told_all_at_once() {
    let long = format!("models/stage/{}.sql", "n".repeat(70));
    let project = Project::new(&[
        ("models/stage/a.sql", "{{ config(contract={'enforced': true}) }} select 1 as a"),
        ("models/stage/b.sql", "{{ config(materialised='table') }} select '\u{f0000}' as b"),
        ("models/stage/c.sql", "{{ config(matrialized='table') }} select 1 as c from {{ source('till', 'orders') }}"),
        ("models/stage/other/c.sql", "select 1 as c"),
        (&long, "select 1"),
        ("models/lost.sql", "select 1"),
        (
            "models/stage/a.yml",
            "models:\n  - name: a\n    description: \"{{ doc('nosuch') }}\"\n    tests: [{accepted_values: {valeus: [1]}}, {uniqe: {}}]\n  - name: nosuch\n",
        ),
        ("models/stage/b.yml", "models: [{name: a}]\nexposures: [{name: board, type: dashboard, owner: {name: x}, depends_on: [a]}]\n"),
        ("models/stage/c.yml", "models: [{name: c, tests: [[unique]]}]\n"),
        ("models/stage/d.sql", "{{ config(contract={'enforced': true}) }} select 1 as d from {{ ref('unread') }}"),
        ("models/stage/d.yml", "models: [{name: a}]\n"),
        ("rules/unread.csv", ""),
        ("models/stage/docs.md", "{% docs open %} never ends"),
        ("tests/nothing.sql", "select 1 where false"),
        ("selectors.yml", "selectors:\n  - {name: x, definition: {method: nosuch, value: y}}\n  - {name: x, definition: tag:y}\n"),
    ])
    .await;
    fs::write(project.root.join("models/stage/latin.sql"), b"select '\xe9' as e").expect("it can be written");
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr, @r"
    error[unreadable-file]: models/stage/latin.sql cannot be read: byte 8 is not UTF-8
     |
     = help: save the file as UTF-8

    error[no-layer]: models/lost.sql lies in no layer
     --> models/lost.sql:1:1
      |
    1 | select 1
      | ^
      |
      = help: a model is models/<layer>/<domain>/<name>.sql, with raw, stage or prod as its layer

    error[bad-exposure]: an exposure cannot depend on `a`
     --> models/stage/b.yml:2:75
      |
    2 | exposures: [{name: board, type: dashboard, owner: {name: x}, depends_on: [a]}]
      |                                                                           ^
      |
      = help: write ref('model') or source('source', 'table')

    error[bad-test]: a test is a name, or a name with arguments
     --> models/stage/c.yml:1:28
      |
    1 | models: [{name: c, tests: [[unique]]}]
      |                            ^
      |
      = help: write `- unique`, or `- accepted_values: {values: [a, b]}`

    error[open-docs-block]: the docs block `open` is not closed
     --> models/stage/docs.md:1:1
      |
    1 | {% docs open %} never ends
      | ^
      |
      = help: add {% enddocs %}

    error[unknown-docs-block]: there is no docs block `nosuch`
     --> models/stage/a.yml:2:11
      |
    2 |   - name: a
      |           ^
      |
      = help: write {% docs nosuch %}…{% enddocs %} in a .md file

    error[csv]: rules/unread.csv is empty
     --> rules/unread.csv:1:1
      |
    1 |
      | ^
      |
      = help: the first line names the columns

    error[described-twice]: `a` is described twice, also at models/stage/a.yml:2:11
     --> models/stage/d.yml:1:17
      |
    1 | models: [{name: a}]
      |                 ^

    error[reserved-character]: the file holds a character of Unicode's private planes 15 and 16
     --> models/stage/b.sql:1:44
      |
    1 | {{ config(materialised='table') }} select '󰀀' as b
      |                                            ^
      |
      = help: elt uses these characters itself while it compiles; write it as an escape, U&'\+0F0000'

    error[unknown-config]: config has no word `matrialized`
     --> models/stage/c.sql:1:11
      |
    1 | {{ config(matrialized='table') }} select 1 as c from {{ source('till', 'orders') }}
      |           ^^^^^^^^^^^
      |
      = help: did you mean `materialized`?

    error[bad-contract]: `d` is under contract, but no YAML says what its columns are
     --> models/stage/d.sql:1:4
      |
    1 | {{ config(contract={'enforced': true}) }} select 1 as d from {{ ref('unread') }}
      |    ^^^^^^
      |
      = help: list its columns with their data_type

    error[bad-name]: the name `nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn` has 70 bytes; PostgreSQL keeps 63 and would cut it silently
     --> models/stage/nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn.sql:1:1
      |
    1 | select 1
      | ^
      |
      = help: give the file a shorter name, or the model an `alias`

    error[name-taken-twice]: the name `c` is taken twice: by models/stage/c.sql and by models/stage/other/c.sql
     --> models/stage/other/c.sql:1:1
      |
    1 | select 1 as c
      | ^
      |
      = help: a name is unique in the whole project; rename one file

    warning[unknown-model]: `nosuch` is described, but there is no such model or rule
     --> models/stage/a.yml:5:11
      |
    5 |   - name: nosuch
      |           ^^^^^^

    error[unknown-source]: there is no source `till.orders`
     --> models/stage/c.sql:1:73
      |
    1 | {{ config(matrialized='table') }} select 1 as c from {{ source('till', 'orders') }}
      |                                                                         ^^^^^^
      |
      = help: declare it under `sources:` in a .yml file in models/

    error[unknown-argument]: the test `accepted_values` takes no argument `valeus`
     --> models/stage/a.yml:4:13
      |
    4 |     tests: [{accepted_values: {valeus: [1]}}, {uniqe: {}}]
      |             ^
      |
      = help: did you mean `values`?

    error[unknown-test]: there is no generic test `uniqe`
     --> models/stage/a.yml:4:47
      |
    4 |     tests: [{accepted_values: {valeus: [1]}}, {uniqe: {}}]
      |                                               ^
      |
      = help: did you mean `unique`?

    16 problems; nothing was run.
    ");
    let project = Project::new(&[(
        "selectors.yml",
        "selectors:\n  - {name: x, definition: {method: nosuch, value: y}}\n",
    )])
    .await;
    insta::assert_snapshot!(project.elt(&["ls", "--selector", "x"]).expect(2).stderr, @r#"
    error[selector]: there is no selector method `nosuch:`
    hint: elt knows fqn: tag: path: file: layer: config: source: exposure: resource_type: package: group: access: version: test_type: test_name: unit_test: state: result: source_status: selector:
    "#);
    project.write(
        "selectors.yml",
        "selectors:\n  - {name: x, definition: {method: tag}}\n  - {name: y, default: true, definition: {method: selector, value: z}}\n  - {name: z, default: true, definition: {method: selector, value: y}}\n",
    );
    insta::assert_snapshot!(project.elt(&["ls", "--selector", "x"]).expect(2).stderr, @r"
    error[bad-selector]: `method: tag` has no value
     --> selectors.yml:2:12
      |
    2 |   - {name: x, definition: {method: tag}}
      |            ^
      |
      = help: docs/selectors.md shows selectors.yml by example

    error[bad-selector]: selectors refer to each other in a circle: y -> z -> y
     --> selectors.yml:3:12
      |
    3 |   - {name: y, default: true, definition: {method: selector, value: z}}
      |            ^
      |
      = help: docs/selectors.md shows selectors.yml by example

    error[bad-selector]: selectors refer to each other in a circle: z -> y -> z
     --> selectors.yml:4:12
      |
    4 |   - {name: z, default: true, definition: {method: selector, value: y}}
      |            ^
      |
      = help: docs/selectors.md shows selectors.yml by example

    error[bad-selector]: two selectors are the default
     --> selectors.yml:1:1
      |
    1 | selectors:
      | ^

    4 problems; nothing was run.
    ");
    insta::assert_snapshot!(project.elt(&["run-operation", "nosuch"]).expect(2).stderr, @r#"
    error[unknown-macro]: there is no macro `nosuch`

    1 problem; nothing was run.
    "#);
}
