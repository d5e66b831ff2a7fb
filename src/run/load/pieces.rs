//! The pieces of a source, one after another: fetched, opened, copied into the table. While one is copied the
//! next is fetched. Files are read on threads that may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::try_join;

use super::super::task::Problem;
use super::{Loading, Watcher, adding, aside, copy, table, types};
use crate::database::loads::LoadState;
use crate::source::{self, Fetched, Location, Piece, Progress, ReadOptions, Rows, SourceError, Target};

/// What came in, over all pieces.
#[derive(Default)]
pub(super) struct Loaded {
    pub rows: u64,
    pub bad_rows: u64,
    pub bytes: u64,
    pub all_from_cache: bool,
    /// Name and checksum of each piece.
    pub digests: Vec<(String, Option<String>)>,
    /// Name and version of the pieces, where the load goes by file.
    pub files: Vec<(String, String)>,
    /// What is to be told of columns.
    pub said: Vec<String>,
    /// Columns of the table that no record of any piece had, where records may lack some.
    pub never_came: Option<Vec<String>>,
}

impl Loaded {
    pub fn notes(&self, loading: &Loading<'_>) -> Vec<String> {
        let mut notes = self.said.clone();
        if let Some(columns) = self.never_came.as_ref().filter(|columns| !columns.is_empty()) {
            let label = loading.node.label();
            notes.push(format!("{label}: columns that no record has are NULL: {}", columns.join(", ")));
        }
        if self.bad_rows > 0 {
            notes.push(aside::note(loading, self.bad_rows));
        }
        notes
    }

    fn say(&mut self, said: impl IntoIterator<Item = String>) {
        for sentence in said {
            // Pages of an API have all the same to say.
            if !self.said.contains(&sentence) {
                self.said.push(sentence);
            }
        }
    }

    fn columns_came(&mut self, rows: &Rows) {
        let (_, missing) = rows.unpaired();
        match &mut self.never_came {
            Some(never) => never.retain(|name| missing.contains(name)),
            never => *never = Some(missing.to_vec()),
        }
    }
}

struct Filling<'a> {
    loading: &'a Loading<'a>,
    location: &'a Location,
    known: Option<&'a LoadState>,
    options: ReadOptions,
    /// Bytes of all pieces, or 0 where nobody knows.
    total: u64,
    targets: Vec<Target>,
    loaded: Loaded,
}

/// Makes the table as the pieces want it and copies all of them.
pub(super) async fn copy_all(
    loading: &Loading<'_>,
    location: &Location,
    pieces: &[Piece],
    known: Option<&LoadState>,
) -> Result<Loaded, Problem> {
    let total: u64 = pieces.iter().filter_map(|piece| piece.bytes).sum();
    let mut filling = Filling {
        loading,
        location,
        known,
        // That all are empty is judged at the end.
        options: ReadOptions {
            allow_empty: loading.options.allow_empty || pieces.len() > 1 || known.is_some(),
            ..loading.options.clone()
        },
        total,
        targets: Vec::new(),
        loaded: Loaded { all_from_cache: true, ..Loaded::default() },
    };
    let mut waiting = None;
    if let Some(first) = pieces.first() {
        let first = loading.fetched(first, &loading.watcher(0, total)).await?;
        let said = types::create_table(loading, location, (&first, pieces), &filling.options, known).await?;
        filling.loaded.say(said);
        filling.targets = loading.targets().await?;
        waiting = Some(first);
    }
    for (index, piece) in pieces.iter().enumerate() {
        let Some(fetched) = waiting.take() else { break };
        let next = Later::new(loading.watcher(0, total));
        let fetching = async {
            Ok(match pieces.get(index + 1) {
                // What goes wrong with it is its own affair, and told when its turn comes.
                Some(piece) => Some(loading.fetched(piece, &next).await),
                None => None,
            })
        };
        let ((), fetched) = try_join(filling.copy(piece, &fetched, &next), fetching).await?;
        waiting = fetched.transpose()?;
    }
    let loaded = filling.loaded;
    aside::check_limit(loading, loaded.rows, loaded.bad_rows)?;
    if loaded.rows == 0 && pieces.len() > 1 && known.is_none() && !loading.options.allow_empty {
        let error = SourceError::new(format!("{location}: all {} files are without rows", pieces.len()));
        return Err(loading.wrong(&error.with_hint("if that is right, set allow_empty")));
    }
    Ok(loaded)
}

impl Filling<'_> {
    /// Copies one piece.
    async fn copy(&mut self, piece: &Piece, fetched: &Arc<Fetched>, next: &Later) -> Result<(), Problem> {
        let loading = self.loading;
        if let Some(said) = types::add_columns(loading, fetched, &self.options, &self.targets).await? {
            self.loaded.say([said]);
            self.targets = loading.targets().await?;
        }
        let (opening, options, targets) = (fetched.clone(), self.options.clone(), self.targets.clone());
        let rows = loading.reading(move || source::open(&opening, &options, &targets)).await?;
        let shown = if loading.node.config.api.is_some() {
            self.location.to_string()
        } else {
            fetched.location.clone()
        };
        self.loaded.say(types::unpaired(loading, &rows, &shown));
        if rows.is_sparse() {
            self.loaded.columns_came(&rows);
        }
        table::begin_piece(loading, &piece.name, self.loaded.rows).await?;
        let watcher = loading.watcher(self.loaded.bytes, self.total);
        let copied = copy::copy(loading, rows, &piece.name, fetched, (watcher, self.loaded.rows)).await?;
        if let Some(known) = self.known {
            adding::check_emptied(loading, known, &piece.name, copied.rows)?;
        }
        let loaded = &mut self.loaded;
        loaded.rows += copied.rows;
        loaded.bad_rows += copied.bad_rows;
        loaded.bytes += copied.bytes;
        loaded.all_from_cache &= fetched.from_cache;
        next.begin(loaded.bytes);
        let digest = match copied.sha256 {
            Some(digest) => Some(digest),
            None => {
                let fetched = fetched.clone();
                loading.reading(move || Ok(fetched.digest().ok())).await?
            }
        };
        loaded.digests.push((piece.name.clone(), digest));
        let version = piece.version.clone().filter(|_| adding::by_file(loading));
        loaded.files.extend(version.map(|version| (piece.name.clone(), version)));
        Ok(())
    }
}

impl Loading<'_> {
    /// The piece within reach; a page of an API is shown as the page that it is.
    pub(super) async fn fetched(
        &self,
        piece: &Piece,
        progress: &dyn Progress,
    ) -> Result<Arc<Fetched>, Problem> {
        let mut fetched = match self.shared.kept(self.id, &piece.name) {
            Some(fetched) => fetched,
            None => self.patiently(source::fetch_piece(piece, &self.fetch, progress)).await?,
        };
        if self.node.config.api.is_some() {
            fetched.location.clone_from(&piece.name);
        }
        Ok(Arc::new(fetched))
    }

    /// Does what reads files on a thread that may wait.
    pub(super) async fn reading<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, Problem> {
        let done = tokio::task::spawn_blocking(work).await;
        done.expect("reading a source does not panic").map_err(|error| self.wrong(&error))
    }
}

/// Says nothing of a download while the piece before it is copied.
struct Later {
    watcher: Watcher,
    /// Bytes of the pieces before; the greatest number while they are not known.
    before: AtomicU64,
}

impl Later {
    fn new(watcher: Watcher) -> Self {
        Self { watcher, before: AtomicU64::new(u64::MAX) }
    }

    fn begin(&self, before: u64) {
        self.before.store(before, Ordering::Relaxed);
    }
}

impl Progress for Later {
    fn bytes(&self, done: u64, total: Option<u64>) {
        let before = self.before.load(Ordering::Relaxed);
        if before != u64::MAX {
            self.watcher.tell_from(before, done, total);
        }
    }
}
