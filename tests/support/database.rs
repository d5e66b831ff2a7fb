//! A real PostgreSQL for tests: one private cluster for all test processes, a database of its own for each
//! test. The cluster stops when the last test that uses it ends.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use elt::cluster::Cluster;
use elt::database::{Connector, Session};

static CLUSTER: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A database that is dropped with its owner.
pub struct TestDatabase {
    pub name: String,
    /// For `DATABASE_URL`; as the superuser.
    pub url: String,
    pub connector: Connector,
    cluster: Arc<Cluster>,
}

fn cluster() -> Arc<Cluster> {
    let mut shared = CLUSTER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cluster) = shared.upgrade() {
        return cluster;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-cluster");
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    // What tests write need not survive a power cut.
    let settings = [("fsync", "off"), ("max_connections", "200"), ("full_page_writes", "off")];
    let cluster =
        Cluster::open(&folder, &settings).unwrap_or_else(|error| panic!("no PostgreSQL for tests: {error}"));
    let cluster = Arc::new(cluster);
    *shared = Arc::downgrade(&cluster);
    cluster
}

impl TestDatabase {
    pub async fn new() -> Self {
        let cluster = cluster();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        let administration =
            Connector::from_socket(cluster.socket_dir(), cluster.port(), cluster.user(), "postgres");
        let session = administration.connect().await.expect("the test cluster answers");
        session.run(&format!("drop database if exists {name}")).await.expect("an old one can be dropped");
        session.run(&format!("create database {name}")).await.expect("a database can be made");
        let socket = cluster.socket_dir().to_string_lossy().replace('/', "%2F");
        let url = format!("postgres://{}@{socket}:{}/{name}", cluster.user(), cluster.port());
        let connector = administration.with_database(&name);
        Self { name, url, connector, cluster }
    }

    pub async fn session(&self) -> Session {
        self.connector.connect().await.expect("the test's database answers")
    }

    /// One value, as text; panics with the statement where it fails.
    pub async fn value(&self, sql: &str) -> Option<String> {
        self.session().await.value(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub async fn run(&self, sql: &str) {
        self.session().await.run(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let administration = Connector::from_socket(
            self.cluster.socket_dir(),
            self.cluster.port(),
            self.cluster.user(),
            "postgres",
        );
        let sql = format!("drop database if exists {} with (force)", self.name);
        // A runtime of its own: tests drop this inside and outside of one.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                if let Ok(session) = administration.connect().await {
                    let _ = session.run(&sql).await;
                }
            });
            Ok::<_, std::io::Error>(())
        });
        let _ = dropping.join();
    }
}
