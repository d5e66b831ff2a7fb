//! What `dbt_project.yml` says of folders of tests, and queries that are about no model.

use crate::support::Project;

#[tokio::test]
async fn configs_of_folders_of_tests_and_tests_of_no_model_are_taken() {
    let project = Project::new(&[
        (
            "dbt/dbt_project.yml",
            "name: shop\ndata_tests:\n  +limit: 7\n  shop:\n    staging: {+severity: warn}\n    sums:\n      +tags: [sums]\n      \
             deep: {+severity: warn}\n    nowhere: {+severity: error}\n",
        ),
        ("dbt/models/staging/s.yml", "models: [{name: stg_a, columns: [{name: n, data_tests: [unique]}]}]\nsources: [{name: pg, schema: pg_catalog, tables: [{name: pg_class}]}]"),
        ("dbt/models/staging/stg_a.sql", "select n from (values (1), (1)) as t (n)"),
        ("dbt/models/marts/m.yml", "models: [{name: a, columns: [{name: n, data_tests: [not_null]}]}]"),
        ("dbt/models/marts/a.sql", "select n from {{ ref('stg_a') }}"),
        ("dbt/tests/sums/of_nothing.sql", "select 1 as n where false"),
        ("dbt/tests/sums/deep/of_a_source.sql", "select * from {{ source('pg', 'pg_class') }} where relname = 'pg_class'"),
        ("dbt/tests/sums/of_both.sql", "select * from {{ ref('a') }} join {{ ref('stg_a') }} using (n) where n > 1"),
    ])
    .await;
    project.good(&["import", "dbt", "--out", "elt"]);
    let text = |path: &str| std::fs::read_to_string(project.root.join(path)).expect(path);
    let profile = text("elt/profiles.yml");
    insta::assert_snapshot!(profile[profile.find("tests:").expect("it is there")..], @r#"
tests:
  +limit: 7
  stage:
    shop:
      +severity: warn
  sums:
    +tags: ["sums"]
    deep:
      +tags: ["sums"]
      +severity: warn
"#);
    insta::assert_snapshot!(text("elt/IMPORT.md").lines().filter(|line| line.contains("folders of")).collect::<String>(), @r#"- dbt_project.yml: `severity: "error"` for folders of data_tests: write it under `tests:` of profiles.yml"#);
    let ended = project.elt(&["run", "--project-dir", "elt"]).expect(0);
    ended.says("3 tests passed, 2 tests warned").says("of_a_source");
    project.elt(&["test", "--project-dir", "elt", "--select", "of_nothing"]).expect(0).says("1 test");
    project.elt(&["ls", "--project-dir", "elt", "--select", "tag:sums"]).expect(0).prints("of_both");

    // One that fails holds the publishing back, and one that names tables by hand is asked each time.
    project.write(
        "elt/tests/sums/of_nothing.sql",
        "select relname from pg_catalog.pg_class where relname = 'pg_class'",
    );
    project.elt(&["check", "--project-dir", "elt"]).expect(0);
    project.elt(&["run", "--project-dir", "elt"]).expect(1).says("of_nothing");
    project.write("elt/tests/sums/of_nothing.sql", "select nope from pg_catalog.pg_class");
    project.elt(&["check", "--project-dir", "elt"]).expect(1).says("column \"nope\" does not exist");
}
