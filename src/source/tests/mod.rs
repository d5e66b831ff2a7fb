//! The module through its own door: parse, fetch, columns, open, chunks.

mod api;
mod download;
mod files;
mod never_panics;
mod parquet_values;
mod real_file;
mod round_trip;
mod round_trip_formats;
mod server;

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Runtime;
use url::Url;

use super::*;
use crate::database::Session;
use crate::test_database::TestDatabase;

/// A database of its own to load into, and a folder.
struct Bench {
    runtime: Runtime,
    session: Session,
    folder: TempDir,
    _database: TestDatabase,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (database, session) = runtime.block_on(async {
            let database = TestDatabase::new().await;
            let session = database.session().await;
            session.run("set timezone = 'UTC'").await.expect("it can be set");
            (database, session)
        });
        let folder = TempDir::new().expect("a temporary folder");
        Self { runtime, session, folder, _database: database }
    }
}

/// Options for tests: quick, and with a cache of their own.
fn options(cache: &Path) -> FetchOptions {
    FetchOptions {
        cache_dir: cache.to_owned(),
        stall_timeout: Duration::from_millis(400),
        retry_pause: Duration::from_millis(5),
        ..FetchOptions::default()
    }
}

fn http(url: &str) -> Location {
    Location::Http(Url::parse(url).expect("a URL"))
}

fn local(path: &Path) -> Fetched {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let options = options(&path.with_extension("cache"));
    runtime.block_on(fetch(&Location::File(path.to_owned()), &options, &())).expect("the file is there")
}

fn text_targets(names: &[&str]) -> Vec<Target> {
    names.iter().map(|name| Target::new(*name, 25)).collect()
}

fn read_all(rows: &mut Rows) -> Result<Vec<u8>, SourceError> {
    let (begin, end) = rows.frame();
    let mut all = begin.to_vec();
    while let Some(chunk) = rows.next_chunk()? {
        all.extend_from_slice(&chunk);
    }
    all.extend_from_slice(end);
    Ok(all)
}

/// The values of a COPY BINARY of text columns, a line a row: `a|b`, NULL as `-`.
fn decoded(copy: &[u8]) -> String {
    let mut rest = copy.strip_prefix(binary::HEADER).expect("it begins with the header");
    let mut take = |length: usize| {
        let (taken, left) = rest.split_at(length);
        rest = left;
        taken.to_vec()
    };
    let mut text = String::new();
    loop {
        let count = i16::from_be_bytes(take(2).try_into().expect("two bytes"));
        if count == -1 {
            return text;
        }
        let values: Vec<String> = (0..count)
            .map(|_| {
                let length = i32::from_be_bytes(take(4).try_into().expect("four bytes"));
                let value = usize::try_from(length).ok().map(&mut take);
                value.map_or("-".to_owned(), |value| String::from_utf8(value).expect("UTF-8"))
            })
            .collect();
        text.push_str(&format!("{}\n", values.join("|")));
    }
}

/// The whole of a fetched CSV as it was, where it holds no quotes.
fn csv_text(fetched: &Fetched, columns: &[&str]) -> String {
    let mut rows = open(fetched, &ReadOptions::default(), &text_targets(columns)).expect("it opens");
    let rows = decoded(&read_all(&mut rows).expect("it reads"));
    format!("{}\n{}", columns.join(","), rows.replace('|', ","))
}

#[test]
fn a_fetch_and_its_rows_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn rows_are_send() -> impl Send {
        Option::<(Rows, Fetched)>::None
    }
    let (location, options) = (Location::File("x".into()), FetchOptions::default());
    is_send(&fetch(&location, &options, &()));
    is_send(&rows_are_send());
}
