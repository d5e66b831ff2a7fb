//! Each class of errors: it is in the docs, and its whole text is what is written in one of these modules or
//! beside what it is about.

mod commands;
mod files;
mod graph;
mod keys;
mod loads;
mod profile;
mod rules;
mod runs;
mod sql;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::Project;

fn rust_files(folder: &Path, texts: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("the folder is there").flatten() {
        match entry.path() {
            path if path.is_dir() => rust_files(&path, texts),
            path if path.extension().is_some_and(|ending| ending == "rs") => {
                texts.push(fs::read_to_string(path).expect("it can be read"));
            }
            _ => {}
        }
    }
}

/// Every code that src/ names.
fn codes() -> BTreeSet<String> {
    let mut texts = Vec::new();
    rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
    let mut found = BTreeSet::new();
    for text in &texts {
        for opening in ["Diagnostic::error(", "Diagnostic::warning(", "Stop::error(", "Self::error("] {
            for (at, _) in text.match_indices(opening) {
                let rest = text[at + opening.len()..].trim_start();
                let quoted = rest.strip_prefix('"').and_then(|rest| rest.split('"').next());
                found.extend(quoted.map(str::to_owned));
            }
        }
        // PostgreSQL's own codes get their words in one place.
        if let Some((_, body)) = text.split_once("fn code(error: &DatabaseError) -> &'static str {") {
            let body = body.split("\n}\n").next().unwrap_or_default();
            let words = body.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next());
            found.extend(words.map(str::to_owned));
        }
    }
    found
}

/// Every code whose whole text some snapshot holds.
fn shown() -> BTreeSet<String> {
    let mut texts = Vec::new();
    for folder in ["src", "tests"] {
        rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut texts);
    }
    let mut found = BTreeSet::new();
    for text in &texts {
        for snapshot in text.split("assert_snapshot!(").skip(1).filter_map(|rest| literal(rest)) {
            for opening in ["error[", "warning["] {
                let shown = snapshot.split(opening).skip(1).filter_map(|rest| rest.split_once("]: "));
                found.extend(shown.map(|(code, _)| code.to_owned()));
            }
        }
    }
    found
}

/// The text of an inline snapshot.
fn literal(rest: &str) -> Option<&str> {
    let (_, rest) = rest.split_once(", @")?;
    let rest = rest.strip_prefix('r').unwrap_or(rest);
    let text = rest.trim_start_matches('#');
    let end = format!("\"{}", &rest[..rest.len() - text.len()]);
    text.strip_prefix('"')?.split_once(&end).map(|(text, _)| text)
}

#[test]
fn each_class_of_errors_is_shown_whole_in_some_test() {
    let (used, shown) = (codes(), shown());
    assert!(shown.len() > 70, "snapshots are not found any more: {shown:?}");
    let lacking: Vec<&String> = used.difference(&shown).collect();
    assert!(lacking.is_empty(), "no snapshot holds the whole text of {lacking:?}");
}

#[tokio::test]
async fn each_class_of_errors_is_explained() {
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md"))
        .expect("it is there");
    let explained: Vec<&str> = docs.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let used = codes();
    assert!(used.len() > 70, "codes are not found any more: {used:?}");
    let known: BTreeSet<String> = explained.iter().map(|code| (*code).to_owned()).collect();
    let lacking: Vec<&String> = used.difference(&known).collect();
    assert!(lacking.is_empty(), "docs/errors.md lacks {lacking:?}");
    let stale: Vec<&String> = known.difference(&used).collect();
    assert!(stale.is_empty(), "docs/errors.md explains what there is not: {stale:?}");
    assert!(explained.is_sorted(), "the classes stand in the order of the alphabet");

    let project = Project::new(&[]).await;
    project.good(&["explain", "error[unknown-ref]"]).prints("`ref` names no model");
    project.elt(&["explain", "unknown-rfe"]).expect(2).says("did you mean `unknown-ref`?");
    assert_eq!(project.good(&["explain"]).stdout.lines().count(), known.len());
}
