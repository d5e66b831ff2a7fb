//! The files that other tools read about a project and its runs, in dbt's published schemas: `manifest.json`,
//! `run_results.json`, `catalog.json` and `sources.json`. Each is written whole or not at all. Only writes
//! down what others found out; asks no database and prints nothing.

mod catalog;
mod config;
mod declared;
mod entries;
mod former;
mod manifest;
mod nodes;
mod run_results;
mod sources;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use serde::Serialize;

pub use catalog::catalog;
pub use former::{StateError, former, former_relations};
pub use manifest::manifest;
pub use run_results::{RunFacts, known_at_the_end, run_results};
pub use sources::{Freshness, sources};

/// The names of the files that elt writes, and so may remove.
pub const FILES: [&str; 4] = ["manifest.json", "run_results.json", "catalog.json", "sources.json"];

/// dbt's version whose artifacts these are like, with elt's own behind it: tools compare the first part.
const DBT_VERSION: &str = concat!("1.11.0+elt.", env!("CARGO_PKG_VERSION"));

/// One call of elt: what all artifacts of it share.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// A random UUID.
    pub id: String,
    pub started_at: Timestamp,
    /// Variables that the user wants to find in the artifacts.
    env: BTreeMap<String, String>,
}

/// Variables with this beginning go into the artifacts, as with dbt.
const CUSTOM_ENV: [&str; 2] = ["ELT_ENV_CUSTOM_ENV_", "DBT_ENV_CUSTOM_ENV_"];

impl Invocation {
    pub fn new(env: &BTreeMap<String, String>) -> Self {
        let custom = env.iter().filter_map(|(name, value)| {
            let name = CUSTOM_ENV.iter().find_map(|prefix| name.strip_prefix(prefix))?;
            Some((name.to_owned(), value.clone()))
        });
        Self { id: random_uuid(), started_at: Timestamp::now(), env: custom.collect() }
    }

    fn metadata(&self, schema: &str) -> Metadata<'_> {
        Metadata {
            dbt_schema_version: format!("https://schemas.getdbt.com/dbt/{schema}.json"),
            dbt_version: DBT_VERSION,
            generated_at: time(Timestamp::now()),
            invocation_id: &self.id,
            invocation_started_at: time(self.started_at),
            env: &self.env,
        }
    }
}

/// What every artifact begins with.
#[derive(Serialize)]
struct Metadata<'a> {
    dbt_schema_version: String,
    dbt_version: &'static str,
    generated_at: String,
    invocation_id: &'a str,
    invocation_started_at: String,
    env: &'a BTreeMap<String, String>,
}

/// As dbt writes times: UTC, microseconds.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// A version 4 UUID.
fn random_uuid() -> String {
    let bits = rand::random::<u128>() & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The folder that artifacts are written to.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file whole: a reader sees the old one or the new one, whoever else writes at the same time.
    pub fn write(&self, name: &str, content: &impl Serialize) -> io::Result<PathBuf> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        fs::create_dir_all(&self.0)?;
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.0.join(format!(".{name}.{}.{number}", std::process::id()));
        let path = self.0.join(name);
        let written = fill(&unfinished, content).and_then(|()| fs::rename(&unfinished, &path));
        if written.is_err() {
            // The first error is the one to tell.
            let _ = fs::remove_file(&unfinished);
        }
        written.map(|()| path)
    }
}

fn fill(path: &Path, content: &impl Serialize) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 18, File::create(path)?);
    serde_json::to_writer(&mut file, content)?;
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_of_version_4() {
        let id = random_uuid();
        assert_eq!(id.len(), 36);
        assert_eq!(&id[14..15], "4");
        assert!("89ab".contains(&id[19..20]), "{id}");
        assert_ne!(id, random_uuid());
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let target = Folder::new(folder.path().join("deep/target"));
        target.write("manifest.json", &[1, 2]).unwrap();
        target.write("manifest.json", &[3]).unwrap();
        assert_eq!(fs::read_to_string(target.path().join("manifest.json")).unwrap(), "[3]");
        assert_eq!(fs::read_dir(target.path()).unwrap().count(), 1);
    }
}
