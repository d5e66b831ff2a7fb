//! Whose macro `adapter.dispatch` takes: the project's own before those of packages, or as `dispatch:` says.

use crate::support::Project;

const MODEL: &str = "select '{{ money.cents('a') }}' as cents, '{{ money.dollars('a') }}' as dollars,\n\
    {{ dbt_utils.generate_surrogate_key(['1']) }} as key, {{ dbt.length(\"'abc'\") }} as length, {{ length(\"'abc'\") }} as bare";

#[tokio::test]
async fn a_project_overrides_macros_of_packages_by_its_own() {
    let project = Project::new(&[
        ("profiles.yml", "name: shop\n"),
        ("packages.yml", "packages: [{local: money}, {local: other}]\n"),
        ("money/dbt_project.yml", "name: money\n"),
        (
            "money/macros/money.sql",
            "{% macro cents(x) %}{{ return(adapter.dispatch('cents', 'money')(x)) }}{% endmacro %}\n\
             {% macro default__cents(x) %}money {{ x }}{% endmacro %}\n\
             {% macro dollars(x) %}{{ return(adapter.dispatch('dollars', 'money')(x)) }}{% endmacro %}\n\
             {% macro default__dollars(x) %}money {{ x }}{% endmacro %}",
        ),
        ("other/dbt_project.yml", "name: other\n"),
        (
            "other/macros/cents.sql",
            "{% macro default__cents(x) %}other {{ x }}{% endmacro %}{% macro postgres__dollars(x) %}other {{ x }}{% endmacro %}",
        ),
        (
            "macros/own.sql",
            "{% macro default__cents(x) %}own {{ x }}{% endmacro %}\n\
             {% macro default__generate_surrogate_key(fields) %}'own of ' || {{ dbt_utils.default__generate_surrogate_key(fields) }}{% endmacro %}\n\
             {% macro postgres__length(x) %}char_length({{ x }}) + 100{% endmacro %}",
        ),
        ("models/stage/a.sql", MODEL),
    ])
    .await;
    project.good(&["deps"]);
    project.good(&["run"]);
    let row = "select concat_ws(', ', cents, dollars, left(key, 8), length, bare) from stage.a";
    assert_eq!(project.value(row).await, "own a, money a, own of c, 103, 103");

    project.write(
        "profiles.yml",
        "name: shop\ndispatch:\n  - macro_namespace: money\n    search_order: [other, shop, money]\n  \
         - {macro_namespace: dbt_utils, search_order: [dbt_utils]}\n",
    );
    project.good(&["run"]);
    let row = "select concat_ws(', ', cents, dollars, length(key), length, bare) from stage.a";
    assert_eq!(project.value(row).await, "other a, other a, 32, 103, 103");

    project.write(
        "profiles.yml",
        "name: shop\ndispatch:\n  - macro_namespace: money\n    search_order: [shop, othr, money]\n",
    );
    insta::assert_snapshot!(project.good(&["compile"]).stderr, @r"
warning[missing-package]: `search_order` names `othr`, which is no package of this project
 --> profiles.yml:4:26
  |
4 |     search_order: [shop, othr, money]
  |                          ^^^^
  |
  = help: did you mean `other`?
");
}
