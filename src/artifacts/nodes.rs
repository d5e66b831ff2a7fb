//! The entries of a manifest's `nodes`: models, rules, and the tests on them.

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::config;
use super::entries::{
    Checksum, Code, Column, Columns, Contract, DependsOn, Entry, Group, ModelPart, SHOWN, SeedPart,
    TestMetadata, TestPart,
};
use super::manifest::Writer;
use crate::manifest::select::ResourceType;
use crate::manifest::{self as compiled, Body, Node, NodeId, hash, inside, notes};
use crate::name::Relation;
use crate::project::{ColumnProperties, Constraint, ConstraintKind, Layer};

/// The entries by their ids. Each is made as it is written: together they would be the largest thing in memory.
pub(super) struct Nodes<'a>(pub Writer<'a>);

impl Serialize for Nodes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(writer) = self;
        let is_made = |id: &NodeId| !writer.manifest.node(*id).is_source();
        let nodes = writer.manifest.ids().filter(is_made).map(|id| writer.node(id));
        let tests = writer.manifest.tests.iter().map(|test| writer.test(test));
        let analyses = writer.manifest.analyses.iter().map(|analysis| writer.analysis(analysis));
        serializer
            .collect_map(nodes.chain(tests).chain(analyses).map(|entry| (entry.unique_id.clone(), entry)))
    }
}

impl<'a> Writer<'a> {
    fn node(&self, id: NodeId) -> Entry<'a> {
        let node = self.manifest.node(id);
        let compiled = || self.manifest.query(id, false, &|target| self.manifest.published(target)).text;
        let mut entry = self.entry(node);
        if matches!(node.body, Body::Model { .. }) {
            entry.depends_on.nodes = Some(self.ids_of(&node.parents));
            entry.code = Some(self.code(&node.parents, compiled(), Some(node)));
        }
        entry.relation_name = node.is_built().then(|| self.relation(&self.manifest.published(id)));
        entry
    }

    /// What config switches off: with all that is known without a compiled text.
    pub fn disabled(&self) -> IndexMap<String, Vec<Value>> {
        let mut disabled: IndexMap<String, Vec<Value>> = IndexMap::new();
        let mut off = |id: String, entry: &dyn Fn() -> serde_json::Result<Value>| {
            let mut entry = entry().unwrap_or_default();
            entry["config"]["enabled"] = false.into();
            disabled.entry(id).or_default().push(entry);
        };
        for node in &self.manifest.disabled {
            if node.is_source() {
                let relation = Relation::new(node.schema.clone(), node.name.clone());
                let entry = self.source(node, &relation);
                off(self.manifest.id_of(node), &|| serde_json::to_value(&entry));
                continue;
            }
            let mut entry = self.entry(node);
            entry.depends_on.nodes = Some(Vec::new());
            off(entry.unique_id.clone(), &|| {
                let mut entry = serde_json::to_value(&entry)?;
                entry["language"] = "sql".into();
                Ok(entry)
            });
        }
        for test in &self.manifest.disabled_tests {
            let entry = self.test(test);
            off(entry.unique_id.clone(), &|| serde_json::to_value(&entry));
        }
        for exposure in &self.manifest.disabled_exposures {
            let (id, entry) = self.exposure(exposure);
            off(id, &|| serde_json::to_value(&entry));
        }
        disabled
    }

    /// What models, snapshots and seeds have, compiled or not.
    fn entry(&self, node: &'a Node) -> Entry<'a> {
        let (package, inside_package) = self.manifest.package_of(&node.file.path);
        let is_model = matches!(node.body, Body::Model { .. });
        let resource_type = ResourceType::of_node(node);
        let macros = if is_model { self.macros(&self.project.library.calls(&node.file)) } else { Vec::new() };
        Entry {
            database: self.database,
            schema: node.schema.as_str(),
            name: node.name_of_versions(),
            resource_type: resource_type.name(),
            package_name: package,
            path: inside(inside_package),
            original_file_path: inside_package,
            unique_id: self.manifest.id_of(node),
            fqn: self.manifest.fqn_of(node),
            alias: node.name.as_str(),
            checksum: Checksum { name: "sha256", checksum: hash(&node.file.text) },
            config: config::of_node(node, self.secrets),
            tags: &node.config.tags,
            description: &node.description,
            columns: columns(&node.columns),
            meta: notes(&node.config.meta),
            group: node.config.group.as_str(),
            docs: SHOWN,
            patch_path: node.described_in.as_ref().map(|file| self.patch_path(&file.path)),
            build_path: None,
            unrendered_config: config::hidden(Value::Object(node.yaml_words.clone()), self.secrets),
            created_at: self.created_at,
            relation_name: None,
            raw_code: if is_model { node.file.text.clone() } else { String::new() },
            doc_blocks: [],
            depends_on: DependsOn { macros, nodes: None },
            code: None,
            test: None,
            model: (resource_type == ResourceType::Model).then(|| ModelPart {
                access: node.config.access.as_str().unwrap_or("protected"),
                constraints: node.constraints.iter().map(model_constraint).collect(),
                version: version(node),
                latest_version: node.version.as_ref().map(|version| number(&version.latest)),
                deprecation_date: node.deprecation_date.as_ref().map(|day| format!("{day}T00:00:00Z")),
                primary_key: primary_key(node),
            }),
            seed: (!is_model).then_some(SeedPart { root_path: None }),
        }
    }

    /// The package and the place of a YAML file.
    fn patch_path(&self, path: &str) -> String {
        let (package, inside) = self.manifest.package_of(path);
        format!("{package}://{inside}")
    }

    /// The groups that models name, and the models of each.
    pub fn groups(&self) -> (IndexMap<String, Group<'a>>, IndexMap<&'a str, Vec<String>>) {
        let (mut groups, mut members) = (IndexMap::new(), IndexMap::<&str, Vec<String>>::new());
        for id in self.manifest.ids() {
            let node = self.manifest.node(id);
            let Some(name) = node.config.group.as_str() else { continue };
            let (package, path) = self.manifest.package_of(&node.file.path);
            let unique_id = format!("group.{package}.{name}");
            members.entry(name).or_default().push(self.ids[id.0].clone());
            groups.entry(unique_id.clone()).or_insert_with(|| Group {
                name,
                resource_type: "group",
                package_name: package,
                path: inside(path),
                original_file_path: path,
                unique_id,
                owner: json!({"name": name}),
            });
        }
        (groups, members)
    }

    fn test(&self, test: &'a compiled::Test) -> Entry<'a> {
        let targets = test.reads();
        let called = match test.is_singular() {
            true => self.project.library.calls(&test.file),
            false => vec![format!("test_{}", test.called)],
        };
        let namespace = test.package.as_ref().map(|package| format!("{package}.")).unwrap_or_default();
        let raw_code = match test.is_singular() {
            true => test.file.text.clone(),
            false => format!("{{{{ {namespace}test_{}(**_dbt_generic_test_kwargs) }}}}", test.kind),
        };
        let (package, path) = self.manifest.package_of(&test.file.path);
        let compiled = self.manifest.test_query(test, &|target| self.manifest.published(target)).text;
        Entry {
            database: self.database,
            schema: test
                .home
                .map_or(self.manifest.schema(Layer::Prod), |home| &self.manifest.node(home).schema)
                .as_str(),
            name: &test.name,
            resource_type: "test",
            package_name: package,
            path: inside(path),
            original_file_path: path,
            unique_id: self.manifest.test_id(test),
            fqn: self.manifest.test_fqn(test),
            alias: &test.name,
            checksum: Checksum { name: "sha256", checksum: hash(&raw_code) },
            config: config::of_test(test, self.secrets),
            tags: &test.config.tags,
            description: &test.description,
            columns: Columns::new(),
            meta: notes(&test.config.meta),
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
            code: Some(self.code(&targets, compiled, None)),
            test: test.subject.map(|subject| self.generic(test, subject)),
            model: None,
            seed: None,
        }
    }

    fn analysis(&self, analysis: &'a compiled::Analysis) -> Entry<'a> {
        let (package, path) = self.manifest.package_of(&analysis.file.path);
        let compiled = self.manifest.analysis_sql(analysis, &|target| self.manifest.published(target)).text;
        let targets = &analysis.text.targets;
        let mut config = analysis.words.clone();
        config.insert("enabled".into(), true.into());
        config.insert("materialized".into(), "view".into());
        config.insert("tags".into(), analysis.config.tags.clone().into());
        config.insert("meta".into(), notes(&analysis.config.meta));
        Entry {
            database: self.database,
            schema: self.manifest.schema(Layer::Prod).as_str(),
            name: &analysis.name,
            resource_type: "analysis",
            package_name: package,
            path,
            original_file_path: path,
            unique_id: self.manifest.analysis_id(analysis),
            fqn: self.manifest.analysis_fqn(analysis),
            alias: &analysis.name,
            checksum: Checksum { name: "sha256", checksum: hash(&analysis.file.text) },
            config: config::hidden(Value::Object(config), self.secrets),
            tags: &analysis.config.tags,
            description: &analysis.description,
            columns: Columns::new(),
            meta: notes(&analysis.config.meta),
            group: None,
            docs: SHOWN,
            patch_path: None,
            build_path: None,
            unrendered_config: config::hidden(Value::Object(analysis.words.clone()), self.secrets),
            created_at: self.created_at,
            relation_name: None,
            raw_code: analysis.file.text.clone(),
            doc_blocks: [],
            depends_on: DependsOn {
                macros: self.macros(&self.project.library.calls(&analysis.file)),
                nodes: Some(self.ids_of(targets)),
            },
            code: Some(self.code(targets, compiled, None)),
            test: None,
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
        let model = self.manifest.reference(subject);
        kwargs.insert("model".into(), format!("{{{{ get_where_subquery({model}) }}}}").into());
        kwargs.extend(test.arguments.clone());
        let name = node.model_name();
        let (key, attached) = match &node.body {
            Body::Source { table, .. } => (format!("sources.{}_{table}", node.domain), None),
            Body::Rule(_) => (format!("seeds.{name}"), Some(self.ids[subject.0].clone())),
            Body::Model { .. } => (format!("models.{name}"), Some(self.ids[subject.0].clone())),
        };
        TestPart {
            column_name: test.column.as_deref(),
            file_key_name: Some(key),
            attached_node: attached,
            test_metadata: Some(TestMetadata {
                name: &test.kind,
                kwargs: match config::hidden(Value::Object(kwargs), self.secrets) {
                    Value::Object(kwargs) => kwargs,
                    _ => Map::new(),
                },
                namespace: test.package.as_deref(),
            }),
        }
    }

    fn code(&self, parents: &[NodeId], compiled: String, node: Option<&Node>) -> Code<'a> {
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
            contract: node.map_or_else(Contract::default, contract),
        }
    }
}

pub(super) fn version(node: &Node) -> Option<Value> {
    node.version.as_ref().map(|version| number(&version.label))
}

/// A number where it is one.
fn number(label: &str) -> Value {
    serde_json::from_str(label).ok().filter(Value::is_number).unwrap_or_else(|| label.into())
}

pub(super) fn columns(columns: &[ColumnProperties]) -> Columns<'_> {
    columns.iter().map(|one| (one.name.as_str(), column(one))).collect()
}

fn column(column: &ColumnProperties) -> Column<'_> {
    let meta = notes(column.meta.as_ref().unwrap_or(&Value::Null));
    Column {
        name: &column.name,
        description: &column.description,
        config: json!({"meta": meta, "tags": column.tags}),
        meta,
        data_type: column.data_type.as_deref(),
        constraints: column.constraints.iter().map(constraint).collect(),
        quote: None,
        tags: &column.tags,
    }
}

fn constraint(constraint: &Constraint) -> Value {
    json!({
        "type": constraint.kind,
        "name": constraint.name,
        "expression": constraint.expression,
        "warn_unenforced": constraint.warn_unenforced.unwrap_or(true),
        "warn_unsupported": constraint.warn_unsupported.unwrap_or(true),
        "to": constraint.to,
        "to_columns": constraint.to_columns,
    })
}

fn model_constraint(written: &Constraint) -> Value {
    let mut all = constraint(written);
    all["columns"] = written.columns.clone().into();
    all
}

/// The columns that constraints make the key.
fn primary_key(node: &Node) -> Vec<&str> {
    let is_key = |constraint: &&Constraint| constraint.kind == ConstraintKind::PrimaryKey;
    let of_model = node.constraints.iter().filter(is_key).flat_map(|one| one.columns.iter());
    let of_columns = node.columns.iter().filter(|column| column.constraints.iter().any(|one| is_key(&one)));
    of_model.chain(of_columns.map(|column| &column.name)).map(String::as_str).collect()
}

/// The promise, with a hash of the columns that are promised.
fn contract(node: &Node) -> Contract {
    let promised = node.config.contract;
    let columns = node.columns.iter();
    let columns = columns.map(|one| format!("{} {}", one.name, one.data_type.as_deref().unwrap_or_default()));
    Contract {
        enforced: promised.enforced,
        alias_types: promised.alias_types.unwrap_or(true),
        checksum: promised.enforced.then(|| hash(&columns.collect::<Vec<_>>().join("\n"))),
    }
}
