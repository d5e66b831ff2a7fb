//! `elt docs`: one file with everything in it, safely. What it looks like and does is tried in a browser, by
//! `scripts/test-pages.sh`.

use std::fs;

use serde_json::Value;

use crate::support::Project;

/// The page, and the data in it.
fn page(project: &Project, path: &str) -> (String, Value) {
    let page = fs::read_to_string(project.root.join(path)).expect("the page was written");
    let (_, rest) = page.split_once("id=\"content\">").expect("the data begin");
    let (content, _) = rest.split_once("</script>").expect("the data end");
    let content = serde_json::from_str(content).expect("the data are JSON");
    (page, content)
}

fn node<'a>(content: &'a Value, label: &str) -> &'a Value {
    let nodes = content["nodes"].as_array().expect("there are nodes");
    nodes.iter().find(|node| node["label"] == label).expect("the node is there")
}

#[tokio::test]
async fn docs_tell_what_files_and_database_know_and_hide_secrets() {
    let project = Project::new(&[
        (
            "models/stage/shop/odd.sql",
            "select 1 as \"a\"\"<b>\", '</script><script>alert(1)</script>' as evil, \
             '{{ env_var('SHOP_PASSWORD') }}' as p, '{{ '{{title}}' }}' as mark\n",
        ),
        ("models/prod/shop/good.sql", "{{ config(materialized='table') }}\nselect evil as e, 2 as n from {{ ref('odd') }}\n"),
        (
            "models/prod/shop/shop.yml",
            "models:\n  - name: good\n    description: \"it's <b>\\\"good\\\"</b>\"\n    columns:\n      - {name: n, description: two, tests: [not_null]}\n\
             exposures:\n  - {name: board, type: dashboard, owner: {name: Ann}, url: 'https://example.org', depends_on: [\"ref('good')\"]}\n",
        ),
    ])
    .await
    .env("SHOP_PASSWORD", "hunter\"22");
    project.good(&["docs", "--offline"]).prints("index.html");
    let (text, content) = page(&project, "target/docs/index.html");
    assert!(!text.contains("<script>alert"), "SQL cannot end the script");
    assert!(!text.contains("hunter"), "secrets are hidden");
    assert_eq!(content["online"], false);
    assert_eq!(node(&content, "prod.good")["last"], Value::Null);
    let odd = node(&content, "stage.odd");
    assert_eq!(odd["columns"][0]["name"], "a\"<b>");
    assert!(odd["compiled"].as_str().unwrap().contains("'***' as p"));
    assert!(odd["compiled"].as_str().unwrap().contains("'{{title}}' as mark"), "{odd}");

    project.write(
        "models/prod/shop/more.yml",
        "unit_tests:\n  - {name: kept, model: good, description: Rows *stay*., given: [{input: ref('odd'), rows: [{evil: x}]}], expect: {rows: [{e: x, n: 2}]}}\n",
    );
    project.write(
        "models/overview.md",
        "{% docs __overview__ %}\n# Shop\n<img src=x onerror=alert(1)>\n{% enddocs %}\n",
    );
    project.good(&["run"]);
    project.good(&["docs", "--out", "site"]);
    let (_, content) = page(&project, "site/index.html");
    let good = node(&content, "prod.good");
    assert_eq!(content["online"], true);
    assert_eq!(good["description"], "it's <b>\"good\"</b>");
    assert_eq!(good["last"]["status"], "built");
    assert_eq!(good["tests"][0]["last"]["status"], "passed");
    assert_eq!(good["columns"][1]["type"], "integer");
    assert_eq!(good["columns"][1]["description"], "two");
    // Markup in a description is text.
    assert_eq!(good["prose"], serde_json::json!([{"tag": "p", "parts": ["it's <b>\"good\"</b>"]}]));
    assert_eq!(content["overview"][0], serde_json::json!({"tag": "h3", "parts": ["Shop"]}));
    assert_eq!(content["overview"][1]["parts"][0], "<img src=x onerror=alert(1)>");
    assert_eq!(good["unit_tests"][0]["name"], "kept");
    assert_eq!(good["unit_tests"][0]["last"]["status"], "passed");
    assert_eq!(good["unit_tests"][0]["given"], serde_json::json!(["ref('odd')"]));
    let board = node(&content, "exposure:board");
    let number = content["nodes"].as_array().unwrap().iter().position(|one| one == board).unwrap();
    assert_eq!(content["exposures"][0]["number"], number);
    assert!(good["children"].as_array().unwrap().contains(&number.into()), "it stands in the graph");
    assert!(board["rank"].as_u64() > good["rank"].as_u64());
    assert_eq!(good["columns"][0]["inputs"][0][1], "evil");
    assert_eq!(good["rows"], 1);
    assert_eq!(content["exposures"][good["exposures"][0].as_u64().unwrap() as usize]["name"], "board");
}

#[tokio::test]
async fn docs_are_written_without_a_database_where_none_answers() {
    let project = Project::new(&[("models/prod/one.sql", "select 1 as n\n")]).await;
    let dead = project
        .command(&["docs", "--out", "site"])
        .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
        .output()
        .expect("the binary can be started");
    let ended = crate::support::Ended::new(&["docs"], dead).expect(0).says("written without a database");
    assert_eq!(ended.stdout, "site/index.html\n");
    assert_eq!(node(&page(&project, "site/index.html").1, "prod.one")["columns"][0]["name"], "n");
}
