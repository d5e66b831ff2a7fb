//! What is wrong with what was typed, or with what a command stands on, in whole texts.

use crate::support::{Ended, Project};

/// What it says, without what differs from system to system.
fn portable(text: &str) -> String {
    let numbers = ["98", "48", "111", "61"].map(|number| format!("os error {number})"));
    numbers.iter().fold(text.to_owned(), |text, number| text.replace(number, "os error N)"))
}

#[tokio::test]
async fn each_way_to_ask_wrongly_has_a_class() {
    let project = Project::new(&[
        ("profiles.yml", "target: dev\ntargets: {dev: {}, far: {url: 'postgres://127.0.0.1:1/x'}}\n"),
        ("models/stage/a.sql", "select 1 as a"),
    ])
    .await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("some port is free");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let mut texts = String::new();
    for arguments in [
        &["run", "--vars", "nonsense"][..],
        &["run", "--select", "nosuch"],
        &["load"],
        &["test", "--select", "a"],
        &["show", "b"],
        &["show", "a"],
        &["show", "--inline", " "],
        &["lineage", "a.b"],
        &["run", "--plan", "none.json"],
        &["run", "--plan", "profiles.yml"],
        &["retry"],
        &["run", "--defer"],
        &["run", "--defer", "far"],
        &["ls", "--select", "state:new", "--state", "nowhere"],
        &["debug", "-t", "far"],
        &["import", "nowhere"],
        &["explain", "unknown-rfe"],
        &["compile", "--out", "profiles.yml"],
        &["generate", "nosuch", "--out", "x.csv"],
        &["token", "revoke", "nosuch"],
        &["serve", "--port", &port],
    ] {
        let ended = project.elt(arguments).expect(2);
        texts.push_str(&format!("$ elt {}\n{}\n", arguments.join(" "), ended.stderr));
    }
    let texts = portable(&texts.replace(&port, "PORT"));
    insta::assert_snapshot!(texts, @r#"
    $ elt run --vars nonsense
    error[bad-argument]: --vars is not YAML of names and values: expected mapping start at line 1, column 1
    hint: write it like --vars '{country_codes: [Peru], min_segment_rows: 5}'

    $ elt run --select nosuch
    error[selector]: `nosuch` matches nothing in this project
    hint: `elt ls` lists what there is

    $ elt load
    error[nothing-selected]: there is nothing to load in this selection
    hint: `elt ls` lists what there is, and takes the same --select

    $ elt test --select a
    error[nothing-selected]: no test is about what is selected
    hint: `elt ls --resource-type test` lists them, and takes the same --select

    $ elt show b
    error[unknown-model]: there is no model or rule `b`
    hint: did you mean `a`?

    $ elt show a
    error[not-published]: nothing has been published to the target dev yet
    hint: publish with `elt run`

    $ elt show --inline  
    error[bad-argument]: --inline holds no SQL

    $ elt lineage a.b
    error[unknown-column]: stage.a has no column `b`
    hint: did you mean `a`?

    $ elt run --plan none.json
    error[unreadable-file]: none.json cannot be read: No such file or directory (os error 2)

    $ elt run --plan profiles.yml
    error[plan-outdated]: profiles.yml is no plan that can be followed: it is not what `elt plan --out` writes: expected ident at line 1 column 2
    hint: make another: elt plan --out profiles.yml

    $ elt retry
    error[nothing-to-retry]: nothing has been run on this target yet
    hint: begin with `elt run`

    $ elt run --defer
    error[defer]: --defer says to defer, but not to what
    hint: name a target, --defer prod, or the folder of a manifest.json with --state

    $ elt run --defer far
    error[defer]: target `far` is another database than `dev`
    hint: what is deferred to must stand in the same database

    $ elt ls --select state:new --state nowhere
    error[state]: there is no manifest.json in nowhere
    hint: `elt compile` writes one: keep its target folder, and name it with --state

    $ elt debug -t far
    error[connection]: no connection to the server 127.0.0.1:1: Connection refused (os error N)

    $ elt import nowhere
    error[import]: nowhere is no dbt project: it has no dbt_project.yml
    hint: name the folder in which dbt is run

    $ elt explain unknown-rfe
    error[bad-argument]: no error is called `unknown-rfe`
    hint: did you mean `unknown-ref`?

    $ elt compile --out profiles.yml
    error[unwritable-file]: profiles.yml/models/stage/a.sql: Not a directory (os error 20)

    $ elt generate nosuch --out x.csv
    error[bad-argument]: there is no generator `nosuch`; there are: vouchers, shop, purchases, streaming

    $ elt token revoke nosuch
    error[token]: there is no token `nosuch` that could be revoked

    $ elt serve --port PORT
    error[service]: port PORT of 127.0.0.1 is taken by another program; choose another port, or 0 for any free one
    "#);
    let json = project.elt(&["--json", "run", "--select", "nosuch"]).expect(2);
    json.prints(r#""event":"error","code":"selector""#).prints("\"hint\"");
}

#[tokio::test]
async fn what_keeps_elt_from_starting_is_told() {
    let project = Project::new(&[("models/stage/a.sql", "select 1 as a")]).await;
    project.good(&["run"]);
    let session = project.database.session().await;
    session
        .run("select pg_advisory_lock(hashtextextended('elt run prod', 0)); \
              update elt.runs set status = 'running', started_at = '2026-01-01 12:00 UTC', host = 'elsewhere', started_by = 'ada'")
        .await
        .expect("the lock is free");
    let busy = project.elt(&["run"]).expect(2);
    insta::assert_snapshot!(busy.stderr, @r#"
    error[run-lock]: run 1 (run by ada on elsewhere) is under way since 2026-01-01 12:00:00 UTC
    hint: two runs never publish to the same prod at once; wait for that one to end
    "#);
    let project = Project::new(&[]).await.env("ELT_PG_BIN", "/nowhere").env("DATABASE_URL", "");
    let embedded = project.command(&["debug"]).env_remove("DATABASE_URL").output().expect("it starts");
    let embedded = Ended::new(&["debug"], embedded).expect(2);
    insta::assert_snapshot!(embedded.stderr, @r#"error[cluster]: ELT_PG_BIN is /nowhere, but there is no initdb in it"#);
}
