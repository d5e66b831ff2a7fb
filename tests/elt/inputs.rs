//! Where rows come from, through the front door: addresses, packed files, and files that are not what they
//! should be.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::Project;

const LOAD: &str =
    "{{ config(materialized='load', source=var('from'), metadata=['_source']) }}\nid int,\nname text";

/// A small HTTP server: one file with an ETag, cut short where it is told to. Keeps the requests it had.
struct Server {
    address: String,
    file: Arc<Mutex<File>>,
    requests: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
struct File {
    body: Vec<u8>,
    etag: &'static str,
    /// Bytes of the body after which the connection breaks, at every request.
    cut: Option<usize>,
}

impl Server {
    async fn start(body: &[u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}/export.csv", listener.local_addr().expect("it is bound"));
        let file = Arc::new(Mutex::new(File { body: body.to_vec(), etag: "\"v1\"", cut: None }));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (shared, seen) = (file.clone(), requests.clone());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut head = vec![0; 8192];
                let length = socket.read(&mut head).await.unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..length]).into_owned();
                let file = shared.lock().expect("no holder panics").clone();
                let unchanged = head.to_lowercase().contains(&format!("if-none-match: {}", file.etag));
                seen.lock().expect("no holder panics").push(head);
                let answer = if unchanged {
                    format!("HTTP/1.1 304 Not Modified\r\nETag: {}\r\nConnection: close\r\n\r\n", file.etag)
                        .into_bytes()
                } else {
                    let mut answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nETag: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                        file.etag,
                        file.body.len()
                    )
                    .into_bytes();
                    answer.extend(&file.body[..file.cut.unwrap_or(file.body.len())]);
                    answer
                };
                let _ = socket.write_all(&answer).await;
                let _ = socket.shutdown().await;
            }
        });
        Self { address, file, requests }
    }

    fn change(&self, change: impl FnOnce(&mut File)) {
        change(&mut self.file.lock().expect("no holder panics"));
    }
}

async fn project() -> Project {
    Project::new(&[
        ("profiles.yml", "fetch: {retries: 1, stall_seconds: 5}\n"),
        ("models/raw/r.sql", LOAD),
        ("models/prod/p.sql", "{{ config(materialized='table') }} select id, name from {{ ref('s') }}"),
        ("models/stage/s.sql", "select id, name from {{ ref('r') }}"),
    ])
    .await
}

fn from(text: &str) -> String {
    format!("{{from: '{text}'}}")
}

async fn names(project: &Project) -> String {
    project.value("select string_agg(name, ',' order by id) from prod.p").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_fetched_once_and_asked_whether_it_changed() {
    let project = project().await;
    let server = Server::start(b"id,name\n1,a\n2,b\n").await;
    let vars = from(&server.address);
    project.good(&["run", "--vars", &vars]);
    project.good(&["run", "--vars", &vars]).says("Nothing to publish: 3 unchanged");
    project.good(&["run", "--full-refresh", "--vars", &vars]);
    assert_eq!(names(&project).await, "a,b");
    let loads = "select string_agg(from_cache::text || ' ' || bytes || ' ' || left(sha256, 8), ', ' order by run_id) from elt.loads";
    assert_eq!(project.value(loads).await, "false 16 3f8a1351, true 16 3f8a1351");
    assert_eq!(project.value("select distinct _source from raw.r").await, server.address);

    server.change(|file| {
        file.body = b"id,name\n1,c\n".to_vec();
        file.etag = "\"v2\"";
    });
    project.good(&["run", "--vars", &vars]);
    assert_eq!(names(&project).await, "c");
    assert_eq!(server.requests.lock().expect("no holder panics").len(), 4, "once a run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_is_cut_short_never_loads() {
    let project = project().await;
    let server = Server::start(b"id,name\n1,a\n2,b\n").await;
    let vars = from(&server.address);
    project.good(&["run", "--vars", &vars]);
    server.change(|file| {
        file.body = b"id,name\n7,x\n8,y\n9,z\n".to_vec();
        file.etag = "\"v2\"";
        file.cut = Some(12);
    });
    project.elt(&["run", "--vars", &vars]).expect(1).says("models/raw/r.sql:1:").says("prod is as it was");
    assert_eq!(names(&project).await, "a,b");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_address_and_a_secret_in_it_are_told_without_the_secret() {
    let gone = "http://someone:hunter22@127.0.0.1:1/export.csv?token=abcdef123";
    let project = project().await.env("SHOP_URL", gone);
    let typed = from("http://someone:swordfish@127.0.0.1:1/export.csv");
    let ended = project.elt(&["run", "--vars", &typed]).expect(2).says("has a login written in its source");
    assert!(!ended.stderr.contains("swordfish"), "{ended}");
    project.write("models/raw/r.sql", &LOAD.replace("var('from')", "env_var('SHOP_URL')"));
    let ended = project.elt(&["run"]).expect(1).says("127.0.0.1");
    assert!(!ended.stderr.contains("hunter22") && !ended.stderr.contains("abcdef123"), "{ended}");
    let history = project.value("select coalesce(error, '') from elt.runs").await;
    assert!(!history.contains("hunter22") && !history.contains("abcdef123"), "{history}");
    project.write("models/raw/r.sql", LOAD);
    project.elt(&["run", "--vars", &from("ftp://example.org/x.csv")]).expect(1).says("ftp");
    project.elt(&["run", "--vars", &from("sample://nonsense")]).expect(1).says("vouchers");
}

#[tokio::test]
async fn packed_files_load_and_broken_ones_do_not() {
    let project = project().await;
    let text = b"id,name\n1,a\n2,b\n";
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text).expect("a vector takes it");
    let packed = packed.finish().expect("a vector takes it");
    std::fs::write(project.root.join("a.csv.gz"), &packed).expect("files can be written");
    std::fs::write(project.root.join("b.csv.zst"), zstd::encode_all(&text[..], 1).expect("it packs"))
        .expect("written");
    for file in ["a.csv.gz", "b.csv.zst"] {
        project.good(&["run", "--vars", &from(file)]);
        assert_eq!(names(&project).await, "a,b");
    }
    std::fs::write(project.root.join("cut.csv.gz"), &packed[..packed.len() - 6])
        .expect("files can be written");
    std::fs::write(project.root.join("no.parquet"), b"PAR1 this is none PAR1").expect("files can be written");
    std::fs::write(project.root.join("bytes.csv"), b"id,name\n1,\xff\xfe\n").expect("files can be written");
    std::fs::write(project.root.join("page.csv"), b"<!DOCTYPE html><html></html>")
        .expect("files can be written");
    for file in ["cut.csv.gz", "no.parquet", "bytes.csv", "page.csv"] {
        project.elt(&["run", "--vars", &from(file)]).expect(1).says(file);
        assert_eq!(names(&project).await, "a,b", "{file}");
    }
}

#[tokio::test]
async fn malformed_yaml_sql_and_templates_are_told_at_their_place() {
    let project = Project::new(&[
        ("models/stage/a.sql", "selec 1"),
        ("models/stage/a.yml", "models:\n  - name: a\n    columsn: []\n"),
        ("models/stage/b.yml", "models: [\n"),
        ("models/stage/c.sql", "select {{ ref('a' }}"),
        ("models/stage/d.sql", "{% if true %} select 1"),
        ("macros/m.sql", "{% macro x( %}"),
        ("tests/t.sql", "select 1 from {{ ref('nothing') }}"),
    ])
    .await;
    let ended = project.elt(&["run"]).expect(2);
    assert!(ended.stderr.contains("macros/m.sql:1:"), "{ended}");
    project.remove("macros/m.sql");
    let ended = project.elt(&["run"]).expect(2);
    for place in [
        "models/stage/a.yml:3:5",
        "models/stage/b.yml:",
        "models/stage/c.sql:1:",
        "models/stage/d.sql:1:",
        "tests/t.sql:1:",
    ] {
        assert!(ended.stderr.contains(place), "expected a problem at {place}\n{ended}");
    }
    for path in [
        "models/stage/a.yml",
        "models/stage/b.yml",
        "models/stage/c.sql",
        "models/stage/d.sql",
        "tests/t.sql",
    ] {
        project.remove(path);
    }
    project
        .elt(&["run"])
        .expect(1)
        .says("error[sql-syntax]: syntax error at or near \"selec\"")
        .says("a.sql:1:1");

    let broken = Project::new(&[("profiles.yml", "target: dev\ntargest: {}\n")]).await;
    broken.elt(&["ls"]).expect(2).says("profiles.yml:2:1").says("targest");
}
