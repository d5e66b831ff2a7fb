//! Downloads kept for the next fetch: the content under a name that holds its hash, and a sidecar that says
//! which content is the current one. Renaming the sidecar is the one step that changes anything, so that
//! processes which fetch the same address at once end with one whole download or the other.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use super::part::Part;
use crate::source::digest::hex;
use crate::source::file::OpenFile;
use crate::source::{FetchOptions, SourceError};

#[derive(Clone)]
pub(in crate::source) struct Cache {
    folder: PathBuf,
    key: String,
    /// Before the names of what belongs together.
    group: Option<String>,
}

/// What a server gave with a download to tell its next version by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::source) struct Validator {
    pub(in crate::source) etag: Option<String>,
    pub(in crate::source) last_modified: Option<String>,
}

impl Validator {
    /// What `If-Range` may carry: a strong ETag, or else the date.
    pub(in crate::source) fn for_range(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|etag| !etag.starts_with("W/"));
        strong.or(self.last_modified.as_deref())
    }
}

/// The sidecar. It names the address by a hash only: addresses hold tokens.
#[derive(Debug, Serialize, Deserialize)]
struct Sidecar {
    url_sha256: String,
    #[serde(flatten)]
    validator: Validator,
    sha256: String,
    bytes: u64,
    fetched_at: jiff::Timestamp,
}

/// A whole download of an earlier fetch, open.
#[derive(Debug)]
pub(in crate::source) struct Kept {
    pub(in crate::source) file: OpenFile,
    pub(in crate::source) sha256: String,
    pub(in crate::source) validator: Validator,
}

impl Cache {
    /// The place of `url`, as asked for with the login of `options`, in the cache at `folder`.
    pub(in crate::source) fn open(
        folder: &Path,
        url: &Url,
        options: &FetchOptions,
    ) -> Result<Self, SourceError> {
        private_folder(folder).map_err(|error| trouble(folder, &error))?;
        let mut hasher = Sha256::new();
        hasher.update(url.as_str());
        for (name, value) in options.headers.iter().chain(&options.basic) {
            hasher.update(format!("\n{name}: {value}"));
        }
        let (folder, group) = (folder.to_owned(), options.cache_group.clone());
        Ok(Self { folder, key: hex(&hasher.finalize()), group })
    }

    /// The kept download, if its file is there and has the recorded size.
    pub(in crate::source) fn kept(&self) -> Option<Kept> {
        let sidecar: Sidecar = serde_json::from_slice(&fs::read(self.sidecar_path()).ok()?).ok()?;
        let file = OpenFile::open(&self.content_path(&sidecar.sha256)).ok()?;
        let good = sidecar.url_sha256 == self.key && sidecar.bytes == file.length();
        // What is asked for is not what is swept first.
        let touched = File::options().write(true).open(self.sidecar_path());
        let _ = touched.and_then(|sidecar| sidecar.set_modified(SystemTime::now()));
        good.then_some(Kept { file, sha256: sidecar.sha256, validator: sidecar.validator })
    }

    /// A file for a download: what an earlier one left, or else a new one.
    pub(in crate::source) fn part(&self) -> Result<Part, SourceError> {
        self.sweep_parts();
        let prefix = format!("{}.", self.short_key());
        let own = |path: &PathBuf| file_name(path).starts_with(&prefix) && file_name(path).ends_with(".part");
        if let Some(part) = self.entries().filter(own).find_map(|path| Part::left(&path, &self.key)) {
            return Ok(part);
        }
        let path = self.folder.join(unique_name(&self.short_key()));
        Part::create(path, &self.key).map_err(|error| trouble(&self.folder, &error))
    }

    /// Makes the download the current one of its address; durable when this returns. Blocks.
    pub(in crate::source) fn keep(
        &self,
        mut part: Part,
        sha256: &str,
        validator: Validator,
    ) -> Result<OpenFile, SourceError> {
        self.name(&mut part, sha256, validator)
            .and_then(|()| OpenFile::new(part.file.try_clone()?))
            .map_err(|error| trouble(&self.folder, &error))
    }

    fn short_key(&self) -> String {
        let key = &self.key[..32];
        self.group.as_ref().map_or_else(|| key.to_owned(), |group| format!("{group}-{key}"))
    }

    fn sidecar_path(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.short_key()))
    }

    fn content_path(&self, sha256: &str) -> PathBuf {
        self.folder.join(format!("{}-{}.data", self.short_key(), sha256.get(..16).unwrap_or(sha256)))
    }

    fn name(&self, part: &mut Part, sha256: &str, validator: Validator) -> std::io::Result<()> {
        part.file.sync_all()?;
        let content = self.content_path(sha256);
        fs::rename(&part.path, &content)?;
        part.was_kept();
        let sidecar = Sidecar {
            url_sha256: self.key.clone(),
            validator,
            sha256: sha256.to_owned(),
            bytes: part.bytes(),
            fetched_at: jiff::Timestamp::now(),
        };
        let path = self.folder.join(unique_name(&self.short_key()));
        let mut file = File::create_new(&path)?;
        file.write_all(&serde_json::to_vec_pretty(&sidecar)?)?;
        file.sync_all()?;
        fs::rename(&path, self.sidecar_path())?;
        File::open(&self.folder)?.sync_all()?;
        self.sweep_versions(&content);
        Ok(())
    }

    /// Removes older contents of the same address. Who reads one has it open and is not disturbed.
    fn sweep_versions(&self, current: &Path) {
        let prefix = format!("{}-", self.short_key());
        for path in self.entries().filter(|path| path != current) {
            if file_name(&path).starts_with(&prefix) {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// Removes what killed processes left. A live download writes more often than once in an hour; what can be
    /// gone on from waits for a day.
    fn sweep_parts(&self) {
        let hour = Duration::from_secs(3600);
        for path in self.entries().filter(|path| file_name(path).ends_with(".part")) {
            let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
            let age = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
            let kept_for = if Part::is_noted(&path) { 24 * hour } else { hour };
            if age.is_some_and(|age| age > kept_for) {
                Part::remove(&path);
            }
        }
    }

    fn entries(&self) -> impl Iterator<Item = PathBuf> {
        fs::read_dir(&self.folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
    }
}

/// Makes a folder that only its user may look into: downloads may be anything. One that is there stays as it is:
/// it may be anybody's, like the system's for temporary files.
pub(in crate::source) fn private_folder(folder: &Path) -> std::io::Result<()> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(_) if folder.is_dir() => Ok(()),
        done => done,
    }
}

/// A name that no other process and no other download of this one uses.
pub(in crate::source) fn unique_name(prefix: &str) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let counter = COUNTER.fetch_add(1, Ordering::Relaxed);
    // The time keeps apart what containers with the same process ids put into a shared folder.
    format!("{prefix}.{}.{:x}.{counter}.part", std::process::id(), since.as_nanos())
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

pub(super) fn trouble(path: &Path, error: &std::io::Error) -> SourceError {
    SourceError::io(format!("the download cache {} cannot be used", path.display()), error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_that_is_there_keeps_its_rights_and_a_new_one_is_its_users_own() {
        let folder = tempfile::tempdir().unwrap();
        let rights = |folder: &Path| fs::metadata(folder).unwrap().permissions().mode() & 0o777;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        private_folder(folder.path()).unwrap();
        assert_eq!(rights(folder.path()), 0o755);
        let new = folder.path().join("a/cache");
        private_folder(&new).unwrap();
        assert_eq!(rights(&new), 0o700);
    }
}
