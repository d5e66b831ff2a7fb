//! Tells when files of a project were saved, moved or removed: a burst of events is told once, when it is
//! over. Knows nothing of what the files mean. The only module that knows notify.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// Folders of a project that are read. `.elt/` and `target/` are elt's own and not among them.
const FOLDERS: &[&str] = &["models", "rules", "macros", "tests", "data"];
/// Files beside them.
const FILES: &[&str] = &["profiles.yml", "packages.yml", "package-lock.yml", "selectors.yml"];

/// How long nothing may happen for a burst to be over, and how long one is at most waited for.
const QUIET: Duration = Duration::from_millis(80);
const LONGEST: Duration = Duration::from_secs(1);

pub struct Watcher {
    root: PathBuf,
    inner: RecommendedWatcher,
    events: mpsc::UnboundedReceiver<PathBuf>,
    /// Folders that are watched already.
    watched: BTreeSet<&'static str>,
}

impl Watcher {
    /// Begins to watch the project in `root`.
    pub fn new(root: &Path) -> Result<Self, notify::Error> {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let (sender, events) = mpsc::unbounded_channel();
        let mut inner = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An overflow of the system's queue names no file: then everything may have changed.
            let event = event.unwrap_or_default();
            if matches!(event.kind, EventKind::Access(_)) {
                return;
            }
            let paths = if event.paths.is_empty() { vec![PathBuf::new()] } else { event.paths };
            for path in paths {
                // Nobody listens any more: elt is ending.
                let _ = sender.send(path);
            }
        })?;
        inner.watch(&root, RecursiveMode::NonRecursive)?;
        let mut watcher = Self { root, inner, events, watched: BTreeSet::new() };
        watcher.watch_folders();
        Ok(watcher)
    }

    /// Folders may come later, and a folder that was removed and made again is another one.
    fn watch_folders(&mut self) {
        for folder in FOLDERS {
            let path = self.root.join(folder);
            let is_watched = self.watched.contains(folder);
            if path.is_dir() && !is_watched && self.inner.watch(&path, RecursiveMode::Recursive).is_ok() {
                self.watched.insert(folder);
            } else if !path.is_dir() && is_watched {
                // The system forgets a removed folder by itself; then there is nothing to take back.
                let _ = self.inner.unwatch(&path);
                self.watched.remove(folder);
            }
        }
    }

    /// Waits for the next burst; the files it was about, relative to the root. Can be dropped and asked
    /// again without losing one.
    pub async fn changed(&mut self) -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        while paths.is_empty() {
            match self.events.recv().await {
                Some(path) => paths.extend(self.of_project(&path)),
                None => std::future::pending().await,
            }
            let until = Instant::now() + LONGEST;
            while let Ok(Some(path)) = timeout(QUIET, self.events.recv()).await {
                paths.extend(self.of_project(&path));
                if Instant::now() > until {
                    break;
                }
            }
            self.watch_folders();
        }
        paths
    }

    /// The path as the project names it, if it is one that a project reads.
    fn of_project(&self, path: &Path) -> Option<String> {
        if path.as_os_str().is_empty() {
            return Some("some files".to_owned());
        }
        let inside = path.strip_prefix(&self.root).ok()?;
        let parts: Vec<String> =
            inside.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        let (first, name) = (parts.first()?, parts.last()?);
        let is_read = match parts.len() {
            1 => FILES.contains(&first.as_str()) || FOLDERS.contains(&first.as_str()),
            _ => FOLDERS.contains(&first.as_str()),
        };
        // Editors write beside the file first.
        let is_scratch = parts.iter().any(|part| part.starts_with('.'))
            || name.ends_with('~')
            || name.ends_with(".swp")
            || name.ends_with(".tmp")
            || name.bytes().all(|byte| byte.is_ascii_digit());
        (is_read && !is_scratch).then(|| parts.join("/"))
    }
}
