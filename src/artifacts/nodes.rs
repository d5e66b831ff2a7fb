//! The entries of a manifest's `nodes`: models, rules, and the tests on them.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::config;
use super::entries::{
    Checksum, Code, Column, Columns, Contract, DependsOn, Entry, ModelPart, Nothing, SHOWN, SeedPart,
    TestMetadata, TestPart,
};
use super::manifest::{Writer, inside, targets};
use crate::manifest::{self as compiled, Body, NodeId, hash};
use crate::project::ColumnProperties;

impl<'a> Writer<'a> {
    pub fn nodes(&self) -> IndexMap<String, Entry<'a>> {
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
        let targets = targets(test);
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
}

pub(super) fn columns(columns: &[ColumnProperties]) -> Columns<'_> {
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
