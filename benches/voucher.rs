//! POST /getVoucher/ against a constant answer of the same size from a bare actix-web, each a process of its
//! own with the same workers: requests per second, median latency and CPU for a request, on 64 connections.
//! And against the same written with FastAPI, where `ELT_BENCH_PYTHON` (or python3) has it
//! (`pip install fastapi 'uvicorn[standard]'`), with as many processes as elt has workers.
//!
//! Where server and load share few cores, a turn is of one of two speeds, whichever of the two servers it is of: by
//! which of their threads share a core, the median latency is half a millisecond or little more than half of that.
//! So turns are short and many, and who goes first changes; a ratio is the median of the pairs of turns that
//! follow each other.
//!
//! Both take memory from the same allocator.
//!
//! The bench starts itself as the constant server (`__constant PORT BYTES WORKERS`) and as the load
//! (`__load PORT SECONDS`).

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{Server, elt, folder, median, project, spent};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 15;
const SECONDS: u64 = 1;
const BODY: &str = r#"{"customer_id":123,"country_code":"Peru","last_order_ts":"2018-05-03T00:00:00Z","first_order_ts":"2017-05-03T00:00:00Z","total_orders":15,"segment_name":"frequent_segment"}"#;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| arguments[index].parse::<u64>().expect("a number");
    match arguments.first().map(String::as_str) {
        Some("__constant") => constant(number(1) as u16, number(2) as usize, number(3) as usize),
        Some("__load") => load(number(1) as u16, Duration::from_secs(number(2))),
        _ => compare(),
    }
}

/// Ends its process with itself, and what that has started: uvicorn's workers would outlive it.
struct Service {
    process: Child,
    port: u16,
}

impl Drop for Service {
    fn drop(&mut self) {
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What one turn showed.
struct Turn {
    per_second: f64,
    /// Unit: microseconds.
    median_latency: f64,
    /// Unit: microseconds.
    cpu_per_request: f64,
}

fn compare() {
    let server = Server::open();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let database = server.database("bench_voucher");
    let root = project("voucher");
    for part in ["models", "rules", "macros", "profiles.yml"] {
        let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(part);
        let copied = Command::new("cp").arg("-R").arg(from).arg(&root).status();
        assert!(copied.is_ok_and(|status| status.success()), "{part} is copied");
    }
    spent::run(&mut elt(&root, Some(&database), &["--quiet", "run"]), None);

    let port = free_port();
    let log = File::create(folder("voucher").join("serve.log")).expect("the folder can be written");
    let workers_text = workers.to_string();
    let serve = ["serve", "--port", &port.to_string(), "--workers", &workers_text];
    let process = elt(&root, Some(&database), &serve).stderr(log).spawn().expect("elt starts");
    let ours = ready(Service { process, port });
    let answer = ask(ours.port);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let bytes = answer.split("\r\n\r\n").nth(1).map_or(0, str::len);

    let port = free_port();
    let process = itself(&["__constant", &port.to_string(), &bytes.to_string(), &workers_text]).spawn();
    let floor = ready(Service { process: process.expect("the bench can start itself"), port });

    println!("{CONNECTIONS} connections, {workers} workers, answers of {bytes} bytes, {ROUNDS} rounds");
    turn(&ours);
    turn(&floor);
    let turns: Vec<(Turn, Turn)> = (0..ROUNDS).map(|round| pair(round, &ours, &floor)).collect();
    drop(floor);
    let twin = fastapi(&workers_text).map(ready);
    let beside_twin: Vec<(Turn, Turn)> =
        twin.iter().flat_map(|twin| (0..ROUNDS / 3).map(|round| pair(round, &ours, twin))).collect();
    drop(twin);
    drop(ours);
    server.drop(&database);

    println!("\n{:<28} {:>10} {:>10} {:>7} {:>8}", "getVoucher", "elt", "constant", "ratio", "bar");
    show("requests a second", &turns, |turn| turn.per_second, |ratio| ratio >= 0.92, "≥ 0.92");
    show("median latency, µs", &turns, |turn| turn.median_latency, |ratio| ratio <= 1.1, "≤ 1.10");
    show("server CPU a request, µs", &turns, |turn| turn.cpu_per_request, |ratio| ratio <= 1.1, "≤ 1.10");
    if !beside_twin.is_empty() {
        println!("\n{:<28} {:>10} {:>10} {:>7}", "getVoucher", "elt", "FastAPI", "ratio");
        show("requests a second", &beside_twin, |turn| turn.per_second, |ratio| ratio >= 1.0, "");
        show("median latency, µs", &beside_twin, |turn| turn.median_latency, |ratio| ratio <= 1.0, "");
    }
}

/// The twin, with its processes; `None`, and said, where Python has no FastAPI.
fn fastapi(workers: &str) -> Option<Service> {
    let python = std::env::var_os("ELT_BENCH_PYTHON").unwrap_or_else(|| "python3".into());
    let has = Command::new(&python).args(["-c", "import fastapi, uvicorn"]).stderr(Stdio::null()).status();
    if !has.is_ok_and(|status| status.success()) {
        println!("LEFT OUT: {} has no fastapi and uvicorn", python.display());
        return None;
    }
    let port = free_port();
    let process = Command::new(python)
        .args(["-m", "uvicorn", "fastapi_twin:app", "--log-level", "error", "--workers", workers, "--port"])
        .arg(port.to_string())
        .current_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/support"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .process_group(0)
        .spawn()
        .ok()?;
    Some(Service { process, port })
}

fn show(what: &str, turns: &[(Turn, Turn)], of: fn(&Turn) -> f64, good: fn(f64) -> bool, bar: &str) {
    let ours = median(turns.iter().map(|(ours, _)| of(ours)));
    let floor = median(turns.iter().map(|(_, floor)| of(floor)));
    let ratio = median(turns.iter().map(|(ours, floor)| of(ours) / of(floor)));
    let verdict = if good(ratio) { "good" } else { "MISSED" };
    println!("{what:<28} {ours:>10.1} {floor:>10.1} {ratio:>6.2}× {bar:>8}  {verdict}");
}

fn pair(round: usize, ours: &Service, other: &Service) -> (Turn, Turn) {
    if round.is_multiple_of(2) {
        let ours = turn(ours);
        return (ours, turn(other));
    }
    let other = turn(other);
    (turn(ours), other)
}

fn turn(service: &Service) -> Turn {
    let before = spent::cpu_of(service.process.id(), false);
    let output = itself(&["__load", &service.port.to_string(), &SECONDS.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .expect("the bench can start itself");
    assert!(output.status.success(), "the load went well");
    let cpu = spent::cpu_of(service.process.id(), false) - before;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> =
        text.split_ascii_whitespace().map(|word| word.parse().expect("a number")).collect();
    Turn {
        per_second: numbers[0] / numbers[1],
        median_latency: numbers[2],
        cpu_per_request: cpu * 1e6 / numbers[0],
    }
}

fn itself(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a program has a path"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

fn ready(service: Service) -> Service {
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        if TcpStream::connect(("127.0.0.1", service.port)).is_ok() && ask(service.port).contains(" 200 ") {
            return service;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("nothing answers on port {}: {}", service.port, ask(service.port));
}

fn request(close: bool) -> Vec<u8> {
    let connection = if close { "close" } else { "keep-alive" };
    format!(
        "POST /getVoucher/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
         Connection: {connection}\r\nContent-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    )
    .into_bytes()
}

fn ask(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("somebody listens");
    stream.write_all(&request(true)).expect("the request is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer is text");
    answer
}

/// Prints requests, seconds and the median latency in microseconds.
fn load(port: u16, lasting: Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let begun = Instant::now();
        let until = begun + lasting;
        let mut connections = tokio::task::JoinSet::new();
        for _ in 0..CONNECTIONS {
            connections.spawn(one_connection(port, until));
        }
        let mut latencies: Vec<u32> = connections.join_all().await.concat();
        let seconds = begun.elapsed().as_secs_f64();
        latencies.sort_unstable();
        println!("{} {seconds} {}", latencies.len(), latencies[latencies.len() / 2]);
    });
}

/// One request after another; the latency of each in microseconds.
async fn one_connection(port: u16, until: Instant) -> Vec<u32> {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("somebody listens");
    stream.set_nodelay(true).expect("TCP has the option");
    let request = request(false);
    let mut latencies = Vec::with_capacity(1 << 16);
    let mut buffer = vec![0; 8192];
    loop {
        let begun = Instant::now();
        if begun > until {
            return latencies;
        }
        stream.write_all(&request).await.expect("the request is taken");
        let mut filled = 0;
        while !is_whole(&buffer[..filled]) {
            let read = stream.read(&mut buffer[filled..]).await.expect("the answer can be read");
            assert!(read > 0, "the connection is kept");
            filled += read;
        }
        latencies.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
}

/// Whether a good answer is all there, by its Content-Length.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(answer));
    let head = &answer[..end];
    let length = head.split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(16)?;
        name.eq_ignore_ascii_case(b"content-length: ")
            .then(|| std::str::from_utf8(value).ok()?.trim().parse().ok())?
    });
    let length: usize = length.expect("the answer says its length");
    answer.len() >= end + 4 + length
}

/// What no service on actix-web can be faster than. It reads the body, or actix-web would close the connection.
fn constant(port: u16, bytes: usize, workers: usize) {
    use actix_web::{App, HttpResponse, HttpServer, http::header::ContentType, rt::System, web};
    let answer: &'static str = format!("\"{}\"", "x".repeat(bytes.saturating_sub(2))).leak();
    let server = HttpServer::new(move || {
        let handler = move |_: web::Bytes| async move {
            HttpResponse::Ok().insert_header(ContentType::json()).body(answer)
        };
        App::new().route("/getVoucher/", web::post().to(handler))
    });
    let server = server.workers(workers).bind(("127.0.0.1", port)).expect("the port is free");
    System::new().block_on(server.run()).expect("it serves until it is killed");
}
