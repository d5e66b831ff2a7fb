//! Unit tests: a model compiled with what the test overrides, its inputs exchanged for given rows.

use std::collections::{BTreeMap, BTreeSet};

use super::read::{Reader, resolved};
use super::{Body, Manifest, NodeId, Sql, Text};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::name::Relation;
use crate::project::{Rows, UnitTest as Written};
use crate::template::{Reference, Subject};

/// A unit test, its model compiled as it asks.
#[derive(Debug, Clone)]
pub struct UnitTest {
    pub written: Written,
    pub model: NodeId,
    /// The model's own text; what else it reads is exchanged by name.
    pub text: Text,
    /// Index of the given rows of each input; the model itself is `this`.
    pub given: BTreeMap<NodeId, usize>,
}

impl Reader<'_> {
    pub fn unit_tests(&mut self) -> Vec<UnitTest> {
        let written: Vec<Written> = self.project.unit_tests.clone();
        written.into_iter().filter_map(|test| self.unit_test(test)).collect()
    }

    fn unit_test(&mut self, written: Written) -> Option<UnitTest> {
        let Some(model) = self.by_name.get(&written.model).copied() else {
            let message = format!("there is no model `{}`", written.model);
            let near = did_you_mean(&written.model, self.by_name.keys().map(String::as_str));
            let problem = Diagnostic::error("unknown-model", message).at(written.model_place.clone());
            self.problems.push(problem.maybe_hint(near));
            return None;
        };
        let node = &self.nodes[model.0];
        if !matches!(node.body, Body::Model { .. }) || node.config.source.is_some() {
            let message = format!("`{}` is no model of SQL that rows can be given to", written.model);
            self.problems.push(Diagnostic::error("bad-unit-test", message).at(written.model_place.clone()));
            return None;
        }
        let (file, schema) = (node.file.clone(), self.project.target.schema(node.layer).as_str().to_owned());
        let overrides = &written.overrides;
        if let Some(name) = overrides.macros.keys().find(|name| *name != "is_incremental") {
            let message = format!("the macro `{name}` cannot be overridden");
            let problem = Diagnostic::error("bad-unit-test", message).at(written.place.closer(name));
            self.problems.push(problem.hint(
                "`is_incremental` can; let the model read what changes from a variable: var('today', 'current_date')",
            ));
            return None;
        }
        let incremental = overrides.macros.get("is_incremental").and_then(serde_json::Value::as_bool);
        let subject =
            Subject { name: &written.model, schema: &schema, incremental: incremental.unwrap_or(false) };
        let rendered =
            self.project.library.render_overridden(&file, subject, &overrides.vars, &overrides.env_vars);
        let rendered = match rendered {
            Ok(rendered) => rendered,
            Err(problems) => {
                self.problems.extend(problems);
                return None;
            }
        };
        let before = self.problems.len();
        let targets = self.targets(&rendered.references, Some(model), &file);
        let unknown = self.problems.split_off(before);
        if !unknown.is_empty() {
            // What the model itself lacks is told already.
            for problem in unknown {
                if !self.problems.contains(&problem) {
                    self.problems.push(problem);
                }
            }
            return None;
        }
        let text = Text { rendered, targets };
        let given = self.given(&written, model, &text)?;
        Some(UnitTest { written, model, text, given })
    }

    fn given(&mut self, written: &Written, model: NodeId, text: &Text) -> Option<BTreeMap<NodeId, usize>> {
        let mut read: BTreeSet<NodeId> = BTreeSet::new();
        let mut open = text.targets.clone();
        while let Some(id) = open.pop() {
            if read.insert(id) && !self.nodes[id.0].is_built() {
                open.extend(&self.nodes[id.0].parents);
            }
        }
        let before = self.problems.len();
        let mut given = BTreeMap::new();
        for (index, input) in written.given.iter().enumerate() {
            let id = match reference(&input.input) {
                Some(Reference::This) => Some(model),
                Some(named) => resolved(&named, &self.by_name, &self.sources, &self.nodes),
                None => None,
            };
            let known = read.iter().map(|id| self.nodes[id.0].name.as_str());
            let wrong = |message: String| {
                Diagnostic::error("unknown-input", message).at(input.place.closer(&input.input))
            };
            match id {
                Some(id) if read.contains(&id) || id == model => {
                    given.insert(id, index);
                }
                _ => {
                    let bare = input.input.split(['\'', '"']).rev().nth(1).unwrap_or(&input.input);
                    let hint = did_you_mean(bare, known.clone())
                        .unwrap_or_else(|| format!("it reads {}", known.collect::<Vec<_>>().join(", ")));
                    let message = format!("`{}` does not read {}", written.model, input.input);
                    let problem = wrong(message).hint(hint);
                    self.problems.push(problem);
                }
            }
        }
        (self.problems.len() == before).then_some(given)
    }
}

/// `ref('x')`, `source('a', 'b')` or `this`.
fn reference(text: &str) -> Option<Reference> {
    let text = text.trim();
    if text == "this" {
        return Some(Reference::This);
    }
    let mut quoted = text.split(['\'', '"']).skip(1).step_by(2).map(str::to_owned);
    match (text.split('(').next()?.trim(), quoted.next(), quoted.next()) {
        ("ref", Some(name), None) => Some(Reference::Ref(name)),
        ("source", Some(source), Some(name)) => Some(Reference::Source(source, name)),
        _ => None,
    }
}

impl Manifest {
    /// The query of a unit test. `name` says where the rows of each input stand.
    pub fn unit_query(&self, test: &UnitTest, name: &dyn Fn(NodeId) -> Relation) -> Sql {
        let given: BTreeSet<NodeId> = test.given.keys().copied().collect();
        self.assemble_with(&test.text, &self.node(test.model).file, name, &given)
    }

    /// The relations that a unit test's query reads.
    pub fn unit_inputs(&self, test: &UnitTest) -> BTreeSet<NodeId> {
        let (mut inputs, mut open) = (BTreeSet::new(), test.text.targets.clone());
        while let Some(id) = open.pop() {
            let node = self.node(id);
            if test.given.contains_key(&id) || node.is_built() || matches!(node.body, Body::Source { .. }) {
                inputs.insert(id);
            } else {
                open.extend(&node.parents);
            }
        }
        inputs
    }
}

impl Rows {
    /// The columns that rows name, in the order of first mention; `None` where only the query knows.
    pub fn columns(&self) -> Option<Vec<&str>> {
        let Self::Values(rows) = self else { return None };
        let mut columns: Vec<&str> = Vec::new();
        for name in rows.iter().flat_map(|row| row.keys()) {
            if !columns.contains(&name.as_str()) {
                columns.push(name);
            }
        }
        Some(columns)
    }
}
