//! JSON APIs through the front door: pages that differ, pages that fail, and where the next load begins.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::Project;

/// A server that answers as its script says, one answer a connection.
struct Scripted {
    address: String,
    script: Arc<Mutex<VecDeque<(u16, String)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        let server = Self { address, script: Arc::default(), asked: Arc::default() };
        let (script, asked) = (server.script.clone(), server.asked.clone());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match socket.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => break,
                    }
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let mut path = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
                let length = head.to_lowercase().split_once("content-length: ").map(|(_, rest)| {
                    rest.split("\r\n").next().unwrap_or_default().parse::<usize>().expect("a number")
                });
                if let Some(length) = length {
                    let mut body = vec![0; length];
                    socket.read_exact(&mut body).await.expect("the body comes");
                    path = format!("{path} {}", String::from_utf8_lossy(&body));
                }
                asked.lock().expect("no holder panics").push(path);
                let next = script.lock().expect("no holder panics").pop_front();
                let (status, body) = next.unwrap_or((418, "the script is at its end".to_owned()));
                let answer = format!(
                    "HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = socket.write_all(answer.as_bytes()).await;
                let _ = socket.shutdown().await;
            }
        });
        server
    }

    fn then(&self, answers: &[(u16, &str)]) {
        let answers = answers.iter().map(|(status, body)| (*status, (*body).to_owned()));
        self.script.lock().expect("no holder panics").extend(answers);
    }

    /// The paths since the last look.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("no holder panics"))
    }
}

const ROWS: &str = "select string_agg(concat_ws('|', id, coalesce(name, '-'), coalesce(extra::text, '-')), ' ' order by id) from raw.r";

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_page_or_a_file_lacks_is_null() {
    let api = Scripted::start().await;
    let model = |words: &str, body: &str| {
        format!(
            "{{{{ config(source='{}/things', api={{'records': 'items', 'paging': {{'by': 'page'}} }}{words}) }}}}\n{body}",
            api.address
        )
    };
    let pages: &[(u16, &str)] = &[
        (200, r#"{"items": [{"id": 1, "name": "a"}]}"#),
        (206, r#"{"items": [{"id": 2}, {}]}"#),
        (201, r#"{"items": [{"id": 3, "extra": 7}]}"#),
        (204, ""),
    ];
    let want = "-|- 1|a|- 2|-|- 3|-|7";
    let rows = "select string_agg(concat_ws('|', id, coalesce(name, '-'), coalesce(extra::text, '-')), ' ' order by id nulls first) from raw.r";
    let project = Project::new(&[("models/raw/r.sql", &model("", "id int, name text, extra int"))]).await;
    api.then(pages);
    let ended = project.good(&["run"]);
    assert!(!ended.stderr.contains("are NULL"), "{ended}");
    assert_eq!(project.value(rows).await, want);
    assert_eq!(api.asked(), ["/things?page=1", "/things?page=2", "/things?page=3", "/things?page=4"]);
    // With an empty body all pages say what columns there are.
    project.write("models/raw/r.sql", &model("", ""));
    api.then(pages);
    project.good(&["run"]);
    assert_eq!(project.value(rows).await, want);
    project.write("models/raw/r.sql", &model(", infer=true", ""));
    api.then(pages);
    project.good(&["run"]).says("inferred id integer, name text, extra integer");
    assert_eq!(project.value(rows).await, want);
    // What no record has at all is told, and what is new is met by policy, with the page that has it.
    project.write("models/raw/r.sql", &model("", "id int, name text, extra int, gone text"));
    project.remove("models/raw/r.columns.yml");
    api.then(pages);
    project.good(&["run"]).says("columns that no record has are NULL: gone");
    project.write("models/raw/r.sql", &model("", "id int, name text"));
    api.then(pages);
    let ended = project.elt(&["run"]).expect(1);
    ended.says("/things page 3 does not fit its table: the file has `extra` that the table lacks");
    // Files are met in the same way, also such that hold nothing.
    project.write("models/raw/r.sql", "{{ config(source='in/*.json') }}");
    for (name, text) in [
        ("a", "[]"),
        ("b", "[{\"id\": 1, \"name\": \"a\"}]"),
        ("c", ""),
        ("d", "{\"id\": 2, \"extra\": 3}\n"),
    ] {
        project.write(&format!("in/{name}.json"), text);
    }
    project.good(&["run"]);
    assert_eq!(project.value(ROWS).await, "1|a|- 2|-|3");
    project.write("models/raw/r.sql", "{{ config(source='in/a.json', allow_empty=true) }}\nid int");
    project.good(&["run"]);
    project.write("models/raw/r.sql", "{{ config(source='in/a.json', allow_empty=true) }}");
    project
        .elt(&["run"])
        .expect(1)
        .says("in/a.json is empty, or its records have no keys: nothing says what columns there are");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_all_came_are_asked_for_again_when_one_holds_a_bad_row() {
    let api = Scripted::start().await;
    let model = format!(
        "{{{{ config(source='{}/things', api={{'paging': {{'by': 'offset', 'parameter': 'skip'}} }}) }}}}\nid int, name text, extra int",
        api.address
    );
    let project = Project::new(&[("models/raw/r.sql", &model)]).await;
    api.then(&[(200, r#"[{"id": 1}]"#), (200, r#"[{"id": "two"}]"#), (200, "[]")]);
    project.elt(&["run"]).expect(1).says("/things page 2, line 1, column id: invalid input syntax");
    assert_eq!(api.asked(), ["/things?skip=0", "/things?skip=1", "/things?skip=2"]);
    // The API was mended, and fails in the midst.
    api.then(&[(200, r#"[{"id": 1}]"#), (400, "")]);
    project.elt(&["run"]).expect(1).says("the server answered 400");
    assert_eq!(api.asked().len(), 2);
    // What had come is not asked for again; where that is refused, all is.
    api.then(&[(400, ""), (200, r#"[{"id": 1}, {"id": 2}]"#), (200, "[]")]);
    project.good(&["run"]);
    assert_eq!(api.asked(), ["/things?skip=1", "/things?skip=0", "/things?skip=2"]);
    assert_eq!(project.value(ROWS).await, "1|-|- 2|-|-");
    // Who wants everything anew gets it anew.
    api.then(&[(200, r#"[{"id": 1}]"#), (400, "")]);
    project.elt(&["run"]).expect(1);
    api.asked();
    api.then(&[(200, "[{\"id\": 7}]"), (200, "[]")]);
    project.good(&["run", "--full-refresh"]);
    assert_eq!(api.asked(), ["/things?skip=0", "/things?skip=1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_is_told_from_where_to_go_on_and_other_words_load_it_whole() {
    let api = Scripted::start().await;
    let model = |parameters: &str, words: &str| {
        format!(
            "{{{{ config(source='{}/things', unique_key='id', on_columns_change='add', \
             incremental={{'cursor': 'extra', 'parameter': 'since', 'first': '0'{words}}}, \
             api={{'parameters': {{'kind': {parameters}}} }} ) }}}}\nid int, name text, extra int",
            api.address
        )
    };
    let asleep = model("env_var('KIND')", "").replacen("config(", "config(enabled=false, ", 1);
    let project = Project::new(&[
        ("models/raw/r.sql", &model("env_var('KIND')", "")),
        ("models/raw/asleep.sql", &asleep),
        ("models/stage/s.sql", "select * from {{ ref('r') }}"),
    ])
    .await
    .env("KIND", "s3cr3t-kind");
    api.then(&[(200, r#"[{"id": 1, "name": "a", "extra": 10}]"#)]);
    project.good(&["run"]);
    assert_eq!(api.asked(), ["/things?kind=s3cr3t-kind&since=0"]);
    // New columns come into the table that is there, and stay where a later page lacks them.
    api.then(&[(200, r#"[{"id": 2, "extra": 20, "colour": "red"}]"#)]);
    project.good(&["run"]).says("columns that only").says("colour");
    assert_eq!(api.asked(), ["/things?kind=s3cr3t-kind&since=10"]);
    api.then(&[(200, r#"[{"id": 3, "extra": 30}]"#)]);
    project.good(&["run"]);
    assert_eq!(api.asked(), ["/things?kind=s3cr3t-kind&since=20"]);
    let colours = "select string_agg(id || coalesce(colour, '-'), ' ' order by id) from raw.r";
    assert_eq!(project.value(colours).await, "1- 2red 3-");
    // A lag reads again what may have come late.
    project.write("models/raw/r.sql", &model("env_var('KIND')", ", 'lag': 15"));
    api.then(&[(200, r#"[{"id": 4, "extra": 16}, {"id": 5, "extra": 14}]"#)]);
    project.good(&["run"]);
    assert_eq!(api.asked(), ["/things?kind=s3cr3t-kind&since=15"]);
    assert_eq!(project.value("select string_agg(id::text, ' ' order by id) from raw.r").await, "1 2 3 4");
    api.then(&[(200, "[]")]);
    project.good(&["run"]);
    assert_eq!(api.asked(), ["/things?kind=s3cr3t-kind&since=15"]);
    // What came from the environment is shown nowhere.
    for command in [&["ls", "--output", "json"][..], &["compile"], &["docs"]] {
        let ended = project.elt(command);
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("s3cr3t-kind"), "{ended}");
    }
    let manifest = std::fs::read_to_string(project.root.join("target/manifest.json")).expect("it is written");
    assert!(manifest.contains("asleep") && !manifest.contains("s3cr3t-kind"));
    let kept = "select count(*)::text from elt.relations where definition like '%s3cr3t-kind%'";
    assert_eq!(project.value(kept).await, "0");
    // Another question has another answer: all of it is loaded.
    project.write("models/raw/r.sql", &model("'other'", ""));
    api.then(&[(200, r#"[{"id": 9, "extra": 1}]"#)]);
    project.good(&["run"]);
    assert_eq!(api.asked(), ["/things?kind=other&since=0"]);
    assert_eq!(project.value("select string_agg(id::text, ' ' order by id) from raw.r").await, "9");
    // A row without its key would come with every load.
    api.then(&[(200, r#"[{"extra": 50}]"#)]);
    project.elt(&["run"]).expect(1).says("1 rows have NULL in their unique_key (\"id\")");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_lead_in_a_circle_come_to_an_end() {
    let server = Scripted::start().await;
    let model = format!(
        "{{{{ config(source='{}', api={{'records': 'items', 'paging': {{'by': 'cursor', 'next': 'next', 'parameter': 'from'}} }}) }}}}\nid int",
        server.address
    );
    let project = Project::new(&[("models/raw/r.sql", &model)]).await;
    for page in [1, 2, 3, 1, 2] {
        let next = page % 3 + 1;
        server.then(&[(200, &format!("{{\"items\": [{{\"id\": {page}}}], \"next\": \"to {next}\"}}"))]);
    }
    project.elt(&["run"]).expect(1).says("page 4 leads back to one that was there before");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leads_on_may_stand_anywhere_and_what_ends_the_pages_is_believed() {
    let api = Scripted::start().await;
    let model = |path: &str, words: &str| {
        format!("{{{{ config(source='{}{path}', api={{{words}}}) }}}}\nid int", api.address)
    };
    let project = Project::new(&[]).await;
    let load = |model: String| {
        project.write("models/raw/r.sql", &model);
        project.good(&["run", "--full-refresh"])
    };
    let ids = "select string_agg(id::text, ' ' order by id) from raw.r";
    // The last record's own key, and a word that says that there are no more.
    api.then(&[
        (200, r#"{"data": [{"id": 1}, {"id": 2}], "has_more": true}"#),
        (200, r#"{"data": [{"id": 3}], "has_more": false}"#),
    ]);
    let paging = "'by': 'cursor', 'next': 'data.-1.id', 'parameter': 'after', 'more': 'has_more'";
    load(model("/s", &format!("'records': 'data', 'paging': {{{paging}}} ")));
    assert_eq!(api.asked(), ["/s", "/s?after=2"]);
    assert_eq!(project.value(ids).await, "1 2 3");
    // A key with a dot in its name.
    api.then(&[
        (200, r#"{"value": [{"id": 1}], "@odata.nextLink": "/o?skip=1"}"#),
        (200, r#"{"value": [{"id": 2}]}"#),
    ]);
    let ended = load(model("/o", "'records': 'value', 'paging': {'by': 'link', 'next': '@odata.nextLink'} "));
    assert!(!ended.stderr.contains("no answer had"), "{ended}");
    assert_eq!((api.asked().len(), project.value(ids).await.as_str()), (2, "1 2"));
    // Deep in the body, as GraphQL wants it.
    api.then(&[
        (200, r#"{"d": {"n": [{"id": 1}], "p": {"end": "x", "on": true}}}"#),
        (200, r#"{"d": {"n": [{"id": 2}], "p": {"end": "y", "on": false}}}"#),
    ]);
    let paging = "'by': 'cursor', 'next': 'd.p.end', 'parameter': 'variables.after', 'more': 'd.p.on'";
    load(model(
        "/g",
        &format!(
            "'method': 'post', 'body': {{'query': 'q', 'variables': {{'n': 1}} }}, 'records': 'd.n', 'paging': {{{paging}}} "
        ),
    ));
    assert_eq!(
        api.asked(),
        [r#"/g {"query":"q","variables":{"n":1}}"#, r#"/g {"query":"q","variables":{"n":1,"after":"x"}}"#]
    );
    // An API that knows no page after the last.
    for (paging, end) in [
        ("'by': 'page', 'pages': 'meta.pages'", r#""meta": {"pages": 2}"#),
        ("'by': 'page', 'total': 'total'", r#""total": "3""#),
        ("'by': 'offset', 'total': 'total'", r#""total": 3"#),
    ] {
        let first = format!("{{\"items\": [{{\"id\": 1}}, {{\"id\": 2}}], {end}}}");
        let second = format!("{{\"items\": [{{\"id\": 3}}], {end}}}");
        api.then(&[(200, first.as_str()), (200, second.as_str())]);
        load(model("/p", &format!("'records': 'items', 'paging': {{{paging}}} ")));
        assert_eq!((api.asked().len(), project.value(ids).await.as_str()), (2, "1 2 3"), "{paging}");
    }
    // A way that leads nowhere would end with the first page: that is told.
    api.then(&[(200, r#"{"items": [{"id": 1}], "meta": {"next": "x"}}"#)]);
    load(model("/p", "'records': 'items', 'paging': {'by': 'cursor', 'next': 'meta.nxt'} "))
        .says("/p: no answer had `meta.nxt`, so each was taken for the only page");
    api.then(&[(200, r#"[{"id": 1}]"#)]);
    load(model("/p", "'paging': {'by': 'link'} ")).says("no answer had a Link header with rel=\"next\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_may_have_an_address_of_its_own_and_its_rows_tell_it() {
    let api = Scripted::start().await;
    let model = |words: &str| {
        format!(
            "{{{{ config(source='{}/users/{{id}}/orders?kind=a', api={{'records': 'items', \
             'keys': {{'from': ref('users'), 'column': 'id', 'into': 'id'{words}}} }} ) }}}}",
            api.address
        )
    };
    let project = Project::new(&[
        ("models/raw/orders.sql", &model(", 'as': 'user_id'")),
        ("models/raw/users.sql", "{{ config(source='users.csv') }}"),
        ("users.csv", "id\na/b?c\nx y\n"),
    ])
    .await;
    api.then(&[(200, r#"{"items": [{"n": 1}, {"n": 2}]}"#), (200, r#"{"items": [{}]}"#)]);
    project.good(&["run"]);
    assert_eq!(api.asked(), ["/users/a%2Fb%3Fc/orders?kind=a", "/users/x%20y/orders?kind=a"]);
    let rows = "select string_agg(concat_ws('|', user_id, coalesce(n, '-')), ' ' order by user_id, n) from raw.orders";
    assert_eq!(project.value(rows).await, "a/b?c|1 a/b?c|2 x y|-");
    assert!(
        project
            .value("select location from elt.loads where node = 'raw.orders'")
            .await
            .contains("/users/{id}/orders")
    );
    project.write("users.csv", "id\n..\n");
    project.elt(&["run"]).expect(1).says("the key `..` cannot stand in an address");
    project.write("models/raw/orders.sql", &model(", 'batch': 5"));
    project.elt(&["run"]).expect(2).says("is for one key in a request, and `batch` is more");
}
