//! The site's data, as its script reads it. Nodes name one another by their number in the list.

use serde_json::{Value, json};

use super::Facts;
use crate::layout::layout;
use crate::lineage::{ColumnLineage, Input, Source};
use crate::manifest::{Body, NodeId, Test};

pub fn content(facts: &Facts<'_>) -> Value {
    let manifest = facts.manifest;
    let parents: Vec<Vec<usize>> = manifest.ids().map(|id| numbers(&manifest.node(id).parents)).collect();
    let places = layout(&parents, &numbers(&manifest.order), |index| {
        let node = &manifest.nodes[index];
        (node.layer, &node.domain, &node.name)
    });
    let nodes: Vec<Value> = manifest
        .ids()
        .map(|id| {
            let mut node = node(facts, id);
            node["rank"] = places[id.0].0.into();
            node["row"] = places[id.0].1.into();
            node
        })
        .collect();
    let exposures: Vec<Value> = manifest
        .exposures
        .iter()
        .map(|exposure| {
            let written = &exposure.written;
            json!({
                "name": written.name, "label": written.label, "kind": written.kind, "url": written.url,
                "description": written.description, "owner": written.owner, "maturity": written.maturity,
                "parents": numbers(&exposure.parents),
            })
        })
        .collect();
    json!({
        "project": manifest.project,
        "version": env!("CARGO_PKG_VERSION"),
        "target": facts.target,
        "written_at": facts.written_at,
        "online": facts.online,
        "nodes": nodes,
        "exposures": exposures,
    })
}

fn numbers(ids: &[NodeId]) -> Vec<usize> {
    ids.iter().map(|id| id.0).collect()
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
    let written = if matches!(node.body, Body::Source { .. }) { "" } else { node.file.text.as_str() };
    let described = facts.described.get(&id);
    let exposed =
        manifest.exposures.iter().enumerate().filter(|(_, exposure)| exposure.parents.contains(&id));
    let columns: Vec<Value> = lineage.columns.iter().map(|column| self::column(facts, id, column)).collect();
    json!({
        "name": node.name,
        "label": node.label(),
        "kind": kind,
        "layer": node.layer,
        "domain": node.domain,
        "description": node.description,
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
        "children": numbers(&manifest.children[id.0]),
        "exposures": exposed.map(|(index, _)| index).collect::<Vec<_>>(),
        "tests": tests_of(facts, id),
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
    json!({
        "name": column.name,
        "type": stored.or(column.data_type.as_deref()),
        "description": written.map(|written| written.description.as_str()).unwrap_or_default(),
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
