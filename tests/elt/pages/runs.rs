//! Pages of runs: one is begun by a form, followed, and told with what went wrong.

use super::{BROWSER, Page, browse, page};
use crate::gate::{GATE, Gate};
use crate::server::Server;
use crate::support::{Ended, Project};

/// A form as a browser sends it from `origin`.
async fn send(server: &Server, path: &str, origin: &str, body: &str) -> Page {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
    let request = client.expect("a client can be made").post(format!("{}{path}", server.base));
    let request = request.header("accept", BROWSER).header("origin", origin);
    page(request.header("content-type", "application/x-www-form-urlencoded").body(body.to_owned())).await
}

/// The events of the first run until it stands at its gate, and those that are still to come.
async fn told_until_the_gate(server: &Server) -> (String, reqwest::Response) {
    let mut events =
        server.client.get(format!("{}/runs/1/events", server.base)).send().await.expect("it answers");
    let mut told = String::new();
    while !told.contains("event: started\ndata: {\"node\":\"stage.gate\"") {
        let piece = events.chunk().await.expect("it goes on").expect("it has not ended");
        told.push_str(std::str::from_utf8(&piece).expect("it is text"));
    }
    (told, events)
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

    let (mut told, events) = told_until_the_gate(&server).await;
    let live = browse(&server, "/ui/runs/1").await;
    live.says(&[
        "data-events=\"../../runs/1/events\"",
        "<script src=\"../../assets/run.js?v=",
        "stage.first: built, 1234 rows, ",
        "stage.gate begins</li>",
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
    assert_eq!(script.header("cache-control"), "no-cache", "it may be another one tomorrow");
    let version = live.text.split("/assets/run.js").nth(1).and_then(|rest| rest.split('"').next());
    let script = browse(&server, &format!("/assets/run.js{}", version.expect("it is named"))).await;
    assert_eq!(script.header("cache-control"), "public, max-age=31536000, immutable");
    browse(&server, "/ui/runs").await.says(&["Run 1</a> is under way"]).keeps_quiet_about(&["password"]);
    let busy = send(&server, "/ui/runs", &server.base, "token=let+me+%26+in").await;
    assert_eq!(busy.status, 409);
    busy.says(&["Run 1 is under way since"]);

    gate.open().await;
    told.push_str(&events.text().await.expect("it ends well"));
    assert!(told.ends_with("event: end\ndata: {\"status\":\"succeeded\"}\n\n"), "{told}");
    let order =
        ["\"stage.first\",\"kind\"", "\"stage.gate\",\"at\"", "\"stage.gate\",\"kind\"", "event: publishing"];
    let places: Vec<_> =
        order.iter().map(|words| told.find(words).unwrap_or_else(|| panic!("{words}: {told}"))).collect();
    assert!(places.is_sorted(), "{told}");
    let ended = browse(&server, "/ui/runs/1").await;
    ended.says(&["badge succeeded", "class=\"node built\" data-node=\"prod.last\"", "4</span> of 4 steps"]);
    ended.keeps_quiet_about(&["data-events", "<script", "What went wrong"]);
    ended.says(&["</time> run 1 begins</li>", "</time> publishing</li>", "published 3 relations</li>"]);
    assert!(ended.text.contains("</time> run 1 has succeeded</li></ol>"), "{}", ended.text);
    let (_, run) = server.get("/runs/1").await;
    let log: Vec<&str> =
        run["log"].as_array().into_iter().flatten().filter_map(|line| line["text"].as_str()).collect();
    assert_eq!((log.first(), log.last()), (Some(&"run 1 begins"), Some(&"run 1 has succeeded")), "{run}");
    assert_eq!(browse(&server, "/ui/runs/99").await.status, 404);
}

#[tokio::test]
async fn a_run_in_another_process_is_followed_and_what_went_wrong_is_told_at_its_line() {
    let yaml = "models:
  - name: first
    columns: [{name: n, tests: [{accepted_values: {values: [1]}}]}]
";
    let twice = "{{ config(materialized='table', indexes=[{'columns': ['email'], 'unique': true}]) }}
select 'hidden@example.org' as email from generate_series(1, 2)";
    let project = Project::new(&[
        (
            "models/stage/first.sql",
            "{{ config(materialized='table') }}\nselect 2 as n, 'hidden@example.org' as email",
        ),
        ("models/stage/first.yml", yaml),
        ("models/stage/twice.sql", twice),
        (
            "models/stage/cast.sql",
            "{{ config(materialized='table') }} select email::int from {{ ref('fast') }}",
        ),
        (
            "models/stage/broken.sql",
            "{{ config(materialized='table') }}\n\n  select nn as \"<i>\" from {{ ref('fast') }}",
        ),
        (
            "models/stage/fast.sql",
            "{{ config(materialized='table') }} select 2 as n, 'hidden@example.org' as email",
        ),
        ("models/prod/last.sql", "select * from {{ ref('broken') }} cross join {{ ref('first') }}"),
        ("models/stage/gate.sql", GATE),
    ])
    .await;
    let server = Server::start(&project, &[]);
    let gate = Gate::closed(&project).await;
    let typed = project.start(&["run"]);
    gate.somebody_comes().await;
    // What it does is written every half second.
    let running = "class=\"node running\" data-node=\"stage.gate\"";
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let elsewhere = loop {
        let page = browse(&server, "/ui/runs/1").await;
        if page.text.contains(running) {
            break page;
        }
        assert!(std::time::Instant::now() < until, "{}", page.text);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    elsewhere.says(&["class=\"node built\" data-node=\"stage.fast\"", "data-events", "stage.gate begins"]);
    let (mut told, events) = told_until_the_gate(&server).await;
    gate.open().await;
    told.push_str(&events.text().await.expect("it ends well"));
    for news in
        ["\"node\":\"stage.gate\",\"kind\":\"table\",\"status\":\"built\"", "\"text\":\"stage.broken: failed"]
    {
        assert!(told.contains(news), "{news}\n{told}");
    }
    assert!(told.ends_with("event: end\ndata: {\"status\":\"failed\"}\n\n"), "{told}");
    let typed = Ended::new(&["run"], typed.wait_with_output().expect("it ends")).expect(1);
    // Who runs sees the rows; whoever reads sees prod only.
    let typed = typed
        .says("for example {\"value\":2,\"times\":1}")
        .says("Key (email)=(hidden@example.org) is duplicated");
    typed.says("invalid input syntax for type integer: \"hidden@example.org\"");

    let failed = browse(&server, "/ui/runs/1").await;
    failed.says(&[
        "badge failed",
        "What went wrong",
        "<code>models/stage/broken.sql:3:",
        "column &quot;nn&quot; does not exist",
        " --&gt; models/stage/broken.sql:3:10\n",
        "\n3 |   select nn as &quot;&lt;i&gt;&quot; from {{ ref('fast') }}\n  |          ^^",
        "3 |     columns: [{name: n, tests: [{accepted_values: {values: [1]}}]}]\n",
        "class=\"node failed\" data-node=\"stage.first\"",
        "class=\"node skipped\" data-node=\"prod.last\"",
        "could not create unique index",
    ]);
    failed.keeps_quiet_about(&["<i>", "hidden@", "for example"]);
    let (_, run) = server.get("/runs/1").await;
    for said in [run.to_string(), told, project.value("select string_agg(text, ' ') from elt.run_log").await]
    {
        assert!(!said.contains("hidden@") && !said.contains("for example"), "{said}");
    }
    let broken = run["nodes"].as_array().into_iter().flatten().find(|node| node["node"] == "stage.broken");
    let excerpt = broken.and_then(|node| node["excerpt"].as_str()).unwrap_or_default();
    assert!(excerpt.contains("broken.sql:3:10"), "{run}");
    browse(&server, "/ui/runs").await.says(&["badge failed", "Start a run"]).keeps_quiet_about(&["password"]);
}

#[tokio::test]
async fn a_graph_of_very_many_nodes_is_drawn_as_dots() {
    let mut files = vec![("models/prod/all.sql".to_owned(), "select 1 as n".to_owned())];
    for number in 0..160 {
        let parent = number / 2;
        let reads = if number == 0 { "1 as n".into() } else { format!("n from {{{{ ref('m{parent}') }}}}") };
        files.push((format!("models/stage/m{number}.sql"), format!("select {reads}")));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let project = Project::new(&files).await;
    project.good(&["run"]);
    let server = Server::start(&project, &[]);
    let page = browse(&server, "/ui/runs/1").await;
    page.says(&["<g class=\"node built\" data-node=\"stage.m159\"><title>stage.m159, view</title><circle"]);
    page.keeps_quiet_about(&["class=\"edge\""]);
}
