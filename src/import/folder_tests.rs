//! What `dbt_project.yml` says of tests, of all and by folder, as `tests:` of the new project's profiles.yml. A test
//! is found by the folders of the file that holds it, which may lie elsewhere now.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::Files;
use super::dbt::{Dbt, DbtFile};
use super::describe::flow_text;
use crate::project::{TEST_WORDS, folder_config};

pub(super) const TREES: [&str; 3] = ["tests", "data_tests", "data-tests"];

type Words = Map<String, Value>;

/// What is said of tests, by folders of the new project: of none, of all tests.
pub(super) struct FolderTests {
    by_folder: BTreeMap<Vec<String>, Words>,
    /// Folders whose tests are not all of one dbt folder, so that nothing can be said of them.
    mixed: BTreeSet<String>,
    /// Words and values that have found a place.
    taken: Vec<(String, Value)>,
}

impl FolderTests {
    pub fn read(dbt: &Dbt, files: &Files) -> Self {
        let everywhere = words_at(dbt, &[]);
        let holders = holders_of_tests(dbt);
        let mut found: BTreeMap<Vec<String>, Vec<Words>> = BTreeMap::new();
        for (path, placed) in files {
            let holder = placed.original.as_deref().and_then(|original| holders.get(original));
            let Some(file) = holder else { continue };
            let mut folders: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
            folders.pop();
            let mut words = words_at(dbt, &file.folders());
            words.retain(|word, value| everywhere.get(word) != Some(value));
            found.entry(folders).or_default().push(words);
        }
        let mut read = Self { by_folder: BTreeMap::new(), mixed: BTreeSet::new(), taken: Vec::new() };
        read.taken.extend(everywhere.clone());
        read.by_folder.insert(Vec::new(), everywhere);
        for (folders, mut all) in found {
            all.dedup();
            match all.as_slice() {
                [words] if words.is_empty() => {}
                [words] if !folders.is_empty() => {
                    read.taken.extend(words.clone());
                    read.by_folder.insert(folders, words.clone());
                }
                _ => drop(read.mixed.insert(folders.join("/"))),
            }
        }
        read
    }

    /// Why a word has no place here; `None` where it has one.
    pub fn why_not(&self, word: &str, value: &Value) -> Option<String> {
        if self.taken.iter().any(|(known, taken)| known == word && taken == value) {
            return None;
        }
        let mixed = self.mixed.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        Some(match is_of_tests(word) && !mixed.is_empty() {
            true => {
                format!("tests of other folders lie in {mixed}, too: write it in the `config:` of each test")
            }
            false => "write it under `tests:` of profiles.yml".to_owned(),
        })
    }

    /// As profiles.yml has it.
    pub fn written(&self) -> String {
        let mut tree = Value::Object(Map::new());
        for (folders, words) in &self.by_folder {
            let mut level = &mut tree;
            for folder in folders {
                level = &mut level[folder.as_str()];
            }
            for (word, value) in words {
                level[format!("+{word}")] = value.clone();
            }
        }
        let mut text = String::new();
        write(&tree, 1, &mut text);
        if text.is_empty() { text } else { format!("\ntests:\n{text}") }
    }
}

fn write(level: &Value, depth: usize, text: &mut String) {
    for (key, value) in level.as_object().into_iter().flatten() {
        let indent = "  ".repeat(depth);
        match value {
            Value::Object(_) if !key.starts_with('+') => {
                text.push_str(&format!("{indent}{}:\n", flow_text(key)));
                write(value, depth + 1, text);
            }
            Value::String(word) => text.push_str(&format!("{indent}{key}: {}\n", flow_text(word))),
            other => text.push_str(&format!("{indent}{key}: {other}\n")),
        }
    }
}

/// The words for tests that lie in these folders.
fn words_at(dbt: &Dbt, folders: &[&str]) -> Words {
    let path: Vec<&str> = std::iter::once(dbt.name.as_str()).chain(folders.iter().copied()).collect();
    let mut words = Map::new();
    for tree in TREES {
        words.extend(folder_config(dbt.setting(tree), &path));
    }
    words.retain(|word, _| is_of_tests(word));
    words
}

/// The files of the dbt project that may hold tests, YAML and queries, by their paths.
fn holders_of_tests(dbt: &Dbt) -> HashMap<&str, &DbtFile> {
    let yaml = [&dbt.models, &dbt.seeds, &dbt.snapshots].into_iter().flatten().filter(|file| file.is_yaml());
    let queries = dbt.tests.iter().filter(|file| file.ends_with(".sql"));
    yaml.chain(queries).map(|file| (file.path.as_str(), file)).collect()
}

pub(super) fn is_of_tests(word: &str) -> bool {
    TEST_WORDS.contains(&word) && word != "alias" || ["where", "tags", "enabled", "meta"].contains(&word)
}
