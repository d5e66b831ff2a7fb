//! Config of whole folders, as `models:`, `rules:` and `tests:` of `profiles.yml` have it, and how the words of
//! one place join those of a closer one.

use serde_json::{Map, Value};
use serde_yaml::Spanned;

use super::yaml;
use crate::diagnostic::{Location, SourceFile};
use std::sync::Arc;

/// Words of which all that are written hold, from the folder to the file.
const ADDED_UP: &[&str] = &["tags", "pre_hook", "post_hook"];

/// Words that hold a map, of which a closer place says some keys and keeps the others.
const JOINED: &[&str] = &["meta", "column_types", "docs", "contract"];

/// What a tree of folders is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderKind {
    Models,
    Rules,
    Tests,
}

impl FolderKind {
    pub const ALL: [Self; 3] = [Self::Models, Self::Rules, Self::Tests];

    /// As `profiles.yml` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Models => "models",
            Self::Rules => "rules",
            Self::Tests => "tests",
        }
    }
}

/// One tree for each kind, as written: nothing is judged yet.
#[derive(Debug, Clone, Default)]
pub struct Folders([Option<(Map<String, Value>, Location)>; 3]);

impl Folders {
    pub(super) fn read(file: &Arc<SourceFile>, written: [Option<Spanned<Map<String, Value>>>; 3]) -> Self {
        Self(written.map(|tree| {
            let place = yaml::place(file, tree.as_ref()?);
            Some((tree?.value, place))
        }))
    }

    pub fn of(&self, kind: FolderKind) -> Option<&(Map<String, Value>, Location)> {
        self.0[kind as usize].as_ref()
    }
}

/// What a tree says of a node whose folders and name are `path`: the nearest folder wins.
pub fn folder_config(tree: &Value, path: &[&str]) -> Map<String, Value> {
    let mut words = Map::new();
    let mut here = tree;
    for depth in 0..=path.len() {
        let Some(level) = here.as_object() else { break };
        let next = path.get(depth).copied();
        for (key, value) in level {
            let word = match key.strip_prefix('+') {
                Some(word) => word,
                None if !value.is_object() && Some(key.as_str()) != next => key,
                None => continue,
            };
            join_word(&mut words, word, value.clone());
        }
        match next.and_then(|next| level.get(next)) {
            Some(below) => here = below,
            None => break,
        }
    }
    words
}

/// Adds what a closer place says: it wins, but tags and hooks add up, and notes in `meta` stand beside each
/// other.
pub fn join_words(words: &mut Map<String, Value>, closer: Map<String, Value>) {
    for (word, value) in closer {
        join_word(words, &word, value);
    }
}

/// Whether what a closer place says of a word joins what wider ones say, instead of replacing it.
pub fn adds_up(word: &str) -> bool {
    ADDED_UP.contains(&word) || JOINED.contains(&word) || word == "grants"
}

/// Words that are spelt in two ways, and how they are spelt here.
const SPELLINGS: [(&str, &str); 3] =
    [("pre-hook", "pre_hook"), ("post-hook", "post_hook"), ("predicates", "incremental_predicates")];

fn join_word(words: &mut Map<String, Value>, word: &str, value: Value) {
    let spelt = SPELLINGS.iter().find(|(other, _)| *other == word);
    let word = spelt.map_or(word, |(_, word)| word);
    let former = words.get_mut(word);
    match (former, value) {
        (Some(former), value) if ADDED_UP.contains(&word) => {
            let mut all = listed(former.take());
            for one in listed(value) {
                if word != "tags" || !all.contains(&one) {
                    all.push(one);
                }
            }
            *former = Value::Array(all);
        }
        (Some(Value::Object(former)), Value::Object(closer)) if JOINED.contains(&word) => {
            former.extend(closer)
        }
        (Some(Value::Object(former)), Value::Object(closer)) if word == "grants" => grant(former, closer),
        (_, value) => {
            words.insert(word.to_owned(), value);
        }
    }
}

/// The closer place's roles are all that hold a privilege; with a plus, they are added.
fn grant(former: &mut Map<String, Value>, closer: Map<String, Value>) {
    for (written, roles) in closer {
        let privilege = written.trim_start_matches('+').to_owned();
        let plus = format!("+{privilege}");
        let before = match written.starts_with('+') {
            true => former.get(&privilege).or_else(|| former.get(&plus)).cloned(),
            false => None,
        };
        let mut all = before.map(listed).unwrap_or_default();
        all.extend(listed(roles));
        former.remove(&plus);
        former.insert(privilege, Value::Array(all));
    }
}

fn listed(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_nearest_folder_wins_and_tags_add_up() {
        let tree = json!({"+column_types": {"code": "text"}, "codes": {"+column_types": {"n": "int"}}});
        let words = folder_config(&tree, &["codes"]);
        assert_eq!(Value::Object(words), json!({"column_types": {"code": "text", "n": "int"}}));
        let tree = json!({"+tags": "all", "shop": {"+materialized": "view", "marts": {"materialized": "table", "+tags": ["m", "all"]}}});
        let words = folder_config(&tree, &["shop", "marts", "orders"]);
        assert_eq!(Value::Object(words), json!({"tags": ["all", "m"], "materialized": "table"}));
    }

    #[test]
    fn grants_with_a_plus_are_added_and_others_replace() {
        let mut words = json!({"grants": {"select": "a", "insert": ["a"]}});
        let closer = json!({"grants": {"+select": ["b"], "insert": "c", "+update": "d"}});
        join_words(words.as_object_mut().unwrap(), closer.as_object().unwrap().clone());
        let all = json!({"select": ["a", "b"], "insert": ["c"], "update": ["d"]});
        assert_eq!(words, json!({"grants": all}));
    }

    #[test]
    fn a_closer_place_wins_and_hooks_and_notes_add_up() {
        let mut words = json!({"pre_hook": "a", "meta": {"x": 1, "y": 1}, "materialized": "view"});
        let closer = json!({"pre_hook": ["b", "a"], "meta": {"y": 2}, "materialized": "table"});
        let (words, closer) = (words.as_object_mut().unwrap(), closer.as_object().unwrap().clone());
        join_words(words, closer);
        let all = json!({"pre_hook": ["a", "b", "a"], "meta": {"x": 1, "y": 2}, "materialized": "table"});
        assert_eq!(Value::Object(words.clone()), all);
    }
}
