//! Brings a source within reach: opens a local file, or downloads into the cache. What comes out can be read
//! without a network.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use url::{Host, Url};

use super::api::spool;
use super::error::nearest;
use super::file::OpenFile;
use super::http::cache::{self, Cache};
use super::http::download::Download;
use super::http::{drive, sweep};
use super::list::Piece;
use super::{Location, SourceError, compression, digest, object};

/// How a source is fetched. Local files need only `cache_dir`, and that only when a packed Parquet file is
/// unpacked.
#[derive(Clone)]
pub struct FetchOptions {
    /// Made when it is not there.
    pub cache_dir: PathBuf,
    /// A name for downloads that are to be forgotten together.
    pub cache_group: Option<String>,
    /// A download that nobody asked for in this time is removed.
    pub cache_for: Duration,
    /// Where the downloads are more bytes, those that were not asked for longest are removed.
    pub cache_bytes: u64,
    /// A larger download is refused.
    pub max_bytes: u64,
    /// Bytes that a packed file may unpack to.
    pub max_unpacked_bytes: u64,
    /// Bytes of memory that the cells of a workbook may take.
    pub max_workbook_bytes: u64,
    pub connect_timeout: Duration,
    /// For how long a server may send nothing.
    pub stall_timeout: Duration,
    /// Tries after the first that may fail in a row; one that brought a MiB begins the count anew.
    pub retries: usize,
    /// The pause before the second try; it doubles from try to try, up to a minute.
    pub retry_pause: Duration,
    /// A longer `Retry-After` ends the fetch.
    pub max_retry_after: Duration,
    pub google_drive_url: Url,
    /// Sent to the host of the source and no other. The values count as secrets.
    pub headers: Vec<(String, String)>,
    /// User and password, as secret and as bound to the host of the source.
    pub basic: Option<(String, String)>,
    /// Nothing is asked of this machine, its network, or what lies behind it; proxies are not used.
    pub refuse_private_addresses: bool,
    /// But of these hosts, as an address spells them; not of others that lead to the same place.
    pub allow_hosts: Vec<Host>,
    /// Of object stores: words as `aws_access_key_id`, `aws_region`, and their values. They count as secrets.
    pub store: Vec<(String, String)>,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            cache_dir: PathBuf::from(".elt/cache"),
            cache_group: None,
            cache_for: Duration::from_secs(30 * 24 * 3600),
            cache_bytes: 20 << 30,
            max_bytes: 10 << 30,
            max_unpacked_bytes: 100 << 30,
            max_workbook_bytes: 1 << 30,
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(60),
            retries: 4,
            retry_pause: Duration::from_secs(1),
            max_retry_after: Duration::from_secs(120),
            google_drive_url: Url::parse("https://drive.google.com").expect("the constant is a URL"),
            headers: Vec::new(),
            basic: None,
            refuse_private_addresses: false,
            allow_hosts: Vec::new(),
            store: Vec::new(),
        }
    }
}

/// Is told how a download gets on.
pub trait Progress: Send + Sync {
    /// `done` bytes of `total`, where the server said a total. May go back when a download starts anew.
    fn bytes(&self, done: u64, total: Option<u64>);
}

/// Nobody is watching.
impl Progress for () {
    fn bytes(&self, _: u64, _: Option<u64>) {}
}

/// A source that is open and can be read without a network.
#[derive(Debug)]
pub struct Fetched {
    /// Where it came from, fit to be shown and recorded.
    pub location: String,
    /// Its name there, from which the format may be told.
    pub file_name: Option<String>,
    /// As delivered, packed or not; 0 for a sample.
    pub bytes: u64,
    /// In hex; known at once only for downloads. [`Fetched::digest`] reads for it.
    pub sha256: Option<String>,
    /// The server said that the copy from an earlier fetch is still good.
    pub from_cache: bool,
    /// Of a local file.
    pub modified: Option<SystemTime>,
    pub(super) content: Content,
    scratch_dir: PathBuf,
    unpacked: Mutex<Option<OpenFile>>,
}

#[derive(Debug)]
pub(super) enum Content {
    File(OpenFile),
    Sample { generator: String, query: String },
}

/// Fetches a piece of a source. An object without a byte, as a store keeps for a folder, is not asked for.
pub async fn fetch_piece(
    piece: &Piece,
    options: &FetchOptions,
    progress: &dyn Progress,
) -> Result<Fetched, SourceError> {
    if matches!(piece.location, Location::Object { .. }) && piece.bytes == Some(0) {
        return Fetched::of_content(&piece.name, b"", options.cache_dir.clone())
            .map_err(|error| SourceError::io("the download cache cannot be used", &error));
    }
    fetch(&piece.location, options, progress).await
}

/// Fetches a source. Downloads go through the cache: what the server calls unchanged is not sent again.
pub async fn fetch(
    location: &Location,
    options: &FetchOptions,
    progress: &dyn Progress,
) -> Result<Fetched, SourceError> {
    let made = |content| Fetched {
        location: location.to_string(),
        file_name: location.file_name(),
        bytes: 0,
        sha256: None,
        from_cache: false,
        modified: None,
        content,
        scratch_dir: options.cache_dir.clone(),
        unpacked: Mutex::new(None),
    };
    let url = match location {
        Location::Sample { generator, query } => {
            return Ok(made(Content::Sample { generator: generator.clone(), query: query.clone() }));
        }
        Location::File(path) => {
            let file = open_local(path)?;
            let (bytes, modified) = (file.length(), file.modified());
            return Ok(Fetched { bytes, modified, ..made(Content::File(file)) });
        }
        Location::Files { pattern, .. } => {
            return Err(SourceError::new(format!(
                "{pattern} is a pattern: its files are fetched one by one"
            )));
        }
        Location::Postgres(_) => return Err(SourceError::new(format!("{location} is no file"))),
        Location::Http(url) => url.clone(),
        Location::Object { bucket, key } => object::signed_url(bucket, key, options).await?,
        Location::GoogleDrive { id, url } => drive::download_url(&options.google_drive_url, id, url),
    };
    let known_as = match location {
        // A signed address is another one every time.
        Location::Object { .. } => object::identity(&url),
        _ => url.clone(),
    };
    let cache = Cache::open(&options.cache_dir, &known_as, options)?;
    let drive = matches!(location, Location::GoogleDrive { .. });
    let shown = location.to_string();
    let stored = Download::new(options, shown, url, drive)?.run(&cache, progress).await?;
    Ok(Fetched {
        bytes: stored.file.length(),
        sha256: Some(stored.sha256),
        from_cache: stored.from_cache,
        ..made(Content::File(stored.file))
    })
}

/// Removes what nobody needs any more once `run` is published: the pages of APIs that it brought, the downloads of
/// `groups`, and what is old or too much.
pub fn tidy(options: &FetchOptions, run: i64, groups: &[String]) {
    spool::forget(&options.cache_dir, run);
    for group in groups {
        sweep::forget(&options.cache_dir, group);
    }
    sweep::sweep(&options.cache_dir, options.cache_for, options.cache_bytes);
}

fn open_local(path: &Path) -> Result<OpenFile, SourceError> {
    OpenFile::open(path).map_err(|error| {
        let made = SourceError::io(format!("{} cannot be opened", path.display()), &error);
        match error.kind() {
            std::io::ErrorKind::NotFound => made.with_hint(neighbour(path)),
            std::io::ErrorKind::IsADirectory => made.with_hint("name one file in it"),
            _ => made,
        }
    })
}

/// What lies where a file was looked for.
fn neighbour(path: &Path) -> String {
    let names: Option<Vec<String>> =
        path.parent().and_then(|folder| std::fs::read_dir(folder).ok()).map(|list| {
            list.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect()
        });
    let Some(names) = names else {
        return "the folder is not there either; relative paths are taken from the project's root".to_owned();
    };
    let wanted = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    match nearest(&wanted, names.iter().map(String::as_str)) {
        Some(near) => format!("`{near}` is in the same folder"),
        None => "relative paths are taken from the project's root".to_owned(),
    }
}

impl Fetched {
    /// A file that has no name on disk.
    pub(super) fn of_content(name: &str, bytes: &[u8], scratch_dir: PathBuf) -> std::io::Result<Self> {
        let mut file = nameless_file(&scratch_dir)?;
        std::io::Write::write_all(&mut file, bytes)?;
        Ok(Self {
            location: name.to_owned(),
            file_name: Some(name.to_owned()),
            bytes: bytes.len() as u64,
            sha256: None,
            from_cache: false,
            modified: None,
            content: Content::File(OpenFile::new(file)?),
            scratch_dir,
            unpacked: Mutex::new(None),
        })
    }

    /// SHA-256 of the delivered bytes in hex. Reads the whole source unless it is known; blocks.
    pub fn digest(&self) -> Result<String, SourceError> {
        if let Some(known) = &self.sha256 {
            return Ok(known.clone());
        }
        let mut reader: Box<dyn Read + Send> = match &self.content {
            Content::File(file) => Box::new(file.reader_at(0)),
            Content::Sample { generator, query } => super::sample::reader(generator, query)?,
        };
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; super::CHUNK_BYTES];
        loop {
            match reader.read(&mut buffer).map_err(|error| compression::read_error(&self.location, error))? {
                0 => return Ok(digest::hex(&hasher.finalize())),
                read => hasher.update(&buffer[..read]),
            }
        }
    }

    /// The whole of `stream` as a file without a name, which goes away by itself. Unpacked once.
    pub(super) fn unpacked(&self, stream: &mut dyn Read) -> Result<OpenFile, SourceError> {
        let mut kept = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*kept {
            return Ok(file.clone());
        }
        let shown = &self.location;
        let mut scratch = nameless_file(&self.scratch_dir)
            .map_err(|error| SourceError::io(format!("{shown} cannot be unpacked into the cache"), &error))?;
        std::io::copy(stream, &mut scratch).map_err(|error| compression::read_error(shown, error))?;
        let file = OpenFile::new(scratch)
            .map_err(|error| SourceError::io(format!("{shown} cannot be unpacked into the cache"), &error))?;
        *kept = Some(file.clone());
        Ok(file)
    }
}

fn nameless_file(folder: &Path) -> std::io::Result<File> {
    cache::private_folder(folder)?;
    let path = folder.join(cache::unique_name("unpacked"));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    // Without a name a killed process leaves nothing behind.
    std::fs::remove_file(&path)?;
    Ok(file)
}
