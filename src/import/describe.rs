//! Adds to the YAML that a dbt project brings: a config for a model, types for a seed's columns. Works on the
//! text, so that comments and order stay.

use serde_json::{Map, Value};

use super::Files;
use crate::project::{adds_up, join_words, yaml};

/// An entry of a list under a top-level key: its lines and the column in which its keys begin.
struct Entry {
    first: usize,
    end: usize,
    column: usize,
}

/// Gives the entry of `name` under one of `sections` these words where it does not say them itself. False
/// where no file describes it.
pub fn add_config(files: &mut Files, sections: &[&str], name: &str, words: &Map<String, Value>) -> bool {
    for (_, file) in files.iter_mut().filter(|(path, _)| path.ends_with(".yml") || path.ends_with(".yaml")) {
        if let Some(text) = in_flow(&file.text, name, "config", |own| missing_of(words, own)) {
            file.text = text;
            return true;
        }
        let lines: Vec<&str> = file.text.lines().collect();
        let Some(entry) = entry(&lines, sections, name) else { continue };
        let pad = " ".repeat(entry.column);
        let own = (entry.first..entry.end).find(|at| lines[*at].starts_with(&format!("{pad}config:")));
        let mut out: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        match own {
            None => out.insert(entry.first + 1, format!("{pad}config: {}", flow(words))),
            Some(at) => {
                if let Some((length, all)) = together(&lines[at..entry.end], entry.column, words) {
                    out.splice(at..at + length, [format!("{pad}config: {}", flow(&all))]);
                    file.text = out.join("\n") + "\n";
                    return true;
                }
                let rest = lines[at].trim().trim_start_matches("config:").trim();
                let indent = |line: &str| line.len() - line.trim_start().len();
                let says_something =
                    |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
                let block: Vec<&str> = lines[at + 1..entry.end]
                    .iter()
                    .copied()
                    .filter(says_something)
                    .take_while(|line| indent(line) > entry.column)
                    .collect();
                let missing = missing_of(words, &format!("{rest}\n{}", block.join("\n")));
                let inner = flow(&missing);
                let inner = inner.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
                let inner = inner.unwrap_or_default();
                if missing.is_empty() {
                } else if rest.starts_with('{') {
                    out[at] = lines[at].replacen('{', &format!("{{{inner}, "), 1);
                } else {
                    let indent = block.first().map_or(entry.column + 2, |line| indent(line));
                    for (word, value) in missing.iter().rev() {
                        out.insert(at + 1, format!("{}{word}: {}", " ".repeat(indent), flow_value(value)));
                    }
                }
            }
        }
        file.text = out.join("\n") + "\n";
        return true;
    }
    false
}

/// Where an entry says a word itself that adds up with what folders say: how many lines its `config:` has, and
/// all of it together.
fn together(
    lines: &[&str],
    column: usize,
    words: &Map<String, Value>,
) -> Option<(usize, Map<String, Value>)> {
    let hangs_on = |line: &&&str| {
        let indent = line.len() - line.trim_start().len();
        line.trim().is_empty() || line.starts_with('#') || indent > column
    };
    let mut length = 1 + lines[1..].iter().take_while(hangs_on).count();
    while length > 1 && lines[length - 1].trim().is_empty() {
        length -= 1;
    }
    let written: Value = yaml::read(&lines[..length].join("\n")).ok()?;
    let own = written.get("config")?.as_object()?;
    words.keys().find(|word| adds_up(word) && own.contains_key(*word))?;
    let mut all = words.clone();
    join_words(&mut all, own.clone());
    Some((length, all))
}

/// The words that `own`, a config as written, does not say.
fn missing_of(words: &Map<String, Value>, own: &str) -> Map<String, Value> {
    let mut missing = words.clone();
    missing.retain(|word, _| !own.contains(&format!("{word}:")));
    missing
}

/// Gives an entry that is written in braces, `{name: orders, …}`, the words of `key` that it lacks. Nothing
/// where no such entry is there.
fn in_flow(
    text: &str,
    name: &str,
    key: &str,
    missing: impl Fn(&str) -> Map<String, Value>,
) -> Option<String> {
    let begins = |(at, _): &(usize, &str)| {
        let rest = text[at + 1..].trim_start();
        let rest = rest.strip_prefix("name")?.trim_start().strip_prefix(':')?.trim_start();
        let rest = rest.trim_start_matches(['"', '\'']).strip_prefix(name)?;
        rest.trim_start_matches(['"', '\'']).trim_start().starts_with([',', '}']).then_some(*at)
    };
    let at = text.match_indices('{').find_map(|found| begins(&found))?;
    // An entry of a list under `models:` and the like, not one of the columns below it.
    let line = &text[text[..at].rfind('\n').map_or(0, |end| end + 1)..at];
    if line.contains("columns") || line.contains("tables") {
        return None;
    }
    let mut depth = 0;
    let end = text[at..].char_indices().find_map(|(index, c)| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        (depth == 0).then_some(at + index)
    })?;
    let own = text[at..end].find(&format!("{key}:")).map(|own| at + own + key.len() + 1);
    let own_map = own.and_then(|own| Some((own, own + text[own..end].find('{')?)));
    let missing = missing(own.map_or("", |own| &text[own..end]));
    if missing.is_empty() {
        return Some(text.to_owned());
    }
    let written = flow(&missing);
    Some(match own_map {
        Some((_, brace)) => {
            let inner = written.trim_start_matches('{').strip_suffix('}').unwrap_or_default();
            format!("{}{inner}, {}", &text[..=brace], &text[brace + 1..])
        }
        None => format!("{}{key}: {written}, {}", &text[..=at], &text[at + 1..]),
    })
}

/// Whether a model is described with `versions:`.
pub fn has_versions(files: &Files, name: &str) -> bool {
    files.iter().filter(|(path, _)| path.ends_with(".yml") || path.ends_with(".yaml")).any(|(_, file)| {
        let lines: Vec<&str> = file.text.lines().collect();
        entry(&lines, &["models"], name).is_some_and(|entry| {
            let starts = format!("{}versions:", " ".repeat(entry.column));
            lines[entry.first..entry.end].iter().any(|line| line.starts_with(&starts))
        })
    })
}

/// Gives the columns of a seed their types where its entry does not say them. False where no file describes
/// the seed.
pub fn add_types(files: &mut Files, name: &str, types: &[(String, String)]) -> bool {
    let listed = types.iter().map(|(name, kind)| (name.clone(), Value::from(kind.clone())));
    // Where its columns are written in brackets.
    let as_config = Map::from_iter([("column_types".to_owned(), Value::Object(listed.collect()))]);
    for (_, file) in files.iter_mut().filter(|(path, _)| path.ends_with(".yml") || path.ends_with(".yaml")) {
        if let Some(text) = in_flow(&file.text, name, "config", |own| missing_of(&as_config, own)) {
            file.text = text;
            return true;
        }
        let lines: Vec<&str> = file.text.lines().collect();
        let Some(entry) = entry(&lines, &["seeds"], name) else { continue };
        let mut out: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let pad = " ".repeat(entry.column);
        let columns = (entry.first..entry.end).find(|at| lines[*at].starts_with(&format!("{pad}columns:")));
        if columns.is_some_and(|at| lines[at].trim_end() != format!("{pad}columns:")) {
            return add_config(files, &["seeds"], name, &as_config);
        }
        match columns {
            None => {
                let listed = types.iter().map(|(name, kind)| {
                    format!("{pad}  - {{name: {}, data_type: {}}}", flow_text(name), flow_text(kind))
                });
                let listed: Vec<String> = std::iter::once(format!("{pad}columns:")).chain(listed).collect();
                out.splice(entry.first + 1..entry.first + 1, listed);
            }
            Some(at) => {
                let dash = lines.get(at + 1).map_or(0, |line| line.len() - line.trim_start().len());
                let mut added: Vec<String> = Vec::new();
                for (column, kind) in types.iter().rev() {
                    let own = (at + 1..entry.end).find(|line| is_item(lines[*line], dash, column));
                    let kind = flow_text(kind);
                    match own {
                        Some(line) => {
                            let typed = lines[line + 1..entry.end]
                                .iter()
                                .take_while(|next| !next.trim_start().starts_with("- name"))
                                .any(|next| next.trim_start().starts_with("data_type:"));
                            if !typed {
                                out[line].push_str(&format!("\n{}data_type: {kind}", " ".repeat(dash + 2)));
                            }
                        }
                        None => added.push(format!(
                            "{}- {{name: {}, data_type: {kind}}}",
                            " ".repeat(dash),
                            flow_text(column)
                        )),
                    }
                }
                added.reverse();
                out.splice(at + 1..at + 1, added);
            }
        }
        file.text = out.join("\n") + "\n";
        return true;
    }
    false
}

fn entry(lines: &[&str], sections: &[&str], name: &str) -> Option<Entry> {
    let mut inside = false;
    let mut dash = None;
    for (index, line) in lines.iter().enumerate() {
        let is_top = line.starts_with(|c: char| c.is_alphabetic());
        if is_top {
            inside = sections.iter().any(|section| line.starts_with(&format!("{section}:")));
            dash = None;
            continue;
        }
        if !inside || !line.trim_start().starts_with("- ") {
            continue;
        }
        let column = line.len() - line.trim_start().len();
        let dash = *dash.get_or_insert(column);
        if column == dash && is_item(line, dash, name) {
            let ends = |line: &&str| {
                let indent = line.len() - line.trim_start().len();
                !line.trim().is_empty() && !line.starts_with('#') && indent <= dash
            };
            let length = lines[index + 1..].iter().position(ends).unwrap_or(lines.len() - index - 1);
            return Some(Entry { first: index, end: index + 1 + length, column: dash + 2 });
        }
    }
    None
}

fn is_item(line: &str, dash: usize, name: &str) -> bool {
    let key = |rest: &str| rest.strip_prefix("- name").map(|rest| rest.trim_start().to_owned());
    line.get(dash..).and_then(key).as_deref().and_then(|rest| rest.strip_prefix(':')).is_some_and(|rest| {
        rest.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']) == name
    })
}

/// `{materialized: table, tags: [a]}`.
pub fn flow(words: &Map<String, Value>) -> String {
    let parts: Vec<String> =
        words.iter().map(|(word, value)| format!("{word}: {}", flow_value(value))).collect();
    format!("{{{}}}", parts.join(", "))
}

/// A text as YAML.
pub fn flow_text(text: &str) -> String {
    flow_value(&text.into())
}

fn flow_value(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let plain = text.starts_with(|c: char| c.is_alphabetic())
                && text.chars().all(|c| c.is_alphanumeric() || "_-+ ()".contains(c))
                && !matches!(text.as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off");
            if plain { text.clone() } else { value.to_string() }
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(flow_value).collect::<Vec<_>>().join(", "))
        }
        Value::Object(words) => flow(words),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::Placed;
    use serde_json::json;

    fn files(text: &str) -> Files {
        Files::from([("models/m.yml".to_owned(), Placed { text: text.to_owned(), original: None })])
    }

    #[test]
    fn a_config_joins_what_the_entry_says_and_comments_stay() {
        let words = json!({"materialized": "table", "tags": ["a"]}).as_object().unwrap().clone();
        let mut plain = files(
            "models:\n  # the orders\n  - name: \"orders\" # here\n    columns:\n      - name: other\n  - name: other\n",
        );
        assert!(add_config(&mut plain, &["models"], "orders", &words));
        insta::assert_snapshot!(plain["models/m.yml"].text, @r#"
        models:
          # the orders
          - name: "orders" # here
            config: {materialized: table, tags: [a]}
            columns:
              - name: other
          - name: other
        "#);
        let mut own = files("models:\n- name: orders\n  config:\n    materialized: view\n- name: b\n");
        assert!(add_config(&mut own, &["models"], "orders", &words));
        assert_eq!(
            own["models/m.yml"].text,
            "models:\n- name: orders\n  config:\n    tags: [a]\n    materialized: view\n- name: b\n"
        );
        assert!(!add_config(&mut own, &["models"], "nobody", &words));
        let mut both =
            files("models:\n- name: orders\n  config:\n    tags: b\n    # why\n    alias: o\n\n- name: c\n");
        assert!(add_config(&mut both, &["models"], "orders", &words));
        assert_eq!(
            both["models/m.yml"].text,
            "models:\n- name: orders\n  config: {materialized: table, tags: [a, b], alias: o}\n\n- name: c\n"
        );
        // What is commented out gives no indent, and another entry's words are not this one's.
        let mut cut = files(
            "models:\n  - name: orders\n    config:\n#      schema: s\n      meta: {a: 1}\n    columns:\n      - {name: b, config: {tags: [x]}}\n",
        );
        assert!(add_config(&mut cut, &["models"], "orders", &words));
        assert!(
            cut["models/m.yml"]
                .text
                .contains("    config:\n      materialized: table\n      tags: [a]\n#      schema: s\n"),
            "{}",
            cut["models/m.yml"].text
        );
    }

    #[test]
    fn an_entry_in_braces_or_with_a_blank_before_its_colon_gets_its_words_too() {
        let words = json!({"materialized": "table"}).as_object().unwrap().clone();
        let mut flow = files("models: [{name: a}, {name: 'b', config: {tags: [x]}}]\n");
        assert!(add_config(&mut flow, &["models"], "a", &words));
        assert!(add_config(&mut flow, &["models"], "b", &words));
        assert_eq!(
            flow["models/m.yml"].text,
            "models: [{config: {materialized: table}, name: a}, {name: 'b', config: {materialized: table, tags: [x]}}]\n"
        );
        let mut blank = files("models:\n  - name : a\n    description: b\n");
        assert!(add_config(&mut blank, &["models"], "a", &words));
        assert_eq!(
            blank["models/m.yml"].text,
            "models:\n  - name : a\n    config: {materialized: table}\n    description: b\n"
        );
        let mut brackets = files("seeds:\n  - name: s\n    columns: [{name: a}]\n");
        assert!(add_types(&mut brackets, "s", &[("a".to_owned(), "integer".to_owned())]));
        assert_eq!(
            brackets["models/m.yml"].text,
            "seeds:\n  - name: s\n    config: {column_types: {a: integer}}\n    columns: [{name: a}]\n"
        );
        let mut seeds = files("seeds:\n  - {name: s, columns: [{name: a}]}\n");
        assert!(add_types(&mut seeds, "s", &[("a".to_owned(), "integer".to_owned())]));
        assert_eq!(
            seeds["models/m.yml"].text,
            "seeds:\n  - {config: {column_types: {a: integer}}, name: s, columns: [{name: a}]}\n"
        );
    }

    #[test]
    fn types_join_the_columns_that_are_described() {
        let mut seeds = files(
            "seeds:\n  - name: s\n    columns:\n      - name: b\n        description: x\n  - name: t\n",
        );
        let types = [("a".to_owned(), "integer".to_owned()), ("b".to_owned(), "double precision".to_owned())];
        assert!(add_types(&mut seeds, "s", &types));
        assert!(add_types(&mut seeds, "t", &types[..1]));
        insta::assert_snapshot!(seeds["models/m.yml"].text, @r"
        seeds:
          - name: s
            columns:
              - {name: a, data_type: integer}
              - name: b
                data_type: double precision
                description: x
          - name: t
            columns:
              - {name: a, data_type: integer}
        ");
    }
}
