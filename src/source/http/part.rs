//! A download under way, in a file beside the cache's others. What a process that died or gave up left of one
//! is gone on from by the next that asks for the same, where the server can tell that it is the same still.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::cache::{Validator, trouble};
use crate::source::SourceError;

/// Bytes after which what has come is made durable, and counts for who goes on.
const DURABLE_EVERY: u64 = 16 << 20;

/// Removed when it is dropped, unless it can be gone on from.
pub(in crate::source) struct Part {
    pub(super) file: File,
    pub(super) path: PathBuf,
    written: u64,
    note: Note,
    kept: bool,
}

/// What is known of a part, in a file beside it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Note {
    url_sha256: String,
    #[serde(flatten)]
    validator: Validator,
    total: Option<u64>,
    /// So many are durable.
    bytes: u64,
}

impl Part {
    /// A new file at `path` for what `url_sha256` stands for. The lock on it says that its process lives.
    pub(super) fn create(path: PathBuf, url_sha256: &str) -> std::io::Result<Self> {
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        let _ = file.try_lock();
        let note = Note { url_sha256: url_sha256.to_owned(), ..Note::default() };
        Ok(Self { file, path, written: 0, note, kept: false })
    }

    /// What another process left at `path`, if it is gone and something can be gone on from.
    pub(super) fn left(path: &Path, url_sha256: &str) -> Option<Self> {
        let note: Note = serde_json::from_slice(&fs::read(note_path(path)).ok()?).ok()?;
        if note.url_sha256 != url_sha256 || note.bytes == 0 || note.validator.for_range().is_none() {
            return None;
        }
        let mut file = File::options().read(true).write(true).open(path).ok()?;
        file.try_lock().ok()?;
        // Who held the lock may have finished, and given the file its final name.
        let is_same = fs::metadata(path).ok()?.ino() == file.metadata().ok()?.ino();
        if !is_same || file.metadata().ok()?.len() < note.bytes {
            return None;
        }
        file.set_len(note.bytes).ok()?;
        file.seek(SeekFrom::End(0)).ok()?;
        Some(Self { file, path: path.to_owned(), written: note.bytes, note, kept: false })
    }

    /// Whether something of it may be gone on from later.
    pub(super) fn is_noted(path: &Path) -> bool {
        note_path(path).exists()
    }

    pub(super) fn remove(path: &Path) {
        let _ = fs::remove_file(path);
        let _ = fs::remove_file(note_path(path));
    }

    pub(in crate::source) fn bytes(&self) -> u64 {
        self.written
    }

    pub(in crate::source) fn total(&self) -> Option<u64> {
        self.note.total
    }

    pub(in crate::source) fn validator(&self) -> Validator {
        self.note.validator.clone()
    }

    /// The hash of what is there, to be gone on with. Blocks.
    pub(in crate::source) fn hasher(&mut self) -> Result<Sha256, SourceError> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        let mut read = || -> std::io::Result<()> {
            self.file.rewind()?;
            loop {
                match self.file.read(&mut buffer)? {
                    0 => return Ok(()),
                    length => hasher.update(&buffer[..length]),
                }
            }
        };
        read().map_err(|error| trouble(&self.path, &error))?;
        Ok(hasher)
    }

    /// A whole answer begins; what came before it is nothing.
    pub(in crate::source) fn begin(
        &mut self,
        validator: Validator,
        total: Option<u64>,
    ) -> Result<(), SourceError> {
        (self.written, self.note.bytes) = (0, 0);
        (self.note.validator, self.note.total) = (validator, total);
        let _ = fs::remove_file(note_path(&self.path));
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(|error| trouble(&self.path, &error))
    }

    pub(in crate::source) fn write(&mut self, bytes: &[u8]) -> Result<(), SourceError> {
        self.file.write_all(bytes).map_err(|error| trouble(&self.path, &error))?;
        self.written += bytes.len() as u64;
        if self.written - self.note.bytes >= DURABLE_EVERY {
            self.take_note();
        }
        Ok(())
    }

    /// Whether a later fetch can go on from here.
    pub(in crate::source) fn can_go_on(&self) -> bool {
        self.written > 0 && self.note.validator.for_range().is_some()
    }

    /// What cannot be noted is only not gone on from.
    fn take_note(&mut self) {
        if !self.can_go_on() || self.file.sync_data().is_err() {
            return;
        }
        self.note.bytes = self.written;
        let noted = note_path(&self.path);
        let beside = noted.with_extension("new");
        let text = serde_json::to_vec(&self.note).expect("texts and numbers are JSON");
        let _ = fs::write(&beside, text).and_then(|()| fs::rename(&beside, &noted));
    }

    /// The file has its final name.
    pub(super) fn was_kept(&mut self) {
        self.kept = true;
        let _ = fs::remove_file(note_path(&self.path));
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        if self.can_go_on() {
            self.take_note();
        } else {
            Self::remove(&self.path);
        }
    }
}

fn note_path(part: &Path) -> PathBuf {
    part.with_extension("part-note")
}
