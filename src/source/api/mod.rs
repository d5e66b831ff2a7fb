//! JSON over HTTP: asks page after page, several batches at once, and keeps each page's records on disk as
//! JSON lines, to be read like any other file. What has come is not asked for again when a load died.

mod answer;
mod ask;
mod body;
mod pace;
mod paging;
pub(super) mod spool;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value};
use url::Url;

use super::list::Piece;
use super::{FetchOptions, Location, Progress, SourceError};
pub(super) use answer::Answer;
use ask::{Asker, plain};
use body::put;
pub use body::put as put_into_body;
use paging::Next;
pub use paging::{Paging, PagingEnd};
pub use spool::{Earlier, Spool};

/// What is asked of an API.
#[derive(Debug, Clone)]
pub struct ApiRequest {
    pub url: Url,
    /// By POST with a JSON body; otherwise by GET.
    pub post: bool,
    /// Names on the way to the list of records in an answer; none where the answer is the list.
    pub records: Vec<String>,
    /// Added to the address of every request.
    pub parameters: Vec<(String, String)>,
    pub body: Map<String, Value>,
    pub paging: Option<Paging>,
    pub end: PagingEnd,
    pub keys: Option<KeyBatches>,
    pub requests_per_second: Option<f64>,
    /// Batches that are asked for at once.
    pub concurrency: usize,
}

/// Values that are asked for, some at a time.
#[derive(Debug, Clone)]
pub struct KeyBatches {
    /// The field of the body, the parameter, or the `{part}` of the address that takes them.
    pub into: String,
    /// The field by which each record tells its key; only where there is one in a batch.
    pub added: Option<String>,
    pub batches: Vec<Vec<Value>>,
}

/// What an API answered.
pub struct Collected {
    /// The pages that hold records.
    pub pieces: Vec<Piece>,
    /// What is to be told of the paging.
    pub said: Option<String>,
}

/// Asks for everything. Pages that `spool` has are not asked for.
pub async fn collect(
    request: &ApiRequest,
    options: &FetchOptions,
    spool: &Spool,
    progress: &dyn Progress,
) -> Result<Collected, SourceError> {
    let asker = Arc::new(Asker::new(request, options)?);
    let received = AtomicU64::new(0);
    let told = |bytes: u64| {
        let before = received.fetch_add(bytes, Ordering::Relaxed);
        progress.bytes(before + bytes, None);
    };
    let chains = chains(request);
    let many = chains.len() > 1;
    let work = chains.into_iter().enumerate().map(|(index, chain)| {
        let (asker, told) = (asker.clone(), &told);
        async move { asker.follow(chain, spool, told).await.map(|pages| (index, pages)) }
    });
    let work: Vec<_> = work.collect();
    let mut found: Vec<(usize, Vec<spool::Page>)> =
        stream::iter(work).buffer_unordered(request.concurrency.max(1)).try_collect().await?;
    found.sort_by_key(|(index, _)| *index);
    spool.complete()?;
    let shown = Location::Http(request.url.clone()).to_string();
    let pieces = found.into_iter().flat_map(|(index, pages)| {
        let batch = if many { format!(" batch {}", index + 1) } else { String::new() };
        let shown = shown.clone();
        let full = pages.into_iter().enumerate().filter(|(_, page)| page.records > 0);
        full.map(move |(number, page)| page.piece(format!("{shown}{batch} page {}", number + 1)))
    });
    let pieces: Vec<Piece> = pieces.collect();
    let said = asker.nothing_told().filter(|_| !pieces.is_empty());
    Ok(Collected { pieces, said })
}

/// One request and those that its answer leads to.
struct Chain {
    /// Tells it from the others, the same in every load.
    name: String,
    /// Added to the body or to the address.
    keys: Option<ChainKeys>,
}

struct ChainKeys {
    into: String,
    values: Vec<Value>,
    added: Option<String>,
}

impl Chain {
    /// Where the address has a place for the key, how that stands there, and the key.
    fn in_path(&self, url: &Url) -> Option<(String, String)> {
        let keys = self.keys.as_ref()?;
        let place = format!("%7B{}%7D", keys.into);
        url.path().contains(&place).then(|| (place, keys.values.first().map(plain).unwrap_or_default()))
    }

    /// The field that each record gets, as it stands in JSON.
    fn added(&self) -> Option<String> {
        let keys = self.keys.as_ref()?;
        let name = Value::from(keys.added.clone()?);
        Some(format!("{name}:{}", keys.values.first()?))
    }
}

fn chains(request: &ApiRequest) -> Vec<Chain> {
    match &request.keys {
        None => vec![Chain { name: "all".to_owned(), keys: None }],
        Some(keys) => keys
            .batches
            .iter()
            .map(|batch| Chain {
                name: super::sha256(Value::Array(batch.clone()).to_string().as_bytes())[..24].to_owned(),
                keys: Some(ChainKeys {
                    into: keys.into.clone(),
                    values: batch.clone(),
                    added: keys.added.clone(),
                }),
            })
            .collect(),
    }
}

/// A page of records on disk.
impl spool::Page {
    fn piece(self, name: String) -> Piece {
        let path: PathBuf = self.path;
        Piece { location: Location::File(path), name, bytes: Some(self.bytes), version: None }
    }
}
