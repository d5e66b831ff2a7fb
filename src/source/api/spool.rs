//! Pages that have come, on disk: records as JSON lines, and for each chain of requests how far it is. A page
//! counts once its chain's state says so, and only while it has the hash that it was written with.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::paging::Next;
use crate::source::http::cache::{private_folder, unique_name};
use crate::source::{SourceError, sha256};

/// What is older is asked for anew: the world has moved on.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
const MARK: &str = "load.json";

/// The folder of one load.
pub struct Spool {
    folder: PathBuf,
}

/// Which run wrote into a folder last.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Earlier {
    pub run: i64,
    began: jiff::Timestamp,
    /// All that was asked for had come.
    #[serde(default)]
    pub complete: bool,
}

/// How far a chain is. On disk it is a line for each page.
#[derive(Debug, Clone)]
pub(super) struct Chained {
    pub(super) next: Next,
    pages: Vec<Kept>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    sha256: String,
    bytes: u64,
    records: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    page: Kept,
    next: Next,
}

/// A page as it lies on disk.
pub(super) struct Page {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) records: u64,
}

impl Chained {
    pub(super) fn new(next: Next) -> Self {
        Self { next, pages: Vec::new() }
    }

    pub(super) fn pages(&self) -> u64 {
        self.pages.len() as u64
    }

    pub(super) fn records(&self) -> u64 {
        self.pages.iter().map(|page| page.records).sum()
    }

    /// The hash of the last page that held records.
    pub(super) fn last(&self) -> Option<&str> {
        self.pages.last().filter(|page| page.records > 0).map(|page| page.sha256.as_str())
    }
}

impl Spool {
    /// The folder of the load that `identity` tells from all others, in the cache at `cache`.
    pub fn open(cache: &Path, identity: &str) -> Self {
        Self { folder: cache.join(format!("api-{}", &sha256(identity.as_bytes())[..32])) }
    }

    /// Who wrote here last, if what it wrote is young enough to go on from.
    pub fn earlier(&self) -> Option<Earlier> {
        let earlier: Earlier = read(&self.folder.join(MARK))?;
        let age = jiff::Timestamp::now().duration_since(earlier.began);
        (age.unsigned_abs() < KEPT_FOR).then_some(earlier)
    }

    /// Takes the folder for `run`; what is in it stays only where `earlier` is to be gone on from.
    pub fn begin(&self, run: i64, earlier: Option<Earlier>) -> Result<(), SourceError> {
        let began = match earlier {
            Some(earlier) => earlier.began,
            None => {
                self.remove();
                jiff::Timestamp::now()
            }
        };
        let made = self.folder.parent().map_or(Ok(()), private_folder);
        made.and_then(|()| private_folder(&self.folder))
            .and_then(|()| write(&self.folder.join(MARK), &to_json(&Earlier { run, began, complete: false })))
            .map_err(|error| self.trouble(&error))
    }

    /// Notes that all has come.
    pub(super) fn complete(&self) -> Result<(), SourceError> {
        let Some(earlier) = self.earlier() else { return Ok(()) };
        write(&self.folder.join(MARK), &to_json(&Earlier { complete: true, ..earlier }))
            .map_err(|error| self.trouble(&error))
    }

    fn remove(&self) {
        let _ = fs::remove_dir_all(&self.folder);
    }

    /// What is known of a chain, if all its pages are as they were written.
    pub(super) fn chained(&self, chain: &str) -> Option<Chained> {
        let text = fs::read_to_string(self.state_path(chain)).ok()?;
        let (noted, torn) = text.rsplit_once('\n')?;
        if !torn.is_empty() {
            // What is noted next must not stand behind half a line.
            write(&self.state_path(chain), format!("{noted}\n").as_bytes()).ok()?;
        }
        let lines: Option<Vec<Line>> =
            noted.split('\n').map(|line| serde_json::from_str(line).ok()).collect();
        let lines = lines?;
        let next = lines.last()?.next.clone();
        let pages: Vec<Kept> = lines.into_iter().map(|line| line.page).collect();
        let whole = pages.iter().enumerate().all(|(number, page)| {
            fs::read(self.page_path(chain, number)).is_ok_and(|bytes| sha256(&bytes) == page.sha256)
        });
        whole.then_some(Chained { next, pages })
    }

    /// Keeps a page, and that its chain goes on at `next`; durable when this returns. Blocks.
    pub(super) fn keep(
        &self,
        chain: &str,
        mut state: Chained,
        page: (&[u8], u64),
        next: Next,
    ) -> Result<Chained, SourceError> {
        let (lines, records) = page;
        let number = state.pages.len();
        let page = Kept { sha256: sha256(lines), bytes: lines.len() as u64, records };
        let mut line = to_json(&Line { page: page.clone(), next: next.clone() });
        line.push(b'\n');
        let (path, noted) = (self.page_path(chain, number), self.state_path(chain));
        write(&path, lines)
            .and_then(|()| if number == 0 { write(&noted, &line) } else { append(&noted, &line) })
            .map_err(|error| self.trouble(&error))?;
        state.pages.push(page);
        state.next = next;
        Ok(state)
    }

    pub(super) fn pages(&self, chain: &str, state: &Chained) -> Vec<Page> {
        let pages = state.pages.iter().enumerate();
        pages
            .map(|(number, page)| Page {
                path: self.page_path(chain, number),
                bytes: page.bytes,
                records: page.records,
            })
            .collect()
    }

    fn state_path(&self, chain: &str) -> PathBuf {
        self.folder.join(format!("{chain}.pages"))
    }

    fn page_path(&self, chain: &str, number: usize) -> PathBuf {
        self.folder.join(format!("{chain}-{number:06}.jsonl"))
    }

    fn trouble(&self, error: &std::io::Error) -> SourceError {
        SourceError::io(format!("the folder {} cannot be used", self.folder.display()), error)
    }
}

/// Removes what `run` kept, and what is too old to be gone on from.
pub(in crate::source) fn forget(cache: &Path, run: i64) {
    let folders = fs::read_dir(cache).into_iter().flatten().flatten().map(|entry| entry.path());
    let spools = folders.filter(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("api-")) && path.is_dir()
    });
    for folder in spools {
        let spool = Spool { folder };
        let touched = fs::metadata(&spool.folder).and_then(|metadata| metadata.modified()).ok();
        let age = touched.and_then(|time| SystemTime::now().duration_since(time).ok()).unwrap_or_default();
        if spool.earlier().map_or(age > KEPT_FOR, |earlier| earlier.run == run) {
            spool.remove();
        }
    }
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("names and numbers are JSON")
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn append(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::options().append(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

/// Whole or not at all, also when the power goes.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let part = folder.join(unique_name("page"));
    let mut file = File::create_new(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&part, path)
}
