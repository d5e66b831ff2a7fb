//! What is wrong with keys, indexes and grants, in whole texts.

use crate::support::Project;

#[tokio::test]
async fn keys_indexes_and_roles_that_cannot_be_are_told() {
    let merged = "{{ config(materialized='incremental', incremental_strategy='merge', unique_key='a') }}\nselect 1 as a";
    let snapshot = "{{ config(materialized='snapshot', unique_key='a', strategy='check', check_cols='all') }}\nselect a from (values (1), (1)) as v(a)";
    let indexed = |index: &str| {
        format!(
            "{{{{ config(materialized='materialized_view', on_configuration_change='fail', indexes=[{{'columns': ['{index}']}}]) }}}}\nselect 1 as a, 2 as b"
        )
    };
    let project = Project::new(&[
        ("models/stage/merged.sql", merged),
        ("models/stage/kept.sql", snapshot),
        ("models/stage/seen.sql", &indexed("a")),
    ])
    .await;
    project.good(&["run", "--select", "merged", "seen"]);
    project.write("models/stage/merged.sql", &format!("{merged} union all select 1"));
    project.write("models/stage/seen.sql", &indexed("b"));
    let told =
        ["seen", "merged", "kept"].map(|name| project.elt(&["-q", "run", "--select", name]).expect(1).stderr);
    insta::assert_snapshot!(told.concat(), @r#"
    error[configuration-changed]: the indexes of the materialized view stage.seen are configured otherwise now
     --> models/stage/seen.sql:1:45
      |
    1 | {{ config(materialized='materialized_view', on_configuration_change='fail', indexes=[{'columns': ['b']}]) }}
      |                                             ^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: on_configuration_change='fail' asks for this; `apply` makes the new indexes

    error[key-twice]: `merged` has two new rows with one unique_key, (1)
     --> models/stage/merged.sql:1:1
      |
    1 | {{ config(materialized='incremental', incremental_strategy='merge', unique_key='a') }}
      | ^
      |
      = help: a merge needs one row a key: take the others out, e.g. by `distinct on`

    error[snapshot-key]: `kept` has two rows with one unique_key, (1)
     --> models/stage/kept.sql:1:48
      |
    1 | {{ config(materialized='snapshot', unique_key='a', strategy='check', check_cols='all') }}
      |                                                ^
      |
      = help: keep one of them, e.g. by `distinct on`
    "#);
    project
        .write("models/stage/given.sql", "{{ config(grants={'select': ['nosuch_role']}) }}\nselect 1 as a");
    insta::assert_snapshot!(project.elt(&["-q", "run", "--select", "given"]).expect(2).stderr, @r#"
    error[unknown-role]: `given` grants to the role `nosuch_role`, which does not exist
     --> models/stage/given.sql:1:31
      |
    1 | {{ config(grants={'select': ['nosuch_role']}) }}
      |                               ^^^^^^^^^^^
      |
      = help: make it first: create role nosuch_role
    "#);
}
