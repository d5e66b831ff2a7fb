//! Reads tests: the generic ones that YAML asks for, and the queries in `tests/`.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::read::Reader;
use super::{Body, NodeId, Test, Text};
use crate::diagnostic::{Diagnostic, Location, SourceFile, did_you_mean};
use crate::name::Ident;
use crate::project::{Config, FolderKind, TEST_WORDS, TestConfig, TestEntry, join_words};
use crate::template::{Rendered, Subject};

/// A test before its query is resolved.
struct Claim<'a> {
    name: String,
    kind: &'a str,
    package: Option<String>,
    /// What the library knows a generic test by.
    called: String,
    config: Config,
    place: Location,
    /// The node that a generic test stands under.
    subject: Option<NodeId>,
    column: Option<String>,
    arguments: Map<String, Value>,
    /// The config as written.
    words: Map<String, Value>,
    description: String,
}

impl Reader<'_> {
    /// All tests, generic ones first; a name that comes twice gets a number.
    pub fn tests(&mut self, order: &[NodeId]) -> Vec<Test> {
        let mut rank = vec![0; self.nodes.len()];
        for (position, id) in order.iter().enumerate() {
            rank[id.0] = position;
        }
        let mut tests = Vec::new();
        for properties in &self.project.properties {
            let Some(id) = self.described(properties) else { continue };
            for entry in &properties.tests {
                tests.extend(self.generic_test(id, entry, &rank));
            }
        }
        for table in &self.project.sources {
            let named = (table.source.clone(), table.name.clone());
            let Some(id) = self.sources.get(&named).copied() else { continue };
            for entry in &table.tests {
                tests.extend(self.generic_test(id, entry, &rank));
            }
        }
        self.described_tests();
        for file in &self.project.singular_tests {
            tests.extend(self.singular_test(file, &rank));
        }
        let mut seen: HashMap<String, usize> = HashMap::new();
        for test in &mut tests {
            let times = seen.entry(test.name.clone()).or_default();
            *times += 1;
            if *times > 1 {
                test.name = format!("{}_{times}", test.name);
            }
        }
        tests
    }

    /// YAML may describe a query in `tests/`, or a generic test.
    fn described_tests(&mut self) {
        let project = self.project;
        for test in &project.described_tests {
            let mut names = project.singular_tests.iter().map(|file| crate::project::stem(&file.path));
            if project.library.has_test(&test.name) || names.clone().any(|name| name == test.name) {
                continue;
            }
            let message = format!("`{}` is described, but there is no such query in tests/", test.name);
            let near = did_you_mean(&test.name, &mut names);
            let problem = Diagnostic::warning("unknown-test", message).at(test.place.clone());
            self.problems.push(problem.maybe_hint(near));
        }
    }

    fn generic_test(&mut self, id: NodeId, entry: &TestEntry, rank: &[usize]) -> Option<Test> {
        let (name, model) = self.subject_of_test(id);
        let mut arguments = entry.arguments.clone();
        let mut words = entry.config.clone();
        // What the test itself takes is an argument, even if it is called as a word of config is.
        let library = &self.project.library;
        // In a package its own tests are called by their bare names.
        let path = &entry.place.file.path;
        let inside = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        let own = self.project.packages.iter().find(|package| inside(&package.folder));
        let package = entry.package.as_ref().or(own.map(|package| &package.name));
        let of_package = package.map(|package| format!("{package}__{}", entry.name));
        // dbt's own packages: what is built in stays.
        let is_built_in = library.has_test(&entry.name)
            && entry.package.as_ref().is_some_and(|package| package.starts_with("dbt_"));
        let of_package = of_package.filter(|name| library.has_test(name) && !is_built_in);
        let called = of_package.unwrap_or_else(|| entry.name.clone());
        let taken = library.test_parameters(&called);
        for word in TEST_WORDS.iter().chain(&["where", "tags", "enabled", "meta"]) {
            if !taken.iter().any(|parameter| parameter == word) {
                words.extend(arguments.remove(*word).map(|value| ((*word).to_owned(), value)));
            }
        }
        for value in words.values_mut() {
            self.fill_in(value, &entry.place);
        }
        let mut text = |word| arguments.remove(word).and_then(|text| text.as_str().map(str::to_owned));
        let (own_name, description) = (text("name"), text("description"));
        // dbt took it there, too, as it takes any word.
        let told = words.remove("description");
        let told = || told.as_ref().and_then(Value::as_str).map(str::to_owned);
        let description = description.or_else(told).unwrap_or_default();
        let mut all = self.folder_words_at(FolderKind::Tests, &entry.place.file.path, &entry.name);
        let folders = all.clone();
        join_words(&mut all, words.clone());
        let mut config = self.config(&without_test_words(&all), &entry.place);
        config.tags.extend(entry.tags.iter().cloned());
        let parts: Vec<&str> =
            [entry.name.as_str(), name.as_str()].into_iter().chain(entry.column.as_deref()).collect();
        let test_name = own_name.unwrap_or_else(|| parts.join("_"));
        let mut claim = Claim {
            description,
            name: test_name,
            kind: &entry.name,
            package: entry.package.clone(),
            called,
            config,
            place: entry.place.clone(),
            subject: Some(id),
            column: entry.column.clone(),
            arguments: arguments.clone(),
            words: all,
        };
        if claim.config.enabled == Some(false) {
            self.disabled_test(claim);
            return None;
        }
        let mut call = Map::from_iter([("model".to_owned(), Value::from(model))]);
        if let Some(column) = &entry.column {
            match Ident::new(column) {
                Ok(column) => call.insert("column_name".into(), column.to_string().into()),
                Err(error) => {
                    self.problems
                        .push(Diagnostic::error("bad-name", error.to_string()).at(entry.place.clone()));
                    return None;
                }
            };
        }
        call.extend(arguments);
        let subject = Subject { name: &name, ..Subject::default() };
        let rendered = self.project.library.render_test(
            &claim.called,
            &call,
            claim.config.only.as_deref(),
            subject,
            &entry.place,
        );
        // What the test's own text configures holds where YAML says nothing, and folders where neither does.
        let mut all = folders;
        join_words(&mut all, rendered.as_ref().map(|rendered| rendered.config.clone()).unwrap_or_default());
        join_words(&mut all, words);
        claim.config.severity = all.get("severity").and_then(Value::as_str).map(str::to_owned);
        claim.words = all;
        self.test(claim, rendered, rank)
    }

    /// What a test on a node is named after, and how its query names the node.
    fn subject_of_test(&self, id: NodeId) -> (String, String) {
        let node = &self.nodes[id.0];
        match &node.body {
            Body::Source { table, .. } => {
                (format!("{}_{table}", node.domain), format!("source('{}', '{table}')", node.domain))
            }
            _ => (node.model_name().to_owned(), format!("ref('{}')", node.model_name())),
        }
    }

    fn singular_test(&mut self, file: &Arc<SourceFile>, rank: &[usize]) -> Option<Test> {
        let name = crate::project::stem(&file.path).to_owned();
        let rendered = self.project.library.render(file, Subject { name: &name, ..Subject::default() });
        let place = Location::start_of(file);
        let mut words = self.folder_words_at(FolderKind::Tests, &file.path, &name);
        let described = self.project.described_tests.iter().find(|test| test.name == name);
        let mut of_yaml = described.map(|test| test.config.clone()).unwrap_or_default();
        for value in of_yaml.values_mut() {
            self.fill_in(value, described.map_or(&place, |test| &test.place));
        }
        join_words(&mut words, of_yaml);
        join_words(&mut words, rendered.as_ref().map(|rendered| rendered.config.clone()).unwrap_or_default());
        let config = self.config(&without_test_words(&words), &place);
        let is_on = config.enabled != Some(false);
        let claim = Claim {
            description: described.map(|test| test.description.clone()).unwrap_or_default(),
            name: name.clone(),
            kind: &name,
            package: None,
            called: String::new(),
            config,
            place,
            subject: None,
            column: None,
            arguments: Map::new(),
            words,
        };
        if !is_on {
            self.disabled_test(claim);
            return None;
        }
        self.test(claim, rendered, rank)
    }

    /// It is written down and nothing more: what it refers to may not be there.
    fn disabled_test(&mut self, claim: Claim<'_>) {
        let Ok(judged) = TestConfig::read(&Map::new()) else { return };
        self.disabled_tests.push(Test {
            name: claim.name,
            kind: claim.kind.to_owned(),
            package: claim.package,
            called: claim.called,
            judged,
            description: claim.description,
            text: Text { rendered: Rendered::default(), targets: Vec::new() },
            file: claim.place.file.clone(),
            place: claim.place,
            home: claim.subject,
            subject: claim.subject,
            column: claim.column,
            arguments: claim.arguments,
            config: claim.config,
            words: claim.words,
        });
    }

    fn test(
        &mut self,
        claim: Claim<'_>,
        rendered: Result<Rendered, Vec<Diagnostic>>,
        rank: &[usize],
    ) -> Option<Test> {
        let Claim { name, kind, package, called, config, place, subject, .. } = claim;
        let Claim { column, arguments, words, description, .. } = claim;
        let rendered = match rendered {
            Ok(rendered) => rendered,
            Err(problems) => {
                self.problems.extend(problems);
                return None;
            }
        };
        let judged = match TestConfig::read(&words) {
            Ok(judged) => judged,
            Err(wrong) => {
                let problems = wrong
                    .into_iter()
                    .map(|(word, message)| Diagnostic::error("bad-config", message).at(place.closer(word)));
                self.problems.extend(problems);
                return None;
            }
        };
        let targets = self.targets(&rendered.references, subject, &place.file);
        let home = targets.iter().copied().chain(subject).max_by_key(|id| rank[id.0]);
        Some(Test {
            name,
            kind: kind.to_owned(),
            package,
            called,
            judged,
            description,
            text: Text { rendered, targets },
            file: place.file.clone(),
            place: place.clone(),
            home,
            subject,
            column,
            arguments,
            config,
            words,
        })
    }
}

/// The words of a test's config that every config has; its severity is among them, for selectors.
pub(super) fn without_test_words(words: &Map<String, Value>) -> Map<String, Value> {
    let others = words.iter().filter(|(word, _)| *word == "severity" || !TEST_WORDS.contains(&word.as_str()));
    others.map(|(word, value)| (word.clone(), value.clone())).collect()
}
