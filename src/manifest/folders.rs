//! Config of whole folders: checked once, where `profiles.yml` has it, then handed to each model, rule and test.

use serde_json::{Map, Value};

use super::claims::without_test_words;
use super::models::HOOKS;
use super::read::Reader;
use crate::diagnostic::{Diagnostic, Location, did_you_mean};
use crate::project::{Config, FolderKind, ModelFile, Project, TEST_WORDS, TestConfig, folder_config};

/// The trees of `profiles.yml`, filled in; one that is wrong says nothing.
#[derive(Default)]
pub(super) struct FolderConfig([Value; 3]);

impl Reader<'_> {
    pub(super) fn read_folders(&mut self) {
        for kind in FolderKind::ALL {
            let Some((tree, place)) = self.project.profile.folders.of(kind) else { continue };
            let mut tree = Value::Object(tree.clone());
            let before = self.problems.len();
            self.fill_in_folder(&mut tree, place);
            let paths = paths(self.project, kind);
            let paths: Vec<Vec<&str>> =
                paths.iter().map(|path| path.iter().map(String::as_str).collect()).collect();
            if let Value::Object(level) = &tree {
                self.check_folder(kind, level, &paths, place);
            }
            if !self.problems[before..].iter().any(Diagnostic::is_error) {
                self.folders.0[kind as usize] = tree;
            }
        }
    }

    /// Hooks know `this`, and are rendered for each model.
    fn fill_in_folder(&mut self, value: &mut Value, place: &Location) {
        let Value::Object(level) = value else { return self.fill_in(value, place) };
        let others = level.iter_mut().filter(|(key, _)| !HOOKS.contains(&key.trim_start_matches('+')));
        others.for_each(|(_, value)| self.fill_in_folder(value, place));
    }

    /// The words of a folder are words of a config, and the folders below it are there.
    fn check_folder(
        &mut self,
        kind: FolderKind,
        level: &Map<String, Value>,
        paths: &[Vec<&str>],
        place: &Location,
    ) {
        let mut words = Map::new();
        for (key, value) in level {
            let below: Vec<Vec<&str>> = paths
                .iter()
                .filter(|path| path.first() == Some(&key.as_str()))
                .map(|path| path[1..].to_vec())
                .collect();
            match (key.strip_prefix('+'), value) {
                (Some(word), _) => {
                    words.insert(word.to_owned(), value.clone());
                }
                (None, Value::Object(level)) if !below.is_empty() => {
                    self.check_folder(kind, level, &below, &place.closer(key));
                }
                (None, Value::Null) if !below.is_empty() => {}
                (None, Value::Object(_) | Value::Null) => {
                    self.problems.push(unmatched(kind, key, paths).at(place.closer(key)));
                }
                (None, _) => {
                    words.insert(key.clone(), value.clone());
                }
            }
        }
        if kind != FolderKind::Tests {
            self.config(&words, place);
            return;
        }
        let wrong = TestConfig::read(&words).err().into_iter().flatten();
        let wrong = wrong.map(|(word, told)| Diagnostic::error("bad-config", told).at(place.closer(word)));
        self.problems.extend(wrong);
        self.config(&without_test_words(&words), place);
    }

    /// What folders say of a model.
    pub(super) fn folder_words_of_model(&self, model: &ModelFile) -> Map<String, Value> {
        if self.folders.0[FolderKind::Models as usize].is_null() {
            return Map::new();
        }
        let path = path_of_model(model);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        self.folder_words(FolderKind::Models, model.package.as_deref(), &path)
    }

    /// What folders say of a rule or a test, whose file lies at `path`.
    pub(super) fn folder_words_at(&self, kind: FolderKind, path: &str, name: &str) -> Map<String, Value> {
        if self.folders.0[kind as usize].is_null() {
            return Map::new();
        }
        let path = path_of_file(path, name);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        self.folder_words(kind, None, &path)
    }

    /// dbt names the project, or the package, before its folders; the project's own may do without.
    fn folder_words(&self, kind: FolderKind, package: Option<&str>, path: &[&str]) -> Map<String, Value> {
        let tree = &self.folders.0[kind as usize];
        if tree.is_null() {
            return Map::new();
        }
        let named: Vec<&str> =
            [package.unwrap_or(&self.project.name)].into_iter().chain(path.iter().copied()).collect();
        let is_named = tree.get(named[0]).is_some_and(Value::is_object);
        let mut words = match package.is_some() || is_named {
            true => folder_config(tree, &named),
            false => folder_config(tree, path),
        };
        // Told once, where it stands.
        words.retain(|word, _| Config::knows(word) || TEST_WORDS.contains(&word.as_str()));
        words
    }
}

fn unmatched(kind: FolderKind, key: &str, paths: &[Vec<&str>]) -> Diagnostic {
    let message = format!("`{}:` names `{key}`, and there is no such folder or file", kind.name());
    let hint =
        match Config::knows(key) {
            true => format!("a word of config has a plus here: `+{key}`"),
            false => did_you_mean(key, paths.iter().filter_map(|path| path.first().copied())).unwrap_or_else(
                || "folders are those below models/, rules/ or tests/: stage, then its domain".into(),
            ),
        };
    Diagnostic::warning("unknown-folder", message).hint(hint)
}

/// All paths that a tree may name: with the project's name before it and without.
fn paths(project: &Project, kind: FolderKind) -> Vec<Vec<String>> {
    let own: Vec<(Option<&str>, Vec<String>)> = match kind {
        FolderKind::Models => {
            project.models.iter().map(|model| (model.package.as_deref(), path_of_model(model))).collect()
        }
        FolderKind::Rules => {
            project.rules.iter().map(|rule| (None, path_of_file(&rule.file.path, &rule.name))).collect()
        }
        FolderKind::Tests => {
            let singular = project
                .singular_tests
                .iter()
                .map(|file| (None, path_of_file(&file.path, crate::project::stem(&file.path))));
            let generic = project.properties.iter().flat_map(|entry| {
                let path = &entry.place.file.path;
                entry.tests.iter().map(move |test| (None, path_of_file(path, &test.name)))
            });
            singular.chain(generic).collect()
        }
    };
    let mut paths = Vec::new();
    for (package, path) in own {
        let first = package.unwrap_or(&project.name).to_owned();
        paths.push(std::iter::once(first).chain(path.iter().cloned()).collect());
        if package.is_none() {
            paths.push(path);
        }
    }
    paths
}

fn path_of_model(model: &ModelFile) -> Vec<String> {
    let domain = model.domain.split('/').filter(|folder| !folder.is_empty());
    let folders = std::iter::once(model.layer.name()).chain(domain);
    folders.chain([model.name.as_str()]).map(str::to_owned).collect()
}

/// The folders below `models/`, `rules/` or `tests/`, and the name.
fn path_of_file(path: &str, name: &str) -> Vec<String> {
    let mut folders: Vec<&str> = path.split('/').skip(1).collect();
    folders.pop();
    folders.into_iter().chain([name]).map(str::to_owned).collect()
}
