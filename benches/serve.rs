//! An exposed table of a million rows: what a page costs at the beginning and at the end, following the cursor
//! through all of it, by its key and by a column that many rows share, descending; and what memory one answer with
//! every row takes. Then 10,000 connections open at once.

mod support;

use std::fs::File;
use std::net::TcpListener;
use std::process::Child;
use std::time::{Duration, Instant};

use support::{Server, elt, folder, median, project, spent, write};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ROWS: usize = 1_000_000;
const PAGE: usize = 1_000;
/// Pages at each end that are compared.
const ENDS: usize = 100;
const CONNECTIONS: usize = 10_000;

fn main() {
    let server = Server::open();
    let database = server.database("bench_serve");
    let root = project("serve");
    write(&root, "profiles.yml", "target: dev\n");
    let model = format!(
        "{{{{ config(materialized='table', indexes=[{{'columns': ['id'], 'unique': true}}, {{'columns': ['bucket', 'id']}}]) }}}}\n\
         select n as id, md5(n::text) as word, n % 97 as bucket from generate_series(1, {ROWS}) as n"
    );
    write(&root, "models/prod/big.sql", &model);
    let yaml = format!(
        "models: [{{name: big, columns: [{{name: id, tests: [not_null]}}, {{name: bucket, tests: [not_null]}}], expose: {{order: [id], key: id, limit: {{default: {PAGE}, maximum: {ROWS}}}, chart: {{type: line, board: big, x: id, y: bucket}}}}}}]"
    );
    write(&root, "models/prod/big.yml", &yaml);
    spent::run(&mut elt(&root, Some(&database), &["--quiet", "run"]), None);

    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port is free").port();
    let log = File::create(folder("serve").join("serve.log")).expect("the folder can be written");
    let serve = ["serve", "--port", &port.to_string(), "--workers", "2"];
    let process =
        elt(&root, Some(&database), &serve).stderr(log).env("ELT_LOG", "warn").spawn().expect("elt starts");
    let service = Service { process };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(measure(port, service.process.id()));
    drop(service);
    server.drop(&database);
}

struct Service {
    process: Child,
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn measure(port: u16, process: u32) {
    wait_for(port).await;
    board(port).await;
    let quiet = resident_mib(process);
    for (order, path) in [("by key", "/big"), ("by a shared column, descending", "/big?order=-bucket")] {
        let (latencies, rows) = follow(port, path).await;
        assert_eq!(rows, ROWS, "every row comes once");
        let first = median(latencies[..ENDS].iter().copied());
        let last = median(latencies[latencies.len() - ENDS..].iter().copied());
        let took: f64 = latencies.iter().sum::<f64>() / 1e3;
        println!(
            "{ROWS} rows in pages of {PAGE} {order}: {took:.1} s; the first {ENDS} pages {first:.2} ms each, the last {last:.2} ms: {:.2}×",
            last / first
        );
    }
    println!("resident memory of the service: {quiet:.0} MiB before, {:.0} MiB after", resident_mib(process));

    let begun = Instant::now();
    let bytes = whole(port, &format!("/big?limit={ROWS}")).await;
    println!(
        "all rows in one answer: {:.0} MiB in {:.1} s, peak memory of the service {:.0} MiB",
        bytes as f64 / f64::from(1 << 20),
        begun.elapsed().as_secs_f64(),
        peak_mib(process)
    );

    let begun = Instant::now();
    let mut open = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        open.push(TcpStream::connect(("127.0.0.1", port)).await.expect("a connection is taken"));
    }
    let connected = begun.elapsed();
    let begun = Instant::now();
    let answered =
        futures_util::future::join_all(open.iter_mut().map(|stream| ask(stream, "/big?limit=1"))).await;
    let good = answered.iter().filter(|answer| answer.starts_with("HTTP/1.1 200")).count();
    println!(
        "{CONNECTIONS} connections at once: opened in {:.1} s; one request on each answered in {:.1} s, {good} of them well; {:.0} MiB resident",
        connected.as_secs_f64(),
        begun.elapsed().as_secs_f64(),
        resident_mib(process)
    );
    assert_eq!(good, CONNECTIONS);
}

async fn wait_for(port: u16) {
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await
            && ask(&mut stream, "/readyz").await.starts_with("HTTP/1.1 200")
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nothing is served on port {port}");
}

/// A board of 500 points: drawn, then out of memory.
async fn board(port: u16) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("somebody listens");
    let mut latencies = Vec::new();
    for _ in 0..=ENDS {
        let begun = Instant::now();
        assert!(ask(&mut stream, "/boards/big").await.contains("<svg"));
        latencies.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let again = median(latencies[1..].iter().copied());
    println!("a board: {:.2} ms the first time, {again:.2} ms from then on", latencies[0]);
}

/// Each page's milliseconds, and the rows of all.
async fn follow(port: u16, path: &str) -> (Vec<f64>, usize) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("somebody listens");
    let (mut latencies, mut rows) = (Vec::new(), 0);
    let mut path = path.to_owned();
    loop {
        let begun = Instant::now();
        let answer = ask(&mut stream, &path).await;
        latencies.push(begun.elapsed().as_secs_f64() * 1e3);
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        rows += body.matches("{\"id\":").count();
        let next = head.lines().find(|line| line.contains("rel=\"next\""));
        let Some(next) = next.and_then(|line| line.split(['<', '>']).nth(1)) else {
            return (latencies, rows);
        };
        path = next.to_owned();
    }
}

/// One request on a kept connection; the whole answer.
async fn ask(stream: &mut TcpStream, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the request is taken");
    let mut answer = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = stream.read(&mut buffer).await.expect("the answer can be read");
        assert!(read > 0, "the connection is kept");
        answer.extend_from_slice(&buffer[..read]);
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if answer.len() >= end + 4 + length.expect("pages say their length") {
            return String::from_utf8(answer).expect("an answer is text");
        }
    }
}

/// Reads an answer to its end and keeps nothing of it; its bytes.
async fn whole(port: u16, path: &str) -> usize {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("somebody listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the request is taken");
    let (mut bytes, mut buffer) = (0, vec![0; 256 * 1024]);
    loop {
        match stream.read(&mut buffer).await.expect("the answer can be read") {
            0 => return bytes,
            read => bytes += read,
        }
    }
}

fn resident_mib(process: u32) -> f64 {
    memory(process, "VmRSS:")
}

fn peak_mib(process: u32) -> f64 {
    memory(process, "VmHWM:")
}

/// NaN where the system does not tell.
fn memory(process: u32, which: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok())
        .map_or(f64::NAN, |kib| kib / 1024.0)
}
