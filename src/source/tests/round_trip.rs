//! What goes in comes out: made-up CSV with nasty values, loaded by elt and by PostgreSQL's own COPY from the
//! very same bytes, gives the same table, or both refuse it.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::*;
use crate::database::{Session, deal};

const TYPES: [(&str, u32); 14] = [
    ("text", 25),
    ("smallint", 21),
    ("integer", 23),
    ("bigint", 20),
    ("numeric", 1700),
    ("real", 700),
    ("double precision", 701),
    ("boolean", 16),
    ("date", 1082),
    ("time", 1083),
    ("timestamp", 1114),
    ("timestamptz", 1184),
    ("uuid", 2950),
    ("bytea", 17),
];

/// Spellings that some type takes, and near misses.
const SPELLINGS: [&str; 58] = [
    "0",
    "-0",
    "+1",
    "1",
    " 1",
    "1 ",
    "007",
    "32767",
    "-32769",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "0x1F",
    "1_000",
    "1.",
    ".5",
    "-.5",
    "1.50",
    "12345678901234567890.123456789",
    "1e3",
    "1e-400",
    "1e400",
    "3.4e38",
    "3.5e38",
    "1e-46",
    "0.1",
    "NaN",
    "nan",
    "Infinity",
    "-inf",
    "-",
    ".",
    "t",
    "TRUE",
    "tru",
    "of",
    "off",
    "yes",
    "n",
    "2020-02-29",
    "2021-02-29",
    "0001-01-01",
    "0000-01-01",
    "31 Jan 2020",
    "2020-01-31 24:00:00",
    "2020-01-31 23:59:60",
    "2020-01-31T10:00",
    "2020-01-31 10:00:00.1234567",
    "2020-01-31 00:01.5",
    "2020-01-31 10:00:00+02",
    "2020-01-31 10:00:00.5 UTC",
    "2020-01-31 10:00:00-0330",
    "10:00",
    "23:59:59.999999",
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "{a0eebc999c0b4ef8bb6d6bb9bd380a11}",
    r"\x00ff",
    r"\\001",
];

/// A field as it is written, quotes and all.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(&SPELLINGS[..]).prop_map(str::to_owned),
        2 => prop::sample::select(&SPELLINGS[..]).prop_map(|text| format!("\"{text}\"")),
        1 => Just(String::new()),
        1 => Just("\"\"".to_owned()),
        2 => "[0-9]{1,5}(\\.[0-9]{0,7})?",
        2 => "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]([ T][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,6})?(Z|[+-][01][0-9]:[0-5]0)?)?",
        2 => "\"[a-zé€你👍\\\\,\n\t ]{0,6}(\"\")?[x你\n]{0,2}(\"\")?[€👍]?\"",
        1 => "[a-z\\\\é€👍 ]{0,4}(\"[a你,\n]{0,3}\")?[a-z€]{0,2}",
    ]
}

/// A field that is probably of this type.
fn fitting(kind: &str) -> BoxedStrategy<String> {
    let date = "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9])";
    let time = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,8})?)?";
    let pattern = match kind {
        "text" => "[a-zé€\\\\ ]{0,4}(\"[a你👍,\n\t]{0,3}(\"\")?\")?[a-z€👍]{0,2}".to_owned(),
        "smallint" => "[+-]?[0-9]{1,4}".to_owned(),
        "integer" => "[ ]?-?[0-9]{1,9}".to_owned(),
        "bigint" => "-?[0-9]{1,18}".to_owned(),
        "numeric" => "[+-]?[0-9]{1,20}(\\.[0-9]{0,12})?(e[+-]?[0-9]{1,2})?".to_owned(),
        "real" => "[+-]?[0-9]{1,9}(\\.[0-9]{0,9})?(e[+-]?[0-9]{1,2})?".to_owned(),
        "double precision" => "[+-]?[0-9]{1,17}(\\.[0-9]{0,17})?(e[+-]?[0-9]{1,3})?".to_owned(),
        "boolean" => "t|f|true|FALSE|1|0|yes|No|on|off|of|tr".to_owned(),
        "date" => format!("{date}|[12][0-9]{{3}}0[1-9][012][1-9]"),
        "time" => time.to_owned(),
        "timestamp" => format!("{date}([ T]{time})?"),
        "timestamptz" => format!("{date}([ T]{time}(Z| UTC|[+-][01][0-9]:?[0-5]0|[+-]0[0-9]| CET)?)?"),
        "uuid" => "[0-9a-fA-F]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}".to_owned(),
        _ => "\\\\x([0-9a-fA-F]{2}){0,4}".to_owned(),
    };
    let plain = prop::string::string_regex(&pattern).expect("a good pattern").boxed();
    let quoted = plain.clone().prop_map(|text| format!("\"{}\"", text.replace('"', "\"\"")));
    prop_oneof![6 => plain, 1 => quoted, 1 => Just(String::new())].boxed()
}

#[derive(Debug, Clone)]
struct Made {
    types: Vec<usize>,
    text: String,
}

fn made() -> impl Strategy<Value = Made> {
    let end = prop_oneof![4 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r")];
    (prop::collection::vec(0..TYPES.len(), 2..5), end).prop_flat_map(|(types, end)| {
        let row: Vec<_> = types
            .iter()
            .map(|kind| prop_oneof![9 => fitting(TYPES[*kind].0), 1 => field().boxed()])
            .collect();
        (Just(types), Just(end), prop::collection::vec(row, 1..6), any::<bool>()).prop_map(
            |(types, end, rows, last)| {
                let header: Vec<String> = (0..types.len()).map(|index| format!("c{index}")).collect();
                let mut lines = vec![header.join(",")];
                lines.extend(rows.iter().map(|row| row.join(",")));
                let mut text = lines.join(end);
                if last {
                    text.push_str(end);
                }
                Made { types, text }
            },
        )
    })
}

/// `ELT_TEST_CASES` asks for more than the usual.
pub(super) fn cases(usual: u32) -> u32 {
    std::env::var("ELT_TEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

/// What a table holds, or that it was refused.
type Outcome = Option<Vec<Vec<Option<String>>>>;

async fn content(session: &Session, table: &str, columns: usize) -> Vec<Vec<Option<String>>> {
    let texts: Vec<String> = (0..columns).map(|index| format!("c{index}::text")).collect();
    let sql = format!("select {} from {table} order by ctid", texts.join(", "));
    session.table(&sql).await.expect("it can be read").rows
}

async fn make(session: &Session, table: &str, made: &Made) {
    let columns: Vec<String> =
        made.types.iter().enumerate().map(|(index, kind)| format!("c{index} {}", TYPES[*kind].0)).collect();
    let sql = format!("drop table if exists {table}; create table {table} ({})", columns.join(", "));
    session.run(&sql).await.expect("it can be made");
}

async fn by_copy(session: &Session, made: &Made) -> Outcome {
    make(session, "theirs", made).await;
    let (sender, receiver) = mpsc::channel::<Result<Bytes, SourceError>>(1);
    sender.try_send(Ok(Bytes::from(made.text.clone()))).expect("there is room");
    drop(sender);
    let copied = session.copy_in("copy theirs from stdin with (format csv, header true)", receiver).await;
    copied.ok()?.ok()?;
    Some(content(session, "theirs", made.types.len()).await)
}

async fn by_elt(session: &Session, made: &Made, folder: &TempDir) -> Outcome {
    make(session, "ours", made).await;
    let path = folder.path().join("made.csv");
    std::fs::write(&path, &made.text).expect("files can be written");
    let fetched = fetch(&Location::File(path), &options(folder.path()), &()).await.expect("it is there");
    let targets: Vec<Target> = made
        .types
        .iter()
        .enumerate()
        .map(|(index, kind)| Target::new(format!("c{index}"), TYPES[*kind].1))
        .collect();
    let options = ReadOptions { session_is_utc: true, ..ReadOptions::default() };
    let mut rows = open(&fetched, &options, &targets).ok()?;
    loop {
        let (frame, (sender, receiver)) = (rows.frame(), mpsc::channel(64));
        while let Some(chunk) = rows.next_chunk().transpose() {
            let failed = chunk.is_err();
            sender.try_send(chunk).expect("there is room");
            if failed {
                break;
            }
        }
        drop(sender);
        let copy = format!("copy ours {}", rows.copy_clause(false));
        deal(&[session], &copy, frame, receiver).await.ok()?.ok()?;
        if !rows.next_copy() {
            return Some(content(session, "ours", made.types.len()).await);
        }
    }
}

#[test]
fn a_csv_gives_the_table_that_copy_gives_or_both_refuse_it() {
    let Bench { runtime, session, folder, .. } = &Bench::new();
    let cases = cases(300);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let (mut taken, mut all) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let outcome = runner.run(&made(), |made| {
        let (theirs, ours) =
            runtime.block_on(async { (by_copy(session, &made).await, by_elt(session, &made, folder).await) });
        all.set(all.get() + 1);
        taken.set(taken.get() + u32::from(theirs.is_some()));
        prop_assert_eq!(ours, theirs);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert!(*taken.get_mut() > 0 && taken.get_mut() < all.get_mut(), "some are taken and some refused");
}

/// Files with a byte changed, cut out or put in, in every format: read or refused, never a panic.
#[test]
fn damaged_files_of_every_format_are_read_or_refused() {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("a.csv", zip::write::SimpleFileOptions::default()).expect("a vector takes it");
    zip.write_all(b"a,b\n1,\"x\"\n").expect("a vector takes it");
    let seeds: [(&str, Vec<u8>); 5] = [
        ("a.csv", b"a,b\r\n1,\"x\"\"\ny\"\r\n2,\r\n".to_vec()),
        ("a.json", b"[{\"a\": 1e5, \"b\": \"\\u00e9\"}, {\"a\": [1, {\"c\": null}]}]".to_vec()),
        ("b.jsonl", b"{\"a\": 1}\n{\"b\": \"x\"}\n".to_vec()),
        ("a.zip", zip.finish().expect("a vector takes it").into_inner()),
        ("u.csv", "\u{feff}a,b\n1,é\n".encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ];
    let folder = TempDir::new().expect("a temporary folder");
    let change = (0..seeds.len(), any::<prop::sample::Index>(), 0..3, any::<u8>());
    let config = Config { cases: cases(600), failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&prop::collection::vec(change, 1..4), |changes| {
        let (name, seed) = &seeds[changes[0].0];
        let mut bytes = seed.clone();
        for (_, at, how, byte) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.drain(at..bytes.len().min(at + usize::from(byte % 8) + 1))),
            }
            if bytes.is_empty() {
                bytes.push(b'a');
            }
        }
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("files can be written");
        let fetched = local(&path);
        for quarantine in [false, true] {
            let options =
                ReadOptions { quarantine, changed_columns: ChangedColumns::Ignore, ..ReadOptions::default() };
            let Ok(mut rows) = open(&fetched, &options, &text_targets(&["a", "b"])) else { continue };
            while read_all(&mut rows).is_ok() && rows.next_copy() {}
        }
        let _ = Inference::default().read(&fetched, &ReadOptions::default());
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
