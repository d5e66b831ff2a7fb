//! What modified a node: its definition beside the one that it was published from.

use serde::Serialize;
use serde_json::Value;

use super::Step;
use super::lines::difference;
use crate::database::{DatabaseError, Session, ledger};
use crate::manifest::Manifest;
use crate::run::build::kept;
use crate::run::unchanged::definition_text;
use crate::run::{Place, Plan};

/// How many lines of one difference are kept.
const SHOWN: usize = 60;

/// One part of a definition that is another now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `sql`, `materialized`, `description`, …
    pub part: String,
    /// As of a unified diff.
    pub lines: Vec<String>,
}

/// Says of every modified step what was modified; what of it a run would not bring about comes back.
pub(super) async fn explain(
    session: &Session,
    place: &Place,
    manifest: &Manifest,
    plan: &Plan,
    steps: &mut [Step],
) -> Result<Vec<String>, DatabaseError> {
    let mut not_followed = Vec::new();
    let modified: Vec<_> = steps.iter().filter(|step| step.modified).collect();
    if modified.is_empty() {
        return Ok(not_followed);
    }
    let relations: Vec<_> = modified.iter().map(|step| manifest.published(step.id)).collect();
    let before = ledger::definitions(session, &relations).await?;
    for step in steps.iter_mut().filter(|step| step.modified) {
        let Some(old) = before.get(&manifest.published(step.id)) else { continue };
        let now = place.secrets.hide(&definition_text(manifest, &place.target, step.id));
        step.changes = changes(old, &now);
        if plan.added_to.contains(&step.id) {
            let name = manifest.node(step.id).name.as_str();
            not_followed.extend(kept(&manifest.published(step.id), name, old, &now));
        }
    }
    Ok(not_followed)
}

/// The parts in which two definitions differ, each of them written as JSON.
fn changes(old: &str, new: &str) -> Vec<Change> {
    let read = |text: &str| match serde_json::from_str(text) {
        Ok(Value::Object(parts)) => parts,
        _ => serde_json::Map::new(),
    };
    let (old, new) = (read(old), read(new));
    let mut parts: Vec<&String> = old.keys().chain(new.keys()).collect();
    parts.sort_unstable();
    parts.dedup();
    let mut changes = Vec::new();
    for part in parts {
        let (before, now) = (old.get(part), new.get(part));
        if before == now {
            continue;
        }
        if part == "words" {
            let empty = Value::Null;
            changes.extend(words(before.unwrap_or(&empty), now.unwrap_or(&empty)));
            continue;
        }
        changes.push(change(part, before, now));
    }
    changes
}

/// Each word of a config is a part of its own.
fn words(before: &Value, now: &Value) -> Vec<Change> {
    let names = |value: &Value| value.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>());
    let mut all: Vec<String> = names(before).into_iter().chain(names(now)).flatten().collect();
    all.sort_unstable();
    all.dedup();
    let differing = all.iter().filter(|word| before.get(word) != now.get(word));
    differing.map(|word| change(word, before.get(word), now.get(word))).collect()
}

fn change(part: &str, before: Option<&Value>, now: Option<&Value>) -> Change {
    let mut lines = difference(&text(before), &text(now));
    if lines.len() > SHOWN {
        let more = lines.len() - SHOWN;
        lines.truncate(SHOWN);
        lines.push(format!("… {more} more lines"));
    }
    Change { part: part.replace('_', " "), lines }
}

/// A text as it is, a list one a line, anything else as JSON.
fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.trim_matches('\n').to_owned(),
        Some(Value::Array(items)) => items.iter().map(Value::to_string).collect::<Vec<_>>().join("\n"),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_that_differs_is_told() {
        let old =
            r#"{"kind": "view", "sql": "\nselect 1\nfrom a", "words": {"x": 1, "y": [1]}, "reader": null}"#;
        let new = r#"{"kind": "table", "sql": "\nselect 2\nfrom a", "words": {"y": [1], "z": "b"}, "reader": null}"#;
        let told: Vec<String> =
            changes(old, new).iter().map(|one| format!("{}: {}", one.part, one.lines.join("|"))).collect();
        assert_eq!(told, ["kind: - view|+ table", "sql: - select 1|+ select 2|  from a", "x: - 1", "z: + b"]);
    }
}
