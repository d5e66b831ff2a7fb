//! `ls`: what there is, or what a selection comes to.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::args::Selection;
use super::{Context, Outcome};
use crate::manifest::select::{Chosen, Indirect, Item, ResourceType};
use crate::manifest::{Analysis, Body, Exposure, Manifest, NodeId, Test, UnitTest};

#[derive(Debug, Clone, Args)]
pub struct List {
    #[command(flatten)]
    pub selection: Selection,
    /// How to write the list
    #[arg(long, short = 'o', value_enum, default_value_t = ListOutput::Name)]
    pub output: ListOutput,
    /// Of JSON only these keys: --output-keys name config.materialized
    #[arg(long, value_name = "KEY", num_args = 1..)]
    pub output_keys: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListOutput {
    /// layer.name, one a line
    Name,
    /// The files
    Path,
    /// What selects each one and nothing else
    Selector,
    /// One JSON object a line, with config, parents and tests
    Json,
}

pub fn list(context: &Context, arguments: &List) -> Outcome {
    let (project, manifest) = context.project()?;
    // Tests that only come along are listed where tests are asked for.
    let asks_for_tests = !arguments.selection.resource_type.is_empty();
    let mut chosen = match asks_for_tests {
        true => context.choose(&project, &manifest, &arguments.selection)?,
        false => context.choose_with(&project, &manifest, &arguments.selection, Indirect::Empty)?,
    };
    // Nobody asks for analyses but by their names.
    if !asks_for_tests && arguments.selection.select.is_empty() {
        chosen.analyses.clear();
    }
    for item in in_order(&manifest, &chosen) {
        let line = match arguments.output {
            _ if context.terminal.json => None,
            ListOutput::Json => None,
            ListOutput::Name => Some(name(&manifest, item)),
            ListOutput::Path => Some(path(&manifest, item).to_owned()),
            ListOutput::Selector => Some(selector(&manifest, item)),
        };
        match line {
            Some(line) => context.terminal.data_line(&line),
            None => context.terminal.json_line(&keys(described(&manifest, item), &arguments.output_keys)),
        }
    }
    if chosen.is_empty() {
        context.terminal.note("nothing is selected");
    }
    Ok(ExitCode::SUCCESS)
}

/// Nodes in the order of building, then tests, unit tests, exposures and analyses.
fn in_order(manifest: &Manifest, chosen: &Chosen) -> Vec<Item> {
    let nodes = manifest.order.iter().copied().filter(|id| chosen.nodes.contains(id)).map(Item::Node);
    let tests = chosen.tests.iter().copied().map(Item::Test);
    let units = chosen.unit_tests.iter().copied().map(Item::UnitTest);
    let exposures = chosen.exposures.iter().copied().map(Item::Exposure);
    let analyses = chosen.analyses.iter().copied().map(Item::Analysis);
    nodes.chain(tests).chain(units).chain(exposures).chain(analyses).collect()
}

fn name(manifest: &Manifest, item: Item) -> String {
    match item {
        Item::Node(id) => manifest.node(id).label(),
        Item::Test(index) => manifest.tests[index].name.clone(),
        Item::UnitTest(index) => manifest.unit_tests[index].written.name.clone(),
        Item::Exposure(index) => format!("exposure:{}", manifest.exposures[index].written.name),
        Item::Analysis(index) => manifest.analyses[index].name.clone(),
    }
}

fn path(manifest: &Manifest, item: Item) -> &str {
    match item {
        Item::Node(id) => &manifest.node(id).file.path,
        Item::Test(index) => &manifest.tests[index].file.path,
        Item::UnitTest(index) => &manifest.unit_tests[index].written.place.file.path,
        Item::Exposure(index) => &manifest.exposures[index].written.place.file.path,
        Item::Analysis(index) => &manifest.analyses[index].file.path,
    }
}

/// What selects it and nothing else.
fn selector(manifest: &Manifest, item: Item) -> String {
    match item {
        Item::Node(id) => match &manifest.node(id).body {
            Body::Source { table, .. } => format!("source:{}.{table}", manifest.node(id).domain),
            _ => manifest.fqn(id).join("."),
        },
        Item::Test(index) => manifest.test_fqn(&manifest.tests[index]).join("."),
        Item::UnitTest(_) => format!("unit_test:{}", name(manifest, item)),
        Item::Exposure(_) => name(manifest, item),
        Item::Analysis(index) => manifest.analysis_fqn(&manifest.analyses[index]).join("."),
    }
}

fn described(manifest: &Manifest, item: Item) -> Map<String, Value> {
    let own = match item {
        Item::Node(id) => node(manifest, id),
        Item::Test(index) => test(manifest, &manifest.tests[index]),
        Item::UnitTest(index) => unit_test(manifest, &manifest.unit_tests[index]),
        Item::Exposure(index) => exposure(manifest, &manifest.exposures[index]),
        Item::Analysis(index) => analysis(manifest, &manifest.analyses[index]),
    };
    let kind = ResourceType::of(manifest, item).name();
    let mut all = Map::from_iter([("resource_type".to_owned(), Value::from(kind))]);
    all.extend(own.as_object().cloned().unwrap_or_default());
    all
}

fn node(manifest: &Manifest, id: NodeId) -> Value {
    let node = manifest.node(id);
    let labels = |ids: &[NodeId]| ids.iter().map(|id| manifest.node(*id).label()).collect::<Vec<_>>();
    let tests = manifest.tests.iter().filter(|test| test.text.targets.contains(&id));
    let kind = match node.body {
        Body::Source { .. } => "source",
        Body::Rule(_) => "rule",
        Body::Model { .. } => "model",
    };
    json!({
        "unique_id": manifest.unique_id(id),
        "name": node.name,
        "kind": kind,
        "layer": node.layer,
        "domain": node.domain,
        "fqn": manifest.fqn(id),
        "file": node.file.path,
        "materialized": node.materialization,
        "relation": manifest.published(id).plain(),
        "config": node.words,
        "tags": node.config.tags,
        "description": node.description,
        "parents": labels(&node.parents),
        "children": labels(&manifest.children[id.0]),
        "tests": tests.map(|test| &test.name).collect::<Vec<_>>(),
    })
}

fn test(manifest: &Manifest, test: &Test) -> Value {
    let mut parents: Vec<String> = test.text.targets.iter().map(|id| manifest.node(*id).label()).collect();
    parents.dedup();
    json!({
        "unique_id": manifest.test_id(test),
        "name": test.name,
        "kind": "test",
        "test_name": test.kind,
        "fqn": manifest.test_fqn(test),
        "file": test.file.path,
        "column": test.column,
        "config": test.words,
        "tags": test.config.tags,
        "parents": parents,
    })
}

fn unit_test(manifest: &Manifest, test: &UnitTest) -> Value {
    let written = &test.written;
    json!({
        "unique_id": manifest.unit_test_id(test),
        "name": written.name,
        "kind": "unit test",
        "fqn": manifest.unit_test_fqn(test),
        "file": written.place.file.path,
        "tags": written.tags,
        "description": written.description,
        "parents": [manifest.node(test.model).label()],
    })
}

fn exposure(manifest: &Manifest, exposure: &Exposure) -> Value {
    let written = &exposure.written;
    json!({
        "unique_id": manifest.exposure_id(exposure),
        "name": written.name,
        "kind": "exposure",
        "fqn": manifest.exposure_fqn(exposure),
        "file": written.place.file.path,
        "type": written.kind,
        "url": written.url,
        "owner": written.owner,
        "tags": written.tags,
        "description": written.description,
        "parents": exposure.parents.iter().map(|id| manifest.node(*id).label()).collect::<Vec<_>>(),
    })
}

fn analysis(manifest: &Manifest, analysis: &Analysis) -> Value {
    let parents = analysis.text.targets.iter().map(|id| manifest.node(*id).label());
    json!({
        "unique_id": manifest.analysis_id(analysis),
        "name": analysis.name,
        "kind": "analysis",
        "fqn": manifest.analysis_fqn(analysis),
        "file": analysis.file.path,
        "config": analysis.words,
        "tags": analysis.config.tags,
        "description": analysis.description,
        "parents": parents.collect::<Vec<_>>(),
    })
}

/// Only what was asked for; `config.materialized` goes into a map.
fn keys(all: Map<String, Value>, wanted: &[String]) -> Map<String, Value> {
    if wanted.is_empty() {
        return all;
    }
    let all = Value::Object(all);
    let found =
        wanted.iter().flat_map(|keys| keys.split([',', ' '])).filter(|key| !key.is_empty()).map(|key| {
            let value = key.split('.').try_fold(&all, |value, word| value.get(word));
            (key.to_owned(), value.cloned().unwrap_or(Value::Null))
        });
    found.collect()
}
