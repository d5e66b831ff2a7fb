//! dbt's snapshots as elt's: blocks in SQL and entries in YAML become models with materialized='snapshot'.

use serde_json::Value;

use super::argument::take_out_of_map;
use super::cut;
use super::dbt::DbtFile;

/// A snapshot: its name, its SQL, and its line in the dbt project.
pub struct Block {
    pub name: String,
    pub text: String,
    pub line: usize,
}

/// The `{% snapshot %}` blocks of a file.
pub fn blocks(file: &DbtFile) -> Vec<Block> {
    let ends = cut::tags(&file.text, "endsnapshot");
    let opens = cut::tags(&file.text, "snapshot").into_iter();
    opens
        .map(|(start, body)| {
            let name = file.text[start..body].trim_matches(['{', '}', '%', '-', ' ']);
            let end = ends.iter().map(|(end, _)| *end).find(|end| *end >= body).unwrap_or(file.text.len());
            Block {
                name: name.trim_start_matches("snapshot").trim().to_owned(),
                text: format!(
                    "{{{{ config(materialized='snapshot') }}}}{}\n",
                    file.text[body..end].trim_end()
                ),
                line: file.text[..start].matches('\n').count() + 1,
            }
        })
        .collect()
}

/// The snapshots that YAML makes of a relation, without SQL of their own.
pub fn of_relations(file: &DbtFile, values: &Value) -> Vec<Block> {
    let entries = values.get("snapshots").and_then(Value::as_array).into_iter().flatten();
    entries
        .filter_map(|entry| {
            let (name, relation) = (entry.get("name")?.as_str()?, entry.get("relation")?.as_str()?);
            let named = |line: &str| line.contains("name:") && line.contains(name);
            Some(Block {
                name: name.to_owned(),
                text: format!(
                    "{{{{ config(materialized='snapshot') }}}}\nselect * from {{{{ {relation} }}}}\n"
                ),
                line: file.text.lines().position(named).map_or(0, |at| at + 1),
            })
        })
        .collect()
}

/// Words of a snapshot that its SQL file or the target says in elt.
const ELSEWHERE: [&str; 3] = ["relation", "database", "target_database"];

/// YAML in which `snapshots:` is `models:`. Where the file has models, too, the snapshots come in a text of
/// their own, and every line is at its number in either.
pub fn as_models(text: &str) -> (String, Option<String>) {
    let begins = |line: &str, key: &str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
    if !text.lines().any(|line| begins(line, "snapshots")) {
        return (text.to_owned(), None);
    }
    let (mut rest, mut own, mut inside) = (String::new(), String::new(), false);
    let text = &format!("{}\n", text.trim_end());
    for line in text.split_inclusive('\n') {
        if !line.starts_with([' ', '#', '\t', '-', '\n', '\r']) {
            inside = begins(line, "snapshots");
        }
        match inside {
            true => (rest.push('\n'), own.push_str(&of_snapshot(line))),
            false => (rest.push_str(line), own.push('\n')),
        };
    }
    match text.lines().any(|line| begins(line, "models")) {
        true => (rest, Some(own)),
        false => {
            let joined =
                rest.lines().zip(own.lines()).map(|(rest, own)| if rest.is_empty() { own } else { rest });
            (joined.collect::<Vec<_>>().join("\n") + "\n", None)
        }
    }
}

/// A line below `snapshots:`.
fn of_snapshot(line: &str) -> String {
    if let Some(rest) = line.strip_prefix("snapshots") {
        return format!("models{rest}");
    }
    let word = line.trim_start().split(':').next().unwrap_or_default();
    if ELSEWHERE.contains(&word) {
        return format!("#{line}");
    }
    let mut line = line.to_owned();
    if word == "config" || word.starts_with("- {") {
        for word in ELSEWHERE {
            line = take_out_of_map(&line, word).unwrap_or(line);
        }
        if line.trim_end().ends_with("config: {}") {
            return format!("#{line}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_are_models_and_keep_their_lines() {
        let text = "snapshots:\n  - name: kept\n    relation: ref('a')\n    config:\n      database: s\n      unique_key: id\n\nsources:\n  - name: x\n";
        let (joined, own) = as_models(text);
        assert_eq!(own, None);
        insta::assert_snapshot!(joined, @r"
        models:
          - name: kept
        #    relation: ref('a')
            config:
        #      database: s
              unique_key: id

        sources:
          - name: x
        ");
        let (rest, own) = as_models(
            "models:\n  - name: a\nsnapshots:\n  - name: b\n    config: {database: s, unique_key: id}\n",
        );
        assert_eq!(rest, "models:\n  - name: a\n\n\n\n");
        assert_eq!(own.unwrap(), "\n\nmodels:\n  - name: b\n    config: {unique_key: id}\n");
    }
}
