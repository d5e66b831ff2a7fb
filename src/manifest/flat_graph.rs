//! The project as templates see it by the name of `graph`: what `manifest.json` says of each node, source, exposure
//! and group, without the SQL that PostgreSQL is given.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::identity::{hash, inside};
use super::select::ResourceType;
use super::{Body, Exposure, Manifest, Node, NodeId, Test, UnitTest};
use crate::project::{ColumnProperties, Materialization};

impl Manifest {
    /// Made when it is first asked for.
    pub fn flat_graph(&self) -> &Arc<Value> {
        self.flat_graph.get_or_init(|| {
            let (sources, nodes): (Vec<NodeId>, Vec<NodeId>) =
                self.ids().partition(|id| self.node(*id).is_source());
            let by_id = |ids: Vec<NodeId>| ids.into_iter().map(|id| (self.unique_id(id), self.flat_node(id)));
            let tests = self.tests.iter().map(|test| (self.test_id(test), self.flat_test(test)));
            let exposures = self.exposures.iter().map(|one| (self.exposure_id(one), self.flat_exposure(one)));
            Arc::new(json!({
                "nodes": by_id(nodes).chain(tests).collect::<Map<_, _>>(),
                "sources": by_id(sources).collect::<Map<_, _>>(),
                "exposures": exposures.collect::<Map<_, _>>(),
                "groups": self.flat_groups(),
                "metrics": {},
                "semantic_models": {},
                "saved_queries": {},
                "functions": {},
            }))
        })
    }

    /// Many models may name the graph, and it is as large as the project.
    pub(super) fn flat_graph_hash(&self) -> &str {
        self.flat_graph_hash.get_or_init(|| hash(&self.flat_graph().to_string()))
    }

    /// A model, rule, snapshot or source.
    pub fn flat_node(&self, id: NodeId) -> Value {
        let node = self.node(id);
        let relation = self.published(id);
        let (package, path) = self.package_of(&node.file.path);
        let resource_type = ResourceType::of_node(node);
        let mut flat = json!({
            "name": node.name_of_versions(),
            "resource_type": resource_type.name(),
            "unique_id": self.unique_id(id),
            "package_name": package,
            "path": inside(path),
            "original_file_path": path,
            "fqn": self.fqn(id),
            "database": self.database,
            "schema": relation.schema.as_str(),
            "alias": node.name.as_str(),
            "identifier": node.name.as_str(),
            "relation_name": (node.materialization != Materialization::Ephemeral).then(|| relation.to_string()),
            "description": node.description,
            "columns": node.columns.iter().map(column).collect::<Map<_, _>>(),
            "tags": node.config.tags,
            "meta": notes(&node.config.meta),
            "config": config(node),
            "group": node.config.group,
            "version": node.version.as_ref().map(|version| &version.label),
            "raw_code": if matches!(node.body, Body::Model { .. }) { node.file.text.as_str() } else { "" },
            "language": "sql",
            "access": node.config.access.as_str().unwrap_or("protected"),
            "depends_on": { "nodes": self.ids_of(&node.parents), "macros": [] },
            "refs": [],
            "sources": [],
        });
        if let Body::Source { table, description, .. } = &node.body {
            flat["name"] = table.as_str().into();
            flat["source_name"] = node.domain.as_str().into();
            flat["source_description"] = description.as_str().into();
            flat["loaded_at_field"] = json!(node.config.loaded_at_field);
            flat["freshness"] = json!(node.config.freshness);
        } else {
            (flat["refs"], flat["sources"]) = self.references(&node.parents);
        }
        flat
    }

    pub fn flat_test(&self, test: &Test) -> Value {
        let (package, path) = self.package_of(&test.file.path);
        let targets = test.reads();
        let (refs, sources) = self.references(&targets);
        let mut config = test.words.clone();
        config.insert("enabled".into(), true.into());
        config.insert("materialized".into(), "test".into());
        config.insert(
            "severity".into(),
            test.config.severity.as_deref().unwrap_or("error").to_uppercase().into(),
        );
        config.insert("tags".into(), test.config.tags.clone().into());
        config.insert("meta".into(), notes(&test.config.meta));
        let generic = (!test.is_singular())
            .then(|| json!({"name": test.kind, "namespace": test.package, "kwargs": test.arguments}));
        json!({
            "name": test.name,
            "resource_type": "test",
            "unique_id": self.test_id(test),
            "package_name": package,
            "path": inside(path),
            "original_file_path": path,
            "fqn": self.test_fqn(test),
            "database": self.database,
            "schema": "dbt_test__audit",
            "alias": test.name,
            "description": test.description,
            "columns": {},
            "column_name": test.column,
            "attached_node": test.subject.map(|id| self.unique_id(id)),
            "test_metadata": generic,
            "tags": test.config.tags,
            "meta": notes(&test.config.meta),
            "config": config,
            "depends_on": { "nodes": self.ids_of(&targets), "macros": [] },
            "refs": refs,
            "sources": sources,
        })
    }

    pub fn flat_unit_test(&self, test: &UnitTest) -> Value {
        let (package, path) = self.package_of(&test.written.place.file.path);
        json!({
            "name": test.written.name,
            "resource_type": "unit_test",
            "unique_id": self.unit_test_id(test),
            "package_name": package,
            "path": inside(path),
            "original_file_path": path,
            "fqn": self.unit_test_fqn(test),
            "model": test.written.model,
            "config": {"enabled": true, "tags": test.written.tags},
            "tags": test.written.tags,
            "depends_on": { "nodes": self.ids_of(&[test.model]), "macros": [] },
        })
    }

    fn flat_exposure(&self, exposure: &Exposure) -> Value {
        let written = &exposure.written;
        let (package, path) = self.package_of(&written.place.file.path);
        let (refs, sources) = self.references(&exposure.parents);
        json!({
            "name": written.name,
            "resource_type": "exposure",
            "unique_id": self.exposure_id(exposure),
            "package_name": package,
            "path": inside(path),
            "original_file_path": path,
            "fqn": self.exposure_fqn(exposure),
            "type": written.kind,
            "owner": written.owner,
            "label": written.label,
            "maturity": written.maturity,
            "url": written.url,
            "description": written.description,
            "tags": written.tags,
            "meta": written.meta,
            "config": {"enabled": true, "tags": written.tags, "meta": written.meta},
            "depends_on": { "nodes": self.ids_of(&exposure.parents), "macros": [] },
            "refs": refs,
            "sources": sources,
        })
    }

    fn flat_groups(&self) -> Map<String, Value> {
        let named = self.nodes.iter().filter_map(|node| Some((node, node.config.group.as_str()?)));
        let group = |(node, name): (&Node, &str)| {
            let package = self.package_of(&node.file.path).0;
            let id = format!("group.{package}.{name}");
            let flat = json!({
                "name": name, "resource_type": "group", "package_name": package, "unique_id": id,
                "owner": {"name": name},
            });
            (id, flat)
        };
        named.map(group).collect()
    }

    fn ids_of(&self, nodes: &[NodeId]) -> Vec<String> {
        nodes.iter().map(|id| self.unique_id(*id)).collect()
    }

    fn references(&self, parents: &[NodeId]) -> (Value, Value) {
        let (mut refs, mut sources) = (Vec::new(), Vec::new());
        for node in parents.iter().map(|parent| self.node(*parent)) {
            let version = node.version.as_ref().map(|version| &version.label);
            match &node.body {
                Body::Source { table, .. } => sources.push(json!([node.domain, table])),
                _ => refs.push(json!({"name": node.name_of_versions(), "package": null, "version": version})),
            }
        }
        (refs.into(), sources.into())
    }
}

fn config(node: &Node) -> Value {
    let mut config = node.words.clone();
    config.insert("enabled".into(), true.into());
    config.insert("materialized".into(), node.materialization.name().into());
    config.insert("tags".into(), node.config.tags.clone().into());
    config.insert("meta".into(), notes(&node.config.meta));
    Value::Object(config)
}

fn column(column: &ColumnProperties) -> (String, Value) {
    let meta = notes(column.meta.as_ref().unwrap_or(&Value::Null));
    let flat = json!({
        "name": column.name,
        "description": column.description,
        "data_type": column.data_type,
        "tags": column.tags,
        "meta": meta,
        "config": {"meta": meta, "tags": column.tags},
    });
    (column.name.clone(), flat)
}

/// What stands under `meta`: a map with dbt.
pub fn notes(written: &Value) -> Value {
    match written {
        Value::Object(_) => written.clone(),
        Value::Null => json!({}),
        other => json!({"meta": other}),
    }
}
