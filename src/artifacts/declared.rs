//! What a manifest holds beside nodes and tests: sources, macros, docs blocks, exposures and unit tests.

use indexmap::IndexMap;
use serde_json::json;

use super::config;
use super::entries::{Argument, DependsOn, DocsBlock, Exposure, Macro, Nothing, SHOWN, Source, UnitTest};
use super::manifest::{BUILTIN, Writer};
use super::nodes::columns;
use crate::manifest::{self as compiled, Body, Node, inside, notes};
use crate::name::Relation;
use crate::project::Rows;
use crate::template;

impl<'a> Writer<'a> {
    pub fn sources(&self) -> IndexMap<String, Source<'a>> {
        let mut sources = IndexMap::new();
        for id in self.manifest.ids() {
            let node = self.manifest.node(id);
            if node.is_source() {
                let source = self.source(node, &self.manifest.published(id));
                sources.insert(source.unique_id.clone(), source);
            }
        }
        sources
    }

    /// A source, switched off or not.
    pub fn source(&self, node: &'a Node, relation: &Relation) -> Source<'a> {
        let (table, description) = match &node.body {
            Body::Source { table, description } => (table.as_str(), description.as_str()),
            _ => ("", ""),
        };
        let (package, path) = self.manifest.package_of(&node.file.path);
        Source {
            database: self.database,
            schema: node.schema.as_str(),
            name: table,
            resource_type: "source",
            package_name: package,
            path,
            original_file_path: path,
            unique_id: self.manifest.id_of(node),
            fqn: self.manifest.fqn_of(node),
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
            meta: notes(&node.config.meta),
            source_meta: Nothing {},
            tags: &node.config.tags,
            config: config::of_source(node, self.secrets),
            patch_path: None,
            unrendered_config: Nothing {},
            relation_name: self.relation(relation),
            created_at: self.created_at,
        }
    }

    pub fn macro_entry(&self, one: template::Macro) -> (String, Macro<'a>) {
        let unique_id = self.macro_id(&one.name);
        let of_package =
            self.manifest.packages.iter().find(|package| one.package.as_ref() == Some(&package.name));
        let (package, path) = match (of_package, one.is_builtin) {
            (Some(package), _) => (package.name.as_str(), self.manifest.package_of(&one.file.path).1),
            (None, true) => (BUILTIN, one.file.path.as_str()),
            (None, false) => (self.manifest.project.as_str(), one.file.path.as_str()),
        };
        let entry = Macro {
            resource_type: "macro",
            package_name: package,
            path: path.to_owned(),
            original_file_path: path.to_owned(),
            name: one.bare_name(),
            unique_id: unique_id.clone(),
            macro_sql: one.text,
            depends_on: DependsOn { macros: self.macros(&one.calls), nodes: None },
            description: "",
            meta: Nothing {},
            docs: SHOWN,
            patch_path: None,
            arguments: one
                .parameters
                .into_iter()
                .map(|name| Argument { name, data_type: None, description: "" })
                .collect(),
            created_at: self.created_at,
            supported_languages: None,
        };
        (unique_id, entry)
    }

    pub fn docs(&self) -> IndexMap<String, DocsBlock<'a>> {
        let entry = |block: &'a crate::project::DocsBlock| {
            let (package, path) = self.manifest.package_of(&block.file.path);
            let unique_id = format!("doc.{package}.{}", block.name);
            let entry = DocsBlock {
                name: &block.name,
                resource_type: "doc",
                package_name: package,
                path: inside(path),
                original_file_path: path,
                unique_id: unique_id.clone(),
                block_contents: &block.text,
            };
            (unique_id, entry)
        };
        self.project.docs_blocks.iter().map(entry).collect()
    }

    pub fn exposure(&self, exposure: &'a compiled::Exposure) -> (String, Exposure<'a>) {
        let written = &exposure.written;
        let (refs, sources) = self.references(&exposure.parents);
        let unique_id = self.manifest.exposure_id(exposure);
        let (package, path) = self.manifest.package_of(&written.place.file.path);
        let entry = Exposure {
            name: &written.name,
            resource_type: "exposure",
            package_name: package,
            path: inside(path),
            original_file_path: path,
            unique_id: unique_id.clone(),
            fqn: self.manifest.exposure_fqn(exposure),
            kind: written.kind,
            owner: &written.owner,
            description: &written.description,
            label: written.label.as_deref(),
            maturity: written.maturity,
            meta: &written.meta,
            tags: &written.tags,
            config: json!({"enabled": true, "tags": written.tags, "meta": written.meta}),
            unrendered_config: Nothing {},
            url: written.url.as_deref(),
            depends_on: DependsOn { macros: Vec::new(), nodes: Some(self.ids_of(&exposure.parents)) },
            refs,
            sources,
            metrics: [],
            created_at: self.created_at,
        };
        (unique_id, entry)
    }

    pub fn unit_test(&self, test: &'a compiled::UnitTest) -> (String, UnitTest<'a>) {
        let written = &test.written;
        let rows = |input: Option<&str>, rows: &Rows| {
            let format = if rows.columns().is_some() { "dict" } else { "sql" };
            let mut all = json!({"rows": rows.to_json(), "format": format, "fixture": null});
            if let Some(input) = input {
                all["input"] = input.into();
            }
            config::hidden(all, self.secrets)
        };
        let unique_id = self.manifest.unit_test_id(test);
        let (package, path) = self.manifest.package_of(&written.place.file.path);
        let node = self.manifest.node(test.model);
        let entry = UnitTest {
            model: &written.model,
            given: written.given.iter().map(|given| rows(Some(&given.input), &given.rows)).collect(),
            expect: rows(None, &written.expect),
            name: &written.name,
            resource_type: "unit_test",
            package_name: package,
            path: inside(path),
            original_file_path: path,
            unique_id: unique_id.clone(),
            fqn: self.manifest.unit_test_fqn(test),
            description: &written.description,
            overrides: &written.overrides,
            depends_on: DependsOn { macros: Vec::new(), nodes: Some(self.ids_of(&[test.model])) },
            config: json!({"enabled": true, "tags": written.tags, "meta": {}}),
            checksum: written.checksum(),
            schema: node.schema.as_str(),
            created_at: self.created_at,
        };
        (unique_id, entry)
    }
}
