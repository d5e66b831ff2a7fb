//! What answers hold: the right column, one row where one is promised, text of fixed length, no more than was
//! asked for.

use serde_json::{Value, json};

use super::{fields, follow, ids};
use crate::server::Server;
use crate::support::Project;

const CODED: &str = "{{ config(materialized='table') }}
    select n as id, (case when n % 2 = 0 then 'PE' else 'C' end)::char(2) as country, n::bit(4) as bits,
           array['PE']::char(2)[] as list, -n as alpha
    from generate_series(1, 7) as n";

const CODED_YAML: &str = "
models:
  - name: coded
    expose: {path: /coded, key: id, order: [country], columns: [id, country, bits, list], limit: {default: 3, maximum: 3000}}
  - name: code
    expose: {path: '/coded/{country}', shape: object}
  - name: latest
    expose: {path: /latest, shape: value, order: [-id]}
  - name: bare
    expose: {path: /bare, limit: {default: 5, maximum: 2000}}
  - name: letters
    expose: {path: /letters, key: t, order: [q, -s]}
  - name: dividing
    expose: {path: /dividing, limit: {maximum: 5000}}
";

async fn coded() -> Project {
    let project = Project::new(&[
        ("models/prod/coded.sql", CODED),
        ("models/prod/code.sql", "select id, country from {{ ref('coded') }} where id in (1, 2, 4)"),
        (
            "models/prod/latest.sql",
            "select n * 1.5 as zeta, -n as alpha, n as id from (values (7)) as one (n)",
        ),
        ("models/prod/bare.sql", "select n as id from generate_series(1, 1500) as n"),
        ("models/prod/dividing.sql", "select n as id, 10 / (n - 3) as x from generate_series(1, 3) as n"),
        (
            "models/prod/letters.sql",
            "select 1 as t, 'q' as q, 2 as s, 3 as p, 4 as row, 5 as e, 6 as \"as\", 7 as r, 8 as shown",
        ),
        ("models/prod/coded.yml", CODED_YAML),
    ])
    .await;
    project.good(&["run"]).says("nothing says that the key id is unique");
    project
}

#[tokio::test]
async fn answers_hold_what_they_promise() {
    let project = coded().await;
    let server = Server::start(&project, &[]);
    // Text of fixed length.
    for (query, expected) in [
        ("country=PE", vec![2, 4, 6]),
        ("country=C", vec![1, 3, 5]),
        ("country.in=PE,XX", vec![2, 4, 6]),
        ("bits=0101", vec![5]),
        ("country.gt=C", vec![2, 4, 6]),
        ("list={PE}&limit=1", vec![1]),
    ] {
        let (status, rows) = server.get(&format!("/coded?{query}")).await;
        assert_eq!((status, ids(&rows)), (200, expected), "{query}");
    }
    assert_eq!(follow(&server, "/coded").await, [1, 3, 5, 7, 2, 4, 6]);
    assert_eq!(follow(&server, "/coded?order=-country&limit=2").await, [6, 4, 2, 7, 5, 3, 1]);
    assert_eq!(follow(&server, "/coded?order=bits&limit=2").await, [1, 2, 3, 4, 5, 6, 7]);

    // The first column, not the first by name, in both forms.
    assert_eq!(server.get("/latest").await, (200, json!(10.5)));
    let csv = server.client.get(format!("{}/latest", server.base)).header("accept", "text/csv").send().await;
    assert_eq!(csv.unwrap().text().await.unwrap(), "zeta\r\n10.5\r\n");

    // Columns are called whatever their author likes.
    let letters = json!({"t": 1, "q": "q", "s": 2, "p": 3, "row": 4, "e": 5, "as": 6, "r": 7, "shown": 8});
    assert_eq!(server.get("/letters?t=1&q.contains=q").await, (200, json!([letters])));
    for show in [&["show", "letters", "-o", "json"][..], &["show", "letters", "--query", "-o", "json"]] {
        assert_eq!(serde_json::from_str::<Value>(&project.good(show).stdout).unwrap(), json!([letters]));
    }

    // One row, or an error that says which.
    assert_eq!(server.get("/coded/C").await, (200, json!({"id": 1, "country": "C "})));
    let (status, several) = server.get("/coded/PE").await;
    assert_eq!((status, &several["code"]), (409, &json!("several_rows")));
    assert_eq!(server.get("/coded/XX").await.0, 404);

    // Without a key: cut off, and it is said, whether the answer is gathered or streamed.
    for (path, rows, more) in [
        ("/bare", 5, true),
        ("/bare?limit=1400", 1400, true),
        ("/bare?limit=1500", 1500, false),
        ("/bare?limit=2000", 1500, false),
        ("/bare?limit=1000&id.gt=500", 1000, false),
    ] {
        let answer = server.client.get(format!("{}{path}", server.base)).send().await.unwrap();
        assert_eq!(answer.headers().contains_key("elt-more"), more, "{path}");
        assert!(!answer.headers().contains_key("link"));
        assert_eq!(answer.json::<Vec<Value>>().await.unwrap().len(), rows, "{path}");
    }

    // The model's own mistake is not the caller's.
    for path in ["/dividing", "/dividing?id.gte=1", "/dividing?limit=2&id.in=3,1", "/dividing?limit=5000"] {
        assert_eq!(server.get(path).await.0, 500, "{path}");
    }
    for path in ["/dividing?id.lt=3", "/dividing?id.lt=3&limit=5000"] {
        assert_eq!(server.get(path).await.0, 200, "{path}");
    }
    let csv =
        server.client.get(format!("{}/bare?limit=2000&id.gt=1499", server.base)).header("accept", "text/csv");
    assert_eq!(csv.send().await.unwrap().text().await.unwrap(), "id\r\n1500\r\n");
    let head = server.client.head(format!("{}/bare?limit=2000", server.base)).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.headers().contains_key("elt-run")), (200, true));
}

#[tokio::test]
async fn a_session_is_used_again_whatever_was_answered() {
    let project = coded().await;
    let server = Server::start(&project, &[]);
    let sessions = "select string_agg(pid::text, ',' order by pid) from pg_stat_activity \
                    where datname = current_database() and pid <> pg_backend_pid() and query like '%_elt_publication%row_to_json%'";
    server.get("/coded?limit=2").await;
    let first = project.value(sessions).await;
    for path in ["/coded?limit=2", "/coded/C", "/coded/PE", "/latest", "/bare?limit=3", "/coded/XX"] {
        for _ in 0..3 {
            server.get(path).await;
        }
    }
    let last = project.value(sessions).await;
    assert_eq!(last, first, "the same one answered all");
}

#[tokio::test]
async fn more_than_can_be_meant_is_refused() {
    let project = coded().await;
    let server = Server::start(&project, &[]);
    let many = |count: usize| vec!["1"; count].join(",");
    assert_eq!(server.get(&format!("/coded?id.in={}", many(500))).await.0, 200);
    for (query, told) in [
        ("columns=id,id", r#""columns" "names `id` twice": "each column once""#),
        ("order=id,-id", r#""order" "names `id` twice": "each column once""#),
        (&format!("id.in={}", many(501)), r#""id.in" "has more than 500 values": "at most 500 values""#),
        (&format!("id.in={},x", many(400)), r#""id.in" "is no value of this type": "integer""#),
        ("alpha=1", "unknown"),
        ("order=alpha", "names `alpha`"),
        // Where nothing tells rows apart there is no next page.
        ("id=x&bits=2", r#""bits" "is no value of this type": "bit""#),
    ] {
        let (status, answer) = server.get(&format!("/coded?{query}")).await;
        let told_of = fields(&answer).join("\n");
        assert!(status == 400 && told_of.contains(told), "{query}: {status} {answer}");
    }
    let (status, answer) = server.get("/bare?cursor=x").await;
    assert_eq!((status, fields(&answer).join("").contains("is unknown")), (400, true), "{answer}");
    // What is asked of a column that its type cannot do.
    let (status, answer) = server.get("/coded?list.gt=PE").await;
    assert_eq!((status, &answer["code"]), (400, &json!("invalid_parameter")), "{answer}");
}

#[tokio::test]
async fn values_are_written_alike_whatever_the_database_is_set_to() {
    let odd = |id: u8| {
        format!(
            "select {id} as id, date '2024-02-01' as day, 1.0000000000000002::float8 as x, interval '1 day 2 hours' as span, \
             decode('ff', 'hex') as raw, timestamptz '2024-07-01 12:00Z' as at"
        )
    };
    let model = format!("{{{{ config(materialized='table') }}}} {} union all {}", odd(1), odd(2));
    let project = Project::new(&[
        ("models/prod/odd.sql", &model),
        ("models/prod/odd.yml", "models: [{name: odd, expose: {key: id, order: [x, at, span]}}]"),
    ])
    .await;
    for setting in [
        "datestyle to 'SQL, DMY'",
        "extra_float_digits to -3",
        "intervalstyle to sql_standard",
        "bytea_output to escape",
    ] {
        let name = project.value("select quote_ident(current_database())").await;
        project.database.run(&format!("alter database {name} set {setting}")).await;
    }
    project.good(&["run"]);
    let csv =
        "id,day,x,span,raw,at\n1,2024-02-01,1.0000000000000002,1 day 02:00:00,\\xff,2024-07-01 12:00:00+00\n";
    for shown in [&["show", "odd", "-n", "1"][..], &["show", "odd", "--query", "-n", "1"]] {
        project.good(&[shown, &["-o", "csv"]].concat()).prints(csv);
        project.good(&[shown, &["-o", "json"]].concat()).prints(r#""span":"1 day 02:00:00","raw":"\\xff""#);
        project.good(shown).prints("2024-02-01");
    }
    let server = Server::start(&project, &[]);
    let row = json!({"id": 1, "day": "2024-02-01", "x": 1.0000000000000002, "span": "1 day 02:00:00", "raw": "\\xff", "at": "2024-07-01T12:00:00+00:00"});
    assert_eq!(server.get("/odd?id=1").await, (200, json!([row])));
    let csv =
        server.client.get(format!("{}/odd?id=1", server.base)).header("accept", "text/csv").send().await;
    assert_eq!(
        csv.unwrap().text().await.unwrap(),
        "id,day,x,span,raw,at\r\n1,2024-02-01,1.0000000000000002,1 day 02:00:00,\\xff,2024-07-01 12:00:00+00\r\n"
    );
    assert_eq!(follow(&server, "/odd?limit=1").await, [1, 2]);
}
