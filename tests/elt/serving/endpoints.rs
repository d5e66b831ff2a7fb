//! From a prod model and a few lines of YAML to a documented path: filters, order, pages, forms, caching, and
//! what callers get wrong.

use reqwest::header::{ACCEPT, IF_NONE_MATCH};
use serde_json::{Value, json};

use super::{fields, follow, ids};
use crate::server::Server;
use crate::support::Project;

const SALES: &str = "{{ config(materialized='table', indexes=[{'columns': ['id'], 'unique': true}]) }}
    select n as id, case when n % 3 = 0 then null else 'shop ' || n % 3 end as shop,
           (n * 1.10)::numeric(12,2) as amount, date '2024-01-01' + n as day, 'not for everybody' as secret
    from generate_series(1, 25) as n";

const SALES_YAML: &str = "
models:
  - name: sales
    description: Every sale. One row a sale.
    columns:
      - {name: amount, description: What was paid.}
    expose:
      path: /shop/sales
      columns: [id, shop, amount, day]
      parameters:
        - {name: since, column: day, operator: gte, default: 2024-01-03, description: The first day.}
      order: [-amount]
      key: id
      limit: {default: 4, maximum: 10}
  - name: sale
    expose: {path: '/shop/sales/{id}', shape: object}
  - name: total
    expose: {shape: value, cache: never}
";

async fn shop() -> Project {
    let project = Project::new(&[
        ("models/prod/shop/sales.sql", SALES),
        ("models/prod/shop/sale.sql", "select id, amount from {{ ref('sales') }}"),
        ("models/prod/shop/total.sql", "select sum(amount) as total from {{ ref('sales') }}"),
        ("models/prod/shop/shop.yml", SALES_YAML),
    ])
    .await;
    project.good(&["run"]);
    project
}

#[tokio::test]
async fn a_model_and_a_few_lines_become_a_documented_path() {
    let project = shop().await;
    let server = Server::start(&project, &[]);
    let (status, rows) = server.get("/shop/sales").await;
    assert_eq!((status, ids(&rows)), (200, vec![25, 24, 23, 22]));
    assert_eq!(rows[0], json!({"id": 25, "shop": "shop 1", "amount": 27.50, "day": "2024-01-26"}));
    let text = server.client.get(format!("{}/shop/sales/?limit=1", server.base)).send().await.unwrap();
    assert_eq!(
        text.text().await.unwrap().lines().next(),
        Some(r#"[{"id":25,"shop":"shop 1","amount":27.50,"day":"2024-01-26"}]"#)
    );

    for (query, expected) in [
        ("since=2024-01-20&order=id", vec![19, 20, 21, 22]),
        ("shop=shop%201&order=id", vec![4, 7, 10, 13]),
        ("shop.null=true&order=id", vec![3, 6, 9, 12]),
        ("shop.in=shop%202,shop%201&order=id&limit=3", vec![2, 4, 5]),
        ("shop.contains=P%202&amount.lt=9.9&order=-id", vec![8, 5, 2]),
        ("id.gte=7&id.ne=8&amount.lte=11&order=id", vec![7, 9, 10]),
        ("id=999", vec![]),
    ] {
        let (status, rows) = server.get(&format!("/shop/sales?{query}")).await;
        assert_eq!((status, ids(&rows)), (200, expected), "{query}");
    }
    assert_eq!(
        server.get("/shop/sales?columns=amount,id&limit=1").await.1,
        json!([{"amount": 27.50, "id": 25}])
    );
    assert_eq!(server.get("/shop/sales/7").await, (200, json!({"id": 7, "amount": 7.70})));
    assert_eq!(server.get("/total/").await, (200, json!(357.50)));
    let (status, missing) = server.get("/shop/sales/700").await;
    assert_eq!((status, &missing["code"]), (404, &json!("no_row")));

    let (_, openapi) = server.get("/openapi.json").await;
    let described = &openapi["paths"]["/shop/sales"]["get"];
    assert_eq!(described["summary"], "Every sale. One row a sale.");
    let row = &described["responses"]["200"]["content"]["application/json"]["schema"]["items"]["properties"];
    assert_eq!(row["amount"]["type"], json!(["number", "null"]));
    assert!(row["secret"].is_null(), "{row}");
    assert_eq!(server.get("/").await.1["endpoints"], json!(["/shop/sales", "/shop/sales/{id}", "/total"]));
}

#[tokio::test]
async fn pages_by_cursor_show_every_row_once_in_any_order() {
    let project = shop().await;
    let server = Server::start(&project, &[]);
    for (query, expected) in [
        ("limit=7", (2..=25).rev().collect::<Vec<i64>>()),
        ("limit=10&order=id&since=2020-01-01", (1..=25).collect()),
        // Several rows share a shop, and some have none: these come last.
        ("limit=4&order=-shop,-id", {
            let mut ids: Vec<i64> = (2..=25).collect();
            ids.sort_by_key(|id| (if id % 3 == 0 { 3 } else { 2 - id % 3 }, -id));
            ids
        }),
    ] {
        let seen = follow(&server, &format!("/shop/sales?{query}")).await;
        assert_eq!(seen, expected, "{query}");
    }
}

#[tokio::test]
async fn pages_follow_orders_of_one_direction_and_of_several_where_nothing_is_null() {
    let table = "{{ config(materialized='table') }} select n as id, n % 3 as a, n % 2 as b from generate_series(1, 12) as n";
    let tests = ["id", "a", "b"].map(|name| format!("{{name: {name}, tests: [not_null]}}")).join(", ");
    let yaml = format!("models: [{{name: t, columns: [{tests}], expose: {{key: id, limit: 5}}}}]");
    let project = Project::new(&[("models/prod/t.sql", table), ("models/prod/t.yml", &yaml)]).await;
    project.good(&["run"]);
    let never_null = "select string_agg(c->>'name', ',') from prod._elt_endpoints, jsonb_array_elements(columns) as c \
                      where (c->>'never_null')::bool";
    assert_eq!(project.value(never_null).await, "id,a,b");
    let server = Server::start(&project, &[]);
    for (order, sql) in [
        ("a", "a, id"),
        ("-a", "a desc, id desc"),
        ("-a,-b", "a desc, b desc, id desc"),
        ("-a,b", "a desc, b, id"),
        ("a,-b", "a, b desc, id desc"),
        ("-b,id", "b desc, id"),
    ] {
        let expected = project.value(&format!("select json_agg(id order by {sql}) from prod.t")).await;
        let expected: Vec<i64> = serde_json::from_str(&expected).unwrap();
        for limit in [1, 5] {
            let seen = follow(&server, &format!("/t?order={order}&limit={limit}")).await;
            assert_eq!(seen, expected, "{order} {limit}");
        }
    }
}

#[tokio::test]
async fn what_a_caller_gets_wrong_is_told_all_at_once_with_what_is_right() {
    let project = shop().await;
    let server = Server::start(&project, &[]);
    let (status, answer) = server
        .get("/shop/sales?limit=11&shopp=x&amount.like=3&order=secret&columns=id,nope&cursor=x&day=1&day=2")
        .await;
    assert_eq!((status, &answer["code"]), (400, &json!("invalid_parameter")));
    insta::assert_snapshot!(fields(&answer).join("\n"), @r#"
"limit" "is 11": "a whole number from 1 to 10"
"shopp" "is unknown": "did you mean `shop`? It takes: since, id, shop, amount, day, limit, cursor, order, columns"
"amount.like" "has no such comparison": "amount.eq, amount.ne, amount.gt, amount.gte, amount.lt, amount.lte, amount.in, amount.contains, amount.null"
"order" "names `secret`": "id, shop, amount, day"
"columns" "names `nope`": "id, shop, amount, day"
"day" "is given twice": "one value; several by `.in` with commas between"
"cursor" "is none of this order's": "the `cursor` of a `next` link, as it is"
"#);
    for (query, named) in [
        ("id=seven", "id"),
        ("id.in=1,x", "id.in"),
        ("amount=1e999999", "amount"),
        ("since=2024-13-40", "since"),
        ("shop.null=maybe", "shop.null"),
        ("secret=x", "secret"),
        ("limit=-1", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("id=%00", "id"),
        ("shop=');drop table prod.sales;--&id=x", "id"),
    ] {
        let (status, answer) = server.get(&format!("/shop/sales?{query}")).await;
        assert_eq!(
            (status, &answer["details"]["fields"][0]["field"]),
            (400, &json!(named)),
            "{query}: {answer}"
        );
        assert!(!answer.to_string().contains("prod."), "{answer}");
    }
    let harmless = "/shop/sales?shop=');drop%20table%20prod.sales;--";
    assert_eq!(server.get(harmless).await, (200, json!([])));
    assert_eq!(server.get("/shop/sales?limit=1").await.0, 200);
    assert_eq!(server.get("/shop/sales/x").await.0, 400);
    let (status, answer) = server.post("/shop/sales", &json!({})).await;
    assert_eq!((status, &answer["code"]), (405, &json!("method_not_allowed")));
    assert_eq!(server.get("/shop").await.0, 404);
}

#[tokio::test]
async fn answers_are_kept_until_a_run_publishes_and_routes_change_with_it() {
    let project = shop().await;
    let server = Server::start(&project, &[]);
    let ask = |tag: String, accept: &'static str| {
        server
            .client
            .get(format!("{}/shop/sales", server.base))
            .header(IF_NONE_MATCH, tag)
            .header(ACCEPT, accept)
    };
    let first = ask(String::new(), "text/csv").send().await.unwrap();
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    assert!(first.headers()["content-type"].to_str().unwrap().starts_with("text/csv"));
    assert_eq!(
        first.text().await.unwrap().lines().take(2).collect::<Vec<_>>(),
        ["id,shop,amount,day", "25,shop 1,27.50,2024-01-26"]
    );
    assert_eq!(ask(tag.clone(), "text/csv").send().await.unwrap().status(), 304);
    assert_eq!(ask(tag.clone(), "application/json").send().await.unwrap().status(), 200, "another form");
    let never = server.client.get(format!("{}/total", server.base)).send().await.unwrap();
    assert!(never.headers().get("etag").is_none() && never.headers()["cache-control"] == "no-store");

    project.write("models/prod/shop/shop.yml", &SALES_YAML.replace("/shop/sales\n", "/shop/all\n"));
    project.good(&["run", "--full-refresh"]);
    server.serves_run(2).await;
    assert_eq!(ask(tag, "text/csv").send().await.unwrap().status(), 404);
    let (status, rows) = server.get("/shop/all").await;
    assert_eq!((status, ids(&rows).len()), (200, 4));
    project.remove("models/prod/shop/shop.yml");
    project.good(&["run", "--full-refresh"]);
    server.serves_run(3).await;
    assert_eq!(server.get("/shop/all").await.0, 404);
    assert_eq!(server.get("/").await.1["endpoints"], json!([]));
}

#[tokio::test]
async fn a_large_answer_is_streamed_and_a_client_that_leaves_frees_its_session() {
    let project = Project::new(&[
        ("models/prod/big.sql", "{{ config(materialized='table') }} select n, repeat('x', 100) as text from generate_series(1, 200000) n"),
        ("models/prod/big.yml", "models: [{name: big, expose: {key: n, limit: {default: 10, maximum: 1000000}}}]"),
    ])
    .await;
    project.good(&["run"]);
    let server = Server::start(&project, &[]);
    let all = server.client.get(format!("{}/big?limit=1000000", server.base)).send().await.unwrap();
    assert_eq!(all.json::<Vec<Value>>().await.unwrap().len(), 200_000);
    // More than there are sessions, all left in the middle.
    for _ in 0..20 {
        let mut left = server.client.get(format!("{}/big?limit=1000000", server.base)).send().await.unwrap();
        assert!(left.chunk().await.unwrap().is_some());
    }
    assert_eq!(server.get("/big?limit=1&n.gte=150000").await.0, 200);

    let head = |query: &str| server.client.head(format!("{}/big?{query}", server.base)).send();
    let headers = head("limit=1000000").await.unwrap();
    let names = ["content-type", "elt-run", "etag", "vary"];
    let of = |answer: &reqwest::Response| names.map(|name| answer.headers().get(name).cloned());
    assert_eq!(headers.status(), 200);
    let all = server.client.get(format!("{}/big?limit=1000000", server.base)).send().await.unwrap();
    assert_eq!(of(&headers), of(&all));
    assert_eq!(head("limit=1000000&n=x").await.unwrap().status(), 400);
}

#[tokio::test]
async fn endpoints_that_cannot_be_served_are_told_before_anything_runs() {
    let project = Project::new(&[
        ("models/prod/a.sql", "select 1 as n"),
        ("models/prod/b.sql", "select 1 as n"),
        ("models/stage/c.sql", "select 1 as n"),
        (
            "models/prod/m.yml",
            "models:
  - {name: a, expose: {path: /runs, chart: {type: bar, x: n}}}
  - {name: b, expose: {path: /x}}
  - {name: c, expose: {path: /x}}
",
        ),
    ])
    .await;
    insta::assert_snapshot!(project.elt(&["run"]).expect(2).stderr, @r"
error[bad-endpoint]: `a`: the path `/runs` would hide one of the service's own
 --> models/prod/m.yml:2:30
  |
2 |   - {name: a, expose: {path: /runs, chart: {type: bar, x: n}}}
  |                              ^^^^^
  |
  = help: begin it with a word of its own, e.g. the domain's

error[bad-endpoint]: `a`: a bar needs a column as `y`
 --> models/prod/m.yml:2:37
  |
2 |   - {name: a, expose: {path: /runs, chart: {type: bar, x: n}}}
  |                                     ^^^^^
  |
  = help: name columns of the model

error[bad-endpoint]: `c` is exposed, but lies in stage
 --> models/prod/m.yml:4:23
  |
4 |   - {name: c, expose: {path: /x}}
  |                       ^
  |
  = help: only prod is served: move the model to models/prod, or expose one there

error[bad-endpoint]: `c` and `b` are both exposed at /x
 --> models/prod/m.yml:4:24
  |
4 |   - {name: c, expose: {path: /x}}
  |                        ^^^^
  |
  = help: give one of them another `path`

4 problems; nothing was run.
");
    project.write("models/prod/m.yml", "models: [{name: a, expose: {order: [-m], key: n}}]");
    let told = project.elt(&["run"]).expect(1).stderr;
    assert!(
        told.contains("`a` has no column `m`\n --> models/prod/m.yml:1:38")
            && told.contains("did you mean `n`?"),
        "{told}"
    );
    project.write("models/prod/m.yml", "models: [{name: a, expose: {limits: 3}}]");
    insta::assert_snapshot!(project.elt(&["run"]).expect(2).stderr, @r"
error[yaml]: unknown field `limits`, expected one of path, summary, shape, columns, parameters, filters, order, key, limit, cache, chart at line 1, column 29
 --> models/prod/m.yml:1:29
  |
1 | models: [{name: a, expose: {limits: 3}}]
  |                             ^^^^^^

1 problem; nothing was run.
");
}
