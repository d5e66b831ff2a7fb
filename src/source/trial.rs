//! Doors for made-up input, one for each parser of what strangers send. Fuzz targets and tests go in here:
//! any bytes are read or refused, without a panic and without an end only for the test. Nothing else uses it.

use reqwest::header::{HeaderMap, HeaderValue, LINK};
use url::Url;

use super::api::{Answer, Paging, PagingEnd};
use super::format::{ChangedColumns, Ragged, ReadOptions};
use super::http::{drive, headers};
use super::place::Unit;
use super::{Fetched, Inference, Location, RowEnds, RowPlace, SourceError, Target, columns, open};

/// Of each kind of format one name, and what its bytes are read as.
const NAMES: [&str; 8] = ["a.csv", "a.json", "a.jsonl", "a.zip", "a.xlsx", "a.parquet", "a.tsv", "export"];
/// Types that elt reads itself, and one that it does not: boolean, bytea, the integers, text, json, floats,
/// date, time, timestamps, interval, numeric, uuid, jsonb, inet.
const TYPES: [u32; 19] =
    [16, 17, 20, 21, 23, 25, 114, 700, 701, 1082, 1083, 1114, 1184, 1186, 1700, 2950, 3802, 869, 1043];
/// Unpacks to no more.
const MAX_UNPACKED_BYTES: u64 = 1 << 20;

/// A binary COPY: its first byte chooses into what chunks it falls, which must make no difference.
pub fn row_ends(bytes: &[u8]) {
    let Some((size, copy)) = bytes.split_first() else { return };
    let (mut rows, mut before, mut last) = (RowEnds::new(), 0, None);
    for chunk in copy.chunks(usize::from(*size).max(1)) {
        last = rows.last_in(chunk).map(|end| before + end).or(last);
        before += chunk.len();
    }
    assert_eq!(last, RowEnds::new().last_in(copy), "rows end where they end, however they come");
}

/// A file: its first two bytes choose name, options and types, the rest is its content.
pub fn file(bytes: &[u8]) -> Result<(), SourceError> {
    let [name, flags, content @ ..] = bytes else { return Ok(()) };
    let is = |flag: u8| flags & flag != 0;
    let options = ReadOptions {
        quarantine: is(1),
        ragged: if is(2) { Ragged::Fill } else { Ragged::Fail },
        header: !is(4),
        comment: is(8).then_some('#'),
        delimiter: is(16).then_some(';'),
        encoding: is(32).then(|| "latin1".to_owned()),
        escape: is(64).then_some('\\'),
        null: if is(64) { vec!["null".to_owned(), "x".to_owned()] } else { Vec::new() },
        records: (is(64) && is(128)).then(|| "a.b".to_owned()),
        allow_empty: is(128),
        file: is(128).then(|| "a\tb".to_owned()),
        numbered: is(128),
        changed_columns: ChangedColumns::Ignore,
        max_uncompressed_bytes: MAX_UNPACKED_BYTES,
        max_workbook_bytes: MAX_UNPACKED_BYTES,
        ..ReadOptions::default()
    };
    let fetched = Fetched::of_bytes(NAMES[usize::from(*name) % NAMES.len()], content)?;
    let types = TYPES.iter().cycle().skip(usize::from(*flags >> 5) + usize::from(*name / 8));
    let named = columns(&fetched, &options)?.names;
    let targets: Vec<Target> = named.iter().zip(types).map(|(name, oid)| Target::new(name, *oid)).collect();
    let mut rows = open(&fetched, &options, &targets)?;
    loop {
        while rows.next_chunk()?.is_some() {}
        if !rows.next_copy() {
            break;
        }
    }
    rows.explain("COPY t, line 2, column a: \"x\"");
    let mut inference = Inference::default();
    inference.read(&fetched, &options)?;
    inference.columns();
    Ok(())
}

/// An API's answer, and what comes after it.
pub fn answer(bytes: &[u8]) -> Result<(), SourceError> {
    for way in [&[][..], &["items".to_owned()][..], &["a".to_owned(), "-1".to_owned(), "b".to_owned()][..]] {
        let Ok(answer) = Answer::read(bytes, way, "an API") else { continue };
        for line in answer.lines(None).split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            assert!(
                serde_json::from_slice::<&serde_json::value::RawValue>(line).is_ok(),
                "a line is a record"
            );
        }
        let paging = Paging::Cursor { parameter: "after".to_owned(), next: way.to_vec() };
        let way = Some(way.to_vec());
        let end = PagingEnd { pages: way.clone(), total: way.clone(), more: way };
        paging.after(&end, &answer, &HeaderMap::new(), (1, 1))?;
    }
    Ok(())
}

/// What a server may write into headers that elt reads.
pub fn header(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    headers::retry_after(&value);
    let mut all = HeaderMap::new();
    for name in [LINK, reqwest::header::CONTENT_RANGE, reqwest::header::CONTENT_LENGTH, reqwest::header::ETAG]
    {
        all.insert(name, value.clone());
    }
    let validator = headers::validator(&all);
    headers::continues(&all, 10, Some(100), &validator);
    headers::number(&all, reqwest::header::CONTENT_LENGTH);
    let empty = Answer::read(b"[]", &[], "an API").expect("an empty list is a list");
    let _ = Paging::Link { next: None }.after(&PagingEnd::default(), &empty, &all, (1, 1));
}

/// A page that Google Drive puts before a file.
pub fn drive_page(bytes: &[u8]) {
    let at = Url::parse("https://drive.google.com/uc?id=x").expect("the constant is a URL");
    let _ = drive::next_step(bytes, &at, "a link");
    let _ = drive::refusal(&String::from_utf8_lossy(bytes), "a link");
}

/// A location as a model may spell it, which is then shown without its secrets.
pub fn location(text: &str) {
    if let Ok(location) = Location::parse(text, std::path::Path::new("/project")) {
        let shown = location.to_string();
        if let Location::Http(url) = &location {
            let password = url.password().filter(|password| password.len() > 8);
            assert!(password.is_none_or(|password| !shown.contains(&format!(":{password}@"))), "{shown}");
        }
    }
}

/// What PostgreSQL writes into the CONTEXT of an error of COPY; names and values in it may be anything.
pub fn copy_context(text: &str) {
    if let Some(place) = RowPlace::from_context(text, Unit::Line) {
        let _ = place.to_string();
    }
}

impl Fetched {
    /// A file without a name on disk, with these bytes.
    fn of_bytes(name: &str, bytes: &[u8]) -> Result<Self, SourceError> {
        Self::of_content(name, bytes, std::env::temp_dir())
            .map_err(|error| SourceError::io("the temporary folder cannot be used", &error))
    }
}
