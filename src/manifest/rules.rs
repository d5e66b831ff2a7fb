//! Rules, the CSV files of a project, become nodes.

use serde_json::{Map, Value};

use super::read::Reader;
use super::{Body, Hooks, Node, endpoints};
use crate::diagnostic::{Diagnostic, Location};
use crate::name::Relation;
use crate::project::{Config, FolderKind, Layer, Materialization, Properties, RULE_WORDS, Rule, join_words};
use crate::template::Subject;

impl Reader<'_> {
    pub(super) fn rules(&mut self) {
        for rule in self.project.rules.iter().chain(&self.project.disabled_rules) {
            let properties = self.properties.get(rule.name.as_str()).copied();
            let mut words = self.folder_words_at(FolderKind::Rules, &rule.file.path, &rule.name);
            let of_yaml = properties.map(|own| self.rendered_words(own)).unwrap_or_default();
            join_words(&mut words, of_yaml);
            let place =
                properties.map_or_else(|| Location::start_of(&rule.file), |own| own.config_place.clone());
            let config = self.config(&words, &place);
            let schema = self.project.target.schema(Layer::Stage).as_str();
            let subject = Subject {
                name: &rule.name,
                schema,
                layer_schema: schema,
                config: Some(&words),
                ..Subject::default()
            };
            let Some(relation) = self.relation_of(subject, &config, &place) else { continue };
            if config.enabled == Some(false) {
                self.disabled.push(node_of(rule, properties, relation, config, words));
                continue;
            }
            self.check_rule(rule, properties, &words, &config, &place);
            let Relation { schema, name } = relation.clone();
            let subject = Subject { name: name.as_str(), schema: schema.as_str(), ..subject };
            let files: Vec<_> = properties.map(|own| &own.place.file).into_iter().collect();
            let files: Vec<_> = files.into_iter().chain([&self.project.profile.file]).collect();
            let hooks = Hooks {
                before: self.hooks(&config.pre_hook, &files, subject),
                after: self.hooks(&config.post_hook, &files, subject),
            };
            let node = Node {
                endpoint: endpoints::of(properties),
                hooks,
                ..node_of(rule, properties, relation, config, words)
            };
            self.add(&rule.name, Vec::new(), node);
        }
    }

    fn check_rule(
        &mut self,
        rule: &Rule,
        properties: Option<&Properties>,
        words: &Map<String, Value>,
        config: &Config,
        place: &Location,
    ) {
        let name = &rule.name;
        let mut wrong = |word: &str, message: String, hint: String| {
            let problem = Diagnostic::error("bad-config", message).at(place.closer(word));
            self.problems.push(problem.hint(hint));
        };
        for word in words.keys().filter(|word| Config::knows(word) && !RULE_WORDS.contains(&word.as_str())) {
            let hint = format!("a rule takes {}", RULE_WORDS.join(", "));
            wrong(word, format!("`{name}` is a rule, which has no `{word}`"), hint);
        }
        if config.materialized.is_some_and(|how| how != Materialization::Seed) {
            let message = format!("`{name}` is a rule, and a rule is always a table");
            let hint = "select from it in a model that is materialized so".to_owned();
            wrong("materialized", message, hint);
        }
        for column in config.column_types.keys() {
            if !rule.columns.iter().any(|known| known.name.as_str() == column) {
                let message = format!(
                    "`column_types` names the column `{column}`, which {} does not have",
                    rule.file.path
                );
                let known = rule.columns.iter().map(|known| known.name.as_str());
                let hint = crate::diagnostic::did_you_mean(column, known.clone());
                let hint = hint.unwrap_or_else(|| format!("it has {}", known.collect::<Vec<_>>().join(", ")));
                wrong(column, message, hint);
            }
        }
        if let Some(own) = properties.filter(|_| config.contract.enforced) {
            self.check_contract(own, Materialization::Seed);
        }
    }
}

/// A rules file as a node that is neither served nor has hooks.
fn node_of(
    rule: &Rule,
    properties: Option<&Properties>,
    relation: Relation,
    config: Config,
    words: Map<String, Value>,
) -> Node {
    let body = Body::Rule(rule.clone());
    let bare = Node::bare(relation, Layer::Stage, &rule.file, Materialization::Seed, config, body);
    Node { words, ..bare.described(properties) }
}
