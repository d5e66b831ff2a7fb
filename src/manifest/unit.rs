//! Unit tests: a model compiled with what the test overrides, its inputs exchanged for given rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

use super::identity::hash;
use super::read::Reader;
use super::resolve::resolved;
use super::{Answered, Body, Manifest, NodeId, Sql, Test, Text};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::name::Relation;
use crate::project::{Rows, UnitTest as Written};
use crate::template::{Overridden, Reference, Subject};

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
    /// A name that comes twice, or that a test has, gets a number.
    pub fn unit_tests(&mut self, tests: &[Test]) -> Vec<UnitTest> {
        let mut seen: HashMap<String, usize> = tests.iter().map(|test| (test.name.clone(), 1)).collect();
        let mut written: Vec<Written> = self.project.unit_tests.clone();
        written.retain(|test| self.is_enabled(test.enabled.as_ref(), &test.place));
        let mut found: Vec<UnitTest> = written.into_iter().filter_map(|test| self.unit_test(test)).collect();
        for test in &mut found {
            let times = seen.entry(test.written.name.clone()).or_default();
            *times += 1;
            if *times > 1 {
                test.written.name = format!("{}_{times}", test.written.name);
            }
        }
        found
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
        let (file, schema) = (node.file.clone(), node.schema.as_str().to_owned());
        let layer_schema = self.project.target.schema(node.layer).as_str();
        let overrides = &written.overrides;
        let macros = self.overridden_macros(&written)?;
        let incremental = overrides.macros.get("is_incremental").and_then(Value::as_bool);
        let subject = Subject {
            name: &written.model,
            schema: &schema,
            layer_schema,
            incremental: incremental.unwrap_or(false),
            ..Subject::default()
        };
        let overridden = Overridden { vars: &overrides.vars, env: &overrides.env_vars, macros };
        let rendered = self.project.library.render_overridden(&file, subject, &overridden);
        let rendered = match rendered {
            Ok(rendered) => rendered,
            Err(problems) => {
                let placed = problems.into_iter().map(|mut problem| {
                    let name = problem.message.split('`').nth(1).unwrap_or_default();
                    problem.location.get_or_insert_with(|| written.place.closer(name));
                    problem
                });
                self.problems.extend(placed);
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

    /// What overridden macros write or return. `is_incremental` is none of them: it answers, and writes nothing.
    fn overridden_macros<'w>(&mut self, written: &'w Written) -> Option<Vec<(&'w str, &'w Value)>> {
        let mut macros = Vec::new();
        for (name, value) in &written.overrides.macros {
            match (name.as_str(), value) {
                ("is_incremental", Value::Bool(_)) => {}
                ("is_incremental", _) => {
                    let problem = Diagnostic::error("bad-unit-test", "`is_incremental` is true or false");
                    self.problems.push(problem.at(written.place.closer(name)));
                    return None;
                }
                (name, Value::String(_) | Value::Number(_)) => macros.push((name, value)),
                (name, _) if self.project.library.returns_a_value(name) => macros.push((name, value)),
                _ => {
                    let message = format!("what the macro `{name}` writes is a text or a number");
                    let problem = Diagnostic::error("bad-unit-test", message).at(written.place.closer(name));
                    self.problems.push(problem.hint("put it in quotes, as it shall stand in the SQL"));
                    return None;
                }
            }
        }
        Some(macros)
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
    Reference::parse(text)
}

impl Manifest {
    /// The query of a unit test. `name` says where the rows of each input stand.
    pub fn unit_query(&self, test: &UnitTest, name: &dyn Fn(NodeId) -> Relation, answered: &Answered) -> Sql {
        let given: BTreeSet<NodeId> = test.given.keys().copied().collect();
        let text = answered.own.as_deref().unwrap_or(&test.text);
        self.assemble_with(text, &self.node(test.model).file, name, &given, answered)
    }

    /// The relations that a unit test's query reads.
    pub fn unit_inputs(&self, test: &UnitTest) -> BTreeSet<NodeId> {
        let (mut inputs, mut open) = (BTreeSet::new(), test.text.targets.clone());
        while let Some(id) = open.pop() {
            let node = self.node(id);
            if test.given.contains_key(&id) || node.is_built() || node.is_source() {
                inputs.insert(id);
            } else {
                open.extend(&node.parents);
            }
        }
        inputs
    }
}

impl Written {
    /// Changes when anything does that decides how it ends.
    pub fn checksum(&self) -> String {
        let given: Vec<Value> =
            self.given.iter().map(|given| json!([given.input, given.rows.to_json()])).collect();
        let all = json!([self.model, given, self.expect.to_json(), self.overrides]);
        hash(&all.to_string())
    }
}

impl Rows {
    /// As a list of rows, or as the query's text.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Values(rows) => rows.iter().cloned().map(Value::Object).collect(),
            Self::Sql(sql) => Value::from(sql.as_str()),
        }
    }

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
