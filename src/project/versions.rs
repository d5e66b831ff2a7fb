//! dbt's `versions:` of a model: each version is a file, described by what it says itself over what is said of
//! all of them.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use serde_yaml::Spanned;

use super::columns::WrittenColumn;
use super::constraints::Constraint;
use super::folders::join_words;
use super::properties::{Properties, WrittenEntry};
use super::{ModelFile, yaml};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::template::version_reference;

/// Which version of which model a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// What all versions are called.
    pub model: String,
    /// `2`, or a word.
    pub label: String,
    /// The same as names have it: `v2`.
    pub shown: String,
    /// That of the latest one.
    pub latest: String,
    /// The file that holds it, where that is said.
    defined_in: Option<String>,
}

impl Version {
    /// What `ref('model', v=2)` looks for.
    pub fn reference(&self) -> String {
        version_reference(&self.model, &self.label)
    }

    pub fn is_latest(&self) -> bool {
        self.label == self.latest
    }

    /// `latest`, `old` or `prerelease`, as dbt selects them.
    pub fn standing(&self) -> &'static str {
        match compare(&self.label, &self.latest) {
            Ordering::Less => "old",
            Ordering::Equal => "latest",
            Ordering::Greater => "prerelease",
        }
    }

    /// What its relation is called where nothing else is said, and its file, too.
    fn full_name(&self) -> String {
        format!("{}_{}", self.model, self.shown)
    }
}

/// Numbers as numbers, words as words.
fn compare(one: &str, other: &str) -> Ordering {
    match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => one.total_cmp(&other),
        _ => one.cmp(other),
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenVersion {
    v: Spanned<Value>,
    defined_in: Option<String>,
    description: Option<String>,
    config: Option<Map<String, Value>>,
    #[serde(default)]
    columns: Vec<VersionColumn>,
    constraints: Option<Vec<Constraint>>,
    #[serde(alias = "data_tests")]
    tests: Option<Vec<Spanned<Value>>>,
    docs: Option<Value>,
    access: Option<Value>,
    deprecation_date: Option<Value>,
}

/// A column, or which of those of all versions this one has.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionColumn {
    include: Option<Value>,
    #[serde(default)]
    exclude: Vec<String>,
    name: Option<Spanned<String>>,
    #[serde(default)]
    description: String,
    data_type: Option<String>,
    #[serde(default)]
    constraints: Vec<Constraint>,
    #[serde(default, alias = "data_tests")]
    tests: Vec<Spanned<Value>>,
    meta: Option<Value>,
    #[serde(default)]
    tags: super::columns::Tags,
    #[serde(default)]
    config: super::columns::ColumnConfig,
    quote: Option<bool>,
}

/// What YAML says of each version. `entry` is what it says of all of them.
pub(super) fn read(
    entry: &WrittenEntry,
    versions: &[WrittenVersion],
    file: &Arc<SourceFile>,
) -> Result<Vec<Properties>, Diagnostic> {
    let wrong = |message: String, at: &WrittenVersion| {
        Diagnostic::error("bad-version", message)
            .at(yaml::place(file, &at.v))
            .hint("`v` is a number or a word, and each version has its own")
    };
    let mut labels = Vec::new();
    for version in versions {
        let Some(label) = label(&version.v.value).filter(|label| !labels.contains(label)) else {
            let message = format!("`{}` has a version `{}`", entry.name.value, version.v.value);
            return Err(wrong(message, version));
        };
        labels.push(label);
    }
    let newest = labels.iter().max_by(|one, other| compare(one, other));
    let latest =
        entry.latest_version.as_ref().and_then(label).or_else(|| newest.cloned()).unwrap_or_default();
    if let Some(first) = versions.first().filter(|_| !labels.contains(&latest)) {
        return Err(wrong(
            format!("`{}` has no version `{latest}` to be its latest", entry.name.value),
            first,
        ));
    }
    let mut described = Vec::new();
    for (version, label) in versions.iter().zip(labels) {
        let version_of = Version {
            model: entry.name.value.clone(),
            shown: format!("v{label}"),
            label,
            latest: latest.clone(),
            defined_in: version.defined_in.clone(),
        };
        let mut properties = version.over(entry).read(file)?;
        properties.place = yaml::place(file, &version.v);
        properties.name = version.defined_in.clone().unwrap_or_else(|| version_of.full_name());
        properties.version = Some(version_of);
        described.push(properties);
    }
    Ok(described)
}

fn label(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl WrittenVersion {
    /// The entry as it is for this version.
    fn over(&self, entry: &WrittenEntry) -> WrittenEntry {
        let mut own = entry.clone();
        if let Some(description) = &self.description {
            own.description.clone_from(description);
        }
        own.version_config.clone_from(&self.config);
        own.columns = self.columns_of(&entry.columns);
        own.constraints = self.constraints.clone().unwrap_or(own.constraints);
        own.tests = self.tests.clone().unwrap_or(own.tests);
        own.docs = self.docs.clone().or(own.docs);
        own.access = self.access.clone().or(own.access);
        own.deprecation_date = self.deprecation_date.clone().or(own.deprecation_date);
        own
    }

    /// All columns, where nothing is said of which; its own in the place of those of the same name.
    fn columns_of(&self, all: &[WrittenColumn]) -> Vec<WrittenColumn> {
        let choice = self.columns.iter().find(|column| column.name.is_none());
        let included = |name: &String| match choice.and_then(|choice| choice.include.as_ref()) {
            Some(Value::Array(names)) => names.iter().any(|one| one == name.as_str()),
            _ => true,
        };
        let excluded = |name: &String| choice.is_some_and(|choice| choice.exclude.contains(name));
        let taken = all.iter().filter(|column| included(&column.name.value) && !excluded(&column.name.value));
        let mut columns: Vec<WrittenColumn> = taken.cloned().collect();
        for own in self.columns.iter().filter_map(VersionColumn::column) {
            match columns.iter_mut().find(|column| column.name.value == own.name.value) {
                Some(column) => *column = own,
                None => columns.push(own),
            }
        }
        columns
    }
}

impl VersionColumn {
    fn column(&self) -> Option<WrittenColumn> {
        Some(WrittenColumn {
            name: self.name.clone()?,
            description: self.description.clone(),
            data_type: self.data_type.clone(),
            constraints: self.constraints.clone(),
            tests: self.tests.clone(),
            meta: self.meta.clone(),
            tags: self.tags.clone(),
            config: self.config.clone(),
            quote: self.quote,
            granularity: None,
        })
    }
}

/// Finds the file of each version, now that all are known, and lets its relation be called by its version.
pub(super) fn settle(properties: &mut [Properties], models: &[ModelFile]) {
    for own in properties {
        let Some(version) = &own.version else { continue };
        let is_file = |name: &str| models.iter().any(|model| model.name == name);
        // The latest version may lie in a file without its number.
        if version.defined_in.is_none()
            && version.is_latest()
            && !is_file(&own.name)
            && is_file(&version.model)
        {
            own.name.clone_from(&version.model);
        }
        if own.name != version.full_name() {
            let alias = Map::from_iter([("alias".to_owned(), Value::from(version.full_name()))]);
            let said = std::mem::replace(&mut own.config, alias);
            join_words(&mut own.config, said);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_old_latest_or_yet_to_come() {
        let standing = |label: &str, latest: &str| {
            let (label, latest) = (label.to_owned(), latest.to_owned());
            Version { model: "m".into(), shown: String::new(), label, latest, defined_in: None }.standing()
        };
        assert_eq!(standing("9", "10"), "old");
        assert_eq!(standing("10", "10"), "latest");
        assert_eq!(standing("11", "10"), "prerelease");
        assert_eq!(standing("beta", "alpha"), "prerelease");
    }
}
