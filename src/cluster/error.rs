//! Why the private cluster cannot be had. Every message stands alone: what happened, and the way out.

use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error(
        "no PostgreSQL server programs (initdb and postgres, version {} or later) on this machine; \
         install them: `{install}`, or set DATABASE_URL to a server of your own\nlooked in: {}",
        super::binaries::OLDEST, tried.join(", ")
    )]
    NotInstalled { tried: Vec<String>, install: &'static str },

    #[error("ELT_PG_BIN is {}, but {why}", folder.display())]
    WrongBinaries { folder: PathBuf, why: String },

    #[error("cannot {what} {}: {cause}", path.display())]
    Folder { what: &'static str, path: PathBuf, cause: io::Error },

    #[error(
        "{} belongs to user number {owner}, not to you: run elt as that user, or move the folder away",
        path.display()
    )]
    ForeignOwner { path: PathBuf, owner: u32 },

    #[error(
        "the data in {} was made by PostgreSQL {data}, but the server programs found are of version {programs}; \
         set ELT_PG_BIN to the folder of PostgreSQL {data}'s programs, or start afresh with \
         `elt clean --database` (or move the folder away)",
        path.display()
    )]
    OtherMajor { path: PathBuf, data: u32, programs: u32 },

    #[error(
        "{} holds no PostgreSQL data that can be read (no PG_VERSION); move it away, or start afresh with \
         `elt clean --database`",
        path.display()
    )]
    Damaged { path: PathBuf },

    #[error(
        "PostgreSQL does not run as root, and no way round it is open: a user namespace is refused ({namespace}), \
         and {user}; run elt as another user, or set DATABASE_URL to a server of your own"
    )]
    Root { namespace: String, user: String },

    #[error("{program} did not do its work: {why}{}", indented(log))]
    Program { program: &'static str, why: String, log: String },

    #[error("another elt has been starting or stopping the cluster in {} for {seconds} s", path.display())]
    Locked { path: PathBuf, seconds: u64 },

    #[error("the cluster in {} is in use by another elt", path.display())]
    InUse { path: PathBuf },

    #[error("the server (process {pid}) has not stopped after {seconds} s; it goes on stopping by itself")]
    Stop { pid: i32, seconds: u64 },
}

impl ClusterError {
    /// For `map_err`: what was tried with which path.
    pub(super) fn folder(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Folder { what, path, cause }
    }
}

/// The end of a log below a message; nothing for an empty one.
fn indented(log: &str) -> String {
    log.lines().map(|line| format!("\n    {line}")).collect()
}
