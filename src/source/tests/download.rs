//! Downloads against a server that misbehaves on purpose.

use tempfile::TempDir;

use super::server::{Reply, Server};
use super::*;

const CSV: &str = "a,b\n1,2\n3,4\n";

fn body(rows: usize) -> String {
    format!("a,b\n{}", "some,thing\n".repeat(rows))
}

fn files_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the cache")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_cut_download_is_resumed_where_it_broke_off() {
    let cache = TempDir::new().unwrap();
    let text = body(10_000);
    let rest = &text[50_000..];
    let range = format!("bytes 50000-{}/{}", text.len() - 1, text.len());
    let server = Server::start([
        Reply::new(200, &text).header("ETag", "\"v1\"").cut(50_000),
        Reply::new(206, rest).header("ETag", "\"v1\"").header("Content-Range", range),
    ])
    .await;
    let fetched = fetch(&http(&server.url), &options(cache.path()), &()).await.unwrap();
    assert_eq!(csv_text(&fetched, &["a", "b"]), text);
    assert_eq!(fetched.bytes, text.len() as u64);
    let second = &server.requests()[1];
    assert!(second.contains("range: bytes=50000-\r\n") && second.contains("if-range: \"v1\""), "{second}");
}

#[tokio::test]
async fn what_a_fetch_that_gave_up_left_is_gone_on_from_by_the_next() {
    let cache = TempDir::new().unwrap();
    let text = body(10_000);
    let impatient = FetchOptions { retries: 0, ..options(cache.path()) };
    let server = Server::start([Reply::new(200, &text).header("ETag", "\"v1\"").cut(50_000)]).await;
    let error = fetch(&http(&server.url), &impatient, &()).await.unwrap_err();
    assert!(error.hint.is_some_and(|hint| hint.contains("the next load goes on from there")));
    // Who has another login starts anew.
    server.then(Reply::new(200, &text).header("ETag", "\"v1\""));
    let other = FetchOptions { headers: vec![("X-Key".into(), "k".into())], ..impatient.clone() };
    fetch(&http(&server.url), &other, &()).await.unwrap();
    assert!(!server.requests()[1].contains("range:"));

    let rest = Reply::new(206, &text[50_000..]).header("ETag", "\"v1\"");
    server.then(rest.header("Content-Range", format!("bytes 50000-{}/{}", text.len() - 1, text.len())));
    let fetched = fetch(&http(&server.url), &impatient, &()).await.unwrap();
    let third = &server.requests()[2];
    assert!(third.contains("range: bytes=50000-\r\n") && third.contains("if-range: \"v1\""), "{third}");
    assert_eq!(csv_text(&fetched, &["a", "b"]), text);
    assert_eq!(fetched.sha256.as_deref(), Some(sha256(text.as_bytes()).as_str()));
    assert_eq!(files_in(cache.path()).iter().filter(|name| name.contains("part")).count(), 0);
}

#[tokio::test]
async fn a_file_that_changed_during_a_resume_is_fetched_from_its_start() {
    let cache = TempDir::new().unwrap();
    let (old, new) = (body(10_000), body(9_000).to_uppercase());
    let server = Server::start([
        Reply::new(200, &old).header("ETag", "\"v1\"").cut(50_000),
        Reply::new(200, &new).header("ETag", "\"v2\""),
    ])
    .await;
    let fetched = fetch(&http(&server.url), &options(cache.path()), &()).await.unwrap();
    assert_eq!(csv_text(&fetched, &["A", "B"]), new);
}

#[tokio::test]
async fn a_206_for_another_part_is_not_glued_on() {
    let cache = TempDir::new().unwrap();
    let text = body(10_000);
    let wrong = format!("bytes 40000-{}/{}", text.len() - 1, text.len());
    let server = Server::start([
        Reply::new(200, &text).header("ETag", "\"v1\"").cut(50_000),
        Reply::new(206, &text[40_000..]).header("Content-Range", wrong),
        Reply::new(200, &text),
    ])
    .await;
    let fetched = fetch(&http(&server.url), &options(cache.path()), &()).await.unwrap();
    assert_eq!(csv_text(&fetched, &["a", "b"]), text);
}

#[tokio::test]
async fn without_a_strong_validator_nothing_is_resumed() {
    let cache = TempDir::new().unwrap();
    let text = body(10_000);
    let weak = Reply::new(200, &text).header("ETag", "W/\"v1\"");
    let server = Server::start([weak.clone().cut(50_000), weak]).await;
    let fetched = fetch(&http(&server.url), &options(cache.path()), &()).await.unwrap();
    assert_eq!(csv_text(&fetched, &["a", "b"]), text);
    assert!(!server.requests()[1].contains("range:"));
}

#[tokio::test]
async fn a_body_shorter_than_promised_is_never_whole() {
    let cache = TempDir::new().unwrap();
    let short = Reply::new(200, CSV).length(CSV.len() + 1);
    let server = Server::start(vec![short; 5]).await;
    let error = fetch(&http(&server.url), &options(cache.path()), &()).await.unwrap_err();
    assert!(error.message.contains("could not be fetched in 5 tries"), "{error}");
    assert_eq!(files_in(cache.path()), [""; 0]);
}

#[tokio::test]
async fn an_unchanged_file_comes_from_the_cache_and_a_changed_one_replaces_it() {
    let cache = TempDir::new().unwrap();
    let server = Server::start([Reply::new(200, CSV).header("ETag", "\"v1\"")]).await;
    let location = http(&server.url);
    let first = fetch(&location, &options(cache.path()), &()).await.unwrap();
    assert!(!first.from_cache);
    assert_eq!(first.sha256, Some(first.digest().unwrap()));

    server.then(Reply::new(304, ""));
    let second = fetch(&location, &options(cache.path()), &()).await.unwrap();
    assert!(second.from_cache && second.sha256 == first.sha256);
    assert!(server.requests()[1].contains("if-none-match: \"v1\""));
    assert_eq!(csv_text(&second, &["a", "b"]), CSV);

    server.then(Reply::new(200, "a,b\n9,9\n").header("ETag", "\"v2\""));
    let third = fetch(&location, &options(cache.path()), &()).await.unwrap();
    assert_eq!(csv_text(&third, &["a", "b"]), "a,b\n9,9\n");
    assert_eq!(files_in(cache.path()).len(), 2, "one content and one sidecar");
    assert_eq!(csv_text(&second, &["a", "b"]), CSV, "who has the old content open still reads it");
}

#[tokio::test]
async fn a_damaged_cache_is_fetched_again() {
    let cache = TempDir::new().unwrap();
    let reply = Reply::new(200, CSV).header("ETag", "\"v1\"");
    let server = Server::start([reply.clone(), reply]).await;
    let location = http(&server.url);
    fetch(&location, &options(cache.path()), &()).await.unwrap();
    let content = files_in(cache.path()).into_iter().find(|name| name.ends_with(".data")).unwrap();
    std::fs::write(cache.path().join(content), "a,b\n").unwrap();
    let again = fetch(&location, &options(cache.path()), &()).await.unwrap();
    assert!(!again.from_cache);
    assert!(!server.requests()[1].contains("if-none-match"));
}

#[tokio::test]
async fn two_fetches_at_once_both_get_the_whole_file() {
    let cache = TempDir::new().unwrap();
    let text = body(20_000);
    let server = Server::start(vec![Reply::new(200, &text); 2]).await;
    let (location, options) = (http(&server.url), options(cache.path()));
    let (one, two) = tokio::join!(fetch(&location, &options, &()), fetch(&location, &options, &()));
    for fetched in [one.unwrap(), two.unwrap()] {
        assert_eq!(csv_text(&fetched, &["a", "b"]), text);
    }
    assert_eq!(files_in(cache.path()).len(), 2);
}

#[tokio::test]
async fn a_busy_server_is_asked_again_when_it_said() {
    let cache = TempDir::new().unwrap();
    let server = Server::start([
        Reply::new(429, "").header("Retry-After", 1),
        Reply::new(503, ""),
        Reply::new(200, CSV),
    ])
    .await;
    let started = std::time::Instant::now();
    fetch(&http(&server.url), &options(cache.path()), &()).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));

    let server = Server::start([Reply::new(429, "").header("Retry-After", 86_400)]).await;
    let error = fetch(&http(&server.url), &options(cache.path()), &()).await.unwrap_err();
    assert!(error.message.contains("try again in 86400 s"), "{error}");
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up() {
    let cache = TempDir::new().unwrap();
    let server = Server::start([Reply::new(200, CSV).stall(), Reply::new(200, CSV)]).await;
    fetch(&http(&server.url), &options(cache.path()), &()).await.unwrap();

    let server = Server::start([Reply::new(200, CSV).stall()]).await;
    let options = FetchOptions { retries: 0, ..options(cache.path()) };
    let error = fetch(&http(&server.url), &options, &()).await.unwrap_err();
    assert!(error.message.contains("timed out"), "{error}");
}

#[tokio::test]
async fn what_is_too_large_is_refused_early_and_while_it_comes() {
    let cache = TempDir::new().unwrap();
    let limited = FetchOptions { max_bytes: 1000, ..options(cache.path()) };
    let server = Server::start([Reply::new(200, body(1000)).stall()]).await;
    let error = fetch(&http(&server.url), &limited, &()).await.unwrap_err();
    assert!(error.message.contains("larger than 1000 bytes"), "{error}");

    let endless = Reply::new(200, format!("{:x}\r\n{}\r\n", 11_004, body(1000)));
    let server = Server::start([endless.header("Transfer-Encoding", "chunked")]).await;
    let error = fetch(&http(&server.url), &limited, &()).await.unwrap_err();
    assert!(error.message.contains("larger than 1000 bytes"), "{error}");
    assert_eq!(files_in(cache.path()), [""; 0]);
}

#[tokio::test]
async fn a_missing_file_and_a_web_page_are_told_without_the_secrets_of_the_address() {
    let cache = TempDir::new().unwrap();
    let server = Server::start([Reply::new(404, ""), Reply::new(200, "\n<!doctype html><p>Log in")]).await;
    let url = server.url.replace("http://", "http://user:s3cret@") + "/a%20b.csv?token=s3cret&day=1";
    let location = Location::parse(&url, Path::new("/")).unwrap();
    for expected in ["404", "the server answered a web page, not a file"] {
        let error = fetch(&location, &options(cache.path()), &()).await.unwrap_err();
        let all = format!("{error} {error:?} {location} {location:?}");
        assert!(error.message.contains(expected) && error.hint.is_some(), "{all}");
        assert!(all.contains("a%20b.csv?token=***&day=1") && !all.contains("s3cret"), "{all}");
    }
    assert!(server.requests()[0].contains("authorization: basic dxnlcjpzm2nyzxq="));
}

#[tokio::test]
async fn an_unreachable_server_is_told_without_secrets() {
    let cache = TempDir::new().unwrap();
    let options = FetchOptions { retries: 1, ..options(cache.path()) };
    let error = fetch(&http("http://u:s3cret@127.0.0.1:1/x?sig=s3cret"), &options, &()).await.unwrap_err();
    assert!(error.message.contains("in 2 tries") && !format!("{error:?}").contains("s3cret"), "{error:?}");
}

#[tokio::test]
async fn a_redirect_is_followed_without_credentials_to_another_host() {
    let cache = TempDir::new().unwrap();
    let other = Server::start([Reply::new(200, CSV)]).await;
    let home = Server::start([
        Reply::new(302, "").header("Location", "/next"),
        Reply::new(307, "").header("Location", format!("{}/file.csv", other.url)),
    ])
    .await;
    let options = FetchOptions {
        headers: vec![("X-Api-Key".to_owned(), "s3cret".to_owned())],
        ..options(cache.path())
    };
    let url = home.url.replace("http://", "http://user:pass@");
    let fetched = fetch(&http(&url), &options, &()).await.unwrap();
    assert_eq!(csv_text(&fetched, &["a", "b"]), CSV);
    for request in home.requests() {
        assert!(
            request.contains("authorization: basic") && request.contains("x-api-key: s3cret"),
            "{request}"
        );
    }
    let away = &other.requests()[0];
    assert!(!away.contains("authorization") && !away.contains("s3cret"), "{away}");
}

#[tokio::test]
async fn redirects_without_end_end() {
    let cache = TempDir::new().unwrap();
    let server = Server::start(vec![Reply::new(301, "").header("Location", "/again"); 20]).await;
    let error = fetch(&http(&server.url), &options(cache.path()), &()).await.unwrap_err();
    assert!(error.message.contains("redirects more than 10 times"), "{error}");
}

#[tokio::test]
async fn a_large_file_on_google_drive_is_confirmed_and_fetched() {
    let cache = TempDir::new().unwrap();
    let page = r#"<!DOCTYPE html><html><body><form id="download-form" action="/download" method="get">
        <input type="hidden" name="id" value="1aB"><input type="hidden" name="export" value="download">
        <input type="hidden" name="confirm" value="t"><input type="hidden" name="uuid" value="u-1"></form>"#;
    let text = body(5_000);
    let server = Server::start([
        Reply::new(200, page).header("Set-Cookie", "NID=abc; Path=/; HttpOnly"),
        Reply::new(200, &text).header("ETag", "\"v1\"").cut(9_000),
        Reply::new(206, &text[9_000..])
            .header("Content-Range", format!("bytes 9000-{}/{}", text.len() - 1, text.len())),
    ])
    .await;
    let link = "https://drive.google.com/file/d/1aB/view?usp=sharing&resourcekey=0-k";
    let location = Location::parse(link, Path::new("/")).unwrap();
    let options =
        FetchOptions { google_drive_url: Url::parse(&server.url).unwrap(), ..options(cache.path()) };
    let fetched = fetch(&location, &options, &()).await.unwrap();
    assert_eq!(csv_text(&fetched, &["a", "b"]), text);
    let requests = server.requests();
    assert!(requests[0].starts_with("get /uc?export=download&id=1ab&resourcekey=0-k "), "{}", requests[0]);
    for request in &requests[1..] {
        assert!(request.starts_with("get /download?id=1ab&export=download&confirm=t&uuid=u-1 "), "{request}");
        assert!(request.contains("cookie: nid=abc"), "{request}");
    }
}

#[tokio::test]
async fn a_google_drive_quota_page_says_what_to_do() {
    let cache = TempDir::new().unwrap();
    let page = "<!DOCTYPE html><title>Google Drive - Quota exceeded</title>";
    let server = Server::start([Reply::new(200, page), Reply::new(403, page)]).await;
    let url = Url::parse("https://drive.google.com/open?id=x").unwrap();
    let location = Location::GoogleDrive { id: "x".to_owned(), url };
    let options =
        FetchOptions { google_drive_url: Url::parse(&server.url).unwrap(), ..options(cache.path()) };
    for _ in 0..2 {
        let error = fetch(&location, &options, &()).await.unwrap_err();
        assert!(error.message.contains("quota"), "{error}");
    }
}
