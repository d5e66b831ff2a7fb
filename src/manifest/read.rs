//! From files to nodes and tests: everything is rendered, every name resolved, every problem kept.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::endpoints;
use super::graph::{check_layers, order, place_of_name};
use super::loading::{faults, without_secrets};
use super::{Body, Exposure, Hooks, Manifest, Node, NodeId, Text};
use crate::diagnostic::{Diagnostic, Location, SourceFile, did_you_mean};
use crate::name::Ident;
use crate::project::{
    Config, Keys, Layer, Materialization, ModelFile, Project, Properties, SnapshotStrategy, Strategy,
    WrittenHook,
};
use crate::template::{Reference, Rendered, Subject};

/// Compiles a whole project. The manifest is complete only where no problem is an error.
pub fn compile(project: &Project) -> (Manifest, Vec<Diagnostic>) {
    let mut reader = Reader {
        project,
        properties: HashMap::new(),
        nodes: Vec::new(),
        references: Vec::new(),
        by_name: HashMap::new(),
        sources: HashMap::new(),
        problems: Vec::new(),
    };
    reader.index_properties();
    for model in &project.models {
        reader.model(model);
    }
    reader.rules();
    reader.sources();
    reader.orphaned_properties();
    reader.resolve();
    check_layers(&reader.nodes, &mut reader.problems);
    endpoints::check(&reader.nodes, &mut reader.problems);
    let (order, children) = order(&reader.nodes, &mut reader.problems);
    let tests = reader.tests(&order);
    let exposures = reader.exposures();
    let unit_tests = reader.unit_tests(&tests);
    let run_hooks = reader.run_hooks();
    let manifest = Manifest {
        project: project.name.clone(),
        exposures,
        unit_tests,
        nodes: reader.nodes,
        run_hooks,
        tests,
        order,
        children,
        by_name: reader.by_name,
        sources: reader.sources,
        schemas: Manifest::schemas_of(&project.target),
    };
    (manifest, reader.problems)
}

/// Words of a config that hold hooks.
const HOOKS: &[&str] = &["pre_hook", "pre-hook", "post_hook", "post-hook"];

/// The column of another raw model that a load asks for: the one thing a raw model may refer to.
pub(super) fn keys_of(config: &Config) -> Option<&Keys> {
    config.api.as_ref()?.keys.as_ref()
}

pub(super) struct Reader<'a> {
    pub project: &'a Project,
    properties: HashMap<&'a str, &'a Properties>,
    pub nodes: Vec<Node>,
    /// The unresolved references of each node's texts: full, then incremental.
    pub references: Vec<Vec<Vec<Reference>>>,
    pub by_name: HashMap<String, NodeId>,
    pub sources: HashMap<(String, String), NodeId>,
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

    fn model(&mut self, model: &'a ModelFile) {
        let properties = self.properties.get(model.name.as_str()).copied();
        let schema = self.project.target.schema(model.layer).as_str();
        let subject = Subject { name: &model.name, schema, incremental: false };
        let full = match self.project.library.render(&model.file, subject) {
            Ok(full) => full,
            Err(problems) => {
                // The name is taken all the same, so that those who refer to it are not blamed too.
                self.problems.extend(problems);
                Rendered::default()
            }
        };
        let mut words = properties.map(|own| self.rendered_words(own)).unwrap_or_default();
        words.extend(full.config.clone());
        let from_yaml = full.config.is_empty() && !words.is_empty();
        let place = match properties {
            Some(own) if from_yaml => own.config_place.clone(),
            _ => model.file.text.find("config(").map_or_else(
                || Location::start_of(&model.file),
                |at| Location::new(&model.file, at..at + "config".len()),
            ),
        };
        let config = self.config(&words, &place);
        if config.enabled == Some(false) {
            return;
        }
        let default = if model.layer == Layer::Raw && config.source.is_some() {
            Materialization::Load
        } else {
            Materialization::View
        };
        let materialization = config.materialized.unwrap_or(default);
        self.check_materialization(model, materialization, &config, &place);
        if let Some(own) = properties.filter(|_| config.contract.enforced) {
            self.check_contract(own, materialization);
        } else if config.contract.enforced {
            let message =
                format!("`{}` is under contract, but no YAML says what its columns are", model.name);
            let problem = Diagnostic::error("bad-contract", message).at(place.clone());
            self.problems.push(problem.hint("list its columns with their data_type"));
        }
        if materialization == Materialization::Load {
            let told_secrets =
                !full.env_used.is_empty() || properties.is_some_and(|own| !own.config.is_empty());
            for (message, hint) in faults(&model.name, &config, told_secrets) {
                self.problems.push(Diagnostic::error("bad-config", message).at(place.clone()).hint(hint));
            }
        }
        let incremental = (materialization == Materialization::Incremental).then(|| {
            let subject = Subject { incremental: true, ..subject };
            self.project.library.render(&model.file, subject).unwrap_or_else(|problems| {
                self.problems.extend(problems);
                Rendered::default()
            })
        });
        let files: Vec<&Arc<SourceFile>> =
            std::iter::once(&model.file).chain(properties.map(|own| &own.place.file)).collect();
        let hooks = Hooks {
            before: self.hooks(&config.pre_hook, &files, subject),
            after: self.hooks(&config.post_hook, &files, subject),
        };
        let mut references = vec![full.references.clone()];
        references[0].extend(keys_of(&config).map(|keys| Reference::Ref(keys.from.clone())));
        references.extend(incremental.as_ref().map(|text| text.references.clone()));
        let told = without_secrets(words, &full.env_used, &self.project.env);
        let text = |rendered| Box::new(Text { rendered, targets: Vec::new() });
        self.add(&model.name, Location::start_of(&model.file), references, |name| Node {
            name,
            layer: model.layer,
            domain: model.domain.clone(),
            file: model.file.clone(),
            materialization,
            config,
            words: told,
            yaml_words: properties.map(|own| own.config.clone()).unwrap_or_default(),
            description: properties.map(|own| own.description.clone()).unwrap_or_default(),
            described_in: properties.map(|own| own.place.file.clone()),
            columns: properties.map(|own| own.columns.clone()).unwrap_or_default(),
            endpoint: endpoints::of(properties),
            constraints: properties.map(|own| own.constraints.clone()).unwrap_or_default(),
            hooks,
            body: Body::Model { full: text(full), incremental: incremental.map(text) },
            parents: Vec::new(),
        });
    }

    /// The config of a YAML file, its `{{ env_var(…) }}` filled in. Hooks know `this` and are rendered later.
    fn rendered_words(&mut self, own: &Properties) -> Map<String, Value> {
        let mut words = own.config.clone();
        for (word, value) in &mut words {
            if !HOOKS.contains(&word.as_str()) {
                self.fill_in(value, &own.config_place);
            }
        }
        words
    }

    pub fn fill_in(&mut self, value: &mut Value, place: &Location) {
        match value {
            Value::String(text) => match self.project.library.render_value(text, place) {
                Ok(rendered) => *text = rendered,
                Err(problems) => self.problems.extend(problems),
            },
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill_in(item, place)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.fill_in(field, place)),
            _ => {}
        }
    }

    pub fn config(&mut self, words: &Map<String, Value>, place: &Location) -> Config {
        Config::read(words, place).unwrap_or_else(|problems| {
            self.problems.extend(problems);
            Config::default()
        })
    }

    fn check_materialization(
        &mut self,
        model: &ModelFile,
        materialization: Materialization,
        config: &Config,
        place: &Location,
    ) {
        let mut wrong = |message: String, hint: &str| {
            self.problems.push(Diagnostic::error("bad-config", message).at(place.clone()).hint(hint));
        };
        let name = &model.name;
        match materialization {
            Materialization::Load if model.layer != Layer::Raw => wrong(
                format!("`{name}` is loaded, but lies in {}", model.layer),
                "what is loaded is raw: move the file to models/raw",
            ),
            Materialization::Load if config.source.is_none() => wrong(
                format!("`{name}` is loaded, but config names no source"),
                "add source='data/file.csv', a URL, or sample://…",
            ),
            Materialization::Snapshot if config.unique_key.is_empty() => wrong(
                format!("`{name}` is a snapshot, but config has no unique_key"),
                "add unique_key='…': the columns that tell whose version a row is",
            ),
            Materialization::Snapshot if config.strategy.is_none() => wrong(
                format!("`{name}` is a snapshot, but config has no strategy"),
                "add strategy='timestamp' with updated_at='…', or strategy='check' with check_cols=['…'] or 'all'",
            ),
            Materialization::Snapshot
                if config.strategy == Some(SnapshotStrategy::Timestamp) && config.updated_at.is_none() =>
            {
                wrong(
                    format!("`{name}` goes by timestamp, but config has no updated_at"),
                    "add updated_at='…': the column that says when a row was changed",
                );
            }
            Materialization::Snapshot
                if config.strategy == Some(SnapshotStrategy::Check) && config.check_cols.is_empty() =>
            {
                wrong(
                    format!("`{name}` goes by checking columns, but config has no check_cols"),
                    "add check_cols=['…'], or check_cols='all'",
                );
            }
            Materialization::Seed => wrong(
                format!("`{name}` is a model and cannot be a seed"),
                "seeds are the CSV files in rules/",
            ),
            Materialization::Incremental
                if config.unique_key.is_empty()
                    && matches!(
                        config.incremental_strategy,
                        Some(Strategy::DeleteInsert | Strategy::Merge)
                    ) =>
            {
                wrong(
                    format!("`{name}` replaces rows, but config has no unique_key"),
                    "add unique_key='…', or use incremental_strategy='append'",
                );
            }
            _ => {}
        }
        const PRIVILEGES: &[&str] =
            &["select", "insert", "update", "delete", "truncate", "references", "trigger", "maintain", "all"];
        for word in config.grants.keys().filter(|word| !PRIVILEGES.contains(&word.to_lowercase().as_str())) {
            let hint = did_you_mean(word, PRIVILEGES.iter().copied())
                .unwrap_or_else(|| format!("it knows {}", PRIVILEGES.join(", ")));
            wrong(format!("config's `grants` knows no privilege `{word}`"), &hint);
        }
        for column in config.unique_key.iter().chain(config.indexes.iter().flat_map(|index| &index.columns)) {
            if let Err(error) = Ident::new(column) {
                wrong(format!("`{name}`: {error}"), "name a column");
            }
        }
    }

    fn rules(&mut self) {
        for rule in &self.project.rules {
            let properties = self.properties.get(rule.name.as_str()).copied();
            let config = match properties {
                Some(own) => self.config(&own.config, &own.config_place),
                None => Config::default(),
            };
            self.add(&rule.name, Location::start_of(&rule.file), Vec::new(), |name| Node {
                name,
                layer: Layer::Stage,
                domain: String::new(),
                file: rule.file.clone(),
                materialization: Materialization::Seed,
                config,
                words: properties.map(|own| own.config.clone()).unwrap_or_default(),
                yaml_words: properties.map(|own| own.config.clone()).unwrap_or_default(),
                description: properties.map(|own| own.description.clone()).unwrap_or_default(),
                described_in: properties.map(|own| own.place.file.clone()),
                columns: properties.map(|own| own.columns.clone()).unwrap_or_default(),
                endpoint: endpoints::of(properties),
                constraints: Vec::new(),
                hooks: Hooks::default(),
                body: Body::Rule(rule.clone()),
                parents: Vec::new(),
            });
        }
    }

    fn exposures(&mut self) -> Vec<Exposure> {
        let mut exposures: Vec<Exposure> = Vec::new();
        for written in &self.project.exposures {
            if let Some(other) = exposures.iter().find(|other| other.written.name == written.name) {
                let message = format!("`{}` is exposed twice, also at {}", written.name, other.written.place);
                self.problems.push(Diagnostic::error("described-twice", message).at(written.place.clone()));
                continue;
            }
            let mut parents = Vec::new();
            for (reference, place) in &written.depends_on {
                let before = self.problems.len();
                let found = self.targets(std::slice::from_ref(reference), None, &place.file);
                match self.problems.get_mut(before) {
                    Some(problem) => problem.location = Some(place.clone()),
                    None => parents.extend(found),
                }
            }
            parents.dedup();
            exposures.push(Exposure { written: written.clone(), parents });
        }
        exposures
    }

    fn add(
        &mut self,
        name: &str,
        place: Location,
        references: Vec<Vec<Reference>>,
        node: impl FnOnce(Ident) -> Node,
    ) {
        let ident = match Ident::new(name) {
            Ok(ident) => ident,
            Err(error) => {
                let problem = Diagnostic::error("bad-name", error.to_string()).at(place);
                return self.problems.push(problem.hint("give the file a shorter name"));
            }
        };
        if let Some(other) = self.by_name.get(name) {
            let other = &self.nodes[other.0].file.path;
            let message = format!("the name `{name}` is taken twice: by {other} and by {}", place.file.path);
            let problem = Diagnostic::error("name-taken-twice", message).at(place);
            return self
                .problems
                .push(problem.hint("a name is unique in the whole project; rename one file"));
        }
        self.by_name.insert(name.to_owned(), NodeId(self.nodes.len()));
        self.references.push(references);
        self.nodes.push(node(ident));
    }

    fn orphaned_properties(&mut self) {
        for entry in &self.project.properties {
            let disabled = self.project.models.iter().any(|model| model.name == entry.name)
                || self.project.rule_names.contains(&entry.name);
            if !self.by_name.contains_key(&entry.name) && !disabled {
                let message = format!("`{}` is described, but there is no such model or rule", entry.name);
                let hint = did_you_mean(&entry.name, self.by_name.keys().map(String::as_str));
                self.problems.push(
                    Diagnostic::error("unknown-model", message).at(entry.place.clone()).maybe_hint(hint),
                );
            }
        }
    }

    fn resolve(&mut self) {
        for index in 0..self.nodes.len() {
            let own = NodeId(index);
            let file = self.nodes[index].file.clone();
            let texts = std::mem::take(&mut self.references[index]);
            let resolved: Vec<Vec<NodeId>> =
                texts.iter().map(|references| self.targets(references, Some(own), &file)).collect();
            let hooked = self.resolve_hooks(own);
            let mut parents: Vec<NodeId> = Vec::new();
            for target in resolved.iter().flatten().chain(&hooked) {
                // Own rows of before, by `this`, are no dependency.
                if !parents.contains(target) && *target != own {
                    parents.push(*target);
                }
            }
            let refers_to_itself = texts.iter().flatten().any(|reference| {
                matches!(reference, Reference::Ref(name) if *name == self.nodes[index].name.as_str())
            });
            if refers_to_itself {
                parents.push(own);
            }
            let node = &mut self.nodes[index];
            node.parents = parents;
            if let Body::Model { full, incremental } = &mut node.body {
                let mut resolved = resolved.into_iter();
                full.targets = resolved.next().unwrap_or_default();
                if let Some(text) = incremental {
                    text.targets = resolved.next().unwrap_or_default();
                }
            }
        }
    }

    /// What a node's hooks read.
    fn resolve_hooks(&mut self, own: NodeId) -> Vec<NodeId> {
        let mut hooks = std::mem::take(&mut self.nodes[own.0].hooks);
        let mut read = Vec::new();
        for hook in hooks.all_mut() {
            hook.text.targets = self.targets(&hook.text.rendered.references, Some(own), &hook.file);
            read.extend(hook.text.targets.iter().copied());
        }
        self.nodes[own.0].hooks = hooks;
        read
    }

    fn run_hooks(&mut self) -> Hooks {
        let profile = &self.project.profile;
        let mut render = |statements: &[String]| {
            let written = statements.iter().map(|sql| WrittenHook { sql: sql.clone(), transaction: false });
            let written: Vec<WrittenHook> = written.collect();
            let mut hooks = self.hooks(&written, &[&profile.file], Subject::default());
            for hook in &mut hooks {
                hook.text.targets = self.targets(&hook.text.rendered.references, None, &hook.file);
            }
            hooks
        };
        Hooks { before: render(&profile.on_run_start), after: render(&profile.on_run_end) }
    }

    /// Resolves references; what cannot be found is told, and stands as the node itself meanwhile.
    pub fn targets(
        &mut self,
        references: &[Reference],
        own: Option<NodeId>,
        file: &Arc<SourceFile>,
    ) -> Vec<NodeId> {
        let mut targets = Vec::with_capacity(references.len());
        for reference in references {
            let found = match reference {
                Reference::This => own,
                named => resolved(named, &self.by_name, &self.sources, &self.nodes),
            };
            if found.is_none() {
                self.unknown(reference, file);
            }
            targets.push(found.or(own).unwrap_or(NodeId(0)));
        }
        targets
    }

    fn unknown(&mut self, reference: &Reference, file: &Arc<SourceFile>) {
        let disabled = match reference {
            // Rules that cannot be read: that is told already.
            Reference::Ref(name) if self.project.rule_names.contains(name) => return,
            Reference::Ref(name) => self.project.models.iter().any(|model| model.name == *name),
            _ => false,
        };
        self.problems.push(unknown(reference, file, disabled, &self.by_name, &self.sources));
    }
}

/// The node that a name means. `source('raw', 'x')` is also the raw model `x`.
pub(super) fn resolved(
    reference: &Reference,
    by_name: &HashMap<String, NodeId>,
    sources: &HashMap<(String, String), NodeId>,
    nodes: &[Node],
) -> Option<NodeId> {
    match reference {
        Reference::This => None,
        Reference::Ref(name) => by_name.get(name).copied(),
        Reference::Source(source, name) => sources
            .get(&(source.clone(), name.clone()))
            .or_else(|| by_name.get(name).filter(|id| nodes[id.0].layer.name() == source))
            .copied(),
    }
}

/// What to say of a name that means nothing, with the nearest one that does.
pub(super) fn unknown(
    reference: &Reference,
    file: &Arc<SourceFile>,
    disabled: bool,
    by_name: &HashMap<String, NodeId>,
    sources: &HashMap<(String, String), NodeId>,
) -> Diagnostic {
    match reference {
        Reference::This => {
            Diagnostic::error("unknown-ref", "`this` means nothing here").at(Location::start_of(file))
        }
        Reference::Ref(name) => {
            let message = if disabled {
                format!("the model `{name}` is not enabled")
            } else {
                format!("there is no model or rule `{name}`")
            };
            let hint = did_you_mean(name, by_name.keys().map(String::as_str));
            Diagnostic::error("unknown-ref", message).at(place_of_name(file, name)).maybe_hint(hint)
        }
        Reference::Source(source, name) => {
            let known: Vec<String> = sources.keys().map(|(s, n)| format!("{s}.{n}")).collect();
            let written = format!("{source}.{name}");
            let hint = did_you_mean(&written, known.iter().map(String::as_str))
                .unwrap_or_else(|| "declare it under `sources:` in a .yml file in models/".into());
            Diagnostic::error("unknown-source", format!("there is no source `{written}`"))
                .at(place_of_name(file, name))
                .hint(hint)
        }
    }
}
