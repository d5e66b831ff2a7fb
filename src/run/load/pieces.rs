//! The pieces of a source: fetched, opened, copied into the table, each by the next session that has time for it.
//! While one is copied the next is fetched. A large file that is alone is dealt to the sessions instead. Files are
//! read on threads that may wait.

use std::collections::HashSet;
use std::iter::Enumerate;
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;

use super::super::failure::located;
use super::super::pool::Lent;
use super::super::task::{Problem, count};
use super::copy::copy;
use super::loaded::Loaded;
use super::watcher::{Copying, Later, Watcher};
use super::{Loading, adding, aside, begun, cursor, types};
use crate::database::begun::BegunFile;
use crate::database::loads::LoadState;
use crate::source::{
    self, ChangedColumns, Fetched, Location, Piece, Progress, ReadOptions, Rows, SourceError, Target,
};

/// A load uses at most so many sessions: more than these would wait for who reads its files.
const SESSIONS: usize = 4;
/// Bytes of a file that are worth a session.
const BYTES_A_SESSION: u64 = 8 << 20;
/// So many pieces are worth a session, however small they are: each takes a transaction.
const PIECES_A_SESSION: usize = 8;

/// A load whose table is filled from pieces.
struct Filling<'a> {
    loading: &'a Loading<'a>,
    location: &'a Location,
    known: Option<&'a LoadState>,
    options: ReadOptions,
    watcher: Watcher,
    /// Whether each piece is committed with a record of it.
    by_piece: bool,
    /// Whether the table is made and filled in one transaction. Then its rows can be written as those that everybody
    /// sees for good, and no reader and no vacuum has to write them once more to say so.
    frozen: bool,
    /// Sessions to which the rows of a file that is alone are dealt besides the load's own.
    dealt_to: Vec<Lent>,
}

/// What came of it.
struct Filled {
    /// What is to be told of the table that was made.
    said: Option<String>,
    files: Vec<BegunFile>,
}

/// A piece with its place among those that are left, and what came of fetching it.
type Fetching<'a> = (usize, &'a Piece, Result<Arc<Fetched>, Problem>);

/// What is left, and what has come of it.
struct Work<'a> {
    left: Mutex<Enumerate<slice::Iter<'a, &'a Piece>>>,
    came: Mutex<Vec<(usize, Result<BegunFile, Problem>)>>,
    failed: AtomicBool,
}

impl<'a> Work<'a> {
    fn new(left: &'a [&'a Piece]) -> Self {
        let left = Mutex::new(left.iter().enumerate());
        Self { left, came: Mutex::default(), failed: AtomicBool::new(false) }
    }

    /// Where one has failed, none is begun any more.
    fn next(&self) -> Option<(usize, &'a Piece)> {
        if self.failed.load(Ordering::Relaxed) {
            return None;
        }
        let (place, piece) = self.left.lock().unwrap_or_else(PoisonError::into_inner).next()?;
        Some((place, *piece))
    }

    fn came(&self, place: usize, came: Result<BegunFile, Problem>) {
        self.failed.fetch_or(came.is_err(), Ordering::Relaxed);
        self.came.lock().unwrap_or_else(PoisonError::into_inner).push((place, came));
    }

    /// In the order of the pieces; the first error.
    fn all(self) -> Result<Vec<BegunFile>, Problem> {
        let mut came = self.came.into_inner().unwrap_or_else(PoisonError::into_inner);
        came.sort_by_key(|(place, _)| *place);
        came.into_iter().map(|(_, came)| came).collect()
    }
}

/// Makes the table as the pieces want it and copies all of them.
pub(super) async fn copy_all(
    loading: &Loading<'_>,
    location: &Location,
    pieces: &[Piece],
    known: Option<&LoadState>,
) -> Result<Loaded, Problem> {
    let mut loaded = Loaded { all_from_cache: true, ..Loaded::default() };
    let by_piece = begun::goes_by_piece(loading, pieces);
    let there = match by_piece {
        true => go_on(loading, location, pieces, known, &mut loaded).await?,
        false => HashSet::new(),
    };
    let left: Vec<&Piece> = pieces.iter().filter(|piece| !there.contains(&piece.name)).collect();
    if let Some(first) = left.first() {
        let total: u64 = pieces.iter().filter_map(|piece| piece.bytes).sum();
        let watcher = loading.watcher().with(total, loaded.bytes, loaded.rows);
        let first = loading.fetched(first, &watcher).await?;
        let is_alone = pieces.len() == 1 && is_plain(loading);
        let dealt_to = match is_alone {
            true => loading.shared.pool.spare(others(loading, worth(first.bytes))).await,
            false => Vec::new(),
        };
        let filling = Filling {
            loading,
            location,
            known,
            // That all are empty is judged at the end.
            options: ReadOptions {
                allow_empty: loading.options.allow_empty || pieces.len() > 1 || known.is_some(),
                ..loading.options.clone()
            },
            watcher,
            by_piece,
            frozen: is_alone && dealt_to.is_empty(),
            dealt_to,
        };
        let table = there.is_empty().then_some(pieces);
        // What it holds would lie on the stack more than once.
        let filled = Box::pin(filling.fill(&left, first, table));
        let came =
            if filling.frozen { begun::in_transaction(loading, filled).await? } else { filled.await? };
        loaded.say(came.said);
        came.files.into_iter().for_each(|file| loaded.add(file));
    }
    if by_piece {
        begun::ended(loading).await?;
    }
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

/// The names of the files that are in the table that another load left, if this one can go on from there.
async fn go_on(
    loading: &Loading<'_>,
    location: &Location,
    pieces: &[Piece],
    known: Option<&LoadState>,
    loaded: &mut Loaded,
) -> Result<HashSet<String>, Problem> {
    let left = begun::files(loading, location, pieces, known).await?;
    loaded.say(left.said);
    let names = left.files.iter().map(|file| file.file.clone()).collect();
    left.files.into_iter().for_each(|file| loaded.add(file));
    Ok(names)
}

/// Whether the load needs no more of its session than what comes after it does. Hooks may stand in a transaction of
/// their own and set what holds for one session; bad rows wait in a table of a session's own, and stay where a load
/// fails because of them.
fn is_plain(loading: &Loading<'_>) -> bool {
    loading.node.hooks.is_empty() && !loading.options.quarantine
}

/// How many sessions besides the load's own may copy, where so many would have something to do. None where a later row
/// replaces an earlier one: the order in which they came would be lost.
fn others(loading: &Loading<'_>, worth: usize) -> usize {
    match is_plain(loading) && !cursor::replaces(loading) {
        true => worth.clamp(1, SESSIONS) - 1,
        false => 0,
    }
}

/// How many sessions so many bytes are worth.
fn worth(bytes: u64) -> usize {
    usize::try_from(bytes / BYTES_A_SESSION).unwrap_or(SESSIONS)
}

impl Filling<'_> {
    /// Copies the pieces that are left, the first of which is here; before that the table is made, where it is to
    /// be made for all of `table`.
    async fn fill(
        &self,
        left: &[&Piece],
        first: Arc<Fetched>,
        table: Option<&[Piece]>,
    ) -> Result<Filled, Problem> {
        let loading = self.loading;
        let said = match table {
            Some(pieces) => self.make_table(&first, pieces).await?,
            None => None,
        };
        let targets = loading.targets().await?;
        let others = loading.shared.pool.spare(self.others(left, &targets)).await;
        let work = Work::new(left);
        let first = work.next().map(|(place, piece)| (place, piece, Ok(first)));
        let own = self.work(loading, targets.clone(), &work, first);
        let others = others.iter().map(|session| async {
            let loading = loading.on(session);
            let first = self.fetch(&loading, work.next(), &self.watcher).await;
            self.work(&loading, targets.clone(), &work, first).await;
        });
        tokio::join!(own, join_all(others));
        Ok(Filled { said, files: work.all()? })
    }

    /// How many sessions besides the load's own can copy what is left. Where rows of one file are in the way of
    /// another's, they would wait for each other; so they would where a file gives the table new columns.
    fn others(&self, left: &[&Piece], targets: &[Target]) -> usize {
        let is_in_the_way = targets.iter().any(|target| target.constrained)
            || self.options.changed_columns == ChangedColumns::Add;
        if is_in_the_way {
            return 0;
        }
        let bytes: u64 = left.iter().filter_map(|piece| piece.bytes).sum();
        others(self.loading, worth(bytes).max(left.len() / PIECES_A_SESSION).min(left.len()))
    }

    /// Copies one piece after another on the session of `loading`.
    async fn work<'p>(
        &self,
        loading: &Loading<'_>,
        mut targets: Vec<Target>,
        work: &Work<'p>,
        first: Option<Fetching<'p>>,
    ) {
        let mut waiting = first;
        while let Some((place, piece, fetched)) = waiting {
            let fetched = match fetched {
                Ok(fetched) => fetched,
                Err(problem) => {
                    work.came(place, Err(problem));
                    return;
                }
            };
            let later = Later::new(&self.watcher);
            let copying = self.copy(loading, piece, &fetched, &mut targets, &later);
            let copying = async {
                let copied = if self.by_piece { begun::whole(loading, copying).await } else { copying.await };
                work.came(place, copied);
            };
            // What goes wrong with the next is its own affair, and told when its turn comes.
            let ((), next) = tokio::join!(copying, self.fetch(loading, work.next(), &later));
            waiting = next.filter(|_| !work.failed.load(Ordering::Relaxed));
        }
    }

    async fn fetch<'p>(
        &self,
        loading: &Loading<'_>,
        piece: Option<(usize, &'p Piece)>,
        progress: &dyn Progress,
    ) -> Option<Fetching<'p>> {
        let (place, piece) = piece?;
        Some((place, piece, loading.fetched(piece, progress).await))
    }

    async fn open(
        &self,
        loading: &Loading<'_>,
        piece: &Piece,
        fetched: &Arc<Fetched>,
        targets: &[Target],
    ) -> Result<Rows, Problem> {
        let file = loading.adds("_file").then(|| piece.name.clone());
        let options = ReadOptions { file, ..self.options.clone() };
        let (fetched, targets) = (fetched.clone(), targets.to_vec());
        loading.reading(move || source::open(&fetched, &options, &targets)).await
    }

    /// Makes it; what is to be told of it.
    async fn make_table(&self, first: &Arc<Fetched>, pieces: &[Piece]) -> Result<Option<String>, Problem> {
        let (loading, known) = (self.loading, self.known);
        let made = types::create_table(loading, self.location, (first, pieces), &self.options, known).await?;
        if self.by_piece {
            begun::begin(loading, Some(&begun::identity(loading, &made.columns, known))).await?;
        }
        Ok(made.said)
    }

    /// Copies one piece.
    async fn copy(
        &self,
        loading: &Loading<'_>,
        piece: &Piece,
        fetched: &Arc<Fetched>,
        targets: &mut Vec<Target>,
        next: &Later,
    ) -> Result<BegunFile, Problem> {
        let mut said = Vec::new();
        if let Some(added) = types::add_columns(loading, fetched, &self.options, targets).await? {
            said.push(added);
            *targets = loading.targets().await?;
        }
        let rows = self.open(loading, piece, fetched, targets).await?;
        let shown = if loading.node.config.api.is_some() {
            self.location.to_string()
        } else {
            fetched.location.clone()
        };
        said.extend(types::unpaired(loading, &rows, &shown));
        let never_came = rows.is_sparse().then(|| rows.unpaired().1.to_vec());
        let file = (piece.name.as_str(), &**fetched);
        let told = Arc::new(Copying::new(&self.watcher));
        let copied = match copy(loading, rows, file, &told, (&self.dealt_to, self.frozen)).await {
            Err(stopped) if stopped.by_one_of_many => {
                let emptied = loading.session.run(&format!("truncate {}", loading.relation)).await;
                emptied.map_err(|error| Box::new(located(&error, loading.place.clone())))?;
                let rows = self.open(loading, piece, fetched, targets).await?;
                copy(loading, rows, file, &told, (&[], false)).await
            }
            copied => copied,
        };
        let copied = copied.map_err(|stopped| stopped.problem)?;
        if let Some(known) = self.known {
            adding::check_emptied(loading, known, &piece.name, copied.rows)?;
        }
        next.begin();
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
