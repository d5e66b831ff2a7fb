//! What each method finds: `tag:`, `path:`, `config.…:`, `test_type:` and the like.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobMatcher};
use serde_json::Value;

use super::view::View;
use super::{Chooser, Item, SelectError, Term};
use crate::diagnostic::did_you_mean;
use crate::manifest::{Body, Manifest, Node};
use crate::project::Materialization;

/// Every method, for messages and help.
pub const METHODS: [&str; 20] = [
    "fqn",
    "tag",
    "path",
    "file",
    "layer",
    "config",
    "source",
    "exposure",
    "resource_type",
    "package",
    "group",
    "access",
    "version",
    "test_type",
    "test_name",
    "unit_test",
    "state",
    "result",
    "source_status",
    "selector",
];

/// The kinds of things there are, by dbt's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceType {
    Model,
    Seed,
    Snapshot,
    Source,
    Test,
    UnitTest,
    Exposure,
    Analysis,
}

impl ResourceType {
    pub const ALL: [Self; 8] = [
        Self::Model,
        Self::Seed,
        Self::Snapshot,
        Self::Source,
        Self::Test,
        Self::UnitTest,
        Self::Exposure,
        Self::Analysis,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Seed => "seed",
            Self::Snapshot => "snapshot",
            Self::Source => "source",
            Self::Test => "test",
            Self::UnitTest => "unit_test",
            Self::Exposure => "exposure",
            Self::Analysis => "analysis",
        }
    }

    pub fn of(manifest: &Manifest, item: Item) -> Self {
        match item {
            Item::Exposure(_) => Self::Exposure,
            Item::Analysis(_) => Self::Analysis,
            Item::Test(_) => Self::Test,
            Item::UnitTest(_) => Self::UnitTest,
            Item::Node(id) => Self::of_node(manifest.node(id)),
        }
    }

    pub fn of_node(node: &Node) -> Self {
        match (&node.body, node.materialization) {
            (Body::Source { .. }, _) => Self::Source,
            (Body::Rule(_), _) => Self::Seed,
            (Body::Model { .. }, Materialization::Snapshot) => Self::Snapshot,
            (Body::Model { .. }, _) => Self::Model,
        }
    }
}

impl Chooser<'_> {
    /// What a term names, before the graph is followed.
    pub(super) fn matches(&self, term: &Term) -> Result<BTreeSet<Item>, SelectError> {
        if term.asks_what_changed() {
            return self.changed(term);
        }
        let method = match term.method.as_deref() {
            Some(method) => method,
            None if term.value.contains('/') => "path",
            None if [".sql", ".csv", ".yml", ".yaml"].iter().any(|ending| term.value.ends_with(ending)) => {
                "file"
            }
            None => "fqn",
        };
        self.check(method, term)?;
        let pattern = glob(&term.value)?;
        let items = all(self.manifest).filter(|item| self.is_match(method, term, &pattern, *item));
        let found: BTreeSet<Item> = items.collect();
        if found.is_empty() { Err(self.nothing(method, term)) } else { Ok(found) }
    }

    fn check(&self, method: &str, term: &Term) -> Result<(), SelectError> {
        let one_of = |known: &[&str]| match known.contains(&term.value.as_str()) {
            true => Ok(()),
            false => Err(SelectError {
                message: format!("`{method}:` has no `{}`", term.value),
                hint: did_you_mean(&term.value, known.iter().copied())
                    .or_else(|| Some(format!("it knows {}", known.join(", ")))),
            }),
        };
        match method {
            "layer" => one_of(&["raw", "stage", "prod"]),
            "resource_type" => one_of(&ResourceType::ALL.map(ResourceType::name)),
            "test_type" => one_of(&["generic", "singular", "unit", "data"]),
            "version" => one_of(&["latest", "prerelease", "old", "none"]),
            "config" if term.path.is_empty() => Err(SelectError {
                message: format!("`config:{}` names no word of the config", term.value),
                hint: Some("write it like config.materialized:table or config.meta.owner:me".into()),
            }),
            // Those of a selectors.yml are in the place of the term by now.
            "selector" => Err(SelectError {
                message: format!("there is no selector `{}`: the project has no selectors.yml", term.value),
                hint: None,
            }),
            "metric" | "semantic_model" | "saved_query" => Err(SelectError {
                message: format!("elt has no `{method}:`: it knows no semantic layer"),
                hint: None,
            }),
            known if METHODS.contains(&known) => Ok(()),
            other => Err(SelectError {
                message: format!("there is no selector method `{other}:`"),
                hint: did_you_mean(other, METHODS)
                    .or_else(|| Some(format!("elt knows {}:", METHODS.join(": ")))),
            }),
        }
    }

    fn is_match(&self, method: &str, term: &Term, pattern: &GlobMatcher, item: Item) -> bool {
        let view = View::of(self.manifest, item);
        let (value, package) = (term.value.as_str(), view.fqn[0]);
        match method {
            "fqn" => view.is_called(value, pattern),
            "tag" => view.tags.iter().any(|tag| pattern.is_match(tag)),
            "path" => in_path(view.path, value.trim_end_matches('/'), pattern),
            "file" => {
                let name = view.path.rsplit('/').next().unwrap_or_default();
                pattern.is_match(name) || pattern.is_match(crate::project::stem(name))
            }
            "layer" => view.node.is_some_and(|node| node.layer.name() == value),
            "config" => view.config().is_some_and(|config| has(&config, &term.path, value, pattern)),
            "group" | "access" => {
                let word = [method.to_owned()];
                view.config().is_some_and(|config| has(&config, &word, value, pattern))
            }
            "version" => match view.node.and_then(|node| node.version.as_ref()) {
                Some(version) => version.standing() == value,
                None => value == "none" && ResourceType::of(self.manifest, item) == ResourceType::Model,
            },
            "source" => match view.node.map(|node| (&node.body, &node.domain)) {
                Some((Body::Source { table, .. }, source)) => {
                    let names =
                        [source.clone(), format!("{source}.{table}"), format!("{package}.{source}.{table}")];
                    names.iter().any(|name| pattern.is_match(name))
                }
                _ => false,
            },
            "exposure" => {
                let is_exposure = matches!(item, Item::Exposure(_));
                let full = format!("{package}.{}", view.name);
                is_exposure && (pattern.is_match(view.name) || pattern.is_match(full))
            }
            "resource_type" => ResourceType::of(self.manifest, item).name() == value,
            "package" if value == "this" => package == self.manifest.project,
            "package" => pattern.is_match(package),
            "unit_test" => {
                let full = format!("{package}.{}", view.name);
                view.unit_test.is_some() && (pattern.is_match(view.name) || pattern.is_match(full))
            }
            "test_type" if value == "unit" => view.unit_test.is_some(),
            "test_type" => view.test.is_some_and(|test| match value {
                "singular" => test.is_singular(),
                "generic" => !test.is_singular(),
                "data" => true,
                _ => false,
            }),
            "test_name" => view.test.is_some_and(|test| pattern.is_match(&test.kind)),
            _ => false,
        }
    }

    fn nothing(&self, method: &str, term: &Term) -> SelectError {
        let (manifest, value) = (self.manifest, term.value.as_str());
        let names = || {
            let nodes = manifest.nodes.iter().map(Node::model_name);
            let units = manifest.unit_tests.iter().map(|test| test.written.name.as_str());
            let analyses = manifest.analyses.iter().map(|analysis| analysis.name.as_str());
            let tests = manifest.tests.iter().map(|test| test.name.as_str());
            nodes.chain(tests).chain(units).chain(analyses)
        };
        let hint = match method {
            "fqn" => did_you_mean(value, names()),
            "tag" => {
                let nodes = manifest.nodes.iter().flat_map(|node| &node.config.tags);
                let tests = manifest.tests.iter().flat_map(|test| &test.config.tags);
                did_you_mean(value, nodes.chain(tests).map(String::as_str))
            }
            "exposure" => {
                did_you_mean(value, manifest.exposures.iter().map(|exposure| exposure.written.name.as_str()))
            }
            "source" => did_you_mean(
                value,
                manifest.nodes.iter().filter_map(|node| match node.body {
                    Body::Source { .. } => Some(node.domain.as_str()),
                    _ => None,
                }),
            ),
            "unit_test" => {
                did_you_mean(value, manifest.unit_tests.iter().map(|test| test.written.name.as_str()))
            }
            "test_name" => did_you_mean(value, manifest.tests.iter().map(|test| test.kind.as_str())),
            "package" => did_you_mean(
                value,
                manifest
                    .packages
                    .iter()
                    .map(|package| package.name.as_str())
                    .chain([manifest.project.as_str()]),
            ),
            "path" => did_you_mean(value, manifest.nodes.iter().map(|node| node.file.path.as_str())),
            _ => None,
        };
        SelectError {
            message: format!("`{}` matches nothing in this project", term.written()),
            hint: hint.or_else(|| Some("`elt ls` lists what there is".into())),
        }
    }
}

/// All that can be selected.
pub(super) fn all(manifest: &Manifest) -> impl Iterator<Item = Item> {
    let tests = (0..manifest.tests.len()).map(Item::Test);
    let units = (0..manifest.unit_tests.len()).map(Item::UnitTest);
    manifest
        .ids()
        .map(Item::Node)
        .chain(tests)
        .chain(units)
        .chain((0..manifest.exposures.len()).map(Item::Exposure))
        .chain((0..manifest.analyses.len()).map(Item::Analysis))
}

fn in_path(path: &str, folder: &str, pattern: &GlobMatcher) -> bool {
    let folder = folder.trim_start_matches("./");
    path == folder
        || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        || pattern.is_match(path)
}

/// Whether the config has this value at this place: itself, in a list, or as a name of a map.
fn has(config: &Value, path: &[String], written: &str, pattern: &GlobMatcher) -> bool {
    let Some((word, rest)) = path.split_first() else { return is_value(config, written, pattern) };
    config.get(word).is_some_and(|inner| has(inner, rest, written, pattern))
}

fn is_value(value: &Value, written: &str, pattern: &GlobMatcher) -> bool {
    match value {
        Value::String(text) => pattern.is_match(text),
        Value::Array(values) => values.iter().any(|value| is_value(value, written, pattern)),
        Value::Object(map) => map.keys().any(|name| pattern.is_match(name)),
        Value::Bool(truth) => written.eq_ignore_ascii_case(if *truth { "true" } else { "false" }),
        Value::Null => matches!(written, "null" | "none"),
        Value::Number(number) => number.to_string() == written,
    }
}

/// `*` goes over dots and slashes, as dbt's does.
pub(super) fn glob(pattern: &str) -> Result<GlobMatcher, SelectError> {
    let glob = GlobBuilder::new(pattern).literal_separator(false).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| SelectError {
        message: format!("the pattern `{pattern}` cannot be read: {}", error.kind()),
        hint: None,
    })
}
