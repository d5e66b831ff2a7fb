//! 1,000 models, whole processes against each other on one PostgreSQL: `elt run`, `dbt run`, `sqlmesh plan`. Each
//! first from nothing, then again with nothing changed. Peers are named by `ELT_BENCH_DBT` (dbt-core, else `dbt`),
//! `ELT_BENCH_DBT_RUST` (dbt in Rust, else `dbtf`) and `ELT_BENCH_SQLMESH`, or looked for on the path; who is not there is left out, and that is said.
//! `ELT_BENCH_MODELS` says how many models, `ELT_BENCH_ROUNDS` how many rounds (1: peers take minutes).

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::models::{Kind, generate};
use support::{Database, Line, Server, elt, print, spent, write};

fn main() {
    let server = Server::open();
    let count = setting("ELT_BENCH_MODELS", 1_000);
    let peers = [
        ("dbt-core", program("ELT_BENCH_DBT", "dbt"), dbt_core as Prepare),
        ("dbt in Rust", program("ELT_BENCH_DBT_RUST", "dbtf"), dbt_rust as Prepare),
        ("SQLMesh", program("ELT_BENCH_SQLMESH", "sqlmesh"), sqlmesh as Prepare),
    ];
    let mut lines = Vec::new();
    for (name, kind) in [("views", Kind::Views), ("tables", Kind::MostlyTables)] {
        let root = generate(&format!("peers_{name}"), count, kind, false);
        for (peer, program, prepare) in &peers {
            if let Some(program) = program {
                lines.extend(beside(&server, &format!("{count} {name}, {peer}"), &root, program, *prepare));
            }
        }
    }
    lines.retain(|line| !line.ours.is_empty());
    print("the same models on four threads; the ratio is elt's time to the peer's", &lines);
}

/// Writes the peer's project beside ours; its command.
type Prepare = fn(&Path, &Path, &Database) -> Command;

fn beside(server: &Server, what: &str, root: &Path, program: &Path, prepare: Prepare) -> [Line; 2] {
    let mut first = Line::new(format!("{what}, first run"), Some(1.0));
    let mut again = Line::new(format!("{what}, again"), Some(1.0));
    for _ in 0..setting("ELT_BENCH_ROUNDS", 1) {
        let (ours, theirs) = (server.database("bench_ours"), server.database("bench_theirs"));
        for line in [&mut first, &mut again] {
            server.settle();
            let own = spent::run(&mut elt(root, Some(&ours), &["--quiet", "run"]), Some(server));
            server.settle();
            match spent::tried(prepare(root, program, &theirs).stdin(Stdio::null()), Some(server)) {
                Ok(peer) => {
                    line.ours.push(own);
                    line.floor.push(peer);
                }
                // dbt drops views of views from several threads at once, and PostgreSQL finds a deadlock.
                Err(status) => println!("LEFT OUT: {}: the peer itself failed with {status}", line.what),
            }
        }
        server.drop(&ours);
        server.drop(&theirs);
    }
    [first, again]
}

fn dbt_core(root: &Path, program: &Path, database: &Database) -> Command {
    dbt(&beside_ours(root, "dbt"), root, program, database)
}

fn dbt_rust(root: &Path, program: &Path, database: &Database) -> Command {
    dbt(&beside_ours(root, "dbt_rust"), root, program, database)
}

/// Each dbt in a folder of its own: what one of them keeps of a project the other does not read.
fn dbt(home: &Path, root: &Path, program: &Path, database: &Database) -> Command {
    let project = "name: peers\nversion: '1.0'\nprofile: peers\nmodel-paths: [models]\nflags: {send_anonymous_usage_stats: false}\n";
    write(home, "dbt_project.yml", project);
    let (user, host, port, name) = parts(database);
    let output = format!(
        "{{type: postgres, host: '{host}', port: {port}, user: '{user}', password: none, dbname: '{name}', schema: dbt, threads: 4}}"
    );
    write(home, "profiles.yml", &format!("peers: {{target: dev, outputs: {{dev: {output}}}}}\n"));
    for file in models(root) {
        write(home, &format!("models/{}", name_of(&file)), &fs::read_to_string(&file).expect("it is text"));
    }
    let mut command = Command::new(program);
    command.args(["--quiet", "run", "--profiles-dir", "."]).current_dir(home);
    command
}

fn sqlmesh(root: &Path, program: &Path, database: &Database) -> Command {
    let home = beside_ours(root, "sqlmesh");
    let (user, host, port, name) = parts(database);
    let config = format!(
        "gateways:\n  local:\n    connection: {{type: postgres, host: '{host}', port: {port}, user: '{user}', password: none, \
         database: '{name}', concurrent_tasks: 4}}\ndefault_gateway: local\nmodel_defaults: {{dialect: postgres, start: '2024-01-01'}}\n"
    );
    write(&home, "config.yaml", &config);
    for file in models(root) {
        let text = fs::read_to_string(&file).expect("it is text");
        let kind = if text.contains("materialized='table'") { "FULL" } else { "VIEW" };
        let query = text.split_once("}}\n").map_or("", |(_, query)| query);
        let query = query.replace("{{ ref('", "models.").replace("') }}", "");
        let model = name_of(&file).trim_end_matches(".sql").to_owned();
        write(
            &home,
            &format!("models/{model}.sql"),
            &format!("MODEL (name models.{model}, kind {kind});\n{query}"),
        );
    }
    let mut command = Command::new(program);
    command
        .args(["plan", "--auto-apply", "--no-prompts", "--skip-tests"])
        .env("SQLMESH__DISABLE_ANONYMIZED_ANALYTICS", "true")
        .current_dir(&home);
    command
}

fn beside_ours(root: &Path, peer: &str) -> PathBuf {
    let mut name = root.file_name().unwrap_or_default().to_os_string();
    name.push(format!("_{peer}"));
    root.with_file_name(name)
}

fn models(root: &Path) -> Vec<PathBuf> {
    let folder = |path: PathBuf| {
        fs::read_dir(path).expect("the project was written").flatten().map(|entry| entry.path())
    };
    let domains = folder(root.join("models")).flat_map(folder);
    domains.flat_map(folder).filter(|path| path.extension().is_some_and(|end| end == "sql")).collect()
}

fn name_of(file: &Path) -> &str {
    file.file_name().and_then(|name| name.to_str()).expect("models have plain names")
}

/// User, folder of the socket, port, name.
fn parts(database: &Database) -> (String, String, String, String) {
    let url = url::Url::parse(&database.libpq_url()).expect("it is a URL");
    let asked = |wanted: &str| {
        url.query_pairs()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    (url.username().to_owned(), asked("host"), asked("port"), database.name.clone())
}

fn program(variable: &str, usual: &str) -> Option<PathBuf> {
    let program = PathBuf::from(std::env::var_os(variable).unwrap_or_else(|| usual.into()));
    let there = Command::new(&program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if there.is_ok_and(|status| status.success()) {
        return Some(program);
    }
    println!("LEFT OUT: there is no {} (see {variable})", program.display());
    None
}

fn setting(variable: &str, usual: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}
