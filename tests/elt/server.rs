//! A running `elt serve` for the tests, and a client to ask it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::Project;

/// A running `elt serve`; killed with its owner if it still runs.
pub struct Server {
    pub process: Child,
    pub base: String,
    pub client: reqwest::Client,
    pub log: PathBuf,
}

impl Server {
    pub fn start(project: &Project, arguments: &[&str]) -> Self {
        let all = [&["--json", "serve", "--port", "0", "--workers", "2"], arguments].concat();
        Self::from_command(project, project.command(&all))
    }

    pub fn from_command(project: &Project, mut command: Command) -> Self {
        // reqwest takes no provider of its own; a second install of the same one is no harm.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let log = project.root.join("serve.log");
        let file = File::create(&log).expect("the project's folder can be written");
        let mut process = command.stdout(Stdio::piped()).stderr(file).spawn().expect("the binary starts");
        let output = process.stdout.take().expect("it is piped");
        let mut said = String::new();
        // Warnings about the project come before.
        let address = BufReader::new(output).lines().find_map(|line| {
            let line = line.expect("it writes text");
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            said += &line;
            event["address"].as_str().map(str::to_owned)
        });
        let log_so_far = || std::fs::read_to_string(&log).unwrap_or_default();
        let base = address.unwrap_or_else(|| panic!("{said}\n{}", log_so_far()));
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60));
        Self { process, base, client: client.build().expect("a client can be made"), log }
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let response = request.send().await.unwrap_or_else(|error| panic!("{error:?}\n{}", self.told()));
        let status = response.status().as_u16();
        let text = response.text().await.expect("the answer is whole");
        let answer = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{status} {error}: {text}"));
        (status, answer)
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.send(self.client.get(format!("{}{path}", self.base))).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(self.client.post(format!("{}{path}", self.base)).json(body)).await
    }

    pub async fn run_pipeline(&self) -> (u16, Value) {
        self.send(self.client.post(format!("{}/runPipeline/", self.base))).await
    }

    /// Starts a run without waiting for it; its id.
    pub async fn begin_run(&self) -> i64 {
        let request = self.client.post(format!("{}/runPipeline", self.base));
        let (status, answer) = self.send(request.header("prefer", "respond-async")).await;
        assert_eq!((status, &answer["status"]), (202, &json!("running")), "{answer}");
        assert_eq!(answer["location"], format!("/runs/{}", answer["run_id"]));
        answer["run_id"].as_i64().expect("a run has a number")
    }

    pub async fn wait_for_end(&self, run: i64) -> Value {
        self.wait_for(&format!("/runs/{run}"), |run| run["status"] != "running").await
    }

    /// Asks until the answer is as wanted; panics after twenty seconds.
    pub async fn wait_for(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let (status, answer) = self.get(path).await;
            if wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < until, "{path} stays at {status} {answer}\n{}", self.told());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn serves_run(&self, run: i64) {
        self.wait_for("/readyz", |readiness| readiness["snapshot"]["run_id"] == run).await;
    }

    /// Sends SIGTERM; the exit code and how long it took.
    pub async fn terminate(&mut self) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        signal(self.process.id(), "TERM");
        while begun.elapsed() < Duration::from_secs(60) {
            if let Some(status) = self.process.try_wait().expect("it is our own child") {
                return (status.code(), begun.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it does not stop\n{}", self.told());
    }

    /// The log, once there is in it what is waited for: it is written behind the answers.
    pub async fn tells(&self, wanted: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let told = self.told();
            if wanted(&told) {
                return told;
            }
            assert!(Instant::now() < until, "it is never told: {told}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn told(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn signal(process: u32, name: &str) {
    let killed = Command::new("kill").args([format!("-{name}"), process.to_string()]).status();
    assert!(killed.is_ok_and(|status| status.success()));
}
