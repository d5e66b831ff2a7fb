//! Made-up input for every parser of what strangers send, through the doors that fuzzing takes, too.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::super::{HEADER, trial};

/// Pieces that mean something to one parser or another.
const PIECES: [&str; 48] = [
    "a,b\n",
    "\"",
    "\"\"",
    "\\",
    "\n",
    "\r\n",
    "\r",
    ",",
    ";",
    "#",
    "\\.",
    "\0",
    "{",
    "}",
    "[",
    "]",
    ":",
    "null",
    "true",
    "-0",
    "1e999",
    "1.50",
    "\"a\":",
    "\\u0000",
    "\\ud800",
    "<",
    ">",
    "rel=next",
    "; rel=\"next\"",
    "</x?page=2>",
    "bytes 10-99/100",
    "bytes */100",
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "120",
    "<form action=\"",
    "<input name=\"confirm\" value=\"t\">",
    "href=\"/uc?export=download",
    "&amp;",
    "http://",
    "https://u:p@h/",
    "s3://b/",
    "?token=x",
    "**",
    "COPY t, line 3",
    ", column c: \"",
    "2024-02-30",
    "24:00:00",
    "\u{feff}",
];

fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => (0..PIECES.len()).prop_map(|at| PIECES[at].as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..4),
        1 => "[a-z0-9 é]{1,4}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

#[test]
fn whatever_comes_is_read_or_refused() {
    let config =
        Config { cases: super::round_trip::cases(1_500), failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&(any::<[u8; 2]>(), text()), |(choice, bytes)| {
        let _ = trial::file(&[&choice[..], &bytes].concat());
        let _ = trial::answer(&bytes);
        trial::header(&bytes);
        trial::drive_page(&bytes);
        trial::row_ends(&bytes);
        trial::row_ends(&[&choice[..1], HEADER, &bytes].concat());
        let text = String::from_utf8_lossy(&bytes);
        trial::location(&text);
        trial::copy_context(&text);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
