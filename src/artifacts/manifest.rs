//! `manifest.json`: the project as it was compiled, in dbt's version 12.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::entries::{self, DocsBlock, Exposure, Group, Nothing, Ref, Source, UnitTest};
use super::nodes::{Nodes, version};
use super::{Invocation, Metadata};
use crate::manifest::select::{NamedSelector, NamedSelectors};
use crate::manifest::{Body, Manifest, NodeId, hash};
use crate::name::Relation;
use crate::project::Project;
use crate::secret::Secrets;
use crate::template::Macro;

/// Macros and tests that every project has belong to this package.
pub(super) const BUILTIN: &str = "elt";

#[derive(Serialize)]
struct Document<'a> {
    metadata: Whole<'a>,
    nodes: Nodes<'a>,
    sources: IndexMap<String, Source<'a>>,
    macros: IndexMap<String, entries::Macro<'a>>,
    docs: IndexMap<String, DocsBlock<'a>>,
    exposures: IndexMap<String, Exposure<'a>>,
    metrics: Nothing,
    groups: IndexMap<String, Group<'a>>,
    selectors: Map<String, Value>,
    disabled: IndexMap<String, Vec<Value>>,
    parent_map: IndexMap<String, Vec<String>>,
    child_map: IndexMap<String, Vec<String>>,
    group_map: IndexMap<&'a str, Vec<String>>,
    saved_queries: Nothing,
    semantic_models: Nothing,
    unit_tests: IndexMap<String, UnitTest<'a>>,
    functions: Nothing,
}

/// The metadata of a manifest say more than those of other artifacts.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    common: Metadata<'a>,
    project_name: &'a str,
    project_id: String,
    user_id: Option<()>,
    send_anonymous_usage_stats: bool,
    adapter_type: &'static str,
    quoting: Quoting,
}

#[derive(Serialize)]
struct Quoting {
    database: bool,
    schema: bool,
    identifier: bool,
}

/// The document, to be written by [`super::Folder::write`]. Secrets of the environment are hidden in it.
pub fn manifest<'a>(
    project: &'a Project,
    manifest: &'a Manifest,
    invocation: &'a Invocation,
    secrets: &'a Secrets,
) -> impl Serialize + 'a {
    let macros = project.library.macros();
    let writer = Writer {
        macro_ids: macros.iter().map(|one| (one.name.clone(), macro_id(manifest, one))).collect(),
        ids: manifest.ids().map(|id| manifest.unique_id(id)).collect(),
        database: project.target.database(),
        created_at: invocation.started_at.as_millisecond() as f64 / 1000.0,
        project,
        manifest,
        secrets,
    };
    let (parent_map, child_map) = writer.maps();
    let (groups, group_map) = writer.groups();
    Document {
        metadata: Whole {
            common: invocation.metadata("manifest/v12"),
            project_name: &manifest.project,
            project_id: hash(&manifest.project)[..32].to_owned(),
            user_id: None,
            send_anonymous_usage_stats: false,
            adapter_type: "postgres",
            quoting: Quoting { database: true, schema: true, identifier: true },
        },
        sources: writer.sources(),
        macros: macros.into_iter().map(|one| writer.macro_entry(one)).collect(),
        docs: writer.docs(),
        exposures: manifest.exposures.iter().map(|one| writer.exposure(one)).collect(),
        metrics: Nothing {},
        groups,
        selectors: selectors(project),
        disabled: writer.disabled(),
        parent_map,
        child_map,
        group_map,
        saved_queries: Nothing {},
        semantic_models: Nothing {},
        unit_tests: manifest.unit_tests.iter().map(|one| writer.unit_test(one)).collect(),
        functions: Nothing {},
        // Last, for it keeps the writer; it is written where the document has it.
        nodes: Nodes(writer),
    }
}

pub(super) struct Writer<'a> {
    pub project: &'a Project,
    pub manifest: &'a Manifest,
    pub secrets: &'a Secrets,
    /// By node.
    pub ids: Vec<String>,
    /// By the name that templates know a macro by.
    pub macro_ids: HashMap<String, String>,
    pub database: Option<&'a str>,
    pub created_at: f64,
}

impl<'a> Writer<'a> {
    pub fn references(&self, parents: &[NodeId]) -> (Vec<Ref<'a>>, Vec<[&'a str; 2]>) {
        let (mut refs, mut sources) = (Vec::new(), Vec::new());
        for parent in parents {
            let node = self.manifest.node(*parent);
            match &node.body {
                Body::Source { table, .. } => sources.push([node.domain.as_str(), table.as_str()]),
                _ => refs.push(Ref { name: node.name_of_versions(), package: None, version: version(node) }),
            }
        }
        (refs, sources)
    }

    /// Parents and children of everything, by id.
    fn maps(&self) -> (IndexMap<String, Vec<String>>, IndexMap<String, Vec<String>>) {
        let mut parents: IndexMap<String, Vec<String>> = IndexMap::new();
        for id in self.manifest.ids() {
            parents.insert(self.ids[id.0].clone(), self.ids_of(&self.manifest.node(id).parents));
        }
        for test in &self.manifest.tests {
            parents.insert(self.manifest.test_id(test), self.ids_of(&test.reads()));
        }
        for analysis in &self.manifest.analyses {
            let above = self.ids_of(&analysis.text.targets);
            parents.insert(self.manifest.analysis_id(analysis), above);
        }
        for test in &self.manifest.unit_tests {
            parents.insert(self.manifest.unit_test_id(test), self.ids_of(&[test.model]));
        }
        for exposure in &self.manifest.exposures {
            parents.insert(self.manifest.exposure_id(exposure), self.ids_of(&exposure.parents));
        }
        let mut children: IndexMap<String, Vec<String>> =
            parents.keys().map(|id| (id.clone(), Vec::new())).collect();
        for (id, above) in &parents {
            for parent in above {
                if let Some(below) = children.get_mut(parent) {
                    below.push(id.clone());
                }
            }
        }
        (parents, children)
    }

    pub fn ids_of(&self, nodes: &[NodeId]) -> Vec<String> {
        nodes.iter().map(|id| self.ids[id.0].clone()).collect()
    }

    pub fn macros(&self, names: &[String]) -> Vec<String> {
        names.iter().map(|name| self.macro_id(name)).collect()
    }

    pub fn macro_id(&self, name: &str) -> String {
        let own = || format!("macro.{}.{name}", self.manifest.project);
        self.macro_ids.get(name).cloned().unwrap_or_else(own)
    }

    /// With the database, where the target says which one it is.
    pub fn relation(&self, relation: &Relation) -> String {
        match self.database {
            Some(database) => format!("\"{}\".{relation}", database.replace('"', "\"\"")),
            None => relation.to_string(),
        }
    }
}

fn macro_id(manifest: &Manifest, one: &Macro) -> String {
    let package = match &one.package {
        Some(package) => package,
        None if one.is_builtin => BUILTIN,
        None => &manifest.project,
    };
    format!("macro.{package}.{}", one.bare_name())
}

/// The file `selectors.yml` as it is written; what is wrong with it is told to those who select by it.
fn selectors(project: &Project) -> Map<String, Value> {
    let read = project.selectors_file.as_ref().and_then(|file| NamedSelectors::read(file).ok());
    let all = read.unwrap_or_default().0.into_iter();
    let entry = |(name, one): (String, NamedSelector)| {
        let entry = json!({
            "name": name, "description": one.description, "default": one.is_default, "definition": one.definition,
        });
        (name, entry)
    };
    all.map(entry).collect()
}
