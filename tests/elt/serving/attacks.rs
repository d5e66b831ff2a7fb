//! Callers who try to get what is not theirs: through every parameter and header, by paths, by names.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::server::Server;
use crate::support::Project;

const YAML: &str = "models: [{name: shops, columns: [{name: id, tests: [unique, not_null]}],
    expose: {path: /shops, key: id, columns: [id, name], parameters: [{name: code, column: code}], limit: {maximum: 2000}}},
    {name: shop, expose: {path: '/shops/{name}', shape: object}}]";

async fn shops() -> Project {
    let project = Project::new(&[
        (
            "models/prod/shops.sql",
            "{{ config(materialized='table') }} select n as id, 'shop ' || n as name, 'c' || n as code, 'hush' as secret
             from generate_series(1, 5) as n",
        ),
        ("models/prod/shop.sql", "select id, name from {{ ref('shops') }}"),
        ("models/prod/m.yml", YAML),
    ])
    .await;
    project.good(&["run"]);
    project
}

/// What nobody but the service's log may learn.
fn tells_nothing(answer: &str, what: &str) {
    let lower = answer.to_lowercase();
    for inside in ["hush", "syntax error", "postgres", "_elt_", ".rs:", "sqlstate", "relation "] {
        assert!(!lower.contains(inside), "{what} tells of the inside ({inside}): {answer}");
    }
}

/// Bytes as they are: a client would mend them. The whole answer.
async fn send(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.base.trim_start_matches("http://")).await.expect("it listens");
    stream.write_all(request).await.expect("it is taken");
    let mut answer = Vec::new();
    // A connection that is reset was answered before.
    let _ = tokio::time::timeout(std::time::Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no answer: {answer}"))
}

const SQL: [&str; 9] = [
    "'",
    "\"",
    "id\" desc; drop table prod.shops; --",
    "id, (select secret from prod.shops limit 1)",
    "id) union select secret from prod.shops --",
    "1; select pg_sleep(20)",
    "$1",
    "\\",
    "\u{0}",
];

#[tokio::test]
async fn no_sql_gets_in_by_any_name_or_value() {
    let project = shops().await;
    let server = Server::start(&project, &[]);
    for sql in SQL {
        let text: String = url::form_urlencoded::byte_serialize(sql.as_bytes()).collect();
        let cursor = |order: &str, after: Value| {
            let cursor = json!({"order": order, "after": after}).to_string();
            format!("cursor={}", URL_SAFE_NO_PAD.encode(cursor))
        };
        for (query, statuses) in [
            (format!("order={text}"), &[400][..]),
            (format!("order=-{text}"), &[400]),
            (format!("columns={text}"), &[400]),
            (format!("limit={text}"), &[400]),
            (format!("{text}=1"), &[400]),
            (format!("id.{text}=1"), &[400]),
            (format!("id={text}"), &[400]),
            (format!("id.in=1,{text}"), &[400]),
            (format!("name={text}"), &[200, 400]),
            (format!("name.contains={text}"), &[200, 400]),
            (format!("name.in=a,{text}"), &[200, 400]),
            (format!("code={text}&limit=2000"), &[200, 400]),
            (format!("cursor={text}"), &[400]),
            (cursor("id", json!([sql])), &[400]),
            (cursor(&format!("id{sql}"), json!(["1"])), &[400]),
            (cursor("secret", json!(["a"])), &[400]),
            (cursor("id", json!([])), &[400]),
            (cursor("id", json!(["1", sql])), &[400]),
            (format!("order=name&{}", cursor("name,id", json!([sql, "1"]))), &[200, 400]),
            (format!("order=name&{}", cursor("name,id", json!([null, null]))), &[200]),
        ] {
            let asked = server.client.get(format!("{}/shops?{query}", server.base)).send().await;
            let answer = asked.expect("it answers");
            let status = answer.status().as_u16();
            let text = answer.text().await.expect("it is whole");
            assert!(statuses.contains(&status), "{query}: {status} {text}");
            tells_nothing(&text, &query);
        }
        let in_path =
            server.client.get(format!("{}/shops/{text}", server.base)).send().await.expect("it answers");
        assert!([400, 404].contains(&in_path.status().as_u16()), "{sql}");
    }
    // A cursor shows nothing that is hidden, and gives no way to guess it.
    let page = server.client.get(format!("{}/shops?limit=2", server.base)).send().await.expect("it answers");
    let link = page.headers()["link"].to_str().expect("it is ASCII").to_owned();
    let cursor = link.split("cursor=").nth(1).and_then(|rest| rest.split('>').next()).expect("there is one");
    let told = URL_SAFE_NO_PAD.decode(cursor).expect("it is base64");
    assert_eq!(String::from_utf8_lossy(&told), r#"{"order":"id","after":["2"]}"#);
    assert_eq!(project.value("select count(*) from prod.shops").await, "5");
}

#[tokio::test]
async fn no_header_leads_astray() {
    let project = shops().await;
    let server = Server::start(&project, &[]);
    let long = "a".repeat(8000);
    for (name, value) in [
        ("If-None-Match", "\"' or 1=1 --\""),
        ("If-None-Match", ",,,,W/W/W/\"\""),
        ("If-None-Match", long.as_str()),
        ("Last-Event-ID", "-1"),
        ("Last-Event-ID", "99999999999999999999999"),
        ("Last-Event-ID", "1; drop table elt.runs"),
        ("X-Forwarded-For", "' or 1=1 --, 127.0.0.1, ::1, %00"),
        ("X-Forwarded-For", long.as_str()),
        ("Forwarded", "for=127.0.0.1;host=evil.example"),
        ("X-Forwarded-Host", "evil.example"),
        ("traceparent", "00-00000000000000000000000000000000-0000000000000000-00"),
        ("traceparent", "00-'; drop table elt.runs; ---b7ad6b7169203331-01"),
        ("traceparent", long.as_str()),
        ("X-Request-Id", "'; drop table elt.runs; --"),
        ("Accept", "text/csv;q='\"; drop"),
        ("Authorization", "Bearer ' or '1'='1"),
        ("Authorization", "Basic Og=="),
        ("Prefer", "respond-async, ' or 1=1"),
        ("Cookie", "session=' or 1=1"),
        ("Range", "bytes=0-18446744073709551615"),
    ] {
        for path in ["/shops", "/shops?limit=2000", "/runs/1/events", "/runs/1", "/ui/data/shops"] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\n{name}: {value}\r\nConnection: close\r\n\r\n"
            );
            let answer = send(&server, request.as_bytes()).await;
            assert_eq!(status(&answer), 200, "{path} {name}: {value}: {answer}");
            assert!(!answer.contains("evil.example"), "{answer}");
        }
    }
    // The log is JSON, a line each, whatever was sent.
    let told = server.tells(|told| told.matches("\"answered\"").count() == 100 && told.ends_with('\n')).await;
    for line in told.lines() {
        let _: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert_eq!(project.value("select count(*) from elt.runs").await, "1");
}

#[tokio::test]
async fn no_path_leads_to_what_is_not_served() {
    let project = shops().await;
    let server = Server::start(&project, &[]);
    for path in [
        "/assets/../profiles.yml",
        "/assets/..%2fprofiles.yml",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/assets/....//etc/passwd",
        "/assets//etc/passwd",
        "/assets/elt.css/../../x",
        "/assets/elt.css%00.js",
        "/assets/\\..\\x",
        "/boards/..%2f..%2fprofiles.yml",
        "/boards/../runs/../profiles.yml",
        "/boards/%00",
        "/boards/<script>",
        "/shops/..%2f..%2fsegments",
        "/shops/%2e%2e",
        "/shops/1/../2",
        "//shops",
        "/shops//1",
        "/%73hops/x/y",
        "/SHOPS",
        "/prod.shops",
        "/shops;id=1",
        "/docs/../profiles.yml",
        "/ui/data/..%2fshops",
    ] {
        let answer = send(
            &server,
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .await;
        assert!([400, 404].contains(&status(&answer)), "{path}: {answer}");
        tells_nothing(&answer, path);
    }
}

#[tokio::test]
async fn a_page_of_another_name_that_leads_here_gets_nothing() {
    let project = shops().await;
    let server = Server::start(&project, &[]);
    let ask = |host: &'static str, path: &'static str, method: &'static str| {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let server = &server;
        async move { send(server, request.as_bytes()).await }
    };
    for (path, method) in [
        ("/shops", "GET"),
        ("/", "GET"),
        ("/runs", "GET"),
        ("/runPipeline", "POST"),
        ("/openapi.json", "GET"),
        ("/metrics", "GET"),
    ] {
        let answer = ask("evil.example:8080", path, method).await;
        assert_eq!(status(&answer), 421, "{path}: {answer}");
        assert!(answer.contains("\"code\":\"unknown_host\"") && !answer.contains("shop 1"), "{answer}");
    }
    assert_eq!(status(&ask("evil.example", "/healthz", "GET").await), 200);
    assert_eq!(status(&ask("[::1]:1", "/shops", "GET").await), 200);
    assert_eq!(project.value("select count(*) from elt.runs").await, "1");

    project.write("profiles.yml", "service: {hosts: [shop.example.org]}\n");
    let server = Server::start(&project, &[]);
    for (host, expected) in [("shop.example.org", 200), ("localhost", 200), ("evil.example", 421)] {
        let request = format!("GET /shops HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(status(&send(&server, request.as_bytes()).await), expected, "{host}");
    }
    // Where others than this machine ask, the names are many.
    project.write("profiles.yml", "service: {host: 0.0.0.0}\n");
    let mut server = Server::start(&project, &[]);
    server.base = server.base.replace("0.0.0.0", "127.0.0.1");
    let answer =
        send(&server, b"GET /shops HTTP/1.1\r\nHost: any.example\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status(&answer), 200, "{answer}");
}

#[tokio::test]
async fn what_is_no_page_loads_nothing_and_stands_in_no_frame_and_the_log_names_routes_and_traces() {
    let project = shops().await;
    let server = Server::start(&project, &[]);
    for (path, accept) in
        [("/shops", "application/json"), ("/shops", "text/csv"), ("/shops?x=1", "*/*"), ("/runs", "*/*")]
    {
        let asked = server.client.get(format!("{}{path}", server.base)).header("accept", accept);
        let headers = asked.send().await.expect("it answers").headers().clone();
        assert_eq!(
            headers["content-security-policy"], "default-src 'none'; frame-ancestors 'none'",
            "{path}"
        );
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let asked = server
        .client
        .get(format!("{}/shops/shop%203?", server.base))
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"))
        .header("x-request-id", "my-id.7");
    let answer = asked.send().await.expect("it answers");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-request-id"]),
        (200, &"my-id.7".parse().unwrap())
    );
    let told = server.tells(|told| told.contains("my-id.7") && told.ends_with('\n')).await;
    let line = told.lines().find(|line| line.contains("my-id.7")).unwrap_or_else(|| panic!("{told}"));
    let line: Value = serde_json::from_str(line).expect("it is JSON");
    assert!(!line.to_string().contains("shop%203"), "{line}");
    let fields = &line["fields"];
    for (name, value) in [
        ("request_id", json!("my-id.7")),
        ("trace_id", json!(trace)),
        ("path", json!("/shops/{name}")),
        ("method", json!("GET")),
        ("status", json!(200)),
    ] {
        assert_eq!(fields[name], value, "{line}");
    }
    assert!(fields["duration_us"].is_u64(), "{line}");
}
