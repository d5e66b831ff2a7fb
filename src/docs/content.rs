//! The site's data, as its script reads it. Nodes name one another by their number in the list.

use serde_json::{Value, json};

use super::{Facts, markdown};
use crate::layout::layout;
use crate::lineage::{ColumnLineage, Input, Source};
use crate::manifest::{Body, NodeId, Test};

pub fn content(facts: &Facts<'_>) -> Value {
    let manifest = facts.manifest;
    // Exposures stand in the graph behind what they use; their numbers follow those of the nodes.
    let count = manifest.nodes.len();
    let parents = manifest.ids().map(|id| numbers(&manifest.node(id).parents));
    let parents = parents.chain(manifest.exposures.iter().map(|exposure| numbers(&exposure.parents)));
    let parents: Vec<Vec<usize>> = parents.collect();
    let mut order = numbers(&manifest.order);
    order.extend(count..parents.len());
    let places = layout(&parents, &order, |index| match manifest.nodes.get(index) {
        Some(node) => (node.layer as usize, node.domain.as_str(), node.name.as_str()),
        None => (usize::MAX, "", manifest.exposures[index - count].written.name.as_str()),
    });
    let nodes = manifest.ids().map(|id| node(facts, id));
    let nodes = nodes.chain((0..manifest.exposures.len()).map(|index| exposed(facts, index)));
    let nodes: Vec<Value> = nodes
        .zip(&places)
        .map(|(mut node, (rank, row))| {
            node["rank"] = (*rank).into();
            node["row"] = (*row).into();
            node
        })
        .collect();
    let exposures = manifest.exposures.iter().enumerate().map(|(index, exposure)| {
        let written = &exposure.written;
        json!({
            "name": written.name, "label": written.label, "kind": written.kind, "url": written.url,
            "description": written.description, "prose": markdown::tree(&written.description),
            "owner": written.owner, "maturity": written.maturity, "parents": numbers(&exposure.parents),
            "number": count + index,
        })
    });
    let exposures: Vec<Value> = exposures.collect();
    json!({
        "project": manifest.project,
        "version": env!("CARGO_PKG_VERSION"),
        "target": facts.target,
        "written_at": facts.written_at,
        "online": facts.online,
        "overview": facts.overview.map(markdown::tree),
        "nodes": nodes,
        "exposures": exposures,
    })
}

fn numbers(ids: &[NodeId]) -> Vec<usize> {
    ids.iter().map(|id| id.0).collect()
}

/// An exposure as the graph has it: a node without columns, tests and SQL.
fn exposed(facts: &Facts<'_>, index: usize) -> Value {
    let exposure = &facts.manifest.exposures[index];
    let written = &exposure.written;
    json!({
        "name": written.label.as_ref().unwrap_or(&written.name),
        "label": format!("exposure:{}", written.name),
        "kind": "exposure",
        "layer": "exposure",
        "domain": "",
        "description": written.description,
        "file": written.place.file.path,
        "config": {},
        "tags": written.tags,
        "columns": [],
        "complete": true,
        "rows_from": [],
        "doubts": [],
        "parents": numbers(&exposure.parents),
        "children": [],
        "exposures": [index],
        "tests": [],
        "unit_tests": [],
    })
}

fn node(facts: &Facts<'_>, id: NodeId) -> Value {
    let manifest = facts.manifest;
    let node = manifest.node(id);
    let lineage = facts.lineage.node(id);
    let kind = match node.body {
        Body::Source { .. } => "source",
        Body::Rule(_) => "rule",
        Body::Model { .. } => node.materialization.name(),
    };
    let compiled = match &node.body {
        Body::Model { .. } => manifest.query(id, false, &|target| manifest.published(target)).text,
        _ => String::new(),
    };
    let written = if node.is_source() { "" } else { node.file.text.as_str() };
    let described = facts.described.get(&id);
    let exposed = manifest.exposures.iter().enumerate();
    let exposed = exposed.filter(|(_, exposure)| exposure.parents.contains(&id)).map(|(index, _)| index);
    let exposed: Vec<usize> = exposed.collect();
    let mut children = numbers(&manifest.children[id.0]);
    children.extend(exposed.iter().map(|index| manifest.nodes.len() + index));
    let columns: Vec<Value> = lineage.columns.iter().map(|column| self::column(facts, id, column)).collect();
    json!({
        "name": node.name,
        "label": node.label(),
        "kind": kind,
        "layer": node.layer,
        "domain": node.domain,
        "description": node.description,
        "prose": markdown::tree(&node.description),
        "file": node.file.path,
        "relation": manifest.published(id).plain(),
        "config": node.words,
        "tags": node.config.tags,
        "columns": columns,
        "complete": lineage.complete,
        "rows_from": inputs(&lineage.rows),
        "doubts": lineage.doubts.iter().map(|doubt| json!({
            "message": doubt.message, "place": doubt.place.as_ref().map(ToString::to_string),
        })).collect::<Vec<_>>(),
        "parents": numbers(&node.parents),
        "children": children,
        "exposures": exposed,
        "tests": tests_of(facts, id),
        "unit_tests": unit_tests_of(facts, id),
        "written": written.trim(),
        "compiled": compiled.trim(),
        "rows": described.and_then(|described| described.rows),
        "bytes": described.map(|described| described.bytes),
        "owner": described.map(|described| &described.owner),
        "last": facts.last.get(&node.label()),
    })
}

fn column(facts: &Facts<'_>, id: NodeId, column: &ColumnLineage) -> Value {
    let written = facts.manifest.node(id).columns.iter().find(|written| *written.name == *column.name);
    let stored = facts.described.get(&id).and_then(|described| {
        let stored = described.columns.iter().find(|stored| *stored.name == *column.name)?;
        Some(stored.data_type.as_str())
    });
    let description = written.map(|written| written.description.as_str()).unwrap_or_default();
    json!({
        "name": column.name,
        "type": stored.or(column.data_type.as_deref()),
        "description": description,
        "prose": markdown::tree(description),
        "unsure": column.unsure,
        "place": column.place.as_ref().map(ToString::to_string),
        "inputs": inputs(&column.inputs),
    })
}

/// `[node or name, column, kind]` each.
fn inputs(inputs: &[Input]) -> Vec<Value> {
    let from = |source: &Source| match source {
        Source::Node(id) => json!(id.0),
        Source::Other(name) => json!(name),
    };
    inputs.iter().map(|input| json!([from(&input.from), input.column, input.kind])).collect()
}

fn tests_of(facts: &Facts<'_>, id: NodeId) -> Vec<Value> {
    let concerns = |test: &&Test| match test.subject {
        Some(subject) => subject == id,
        None => test.text.targets.contains(&id),
    };
    let shown = |test: &Test| {
        json!({
            "name": test.name, "kind": test.kind, "column": test.column, "warns": test.judged.warns_only,
            "file": test.place.to_string(), "last": facts.last.get(&test.name),
        })
    };
    facts.manifest.tests.iter().filter(concerns).map(shown).collect()
}

fn unit_tests_of(facts: &Facts<'_>, id: NodeId) -> Vec<Value> {
    let own = facts.manifest.unit_tests.iter().filter(|test| test.model == id);
    let shown = own.map(|test| {
        let written = &test.written;
        json!({
            "name": written.name, "prose": markdown::tree(&written.description),
            "given": written.given.iter().map(|given| &given.input).collect::<Vec<_>>(),
            "file": written.place.to_string(), "last": facts.last.get(&written.name),
        })
    });
    shown.collect()
}
