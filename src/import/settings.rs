//! What `dbt_project.yml` says and elt has no place for: each word is listed with its line.

use serde_json::Value;

use super::Files;
use super::dbt::Dbt;
use super::folder_tests::{self, FolderTests};
use super::place::finding;
use super::report::{Finding, Kind};

/// Settings of the whole project.
const SETTINGS: [(&str, &str); 4] = [
    ("query-comment", "elt's sessions name themselves in application_name"),
    ("quoting", "elt quotes every name as it is written"),
    ("asset-paths", "the site of `elt docs` is one file and takes no pictures"),
    ("flags", "elt's own are arguments: `elt help run`"),
];

/// Configs of folders that are not of models, snapshots or seeds.
const TREES: [(&str, &str); 6] = [
    ("unit_tests", "write it in the `config:` of each unit test"),
    ("unit-tests", "write it in the `config:` of each unit test"),
    ("sources", "write it in the `config:` of each source"),
    ("exposures", "write it in each exposure"),
    ("metrics", "elt has no semantic layer"),
    ("semantic-models", "elt has no semantic layer"),
];

pub fn list(dbt: &Dbt, files: &Files, findings: &mut Vec<Finding>) {
    let mut told = |line: usize, what: String, why: &str| {
        findings.push(finding(Kind::NotTaken, "dbt_project.yml", line, what, why));
    };
    for (name, why) in SETTINGS {
        if !dbt.setting(name).is_null() {
            told(dbt.line_of(name, name), format!("`{name}`"), why);
        }
    }
    let of_tests = FolderTests::read(dbt, files);
    let trees = folder_tests::TREES.map(|tree| (tree, None)).into_iter();
    for (tree, why) in trees.chain(TREES.map(|(tree, why)| (tree, Some(why)))) {
        let mut words = Vec::new();
        leaves(dbt.setting(tree), &mut words);
        for (word, value) in words {
            let why = match why {
                Some(why) => Some(why.to_owned()),
                None => of_tests.why_not(word, value),
            };
            let Some(why) = why else { continue };
            let line = dbt.line_of(tree, word);
            told(line, format!("`{word}: {value}` for folders of {}", tree.replace('-', "_")), &why);
        }
    }
}

/// The words of a tree of folders, without their `+`.
fn leaves<'a>(tree: &'a Value, found: &mut Vec<(&'a str, &'a Value)>) {
    for (key, value) in tree.as_object().into_iter().flatten() {
        match (key.strip_prefix('+'), value) {
            (Some(word), value) => found.push((word, value)),
            (None, Value::Object(_)) => leaves(value, found),
            (None, value) => found.push((key, value)),
        }
    }
}
