//! What a run is asked to do, and how that is written down: in a plan's file and in the history, by names.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Defer;
use super::forecast::PlanFile;
use crate::manifest::{Manifest, NodeId};
use crate::name::{Ident, Relation};
use crate::secret::Secrets;

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// `run`, `build`, `load`, `seed`: for the history.
    pub command: String,
    pub selection: BTreeSet<NodeId>,
    /// Indices of the tests that may be run; those are that read what is built.
    pub tests: BTreeSet<usize>,
    /// Indices of the unit tests that may be run; those are whose model is built.
    pub unit_tests: BTreeSet<usize>,
    pub defer: Option<Defer>,
    pub full_refresh: bool,
    pub fail_fast: bool,
    /// Keep the rows that failed tests found.
    pub store_failures: bool,
    /// Build the batches of this time, not those that are due.
    pub event_time: Option<(Timestamp, Timestamp)>,
    /// The variables of the command line, for who asks the same again.
    pub vars: Map<String, Value>,
    /// Do just what was planned, or refuse.
    pub planned: Option<Arc<PlanFile>>,
    /// Go on from what is kept of this run and of those that it went on from.
    pub retried: Option<i64>,
}

/// A request by names, as it outlives the project's state that it was made in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenRequest {
    pub command: String,
    pub nodes: Vec<String>,
    pub tests: Vec<String>,
    pub unit_tests: Vec<String>,
    pub full_refresh: bool,
    pub fail_fast: bool,
    pub store_failures: bool,
    #[serde(default)]
    pub event_time: Option<(Timestamp, Timestamp)>,
    pub defer: Option<WrittenDefer>,
    pub vars: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenDefer {
    to: String,
    favor: bool,
    /// By node, schema and name.
    relations: BTreeMap<String, [String; 2]>,
}

impl Request {
    /// Without what is a secret.
    pub fn written(&self, manifest: &Manifest, secrets: &Secrets) -> WrittenRequest {
        let built = self.selection.iter().filter(|id| manifest.node(**id).is_built());
        WrittenRequest {
            command: self.command.clone(),
            nodes: built.map(|id| manifest.node(*id).label()).collect(),
            tests: self.tests.iter().map(|test| manifest.tests[*test].name.clone()).collect(),
            unit_tests: self.unit_tests.iter().map(|test| unit_name(manifest, *test)).collect(),
            full_refresh: self.full_refresh,
            fail_fast: self.fail_fast,
            store_failures: self.store_failures,
            event_time: self.event_time,
            defer: self.defer.as_ref().map(|defer| WrittenDefer {
                to: defer.to.clone(),
                favor: defer.favor,
                relations: defer
                    .relations
                    .iter()
                    .map(|(id, there)| {
                        let parts = [&there.schema, &there.name].map(|part| part.as_str().to_owned());
                        (manifest.node(*id).label(), parts)
                    })
                    .collect(),
            }),
            vars: self.vars.iter().map(|(name, value)| (name.clone(), hidden(value, secrets))).collect(),
        }
    }
}

fn hidden(value: &Value, secrets: &Secrets) -> Value {
    match value {
        Value::String(text) => Value::String(secrets.hide(text)),
        Value::Array(items) => items.iter().map(|item| hidden(item, secrets)).collect(),
        Value::Object(map) => map.iter().map(|(name, item)| (name.clone(), hidden(item, secrets))).collect(),
        plain => plain.clone(),
    }
}

impl WrittenRequest {
    /// The request in a manifest, and the names that it does not know any more.
    pub fn read(&self, manifest: &Manifest) -> (Request, Vec<String>) {
        let nodes: HashMap<String, NodeId> =
            manifest.ids().map(|id| (manifest.node(id).label(), id)).collect();
        let tests: HashMap<&str, usize> =
            manifest.tests.iter().enumerate().map(|(index, test)| (test.name.as_str(), index)).collect();
        let units: HashMap<String, usize> =
            (0..manifest.unit_tests.len()).map(|index| (unit_name(manifest, index), index)).collect();
        let mut unknown: Vec<String> =
            self.nodes.iter().filter(|name| !nodes.contains_key(*name)).cloned().collect();
        unknown.extend(self.tests.iter().filter(|name| !tests.contains_key(name.as_str())).cloned());
        unknown.extend(self.unit_tests.iter().filter(|name| !units.contains_key(*name)).cloned());
        let relation = |[schema, name]: &[String; 2]| {
            Some(Relation::new(Ident::new(schema.as_str()).ok()?, Ident::new(name.as_str()).ok()?))
        };
        let defer = self.defer.as_ref().map(|defer| {
            let there = defer.relations.iter();
            let relations = there.filter_map(|(node, there)| Some((*nodes.get(node)?, relation(there)?)));
            Defer { to: defer.to.clone(), favor: defer.favor, relations: relations.collect() }
        });
        let request = Request {
            command: self.command.clone(),
            selection: self.nodes.iter().filter_map(|name| nodes.get(name).copied()).collect(),
            tests: self.tests.iter().filter_map(|name| tests.get(name.as_str()).copied()).collect(),
            unit_tests: self.unit_tests.iter().filter_map(|name| units.get(name).copied()).collect(),
            defer,
            full_refresh: self.full_refresh,
            fail_fast: self.fail_fast,
            store_failures: self.store_failures,
            event_time: self.event_time,
            vars: self.vars.clone(),
            planned: None,
            retried: None,
        };
        (request, unknown)
    }
}

fn unit_name(manifest: &Manifest, index: usize) -> String {
    manifest.unit_tests[index].written.name.clone()
}
