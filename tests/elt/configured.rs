//! What a config says of a relation beside its rows: rights, comments, kind of table, words of dbt that a
//! folder decides here.

use crate::support::Project;

#[tokio::test]
async fn grants_are_exactly_what_the_config_says_and_are_carried_over_where_it_says_nothing() {
    let role = format!("analyst_{}", std::process::id());
    let table = "{{ config(materialized='table', grants={'select': [var('role'), 'public'], 'update': var('role')}) }} select 1 as n";
    let project = Project::new(&[
        ("models/prod/a.sql", table),
        ("models/prod/b.sql", "{{ config(materialized='table') }} select 1 as n"),
        (
            "models/prod/c.sql",
            "{{ config(materialized='incremental', unique_key='n', grants={'select': var('role')}) }} select 1 as n",
        ),
    ])
    .await;
    let vars = format!("{{role: {role}}}");
    let ended = project.elt(&["run", "--vars", &vars]).expect(2);
    ended
        .says(&format!("error[unknown-role]: `a` grants to the role `{role}`, which does not exist"))
        .says("models/prod/a.sql:1:");
    project.database.run(&format!("create role {role}")).await;
    project.good(&["run", "--vars", &vars]);
    let rights = |relation: &str| {
        format!(
            "select string_agg(distinct case grantee when 0 then 'public' else pg_get_userbyid(grantee)::text end || ' ' || \
             lower(privilege_type), ', ' order by case grantee when 0 then 'public' else pg_get_userbyid(grantee)::text end || ' ' || \
             lower(privilege_type)) from pg_class, aclexplode(relacl) where oid = '{relation}'::regclass and grantee <> relowner"
        )
    };
    let shown = async |relation: &str| {
        let text = project.value(&rights(relation)).await.replace(&role, "role");
        let mut parts: Vec<&str> = text.split(", ").collect();
        parts.sort_unstable();
        parts.join(", ")
    };
    let all = "elt_reader select, public select, role select, role update";
    assert_eq!(shown("prod.a").await, all);
    let more = ["a", "b", "c"].map(|name| format!("grant delete on prod.{name} to {role}"));
    project.database.run(&more.join(";")).await;
    project.good(&["run", "--vars", &vars]);
    assert_eq!(shown("prod.a").await, all);
    assert_eq!(shown("prod.b").await, "elt_reader select, role delete");
    assert_eq!(shown("prod.c").await, "elt_reader select, role select");
    project.database.run(&format!("drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn comments_indexes_and_the_kind_of_table_are_as_configured() {
    let model = "{{ config(materialized='table', unlogged=true, persist_docs={'relation': false},\n\
                 indexes=[{'columns': 'n', 'unique': true, 'name': 'a of n'}], docs={'show': true}, group='x', access='public') }}\n\
                 select 1 as n";
    let project = Project::new(&[
        ("models/prod/a.sql", model),
        (
            "models/prod/a.yml",
            "models: [{name: a, description: Whole, columns: [{name: n, description: Number}]}]",
        ),
        ("models/prod/b.sql", "{{ config(materialized='incremental', full_refresh=false) }} select 1 as n"),
    ])
    .await;
    for _ in 0..2 {
        project.good(&["run", "--full-refresh"]);
    }
    assert_eq!(project.value("select obj_description('prod.a'::regclass)").await, "NULL");
    assert_eq!(project.value("select col_description('prod.a'::regclass, 1)").await, "Number");
    assert_eq!(
        project.value("select relpersistence from pg_class where oid = 'prod.a'::regclass").await,
        "u"
    );
    assert_eq!(
        project.value("select indexname from pg_indexes where schemaname = 'prod' and tablename = 'a'").await,
        "a of n"
    );
    assert_eq!(
        project.value("select count(*) from prod.b").await,
        "2",
        "full_refresh=false wins over the option"
    );
}

#[tokio::test]
async fn words_that_a_folder_decides_are_answered_with_what_to_do() {
    let project = Project::new(&[(
        "models/prod/a.sql",
        "{{ config(database='shop', target_database='x', grants={'selekt': 'x'}) }} select 1 as n",
    )])
    .await;
    let ended = project.elt(&["compile"]).expect(2);
    ended
        .says("warning[passed-over]: config's `database` is passed over")
        .says("config's `target_database` is passed over")
        .says("the target's url in profiles.yml names it");
    project.write("models/prod/a.sql", "{{ config(grants={'selekt': 'x'}) }} select 1 as n");
    project
        .elt(&["compile"])
        .expect(2)
        .says("config's `grants` knows no privilege `selekt`")
        .says("did you mean `select`?");
}
