//! The parts of a manifest: models, seeds, tests, sources, macros, docs blocks and exposures, field by field
//! as dbt's manifest of version 12 has them.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::project::{FreshnessLimits, Overrides};

/// A schema may ask for a map where elt has nothing to say.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(super) struct Nothing {}

#[derive(Serialize)]
pub(super) struct Checksum {
    pub name: &'static str,
    pub checksum: String,
}

#[derive(Default, Serialize)]
pub(super) struct DependsOn {
    pub macros: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Vec<String>>,
}

#[derive(Serialize)]
pub(super) struct Ref<'a> {
    pub name: &'a str,
    pub package: Option<()>,
    pub version: Option<Value>,
}

#[derive(Serialize)]
pub(super) struct Docs {
    pub show: bool,
    pub node_color: Option<()>,
}

pub(super) const SHOWN: Docs = Docs { show: true, node_color: None };

#[derive(Serialize)]
pub(super) struct Column<'a> {
    pub name: &'a str,
    pub description: &'a str,
    pub meta: Value,
    pub data_type: Option<&'a str>,
    pub constraints: Vec<Value>,
    pub quote: Option<()>,
    pub config: Value,
    pub tags: &'a [String],
}

pub(super) type Columns<'a> = IndexMap<&'a str, Column<'a>>;

/// What models, seeds and tests have in common.
#[derive(Serialize)]
pub(super) struct Entry<'a> {
    pub database: Option<&'a str>,
    pub schema: &'a str,
    pub name: &'a str,
    pub resource_type: &'static str,
    pub package_name: &'a str,
    pub path: &'a str,
    pub original_file_path: &'a str,
    pub unique_id: String,
    pub fqn: Vec<&'a str>,
    pub alias: &'a str,
    pub checksum: Checksum,
    pub config: Value,
    pub tags: &'a [String],
    pub description: &'a str,
    pub columns: Columns<'a>,
    pub meta: Value,
    pub group: Option<&'a str>,
    pub docs: Docs,
    pub patch_path: Option<String>,
    pub build_path: Option<()>,
    pub unrendered_config: Value,
    pub created_at: f64,
    pub relation_name: Option<String>,
    pub raw_code: String,
    pub doc_blocks: [(); 0],
    pub depends_on: DependsOn,
    #[serde(flatten)]
    pub code: Option<Code<'a>>,
    #[serde(flatten)]
    pub test: Option<TestPart<'a>>,
    #[serde(flatten)]
    pub model: Option<ModelPart<'a>>,
    #[serde(flatten)]
    pub seed: Option<SeedPart>,
}

/// What is compiled, too.
#[derive(Serialize)]
pub(super) struct Code<'a> {
    pub language: &'static str,
    pub refs: Vec<Ref<'a>>,
    pub sources: Vec<[&'a str; 2]>,
    pub metrics: [(); 0],
    pub compiled_path: Option<()>,
    pub compiled: bool,
    pub compiled_code: String,
    pub extra_ctes_injected: bool,
    pub extra_ctes: [(); 0],
    pub contract: Contract,
}

#[derive(Serialize)]
pub(super) struct Contract {
    pub enforced: bool,
    pub alias_types: bool,
    pub checksum: Option<String>,
}

impl Default for Contract {
    fn default() -> Self {
        Self { enforced: false, alias_types: true, checksum: None }
    }
}

#[derive(Serialize)]
pub(super) struct ModelPart<'a> {
    pub access: &'a str,
    pub constraints: Vec<Value>,
    pub version: Option<Value>,
    pub latest_version: Option<Value>,
    pub deprecation_date: Option<String>,
    pub primary_key: Vec<&'a str>,
}

#[derive(Serialize)]
pub(super) struct SeedPart {
    pub root_path: Option<()>,
}

#[derive(Serialize)]
pub(super) struct TestPart<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_key_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attached_node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_metadata: Option<TestMetadata<'a>>,
}

#[derive(Serialize)]
pub(super) struct TestMetadata<'a> {
    pub name: &'a str,
    pub kwargs: Map<String, Value>,
    pub namespace: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Source<'a> {
    pub database: Option<&'a str>,
    pub schema: &'a str,
    pub name: &'a str,
    pub resource_type: &'static str,
    pub package_name: &'a str,
    pub path: &'a str,
    pub original_file_path: &'a str,
    pub unique_id: String,
    pub fqn: Vec<&'a str>,
    pub source_name: &'a str,
    pub source_description: &'a str,
    pub loader: &'static str,
    pub identifier: &'a str,
    pub quoting: Nothing,
    pub loaded_at_field: Option<&'a str>,
    pub freshness: Option<&'a FreshnessLimits>,
    pub external: Option<()>,
    pub description: &'a str,
    pub columns: Columns<'a>,
    pub meta: Value,
    pub source_meta: Nothing,
    pub tags: &'a [String],
    pub config: Value,
    pub patch_path: Option<()>,
    pub unrendered_config: Nothing,
    pub relation_name: String,
    pub created_at: f64,
}

#[derive(Serialize)]
pub(super) struct UnitTest<'a> {
    pub model: &'a str,
    pub given: Vec<Value>,
    pub expect: Value,
    pub name: &'a str,
    pub resource_type: &'static str,
    pub package_name: &'a str,
    pub path: &'a str,
    pub original_file_path: &'a str,
    pub unique_id: String,
    pub fqn: Vec<&'a str>,
    pub description: &'a str,
    pub overrides: &'a Overrides,
    pub depends_on: DependsOn,
    pub config: Value,
    pub checksum: String,
    pub schema: &'a str,
    pub created_at: f64,
}

#[derive(Serialize)]
pub(super) struct Macro<'a> {
    pub name: String,
    pub resource_type: &'static str,
    pub package_name: &'a str,
    pub path: String,
    pub original_file_path: String,
    pub unique_id: String,
    pub macro_sql: String,
    pub depends_on: DependsOn,
    pub description: &'static str,
    pub meta: Nothing,
    pub docs: Docs,
    pub patch_path: Option<()>,
    pub arguments: Vec<Argument>,
    pub created_at: f64,
    pub supported_languages: Option<()>,
}

#[derive(Serialize)]
pub(super) struct Argument {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: Option<()>,
    pub description: &'static str,
}

/// What models say they belong to; elt knows no more of it than its name.
#[derive(Serialize)]
pub(super) struct Group<'a> {
    pub name: &'a str,
    pub resource_type: &'static str,
    pub package_name: &'a str,
    pub path: &'a str,
    pub original_file_path: &'a str,
    pub unique_id: String,
    pub owner: Value,
}

#[derive(Serialize)]
pub(super) struct DocsBlock<'a> {
    pub name: &'a str,
    pub resource_type: &'static str,
    pub package_name: &'a str,
    pub path: &'a str,
    pub original_file_path: &'a str,
    pub unique_id: String,
    pub block_contents: &'a str,
}

#[derive(Serialize)]
pub(super) struct Exposure<'a> {
    pub name: &'a str,
    pub resource_type: &'static str,
    pub package_name: &'a str,
    pub path: &'a str,
    pub original_file_path: &'a str,
    pub unique_id: String,
    pub fqn: Vec<&'a str>,
    #[serde(rename = "type")]
    pub kind: crate::project::ExposureType,
    pub owner: &'a Map<String, Value>,
    pub description: &'a str,
    pub label: Option<&'a str>,
    pub maturity: Option<crate::project::Maturity>,
    pub meta: &'a Map<String, Value>,
    pub tags: &'a [String],
    pub config: Value,
    pub unrendered_config: Nothing,
    pub url: Option<&'a str>,
    pub depends_on: DependsOn,
    pub refs: Vec<Ref<'a>>,
    pub sources: Vec<[&'a str; 2]>,
    pub metrics: [(); 0],
    pub created_at: f64,
}
