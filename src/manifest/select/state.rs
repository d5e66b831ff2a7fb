//! What has changed since an earlier state of the project: `state:`, `result:` and `source_status:`. Compared
//! is what people wrote, never what came of it in one environment: another target, another value of a
//! variable or another name of the project's folder changes nothing.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value};

use super::methods::{all, glob};
use super::{Chooser, Item, ResourceType, SelectError, Term};
use crate::diagnostic::did_you_mean;
use crate::manifest::{Body, hash};

/// An earlier state. Keys are ids without the project's name: `model.orders`, `source.shop.orders`.
#[derive(Debug, Clone, Default)]
pub struct Former {
    pub entries: HashMap<String, FormerEntry>,
    /// The text of each macro by its name.
    pub macros: HashMap<String, String>,
    /// How each node ended, in dbt's words; nothing where no `run_results.json` was there.
    pub results: Option<HashMap<String, String>>,
    /// Sources with newer rows than then; nothing where one of the two `sources.json` is missing.
    pub fresher: Option<HashSet<String>>,
}

/// What is compared of a node, test, source or exposure.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FormerEntry {
    /// Its text as written: SQL, rules, or what stands in YAML in their place.
    pub body: String,
    /// The config of its YAML as written.
    pub configs: Map<String, Value>,
    /// Layer and name.
    pub relation: String,
    pub descriptions: Vec<String>,
    /// Columns and types, where a contract holds.
    pub contract: String,
    /// Macros that it calls.
    pub macros: Vec<String>,
}

const STATES: [&str; 4] = ["modified", "new", "old", "unmodified"];
const PARTS: [&str; 6] = ["body", "configs", "relation", "persisted_descriptions", "macros", "contract"];
const RESULTS: [&str; 9] =
    ["success", "error", "fail", "warn", "pass", "skipped", "no-op", "runtime error", "partial success"];

impl Chooser<'_> {
    pub(super) fn changed(&self, term: &Term) -> Result<BTreeSet<Item>, SelectError> {
        let method = term.method.as_deref().unwrap_or_default();
        let Some(former) = self.query.former else {
            return Err(SelectError {
                message: format!("`{}` compares with an earlier state, and none is given", term.written()),
                hint: Some("name the folder of its manifest.json: --state DIR".into()),
            });
        };
        let items = || all(self.manifest);
        let id = |item: &Item| self.key(*item);
        match method {
            "result" => {
                known(term, &RESULTS)?;
                let results = former.results.as_ref().ok_or_else(|| missing(term, "run_results.json"))?;
                let pattern = glob(&term.value)?;
                Ok(items()
                    .filter(|item| results.get(&id(item)).is_some_and(|status| pattern.is_match(status)))
                    .collect())
            }
            "source_status" => {
                known(term, &["fresher"])?;
                let fresher = former.fresher.as_ref().ok_or_else(|| missing(term, "sources.json"))?;
                Ok(items().filter(|item| fresher.contains(&id(item))).collect())
            }
            _ => self.by_state(term, former),
        }
    }

    fn by_state(&self, term: &Term, former: &Former) -> Result<BTreeSet<Item>, SelectError> {
        let (state, part) = match term.value.split_once('.') {
            Some((state, part)) => (state, Some(part)),
            None => (term.value.as_str(), None),
        };
        if !STATES.contains(&state) || part.is_some_and(|part| state != "modified" || !PARTS.contains(&part))
        {
            let words = PARTS.iter().map(|part| format!("modified.{part}"));
            let words: Vec<String> = STATES.iter().map(|state| (*state).to_owned()).chain(words).collect();
            return Err(SelectError {
                message: format!("`state:` has no `{}`", term.value),
                hint: did_you_mean(&term.value, words.iter().map(String::as_str))
                    .or_else(|| Some(format!("it knows {}", words.join(", ")))),
            });
        }
        let now = self.present_macros();
        let keep = |item: &Item| {
            let before = former.entries.get(&self.key(*item));
            match (state, before) {
                ("new", before) => before.is_none(),
                ("old", before) => before.is_some(),
                ("modified", None) => part.is_none(),
                ("unmodified", None) => false,
                (state, Some(before)) => {
                    let differs = self.differs(*item, before, former, &now, part);
                    differs == (state == "modified")
                }
                _ => false,
            }
        };
        Ok(all(self.manifest).filter(keep).collect())
    }

    /// Whether it is otherwise than before, in one part or in any that changes what is built.
    fn differs(
        &self,
        item: Item,
        before: &FormerEntry,
        former: &Former,
        macros: &HashMap<String, (String, Vec<String>)>,
        part: Option<&str>,
    ) -> bool {
        let now = self.present(item);
        let persists = now.configs.contains_key("persist_docs");
        let in_part = |name: &str| match name {
            "body" => now.body != before.body,
            "configs" => now.configs != before.configs,
            "relation" => now.relation != before.relation,
            "persisted_descriptions" => now.descriptions != before.descriptions,
            "contract" => now.contract != before.contract,
            "macros" => macros_differ(&now.macros, former, macros),
            _ => false,
        };
        match part {
            Some(part) => in_part(part),
            None => PARTS
                .iter()
                .filter(|part| **part != "persisted_descriptions" || persists)
                .any(|part| in_part(part)),
        }
    }

    /// Every macro of the project: its text and what it calls.
    fn present_macros(&self) -> HashMap<String, (String, Vec<String>)> {
        let all = self.query.library.map(|library| library.macros()).unwrap_or_default();
        let own = all.into_iter().filter(|one| !one.is_builtin);
        own.map(|one| (one.name, (same_lines(&one.text), one.calls))).collect()
    }

    /// Its id without the project's name.
    fn key(&self, item: Item) -> String {
        let id = match item {
            Item::Node(id) => self.manifest.unique_id(id),
            Item::Test(index) => self.manifest.test_id(&self.manifest.tests[index]),
            Item::UnitTest(index) => self.manifest.unit_test_id(&self.manifest.unit_tests[index]),
            Item::Exposure(index) => self.manifest.exposure_id(&self.manifest.exposures[index]),
        };
        Former::key(&id)
    }

    fn present(&self, item: Item) -> FormerEntry {
        let calls = |text: &str| self.query.library.map(|library| library.calls(text)).unwrap_or_default();
        match item {
            Item::Node(id) => {
                let node = self.manifest.node(id);
                let body = match &node.body {
                    Body::Rule(_) => hash(&node.file.text),
                    Body::Source { schema, .. } => format!("{}.{}", schema.as_str(), node.name.as_str()),
                    _ => same_lines(&node.file.text),
                };
                let descriptions = node.columns.iter().map(|column| &column.description);
                FormerEntry {
                    body,
                    configs: node.yaml_words.clone(),
                    relation: match ResourceType::of(self.manifest, item) {
                        ResourceType::Source => String::new(),
                        _ => node.label(),
                    },
                    descriptions: std::iter::once(&node.description).chain(descriptions).cloned().collect(),
                    contract: contract(
                        &node.words,
                        node.columns.iter().map(|column| (column.name.as_str(), column.data_type.as_deref())),
                    ),
                    macros: match &node.body {
                        Body::Model { .. } => calls(&node.file.text),
                        _ => Vec::new(),
                    },
                }
            }
            Item::Test(index) => {
                let test = &self.manifest.tests[index];
                let (body, configs, macros) = match test.is_singular() {
                    true => (same_lines(&test.file.text), Map::new(), calls(&test.file.text)),
                    // What it was asked with is part of its id.
                    false => (String::new(), test.words.clone(), vec![format!("test_{}", test.kind)]),
                };
                FormerEntry { body, configs, macros, ..FormerEntry::default() }
            }
            Item::UnitTest(index) => {
                let body = self.manifest.unit_tests[index].written.checksum();
                FormerEntry { body, ..FormerEntry::default() }
            }
            Item::Exposure(index) => {
                let exposure = &self.manifest.exposures[index];
                let parents = exposure.parents.iter().map(|id| Former::key(&self.manifest.unique_id(*id)));
                let body = format!(
                    "{} {} {}",
                    parents.collect::<Vec<_>>().join(" "),
                    exposure.written.url.as_deref().unwrap_or_default(),
                    serde_json::to_string(&exposure.written.owner).unwrap_or_default()
                );
                FormerEntry { body, ..FormerEntry::default() }
            }
        }
    }
}

impl Former {
    /// An id without the project's name, which may come from a folder's.
    pub fn key(unique_id: &str) -> String {
        let mut parts = unique_id.splitn(3, '.');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(kind), Some(_), Some(rest)) => format!("{kind}.{rest}"),
            _ => unique_id.to_owned(),
        }
    }
}

/// Line ends and white space around a text are nobody's change.
pub fn same_lines(text: &str) -> String {
    text.trim().replace("\r\n", "\n")
}

/// The columns and types that a contract promises; nothing without one.
pub fn contract<'a>(
    words: &Map<String, Value>,
    columns: impl Iterator<Item = (&'a str, Option<&'a str>)>,
) -> String {
    let enforced = match words.get("contract") {
        Some(Value::Object(contract)) => contract.get("enforced").and_then(Value::as_bool).unwrap_or(false),
        Some(Value::Bool(enforced)) => *enforced,
        _ => false,
    };
    if !enforced {
        return String::new();
    }
    let columns = columns.map(|(name, data_type)| format!("{name} {}", data_type.unwrap_or_default()));
    columns.collect::<Vec<_>>().join(", ")
}

/// Whether a macro that is called, or one that those call, is otherwise than before.
fn macros_differ(
    called: &[String],
    former: &Former,
    present: &HashMap<String, (String, Vec<String>)>,
) -> bool {
    let mut open: Vec<&str> = called.iter().map(String::as_str).collect();
    let mut seen: HashSet<&str> = open.iter().copied().collect();
    while let Some(name) = open.pop() {
        let Some((text, calls)) = present.get(name) else { continue };
        if former.macros.get(name) != Some(text) {
            return true;
        }
        open.extend(calls.iter().map(String::as_str).filter(|name| seen.insert(name)));
    }
    false
}

fn known(term: &Term, words: &[&str]) -> Result<(), SelectError> {
    if words.contains(&term.value.as_str()) || term.value.contains('*') {
        return Ok(());
    }
    let method = term.method.as_deref().unwrap_or_default();
    Err(SelectError {
        message: format!("`{method}:` has no `{}`", term.value),
        hint: did_you_mean(&term.value, words.iter().copied())
            .or_else(|| Some(format!("it knows {}", words.join(", ")))),
    })
}

fn missing(term: &Term, file: &str) -> SelectError {
    SelectError {
        message: format!("`{}` needs {file}, and it is not in the folder of --state", term.written()),
        hint: None,
    }
}
