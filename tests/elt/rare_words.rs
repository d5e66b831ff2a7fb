//! Words of config that few models use, several at once.

use crate::support::Project;

#[tokio::test]
async fn words_that_few_models_use_do_what_they_say() {
    let rows = "(values {{ var('rows') }}) as t(id, v, w)";
    let model = |words: &str| format!("{{{{ config({words}) }}}}\nselect id, v, w from {rows}");
    let project = Project::new(&[
        (
            "models/stage/excluded.sql",
            &model("materialized='incremental', unique_key='id', incremental_strategy='merge', merge_exclude_columns=['w']"),
        ),
        (
            "models/stage/narrowed.sql",
            &model("materialized='incremental', unique_key='id', incremental_predicates=['DBT_INTERNAL_DEST.id < 2']"),
        ),
        ("models/stage/anew.sql", &model("materialized='incremental', full_refresh=true")),
        ("models/stage/never.sql", &model("materialized='incremental', full_refresh=false")),
        (
            "models/prod/promised.sql",
            &model("materialized='incremental', unique_key='id', contract={'enforced': true}"),
        ),
        (
            "models/stage/kept.sql",
            &model("materialized='snapshot', unique_key='id', strategy='check', check_cols='all', invalidate_hard_deletes=true"),
        ),
        ("models/stage/off.sql", "{{ config(enabled=false) }} select nosuch from nowhere"),
        ("models/stage/quiet.sql", "select nosuch from nowhere"),
        (
            "models/all.yml",
            "models:\n  - {name: quiet, config: {enabled: false}, columns: [{name: id, tests: [unique]}]}\n  \
             - name: promised\n    columns:\n      - {name: id, data_type: integer, constraints: [{type: primary_key}]}\n      \
             - {name: v, data_type: text}\n      - {name: w, data_type: integer}\n",
        ),
    ])
    .await;
    let (first, second) = ("{rows: \"(1, 'a', 1), (2, 'b', 1)\"}", "{rows: \"(2, 'c', 2), (3, 'd', 2)\"}");
    let listed = project.good(&["ls", "--vars", first]).stdout;
    assert!(!listed.contains("off") && !listed.contains("quiet"), "{listed}");
    project.good(&["check", "--vars", first]).says("0 bad");
    project.good(&["run", "--vars", first]).says("6 built");
    project.good(&["run", "--vars", second]);
    let rows = async |relation: &str| {
        project.value(&format!("select string_agg(id || v || w, ' ' order by id, v) from {relation}")).await
    };
    assert_eq!(rows("stage.excluded").await, "1a1 2c1 3d2", "w of the old row stays");
    assert_eq!(rows("stage.narrowed").await, "1a1 2b1 2c2 3d2", "only old rows below 2 give way");
    assert_eq!(rows("stage.anew").await, "2c2 3d2");
    assert_eq!(rows("prod.promised").await, "1a1 2c2 3d2");
    let ended =
        "select string_agg(id || v, ' ' order by id, v) from stage.kept where dbt_valid_to is not null";
    assert_eq!(project.value(ended).await, "1a 2b", "what is gone has ended");
    project.good(&["run", "--full-refresh", "--select", "never", "--vars", second]);
    assert_eq!(rows("stage.never").await, "1a1 2b1 2c2 2c2 3d2 3d2");

    let key =
        "select count(*) from pg_constraint where conrelid = 'prod.promised'::regclass and contype = 'p'";
    assert_eq!(project.value(key).await, "1");
    project
        .elt(&["run", "--select", "promised", "--vars", "{rows: \"(4, 'e', 2.5)\"}"])
        .expect(2)
        .says("`promised` breaks its contract")
        .says("w       integer   numeric");
    assert_eq!(rows("prod.promised").await, "1a1 2c2 3d2");
}

#[tokio::test]
async fn a_unique_key_may_be_an_expression_over_several_columns() {
    let rows = "(values {{ var('rows') }}) as t(id, v, w)";
    let model = |words: &str| format!("{{{{ config({words}) }}}}\nselect id, v, w from {rows}");
    let project = Project::new(&[
        (
            "models/stage/joined.sql",
            &model("materialized='incremental', unique_key=\"id || '-' || v\", on_schema_change='ignore'"),
        ),
        ("models/stage/listed.sql", &model("materialized='incremental', unique_key='id, v'")),
        (
            "models/stage/merged.sql",
            &model("materialized='incremental', unique_key=\"concat(id, v)\", incremental_strategy='merge', merge_update_columns=['w']"),
        ),
        (
            "models/stage/kept.sql",
            &model("materialized='snapshot', unique_key=\"id || '-' || v\", strategy='check', check_cols=['w']"),
        ),
    ])
    .await;
    let (first, second) = ("{rows: \"(1, 'a', 1), (1, 'b', 1)\"}", "{rows: \"(1, 'b', 2), (2, 'a', 2)\"}");
    project.good(&["check", "--vars", first]).says("0 bad");
    project.good(&["run", "--vars", first]);
    project.good(&["run", "--vars", second]);
    for model in ["joined", "listed", "merged"] {
        let rows = format!("select string_agg(id || v || w, ' ' order by id, v) from stage.{model}");
        assert_eq!(project.value(&rows).await, "1a1 1b2 2a2", "{model}");
    }
    let versions = "select string_agg(id || v || w || (dbt_valid_to is null)::text, ' ' order by id, v, w) from stage.kept";
    assert_eq!(project.value(versions).await, "1a1true 1b1false 1b2true 2a2true");
    let twice = "{rows: \"(1, 'b', 2), (1, 'b', 3)\"}";
    project.elt(&["run", "--select", "kept", "--vars", twice]).expect(1).says("two rows with one unique_key");
}

#[tokio::test]
async fn a_template_says_whether_an_exposure_or_a_unit_test_is_enabled() {
    let project = Project::new(&[
        ("models/stage/a.sql", "select '{{ env_var('DBT_ENV_SECRET_PIN') }}' as pin"),
        (
            "models/stage/a.yml",
            "exposures:
  - {name: board, type: dashboard, owner: {name: ann}, depends_on: [ref('a')], config: {enabled: \"{{ var('boards') }}\"}}
  - {name: gone, type: dashboard, owner: {name: ann}, depends_on: [ref('gone')], config: {enabled: \"{{ target.name == 'prod' }}\"}}
unit_tests:
  - {name: one, model: a, given: [], expect: {rows: [{pin: '4711'}]}, config: {enabled: \"{{ var('boards') }}\"}}
  - {name: two, model: gone, given: [], expect: {rows: []}, enabled: \"{{ target.name == 'prod' }}\"}
",
        ),
    ])
    .await
    .env("DBT_ENV_SECRET_PIN", "4711")
    .env("DBT_ENV_CUSTOM_ENV_PLACE", "here");
    let listed = |boards: bool| {
        let vars = format!("{{boards: {boards}}}");
        project.good(&["ls", "--output", "name", "--resource-type", "exposure", "--vars", &vars]).stdout
    };
    assert_eq!((listed(true), listed(false)), ("exposure:board\n".to_owned(), String::new()));
    let off = project.good(&["run", "--vars", "{boards: false}"]);
    assert!(!off.stderr.contains("unit test"), "{off}");
    let on = project.good(&["run", "--full-refresh", "--vars", "{boards: true}"]).says("1 test passed");
    let wrong = project.elt(&["compile", "--vars", "{boards: perhaps}"]).expect(2);
    wrong.says("config's `enabled` is wrong").says("models/stage/a.yml:2:");

    // What is said to be a secret is one, however short; the model knows it.
    assert_eq!(project.value("select pin from stage.a").await, "4711");
    let compiled = project.good(&["compile", "--vars", "{boards: true}"]).prints("'***' as pin");
    let manifest = std::fs::read_to_string(project.root.join("target/manifest.json")).expect("it is written");
    for text in [&on.stdout, &on.stderr, &compiled.stdout, &manifest] {
        assert!(!text.contains("4711"), "{text}");
    }
    assert!(manifest.contains(r#""env":{"PLACE":"here"}"#), "{manifest}");
}
