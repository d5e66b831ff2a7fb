//! Reads what an earlier call wrote, elt's or dbt's, as far as selectors compare with it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::manifest::select::{Former, FormerEntry, contract, same_lines};
use crate::name::{Ident, Relation};

/// An earlier state that cannot be used, in a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StateError(String);

#[derive(Deserialize)]
struct ManifestFile {
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
    test_metadata: Option<Value>,
    url: Option<String>,
    owner: Map<String, Value>,
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
    let all = manifest.nodes.iter().chain(&manifest.sources).chain(&manifest.exposures);
    let all = all.chain(&manifest.unit_tests);
    let macros = manifest.macros.into_iter().filter(|(id, _)| !id.starts_with("macro.elt."));
    Ok(Former {
        entries: all.map(|(id, node)| (Former::key(id), node.entry())).collect(),
        macros: macros.map(|(_, one)| (one.name, same_lines(&one.macro_sql))).collect(),
        results: results.map(|file| {
            file.results.into_iter().map(|result| (Former::key(&result.unique_id), result.status)).collect()
        }),
        fresher: fresher(then, now),
    })
}

/// Sources whose newest row is newer than it was.
fn fresher(then: Option<ResultsFile>, now: Option<ResultsFile>) -> Option<HashSet<String>> {
    let newest = |file: ResultsFile| -> HashMap<String, String> {
        let known = file.results.into_iter();
        known.filter_map(|one| Some((Former::key(&one.unique_id), one.max_loaded_at?))).collect()
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
    let nodes = manifest.nodes.iter().filter(|(_, node)| node.resource_type != "test");
    Ok(nodes.filter_map(|(id, node)| Some((Former::key(id), relation(node)?))).collect())
}

impl NodeFile {
    fn entry(&self) -> FormerEntry {
        let is_generic = self.test_metadata.is_some();
        FormerEntry {
            body: match self.resource_type.as_str() {
                "seed" => {
                    let checksum = self.checksum.as_ref().and_then(|checksum| checksum.get("checksum"));
                    checksum.and_then(Value::as_str).unwrap_or_default().to_owned()
                }
                "source" => format!(
                    "{}.{}",
                    self.schema.as_deref().unwrap_or_default(),
                    self.identifier.as_deref().unwrap_or_default()
                ),
                "unit_test" => self.checksum.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned(),
                "exposure" => self.exposed(),
                "test" if is_generic => String::new(),
                _ => same_lines(self.raw_code.as_deref().unwrap_or_default()),
            },
            configs: match self.resource_type.as_str() {
                "test" if !is_generic => Map::new(),
                "unit_test" => Map::new(),
                _ => self.unrendered_config.clone(),
            },
            relation: match (self.resource_type.as_str(), self.fqn.get(1)) {
                ("source" | "exposure" | "test" | "unit_test", _) => String::new(),
                ("seed", _) => format!("stage.{}", self.name),
                (_, Some(layer)) => format!("{layer}.{}", self.name),
                _ => String::new(),
            },
            descriptions: match self.resource_type.as_str() {
                "test" | "unit_test" | "exposure" => Vec::new(),
                _ => {
                    let columns = self.columns.values().map(|column| column.description.clone());
                    let all = std::iter::once(self.description.clone()).chain(columns);
                    all.map(Option::unwrap_or_default).collect()
                }
            },
            contract: contract(
                &self.config,
                self.columns.iter().map(|(name, column)| (name.as_str(), column.data_type.as_deref())),
            ),
            macros: self.depends_on.macros.clone(),
        }
    }

    fn exposed(&self) -> String {
        let parents = self.depends_on.nodes.iter().map(|id| Former::key(id));
        format!(
            "{} {} {}",
            parents.collect::<Vec<_>>().join(" "),
            self.url.as_deref().unwrap_or_default(),
            serde_json::to_string(&self.owner).unwrap_or_default()
        )
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
