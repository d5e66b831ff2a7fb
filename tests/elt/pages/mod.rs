//! The pages for people, as a browser gets them: what they say, where they lead, what they allow.

mod many;
mod runs;

use crate::server::Server;
use crate::support::Project;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

const SEGMENTS: &str = "{{ config(materialized='table') }}
    select 'Peru' as country_code, kind as segment_type, name as segment_name, lower as lower_value,
           upper as upper_value, amount as voucher_amount, 1000::bigint as segment_rows, 600::bigint as winner_rows,
           1.5 as runner_up_amount, 400::bigint as runner_up_rows, false as is_tie, true as low_support
    from (values ('frequent_segment', '1-4', 1, 4, 2640.00), ('frequent_segment', '<b>', 5, null, 123456789012345678.50),
                 ('recency_segment', '0-90', 0, 90, 1000)) as segment (kind, name, lower, upper, amount)";

struct Page {
    status: u16,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Page {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("headers are text"))
    }

    #[track_caller]
    fn says(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.text.contains(word), "expected: {word}\n{}", self.text);
        }
        self
    }

    #[track_caller]
    fn keeps_quiet_about(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(!self.text.contains(word), "not expected: {word}\n{}", self.text);
        }
        self
    }
}

/// As a browser asks for it, without following redirects.
async fn browse(server: &Server, path: &str) -> Page {
    page(server.client.get(format!("{}{path}", server.base)).header("accept", BROWSER)).await
}

async fn page(request: reqwest::RequestBuilder) -> Page {
    let answer = request.send().await.expect("it answers");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Page { status, headers, text: answer.text().await.expect("it is text") }
}

/// Every link of a page, as the address that it leads to.
fn links(server: &Server, path: &str, page: &Page) -> Vec<String> {
    let here = url::Url::parse(&format!("{}{path}", server.base)).expect("it is an address");
    let written = page.text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let written = written.filter(|link| !link.starts_with("data:") && !link.starts_with('#'));
    written.map(|link| here.join(link).expect("it is an address").to_string()).collect()
}

#[tokio::test]
async fn a_browser_finds_its_way_and_a_program_gets_json() {
    let yaml =
        "models: [{name: shop_sales, description: Sales., expose: {path: /sales, chart: {type: table}}}]";
    let project = Project::new(&[
        ("models/prod/vouchers/segments_derived.sql", SEGMENTS),
        ("models/prod/shop/shop_sales.sql", "select 1 as n"),
        ("models/prod/shop/shop.yml", yaml),
    ])
    .await;
    let server = Server::start(&project, &[]);
    server.wait_for("/readyz", |readiness| readiness["code"] == "not_published").await;
    let unpublished = browse(&server, "/").await;
    assert_eq!(unpublished.status, 200);
    unpublished.says(&["Nothing is published yet", ">Docs</a>"]).keeps_quiet_about(&["Vouchers"]);
    let nothing = browse(&server, "/boards/").await;
    assert_eq!((nothing.status, nothing.header("retry-after")), (503, "5"));
    nothing.says(&["<h1>Nothing is published yet", "not_published", nothing.header("x-request-id")]);

    project.good(&["run"]);
    server.serves_run(1).await;
    let start = browse(&server, "/").await;
    assert_eq!((start.status, start.header("vary")), (200, "Accept"));
    start.says(&["Published by run 1", ">Shop</a>", "<code>/sales</code>", ">Vouchers</a>"]);
    let program = server.get("/").await;
    assert_eq!(program.1["name"], "elt", "{program:?}");
    // All that a page leads to is there, from wherever one stands, with and without the last slash.
    for path in [
        "/",
        "/boards",
        "/boards/",
        "/boards/shop",
        "/boards/shop/",
        "/ui/vouchers",
        "/ui/vouchers/",
        "/ui/runs",
        "/ui/runs/",
        "/ui/runs/1",
        "/ui/data",
        "/ui/data/shop_sales",
        "/ui/docs",
        "/ui/docs/",
    ] {
        let page = browse(&server, path).await;
        assert_eq!(page.status, 200, "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{path}: {policy}");
        page.keeps_quiet_about(&["http://", "https://", " style=", "<script>"]);
        let links = links(&server, path, &page);
        assert!(links.len() >= 5, "{path}: {links:?}");
        for link in links {
            let status =
                server.client.get(&link).header("accept", BROWSER).send().await.expect("it answers").status();
            assert_eq!(status, 200, "{path} leads to {link}");
        }
    }

    let lost = browse(&server, "/ui/nowhere").await;
    assert_eq!(lost.status, 404);
    lost.says(&["<h1>There is nothing at this path.", ">Boards</a>"]);
    assert_eq!(
        server.get("/ui/nowhere").await.1["code"],
        "unknown_path",
        "a program still gets the one form"
    );
    assert_eq!(browse(&server, "/assets/nothing.css").await.status, 404);
    let asked = browse(&server, "/sales").await;
    assert_eq!(asked.header("content-type"), "application/json", "an endpoint is no page");
}

#[tokio::test]
async fn the_voucher_form_asks_what_the_api_answers() {
    let project = Project::new(&[("models/prod/vouchers/segments_derived.sql", SEGMENTS)]).await;
    project.good(&["run"]);
    let server = Server::start(&project, &[]);
    let empty = browse(&server, "/ui/vouchers").await;
    empty.says(&[
        "value=\"Peru\"",
        "<th scope=\"row\">1-4</th>",
        "&lt;b&gt;",
        "123456789012345678.5",
        "5+",
        "few rows",
    ]);
    empty.keeps_quiet_about(&["The answer", "aria-invalid", "autofocus"]);

    let ask = "/ui/vouchers?customer_id=7&country_code=peru&total_orders=4&first_order_ts=&last_order_ts=&segment_name=frequent_segment";
    let found = browse(&server, ask).await;
    found.says(&[
        "<p class=\"figure\">2640</p>",
        "1-4, by total orders",
        "in 600 of 1,000 rows",
        "<tr class=\"chosen\" aria-current=\"true\"><th scope=\"row\">1-4</th>",
        "value=\"4\"",
    ]);
    assert_eq!(found.text.matches("class=\"chosen\"").count(), 1);

    let none = browse(&server, &ask.replace("total_orders=4", "total_orders=0")).await;
    assert_eq!(none.status, 200);
    none.says(&["0 orders is in no frequent segment; Peru has 1-4, 5+."]);

    let wrong = "/ui/vouchers?customer_id=%22%3E%3Cscript%3E&country_code=Chile&total_orders=0&first_order_ts=&last_order_ts=yesterday&segment_name=x";
    let wrong = browse(&server, wrong).await;
    wrong
        .says(&[
            "aria-invalid=\"true\" aria-describedby=\"customer_id-wrong\"",
            "<p class=\"wrong\" id=\"customer_id-wrong\">This is no number; it takes a whole number",
            "id=\"last_order_ts-wrong\"",
            "id=\"kind-wrong\"",
            "&quot;&gt;&lt;script&gt;",
            "Some fields have to be changed",
        ])
        .keeps_quiet_about(&["<script>", "class=\"figure\""]);
    assert_eq!(wrong.text.matches("autofocus").count(), 1);
    let nowhere = browse(&server, &ask.replace("peru", "Atlantis")).await;
    nowhere.says(&["id=\"country_code-wrong\">There are no vouchers for Atlantis; there are for: Peru."]);
}

#[tokio::test]
async fn without_vouchers_there_is_no_page_for_them() {
    let project = Project::new(&[("models/prod/shop/sales.sql", "select 1 as n")]).await;
    project.good(&["run"]);
    let server = Server::start(&project, &[]);
    assert_eq!(browse(&server, "/ui/vouchers").await.status, 404);
    browse(&server, "/").await.says(&["Published by run 1"]).keeps_quiet_about(&["Vouchers"]);
}

#[tokio::test]
async fn tables_of_prod_are_shown_with_columns_tests_lineage_and_no_more_rows_than_may_be() {
    let yaml = "models:
  - name: people
    description: 'Everybody & <b>.'
    expose: {path: /people, columns: [id]}
    columns:
      - {name: id, description: Who it is., tests: [unique, {not_null: {severity: warn}}]}
  - name: names
    columns: [{name: \"a \\\"b\\\" <i>\", description: Odd.}]\n";
    let service = |preview: &str| format!("target: dev\nservice: {{preview: {preview}}}\n");
    let project = Project::new(&[
        ("profiles.yml", &service("true")),
        ("models/raw/given.sql", "{{ config(materialized='table') }} select 1 as id, 'hidden' as email union all select null, 'x'"),
        ("models/stage/clean.sql", "select * from {{ ref('given') }}"),
        ("models/prod/shop/people.sql", "{{ config(materialized='table') }} select * from {{ ref('clean') }}"),
        ("models/prod/shop/names.sql", "select repeat('long ', 100) as \"a \"\"b\"\" <i>\", '<script>' as other from {{ ref('people') }}"),
        ("models/prod/shop/shop.yml", yaml),
    ])
    .await;
    let server = Server::start(&project, &[]);
    server.wait_for("/readyz", |readiness| readiness["code"] == "not_published").await;
    browse(&server, "/ui/data").await.says(&["Nothing is published yet"]);
    project.good(&["run"]);
    project.value("create table prod.by_hand as select 'not elt''s' as secret; select 1").await;
    server.serves_run(1).await;

    let list = browse(&server, "/ui/data").await;
    list.says(&[
        "<a href=\"../ui/data/people\">people</a>",
        "Everybody &amp; &lt;b&gt;.",
        "badge warned",
        " 1 of 2",
        ">names</a>",
    ]);
    list.keeps_quiet_about(&["by_hand", "_elt_", "clean", "given"]);
    let people = browse(&server, "/ui/data/people").await;
    people.says(&[
        "<th scope=\"row\">id</th><td>integer</td><td class=\"told\">Who it is.</td>",
        "<th scope=\"row\">email</th>",
        "about 2",
        "<a href=\"../../people\"><code>/people</code></a>",
        "unique_people_id",
        "<td class=\"number\">1</td><td><a href=\"../../ui/runs/1\">Run 1</a></td>",
        "data-node=\"raw.given\"",
        "data-node=\"stage.clean\"",
        "class=\"node chosen\" data-node=\"prod.people\"",
        "<a href=\"../../ui/data/names\">",
        "First rows",
    ]);
    people.keeps_quiet_about(&["hidden"]);
    let names = browse(&server, "/ui/data/names/").await;
    names
        .says(&["a &quot;b&quot; &lt;i&gt;", "Odd.", "&lt;script&gt;", "long …"])
        .keeps_quiet_about(&["<script>", "<i>"]);
    for path in ["people", "names/", ""] {
        let path = format!("/ui/data/{path}");
        for link in links(&server, &path, &browse(&server, &path).await) {
            let status =
                server.client.get(&link).header("accept", BROWSER).send().await.expect("it answers").status();
            assert_eq!(status, 200, "{path} leads to {link}");
        }
    }
    for nothing in ["by_hand", "clean", "_elt_overview", "_elt_tests", "people%22%20where", "..%2fraw", "%ff"]
    {
        assert_eq!(browse(&server, &format!("/ui/data/{nothing}")).await.status, 404, "{nothing}");
    }

    // What the profile forbids; and a test is told as it ended last, also if it is run alone with its model.
    for (preview, table, told) in [
        ("false", "people", "This service shows no rows here"),
        ("exposed", "names", "This table is not exposed"),
    ] {
        project.write("profiles.yml", &service(preview));
        let server = Server::start(&project, &[]);
        let page = browse(&server, &format!("/ui/data/{table}")).await;
        page.says(&[told]).keeps_quiet_about(&["long …"]);
    }
    project.write("profiles.yml", &service("some"));
    project.elt(&["compile"]).expect(2).says("true, false or exposed");
    project.write("profiles.yml", &service("true"));
    project.write(
        "models/raw/given.sql",
        "{{ config(materialized='table') }} select 1 as id, 'hidden' as email",
    );
    project.good(&["run", "--select", "given", "clean", "people"]);
    server.serves_run(2).await;
    let mended = browse(&server, "/ui/data/people").await;
    mended
        .says(&["Run 2</a>", "badge passed", "data-node=\"prod.names\""])
        .keeps_quiet_about(&["badge warned"]);
    project.remove("models/prod/shop/names.sql");
    project.write("models/prod/shop/shop.yml", "models: [{name: people}]\n");
    project.good(&["run", "--full-refresh"]);
    server.serves_run(3).await;
    browse(&server, "/ui/data").await.says(&[">people</a>"]).keeps_quiet_about(&["names", "badge"]);
}

#[tokio::test]
async fn the_site_about_the_project_is_shown_where_all_of_prod_may_be_seen() {
    let project = Project::new(&[("models/prod/shop/sales.sql", "select 1 as n")]).await;
    project.good(&["run"]);
    let server = Server::start(&project, &[]);
    let none = browse(&server, "/ui/docs").await;
    none.says(&["API docs</a>", "<code>elt docs</code> writes"]).keeps_quiet_about(&["/ui/docs/project"]);
    assert_eq!(browse(&server, "/ui/docs/project").await.status, 404);
    project.good(&["docs"]);
    browse(&server, "/ui/docs").await.says(&["href=\"../ui/docs/project\""]);
    let site = browse(&server, "/ui/docs/project").await;
    assert_eq!((site.status, site.header("x-frame-options")), (200, "DENY"));
    site.says(&["sales"]);
    assert!(site.header("content-security-policy").contains("default-src 'none'"));

    project.write("profiles.yml", "service: {preview: exposed}\n");
    let careful = Server::start(&project, &[]);
    assert_eq!(browse(&careful, "/ui/docs/project").await.status, 404);
    browse(&careful, "/ui/docs")
        .await
        .says(&["API docs</a>"])
        .keeps_quiet_about(&["/ui/docs/project", "elt docs"]);
}
