//! A model file becomes a node: it is rendered, its config is read beside that of its YAML, and what the two
//! say is checked. What it refers to is resolved later.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::endpoints;
use super::loading::{faults, without_secrets};
use super::read::{Reader, keys_of};
use super::{Body, Hooks, Node, Text};
use crate::diagnostic::{Diagnostic, Location, SourceFile};
use crate::name::Relation;
use crate::project::{Config, Layer, Materialization, ModelFile, Properties, WrittenHook, join_words};
use crate::template::{Reference, Rendered, Subject};

/// Words of a config that hold hooks.
pub(super) const HOOKS: &[&str] = &["pre_hook", "pre-hook", "post_hook", "post-hook"];

impl<'a> Reader<'a> {
    pub(super) fn model(&mut self, model: &'a ModelFile) {
        let properties = self.properties.get(model.name.as_str()).copied();
        let schema = self.project.target.schema(model.layer).as_str();
        let subject = Subject { name: &model.name, schema, layer_schema: schema, ..Subject::default() };
        let of_yaml = properties.map(|own| self.rendered_words(own)).unwrap_or_default();
        let given = self.words(model, &of_yaml, &Map::new());
        let mut full = self.rendered(model, Subject { config: Some(&given), ..subject });
        let words = self.words(model, &of_yaml, &full.config);
        let from_yaml = full.config.is_empty() && !of_yaml.is_empty();
        let place = place_of_config(model, properties.filter(|_| from_yaml));
        let config = self.config(&words, &place);
        let named = self.relation_of(Subject { config: Some(&words), ..subject }, &config, &place);
        let Some(relation) = named else { return };
        let Relation { schema: own_schema, name } = relation.clone();
        let is_moved = name.as_str() != model.name || own_schema.as_str() != schema;
        let (name, schema) = (name.as_str(), own_schema.as_str());
        let subject = Subject { name, schema, config: Some(&given), ..subject };
        if is_moved && ["this.", "model."].iter().any(|word| model.file.text.contains(word)) {
            full = self.rendered(model, subject);
        }
        self.tell_warnings(model, &full);
        let default = if model.layer == Layer::Raw && config.source.is_some() {
            Materialization::Load
        } else {
            Materialization::View
        };
        let materialization = config.materialized.unwrap_or(default);
        if config.enabled == Some(false) {
            return self.disabled_model(model, properties, relation, (materialization, config), full);
        }
        if materialization == Materialization::Load && full.asking.is_some() {
            let message = "what a load brings in must be known without asking the database";
            let problem = Diagnostic::error("template", message).at(place.clone());
            self.problems.push(problem.hint("write its columns out, or leave them to `infer=true`"));
        }
        let takes_env = !full.env_used.is_empty();
        self.check(model, properties, materialization, &config, takes_env, &place);
        let incremental = (materialization == Materialization::Incremental)
            .then(|| self.rendered(model, Subject { incremental: true, ..subject }));
        let files: Vec<&Arc<SourceFile>> = std::iter::once(&model.file)
            .chain(properties.map(|own| &own.place.file))
            .chain([&self.project.profile.file])
            .collect();
        let header = config.sql_header.iter().filter(|header| !header.trim().is_empty());
        let header = header.map(|header| WrittenHook { sql: header.clone(), transaction: true });
        let before: Vec<WrittenHook> = config.pre_hook.iter().cloned().chain(header).collect();
        let hooks = Hooks {
            before: self.hooks(&before, &files, subject),
            after: self.hooks(&config.post_hook, &files, subject),
        };
        let mut references = vec![full.references.clone()];
        references[0].extend(keys_of(&config).map(|keys| Reference::Ref(keys.from.clone())));
        references.extend(incremental.as_ref().map(|text| text.references.clone()));
        let told =
            without_secrets(words, &full.env_used, properties.map(|own| &own.config), &self.project.env);
        let text = |rendered| Box::new(Text { rendered, targets: Vec::new() });
        let body = Body::Model { full: text(full), incremental: incremental.map(text) };
        let node = Node {
            endpoint: endpoints::of(properties),
            hooks,
            ..plain(relation, model, properties, (materialization, config), told, body)
        };
        self.add(&model.name, references, node);
    }

    /// It is written down and nothing more: what it refers to may not be there.
    fn disabled_model(
        &mut self,
        model: &ModelFile,
        properties: Option<&Properties>,
        relation: Relation,
        config: (Materialization, Config),
        full: Rendered,
    ) {
        let own = full.config.clone();
        let told = without_secrets(own, &full.env_used, properties.map(|own| &own.config), &self.project.env);
        let body =
            Body::Model { full: Box::new(Text { rendered: full, targets: Vec::new() }), incremental: None };
        self.disabled.push(plain(relation, model, properties, config, told, body));
    }

    /// From the general to the particular: folders, the YAML beside the model, the model itself.
    fn words(
        &self,
        model: &ModelFile,
        of_yaml: &Map<String, Value>,
        own: &Map<String, Value>,
    ) -> Map<String, Value> {
        let mut words = self.folder_words_of_model(model);
        // How a folder's models are made says nothing of those that are loaded.
        let is_loaded = [of_yaml, own].into_iter().any(|words| words.contains_key("source"));
        if is_loaded && model.layer == Layer::Raw {
            words.remove("materialized");
        }
        join_words(&mut words, of_yaml.clone());
        join_words(&mut words, own.clone());
        words
    }

    /// What the model itself warns of.
    fn tell_warnings(&mut self, model: &ModelFile, rendered: &Rendered) {
        let place = Location::start_of(&model.file).closer("exceptions.warn");
        for message in &rendered.warnings {
            self.problems.push(Diagnostic::warning("template", message.clone()).at(place.clone()));
        }
    }

    /// Where that fails the name is taken all the same, so that those who refer to it are not blamed too.
    fn rendered(&mut self, model: &ModelFile, subject: Subject<'_>) -> Rendered {
        self.project.library.render(&model.file, subject).unwrap_or_else(|problems| {
            self.problems.extend(problems);
            self.is_misnamed = true;
            Rendered::default()
        })
    }

    /// What the config must agree on: with the way the model becomes a relation, its contract, its source.
    fn check(
        &mut self,
        model: &ModelFile,
        properties: Option<&Properties>,
        materialization: Materialization,
        config: &Config,
        takes_env: bool,
        place: &Location,
    ) {
        self.check_materialization(model, materialization, config, place);
        match properties {
            Some(own) if config.contract.enforced => self.check_contract(own, materialization),
            None if config.contract.enforced => {
                let message =
                    format!("`{}` is under contract, but no YAML says what its columns are", model.name);
                let problem = Diagnostic::error("bad-contract", message).at(place.clone());
                self.problems.push(problem.hint("list its columns with their data_type"));
            }
            _ => {}
        }
        if materialization == Materialization::Load {
            let told_secrets = takes_env || properties.is_some_and(|own| !own.config.is_empty());
            for (message, hint) in faults(&model.name, config, told_secrets, &self.project.env) {
                self.problems.push(Diagnostic::error("bad-config", message).at(place.clone()).hint(hint));
            }
        }
    }

    /// The config of a YAML file, its `{{ env_var(…) }}` filled in. Hooks know `this` and are rendered later.
    pub(super) fn rendered_words(&mut self, own: &Properties) -> Map<String, Value> {
        let mut words = own.config.clone();
        for (word, value) in &mut words {
            if !HOOKS.contains(&word.as_str()) {
                self.fill_in(value, &own.config_place);
            }
        }
        words
    }
}

/// A model with what its YAML says of it, before it is served and has hooks. `words` may be shown.
fn plain(
    relation: Relation,
    model: &ModelFile,
    properties: Option<&Properties>,
    (materialization, config): (Materialization, Config),
    words: Map<String, Value>,
    body: Body,
) -> Node {
    Node {
        domain: model.domain.clone(),
        words,
        constraints: properties.map(|own| own.constraints.clone()).unwrap_or_default(),
        version: properties.and_then(|own| own.version.clone()),
        deprecation_date: properties.and_then(|own| own.deprecation_date.clone()),
        ..Node::bare(relation, model.layer, &model.file, materialization, config, body).described(properties)
    }
}

/// The `config:` of its YAML where all of it stands there, else the model's call of `config(…)`.
fn place_of_config(model: &ModelFile, from_yaml: Option<&Properties>) -> Location {
    match (from_yaml, model.file.text.find("config(")) {
        (Some(own), _) => own.config_place.clone(),
        (None, Some(at)) => Location::new(&model.file, at..at + "config".len()),
        (None, None) => Location::start_of(&model.file),
    }
}
