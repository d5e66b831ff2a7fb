//! The API of sample purchases, and a load that asks it in batches.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::support::Project;

/// Ends with its test.
struct Api {
    process: Child,
    address: String,
}

impl Api {
    fn start(project: &Project, arguments: &[&str]) -> Self {
        let arguments = [&["--json", "generate", "purchases", "--serve", "127.0.0.1:0"], arguments].concat();
        let mut process = project
            .command(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it says where it listens");
        let said: Value = serde_json::from_str(&line).expect("one object");
        Self { process, address: said["address"].as_str().expect("an address").to_owned() }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn purchases_by_the_api_are_those_of_the_file_however_often_it_fails() {
    let project = Project::new(&[
        ("models/raw/shop/customers.sql", "{{ config(source='sample://purchases?rows=400&seed=3') }}"),
        (
            "models/raw/shop/by_file.sql",
            "{{ config(source='sample://purchases?table=purchase_history&rows=400&seed=3') }}\n\
             mobile text, date text, amount numeric, store text",
        ),
        (
            "models/raw/shop/by_api.sql",
            "{{ config(source=var('api'), api={'method': 'post', 'records': 'purchases', 'concurrency': 4, \
             'keys': {'from': ref('customers'), 'column': 'mobile', 'batch': 50, 'into': 'mobiles'} }) }}\n\
             mobile text, date text, amount numeric, store text",
        ),
    ])
    .await;
    let api = Api::start(&project, &["--seed", "3", "--failing", "25"]);
    project.good(&["load", "--vars", &json!({"api": &api.address}).to_string()]);
    let rows: u64 = project.value("select count(*)::text from raw.by_file").await.parse().expect("a number");
    assert!(rows > 1_500, "{rows}");
    assert_eq!(project.value("select count(*)::text from raw.by_api").await, rows.to_string());
    let different = "select (select count(*) from (table raw.by_file except all table raw.by_api) as f) || ' ' || \
                     (select count(*) from (table raw.by_api except all table raw.by_file) as a)";
    assert_eq!(project.value(different).await, "0 0");

    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let ask = |body: &'static str| client.post(&api.address).body(body).send();
    let mut refused = ask("{\"mobiles\": 7}").await.expect("it answers");
    while refused.status() == 503 {
        refused = ask("{\"mobiles\": 7}").await.expect("it answers");
    }
    assert_eq!(refused.status(), 422);
    let told: Value = refused.json().await.expect("the one error form");
    assert_eq!(told["code"], "bad_body");
}

#[tokio::test]
async fn only_what_has_an_api_is_served() {
    let project = Project::new(&[]).await;
    project.elt(&["generate", "shop", "--serve"]).expect(2).says("there is no API of the sample `shop`");
    project.elt(&["generate", "purchases", "--serve", "here"]).expect(2).says("`here` is no address");
    project.elt(&["generate", "purchases"]).expect(2).says("--out <FILE>");
    project
        .elt(&["generate", "streaming", "--table", "x", "--out", "-"])
        .expect(2)
        .says("it has subscriptions");
    project
        .good(&["generate", "purchases", "--table", "purchase_history", "--rows", "50", "--out", "-"])
        .prints("mobile,date,amount,store\n+91");
}

#[tokio::test]
async fn what_is_generated_goes_into_a_pipe_and_leaves_it_one() {
    let project = Project::new(&[]).await;
    let pipe = project.root.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "a pipe can be made");
    let (sender, read) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(std::fs::read_to_string(pipe)));
    let generate = ["generate", "purchases", "--table", "purchase_history", "--rows", "50", "--out"];
    project.good(&[&generate[..], &["pipe"]].concat());
    let read = read.recv_timeout(std::time::Duration::from_secs(20)).expect("who reads it gets an end");
    assert_eq!(read.expect("it is text"), project.good(&[&generate[..], &["-"]].concat()).stdout);
}
