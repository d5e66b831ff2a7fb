//! A private PostgreSQL for the benches, with the settings that users get: it waits for the disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use elt::cluster::Cluster;
use elt::database::{Connector, Session};
use tokio::runtime::Runtime;

use super::spent;

/// Stops with the bench.
pub struct Server {
    cluster: Cluster,
    runtime: Runtime,
    administration: Connector,
}

/// A database of a bench's own.
#[derive(Clone)]
pub struct Database {
    pub name: String,
    /// For `DATABASE_URL`.
    pub url: String,
    pub connector: Connector,
}

impl Database {
    /// With the socket where libpq looks for it, for programs that know no other spelling.
    pub fn libpq_url(&self) -> String {
        let (user, rest) = self.url.trim_start_matches("postgres://").split_once('@').unwrap_or_default();
        let (host, rest) = rest.split_once(':').unwrap_or_default();
        let (port, name) = rest.split_once('/').unwrap_or_default();
        format!("postgresql://{user}:none@localhost/{name}?host={host}&port={port}")
    }
}

impl Server {
    pub fn open() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-cluster");
        fs::create_dir_all(&folder).expect("the target folder can be written");
        let cluster = Cluster::open(&folder, &[]).unwrap_or_else(|error| panic!("no PostgreSQL: {error}"));
        let administration =
            Connector::from_socket(cluster.socket_dir(), cluster.port(), cluster.user(), "postgres");
        // One thread: the client's side must not look cheaper than it is by taking both cores.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        println!("PostgreSQL {} with its default settings", cluster.version());
        Self { cluster, administration, runtime: runtime.expect("a runtime can be made") }
    }

    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// An empty database; one of the same name goes.
    pub fn database(&self, name: &str) -> Database {
        self.run(
            &self.administration,
            &[&format!("drop database if exists {name} with (force)"), &format!("create database {name}")],
        );
        let socket = self.cluster.socket_dir().to_string_lossy().replace('/', "%2F");
        let url = format!("postgres://{}@{socket}:{}/{name}", self.cluster.user(), self.cluster.port());
        Database { name: name.to_owned(), url, connector: self.administration.with_database(name) }
    }

    /// Drops it. Autovacuum of what is left over would disturb later turns.
    pub fn drop(&self, database: &Database) {
        self.run(&self.administration, &[&format!("drop database {} with (force)", database.name)]);
    }

    /// Runs statements on a database.
    pub fn sql(&self, database: &Database, statements: &[&str]) {
        self.run(&database.connector, statements);
    }

    pub fn value(&self, database: &Database, sql: &str) -> String {
        self.block_on(async {
            let session = connect(&database.connector).await;
            let value = session.value(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
            value.unwrap_or_default()
        })
    }

    /// Writes what is dirty, so that no turn pays for the one before it.
    pub fn settle(&self) {
        self.run(&self.administration, &["checkpoint"]);
    }

    /// `psql` on a database, stopping at the first error.
    pub fn psql(&self, program: &Path, database: &Database, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &database.url])
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// CPU seconds of all of the server's processes so far, those that ended among them.
    pub fn cpu(&self) -> f64 {
        let Some(main) = self.main_process() else { return f64::NAN };
        spent::cpu_of(main, true) + children(main).map(|child| spent::cpu_of(child, false)).sum::<f64>()
    }

    fn main_process(&self) -> Option<u32> {
        let text = fs::read_to_string(self.cluster.data_dir().join("postmaster.pid")).ok()?;
        let written: u32 = text.lines().next()?.trim().parse().ok()?;
        // In a namespace of its own the server knows itself by another number.
        let is_server = |id: &u32| {
            let arguments = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            let folder = self.cluster.data_dir();
            String::from_utf8_lossy(&arguments).contains(&*folder.to_string_lossy())
        };
        Some(written).filter(is_server).or_else(|| processes().find(is_server))
    }

    fn run(&self, connector: &Connector, statements: &[&str]) {
        self.block_on(async {
            let session = connect(connector).await;
            for sql in statements {
                session.run(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
            }
        });
    }
}

async fn connect(connector: &Connector) -> Session {
    connector.connect().await.expect("the server answers")
}

fn processes() -> impl Iterator<Item = u32> {
    let entries: Vec<PathBuf> =
        fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.into_iter().filter_map(|path| path.file_name()?.to_str()?.parse().ok())
}

fn children(of: u32) -> impl Iterator<Item = u32> {
    let parent = |id: u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
    };
    processes().filter(move |id| parent(*id) == Some(of))
}
