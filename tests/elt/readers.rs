//! Readers of prod see the whole old state or the whole new one, and never an error, while runs publish.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Ended, Project};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_hammering_prod_during_20_runs_see_no_gap_and_no_mixture() {
    let project = Project::new(&[
        (
            "models/stage/s.sql",
            "{{ config(materialized='table') }} select {{ var('n') }} as n from generate_series(1, 500)",
        ),
        ("models/prod/a.sql", "{{ config(materialized='table') }} select n from {{ ref('s') }}"),
        ("models/prod/b.sql", "select n from {{ ref('a') }}"),
        ("models/prod/c.sql", "{{ config(materialized='table') }} select n from {{ ref('b') }}"),
        (
            "models/prod/d.sql",
            "{{ config(materialized='incremental', unique_key='k') }} select 1 as k, {{ var('n') }} as n",
        ),
    ])
    .await;
    project.good(&["run", "--vars", "{n: 0}"]);
    let stop = Arc::new(AtomicBool::new(false));
    let reads = Arc::new(AtomicU64::new(0));
    let mut readers = Vec::new();
    for reader in 0..3 {
        let (stop, reads) = (stop.clone(), reads.clone());
        let session = project.database.session().await;
        readers.push(tokio::spawn(async move {
            // In one statement, and over several in one transaction.
            let single = "select string_agg(distinct n::text, ',') || ' ' || count(*) from (\
                          select n from prod.a union all select n from prod.b union all select n from prod.c \
                          union all select n from prod.d) t";
            while !stop.load(Ordering::Relaxed) {
                let state = session.value(single).await.expect("a reader never fails").expect("never empty");
                assert!(state.ends_with(" 1501") && !state.contains(','), "reader {reader} saw {state}");
                session.run("begin").await.expect("a reader never fails");
                let mut states = Vec::new();
                for name in ["c", "b", "a"] {
                    let sql = format!("select max(n) || ' ' || count(*) from prod.{name}");
                    states.push(session.value(&sql).await.expect("a reader never fails"));
                }
                session.run("commit").await.expect("a reader never fails");
                states.dedup();
                let whole =
                    states.iter().all(|state| state.as_deref().is_some_and(|text| text.ends_with(" 500")));
                assert!(whole, "reader {reader} saw {states:?}");
                reads.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    for n in 1..=20 {
        project.good(&["run", "--vars", &format!("{{n: {n}}}")]);
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.expect("no reader saw anything wrong");
    }
    assert!(reads.load(Ordering::Relaxed) > 100, "the readers did read");
    assert_eq!(project.value("select distinct n from prod.b").await, "20");
}

#[tokio::test]
async fn an_older_snapshot_is_waited_for_and_never_finds_a_table_empty() {
    let project = Project::new(&[(
        "models/prod/b.sql",
        "{{ config(materialized='table') }} select {{ var('n') }} as n",
    )])
    .await;
    project.good(&["run", "--vars", "{n: 1}"]);
    let reader = project.database.session().await;
    reader.run("begin isolation level repeatable read; select 1").await.expect("a snapshot is taken");
    let mut run = project.start(&["run", "--vars", "{n: 2}"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(run.try_wait().expect("it can be asked").is_none(), "the run waits for the snapshot");
    let seen = reader.value("select n from prod.b").await.expect("the table is there");
    assert_eq!(seen.as_deref(), Some("1"), "the first look of an old snapshot finds the old rows");
    reader.run("commit").await.expect("the reader ends");
    Ended::new(&["run"], run.wait_with_output().expect("it ends")).expect(0);
    assert_eq!(project.value("select n from prod.b").await, "2");
}

#[tokio::test]
async fn an_autovacuum_of_a_published_table_gives_way() {
    let project = Project::new(&[(
        "models/stage/big.sql",
        "{{ config(materialized='table') }} select generate_series(1, 200000) as n, 'a' as a",
    )])
    .await;
    let embedded = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        Ended::new(arguments, command.env_remove("DATABASE_URL").output().expect("the binary starts"))
    };
    embedded(&["run"]).expect(0);
    // A server that vacuums at once what is new, and then takes minutes for it.
    let settings = project.root.join(".elt/cluster/data/postgresql.auto.conf");
    let slow =
        "autovacuum_naptime = 1s\nautovacuum_vacuum_cost_delay = 100ms\nautovacuum_vacuum_cost_limit = 1\n";
    std::fs::write(settings, slow).expect("the server is at rest");
    let mut holding = project.command(&["serve", "--port", "0"]);
    let mut holding = holding.env_remove("DATABASE_URL").stderr(Stdio::null()).spawn().expect("it starts");
    let at_it = "select count(*) as n from pg_stat_progress_vacuum where relid = 'stage.big'::regclass";
    let until = Instant::now() + Duration::from_secs(60);
    while !embedded(&["show", "--inline", at_it, "-o", "csv"]).expect(0).stdout.contains('1') {
        assert!(Instant::now() < until, "no autovacuum came");
    }
    let ended = embedded(&["run", "--full-refresh"]).expect(0);
    assert!(ended.stderr.contains("Published 1 relation"), "{ended}");
    // The last one stops the server.
    Command::new("kill").arg(holding.id().to_string()).status().expect("kill is there");
    holding.wait().expect("it ends");
}
