//! Pages of runs: one is begun by a form, followed, and told with what went wrong.

use super::{BROWSER, Page, browse, page};
use crate::gate::{GATE, Gate};
use crate::server::Server;
use crate::support::Project;

/// A form as a browser sends it from `origin`.
async fn send(server: &Server, path: &str, origin: &str, body: &str) -> Page {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
    let request = client.expect("a client can be made").post(format!("{}{path}", server.base));
    let request = request.header("accept", BROWSER).header("origin", origin);
    page(request.header("content-type", "application/x-www-form-urlencoded").body(body.to_owned())).await
}

#[tokio::test]
async fn a_run_is_started_by_the_form_and_followed_to_its_end() {
    let yaml = "models: [{name: gate, columns: [{name: n, tests: [not_null]}]}]";
    let project = Project::new(&[
        ("profiles.yml", "target: dev\nservice: {run_token: 'let me & in'}\n"),
        ("models/stage/first.sql", "{{ config(materialized='table') }} select generate_series(1, 1234) as n"),
        (
            "models/stage/gate.sql",
            &GATE.replace("select 1 as n from", "select count(*) as n from {{ ref('first') }},"),
        ),
        ("models/stage/gate.yml", yaml),
        ("models/prod/last.sql", "select * from {{ ref('gate') }}"),
    ])
    .await;
    let server = Server::start(&project, &[]);
    let gate = Gate::closed(&project).await;

    browse(&server, "/ui/runs").await.says(&[
        "There was none yet.",
        "type=\"password\"",
        ">Start a run</button>",
    ]);
    let wrong = send(&server, "/ui/runs", &server.base, "token=let+me+in").await;
    assert_eq!(wrong.status, 401);
    wrong
        .says(&[
            "id=\"token-wrong\">The token is wrong, has expired or was revoked.",
            "aria-invalid=\"true\"",
        ])
        .keeps_quiet_about(&["let me in"]);
    let foreign = send(&server, "/ui/runs", "http://evil.example", "token=let+me+%26+in").await;
    assert_eq!(foreign.status, 403);
    foreign.says(&["<h1>A page of another site may not start runs here."]);
    assert_eq!(project.value("select count(*)::text from elt.runs").await, "0", "nothing was begun");
    let begun = send(&server, "/ui/runs/", &server.base, "token=let+me+%26+in").await;
    assert_eq!((begun.status, begun.header("location")), (303, "../../ui/runs/1"));

    let mut events =
        server.client.get(format!("{}/runs/1/events", server.base)).send().await.expect("it answers");
    let mut told = String::new();
    while !told.contains("{\"node\":\"stage.gate\"}") {
        let piece = events.chunk().await.expect("it goes on").expect("it has not ended");
        told.push_str(std::str::from_utf8(&piece).expect("it is text"));
    }
    let live = browse(&server, "/ui/runs/1").await;
    live.says(&[
        "data-events=\"../../runs/1/events\"",
        "<script src=\"../../assets/run.js\" defer>",
        "<noscript><meta http-equiv=\"refresh\"",
        "<span id=\"done\">1</span> of 4 steps",
        "<td class=\"number rows\">1,234</td>",
        "class=\"node running\" data-node=\"stage.gate\"",
        "class=\"node waiting\" data-node=\"prod.last\"",
        "table, 1 test",
    ]);
    let policy = live.header("content-security-policy");
    assert!(policy.ends_with("; script-src 'self'; connect-src 'self'"), "{policy}");
    let script = browse(&server, "/assets/run.js").await;
    assert_eq!((script.status, script.header("content-type")), (200, "text/javascript; charset=utf-8"));
    browse(&server, "/ui/runs").await.says(&["Run 1</a> is under way"]).keeps_quiet_about(&["password"]);
    let busy = send(&server, "/ui/runs", &server.base, "token=let+me+%26+in").await;
    assert_eq!(busy.status, 409);
    busy.says(&["Run 1 is under way since"]);

    gate.open().await;
    told.push_str(&events.text().await.expect("it ends well"));
    assert!(told.ends_with("event: end\ndata: {\"status\":\"succeeded\"}\n\n"), "{told}");
    let order =
        ["\"stage.first\",\"kind\"", "\"stage.gate\"}", "\"stage.gate\",\"kind\"", "event: publishing"];
    let places: Vec<_> =
        order.iter().map(|words| told.find(words).unwrap_or_else(|| panic!("{words}: {told}"))).collect();
    assert!(places.is_sorted(), "{told}");
    let ended = browse(&server, "/ui/runs/1").await;
    ended.says(&["badge succeeded", "class=\"node built\" data-node=\"prod.last\"", "4</span> of 4 steps"]);
    ended.keeps_quiet_about(&["data-events", "<script", "What went wrong"]);
    assert_eq!(browse(&server, "/ui/runs/99").await.status, 404);
}

#[tokio::test]
async fn what_went_wrong_is_told_with_its_place_also_of_runs_begun_elsewhere() {
    let yaml = "models: [{name: first, columns: [{name: n, tests: [{accepted_values: {values: [1]}}]}]}]";
    let project = Project::new(&[
        ("models/stage/first.sql", "{{ config(materialized='table') }}\nselect 2 as n"),
        ("models/stage/first.yml", yaml),
        (
            "models/stage/broken.sql",
            "{{ config(materialized='table') }}\n\n  select nn as \"<i>\" from {{ ref('fast') }}",
        ),
        ("models/stage/fast.sql", "{{ config(materialized='table') }} select 2 as n"),
        ("models/prod/last.sql", "select * from {{ ref('broken') }} cross join {{ ref('first') }}"),
        ("models/stage/gate.sql", GATE),
    ])
    .await;
    let server = Server::start(&project, &[]);
    let gate = Gate::closed(&project).await;
    let mut typed = project.start(&["run"]);
    server.wait_for("/runs", |runs| runs["runs"][0]["status"] == "running").await;
    // Its plan is written when it begins, its nodes when it ends.
    let mut elsewhere = browse(&server, "/ui/runs/1").await;
    while !elsewhere.text.contains("stage.gate") {
        elsewhere = browse(&server, "/ui/runs/1").await;
    }
    elsewhere.says(&["class=\"node waiting\" data-node=\"stage.gate\"", "data-events"]);
    let event = server.client.get(format!("{}/runs/1/events", server.base)).send().await.expect("it answers");
    let event = event.text().await.expect("it ends at once");
    assert_eq!(event, "retry: 3000\n\nevent: state\ndata: {\"status\":\"running\"}\n\n");
    gate.open().await;
    assert_eq!(typed.wait().expect("it ends").code(), Some(1));

    let failed = browse(&server, "/ui/runs/1").await;
    failed.says(&[
        "badge failed",
        "What went wrong",
        "<code>models/stage/broken.sql:3:",
        "column &quot;nn&quot; does not exist",
        "class=\"node failed\" data-node=\"stage.first\"",
        "class=\"node skipped\" data-node=\"prod.last\"",
    ]);
    failed.keeps_quiet_about(&["<i>"]);
    browse(&server, "/ui/runs").await.says(&["badge failed", "Start a run"]).keeps_quiet_about(&["password"]);
}
