//! The pieces of a source, one after another: fetched, opened, copied into the table. While one is copied the
//! next is fetched. Files are read on threads that may wait.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::try_join;

use super::super::failure::located;
use super::super::pool::Lent;
use super::super::task::{Problem, count};
use super::copy::copy;
use super::{Loading, Watcher, adding, aside, begun, table, types};
use crate::database::begun::BegunFile;
use crate::database::loads::LoadState;
use crate::source::{self, Fetched, Location, Piece, Progress, ReadOptions, Rows, SourceError, Target};

/// A file is dealt to at most so many sessions: more than these would wait for who reads it.
const SESSIONS: u64 = 4;
/// Bytes of a file that are worth a session.
const BYTES_A_SESSION: u64 = 4 << 20;

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
    /// Pieces that had none.
    pub without_rows: Vec<String>,
}

impl Loaded {
    pub fn notes(&self, loading: &Loading<'_>) -> Vec<String> {
        let mut notes = self.said.clone();
        if let Some(columns) = self.never_came.as_ref().filter(|columns| !columns.is_empty()) {
            let label = loading.node.label();
            notes.push(format!("{label}: columns that no record has are NULL: {}", columns.join(", ")));
        }
        // Most such files are failed exports.
        if let [first, others @ ..] = &*self.without_rows
            && self.rows > 0
            && !loading.options.allow_empty
        {
            let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
            notes.push(format!("{}: without rows: {first}{more}", loading.node.label()));
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

    /// Adds what came of one piece.
    fn add(&mut self, came: BegunFile) {
        let number = |count: i64| u64::try_from(count).unwrap_or(0);
        self.rows += number(came.rows);
        self.bad_rows += number(came.bad_rows);
        self.bytes += number(came.bytes);
        self.all_from_cache &= came.from_cache;
        self.say(came.said);
        // Where no record may lack a column, what the piece lacks as a whole is told of it.
        let missing = came.never_came.unwrap_or_default();
        match &mut self.never_came {
            Some(never) => never.retain(|name| missing.contains(name)),
            never => *never = Some(missing),
        }
        if came.rows == 0 && came.bad_rows == 0 {
            self.without_rows.push(came.file.clone());
        }
        self.files.push((came.file.clone(), came.version));
        self.digests.push((came.file, came.sha256));
    }

    /// As if all had come one after the other: the checksum of many is that of their list.
    fn in_order_of(&mut self, pieces: &[Piece]) {
        let places: HashMap<&str, usize> =
            pieces.iter().enumerate().map(|(place, piece)| (piece.name.as_str(), place)).collect();
        self.digests.sort_by_key(|(name, _)| places.get(name.as_str()).copied());
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
    /// Whether the table is made and filled in one transaction. Then its rows can be written as those that everybody
    /// sees for good, and no reader and no vacuum has to write them once more to say so.
    frozen: bool,
    /// Sessions to which the rows are dealt besides the load's own.
    spare: Vec<Lent>,
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
        frozen: false,
        spare: Vec::new(),
    };
    let by_piece = begun::goes_by_piece(loading, pieces);
    let there = if by_piece { filling.go_on(pieces).await? } else { HashSet::new() };
    let left: Vec<&Piece> = pieces.iter().filter(|piece| !there.contains(&piece.name)).collect();
    if let Some(first) = left.first() {
        let first = loading.fetched(first, &loading.watcher(filling.loaded.bytes, total)).await?;
        // Hooks may stand in a transaction of their own, and bad rows stay where a load fails because of them.
        if pieces.len() == 1 && loading.node.hooks.is_empty() && !loading.options.quarantine {
            let worth = (first.bytes / BYTES_A_SESSION).clamp(1, SESSIONS);
            filling.spare = loading.shared.pool.spare(usize::try_from(worth - 1).unwrap_or(0)).await;
            filling.frozen = filling.spare.is_empty();
        }
        let (frozen, table) = (filling.frozen, there.is_empty().then_some(pieces));
        // What it holds would lie on the stack more than once.
        let filled = Box::pin(filling.fill(&left, first, table, by_piece));
        if frozen { begun::in_transaction(loading, filled).await? } else { filled.await? }
    }
    if by_piece {
        begun::ended(loading).await?;
    }
    let mut loaded = filling.loaded;
    loaded.in_order_of(pieces);
    if !adding::by_file(loading) {
        loaded.files.clear();
    }
    aside::check_limit(loading, loaded.rows, loaded.bad_rows)?;
    if loaded.rows == 0 && pieces.len() > 1 && known.is_none() && !loading.options.allow_empty {
        let error = SourceError::new(format!("{location}: all {} files are without rows", pieces.len()));
        return Err(loading.wrong(&error.with_hint("if that is right, set allow_empty")));
    }
    Ok(loaded)
}

impl Filling<'_> {
    /// The names of the files that are in the table that another load left, if this one can go on from there.
    async fn go_on(&mut self, pieces: &[Piece]) -> Result<HashSet<String>, Problem> {
        let left = begun::files(self.loading, self.location, pieces, self.known).await?;
        self.loaded.say(left.said);
        let names = left.files.iter().map(|file| file.file.clone()).collect();
        left.files.into_iter().for_each(|file| self.loaded.add(file));
        Ok(names)
    }

    /// Copies the pieces that are left, the first of which is here; before that the table is made, where it is to
    /// be made for all of `table`.
    async fn fill(
        &mut self,
        left: &[&Piece],
        first: Arc<Fetched>,
        table: Option<&[Piece]>,
        by_piece: bool,
    ) -> Result<(), Problem> {
        let loading = self.loading;
        if let Some(pieces) = table {
            self.make_table(&first, pieces, by_piece).await?;
        }
        self.targets = loading.targets().await?;
        let mut waiting = Some(first);
        for (index, piece) in left.iter().enumerate() {
            let Some(fetched) = waiting.take() else { break };
            let next = Later::new(loading.watcher(0, self.total));
            let fetching = async {
                Ok(match left.get(index + 1) {
                    // What goes wrong with it is its own affair, and told when its turn comes.
                    Some(piece) => Some(loading.fetched(piece, &next).await),
                    None => None,
                })
            };
            let copying = self.copy(piece, &fetched, &next);
            let copying =
                async { if by_piece { begun::whole(loading, copying).await } else { copying.await } };
            let (came, fetched) = try_join(copying, fetching).await?;
            self.loaded.add(came);
            waiting = fetched.transpose()?;
        }
        Ok(())
    }

    async fn open(&self, fetched: &Arc<Fetched>) -> Result<Rows, Problem> {
        let (fetched, options, targets) = (fetched.clone(), self.options.clone(), self.targets.clone());
        self.loading.reading(move || source::open(&fetched, &options, &targets)).await
    }

    async fn make_table(
        &mut self,
        first: &Arc<Fetched>,
        pieces: &[Piece],
        by_piece: bool,
    ) -> Result<(), Problem> {
        let (loading, known) = (self.loading, self.known);
        let made = types::create_table(loading, self.location, (first, pieces), &self.options, known).await?;
        self.loaded.say(made.said);
        if by_piece {
            begun::begin(loading, Some(&begun::identity(loading, &made.columns, known))).await?;
        }
        Ok(())
    }

    /// Copies one piece.
    async fn copy(
        &mut self,
        piece: &Piece,
        fetched: &Arc<Fetched>,
        next: &Later,
    ) -> Result<BegunFile, Problem> {
        let loading = self.loading;
        let mut said = Vec::new();
        if let Some(added) = types::add_columns(loading, fetched, &self.options, &self.targets).await? {
            said.push(added);
            self.targets = loading.targets().await?;
        }
        let rows = self.open(fetched).await?;
        let shown = if loading.node.config.api.is_some() {
            self.location.to_string()
        } else {
            fetched.location.clone()
        };
        said.extend(types::unpaired(loading, &rows, &shown));
        let never_came = rows.is_sparse().then(|| rows.unpaired().1.to_vec());
        table::begin_piece(loading, &piece.name).await?;
        let file = (piece.name.as_str(), &**fetched);
        let progress = || (loading.watcher(self.loaded.bytes, self.total), self.loaded.rows);
        let copied = match copy(loading, rows, file, progress(), (&self.spare, self.frozen)).await {
            Err(stopped) if stopped.by_one_of_many => {
                let emptied = loading.session.run(&format!("truncate {}", loading.relation)).await;
                emptied.map_err(|error| Box::new(located(&error, loading.place.clone())))?;
                let rows = self.open(fetched).await?;
                copy(loading, rows, file, progress(), (&[], false)).await
            }
            copied => copied,
        };
        let copied = copied.map_err(|stopped| stopped.problem)?;
        if let Some(known) = self.known {
            adding::check_emptied(loading, known, &piece.name, copied.rows)?;
        }
        next.begin(self.loaded.bytes + copied.bytes);
        let digest = match copied.sha256 {
            Some(digest) => Some(digest),
            None => {
                let fetched = fetched.clone();
                loading.reading(move || Ok(fetched.digest().ok())).await?
            }
        };
        Ok(BegunFile {
            file: piece.name.clone(),
            version: piece.version.clone().unwrap_or_default(),
            rows: count(copied.rows),
            bad_rows: count(copied.bad_rows),
            bytes: count(copied.bytes),
            sha256: digest,
            from_cache: fetched.from_cache,
            said,
            never_came,
        })
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
