//! What is asked of a target before it has published says so, and what to do.

use serde_json::json;

use crate::server::Server;
use crate::support::Project;

async fn shop() -> Project {
    let project = Project::new(&[
        ("models/stage/orders.sql", "select 1 as id"),
        ("models/stage/seen.sql", "{{ config(materialized='ephemeral') }} select id from {{ ref('orders') }}"),
        ("models/prod/total.sql", "select count(*) as n from {{ ref('seen') }}"),
        (
            "models/stage/orders.yml",
            "models: [{name: orders, config: {freshness: {error_after: {count: 1, period: day}}, loaded_at_field: now()}, \
             columns: [{name: id, tests: [unique]}]}, {name: total, tests: [unique: {column_name: n}]}]",
        ),
        (
            "macros/count.sql",
            "{% macro counted() %}select count(*) from {{ ref('orders') }}{% endmacro %}\n\
             {% macro asked() %}{% do run_query('select 1 from ' ~ ref('orders')) %}select 1{% endmacro %}",
        ),
    ])
    .await;
    project.write("tests/none.sql", "select * from {{ ref('seen') }} where id < 0");
    project
}

#[tokio::test]
async fn the_missing_relation_is_named_with_the_target_and_the_command_that_publishes_it() {
    let project = shop().await;
    let told = project.elt(&["test"]).expect(2);
    insta::assert_snapshot!(told.stderr, @r"
    error[not-published]: nothing has been published to the target dev yet
    hint: publish with `elt run`
    ");
    // Somebody else's schema of that name, or another part of the project, may be there.
    project.database.run("create schema stage").await;
    let told = project.elt(&["test", "--select", "total"]).expect(1);
    told.says("error[not-published]: prod.total has not been published to the target dev yet")
        .says("models/stage/orders.yml:1:");
    let told = project.elt(&["show", "total", "--query"]).expect(2);
    insta::assert_snapshot!(told.stderr, @r"
    error[not-published]: stage.orders has not been published to the target dev yet
     --> models/stage/seen.sql:1:55
      |
    1 | {{ config(materialized='ephemeral') }} select id from {{ ref('orders') }}
      |                                                       ^^^^^^^^^^^^^^^^^^^
      |
      = help: publish it with `elt run --select +orders`

    1 problem; nothing was run.
    ");
    let missing = "error[not-published]: stage.orders has not been published to the target dev yet";
    let hint = "publish it with `elt run --select +orders`";
    for (arguments, status) in [
        (&["show", "orders"][..], 2),
        (&["test", "--select", "orders"], 1),
        (&["show", "--inline", "select * from {{ ref('orders') }}"], 2),
        (&["freshness"], 1),
        (&["run-operation", "counted"], 1),
        (&["run-operation", "asked"], 1),
    ] {
        let told = project.elt(arguments).expect(status);
        told.says(missing).says(hint);
    }
    project.good(&["run"]);
    project.good(&["test"]);
    // A name that no model has is PostgreSQL's to judge.
    let told = project.elt(&["show", "--inline", "select * from stage.order_lines"]).expect(2);
    told.says("error[unknown-relation]");
}

#[tokio::test]
async fn the_service_of_a_database_that_nothing_was_published_to_says_so() {
    let role = format!("reader_{}", std::process::id());
    let project = Project::new(&[
        ("profiles.yml", &format!("target: dev\ntargets: {{dev: {{url: \"{{{{ env_var('DATABASE_URL') }}}}\", reader_role: {role}}}}}\n")),
        ("models/prod/a.sql", "select 1 as a"),
        ("models/prod/a.yml", "models: [{name: a, expose: {path: /a}}]"),
    ])
    .await;
    let server = Server::start(&project, &[]);
    let (status, answer) = server.get("/readyz").await;
    assert_eq!((status, &answer["code"]), (503, &json!("not_published")), "{answer}");
    assert_eq!(answer["details"]["database"]["status"], "not_published");
    let (status, answer) = server.get("/a").await;
    assert_eq!((status, &answer["code"]), (404, &json!("unknown_path")));
    assert_eq!(answer["hint"], "Nothing is published yet: the paths of models come with the first run.");
    for path in ["/boards/", "/ui/data"] {
        let (status, answer) = server.get(path).await;
        assert_eq!((status, &answer["code"]), (503, &json!("not_published")), "{path} {answer}");
        assert_eq!(
            answer["hint"],
            "Run the pipeline: `elt run` where the project lies, or POST /runPipeline."
        );
    }
    let told = server.told();
    assert!(told.contains("nothing is published yet") && !told.contains(&role), "{told}");
    project.good(&["run"]);
    server.serves_run(1).await;
    assert_eq!(server.get("/a").await.0, 200);
    drop(server);
    project.database.run(&format!("drop owned by {role}; drop role {role}")).await;
}
