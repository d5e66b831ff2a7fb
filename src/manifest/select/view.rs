//! One thing that can be selected, as selectors look at it.

use globset::GlobMatcher;
use serde_json::{Value, json};

use super::Item;
use crate::diagnostic::SourceFile;
use crate::manifest::{Exposure, Manifest, Node, Test, UnitTest};

/// What nodes, tests, exposures and analyses have in common.
pub(super) struct View<'a> {
    pub name: &'a str,
    pub path: &'a str,
    pub fqn: Vec<&'a str>,
    pub tags: &'a [String],
    pub node: Option<&'a Node>,
    pub test: Option<&'a Test>,
    pub unit_test: Option<&'a UnitTest>,
    pub exposure: Option<&'a Exposure>,
}

impl<'a> View<'a> {
    pub fn of(manifest: &'a Manifest, item: Item) -> Self {
        match item {
            Item::Node(id) => {
                let node = manifest.node(id);
                let all = Self::all(node.name.as_str(), &node.file, manifest.fqn(id), &node.config.tags);
                Self { node: Some(node), ..all }
            }
            Item::Test(index) => {
                let test = &manifest.tests[index];
                let all = Self::all(&test.name, &test.file, manifest.test_fqn(test), &test.config.tags);
                Self { test: Some(test), ..all }
            }
            Item::UnitTest(index) => {
                let test = &manifest.unit_tests[index];
                let (written, fqn) = (&test.written, manifest.unit_test_fqn(test));
                let all = Self::all(&written.name, &written.place.file, fqn, &written.tags);
                Self { unit_test: Some(test), ..all }
            }
            Item::Exposure(index) => {
                let exposure = &manifest.exposures[index];
                let (written, fqn) = (&exposure.written, manifest.exposure_fqn(exposure));
                let all = Self::all(&written.name, &written.place.file, fqn, &written.tags);
                Self { exposure: Some(exposure), ..all }
            }
            Item::Analysis(index) => {
                let analysis = &manifest.analyses[index];
                let fqn = manifest.analysis_fqn(analysis);
                Self::all(&analysis.name, &analysis.file, fqn, &analysis.config.tags)
            }
        }
    }

    /// What all have.
    fn all(name: &'a str, file: &'a SourceFile, fqn: Vec<&'a str>, tags: &'a [String]) -> Self {
        Self { name, path: &file.path, fqn, tags, node: None, test: None, unit_test: None, exposure: None }
    }

    /// By its name, by its dotted path from any folder on, or by that of a folder it lies in. Exposures have
    /// a method of their own.
    pub fn is_called(&self, value: &str, pattern: &GlobMatcher) -> bool {
        if self.exposure.is_some() {
            return false;
        }
        let folders = &self.fqn[1..self.fqn.len() - 1];
        let label = self.node.is_some_and(|node| pattern.is_match(node.label()));
        let in_folder = folders.iter().any(|folder| pattern.is_match(folder))
            || folders.len() > 1 && pattern.is_match(folders[1..].join("."));
        // An aliased model goes by its file's name, too.
        let named = [Some(self.name), self.node.map(Node::model_name)].into_iter().flatten();
        let version = self.node.and_then(|node| node.version.as_ref());
        let is_version = version
            .is_some_and(|version| pattern.is_match(&version.model) || pattern.is_match(version.reference()));
        named.into_iter().any(|name| pattern.is_match(name))
            || is_version
            || label
            || in_folder
            || is_prefix(&self.fqn, value, pattern)
    }

    /// The config with what follows from it.
    pub fn config(&self) -> Option<Value> {
        let (words, config) = match (self.node, self.test) {
            (Some(node), _) => (&node.words, &node.config),
            (_, Some(test)) => (&test.words, &test.config),
            _ => {
                let meta = self.exposure.map(|exposure| exposure.written.meta.clone());
                return Some(json!({"tags": self.tags, "enabled": true, "meta": meta.unwrap_or_default()}));
            }
        };
        let mut all = words.clone();
        all.insert("tags".into(), config.tags.clone().into());
        all.insert("enabled".into(), true.into());
        match self.node {
            Some(node) => all.insert("materialized".into(), node.materialization.name().into()),
            None => all.insert("severity".into(), config.severity.clone().unwrap_or("error".into()).into()),
        };
        Some(Value::Object(all))
    }
}

/// Whether the dotted path begins with what was written, with the package's name or without.
fn is_prefix(fqn: &[&str], value: &str, pattern: &GlobMatcher) -> bool {
    [fqn[1..].join("."), fqn.join(".")].iter().any(|path| {
        pattern.is_match(path) || path.strip_prefix(value).is_some_and(|rest| rest.starts_with('.'))
    })
}
