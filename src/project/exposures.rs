//! dbt's `exposures:`: who uses the project's models. They are written down, found by selectors and never
//! built.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_yaml::Spanned;

use super::yaml::{self, place};
use crate::diagnostic::{Diagnostic, Location, SourceFile};
use crate::template::Reference;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenExposure {
    name: Spanned<String>,
    #[serde(rename = "type")]
    kind: ExposureType,
    #[serde(default)]
    owner: Map<String, Value>,
    label: Option<String>,
    maturity: Option<Maturity>,
    url: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    depends_on: Vec<Spanned<String>>,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    meta: Map<String, Value>,
    #[serde(default)]
    config: ExposureConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ExposureConfig {
    enabled: Option<Value>,
    tags: Tags,
    meta: Map<String, Value>,
}

/// One tag, or many.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged, expecting = "a tag or a list of tags")]
enum Tags {
    One(String),
    Many(Vec<String>),
    #[default]
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExposureType {
    Dashboard,
    Notebook,
    Analysis,
    Ml,
    Application,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Maturity {
    Low,
    Medium,
    High,
}

/// A use of the project's data, as a YAML file tells it.
#[derive(Debug, Clone)]
pub struct Exposure {
    pub name: String,
    /// What is not is written down alone. As written: a template may decide.
    pub enabled: Option<Value>,
    pub kind: ExposureType,
    pub owner: Map<String, Value>,
    pub label: Option<String>,
    pub maturity: Option<Maturity>,
    pub url: Option<String>,
    pub description: String,
    pub tags: Vec<String>,
    pub meta: Map<String, Value>,
    pub depends_on: Vec<(Reference, Location)>,
    pub place: Location,
}

impl WrittenExposure {
    pub(super) fn read(self, file: &Arc<SourceFile>) -> Result<Exposure, Diagnostic> {
        let mut depends_on = Vec::new();
        let is_off = self.config.enabled == Some(Value::Bool(false));
        for written in self.depends_on.iter().filter(|_| !is_off) {
            let at = yaml::place(file, written);
            depends_on.push((reference(&written.value, &at)?, at));
        }
        let mut meta = self.meta;
        meta.extend(self.config.meta);
        Ok(Exposure {
            enabled: self.config.enabled,
            place: place(file, &self.name),
            name: self.name.value,
            kind: self.kind,
            owner: self.owner,
            label: self.label,
            maturity: self.maturity,
            url: self.url,
            description: self.description.trim().to_owned(),
            tags: self.tags.list().into_iter().chain(self.config.tags.list()).collect(),
            meta,
            depends_on,
        })
    }
}

impl Tags {
    fn list(self) -> Vec<String> {
        match self {
            Self::One(tag) => vec![tag],
            Self::Many(tags) => tags,
            Self::None => Vec::new(),
        }
    }
}

fn reference(text: &str, place: &Location) -> Result<Reference, Diagnostic> {
    Reference::parse(text).ok_or_else(|| {
        Diagnostic::error("bad-exposure", format!("an exposure cannot depend on `{text}`"))
            .at(place.clone())
            .hint("write ref('model') or source('source', 'table')")
    })
}
