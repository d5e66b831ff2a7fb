//! From files to nodes and tests: everything is rendered, every name resolved, every problem kept.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::{Map, Value};

use super::endpoints;
use super::folders::FolderConfig;
use super::graph::{check_layers, order};
use super::naming::namesakes;
use super::{Exposure, Manifest, Node, NodeId, Test};
use crate::diagnostic::{Diagnostic, Location, did_you_mean};
use crate::project::{Config, Keys, Project, Properties, Version};
use crate::template::Reference;

/// Compiles a whole project. The manifest is complete only where no problem is an error.
pub fn compile(project: &Project) -> (Manifest, Vec<Diagnostic>) {
    let mut reader = Reader {
        project,
        properties: HashMap::new(),
        nodes: Vec::new(),
        disabled: Vec::new(),
        disabled_tests: Vec::new(),
        disabled_exposures: Vec::new(),
        references: Vec::new(),
        by_name: HashMap::new(),
        sources: HashMap::new(),
        folders: FolderConfig::default(),
        is_misnamed: false,
        problems: Vec::new(),
    };
    reader.read_folders();
    reader.index_properties();
    for model in &project.models {
        reader.model(model);
    }
    reader.versions();
    reader.rules();
    reader.sources();
    reader.orphaned_properties();
    reader.check_relations();
    reader.resolve();
    reader.check_batches();
    check_layers(&reader.nodes, &mut reader.problems);
    endpoints::settle_caches(&mut reader.nodes);
    endpoints::check(&reader.nodes, &mut reader.problems);
    let (order, children) = order(&reader.nodes, &mut reader.problems);
    let tests = reader.tests(&order);
    let exposures = reader.exposures();
    let unit_tests = reader.unit_tests(&tests);
    let analyses = reader.analyses();
    let run_hooks = reader.run_hooks();
    let namesakes = namesakes(&reader.nodes);
    let manifest = Manifest {
        project: project.name.clone(),
        packages: project.packages.clone(),
        disabled: reader.disabled,
        disabled_tests: reader.disabled_tests,
        disabled_exposures: reader.disabled_exposures,
        exposures,
        unit_tests,
        analyses,
        nodes: reader.nodes,
        run_hooks,
        tests,
        order,
        children,
        by_name: reader.by_name,
        namesakes,
        sources: reader.sources,
        schemas: Manifest::schemas_of(&project.target),
        database: project.target.database().map(str::to_owned),
        flat_graph: OnceLock::new(),
        flat_graph_hash: OnceLock::new(),
    };
    let mut problems = reader.problems;
    endpoints::check_keys(&manifest, &mut problems);
    (manifest, problems)
}

/// The column of another raw model that a load asks for: the one thing a raw model may refer to.
pub(super) fn keys_of(config: &Config) -> Option<&Keys> {
    config.api.as_ref()?.keys.as_ref()
}

pub(super) struct Reader<'a> {
    pub project: &'a Project,
    pub properties: HashMap<&'a str, &'a Properties>,
    pub nodes: Vec<Node>,
    /// What the config switches off.
    pub disabled: Vec<Node>,
    pub disabled_tests: Vec<Test>,
    pub disabled_exposures: Vec<Exposure>,
    /// The unresolved references of each node's texts: full, then incremental.
    pub references: Vec<Vec<Vec<Reference>>>,
    pub by_name: HashMap<String, NodeId>,
    pub sources: HashMap<(String, String), NodeId>,
    /// What `profiles.yml` says of whole folders.
    pub folders: FolderConfig,
    /// What a relation is called could not be told of every model.
    pub is_misnamed: bool,
    pub problems: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn index_properties(&mut self) {
        for entry in &self.project.properties {
            if let Some(other) = self.properties.insert(&entry.name, entry) {
                let message = format!("`{}` is described twice, also at {}", entry.name, other.place);
                self.problems.push(Diagnostic::error("described-twice", message).at(entry.place.clone()));
            }
        }
    }

    pub fn fill_in(&mut self, value: &mut Value, place: &Location) {
        match value {
            Value::String(text) => match self.project.library.render_native(text, place) {
                // A condition is a yes or a no, not a text.
                Ok(Value::String(rendered)) => {
                    let is_template = rendered != *text;
                    *value = match rendered.as_str() {
                        "true" | "True" if is_template => Value::Bool(true),
                        "false" | "False" if is_template => Value::Bool(false),
                        _ => Value::String(rendered),
                    };
                }
                Ok(rendered) => *value = rendered,
                Err(problems) => self.problems.extend(problems),
            },
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill_in(item, place)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.fill_in(field, place)),
            _ => {}
        }
    }

    /// Whether what has no config of its own is enabled, by a word of truth or a template that comes to one.
    pub fn is_enabled(&mut self, written: Option<&Value>, place: &Location) -> bool {
        let Some(mut value) = written.cloned() else { return true };
        self.fill_in(&mut value, place);
        let words = Map::from_iter([("enabled".to_owned(), value)]);
        self.config(&words, &place.closer("enabled")).enabled != Some(false)
    }

    pub fn config(&mut self, words: &Map<String, Value>, place: &Location) -> Config {
        self.problems.extend(Config::passed_over(words, place));
        Config::read(words, place).unwrap_or_else(|problems| {
            self.problems.extend(problems);
            Config::default()
        })
    }

    /// A node under a name that is free.
    pub(super) fn add(&mut self, name: &str, references: Vec<Vec<Reference>>, mut node: Node) {
        if let Some(other) = self.by_name.get(name) {
            let (file, other) = (&node.file, &self.nodes[other.0].file.path);
            let message = format!("the name `{name}` is taken twice: by {other} and by {}", file.path);
            let problem = Diagnostic::error("name-taken-twice", message).at(Location::start_of(file));
            let hint = "a name is unique in the whole project; rename one file";
            return self.problems.push(problem.hint(hint));
        }
        self.by_name.insert(name.to_owned(), NodeId(self.nodes.len()));
        self.references.push(references);
        node.is_beside = node.schema != *self.project.target.schema(node.layer);
        self.nodes.push(node);
    }

    /// The node that an entry of YAML is about. A file of one version may be called as the latest one is referred to.
    pub fn described(&self, entry: &Properties) -> Option<NodeId> {
        let name = entry.version.as_ref().map(Version::reference);
        self.by_name.get(name.as_deref().unwrap_or(&entry.name)).copied()
    }

    /// Each version is found by its number, and the latest one without.
    fn versions(&mut self) {
        for index in 0..self.nodes.len() {
            let Some(version) = self.nodes[index].version.clone() else { continue };
            self.by_name.insert(version.reference(), NodeId(index));
            let other = self.by_name.get(&version.model).map(|other| &self.nodes[other.0]);
            let stranger =
                other.filter(|other| other.version.as_ref().is_none_or(|of| of.model != version.model));
            if let Some(other) = stranger {
                let message = format!(
                    "the name `{}` is taken twice: by {} and by the versions of a model",
                    version.model, other.file.path
                );
                let problem =
                    Diagnostic::error("name-taken-twice", message).at(Location::start_of(&other.file));
                self.problems.push(problem.hint("say which version that file is: `defined_in`"));
            } else if version.is_latest() {
                self.by_name.insert(version.model, NodeId(index));
            }
        }
    }

    fn orphaned_properties(&mut self) {
        for entry in &self.project.properties {
            let disabled = self.project.models.iter().any(|model| model.name == entry.name)
                || self.project.rule_names.contains(&entry.name);
            if self.described(entry).is_none() && !disabled {
                let tests = if entry.tests.is_empty() { "" } else { "; its tests are not run" };
                let message =
                    format!("`{}` is described, but there is no such model or rule{tests}", entry.name);
                let hint = did_you_mean(&entry.name, self.by_name.keys().map(String::as_str));
                self.problems.push(
                    Diagnostic::warning("unknown-model", message).at(entry.place.clone()).maybe_hint(hint),
                );
            }
        }
    }
}
