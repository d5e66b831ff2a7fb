//! What has changed since an earlier state of the project: `state:`, `result:` and `source_status:`. Compared
//! is what people wrote, never what came of it in one environment: another target, another value of a
//! variable or another name of the project's folder changes nothing.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Map;

use super::former::{
    Former, FormerEntry, as_dbt_means, contract, exposed, generic_test_key, relation_asked, same_lines,
};
use super::methods::{all, glob};
use super::{Chooser, Item, ResourceType, SelectError, Term};
use crate::diagnostic::{SourceFile, did_you_mean};
use crate::manifest::{Body, NodeId, hash};

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
                let is_fresher = |item: &Item| match item {
                    Item::Node(id) => fresher.contains(&Former::short(&self.manifest.unique_id(*id))),
                    _ => false,
                };
                Ok(items().filter(is_fresher).collect())
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
        let now = self.present(item, former);
        let persists = now.configs.contains_key("persist_docs");
        let in_part = |name: &str| match name {
            "body" => differ(&now.body, &before.body),
            "configs" => now.configs != before.configs,
            "relation" => differ(&now.relation, &before.relation),
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
        let of_dbt = self.query.former.is_some_and(|former| former.is_of_dbt);
        let id = match item {
            Item::Test(index) if of_dbt && !self.manifest.tests[index].is_singular() => {
                let test = &self.manifest.tests[index];
                let model = test.subject.map(|id| self.manifest.reference(id)).unwrap_or_default();
                return generic_test_key(&test.kind, &model, test.column.as_deref(), &test.arguments);
            }
            Item::Node(id) => self.manifest.unique_id(id),
            Item::Test(index) => self.manifest.test_id(&self.manifest.tests[index]),
            Item::UnitTest(index) => self.manifest.unit_test_id(&self.manifest.unit_tests[index]),
            Item::Exposure(index) => self.manifest.exposure_id(&self.manifest.exposures[index]),
            Item::Analysis(index) => self.manifest.analysis_id(&self.manifest.analyses[index]),
        };
        Former::key(&id, &self.manifest.project)
    }

    fn present(&self, item: Item, former: &Former) -> FormerEntry {
        let calls =
            |file: &SourceFile| self.query.library.map(|library| library.calls(file)).unwrap_or_default();
        match item {
            Item::Node(id) => {
                let node = self.manifest.node(id);
                let body = match &node.body {
                    // dbt takes white space around a seed away before it hashes it.
                    Body::Rule(_) if former.is_of_dbt => hash(node.file.text.trim()),
                    Body::Rule(_) => hash(&node.file.text),
                    Body::Source { .. } => self.manifest.published(id).plain(),
                    _ => same_lines(&node.file.text),
                };
                // A column that is only named says nothing.
                let descriptions = node.columns.iter().map(|column| &column.description);
                let descriptions = descriptions.filter(|text| !text.is_empty());
                FormerEntry {
                    body: Some(body),
                    configs: match former.is_of_dbt {
                        true => as_dbt_means(&node.words),
                        false => node.yaml_words.clone(),
                    },
                    relation: match ResourceType::of(self.manifest, item) {
                        ResourceType::Source => None,
                        _ => Some(relation_asked(
                            node.layer.name(),
                            node.config.schema.as_deref(),
                            node.name.as_str(),
                        )),
                    },
                    descriptions: std::iter::once(&node.description).chain(descriptions).cloned().collect(),
                    contract: contract(
                        &node.words,
                        node.columns.iter().map(|column| (column.name.as_str(), column.data_type.as_deref())),
                    ),
                    macros: match &node.body {
                        Body::Model { .. } => calls(&node.file),
                        _ => Vec::new(),
                    },
                }
            }
            Item::Test(index) => {
                let test = &self.manifest.tests[index];
                let (body, configs, macros) = match test.is_singular() {
                    true => (same_lines(&test.file.text), Map::new(), calls(&test.file)),
                    // What it was asked with is part of its id.
                    false => (String::new(), test.words.clone(), vec![format!("test_{}", test.called)]),
                };
                let configs = if former.is_of_dbt { as_dbt_means(&configs) } else { configs };
                FormerEntry { body: Some(body), configs, macros, ..FormerEntry::default() }
            }
            Item::UnitTest(index) => {
                let body = self.manifest.unit_tests[index].written.checksum();
                FormerEntry { body: Some(body), ..FormerEntry::default() }
            }
            Item::Exposure(index) => {
                let exposure = &self.manifest.exposures[index];
                let key = |id: &NodeId| Former::key(&self.manifest.unique_id(*id), &self.manifest.project);
                let parents = exposure.parents.iter().map(key).collect();
                let body = exposed(parents, exposure.written.url.as_deref(), &exposure.written.owner);
                FormerEntry { body: Some(body), ..FormerEntry::default() }
            }
            Item::Analysis(index) => {
                let file = &self.manifest.analyses[index].file;
                let (body, macros) = (Some(same_lines(&file.text)), calls(file));
                FormerEntry { body, macros, ..FormerEntry::default() }
            }
        }
    }
}

/// What an earlier state and this one know, and know otherwise.
fn differ(now: &Option<String>, before: &Option<String>) -> bool {
    now.is_some() && before.is_some() && now != before
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
