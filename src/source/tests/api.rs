//! JSON APIs that page, fail and ask for patience.

use serde_json::json;
use tempfile::TempDir;

use super::server::{Reply, Server};
use super::*;

fn request(url: &str, paging: Option<Paging>) -> ApiRequest {
    ApiRequest {
        url: Url::parse(url).expect("a URL"),
        post: false,
        records: vec!["items".to_owned()],
        parameters: Vec::new(),
        body: serde_json::Map::new(),
        paging,
        end: PagingEnd::default(),
        keys: None,
        requests_per_second: None,
        concurrency: 1,
    }
}

fn page(ids: &[u32]) -> Reply {
    let items: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
    Reply::new(200, json!({"items": items}).to_string())
}

fn by_page() -> Option<Paging> {
    Some(Paging::Page { parameter: "page".into(), first: 1 })
}

async fn ask(request: &ApiRequest, cache: &Path, run: i64) -> Result<String, SourceError> {
    let spool = Spool::open(cache, "one load");
    spool.begin(run, spool.earlier()).expect("the folder can be made");
    let pieces = collect(request, &options(cache), &spool, &()).await?.pieces;
    let text = |piece: &Piece| match &piece.location {
        Location::File(path) => std::fs::read_to_string(path).expect("a page"),
        other => panic!("{other} is no page"),
    };
    Ok(pieces.iter().map(text).collect())
}

fn lines(ids: &[u32]) -> String {
    ids.iter().map(|id| format!("{{\"id\":{id}}}\n")).collect()
}

fn asked(server: &Server) -> Vec<String> {
    let line = |head: &String| head.lines().next().unwrap_or_default().replace(" http/1.1", "");
    server.requests().iter().map(line).collect()
}

#[tokio::test]
async fn pages_are_asked_for_until_one_is_empty() {
    let cache = TempDir::new().unwrap();
    let server = Server::start([page(&[1, 2]), page(&[3]), page(&[])]).await;
    let url = format!("{}/things?kind=a", server.url);
    assert_eq!(ask(&request(&url, by_page()), cache.path(), 1).await.unwrap(), lines(&[1, 2, 3]));
    let wanted = ["get /things?kind=a&page=1", "get /things?kind=a&page=2", "get /things?kind=a&page=3"];
    assert_eq!(asked(&server), wanted);

    let cache = TempDir::new().unwrap();
    let server = Server::start([page(&[1, 2]), page(&[3]), page(&[])]).await;
    let paging = Some(Paging::Offset { parameter: "skip".into() });
    ask(&request(&server.url, paging), cache.path(), 1).await.unwrap();
    assert_eq!(asked(&server), ["get /?skip=0", "get /?skip=2", "get /?skip=3"]);
}

#[tokio::test]
async fn cursors_and_links_are_followed_to_their_end() {
    let with_next = |ids: &[u32], next: serde_json::Value| {
        let items: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
        Reply::new(200, json!({"items": items, "meta": {"next": next}}).to_string())
    };
    let cache = TempDir::new().unwrap();
    let server = Server::start([
        with_next(&[1], json!("a/b")),
        with_next(&[2], json!(7)),
        with_next(&[3], json!(null)),
    ])
    .await;
    let next = vec!["meta".to_owned(), "next".to_owned()];
    let paging = Some(Paging::Cursor { parameter: "after".into(), next });
    assert_eq!(ask(&request(&server.url, paging), cache.path(), 1).await.unwrap(), lines(&[1, 2, 3]));
    assert_eq!(asked(&server), ["get /", "get /?after=a%2fb", "get /?after=7"]);

    let cache = TempDir::new().unwrap();
    let server = Server::start([page(&[1]).header("Link", "</things?p=2>; rel=\"next\""), page(&[2])]).await;
    let paging = Some(Paging::Link { next: None });
    assert_eq!(ask(&request(&server.url, paging.clone()), cache.path(), 1).await.unwrap(), lines(&[1, 2]));
    assert_eq!(asked(&server), ["get /", "get /things?p=2"]);

    let cache = TempDir::new().unwrap();
    let server = Server::start([page(&[1]).header("Link", "<http://127.0.0.2:9/x?p=2>; rel=\"next\"")]).await;
    let error = ask(&request(&server.url, paging), cache.path(), 1).await.unwrap_err();
    assert!(
        error.message.contains("the next page is on another host, 127.0.0.2, which is refused"),
        "{error}"
    );
}

#[tokio::test]
async fn an_api_that_does_not_know_the_parameter_is_found_out() {
    let cache = TempDir::new().unwrap();
    let server = Server::start([page(&[1]), page(&[1])]).await;
    let error = ask(&request(&server.url, by_page()), cache.path(), 1).await.unwrap_err();
    assert!(error.message.contains("page 2 is the one before it again"), "{error}");
}

#[tokio::test]
async fn what_has_come_is_not_asked_for_again() {
    let cache = TempDir::new().unwrap();
    let server = Server::start([page(&[1]), page(&[2]), Reply::new(400, "no")]).await;
    let asking = request(&server.url, by_page());
    assert!(ask(&asking, cache.path(), 1).await.unwrap_err().message.contains("400"));
    server.then(page(&[3]));
    server.then(page(&[]));
    assert_eq!(ask(&asking, cache.path(), 2).await.unwrap(), lines(&[1, 2, 3]));
    assert_eq!(asked(&server)[3..], ["get /?page=3", "get /?page=4"]);

    // A page that is not as it was written is asked for again, with all after it.
    let spool = std::fs::read_dir(cache.path()).unwrap().next().unwrap().unwrap().path();
    std::fs::write(spool.join("all-000001.jsonl"), "{}\n").unwrap();
    for reply in [page(&[1]), page(&[2]), page(&[])] {
        server.then(reply);
    }
    assert_eq!(ask(&asking, cache.path(), 3).await.unwrap(), lines(&[1, 2]));
    tidy(&options(cache.path()), 2, &[]);
    assert!(spool.exists());
    tidy(&options(cache.path()), 3, &[]);
    assert!(!spool.exists());
}

#[tokio::test]
async fn retry_after_is_obeyed_and_a_failing_api_is_given_up() {
    let cache = TempDir::new().unwrap();
    let server =
        Server::start([Reply::new(429, "").header("Retry-After", "1"), Reply::new(503, ""), page(&[1])])
            .await;
    let begun = std::time::Instant::now();
    assert_eq!(ask(&request(&server.url, None), cache.path(), 1).await.unwrap(), lines(&[1]));
    assert!(begun.elapsed() >= Duration::from_secs(1));

    let server = Server::start([Reply::new(429, "").header("Retry-After", "100000")]).await;
    let error = ask(&request(&server.url, None), TempDir::new().unwrap().path(), 1).await.unwrap_err();
    assert!(error.message.contains("try again in 100000 s"), "{error}");
    let server = Server::start(vec![Reply::new(500, ""); 5]).await;
    let error = ask(&request(&server.url, None), TempDir::new().unwrap().path(), 1).await.unwrap_err();
    assert!(error.message.contains("did not answer in 5 tries"), "{error}");
}

#[tokio::test]
async fn keys_are_posted_in_batches_and_a_login_goes_to_no_other_host() {
    let cache = TempDir::new().unwrap();
    let server = Server::start([
        page(&[1]),
        page(&[2]),
        Reply::new(307, "").header("Location", "http://127.0.0.2:9/"),
    ])
    .await;
    let batches = [vec![json!("a"), json!("b")], vec![json!(3)], vec![json!("c")]];
    let mut asking = request(&server.url, None);
    asking.post = true;
    asking.keys = Some(KeyBatches { into: "mobiles".into(), added: None, batches: batches[..2].to_vec() });
    assert_eq!(ask(&asking, cache.path(), 1).await.unwrap(), lines(&[1, 2]));
    // Batches that are there are not asked for again, wherever they stand among the others.
    asking.keys = Some(KeyBatches {
        into: "mobiles".into(),
        added: None,
        batches: vec![batches[1].clone(), batches[2].clone()],
    });
    let error = ask(&asking, cache.path(), 2).await.unwrap_err();
    assert!(error.message.contains("307"), "{error}");
    assert_eq!(asked(&server).len(), 3);
}
