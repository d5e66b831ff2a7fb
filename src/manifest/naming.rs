//! What relations are called and where they are published: in their layer's schema, or in one beside it that their
//! config asks for; by their file's name, or an alias. Each relation is of one node.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::read::Reader;
use super::{Manifest, Node, NodeId, hash};
use crate::diagnostic::{Diagnostic, Location};
use crate::name::{Ident, Relation};
use crate::project::{Config, Layer};
use crate::template::Subject;

/// Where nobody's relations go: elt's own, and those that runs build in.
fn is_reserved(schema: &str) -> bool {
    schema == "elt"
        || ["elt_run_", "elt_old_", "pg_"].iter().any(|start| schema.starts_with(start))
        || schema == "information_schema"
}

impl Reader<'_> {
    /// The relation of a file's node: as its config and the project's own naming macros have it. `subject` is the
    /// node in its layer's schema, under its file's name. What is wrong is told, and then it stays there.
    pub(super) fn relation_of(
        &mut self,
        subject: Subject<'_>,
        config: &Config,
        place: &Location,
    ) -> Option<Relation> {
        let library = self.project.library.clone();
        let alias = config.alias.as_deref();
        let made = library.alias_name(alias, subject, &place.closer("alias"));
        let name = self.named(made, || alias.unwrap_or(subject.name).to_owned());
        let name = self.ident(name, place, "give the file a shorter name, or the model an `alias`")?;
        let asked = config.schema.as_deref().map(str::trim).filter(|schema| !schema.is_empty());
        let schema = match &config.target_schema {
            Some(whole) => format!("{}{whole}", self.project.target.schema_prefix),
            _ => {
                let made = library.schema_name(asked, subject, &place.closer("schema"));
                self.named(made, || beside(subject.schema, asked))
            }
        };
        let place = place.closer("schema");
        let schema = self.ident(schema, &place, "give it a shorter `schema`")?;
        if is_reserved(schema.as_str()) {
            let message = format!(
                "`{}` would be in the schema `{}`, which is not for models",
                subject.name,
                schema.as_str()
            );
            let problem = Diagnostic::error("bad-name", message).at(place);
            self.problems.push(problem.hint("ask for another `schema`"));
            return None;
        }
        Some(Relation::new(schema, name))
    }

    /// The name that the project's own macro made, else elt's. A macro fails for many models: that is told once.
    fn named(
        &mut self,
        made: Result<Option<String>, Vec<Diagnostic>>,
        otherwise: impl FnOnce() -> String,
    ) -> String {
        let made = made.unwrap_or_else(|problems| {
            self.is_misnamed = true;
            let new: Vec<_> = problems.into_iter().filter(|one| !self.problems.contains(one)).collect();
            self.problems.extend(new);
            None
        });
        made.unwrap_or_else(otherwise)
    }

    fn ident(&mut self, name: String, place: &Location, hint: &str) -> Option<Ident> {
        match Ident::new(name) {
            Ok(ident) => Some(ident),
            Err(error) => {
                self.problems
                    .push(Diagnostic::error("bad-name", error.to_string()).at(place.clone()).hint(hint));
                None
            }
        }
    }

    /// No node is in the schema of another layer, which others may read than its own, and each relation is of one node.
    pub(super) fn check_relations(&mut self) {
        if self.is_misnamed {
            return;
        }
        let mut taken: HashMap<(&Ident, &Ident), &Node> = HashMap::new();
        let mut problems = Vec::new();
        for node in self.nodes.iter().filter(|node| node.is_built()) {
            let is_of = |layer: &Layer| *self.project.target.schema(*layer) == node.schema;
            if let Some(other) = Layer::ALL.into_iter().find(is_of).filter(|layer| *layer != node.layer) {
                let message = format!(
                    "{} is of the layer {}, and its schema `{}` is that of {other}",
                    node.file.path,
                    node.layer,
                    node.schema.as_str()
                );
                let problem = Diagnostic::error("schema-of-another-layer", message);
                let hint = "move the file to that layer, or give it another schema";
                problems.push(problem.at(node.place_of("schema")).hint(hint));
            }
            if let Some(other) = taken.insert((&node.schema, &node.name), node) {
                let relation = Relation::new(node.schema.clone(), node.name.clone());
                let message = format!(
                    "the relation {} is made twice: by {} and by {}",
                    relation.plain(),
                    other.file.path,
                    node.file.path
                );
                let problem = Diagnostic::error("name-taken-twice", message).at(node.place_of("alias"));
                problems.push(problem.hint("give one of them another `alias` or `schema`"));
            }
        }
        self.problems.extend(problems);
    }
}

/// What dbt makes of it, too: the schema that is asked for stands behind the layer's.
fn beside(layer: &str, asked: Option<&str>) -> String {
    asked.map_or_else(|| layer.to_owned(), |asked| format!("{layer}_{asked}"))
}

impl Manifest {
    /// All schemas that relations are published in: the layers' own and those beside them.
    pub fn schemas(&self) -> BTreeSet<&Ident> {
        Layer::ALL.into_iter().map(|layer| self.schema(layer)).chain(self.schemas_beside()).collect()
    }

    pub fn schemas_beside(&self) -> BTreeSet<&Ident> {
        let beside = self.nodes.iter().filter(|node| node.is_beside && node.is_built());
        beside.map(|node| &node.schema).collect()
    }

    /// Those that hold relations of prod, maybe others, too.
    pub fn schemas_of_prod(&self) -> BTreeSet<&Ident> {
        let prod = self.nodes.iter().filter(|node| node.layer == Layer::Prod && node.is_built());
        prod.map(|node| &node.schema).chain([self.schema(Layer::Prod)]).collect()
    }

    /// The schema of a node that is not in its layer's own.
    pub fn schema_beside(&self, id: NodeId) -> Option<String> {
        let node = self.node(id);
        node.is_beside.then(|| node.schema.as_str().to_owned())
    }

    /// What a node is called where runs build, which is one schema for all: its name, unless another node has the
    /// same in a schema of its own.
    pub fn built_name(&self, id: NodeId) -> Ident {
        let node = self.node(id);
        match self.namesakes.contains(&node.name) {
            true => Ident::new(format!("elt node {}", &hash(node.model_name())[..16])).expect("it is short"),
            false => node.name.clone(),
        }
    }
}

/// The names that several built nodes have, each in its own schema.
pub(super) fn namesakes(nodes: &[Node]) -> HashSet<Ident> {
    let mut seen = HashSet::new();
    let names = nodes.iter().filter(|node| node.is_built()).map(|node| &node.name);
    names.filter(|name| !seen.insert(*name)).cloned().collect()
}
