//! The YAML beside models and rules: descriptions, columns, tests, sources. dbt's words where dbt has them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use serde_yaml::Spanned;

use super::columns::{ColumnProperties, TestEntry, WrittenColumn, columns_and_tests};
use super::constraints::Constraint;
use super::exposures::{Exposure, WrittenExposure};
use super::folders::join_words;
use super::sources::{SourceTable, WrittenSource, present};
use super::unit_tests::{UnitTest, WrittenUnitTest};
use super::versions::{self, Version, WrittenVersion};
use super::yaml::{self, place};
use crate::diagnostic::{Diagnostic, Location, SourceFile, did_you_mean};
use crate::endpoint::Endpoint;

#[derive(Debug, Deserialize)]
struct Written {
    #[allow(dead_code, reason = "dbt's files carry it; it says nothing here")]
    version: Option<Value>,
    #[serde(default)]
    models: Vec<WrittenEntry>,
    #[serde(default, alias = "seeds")]
    rules: Vec<WrittenEntry>,
    #[serde(default)]
    sources: Vec<WrittenSource>,
    #[serde(default)]
    exposures: Vec<WrittenExposure>,
    #[serde(default)]
    unit_tests: Vec<WrittenUnitTest>,
    #[serde(default)]
    snapshots: Vec<WrittenEntry>,
    /// Of the queries in `tests/`.
    #[serde(default, alias = "tests")]
    data_tests: Vec<WrittenTest>,
    #[allow(dead_code, reason = "descriptions for people: elt shows a macro's own comment")]
    macros: Option<Value>,
    #[allow(dead_code, reason = "who owns what, for people")]
    groups: Option<Value>,
    analyses: Option<Value>,
    #[allow(dead_code, reason = "where anchors are written down, to be named elsewhere in the file")]
    anchors: Option<Value>,
    #[serde(flatten)]
    others: BTreeMap<String, IgnoredAny>,
}

/// The keys that a file may have.
const KEYS: &[&str] = &[
    "version",
    "models",
    "rules",
    "seeds",
    "sources",
    "exposures",
    "unit_tests",
    "snapshots",
    "data_tests",
    "tests",
    "macros",
    "groups",
    "analyses",
    "anchors",
];
/// Keys of dbt that mean something there, and nothing here.
const SEMANTIC_LAYER: &[&str] = &["semantic_models", "metrics", "saved_queries"];

/// What YAML says of a query in `tests/` or `analyses/`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTest {
    name: Spanned<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    config: Map<String, Value>,
    #[allow(dead_code, reason = "free notes of the project's own")]
    meta: Option<Value>,
}

/// What YAML files describe.
#[derive(Debug, Default)]
pub(super) struct Described {
    pub properties: Vec<Properties>,
    pub sources: Vec<SourceTable>,
    pub exposures: Vec<Exposure>,
    pub unit_tests: Vec<UnitTest>,
    /// Snapshots that are nothing but YAML: their names, and what they keep the history of.
    pub snapshots: Vec<(Spanned<String>, Spanned<String>)>,
    pub singular: Vec<SingularTest>,
    pub analyses: Vec<SingularTest>,
    pub warnings: Vec<Diagnostic>,
}

impl Described {
    /// What another file describes; its warnings are told by then, and its snapshots models.
    pub fn join(&mut self, other: Self) {
        self.properties.extend(other.properties);
        self.sources.extend(other.sources);
        self.exposures.extend(other.exposures);
        self.unit_tests.extend(other.unit_tests);
        self.singular.extend(other.singular);
        self.analyses.extend(other.analyses);
    }
}

/// What YAML says of a query in `tests/`.
#[derive(Debug, Clone)]
pub struct SingularTest {
    pub name: String,
    pub description: String,
    pub config: Map<String, Value>,
    pub place: Location,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenEntry {
    pub name: Spanned<String>,
    #[serde(default)]
    pub description: String,
    config: Option<Spanned<Map<String, Value>>>,
    /// What a version says over that.
    #[serde(skip)]
    pub version_config: Option<Map<String, Value>>,
    #[serde(default)]
    pub columns: Vec<WrittenColumn>,
    #[serde(default)]
    pub constraints: Vec<Constraint>,
    #[serde(default, alias = "data_tests")]
    pub tests: Vec<Spanned<Value>>,
    ranges: Option<Spanned<Ranges>>,
    /// How a prod model is served by HTTP.
    expose: Option<Spanned<Endpoint>>,
    /// Free notes of the project's own.
    meta: Option<Value>,
    /// How old its rows may be.
    #[serde(default, deserialize_with = "present")]
    freshness: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    loaded_at_field: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    loaded_at_query: Option<Value>,
    /// Of a snapshot: what it keeps the history of, `ref('…')` or `source('…', '…')`.
    relation: Option<Spanned<String>>,
    /// dbt takes these words beside `config:`, too.
    pub docs: Option<Value>,
    pub access: Option<Value>,
    group: Option<Value>,
    #[allow(dead_code, reason = "of dbt's semantic layer")]
    time_spine: Option<Value>,
    /// Taken out before the entry is read for each of them.
    #[serde(default)]
    versions: Vec<WrittenVersion>,
    pub latest_version: Option<Value>,
    pub deprecation_date: Option<Value>,
}

/// Columns of a rules file that hold ranges: they must not overlap nor, inside a group, leave a hole.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranges {
    pub lower: String,
    /// An empty cell is no upper bound.
    pub upper: String,
    #[serde(default)]
    pub by: Vec<String>,
    #[serde(default)]
    pub allow_gaps: bool,
}

/// What YAML says of one model or rule.
#[derive(Debug, Clone)]
pub struct Properties {
    pub name: String,
    pub place: Location,
    pub description: String,
    pub config: Map<String, Value>,
    pub config_place: Location,
    pub columns: Vec<ColumnProperties>,
    pub constraints: Vec<Constraint>,
    pub tests: Vec<TestEntry>,
    /// Of a model of which there are several.
    pub version: Option<Version>,
    /// From when on nobody should refer to it.
    pub deprecation_date: Option<String>,
    pub ranges: Option<(Ranges, Location)>,
    /// As written: nothing that was left unsaid is filled in.
    pub expose: Option<(Endpoint, Location)>,
}

pub(super) fn read(file: &Arc<SourceFile>, fixtures: &[Arc<SourceFile>]) -> Result<Described, Diagnostic> {
    let mut described = Described::default();
    if file.text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(described);
    }
    let (written, twice) = yaml::read_as_dbt(file).map_err(|error| yaml::problem(file, &error))?;
    let written: Written = written;
    described.warnings.extend(twice);
    for key in written.others.keys() {
        described.warnings.extend(other_key(file, key)?);
    }
    for mut entry in written.models.into_iter().chain(written.rules) {
        described.warnings.extend(entry.passed_over(file));
        let versions = std::mem::take(&mut entry.versions);
        if versions.is_empty() {
            described.properties.push(entry.read(file)?);
        } else {
            described.properties.extend(versions::read(&entry, &versions, file)?);
        }
    }
    for mut entry in written.snapshots {
        let relation = entry.relation.take();
        let name = entry.name.clone();
        let mut properties = entry.read(file)?;
        properties.config.insert("materialized".into(), "snapshot".into());
        described.properties.push(properties);
        described.snapshots.extend(relation.map(|relation| (name, relation)));
    }
    for test in written.data_tests {
        let WrittenTest { name, description, config, meta: _ } = test;
        let (place, description) = (place(file, &name), description.trim().to_owned());
        described.singular.push(SingularTest { name: name.value, description, config, place });
    }
    for analysis in written.analyses.iter().filter_map(Value::as_array).flatten() {
        described.analyses.extend(analysis_of(file, analysis));
    }
    for source in written.sources {
        described.sources.extend(source.read(file)?);
    }
    for test in written.unit_tests {
        described.unit_tests.extend(test.read(file, fixtures)?);
    }
    for exposure in written.exposures {
        described.exposures.push(exposure.read(file)?);
    }
    Ok(described)
}

/// Of an analysis only its description and its config say anything.
fn analysis_of(file: &Arc<SourceFile>, written: &Value) -> Option<SingularTest> {
    let text = |key: &str| written.get(key).and_then(Value::as_str);
    Some(SingularTest {
        name: text("name")?.to_owned(),
        description: text("description").unwrap_or_default().trim().to_owned(),
        config: written.get("config").and_then(Value::as_object).cloned().unwrap_or_default(),
        place: Location::start_of(file),
    })
}

/// A key that elt does not know may hold anchors, or be another tool's. One like a key that it knows is a slip.
fn other_key(file: &Arc<SourceFile>, key: &str) -> Result<Option<Diagnostic>, Diagnostic> {
    let mut lines = file.text.split_inclusive('\n').scan(0, |end, line| {
        *end += line.len();
        Some((*end - line.len(), line.trim_start_matches(['"', '\''])))
    });
    let start = lines.find(|(_, line)| line.starts_with(key)).map_or(0, |(start, _)| start);
    let place = Location::new(file, start..start + key.len());
    let is_slip = !key.starts_with("x-") && did_you_mean(key, KEYS.iter().copied()).is_some();
    if SEMANTIC_LAYER.contains(&key) || is_slip {
        let message = format!("unknown field `{key}`, expected one of {}", KEYS.join(", "));
        return Err(Diagnostic::error("yaml", message).at(place));
    }
    let message = format!("the key `{key}` says nothing here");
    let warning = || Diagnostic::warning("unknown-key", message).at(place);
    Ok((!key.starts_with("x-"))
        .then(|| warning().hint("anchors may stand under `anchors`, or under a key that begins with `x-`")))
}

/// The columns that a load pinned in `<model>.columns.yml` become part of what the model's own YAML says:
/// types where it has none, and columns that it does not mention.
pub(super) fn join_pinned(properties: &mut Vec<Properties>) {
    let is_pinned = |entry: &Properties| entry.place.file.path.ends_with(".columns.yml");
    let (pinned, mut own): (Vec<_>, Vec<_>) = properties.drain(..).partition(is_pinned);
    for entry in pinned {
        let Some(described) = own.iter_mut().find(|other| other.name == entry.name) else {
            own.push(entry);
            continue;
        };
        let mut columns = entry.columns;
        for column in &mut columns {
            if let Some(at) = described.columns.iter().position(|other| other.name == column.name) {
                let mut mentioned = described.columns.remove(at);
                mentioned.data_type = mentioned.data_type.or(column.data_type.take());
                *column = mentioned;
            }
        }
        // Those that only the own YAML has are told as unknown columns later.
        columns.append(&mut described.columns);
        described.columns = columns;
    }
    *properties = own;
}

impl WrittenEntry {
    /// Words of dbt that are read and mean nothing here.
    fn passed_over(&self, file: &Arc<SourceFile>) -> Option<Diagnostic> {
        let place = place(file, &self.name);
        self.relation.as_ref()?;
        let message = format!("`relation` of the model `{}` is passed over", self.name.value);
        let hint = "it belongs to an entry of `snapshots:`";
        Some(Diagnostic::warning("passed-over", message).at(place.closer("relation")).hint(hint))
    }

    pub(super) fn read(self, file: &Arc<SourceFile>) -> Result<Properties, Diagnostic> {
        let (columns, tests) = columns_and_tests(file, self.columns, &self.tests)?;
        let mut config = self.config.as_ref().map(|config| config.value.clone()).unwrap_or_default();
        join_words(&mut config, self.version_config.unwrap_or_default());
        if let Some(meta) = self.meta {
            join_words(&mut config, Map::from_iter([("meta".to_owned(), meta)]));
        }
        for (word, value) in [("docs", self.docs), ("access", self.access), ("group", self.group)] {
            if let Some(value) = value {
                config.entry(word).or_insert(value);
            }
        }
        let freshness = [
            ("freshness", self.freshness),
            ("loaded_at_field", self.loaded_at_field),
            ("loaded_at_query", self.loaded_at_query),
        ];
        for (word, value) in freshness {
            config.extend(value.map(|value| (word.to_owned(), value)));
        }
        Ok(Properties {
            place: place(file, &self.name),
            config_place: self
                .config
                .as_ref()
                .map_or_else(|| place(file, &self.name), |config| place(file, config)),
            description: self.description.trim().to_owned(),
            config,
            columns,
            constraints: self.constraints,
            expose: self.expose.map(|endpoint| {
                let place = place(file, &endpoint);
                (endpoint.value, place)
            }),
            ranges: self.ranges.map(|ranges| {
                let place = place(file, &ranges);
                (ranges.value, place)
            }),
            tests,
            version: None,
            deprecation_date: date(self.deprecation_date, &place(file, &self.name))?,
            name: self.name.value,
        })
    }
}

/// The day of a date or of a time, as YAML has either.
fn date(written: Option<Value>, place: &Location) -> Result<Option<String>, Diagnostic> {
    let Some(written) = written.filter(|value| !value.is_null()) else { return Ok(None) };
    let day = written.as_str().and_then(|text| text.get(..10)?.parse::<jiff::civil::Date>().ok());
    match day {
        Some(day) => Ok(Some(day.to_string())),
        None => Err(Diagnostic::error("bad-date", format!("the deprecation_date {written} is no date"))
            .at(place.closer("deprecation_date"))
            .hint("write it like 2026-06-01")),
    }
}
