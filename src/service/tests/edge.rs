//! What is no proper HTTP or JSON, byte by byte over a socket: refused in bounded time, and the next client
//! is served.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::*;
use crate::service::Settings;
use crate::token::Access;

/// One answer off the wire.
struct Raw {
    status: u16,
    body: String,
}

impl Raw {
    /// The code of an error in the one form.
    fn code(&self) -> Value {
        let body: Value =
            serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body));
        assert_one_form(&body);
        body["code"].clone()
    }
}

impl Served {
    /// Sends the bytes and reads until the service closes; all answers in order.
    async fn send_bytes(&self, bytes: &[u8]) -> Vec<Raw> {
        let mut stream = TcpStream::connect(self.running.addr).await.unwrap();
        // The service may hang up before everything is sent; what it answered can still be read.
        let _ = stream.write_all(bytes).await;
        read_answers(stream).await
    }

    async fn is_well(&self) {
        let (status, answer) = self.look_up(&customer("frequent_segment", 2, None)).await;
        assert_eq!((status.as_u16(), &answer["voucher_amount"]), (200, &json!(2640)));
    }
}

async fn read_answers(mut stream: TcpStream) -> Vec<Raw> {
    let mut bytes = Vec::new();
    let reading = async {
        let mut part = [0; 8192];
        // An error counts as the end: a reset follows where unread bytes were left.
        while let Ok(read @ 1..) = stream.read(&mut part).await {
            bytes.extend_from_slice(&part[..read]);
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reading).await.expect("the service hangs up in time");
    let text = String::from_utf8(bytes).expect("answers are text");
    let mut rest = text.as_str();
    let mut answers = Vec::new();
    while let Some((head, after)) = rest.split_once("\r\n\r\n") {
        let status = head.strip_prefix("HTTP/1.1 ").expect("an answer begins here")[..3].parse().unwrap();
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let (body, next) = after.split_at(length.unwrap_or(0));
        answers.push(Raw { status, body: body.to_owned() });
        rest = next;
    }
    assert_eq!(rest, "");
    answers
}

fn lookup_request(more_headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST /getVoucher/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{more_headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn good_body() -> Vec<u8> {
    customer("frequent_segment", 2, None).to_string().into_bytes()
}

fn statuses(answers: &[Raw]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_behind_a_request_is_refused_after_the_request_is_answered() {
    let (_database, served) = served_peru().await;
    let good = lookup_request("", &good_body());
    let last = lookup_request("Connection: close\r\n", &good_body());
    let answers = served.send_bytes(&[&good[..], &good, &last].concat()).await;
    assert_eq!(statuses(&answers), [200, 200, 200]);
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage\r\n\r\n"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Bad\0Name: 1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Bad: a\0b\r\n\r\n",
        b"GET /runs/\xff\xfe HTTP/1.1 extra\r\nHost: x\r\n\r\n",
        b"{\"customer_id\": 1}\r\n\r\n",
    ] {
        assert_eq!(statuses(&served.send_bytes(garbage).await), [400], "{garbage:?}");
        let answers = served.send_bytes(&[&good[..], garbage].concat()).await;
        assert_eq!(statuses(&answers), [200, 400], "{garbage:?}");
    }
    served.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_lengths_or_a_length_and_chunks_are_refused_so_that_no_request_hides_in_a_body() {
    let (_database, served) = served_peru().await;
    let hidden = "POST /runPipeline/ HTTP/1.1\r\nHost: x\r\n\r\n";
    for lengths in [
        "Content-Length: 2\r\nContent-Length: 60\r\n",
        "Content-Length: 2, 60\r\n",
        "Content-Length: -2\r\n",
        "Content-Length: +2\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
    ] {
        let head = "POST /getVoucher/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        let answers = served.send_bytes(format!("{head}{lengths}\r\n{{}}{hidden}").as_bytes()).await;
        assert_eq!(statuses(&answers), [400], "{lengths}");
    }
    assert_eq!(served.get("/runs").await.1["runs"], json!([]), "no hidden request was heard");
    served.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_paths_without_measure_are_refused() {
    let (_database, served) = served_peru().await;
    let long = "a".repeat(1_000_000);
    let many: String = (0..1000).map(|number| format!("X-{number}: 1\r\n")).collect();
    for request in [
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\n\r\n"),
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("{long} / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ] {
        let answers = statuses(&served.send_bytes(request.as_bytes()).await);
        let refused = answers.iter().all(|status| [400, 414, 431].contains(status)) && answers.len() <= 1;
        assert!(refused, "{answers:?} {}", &request[..40]);
    }
    served.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunked_bodies_are_held_to_the_same_limits() {
    let database = test_database().await;
    database.publish(7, PERU).await;
    let settings = Settings { request_timeout: Duration::from_millis(300), ..settings() };
    let served = serve(settings, database.reader()).await;
    let head = "POST /getVoucher/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let chunked = |parts: &[&[u8]]| {
        let mut bytes = format!("{head}Connection: close\r\n\r\n").into_bytes();
        for part in parts {
            bytes.extend(format!("{:x}\r\n", part.len()).into_bytes());
            bytes.extend_from_slice(part);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        bytes
    };
    let body = good_body();
    let singles: Vec<&[u8]> = body.chunks(1).collect();
    assert_eq!(statuses(&served.send_bytes(&chunked(&singles)).await), [200]);
    let part = [b' '; 8192];
    let answers = served.send_bytes(&chunked(&[&part[..]; 9])).await;
    assert_eq!((answers[0].status, answers[0].code()), (413, json!("body_too_large")));
    // A chunk that claims more than there is memory, and one that is no number.
    for size in ["ffffffffffffffff", "fffffffffffffffff", "-1", "zz", ""] {
        let answers = served
            .send_bytes(format!("{head}Connection: close\r\n\r\n{size}\r\n{{}}\r\n0\r\n\r\n").as_bytes())
            .await;
        assert!(answers.len() <= 1 && answers.iter().all(|one| (400..500).contains(&one.status)), "{size:?}");
    }
    served.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_drop_by_drop_is_cut_off_in_time() {
    let limit = Duration::from_millis(500);
    let database = test_database().await;
    database.publish(7, PERU).await;
    let settings = Settings { request_timeout: limit, header_timeout: limit, ..settings() };
    let served = serve(settings, database.reader()).await;
    let whole = lookup_request("", &good_body());
    let body_begins = whole.len() - good_body().len();
    // Once from the first header on, once from the body on.
    for at_once in [20, body_begins + 1] {
        let stream = TcpStream::connect(served.running.addr).await.unwrap();
        let begun = Instant::now();
        let (reading, mut writing) = stream.into_split();
        let (first, rest) = (whole[..at_once].to_vec(), whole[at_once..].to_vec());
        let dripping = tokio::spawn(async move {
            let _ = writing.write_all(&first).await;
            for byte in rest {
                tokio::time::sleep(Duration::from_millis(100)).await;
                if writing.write_all(&[byte]).await.is_err() {
                    break;
                }
            }
            writing
        });
        // Only the answer: the connection may stay open for what the client still owes.
        let mut reading = tokio::io::BufReader::new(reading);
        let mut line = String::new();
        let answer = tokio::io::AsyncBufReadExt::read_line(&mut reading, &mut line);
        tokio::time::timeout(Duration::from_secs(6), answer).await.unwrap().unwrap();
        assert!(line.starts_with("HTTP/1.1 408"), "{line}");
        assert!(begun.elapsed() < limit * 8, "{:?}", begun.elapsed());
        dripping.abort();
    }
    served.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_is_refused_keeps_a_connection_by_an_endless_body() {
    let served = served_alone(Settings { runs: Access::Token, ..settings() }).await;
    for (head, status) in [
        ("POST /nowhere", 404),
        ("PUT /runs", 405),
        ("POST /runPipeline/", 401),
        ("POST /getVoucher/", 415),
        ("GET /healthz", 200),
        ("GET /docs/nothing.js", 404),
    ] {
        for endless in ["Transfer-Encoding: chunked\r\n\r\n2\r\n{}", "Content-Length: 1000\r\n\r\n{}"] {
            let answers =
                served.send_bytes(format!("{head} HTTP/1.1\r\nHost: x\r\n{endless}").as_bytes()).await;
            assert_eq!(statuses(&answers), [status], "{head} {endless}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_nesting_costs_nothing() {
    let (_database, served) = served_peru().await;
    let deep =
        |open: &str, close: &str, depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
    for nested in [deep("[", "]", 30_000), deep(r#"{"a":"#, "}", 9_000)] {
        let known = format!(
            r#"{{"customer_id": {nested}, "country_code": "Peru", "total_orders": 2, "segment_name": "frequent_segment"}}"#
        );
        let (status, answer) = served.send_text("/getVoucher/", "application/json", known).await;
        assert_eq!((status.as_u16(), &answer["code"]), (422, &json!("invalid_body")));
        let unknown = format!(
            r#"{{"more": {nested}, "customer_id": 1, "country_code": "Peru", "total_orders": 2, "segment_name": "frequent_segment"}}"#
        );
        let (status, answer) = served.send_text("/getVoucher/", "application/json", unknown).await;
        assert_eq!((status.as_u16(), &answer["voucher_amount"]), (200, &json!(2640)));
    }
    for unclosed in
        ["[".repeat(64_000), r#"{"a":"#.repeat(12_000), format!(r#"{{"more": {}"#, "[".repeat(60_000))]
    {
        let (status, _) = served.send_text("/getVoucher/", "application/json", unclosed).await;
        assert!(status == 400 || status == 422, "{status}");
    }
    served.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_given_twice_are_refused_however_they_are_spelt() {
    let (_database, served) = served_peru().await;
    let rest = r#""customer_id": 1, "country_code": "Peru", "segment_name": "frequent_segment""#;
    for twice in [
        r#""total_orders": 2, "total_orders": 2"#,
        r#""total_orders": null, "total_orders": 2"#,
        r#""total_orders": 2, "total_orders": null"#,
        r#""total_orders": 2, "total\u005forders": 3"#,
    ] {
        let (status, answer) =
            served.send_text("/getVoucher/", "application/json", format!("{{{rest}, {twice}}}")).await;
        assert_eq!(status, 422, "{twice} {answer}");
        let problems = answer["details"]["fields"].as_array().unwrap();
        assert!(problems.iter().any(|one| one["problem"] == "is given twice"), "{twice} {answer}");
    }
    let unknown = format!(r#"{{{rest}, "total_orders": 2, "more": 1, "more": 2}}"#);
    assert_eq!(served.send_text("/getVoucher/", "application/json", unknown).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nul_bytes_and_what_is_no_utf_8_are_refused_or_carried_unharmed() {
    let (_database, served) = served_peru().await;
    for (broken, what) in [
        (&b"Per\0u"[..], "a raw NUL"),
        (b"Per\xff", "no UTF-8"),
        (b"Per\xc3", "a cut letter"),
        (b"\xc0\xaf", "an overlong letter"),
        (b"\xed\xa0\x80", "a surrogate"),
    ] {
        let body = [
            br#"{"customer_id": 1, "total_orders": 2, "segment_name": "frequent_segment", "country_code": ""#,
            broken,
            b"\"}",
        ]
        .concat();
        let answers = served.send_bytes(&lookup_request("Connection: close\r\n", &body)).await;
        assert_eq!((answers[0].status, answers[0].code()), (400, json!("malformed_json")), "{what}");
        // As the name of a field that nobody reads.
        let body = [br#"{"customer_id": 1, ""#, broken, br#"": 1}"#].concat();
        let answers = served.send_bytes(&lookup_request("Connection: close\r\n", &body)).await;
        assert_eq!((answers[0].status, answers[0].code()), (400, json!("malformed_json")), "{what}");
    }
    let mut body = customer("frequent_segment", 2, None);
    body["country_code"] = "Pe\0ru".into();
    let (status, answer) = served.look_up(&body).await;
    assert_eq!((status.as_u16(), &answer["details"]["country_code"]), (404, &json!("Pe\0ru")));
    body["country_code"] = "Peru".into();
    body["last_order_ts"] = "2019-01-02\0".into();
    assert_eq!(served.look_up(&body).await.0, 422);
    for (path, status) in [
        ("/runs/%00", 404),
        ("/runs/%ff", 404),
        ("/%c3%28", 404),
        ("/runs?limit=%ff%00", 400),
        ("/runs?limit=1%00", 400),
    ] {
        assert_eq!(served.get(path).await.0, status, "{path}");
    }
    let marked = [b"\xef\xbb\xbf", &good_body()[..]].concat();
    let answers = served.send_bytes(&lookup_request("Connection: close\r\n", &marked)).await;
    assert_eq!((answers[0].status, answers[0].code()), (400, json!("malformed_json")), "a byte order mark");
    let odd_id = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: \xff\xfe\r\nConnection: close\r\n\r\n";
    assert_eq!(statuses(&served.send_bytes(odd_id).await), [200]);
    served.is_well().await;
}
