//! `run_results.json`: what a command did with each node and test, in dbt's version 6.

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Invocation, Metadata, time};
use crate::manifest::{Manifest, NodeId};
use crate::pipeline::{NodeRecord, NodeStatus};
use crate::secret::Secrets;

/// What is written of a command beside its records.
pub struct RunFacts<'a> {
    /// `run`, `build`, `test`, …
    pub command: &'a str,
    /// As typed; they say what `result:` selectors of a later run refer to.
    pub arguments: Map<String, Value>,
    pub elapsed: std::time::Duration,
}

#[derive(Serialize)]
struct Document<'a> {
    metadata: Metadata<'a>,
    results: Vec<ResultEntry>,
    elapsed_time: f64,
    args: Map<String, Value>,
}

#[derive(Serialize)]
struct ResultEntry {
    status: &'static str,
    timing: Vec<Timing>,
    thread_id: &'static str,
    execution_time: f64,
    adapter_response: Map<String, Value>,
    message: Option<String>,
    failures: Option<i64>,
    unique_id: String,
    compiled: bool,
    compiled_code: Option<String>,
    relation_name: Option<String>,
    batch_results: Option<()>,
}

#[derive(Serialize)]
struct Timing {
    name: &'static str,
    started_at: Option<String>,
    completed_at: Option<String>,
}

/// The document, to be written by [`super::Folder::write`].
pub fn run_results<'a>(
    manifest: &Manifest,
    records: &[NodeRecord],
    facts: RunFacts<'_>,
    invocation: &'a Invocation,
    secrets: &Secrets,
) -> impl Serialize + 'a {
    let results = entries(manifest, records, secrets).into_iter().map(|(entry, _)| entry).collect();
    let mut args = facts.arguments;
    args.insert("which".into(), facts.command.into());
    Document {
        metadata: invocation.metadata("run-results/v6"),
        results,
        elapsed_time: facts.elapsed.as_secs_f64(),
        args,
    }
}

/// What hooks at the end of a run know of it by the names that dbt gives: `results`, and the schemas of what is good.
pub fn known_at_the_end(
    manifest: &Manifest,
    records: &[NodeRecord],
    secrets: &Secrets,
) -> [(&'static str, Value); 3] {
    let mut results = Vec::with_capacity(records.len());
    let (mut schemas, mut pairs) = (BTreeSet::new(), BTreeSet::new());
    for (entry, what) in entries(manifest, records, secrets) {
        let mut node = match what {
            What::Node(id) => manifest.flat_node(id),
            What::Test(test) => manifest.flat_test(&manifest.tests[test]),
            What::UnitTest(test) => manifest.flat_unit_test(&manifest.unit_tests[test]),
        };
        if let (What::Node(_), Some(schema)) = (what, node["schema"].as_str())
            && !["error", "skipped"].contains(&entry.status)
        {
            schemas.insert(schema.to_owned());
            pairs.insert((node["database"].as_str().map(str::to_owned), schema.to_owned()));
        }
        node["compiled_code"] = entry.compiled_code.clone().into();
        let mut result = serde_json::to_value(&entry).unwrap_or_default();
        result["node"] = node;
        results.push(result);
    }
    [
        ("results", Value::Array(results)),
        ("schemas", Value::from_iter(schemas)),
        ("database_schemas", pairs.into_iter().map(|(database, schema)| json!([database, schema])).collect()),
    ]
}

/// What a result is about.
#[derive(Clone, Copy)]
enum What {
    Node(NodeId),
    Test(usize),
    UnitTest(usize),
}

fn entries(manifest: &Manifest, records: &[NodeRecord], secrets: &Secrets) -> Vec<(ResultEntry, What)> {
    let nodes: HashMap<String, NodeId> = manifest.ids().map(|id| (manifest.node(id).label(), id)).collect();
    let tests: HashMap<&str, usize> =
        manifest.tests.iter().enumerate().map(|(index, test)| (test.name.as_str(), index)).collect();
    let mut results = Vec::with_capacity(records.len());
    for record in records {
        let mut entry = entry(record);
        if record.kind == "unit test" {
            let found = manifest.unit_tests.iter().position(|test| test.written.name == record.node);
            let Some(index) = found else { continue };
            entry.unique_id = manifest.unit_test_id(&manifest.unit_tests[index]);
            results.push((entry, What::UnitTest(index)));
        } else if record.kind == "test" {
            let Some(index) = tests.get(record.node.as_str()).copied() else { continue };
            let test = &manifest.tests[index];
            entry.unique_id = manifest.test_id(test);
            let sql = manifest.test_query(test, &|target| manifest.published(target));
            entry.compiled_code = Some(secrets.hide(&sql.text));
            results.push((entry, What::Test(index)));
        } else {
            let Some(id) = nodes.get(&record.node) else { continue };
            entry.unique_id = manifest.unique_id(*id);
            entry.relation_name = Some(manifest.published(*id).to_string());
            let sql = manifest.query(*id, false, &|target| manifest.published(target));
            entry.compiled_code = (!sql.text.is_empty()).then(|| secrets.hide(&sql.text));
            results.push((entry, What::Node(*id)));
        }
    }
    results
}

fn entry(record: &NodeRecord) -> ResultEntry {
    let is_test = record.kind == "test";
    let mut response = Map::new();
    if let Some(rows) = record.rows.filter(|_| !is_test) {
        response.insert("rows_affected".into(), rows.into());
    }
    ResultEntry {
        status: status(record),
        timing: timing(record).into_iter().collect(),
        thread_id: "elt",
        execution_time: record.duration_ms as f64 / 1000.0,
        adapter_response: response,
        message: record.message.clone(),
        failures: record.rows.filter(|_| is_test),
        unique_id: String::new(),
        compiled: true,
        compiled_code: None,
        relation_name: None,
        batch_results: None,
    }
}

/// elt's words in dbt's: a test that found rows is a `fail`, one whose query broke an `error`.
fn status(record: &NodeRecord) -> &'static str {
    match (record.status, record.kind.as_str()) {
        (NodeStatus::Kept, "test" | "unit test") => "pass",
        (NodeStatus::Built | NodeStatus::Kept, _) => "success",
        (NodeStatus::Passed, _) => "pass",
        (NodeStatus::Warned, _) => "warn",
        (NodeStatus::Failed, "test") if record.rows.is_some() => "fail",
        (NodeStatus::Failed, "unit test") => "fail",
        (NodeStatus::Failed, _) => "error",
        (NodeStatus::Skipped, _) => "skipped",
        (NodeStatus::Unchanged, _) => "no-op",
    }
}

fn timing(record: &NodeRecord) -> Option<Timing> {
    let started: Timestamp = record.started_at?;
    let completed = started.checked_add(SignedDuration::from_millis(record.duration_ms)).ok();
    Some(Timing { name: "execute", started_at: Some(time(started)), completed_at: completed.map(time) })
}
