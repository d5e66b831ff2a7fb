//! Who uses the cluster, and who may change it: two files and their kernel locks, which end with their
//! process however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::ClusterError;
use super::home;

const PATIENCE: Duration = Duration::from_secs(150);

/// The right to start, stop or remove the server: one holder at a time.
pub struct Change {
    _file: File,
}

/// The mark of a user: any number of holders. While one is held nobody stops the server.
pub struct Use {
    file: File,
    path: PathBuf,
}

impl Change {
    /// Waits for its turn, longer than a start or stop may take.
    pub fn wait(folder: &Path) -> Result<Self, ClusterError> {
        let path = folder.join("change.lock");
        let file = open(&path)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(cause)) => return Err(ClusterError::folder("lock", &path)(cause)),
                Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                    return Err(ClusterError::Locked {
                        path: folder.to_owned(),
                        seconds: PATIENCE.as_secs(),
                    });
                }
                Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(5)),
            }
        }
    }
}

impl Use {
    /// The caller holds `Change`, so nobody holds this lock exclusively and the call does not wait.
    pub fn begin(folder: &Path, _: &Change) -> Result<Self, ClusterError> {
        let path = folder.join("use.lock");
        let file = open(&path)?;
        file.lock_shared().map_err(ClusterError::folder("lock", &path))?;
        Ok(Self { file, path })
    }

    /// Ends this use; true if it was the last.
    pub fn end(self, _: &Change) -> Result<bool, ClusterError> {
        // Unlocked by name, not by closing: a child that another thread is just starting may hold a copy of
        // the descriptor for a moment.
        self.file.unlock().map_err(ClusterError::folder("unlock", &self.path))?;
        match self.file.try_lock() {
            Ok(()) => {
                self.file.unlock().map_err(ClusterError::folder("unlock", &self.path))?;
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(cause)) => Err(ClusterError::folder("lock", &self.path)(cause)),
        }
    }
}

fn open(path: &Path) -> Result<File, ClusterError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .and_then(|file| home::leave_to_owner(path).map(|()| file))
        .map_err(ClusterError::folder("open", path))
}
