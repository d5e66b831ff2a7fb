//! Incremental models: new rows are tested beside the old ones, then moved over.

use crate::support::Project;

const EVENTS: &str = "{{ config(materialized='incremental', unique_key='id') }}\n\
    select id, v from (values {{ var('rows') }}) as t(id, v)\n\
    {% if is_incremental() %}where id >= (select max(id) from {{ this }}){% endif %}";

async fn rows(project: &Project, relation: &str) -> String {
    project.value(&format!("select string_agg(id || v, ' ' order by id) from {relation}")).await
}

#[tokio::test]
async fn new_rows_replace_old_ones_with_the_same_key() {
    let project = Project::new(&[
        ("models/stage/events.sql", EVENTS),
        ("models/prod/seen.sql", "select id, v from {{ ref('events') }}"),
        (
            "models/prod/counted.sql",
            "{{ config(materialized='table') }} select count(*) as n from {{ ref('events') }}",
        ),
    ])
    .await;
    project.good(&["run", "--vars", "{rows: \"(1, 'a'), (2, 'b')\"}"]);
    let oid = project.value("select 'stage.events'::regclass::oid").await;
    project.good(&["run", "--vars", "{rows: \"(1, 'z'), (2, 'c'), (3, 'd')\"}"]);
    assert_eq!(rows(&project, "stage.events").await, "1a 2c 3d");
    assert_eq!(rows(&project, "prod.seen").await, "1a 2c 3d", "a view over it reads the published table");
    assert_eq!(
        project.value("select n from prod.counted").await,
        "3",
        "what reads it in the run sees old and new"
    );
    assert_eq!(
        project.value("select 'stage.events'::regclass::oid").await,
        oid,
        "the table is added to, not replaced"
    );

    project.good(&["run", "--full-refresh", "--vars", "{rows: \"(9, 'x')\"}"]);
    assert_eq!(rows(&project, "stage.events").await, "9x");
}

#[tokio::test]
async fn a_failed_test_keeps_new_rows_out() {
    let project = Project::new(&[
        ("models/stage/events.sql", EVENTS),
        ("models/stage/e.yml", "models: [{name: events, columns: [{name: v, tests: [not_null]}]}]"),
    ])
    .await;
    project.good(&["run", "--vars", "{rows: \"(1, 'a')\"}"]);
    project.elt(&["run", "--vars", "{rows: \"(2, null)\"}"]).expect(1).says("not_null_events_v found 1 row");
    assert_eq!(rows(&project, "stage.events").await, "1a");
}

#[tokio::test]
async fn append_only_adds_and_changed_columns_are_refused_with_the_way_out() {
    let project = Project::new(&[(
        "models/stage/log.sql",
        "{{ config(materialized='incremental', incremental_strategy='append') }} select 1 as id, 'a' as v",
    )])
    .await;
    project.good(&["run"]);
    project.good(&["run"]);
    assert_eq!(rows(&project, "stage.log").await, "1a 1a");
    project.write(
        "models/stage/log.sql",
        "{{ config(materialized='incremental', incremental_strategy='append') }} select 1 as id, 'a' as w",
    );
    project.elt(&["run"]).expect(1).says("`w` came, `v` went").says("--full-refresh --select log");
}

/// A model whose columns are those of the variable `columns`.
fn followed(policy: &str) -> String {
    format!(
        "{{{{ config(materialized='incremental', unique_key='id', on_schema_change='{policy}') }}}}\n\
         select {{{{ var('columns') }}}}"
    )
}

const ALL_OF_IT: &str = "models: [{name: events, columns: [{name: id, tests: [not_null]}]}]";

async fn as_json(project: &Project, relation: &str) -> String {
    project.value(&format!("select json_agg(t order by t.id)::text from {relation} as t")).await
}

#[tokio::test]
async fn new_columns_are_appended_or_ignored_as_the_config_says() {
    let project = Project::new(&[
        ("models/stage/events.sql", &followed("append_new_columns")),
        ("models/stage/e.yml", ALL_OF_IT),
        ("models/prod/seen.sql", "select * from {{ ref('events') }}"),
    ])
    .await;
    project.good(&["run", "--vars", "{columns: \"1 as id, 'a' as v\"}"]);
    let ended = project.good(&["run", "--vars", "{columns: '2 as id, true as w'}"]);
    ended.says("the columns of stage.events changed: `w` boolean came");
    let rows = r#"[{"id":1,"v":"a","w":null}, 
 {"id":2,"v":null,"w":true}]"#;
    assert_eq!(as_json(&project, "stage.events").await, rows);
    assert_eq!(as_json(&project, "prod.seen").await, rows, "a view over it has the new column at once");

    project.write("models/stage/events.sql", &followed("ignore"));
    project.good(&["run", "--vars", "{columns: \"3 as id, 'c' as v, false as w, 9 as x\"}"]);
    assert_eq!(
        project.value("select row_to_json(t) from stage.events t where id = 3").await,
        r#"{"id":3,"v":"c","w":false}"#
    );
    let ended = project.elt(&["run", "--vars", "{columns: '4 as id'}"]).expect(1);
    ended.says("the columns of `events` are not those of its published table: `v`, `w` went");
}

#[tokio::test]
async fn all_columns_are_synchronised_and_readers_of_the_old_ones_are_named() {
    let project = Project::new(&[
        ("models/stage/events.sql", &followed("sync_all_columns")),
        ("models/stage/e.yml", ALL_OF_IT),
        ("models/prod/seen.sql", "select * from {{ ref('events') }}"),
    ])
    .await;
    project.good(&["run", "--vars", "{columns: \"1 as id, 'a' as v, 5 as n\"}"]);
    let oid = project.value("select 'stage.events'::regclass::oid").await;
    let ended = project.good(&["run", "--vars", "{columns: \"2 as id, 7::bigint as n, 'b' as w\"}"]);
    ended.says("`w` text came, `v` went, with what was in it, `n` is bigint and was integer (the whole table is rewritten)");
    let rows = r#"[{"id":1,"n":5,"w":null}, 
 {"id":2,"n":7,"w":"b"}]"#;
    assert_eq!(as_json(&project, "prod.seen").await, rows);
    assert_eq!(project.value("select 'stage.events'::regclass::oid").await, oid);

    // What PostgreSQL cannot cast stops the model, and the table stays.
    let ended = project
        .elt(&["run", "--vars", "{columns: \"3 as id, 8::bigint as n, current_date as w\"}"])
        .expect(1);
    ended.says("invalid input syntax for type date: \"b\"").says("models/stage/events.sql:1:1");
    // A view that somebody else hung on a column that would go keeps it.
    project.database.run("create view public.theirs as select w from stage.events").await;
    let ended = project.elt(&["run", "--vars", "{columns: '3 as id, 8::bigint as n'}"]).expect(1);
    ended.says("cannot drop column w of table stage.events").says("theirs");
    assert_eq!(as_json(&project, "stage.events").await, rows);
}

#[tokio::test]
async fn a_merge_overwrites_only_what_it_may_and_refuses_a_key_twice() {
    let model = "{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge',\n\
                 merge_update_columns=['v'], incremental_predicates=['DBT_INTERNAL_DEST.id < 10']) }}\n\
                 select id, v, w from (values {{ var('rows') }}) as t(id, v, w)";
    let project = Project::new(&[
        ("models/stage/events.sql", model),
        ("models/prod/seen.sql", "{{ config(materialized='table') }} select * from {{ ref('events') }}"),
    ])
    .await;
    project.good(&["run", "--vars", "{rows: \"(1, 'a', 'x'), (10, 'j', 'x')\"}"]);
    project.good(&["run", "--vars", "{rows: \"(1, 'b', 'y'), (2, 'c', 'y'), (10, 'k', 'y')\"}"]);
    let rows = "1bx 2cy 10jx 10ky";
    let all = |relation: &str| format!("select string_agg(id || v || w, ' ' order by id, v) from {relation}");
    assert_eq!(project.value(&all("stage.events")).await, rows);
    assert_eq!(project.value(&all("prod.seen")).await, rows, "what reads it in the run saw the same");
    let ended = project.elt(&["run", "--vars", "{rows: \"(5, 'b', 'y'), (5, 'c', 'y')\"}"]).expect(1);
    ended.says("error[key-twice]: `events` has two new rows with one unique_key, (5)");
}

#[tokio::test]
async fn indexes_that_are_configured_later_are_made_on_the_standing_table() {
    let model = |index: &str| {
        format!(
            "{{{{ config(materialized='incremental', incremental_strategy='append', indexes=[{index}]) }}}}\n\
             select 1 as a, 2 as b {{% if is_incremental() %}}where false{{% endif %}}"
        )
    };
    let project = Project::new(&[("models/prod/grown.sql", &model(""))]).await;
    project.good(&["run"]);
    let indexes = "select coalesce(string_agg(substring(indexdef from 'INDEX.*'), ', ' order by indexdef), 'none') \
                   from pg_indexes where schemaname = 'prod' and tablename = 'grown'";
    assert_eq!(project.value(indexes).await, "none");
    project.write(
        "models/prod/grown.sql",
        &model("{'columns': ['a'], 'name': 'by_a'}, {'columns': ['b'], 'unique': true}"),
    );
    project.good(&["run"]).says("prod.grown gets an index on a").says("prod.grown gets an index on b");
    let both = "INDEX by_a ON prod.grown USING btree (a), INDEX grown_b_idx ON prod.grown USING btree (b)";
    assert_eq!(project.value(indexes).await, both);
    assert_eq!(project.value("select count(*) from prod.grown").await, "1");
    let again = project.good(&["run"]);
    assert!(!again.stderr.contains("gets an index"), "{again}");

    // One of that name is another now, one is configured no more.
    project.write("models/prod/grown.sql", &model("{'columns': ['b', 'a'], 'name': 'by_a'}"));
    let kept = "prod.grown keeps its indexes that are configured no more until it is built anew: elt run --full-refresh --select grown";
    project.good(&["plan"]).prints(kept);
    project.good(&["run"]).says("prod.grown gets an index on b, a").says(kept);
    let both = "INDEX by_a ON prod.grown USING btree (b, a), INDEX grown_b_idx ON prod.grown USING btree (b)";
    assert_eq!(project.value(indexes).await, both);

    project.write("models/prod/grown.yml", "models: [{name: grown, config: {contract: {enforced: true}}, columns: [{name: a, data_type: integer, constraints: [{type: not_null}]}, {name: b, data_type: integer}]}]");
    project.good(&["plan"]).prints("prod.grown keeps its constraints until it is built anew");
    project.good(&["run"]).says("prod.grown keeps its constraints until it is built anew");
    project.good(&["run", "--full-refresh"]);
    let not_null =
        "select attnotnull from pg_attribute where attrelid = 'prod.grown'::regclass and attname = 'a'";
    assert_eq!(project.value(not_null).await, "t");
}
