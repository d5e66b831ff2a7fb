//! Loading one CSV, whole processes against each other: `elt load`, `psql \copy`, and dlt where
//! `ELT_BENCH_PYTHON` (or python3) has it (`pip install 'dlt[postgres]' pyarrow`). `ELT_BENCH_ROWS` says how
//! many rows, 500,000 where it says nothing. And 20 million rows, with elt's peak of memory.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::rows::{TYPED, write_csv};
use support::{Line, Server, asked_for, elt, folder, made_once, print, project, psql, spent};

const ROWS: u64 = 500_000;
const MANY: u64 = 20_000_000;
const ROUNDS: usize = 3;
/// Of elt, whatever is loaded. Unit: MiB.
const MEMORY: f64 = 150.0;

fn main() {
    let server = Server::open();
    if asked_for("peers") {
        let rows = std::env::var("ELT_BENCH_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(ROWS);
        print(&format!("Loading {rows} rows × 6 of CSV, against psql \\copy"), &peers(&server, rows));
    }
    if asked_for("20 million") {
        print("Loading 20,000,000 rows × 6 of CSV", &[many(&server)]);
    }
}

fn csv(rows: u64) -> PathBuf {
    made_once(folder("rows").join(format!("{rows}.csv")), |path| write_csv(path, rows))
}

fn peers(server: &Server, rows: u64) -> Vec<Line> {
    let (file, psql, python) = (csv(rows), psql(), python());
    let database = server.database("bench_peers");
    let root = loading_project(&file);
    server.sql(&database, &[&format!("create table floor ({TYPED})")]);
    let copy = format!("\\copy floor from '{}' with (format csv, header true)", file.display());
    let mut ours = Line::new("elt load, typed", None);
    let mut theirs = Line::new("dlt, from arrow, its own types", None);
    for _ in 0..ROUNDS {
        server.settle();
        let load = &["--quiet", "load", "--full-refresh"];
        ours.ours.push(spent::run(&mut elt(&root, Some(&database), load), Some(server)));
        if let Some(psql) = &psql {
            server.sql(&database, &["truncate floor", "checkpoint"]);
            let spent = spent::run(&mut server.psql(psql, &database, &["-c", &copy]), Some(server));
            ours.floor.push(spent);
            theirs.floor.push(spent);
        }
        if let Some(python) = &python {
            server.settle();
            theirs.ours.push(spent::run(&mut dlt(python, &file, &database), Some(server)));
        }
    }
    let counted = server.value(&database, "select count(*) from raw.rows");
    assert_eq!(counted, rows.to_string(), "every row arrived");
    let mut lines = vec![ours];
    if python.is_some() {
        let counted = server.value(&database, "select count(*) from dlt_rows.rows");
        assert_eq!(counted, rows.to_string(), "every row arrived");
        lines.push(theirs);
    }
    server.drop(&database);
    lines
}

/// Of one turn: it is memory that is measured.
fn many(server: &Server) -> Line {
    let file = csv(MANY);
    let database = server.database("bench_many");
    let root = loading_project(&file);
    let mut line = Line::new("elt load, typed", None);
    line.memory_bar = Some(MEMORY);
    line.ours.push(spent::run(&mut elt(&root, Some(&database), &["--quiet", "load"]), Some(server)));
    assert_eq!(server.value(&database, "select count(*) from raw.rows"), MANY.to_string());
    server.drop(&database);
    line
}

fn loading_project(file: &Path) -> PathBuf {
    let root = project("load_peers");
    let sql = format!("{{{{ config(materialized='load', source='{}') }}}}\n{TYPED}\n", file.display());
    support::write(&root, "models/raw/bench/rows.sql", &sql);
    root
}

/// A Python that has dlt. Where there is none dlt is left out, and that is said.
fn python() -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("ELT_BENCH_PYTHON").unwrap_or_else(|| "python3".into()));
    let has = Command::new(&python)
        .args(["-c", "import dlt, pyarrow, psycopg2"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !has {
        println!("LEFT OUT: {} has no dlt, so nothing is compared with it", python.display());
    }
    has.then_some(python)
}

/// Loads the file into the schema `dlt_rows`.
fn dlt(python: &Path, file: &Path, database: &support::Database) -> Command {
    let home = folder("dlt");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/support/dlt_load.py");
    let mut command = Command::new(python);
    command
        .arg(script)
        .arg(file)
        .arg(database.libpq_url())
        .arg(&home)
        .env("RUNTIME__DLTHUB_TELEMETRY", "false")
        .env("RUNTIME__LOG_LEVEL", "ERROR")
        .current_dir(&home)
        .stdin(Stdio::null());
    command
}
