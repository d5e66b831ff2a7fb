//! What `dbt_project.yml` says and elt has no place for: each word is listed with its line.

use serde_json::{Map, Value};

use super::dbt::Dbt;
use super::describe::flow_text;
use super::place::finding;
use super::report::{Finding, Kind};
use crate::project::{TEST_WORDS, folder_config};

/// Settings of the whole project.
const SETTINGS: [(&str, &str); 4] = [
    ("query-comment", "elt's sessions name themselves in application_name"),
    ("quoting", "elt quotes every name as it is written"),
    ("asset-paths", "the site of `elt docs` is one file and takes no pictures"),
    ("flags", "elt's own are arguments: `elt help run`"),
];

/// Configs of folders that are not of models, snapshots or seeds.
const TREES: [(&str, &str); 9] = [
    ("tests", "write it under `tests:` of profiles.yml"),
    ("data_tests", "write it under `tests:` of profiles.yml"),
    ("data-tests", "write it under `tests:` of profiles.yml"),
    ("unit_tests", "write it in the `config:` of each unit test"),
    ("unit-tests", "write it in the `config:` of each unit test"),
    ("sources", "write it in the `config:` of each source"),
    ("exposures", "write it in each exposure"),
    ("metrics", "elt has no semantic layer"),
    ("semantic-models", "elt has no semantic layer"),
];

const OF_TESTS: [&str; 3] = ["tests", "data_tests", "data-tests"];

/// What holds for all tests, as `tests:` of profiles.yml.
pub fn of_tests(dbt: &Dbt) -> String {
    let mut words = Map::new();
    for tree in OF_TESTS {
        words.extend(folder_config(dbt.setting(tree), &[dbt.name.as_str()]));
    }
    words.retain(|word, _| is_of_tests(word));
    if words.is_empty() {
        return String::new();
    }
    let lines = words.iter().map(|(word, value)| match value {
        Value::String(text) => format!("  +{word}: {}\n", flow_text(text)),
        other => format!("  +{word}: {other}\n"),
    });
    format!("\ntests:\n{}", lines.collect::<String>())
}

fn is_of_tests(word: &str) -> bool {
    TEST_WORDS.contains(&word) && word != "alias" || ["where", "tags", "enabled", "meta"].contains(&word)
}

pub fn list(dbt: &Dbt, findings: &mut Vec<Finding>) {
    let mut told = |line: usize, what: String, why: &str| {
        findings.push(finding(Kind::NotTaken, "dbt_project.yml", line, what, why));
    };
    for (name, why) in SETTINGS {
        if !dbt.setting(name).is_null() {
            told(dbt.line_of(name, name), format!("`{name}`"), why);
        }
    }
    for (tree, why) in TREES {
        let mut words = Vec::new();
        leaves(dbt.setting(tree), &mut words);
        if OF_TESTS.contains(&tree) {
            let kept = folder_config(dbt.setting(tree), &[dbt.name.as_str()]);
            words.retain(|(word, value)| !(is_of_tests(word) && kept.get(*word) == Some(*value)));
        }
        for (word, value) in words {
            let line = dbt.line_of(tree, word);
            told(line, format!("`{word}: {value}` for folders of {}", tree.replace('-', "_")), why);
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
