//! Each class of errors: it is in the docs, and its whole text is what is written here or beside what it is about.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::Project;

fn rust_files(folder: &Path, texts: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("the folder is there").flatten() {
        match entry.path() {
            path if path.is_dir() => rust_files(&path, texts),
            path if path.extension().is_some_and(|ending| ending == "rs") => {
                texts.push(fs::read_to_string(path).expect("it can be read"));
            }
            _ => {}
        }
    }
}

/// Every code that src/ names.
fn codes() -> BTreeSet<String> {
    let mut texts = Vec::new();
    rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
    let mut found = BTreeSet::new();
    for text in &texts {
        for opening in ["Diagnostic::error(", "Diagnostic::warning("] {
            for (at, _) in text.match_indices(opening) {
                let rest = text[at + opening.len()..].trim_start();
                let quoted = rest.strip_prefix('"').and_then(|rest| rest.split('"').next());
                found.extend(quoted.map(str::to_owned));
            }
        }
        // PostgreSQL's own codes get their words in one place.
        if let Some((_, body)) = text.split_once("fn code(error: &DatabaseError) -> &'static str {") {
            let body = body.split("\n}\n").next().unwrap_or_default();
            let words = body.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next());
            found.extend(words.map(str::to_owned));
        }
    }
    found
}

#[tokio::test]
async fn each_class_of_errors_is_explained() {
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md"))
        .expect("it is there");
    let explained: Vec<&str> = docs.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let used = codes();
    assert!(used.len() > 70, "codes are not found any more: {used:?}");
    let known: BTreeSet<String> = explained.iter().map(|code| (*code).to_owned()).collect();
    let lacking: Vec<&String> = used.difference(&known).collect();
    assert!(lacking.is_empty(), "docs/errors.md lacks {lacking:?}");
    let stale: Vec<&String> = known.difference(&used).collect();
    assert!(stale.is_empty(), "docs/errors.md explains what there is not: {stale:?}");
    assert!(explained.is_sorted(), "the classes stand in the order of the alphabet");

    let project = Project::new(&[]).await;
    project.good(&["explain", "error[unknown-ref]"]).prints("`ref` names no model");
    project.elt(&["explain", "unknown-rfe"]).expect(2).says("did you mean `unknown-ref`?");
    assert_eq!(project.good(&["explain"]).stdout.lines().count(), known.len());
}

#[tokio::test]
async fn what_is_wrong_with_a_profile_is_told() {
    let project = Project::new(&[(
        "profiles.yml",
        "name: 1-shop\ntarget: dev\nservice: {lookup_date: soon}\ntargets:\n  dev:\n    url: \"{{ env_var('NO_URL', '') }}\"\n    threads: 99\n    schemas: {raw: all, stage: all}\n",
    )])
    .await;
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr, @r#"
    error[bad-threads]: threads is 1 to 64
     --> profiles.yml:7:14
      |
    7 |     threads: 99
      |              ^^

    error[same-schema]: two layers have the same schema; each layer needs a schema of its own
     --> profiles.yml:1:1
      |
    1 | name: 1-shop
      | ^

    error[empty-url]: the target's url is empty
     --> profiles.yml:6:10
      |
    6 |     url: "{{ env_var('NO_URL', '') }}"
      |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: set the variable it comes from, or write `embedded`

    error[bad-date]: service.lookup_date `soon` is neither `today` nor a date
     --> profiles.yml:3:24
      |
    3 | service: {lookup_date: soon}
      |                        ^^^^
      |
      = help: write it as 2020-06-01

    error[bad-name]: the project's name `1-shop` is no identifier
     --> profiles.yml:1:7
      |
    1 | name: 1-shop
      |       ^^^^^^
      |
      = help: use letters, digits and _, and begin with a letter

    5 problems; nothing was run.
    "#);
    project.write(
        "profiles.yml",
        "service:\n  cors: ['https://x.example.org/path']\n  trusted_proxies: [here]\n",
    );
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr, @r#"
    error[bad-address]: the trusted proxy `here` is neither an address nor a network
     --> profiles.yml:3:21
      |
    3 |   trusted_proxies: [here]
      |                     ^^^^
      |
      = help: write it as 10.0.0.7 or 10.0.0.0/8

    error[bad-origin]: `https://x.example.org/path` under service.cors is not the origin of a site
     --> profiles.yml:2:10
      |
    2 |   cors: ['https://x.example.org/path']
      |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write it as https://shop.example.org, without a path

    2 problems; nothing was run.
    "#);
    project.write("profiles.yml", "target: dve\ntargets: {dev: {}}\n");
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr, @r#"
    error[unknown-target]: there is no target `dve`
     --> profiles.yml:1:9
      |
    1 | target: dve
      |         ^^^
      |
      = help: did you mean `dev`?

    1 problem; nothing was run.
    "#);
    insta::assert_snapshot!(project.elt(&["compile", "--project-dir", "nowhere"]).expect(2).stderr, @r#"
    error[no-project]: nowhere is no elt project: it has no profiles.yml
     |
     = help: go to the project's folder, or name it with --project-dir

    1 problem; nothing was run.
    "#);
}

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
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr, @r#"
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
      = help: give the file a shorter name

    error[name-taken-twice]: the name `c` is taken twice: by models/stage/c.sql and by models/stage/other/c.sql
     --> models/stage/other/c.sql:1:1
      |
    1 | select 1 as c
      | ^
      |
      = help: a name is unique in the whole project; rename one file

    error[unknown-model]: `nosuch` is described, but there is no such model or rule
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

    error[test-of-nothing]: the test `nothing` reads no model
     --> tests/nothing.sql:1:1
      |
    1 | select 1 where false
      | ^
      |
      = help: name what it is about by {{ ref('…') }}

    18 problems; nothing was run.
    "#);
    let project = Project::new(&[(
        "selectors.yml",
        "selectors:\n  - {name: x, definition: {method: nosuch, value: y}}\n",
    )])
    .await;
    insta::assert_snapshot!(project.elt(&["ls", "--selector", "x"]).expect(2).stderr, @r#"
    error: there is no selector method `nosuch:`
    hint: elt knows fqn: tag: path: file: layer: config: source: exposure: resource_type: package: group: access: version: test_type: test_name: unit_test: state: result: source_status:
    "#);
    insta::assert_snapshot!(project.elt(&["run-operation", "nosuch"]).expect(2).stderr, @r#"
    error[unknown-macro]: there is no macro `nosuch`

    1 problem; nothing was run.
    "#);
}

#[tokio::test]
async fn what_is_wrong_with_rules_is_told_with_the_line() {
    let ranges = |name: &str| format!("  - {{name: {name}, ranges: {{lower: low, upper: high}}}}\n");
    let described = format!("rules:\n{}{}{}", ranges("ends"), ranges("holes"), ranges("overlaps"));
    let project = Project::new(&[
        ("rules/ends.csv", "low,high\n1,4\nx,9\n20,10\n"),
        ("rules/holes.csv", "low,high\n1,4\n6,9\n"),
        ("rules/overlaps.csv", "low,high\n1,4\n4,9\n"),
        ("rules/twice.csv", "a,a\n1,2\n"),
        ("rules/short.csv", "a,b\n1\n"),
        ("rules/empty.csv", ""),
        ("rules/typed.csv", "a\nx\n"),
        (
            "rules/all.yml",
            &format!(
                "{described}  - {{name: typed, columns: [{{name: a, data_type: integer}}, {{name: b}}]}}\n"
            ),
        ),
    ])
    .await;
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr, @r#"
    error[csv]: rules/empty.csv is empty
     --> rules/empty.csv:1:1
      |
    1 |
      | ^
      |
      = help: the first line names the columns

    error[bad-range]: line 3: `x` is no whole number to begin a range
     --> rules/ends.csv:3:1
      |
    3 | x,9
      | ^^^

    error[bad-range]: line 4: the range begins at 20 and ends before it, at 10
     --> rules/ends.csv:4:1
      |
    4 | 20,10
      | ^^^^^
      |
      = help: swap the two ends

    error[hole-in-ranges]: lines 2 and 3 leave a hole: 5 to 5 is in no range
     --> rules/holes.csv:3:1
      |
    3 | 6,9
      | ^^^
      |
      = help: close the hole, or allow it with `allow_gaps: true`

    error[overlapping-ranges]: lines 2 and 3 overlap: 1 to 4, and from 4
     --> rules/overlaps.csv:3:1
      |
    3 | 4,9
      | ^^^
      |
      = help: both ends belong to a range: begin the next one after the end of the one before

    error[csv]: this line has 1 cells, the header 2
     --> rules/short.csv:2:1
      |
    2 | 1
      | ^

    error[csv]: the column `a` stands twice in the header
     --> rules/twice.csv:1:1
      |
    1 | a,a
      | ^

    error[unknown-column]: rules/typed.csv has no column `b`
     --> rules/all.yml:5:67
      |
    5 |   - {name: typed, columns: [{name: a, data_type: integer}, {name: b}]}
      |                                                                   ^
      |
      = help: did you mean `a`?

    error[bad-value]: `x` in column `a` is no integer
     --> rules/typed.csv:2:1
      |
    2 | x
      | ^

    9 problems; nothing was run.
    "#);
}

#[tokio::test]
async fn what_postgresql_refuses_is_told_at_the_users_own_line() {
    let project = Project::new(&[
        ("models/stage/function.sql", "select nosuch(1) as a"),
        ("models/stage/relation.sql", "select 1 as a from nosuch"),
        ("models/stage/syntax.sql", "select 1 as a form x"),
        ("models/stage/grouped.sql", "select a, count(*) as n from (values (1)) as v(a)"),
    ])
    .await;
    insta::assert_snapshot!(project.elt(&["-q", "check"]).expect(1).stderr, @r#"
    error[unknown-function]: function nosuch(integer) does not exist
     --> models/stage/function.sql:1:8
      |
    1 | select nosuch(1) as a
      |        ^^^^^^
      |
      = help: No function matches the given name and argument types. You might need to add explicit type casts.

    error[sql]: column "v.a" must appear in the GROUP BY clause or be used in an aggregate function
     --> models/stage/grouped.sql:1:8
      |
    1 | select a, count(*) as n from (values (1)) as v(a)
      |        ^

    error[unknown-relation]: relation "nosuch" does not exist
     --> models/stage/relation.sql:1:20
      |
    1 | select 1 as a from nosuch
      |                    ^^^^^^
      |
      = help: name models by {{ ref('…') }}, so that elt knows the order and the schema

    error[sql-syntax]: syntax error at or near "form"
     --> models/stage/syntax.sql:1:15
      |
    1 | select 1 as a form x
      |               ^^^^
    "#);

    let project = Project::new(&[
        ("models/stage/value.sql", "{{ config(materialized='table') }}\nselect 1 / (n - 1) as a from generate_series(1, 2) as n"),
        ("models/stage/there.sql", "{{ config(pre_hook='create schema stage') }}\nselect 1 as a"),
        ("models/prod/theirs.sql", "select 1 as a"),
        ("models/stage/key.sql", "{{ config(materialized='table', post_hook='alter table {{ this }} add check (a > 1)') }}\nselect 1 as a"),
    ])
    .await;
    project.database.run("create schema prod; create table prod.theirs (a int); create schema stage").await;
    insta::assert_snapshot!(project.elt(&["-q", "run"]).expect(2).stderr, @r#"
    error[not-ours]: prod.theirs is there already, and elt did not make it
     --> models/prod/theirs.sql:1:1
      |
    1 | select 1 as a
      | ^
      |
      = help: elt never replaces what it did not make: rename the model, or drop or move that relation yourself
    "#);
    project.database.run("drop table prod.theirs").await;
    insta::assert_snapshot!(project.elt(&["-q", "run", "--threads", "1"]).expect(1).stderr, @r#"
    error[constraint]: check constraint "key_a_check" of relation "key" is violated by some row
     --> models/stage/key.sql:1:1
      |
    1 | {{ config(materialized='table', post_hook='alter table {{ this }} add check (a > 1)') }}
      | ^

    error[exists-already]: schema "stage" already exists
     --> models/stage/there.sql:1:1
      |
    1 | {{ config(pre_hook='create schema stage') }}
      | ^

    error[bad-value]: division by zero
     --> models/stage/value.sql:1:1
      |
    1 | {{ config(materialized='table') }}
      | ^
    "#);
    for (name, text) in [
        ("lost", "{{ config(materialized='table') }} select pg_terminate_backend(pg_backend_pid())"),
        (
            "slow",
            "{{ config(materialized='table', pre_hook=\"set statement_timeout = '20ms'\") }} select 1 as a from pg_sleep(5)",
        ),
    ] {
        project.write(&format!("models/stage/{name}.sql"), text);
    }
    insta::assert_snapshot!(project.elt(&["-q", "run", "--select", "lost"]).expect(1).stderr, @r#"
    error[connection-lost]: terminating connection due to administrator command
     --> models/stage/lost.sql:1:1
      |
    1 | {{ config(materialized='table') }} select pg_terminate_backend(pg_backend_pid())
      | ^
    "#);
    insta::assert_snapshot!(project.elt(&["-q", "run", "--select", "slow"]).expect(1).stderr, @r#"
    error[cancelled]: canceling statement due to statement timeout
     --> models/stage/slow.sql:1:1
      |
    1 | {{ config(materialized='table', pre_hook="set statement_timeout = '20ms'") }} select 1 as a from pg_sleep(5)
      | ^
    "#);
}

#[tokio::test]
async fn what_is_wrong_with_loads_is_told() {
    let project = Project::new(&[
        ("data/n.csv", "n,at\n1,x\nb,y\n"),
        ("models/raw/nowhere.sql", "{{ config(materialized='load', source='data/nowhere.csv') }} n integer"),
        ("models/raw/bad.sql", "{{ config(materialized='load', source='data/n.csv') }} n integer,\nat text"),
        ("models/raw/aside.sql", "{{ config(materialized='load', source='data/n.csv', bad_rows='quarantine', max_bad_rows=0) }} n integer, at text"),
        ("models/raw/cursor.sql", "{{ config(materialized='load', source='data/n.csv', incremental={'cursor': 'at'}) }} n text, at text"),
    ])
    .await;
    insta::assert_snapshot!(project.elt(&["-q", "load", "--threads", "1"]).expect(1).stderr, @r#"
    error[bad-rows]: 1 of 2 rows are bad, and max_bad_rows is 0
     --> models/raw/aside.sql:1:32
      |
    1 | {{ config(materialized='load', source='data/n.csv', bad_rows='quarantine', max_bad_rows=0) }} n integer, at text
      |                                ^^^^^^
      |
      = help: look at them: select * from elt.bad_rows where run_id = 1 and node = 'raw.aside'

    error[bad-row]: data/n.csv, line 3, column n: invalid input syntax for type integer: "b"
     --> models/raw/bad.sql:1:32
      |
    1 | {{ config(materialized='load', source='data/n.csv') }} n integer,
      |                                ^^^^^^
      |
      = help: nothing was loaded; mend the row, declare the column as text and clean it in stage, or set bad_rows='quarantine'

    error[bad-cursor]: the cursor `at` is text, in which 10 comes before 9
     --> models/raw/cursor.sql:1:32
      |
    1 | {{ config(materialized='load', source='data/n.csv', incremental={'cursor': 'at'}) }} n text, at text
      |                                ^^^^^^
      |
      = help: declare it in the model's body as a time or a number

    error[source]: data/nowhere.csv cannot be opened: No such file or directory (os error 2)
     --> models/raw/nowhere.sql:1:32
      |
    1 | {{ config(materialized='load', source='data/nowhere.csv') }} n integer
      |                                ^^^^^^
      |
      = help: relative paths are taken from the project's root
    "#);
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_run_is_told() {
    let project = Project::new(&[
        ("models/stage/grown.sql", "{{ config(materialized='incremental', on_schema_change='fail') }} select 1 as a"),
        ("models/stage/kept.sql", "{{ config(materialized='snapshot', unique_key='a', strategy='check', check_cols='all') }} select 1 as a"),
        ("models/prod/hung.sql", "{{ config(materialized='table') }} select 1 as a"),
        ("models/prod/child.sql", "select * from {{ ref('hung') }}"),
    ])
    .await;
    insta::assert_snapshot!(project.elt(&["-q", "run", "--select", "child"]).expect(2).stderr, @r#"
    error[not-published]: `child` reads `hung`, which has never been published and is not part of this run
     --> models/prod/child.sql:1:1
      |
    1 | select * from {{ ref('hung') }}
      | ^
      |
      = help: build it too: --select +child
    "#);
    project.good(&["run"]);
    project.database.run("create materialized view public.theirs as select * from prod.hung").await;
    project.write("models/prod/hung.sql", "{{ config(materialized='table') }} select 2 as a");
    insta::assert_snapshot!(project.elt(&["-q", "run", "--select", "hung"]).expect(1).stderr, @r#"
    error[depended-on]: the materialized view public.theirs depends on a relation that this run replaces
     |
     = help: elt does not drop what it did not make; drop it yourself, or make it a model
    "#);
    project.write(
        "models/stage/grown.sql",
        "{{ config(materialized='incremental', on_schema_change='fail') }} select 1 as a, 2 as b",
    );
    insta::assert_snapshot!(project.elt(&["-q", "run", "--select", "grown"]).expect(1).stderr, @r#"
    error[columns-changed]: the columns of `grown` are not those of its published table: `b` came
     --> models/stage/grown.sql:1:1
      |
    1 | {{ config(materialized='incremental', on_schema_change='fail') }} select 1 as a, 2 as b
      | ^
      |
      = help: let the table follow with on_schema_change='append_new_columns' or 'sync_all_columns', or build it anew with --full-refresh --select grown
    "#);
    project.database.run("alter table stage.kept drop column dbt_valid_to cascade").await;
    insta::assert_snapshot!(project.elt(&["-q", "run", "--select", "kept"]).expect(1).stderr, @r#"
    error[snapshot-columns]: stage.kept is there, but has no column `dbt_valid_to`: it is not a snapshot of this kind
     --> models/stage/kept.sql:1:1
      |
    1 | {{ config(materialized='snapshot', unique_key='a', strategy='check', check_cols='all') }} select 1 as a
      | ^
      |
      = help: elt replaces no table that may hold history: add the column, or rename or drop the table yourself
    "#);
    project.write("models/stage/kept.sql", "{{ config(materialized='table') }} select 1 as a");
    insta::assert_snapshot!(project.elt(&["-q", "run", "--select", "kept"]).expect(2).stderr, @r#"
    error[history-lost]: stage.kept is a snapshot, and this run would replace its history by a table
     --> models/stage/kept.sql:1:11
      |
    1 | {{ config(materialized='table') }} select 1 as a
      |           ^^^^^^^^^^^^
      |
      = help: rename the model, or rename or drop the table yourself
    "#);
}
