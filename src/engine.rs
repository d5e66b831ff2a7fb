//! Which PostgreSQL a target means: the one its URL names, or the project's own private cluster.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cluster::{Cluster, ClusterError};
use crate::database::{Connector, DatabaseError};
use crate::project::{EMBEDDED_DATABASE, Target};

/// Publishing holds a lock on every relation that it moves, old and new, in one transaction.
const SETTINGS: &[(&str, &str)] = &[("max_locks_per_transaction", "512")];

/// How often to look whether the embedded server is still there.
const LOOK: Duration = Duration::from_secs(1);

/// A server that can be reached. Keeps the embedded one running while it is held.
pub struct Engine {
    pub connector: Connector,
    /// Connects as who may read prod and nothing else.
    pub reader: Connector,
    cluster: Option<Cluster>,
    root: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Engine {
    /// Starts or joins the embedded cluster where the target has no URL. `root` is the project's folder.
    pub async fn open(root: &Path, target: &Target) -> Result<Self, EngineError> {
        if let Some(url) = &target.url {
            let connector = Connector::from_url(url)?;
            let reader = match &target.reader_url {
                Some(url) => Connector::from_url(url)?,
                None => connector.with_setting("role", target.reader_role.as_str()),
            };
            return Ok(Self { connector, reader, cluster: None, root: root.to_owned() });
        }
        let cluster = open(root, Ok).await?;
        let connector =
            Connector::from_socket(cluster.socket_dir(), cluster.port(), cluster.user(), EMBEDDED_DATABASE);
        make_database(&connector).await?;
        let reader = connector.with_user(target.reader_role.as_str());
        Ok(Self { connector, reader, cluster: Some(cluster), root: root.to_owned() })
    }

    /// The `psql` that opens this database, for a person to type. Never with a password.
    pub fn psql(&self) -> Option<String> {
        let cluster = self.cluster.as_ref()?;
        Some(format!(
            "psql -h {} -p {} -U {} {EMBEDDED_DATABASE}",
            cluster.socket_dir().display(),
            cluster.port(),
            cluster.user()
        ))
    }

    pub fn describe(&self) -> String {
        match &self.cluster {
            Some(cluster) => {
                format!("embedded PostgreSQL {} in {}", cluster.version(), cluster.data_dir().display())
            }
            None => "the PostgreSQL of the target's URL".to_owned(),
        }
    }

    /// Where the embedded server writes what happens to it.
    pub fn log_file(&self) -> Option<PathBuf> {
        self.cluster.as_ref().map(Cluster::log_file)
    }

    /// Starts the embedded server again whenever it is gone; never ends.
    pub async fn keep_alive(&self) -> Infallible {
        let Some(cluster) = &self.cluster else { return std::future::pending().await };
        let mut is_told = false;
        loop {
            tokio::time::sleep(LOOK).await;
            if cluster.is_there() {
                continue;
            }
            // Its socket stays where it was, so what connects need not know of it. This use ends at once; that of
            // `cluster` keeps the server.
            match open(&self.root, Cluster::close).await {
                Ok(()) => {
                    tracing::warn!("the embedded PostgreSQL was gone; it runs again");
                    is_told = false;
                }
                Err(error) if !is_told => {
                    tracing::error!(%error, "the embedded PostgreSQL is gone and cannot be started");
                    is_told = true;
                }
                Err(_) => {}
            }
        }
    }

    /// Lets go of the server; the last user of the embedded one stops it.
    pub async fn close(self) -> Result<(), EngineError> {
        if let Some(cluster) = self.cluster {
            let closed = tokio::task::spawn_blocking(move || cluster.close()).await;
            closed.expect("closing a cluster does not panic")?;
        }
        Ok(())
    }
}

/// Opens the embedded server of a project, and does something with it.
async fn open<T: Send + 'static>(
    root: &Path,
    then: fn(Cluster) -> Result<T, ClusterError>,
) -> Result<T, ClusterError> {
    let folder = root.join(".elt");
    let opened = tokio::task::spawn_blocking(move || Cluster::open(&folder, SETTINGS).and_then(then)).await;
    opened.expect("opening a cluster does not panic")
}

/// A new cluster has no database of elt's yet.
async fn make_database(connector: &Connector) -> Result<(), DatabaseError> {
    match connector.connect().await {
        Ok(_) => Ok(()),
        Err(error) if error.is("3D000") => {
            let session = connector.with_database("postgres").connect().await?;
            match session.run(&format!("create database {EMBEDDED_DATABASE}")).await {
                // Another process was quicker.
                Err(error) if !error.is("42P04") && !error.is("23505") => Err(error),
                _ => Ok(()),
            }
        }
        Err(error) => Err(error),
    }
}
