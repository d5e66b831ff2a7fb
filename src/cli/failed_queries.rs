//! The queries of failed tests as files, so that they can be pasted where rows are looked at.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::artifacts::Artifacts;
use super::inspect::ASKS;
use crate::diagnostic::Diagnostic;
use crate::manifest::{Manifest, NodeId, Test, hash};
use crate::name::Relation;
use crate::pipeline::{NodeRecord, NodeStatus};

/// The folder of them, beside the artifacts.
const FOLDER: &str = "failed";
/// Longer names are cut. Unit: bytes.
const LONGEST: usize = 150;

/// What tests were asked of.
pub(super) struct Asked<'a> {
    pub manifest: &'a Manifest,
    /// Where a node's rows are to be seen now.
    pub name: &'a dyn Fn(NodeId) -> Relation,
    /// The run that asked, where it did not publish what it had built.
    pub unpublished: Option<i64>,
}

impl Artifacts {
    /// Writes the query of each test that found rows and names the file in what is told of it. The file of a test that
    /// holds now goes.
    pub fn failed_queries(&self, asked: &Asked<'_>, records: &[NodeRecord], problems: &mut [Diagnostic]) {
        let Some(folder) = self.folder().map(|folder| folder.join(FOLDER)) else { return };
        for record in records.iter().filter(|record| record.kind == "test") {
            let Some(test) = asked.manifest.tests.iter().find(|test| test.name == record.node) else {
                continue;
            };
            let path = folder.join(file_name(&test.name));
            let told = format!("{} ", test.name);
            let mut problems = problems.iter_mut();
            let problem = problems.find(|one| one.code == "test-failed" && one.message.starts_with(&told));
            let Some(problem) = problem else {
                if matches!(record.status, NodeStatus::Passed | NodeStatus::Unchanged | NodeStatus::Kept) {
                    // It stays where it cannot be removed: it says itself what it is of.
                    let _ = fs::remove_file(&path);
                }
                continue;
            };
            let text = self.hide(&text(asked, records, test, problem));
            let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, text));
            match written {
                Ok(()) => {
                    let line = format!("its query: {}", shown(&path).display());
                    problem.hint = Some(match problem.hint.take() {
                        Some(hint) => format!("{hint}\n{line}"),
                        None => line,
                    });
                }
                Err(error) => self.note(&format!("{} was not written: {error}", path.display())),
            }
        }
    }
}

fn text(asked: &Asked<'_>, records: &[NodeRecord], test: &Test, problem: &Diagnostic) -> String {
    let manifest = asked.manifest;
    let mut text = format!("-- {}\n", problem.message);
    let was_built = |label: &String| {
        records.iter().any(|record| {
            record.node == *label && matches!(record.status, NodeStatus::Built | NodeStatus::Kept)
        })
    };
    let targets = test.text.targets.iter().map(|id| manifest.node(*id).label());
    let built: Vec<String> = targets.filter(was_built).collect();
    if let Some(run) = asked.unpublished.filter(|_| !built.is_empty()) {
        text.push_str(&format!(
            "-- Run {run} asked it of {} as it had built that, and did not publish it: here it reads what is published.\n\
             -- The rows that were found are kept by --store-failures.\n",
            built.join(", ")
        ));
    }
    if manifest.text_asks(&test.text, &BTreeSet::new()) {
        text.push_str(ASKS);
    }
    text + manifest.test_query(test, asked.name).text.trim() + "\n;\n"
}

/// Removes what was written, and the folder if nothing else is in it.
pub(super) fn clean(folder: &Path) -> std::io::Result<()> {
    let folder = folder.join(FOLDER);
    let found = match fs::read_dir(&folder) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for file in found.flatten().map(|file| file.path()) {
        if file.extension().is_some_and(|ending| ending == "sql") {
            fs::remove_file(file)?;
        }
    }
    let _ = fs::remove_dir(folder);
    Ok(())
}

fn file_name(test: &str) -> String {
    let plain = test.replace(|c: char| c.is_control() || "/\\:".contains(c), "_");
    if plain.len() <= LONGEST && plain == test {
        return format!("{plain}.sql");
    }
    let cut = (0..=LONGEST.min(plain.len())).rev().find(|at| plain.is_char_boundary(*at)).unwrap_or(0);
    format!("{}_{}.sql", &plain[..cut], &hash(test)[..10])
}

/// As it is typed in the project's folder.
fn shown(path: &Path) -> PathBuf {
    path.strip_prefix(".").unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_as_its_test_as_far_as_folders_allow() {
        assert_eq!(file_name("unique_orders_id"), "unique_orders_id.sql");
        assert_eq!(file_name("a/b"), format!("a_b_{}.sql", &hash("a/b")[..10]));
        assert!(file_name(&"ä".repeat(200)).len() < 200);
    }
}
