//! `--vars` are written down for `elt retry`, and shown to nobody.

use crate::server::Server;
use crate::support::Project;

const SECRET: &str = "s3cret-of-the-shop";
const TYPED: &str = "typed-by-hand";

async fn project() -> Project {
    let project = Project::new(&[
        ("profiles.yml", "vars: {key: '', mode: ''}\n"),
        (
            "models/stage/t.sql",
            "{% if var('mode') | length > 5 %} select 1 / {{ var('d', 0) }} as n \
             {% else %} select 2 as n {% endif %}",
        ),
    ])
    .await;
    project.write("models/stage/t.yml", "models: [{name: t, config: {materialized: table}}]");
    project.env("SHOP_TOKEN", SECRET)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_is_kept_for_a_retry_and_shown_nowhere() {
    let project = project().await;
    let failed = project.elt(&["run", "--vars", &format!("{{mode: {TYPED}, key: {SECRET}}}")]).expect(1);
    assert!(!failed.stderr.contains(SECRET), "{failed}");
    let kept = "select (request -> 'vars')::text from elt.runs where id = 1";
    assert_eq!(project.value(kept).await, format!("{{\"key\": \"***\", \"mode\": \"{TYPED}\"}}"));
    insta::assert_snapshot!(project.elt(&["retry"]).expect(2).stderr, @r"
error[hidden-variable]: secrets in --vars are not written down: key
hint: give all of --vars once more
");

    let server = Server::start(&project, &[]);
    let mut shown = String::new();
    for path in ["/runs", "/runs/1", "/status", "/metrics", "/ui/runs", "/ui/runs/1", "/openapi.json"] {
        let answer = server.client.get(format!("{}{path}", server.base)).send().await.expect("it answers");
        shown += &answer.text().await.expect("it is text");
    }
    assert!(shown.contains("stage.t"), "{shown}");
    shown += &server.told();
    for file in ["run_results.json", "manifest.json"] {
        shown += &std::fs::read_to_string(project.root.join("target").join(file)).unwrap_or_default();
    }
    shown +=
        &project.value("select string_agg((to_jsonb(r) - 'request')::text, '') || (select coalesce(string_agg(text, ''), '') from elt.run_log) from elt.runs r").await;
    for value in [SECRET, TYPED] {
        assert!(!shown.contains(value), "{value}: {shown}");
    }

    let again = format!("{{mode: {TYPED}, key: {SECRET}, d: 1}}");
    project.good(&["retry", "--vars", &again]).says("Published 1 relation");
    assert_eq!(project.value("select n from stage.t").await, "1");
}

#[tokio::test]
async fn a_plan_holds_no_secret_and_is_not_followed_without_it() {
    let project = project().await;
    let vars = format!("{{mode: x, key: [a, {{b: {SECRET}}}]}}");
    project.good(&["plan", "--out", "plan.json", "--vars", &vars]);
    let plan = std::fs::read_to_string(project.root.join("plan.json")).expect("it is written");
    assert!(!plan.contains(SECRET) && plan.contains("***"), "{plan}");
    project.elt(&["run", "--plan", "plan.json"]).expect(2).says("error[hidden-variable]");
    project.good(&["run", "--plan", "plan.json", "--vars", &vars]);
    assert_eq!(project.value("select n from stage.t").await, "2");
}
