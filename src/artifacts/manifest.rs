//! `manifest.json`: the project as it was compiled, in dbt's version 12.

use std::collections::HashSet;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value};

use super::config;
use super::entries::{
    Checksum, Code, Column, Columns, Contract, DependsOn, DocsBlock, Entry, Exposure, Macro, ModelPart,
    Nothing, Ref, SHOWN, SeedPart, Source, TestMetadata, TestPart, UnitTest,
};
use super::{Invocation, Metadata};
use crate::manifest::{self as compiled, Body, Manifest, NodeId, hash};
use crate::name::Relation;
use crate::project::{ColumnProperties, Project};
use crate::secret::Secrets;

/// Macros and tests that every project has belong to this package.
pub(super) const BUILTIN: &str = "elt";

#[derive(Serialize)]
struct Document<'a> {
    metadata: Whole<'a>,
    nodes: IndexMap<String, Entry<'a>>,
    sources: IndexMap<String, Source<'a>>,
    macros: IndexMap<String, Macro<'a>>,
    docs: IndexMap<String, DocsBlock<'a>>,
    exposures: IndexMap<String, Exposure<'a>>,
    metrics: Nothing,
    groups: Nothing,
    selectors: Nothing,
    disabled: Nothing,
    parent_map: IndexMap<String, Vec<String>>,
    child_map: IndexMap<String, Vec<String>>,
    group_map: Nothing,
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
        builtin: macros.iter().filter(|one| one.is_builtin).map(|one| one.name.clone()).collect(),
        ids: manifest.ids().map(|id| manifest.unique_id(id)).collect(),
        database: project.target.database(),
        created_at: invocation.started_at.as_millisecond() as f64 / 1000.0,
        project,
        manifest,
        secrets,
    };
    let (parent_map, child_map) = writer.maps();
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
        nodes: writer.nodes(),
        sources: writer.sources(),
        macros: macros.into_iter().map(|one| writer.macro_entry(one)).collect(),
        docs: writer.docs(),
        exposures: manifest.exposures.iter().map(|one| writer.exposure(one)).collect(),
        metrics: Nothing {},
        groups: Nothing {},
        selectors: Nothing {},
        disabled: Nothing {},
        parent_map,
        child_map,
        group_map: Nothing {},
        saved_queries: Nothing {},
        semantic_models: Nothing {},
        unit_tests: manifest.unit_tests.iter().map(|one| writer.unit_test(one)).collect(),
        functions: Nothing {},
    }
}

pub(super) struct Writer<'a> {
    pub project: &'a Project,
    pub manifest: &'a Manifest,
    pub secrets: &'a Secrets,
    /// By node.
    ids: Vec<String>,
    pub builtin: HashSet<String>,
    database: Option<&'a str>,
    pub created_at: f64,
}

impl<'a> Writer<'a> {
    fn nodes(&self) -> IndexMap<String, Entry<'a>> {
        let mut nodes = IndexMap::with_capacity(self.manifest.nodes.len() + self.manifest.tests.len());
        for id in self.manifest.ids() {
            if !matches!(self.manifest.node(id).body, Body::Source { .. }) {
                nodes.insert(self.ids[id.0].clone(), self.node(id));
            }
        }
        for test in &self.manifest.tests {
            let entry = self.test(test);
            nodes.insert(entry.unique_id.clone(), entry);
        }
        nodes
    }

    fn node(&self, id: NodeId) -> Entry<'a> {
        let node = self.manifest.node(id);
        let path = node.file.path.as_str();
        let is_model = matches!(node.body, Body::Model { .. });
        let macros =
            if is_model { self.macros(&self.project.library.calls(&node.file.text)) } else { Vec::new() };
        let compiled = || self.manifest.query(id, false, &|target| self.manifest.published(target)).text;
        Entry {
            database: self.database,
            schema: self.manifest.schema(node.layer).as_str(),
            name: node.name.as_str(),
            resource_type: if is_model { "model" } else { "seed" },
            package_name: &self.manifest.project,
            path: inside(path),
            original_file_path: path,
            unique_id: self.ids[id.0].clone(),
            fqn: self.manifest.fqn(id),
            alias: node.name.as_str(),
            checksum: Checksum { name: "sha256", checksum: hash(&node.file.text) },
            config: config::of_node(node, self.secrets),
            tags: &node.config.tags,
            description: &node.description,
            columns: columns(&node.columns),
            meta: config::meta(&node.config.meta),
            group: None,
            docs: SHOWN,
            patch_path: node
                .described_in
                .as_ref()
                .map(|file| format!("{}://{}", self.manifest.project, file.path)),
            build_path: None,
            unrendered_config: config::hidden(Value::Object(node.yaml_words.clone()), self.secrets),
            created_at: self.created_at,
            relation_name: node.is_built().then(|| self.relation(&self.manifest.published(id))),
            raw_code: if is_model { node.file.text.clone() } else { String::new() },
            doc_blocks: [],
            depends_on: DependsOn { macros, nodes: is_model.then(|| self.ids_of(&node.parents)) },
            code: is_model.then(|| self.code(&node.parents, compiled())),
            test: None,
            model: is_model.then(|| ModelPart {
                access: "protected",
                constraints: [],
                version: None,
                latest_version: None,
                deprecation_date: None,
                primary_key: Vec::new(),
            }),
            seed: (!is_model).then_some(SeedPart { root_path: None }),
        }
    }

    fn test(&self, test: &'a compiled::Test) -> Entry<'a> {
        let mut targets = test.text.targets.clone();
        targets.sort_unstable();
        targets.dedup();
        let called = match test.is_singular() {
            true => self.project.library.calls(&test.file.text),
            false => vec![format!("test_{}", test.kind)],
        };
        let raw_code = match test.is_singular() {
            true => test.file.text.clone(),
            false => format!("{{{{ test_{}(**_dbt_generic_test_kwargs) }}}}", test.kind),
        };
        let compiled = self.manifest.test_query(test, &|target| self.manifest.published(target)).text;
        Entry {
            database: self.database,
            schema: self.manifest.schema(self.manifest.node(test.home).layer).as_str(),
            name: &test.name,
            resource_type: "test",
            package_name: &self.manifest.project,
            path: inside(&test.file.path),
            original_file_path: &test.file.path,
            unique_id: self.manifest.test_id(test),
            fqn: self.manifest.test_fqn(test),
            alias: &test.name,
            checksum: Checksum { name: "sha256", checksum: hash(&raw_code) },
            config: config::of_test(test, self.secrets),
            tags: &test.config.tags,
            description: "",
            columns: Columns::new(),
            meta: config::meta(&test.config.meta),
            group: None,
            docs: SHOWN,
            patch_path: None,
            build_path: None,
            unrendered_config: config::hidden(Value::Object(test.words.clone()), self.secrets),
            created_at: self.created_at,
            relation_name: None,
            raw_code,
            doc_blocks: [],
            depends_on: DependsOn { macros: self.macros(&called), nodes: Some(self.ids_of(&targets)) },
            code: Some(self.code(&targets, compiled)),
            test: test.subject.map(|subject| self.generic(test, subject)),
            model: None,
            seed: None,
        }
    }

    /// What only a generic test has.
    fn generic(&self, test: &'a compiled::Test, subject: NodeId) -> TestPart<'a> {
        let node = self.manifest.node(subject);
        let mut kwargs = Map::new();
        if let Some(column) = &test.column {
            kwargs.insert("column_name".into(), column.clone().into());
        }
        kwargs.insert(
            "model".into(),
            format!("{{{{ get_where_subquery(ref('{}')) }}}}", node.name.as_str()).into(),
        );
        kwargs.extend(test.arguments.clone());
        let group = if matches!(node.body, Body::Rule(_)) { "rules" } else { "models" };
        TestPart {
            column_name: test.column.as_deref(),
            file_key_name: Some(format!("{group}.{}", node.name.as_str())),
            attached_node: Some(self.ids[subject.0].clone()),
            test_metadata: Some(TestMetadata {
                name: &test.kind,
                kwargs: match config::hidden(Value::Object(kwargs), self.secrets) {
                    Value::Object(kwargs) => kwargs,
                    _ => Map::new(),
                },
                namespace: None,
            }),
        }
    }

    fn code(&self, parents: &[NodeId], compiled: String) -> Code<'a> {
        let (refs, sources) = self.references(parents);
        Code {
            language: "sql",
            refs,
            sources,
            metrics: [],
            compiled_path: None,
            compiled: true,
            compiled_code: self.secrets.hide(&compiled),
            extra_ctes_injected: true,
            extra_ctes: [],
            contract: Contract { enforced: false, alias_types: true, checksum: None },
        }
    }

    pub fn references(&self, parents: &[NodeId]) -> (Vec<Ref<'a>>, Vec<[&'a str; 2]>) {
        let (mut refs, mut sources) = (Vec::new(), Vec::new());
        for parent in parents {
            let node = self.manifest.node(*parent);
            match &node.body {
                Body::Source { table, .. } => sources.push([node.domain.as_str(), table.as_str()]),
                _ => refs.push(Ref { name: node.name.as_str(), package: None, version: None }),
            }
        }
        (refs, sources)
    }

    fn sources(&self) -> IndexMap<String, Source<'a>> {
        let mut sources = IndexMap::new();
        for id in self.manifest.ids() {
            let node = self.manifest.node(id);
            let Body::Source { schema, table, description } = &node.body else { continue };
            let source = Source {
                database: self.database,
                schema: schema.as_str(),
                name: table,
                resource_type: "source",
                package_name: &self.manifest.project,
                path: &node.file.path,
                original_file_path: &node.file.path,
                unique_id: self.ids[id.0].clone(),
                fqn: self.manifest.fqn(id),
                source_name: &node.domain,
                source_description: description,
                loader: "",
                identifier: node.name.as_str(),
                quoting: Nothing {},
                loaded_at_field: node.config.loaded_at_field.as_deref(),
                freshness: node.config.freshness.as_ref(),
                external: None,
                description: &node.description,
                columns: columns(&node.columns),
                meta: config::meta(&node.config.meta),
                source_meta: Nothing {},
                tags: &node.config.tags,
                config: config::of_source(node, self.secrets),
                patch_path: None,
                unrendered_config: Nothing {},
                relation_name: self.relation(&self.manifest.published(id)),
                created_at: self.created_at,
            };
            sources.insert(source.unique_id.clone(), source);
        }
        sources
    }

    /// Parents and children of everything, by id.
    fn maps(&self) -> (IndexMap<String, Vec<String>>, IndexMap<String, Vec<String>>) {
        let mut parents: IndexMap<String, Vec<String>> = IndexMap::new();
        for id in self.manifest.ids() {
            parents.insert(self.ids[id.0].clone(), self.ids_of(&self.manifest.node(id).parents));
        }
        for test in &self.manifest.tests {
            let mut targets = test.text.targets.clone();
            targets.sort_unstable();
            targets.dedup();
            parents.insert(self.manifest.test_id(test), self.ids_of(&targets));
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
        let package = if self.builtin.contains(name) { BUILTIN } else { &self.manifest.project };
        format!("macro.{package}.{name}")
    }

    /// With the database, where the target says which one it is.
    fn relation(&self, relation: &Relation) -> String {
        match self.database {
            Some(database) => format!("\"{}\".{relation}", database.replace('"', "\"\"")),
            None => relation.to_string(),
        }
    }
}

fn columns(columns: &[ColumnProperties]) -> Columns<'_> {
    columns.iter().map(|one| (one.name.as_str(), column(one))).collect()
}

fn column(column: &ColumnProperties) -> Column<'_> {
    Column {
        name: &column.name,
        description: &column.description,
        meta: config::meta(column.meta.as_ref().unwrap_or(&Value::Null)),
        data_type: column.data_type.as_deref(),
        constraints: [],
        quote: None,
        config: Nothing {},
        tags: [],
    }
}

/// A path without the folder that all files of its kind lie in.
pub(super) fn inside(path: &str) -> &str {
    path.split_once('/').map_or(path, |(_, rest)| rest)
}
