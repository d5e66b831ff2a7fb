//! Tables that something else than elt makes become nodes; one that a raw model of this project loads is that
//! model.

use serde_json::Value;

use super::read::Reader;
use super::{Body, Node, NodeId};
use crate::diagnostic::Diagnostic;
use crate::name::{Ident, Relation};
use crate::project::{Config, Layer, Materialization, SourceTable};

impl Reader<'_> {
    pub fn sources(&mut self) {
        for table in &self.project.sources {
            let mut names = Value::from(vec![table.schema.clone(), table.identifier.clone()]);
            self.fill_in(&mut names, &table.place);
            let [written_schema, identifier] =
                [0, 1].map(|at| names[at].as_str().unwrap_or_default().to_owned());
            let (Ok(schema), Ok(name)) = (Ident::new(&*written_schema), Ident::new(&*identifier)) else {
                let message = format!("`{written_schema}.{identifier}` is no name PostgreSQL keeps whole");
                self.problems.push(Diagnostic::error("bad-name", message).at(table.place.clone()));
                continue;
            };
            let named = (table.source.clone(), table.name.clone());
            if self.sources.contains_key(&named) {
                let message = format!("the source `{}.{}` is declared twice", table.source, table.name);
                self.problems.push(Diagnostic::error("described-twice", message).at(table.place.clone()));
                continue;
            }
            let mut words = Value::Object(table.config.clone());
            name_this(&mut words, &Relation::new(schema.clone(), name.clone()));
            self.fill_in(&mut words, &table.place);
            let Value::Object(words) = words else { continue };
            let config = self.config(&words, &table.place);
            let is_on = config.enabled != Some(false);
            if is_on && config.loaded_at_field.is_some() && config.loaded_at_query.is_some() {
                let message =
                    format!("`{}.{}` has a loaded_at_field and a loaded_at_query", table.source, table.name);
                let problem = Diagnostic::error("bad-config", message).at(table.place.clone());
                self.problems.push(problem.hint("keep one of them"));
            }
            if let Some(id) = self.loaded_here(table, &schema, &name).filter(|_| is_on) {
                self.fresh_as_declared(id, config);
                self.sources.insert(named, id);
                continue;
            }
            let body =
                Body::Source { table: table.name.clone(), description: table.source_description.clone() };
            let file = &table.place.file;
            let node = Node {
                domain: table.source.clone(),
                yaml_words: words.clone(),
                words,
                description: table.description.clone(),
                described_in: Some(file.clone()),
                columns: table.columns.clone(),
                ..Node::bare(
                    Relation::new(schema, name),
                    Layer::Raw,
                    file,
                    Materialization::View,
                    config,
                    body,
                )
            };
            if !is_on {
                self.disabled.push(node);
                continue;
            }
            self.sources.insert(named, NodeId(self.nodes.len()));
            self.references.push(Vec::new());
            self.nodes.push(node);
        }
    }

    /// What a source says of freshness holds for the raw model that loads it, where that says nothing itself.
    fn fresh_as_declared(&mut self, id: NodeId, declared: Config) {
        let config = &mut self.nodes[id.0].config;
        config.freshness = config.freshness.take().or(declared.freshness);
        if config.loaded_at_field.is_none() && config.loaded_at_query.is_none() {
            config.loaded_at_field = declared.loaded_at_field;
            config.loaded_at_query = declared.loaded_at_query;
        }
    }

    fn loaded_here(&self, table: &SourceTable, schema: &Ident, name: &Ident) -> Option<NodeId> {
        let id = *self.by_name.get(name.as_str())?;
        let node = &self.nodes[id.0];
        let raw = self.project.target.schema(Layer::Raw);
        let is_meant = node.domain == table.source || schema.as_str() == "raw" || schema == raw;
        (node.layer == Layer::Raw && is_meant).then_some(id)
    }
}

/// `{{ this }}` in the query of the newest time is the table itself.
fn name_this(words: &mut Value, relation: &Relation) {
    if let Some(Value::String(query)) = words.get_mut("loaded_at_query") {
        for this in ["{{ this }}", "{{this}}"] {
            *query = query.replace(this, &relation.to_string());
        }
    }
}
