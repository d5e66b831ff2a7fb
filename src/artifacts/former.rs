//! Reads what an earlier call wrote, elt's or dbt's, as far as selectors compare with it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::manifest::select::{
    Former, FormerEntry, as_dbt_means, contract, exposed, generic_test_key, relation_asked, same_lines,
};
use crate::name::{Ident, Relation};

/// An earlier state that cannot be used, in a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StateError(String);

#[derive(Deserialize)]
struct ManifestFile {
    #[serde(default)]
    metadata: MetadataFile,
    nodes: HashMap<String, NodeFile>,
    #[serde(default)]
    sources: HashMap<String, NodeFile>,
    #[serde(default)]
    exposures: HashMap<String, NodeFile>,
    #[serde(default)]
    unit_tests: HashMap<String, NodeFile>,
    #[serde(default)]
    macros: HashMap<String, MacroFile>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MetadataFile {
    dbt_version: String,
    project_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct NodeFile {
    resource_type: String,
    name: String,
    schema: Option<String>,
    alias: Option<String>,
    identifier: Option<String>,
    fqn: Vec<String>,
    checksum: Option<Value>,
    raw_code: Option<String>,
    unrendered_config: Map<String, Value>,
    config: Map<String, Value>,
    description: Option<String>,
    columns: indexmap::IndexMap<String, ColumnFile>,
    depends_on: DependsOnFile,
    test_metadata: Option<TestFile>,
    column_name: Option<String>,
    url: Option<String>,
    owner: Map<String, Value>,
}

/// What a generic test was asked.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TestFile {
    name: String,
    kwargs: Map<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DependsOnFile {
    macros: Vec<String>,
    nodes: Vec<String>,
}

#[derive(Deserialize)]
struct ColumnFile {
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    data_type: Option<String>,
}

#[derive(Deserialize)]
struct MacroFile {
    name: String,
    #[serde(default)]
    package_name: String,
    macro_sql: String,
}

#[derive(Deserialize)]
struct ResultsFile {
    results: Vec<ResultFile>,
}

#[derive(Deserialize)]
struct ResultFile {
    unique_id: String,
    status: String,
    #[serde(default)]
    max_loaded_at: Option<String>,
}

/// The state in a folder: `manifest.json`, and beside it `run_results.json` and `sources.json` where they are.
/// `own` is the folder of this project's artifacts, whose `sources.json` is compared with that one.
pub fn former(folder: &Path, own: &Path) -> Result<Former, StateError> {
    let manifest: ManifestFile = read(folder, "manifest.json")?
        .ok_or_else(|| StateError(format!("there is no manifest.json in {}", folder.display())))?;
    let results: Option<ResultsFile> = read(folder, "run_results.json")?;
    let (then, now) = (read(folder, "sources.json")?, read(own, "sources.json")?);
    let (is_of_dbt, project) = (manifest.is_of_dbt(), manifest.project());
    let all = manifest.nodes.iter().chain(&manifest.sources).chain(&manifest.exposures);
    let all: Vec<(&String, &NodeFile)> = all.chain(&manifest.unit_tests).collect();
    let keys: HashMap<&str, String> =
        all.iter().map(|(id, node)| (id.as_str(), node.key(id, is_of_dbt, &project))).collect();
    let key = |id: &str| keys.get(id).cloned().unwrap_or_else(|| Former::key(id, &project));
    let macros = manifest.macros.iter().filter(|(id, _)| !id.starts_with("macro.elt."));
    Ok(Former {
        is_of_dbt,
        entries: all.iter().map(|(id, node)| (key(id), node.entry(is_of_dbt, &project))).collect(),
        macros: macros.map(|(_, one)| (one.called(&project), same_lines(&one.macro_sql))).collect(),
        results: results.map(|file| {
            file.results.into_iter().map(|result| (key(&result.unique_id), result.status)).collect()
        }),
        fresher: fresher(then, now),
    })
}

/// Sources whose newest row is newer than it was, by their ids without the package's name: the two files may
/// be of folders that are called otherwise.
fn fresher(then: Option<ResultsFile>, now: Option<ResultsFile>) -> Option<HashSet<String>> {
    let newest = |file: ResultsFile| -> HashMap<String, String> {
        let known = file.results.into_iter();
        known.filter_map(|one| Some((Former::short(&one.unique_id), one.max_loaded_at?))).collect()
    };
    let (then, now) = (newest(then?), newest(now?));
    Some(
        now.into_iter()
            .filter(|(id, at)| then.get(id).is_none_or(|before| at > before))
            .map(|(id, _)| id)
            .collect(),
    )
}

/// Where the nodes of an earlier state stand, by their ids without the project's name.
pub fn former_relations(folder: &Path) -> Result<HashMap<String, Relation>, StateError> {
    let manifest: Option<ManifestFile> = read(folder, "manifest.json")?;
    let manifest =
        manifest.ok_or_else(|| StateError(format!("there is no manifest.json in {}", folder.display())))?;
    let relation = |node: &NodeFile| {
        let schema = Ident::new(node.schema.clone()?).ok()?;
        Some(Relation::new(schema, Ident::new(node.alias.clone().unwrap_or_else(|| node.name.clone())).ok()?))
    };
    let project = manifest.project();
    let nodes = manifest.nodes.iter().filter(|(_, node)| node.resource_type != "test");
    Ok(nodes.filter_map(|(id, node)| Some((Former::key(id, &project), relation(node)?))).collect())
}

impl ManifestFile {
    fn is_of_dbt(&self) -> bool {
        !self.metadata.dbt_version.contains("+elt")
    }

    /// The name that ids carry. Old manifests do not say it: then it is the most common one.
    fn project(&self) -> String {
        if let Some(name) = &self.metadata.project_name {
            return name.clone();
        }
        let mut times: HashMap<&str, usize> = HashMap::new();
        for package in self.nodes.keys().filter_map(|id| id.split('.').nth(1)) {
            *times.entry(package).or_default() += 1;
        }
        times
            .into_iter()
            .max_by_key(|(_, times)| *times)
            .map_or_else(String::new, |(name, _)| name.to_owned())
    }
}

impl MacroFile {
    /// The name that elt's templates know it by.
    fn called(&self, project: &str) -> String {
        let (name, package) = (&self.name, &self.package_name);
        match name.strip_prefix("test_") {
            _ if package.is_empty() || package == project => name.clone(),
            Some(test) => format!("test_{package}__{test}"),
            None => format!("{package}__{name}"),
        }
    }
}

impl NodeFile {
    fn relation_asked(&self, layer: &str) -> String {
        let schema = self.config.get("schema").and_then(Value::as_str);
        relation_asked(layer, schema, self.alias.as_deref().unwrap_or(&self.name))
    }

    /// dbt names and hashes generic tests otherwise: they are found by what they ask.
    fn key(&self, id: &str, is_of_dbt: bool, project: &str) -> String {
        let Some(test) = self.test_metadata.as_ref().filter(|_| is_of_dbt) else {
            return Former::key(id, project);
        };
        let mut arguments = test.kwargs.clone();
        arguments.remove("column_name");
        let model = arguments.remove("model").unwrap_or_default();
        let model = model.as_str().and_then(reference).unwrap_or_default();
        generic_test_key(&test.name, &model, self.column_name.as_deref(), &arguments)
    }

    fn entry(&self, is_of_dbt: bool, project: &str) -> FormerEntry {
        let is_generic = self.test_metadata.is_some();
        let checksum = || match self.checksum.as_ref()? {
            Value::String(checksum) => Some(checksum.clone()),
            checksum => checksum.get("checksum")?.as_str().map(str::to_owned),
        };
        let kind = self.resource_type.as_str();
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        FormerEntry {
            body: match kind {
                "seed" => checksum(),
                "source" => Some(format!("{}.{}", text(&self.schema), text(&self.identifier))),
                // It is a hash of dbt's own making.
                "unit_test" if is_of_dbt => None,
                "unit_test" => checksum(),
                "exposure" => {
                    let parents = self.depends_on.nodes.iter().map(|id| Former::key(id, project));
                    Some(exposed(parents.collect(), self.url.as_deref(), &self.owner))
                }
                "test" if is_generic => Some(String::new()),
                _ => Some(same_lines(self.raw_code.as_deref().unwrap_or_default())),
            },
            configs: match kind {
                "test" if !is_generic && !is_of_dbt => Map::new(),
                "unit_test" | "exposure" if is_of_dbt => Map::new(),
                "unit_test" => Map::new(),
                _ if is_of_dbt => as_dbt_means(&self.unrendered_config),
                _ => self.unrendered_config.clone(),
            },
            // dbt has no layers: its folders say nothing of where elt builds.
            relation: match (kind, self.fqn.get(1)) {
                _ if is_of_dbt => None,
                ("source" | "exposure" | "test" | "unit_test", _) => None,
                ("seed", _) => Some(self.relation_asked("stage")),
                (_, layer) => layer.map(|layer| self.relation_asked(layer)),
            },
            descriptions: match kind {
                "test" | "unit_test" | "exposure" => Vec::new(),
                _ => {
                    let columns = self.columns.values().filter_map(|column| column.description.clone());
                    let columns = columns.filter(|text| !text.is_empty());
                    std::iter::once(text(&self.description)).chain(columns).collect()
                }
            },
            contract: contract(
                &self.config,
                self.columns.iter().map(|(name, column)| (name.as_str(), column.data_type.as_deref())),
            ),
            macros: self.depends_on.macros.clone(),
        }
    }
}

/// `ref('orders')` or `source('shop', 'orders')` of `{{ get_where_subquery(ref('orders')) }}`.
fn reference(model: &str) -> Option<String> {
    let names: Vec<&str> = model.split(['\'', '"']).skip(1).step_by(2).collect();
    match (model.contains("source("), names.as_slice()) {
        (true, [source, table, ..]) => Some(format!("source('{source}', '{table}')")),
        (false, [.., name]) => Some(format!("ref('{name}')")),
        _ => None,
    }
}

fn read<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<Option<T>, StateError> {
    let path = folder.join(name);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StateError(format!("{} cannot be read: {error}", path.display()))),
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|error| StateError(format!("{} is no artifact of elt or dbt: {error}", path.display())))
}
