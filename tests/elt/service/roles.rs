//! The role that the service reads with: prod and nothing else.

use std::io::{BufRead, BufReader};

use elt::database::Connector;
use elt::engine::Engine;
use elt::project::{Project as Files, Setting};

use super::{customer, embedded, tiny};
use crate::server::{Server, signal};
use crate::support::Project;

/// What `elt serve` would read with.
async fn engine(project: &Project, url: Option<&str>) -> Engine {
    let mut env = std::collections::BTreeMap::new();
    env.extend(url.map(|url| ("DATABASE_URL".to_owned(), url.to_owned())));
    let setting = Setting { env, ..Setting::default() };
    let (files, _) = Files::read(&project.root, &setting).unwrap_or_else(|problems| panic!("{problems:?}"));
    Engine::open(&files.root, &files.target).await.expect("the server answers")
}

/// What the service's role must not do, whatever SQL it is made to send.
const FORBIDDEN: [&str; 12] = [
    "select * from stage.secret",
    "select * from raw.secret_rows",
    "select * from elt.runs",
    "insert into prod.segments_derived select * from prod.segments_derived",
    "update prod.segments_derived set voucher_amount = 0",
    "delete from prod._elt_publication",
    "drop table prod.segments_derived",
    "create table prod.mine (x int)",
    "create schema mine",
    "create role mine",
    "copy prod.segments_derived to program 'cat > /dev/null'",
    "select pg_read_file('PG_VERSION')",
];

async fn refuses(reader: &Connector, before: &str) -> Vec<&'static str> {
    let session = reader.connect().await.expect("the reader can connect");
    session.run("select * from prod.segments_derived").await.expect("prod can be read");
    let mut got_through = Vec::new();
    for forbidden in FORBIDDEN {
        session.run("begin").await.expect("a session takes transactions");
        // A refused role change is as good as one that changed nothing.
        let changed = session.run(before).await.is_ok();
        if !changed {
            session.run("rollback; begin").await.expect("a session takes transactions");
        }
        match session.run(forbidden).await {
            Ok(_) => got_through.push(forbidden),
            Err(error) => assert!(error.is("42501"), "{forbidden} after {before}: {error}"),
        }
        session.run("rollback").await.expect("a session takes transactions");
    }
    got_through
}

async fn with_secrets() -> Project {
    let secret = "{{ config(materialized='table') }} select 1 as n";
    tiny(&[
        ("models/stage/secret.sql", secret),
        ("models/raw/secret_rows.sql", "{{ config(materialized='load', source='secret.csv') }}\nn int"),
        ("secret.csv", "n\n1\n"),
    ])
    .await
}

#[tokio::test]
async fn the_embedded_reader_reads_prod_and_nothing_else_whatever_role_it_asks_for() {
    let project = with_secrets().await;
    embedded(&project, &["run"]).expect(0);
    let engine = engine(&project, None).await;
    for before in [
        "select 1",
        "reset role",
        "set role none",
        "set role elt",
        "set session authorization elt",
        "reset session authorization",
        "set default_transaction_read_only = off",
    ] {
        let got_through = refuses(&engine.reader, before).await;
        assert!(got_through.is_empty(), "after {before}: {got_through:?}");
    }
    engine.close().await.expect("the server stops");
}

#[tokio::test]
async fn with_a_url_alone_the_role_holds_until_somebody_asks_for_the_login_itself() {
    let project = with_secrets().await;
    project.good(&["run"]);
    let engine = engine(&project, Some(&project.database.url)).await;
    for before in
        ["select 1", "reset role", "reset all", "discard all", "set default_transaction_read_only = off"]
    {
        let got_through = refuses(&engine.reader, before).await;
        assert!(got_through.is_empty(), "after {before}: {got_through:?}");
    }
    // The login is the owner's: SQL that asks for it gets it. This is why serve asks for a reader_url.
    assert!(!refuses(&engine.reader, "set role none").await.is_empty());

    let reader_url = project.database.url.replacen("//elt@", "//elt_reader@", 1);
    assert_ne!(reader_url, project.database.url);
    let target = format!("target: dev\ntargets: {{dev: {{reader_url: '{reader_url}'}}}}\n");
    project.write("profiles.yml", &target);
    let engine = self::engine(&project, Some(&project.database.url)).await;
    for before in ["set role none", "set role elt", "reset role", "set session authorization elt"] {
        let got_through = refuses(&engine.reader, before).await;
        assert!(got_through.is_empty(), "after {before}: {got_through:?}");
    }
    let server = Server::start(&project, &[]);
    assert_eq!(server.post("/getVoucher/", &customer("frequent_segment", 2, None)).await.0, 200);
}

#[tokio::test]
async fn who_serves_without_a_reader_url_is_told_what_that_means() {
    let project = tiny(&[]).await;
    project.good(&["run"]);
    let mut process = project.start(&["serve", "--port", "0"]);
    let stderr = BufReader::new(process.stderr.take().expect("it is piped"));
    let told = stderr.lines().map_while(Result::ok).find(|line| line.contains("reader_url"));
    signal(process.id(), "TERM");
    process.wait().expect("it ends");
    assert!(told.is_some_and(|line| line.contains("elt_reader")));
}
