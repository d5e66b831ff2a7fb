//! What becomes of seeds: those that a source names are loaded into raw, the others are rules.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::dbt::{Dbt, DbtFile};
use super::place::{SourceTable, finding, insert};
use super::report::{Finding, Kind};
use super::{Files, Placed, columns, describe};
use crate::project::{RULE_WORDS, folder_config, join_words};

/// Words of a rule that are none of dbt's seeds, or that are taken apart: the cells stand between commas, and each
/// column has its type.
const NOT_KEPT: [&str; 4] = ["materialized", "contract", "delimiter", "column_types"];

/// The seeds of a project and what is said of them.
pub struct Seeds<'a> {
    dbt: &'a Dbt,
    /// The `config:` of each in YAML.
    configured: HashMap<&'a str, &'a Map<String, Value>>,
}

impl<'a> Seeds<'a> {
    pub fn of(dbt: &'a Dbt, described: &'a [(&DbtFile, Value)]) -> Self {
        let entries = described.iter().flat_map(|(_, values)| values.get("seeds").and_then(Value::as_array));
        let config =
            |entry: &'a Value| Some((entry.get("name")?.as_str()?, entry.get("config")?.as_object()?));
        Self { dbt, configured: entries.flatten().filter_map(config).collect() }
    }

    fn files(&self) -> impl Iterator<Item = &'a DbtFile> + use<'a> {
        self.dbt.seeds.iter().filter(|file| file.ends_with(".csv"))
    }

    /// Places every seed. The names of those that are loaded into raw.
    pub fn place(
        &self,
        sources: &[SourceTable],
        files: &mut Files,
        findings: &mut Vec<Finding>,
    ) -> HashSet<String> {
        let mut loads = HashSet::new();
        for seed in self.files() {
            let of_folders = words(self.dbt, seed);
            let words = self.words(seed);
            let always = words.get("enabled").is_none_or(|enabled| *enabled == Value::Bool(true));
            match sources.iter().find(|table| table.identifier == seed.stem()) {
                Some(source) => {
                    load(seed, &words, source, files, findings);
                    loads.insert(seed.stem().to_owned());
                    let condition = if always { "" } else { "; in dbt it is not always enabled" };
                    let what = format!("the seed `{}` is loaded into raw", seed.stem());
                    let why = format!("the source `{}.{}` reads it{condition}", source.source, source.name);
                    findings.push(finding(Kind::Changed, &seed.path, 0, what, why));
                }
                None => rule(seed, &of_folders, files, findings),
            }
        }
        loads
    }

    /// What `dbt_project.yml` says of a seed, and its YAML over that.
    fn words(&self, seed: &DbtFile) -> Map<String, Value> {
        let mut words = words(self.dbt, seed);
        let own = self.configured.get(seed.stem()).copied();
        join_words(&mut words, own.cloned().unwrap_or_default());
        // A type that a template chooses is left to the values.
        if let Some(Value::Object(types)) = words.get_mut("column_types") {
            types.retain(|_, kind| {
                !kind.as_str().is_some_and(|kind| kind.contains("{{") || kind.contains("{%"))
            });
        }
        words
    }

    /// Rules keep what `dbt_project.yml` said of the seeds, and the types that dbt gave them.
    pub fn describe(&self, loads: &HashSet<String>, files: &mut Files) {
        let mut own_file = String::new();
        for seed in self.files().filter(|file| !loads.contains(file.stem())) {
            let is_kept = |word: &str| RULE_WORDS.contains(&word) && !NOT_KEPT.contains(&word);
            let config: Map<String, Value> =
                words(self.dbt, seed).into_iter().filter(|(word, _)| is_kept(word)).collect();
            let words = self.words(seed);
            let text = with_commas(&seed.text, &words);
            let types = columns::columns(&text, declared(&words)).unwrap_or_default();
            let is_described = describe::add_types(files, seed.stem(), &types);
            if is_described && !config.is_empty() {
                describe::add_config(files, &["seeds"], seed.stem(), &config);
            }
            if is_described || types.is_empty() && config.is_empty() {
                continue;
            }
            own_file.push_str(&format!("  - name: {}\n", seed.stem()));
            if !config.is_empty() {
                own_file.push_str(&format!("    config: {}\n", describe::flow(&config)));
            }
            own_file.push_str("    columns:\n");
            for (name, kind) in types {
                let words =
                    Map::from_iter([("name".to_owned(), name.into()), ("data_type".to_owned(), kind.into())]);
                own_file.push_str(&format!("      - {}\n", describe::flow(&words)));
            }
        }
        if !own_file.is_empty() {
            let text =
                format!("# What dbt_project.yml said of the seeds, and their types.\nrules:\n{own_file}");
            insert(files, "rules/from_dbt.yml".into(), &text, "dbt_project.yml");
        }
    }
}

fn load(
    seed: &DbtFile,
    words: &Map<String, Value>,
    source: &SourceTable,
    files: &mut Files,
    findings: &mut Vec<Finding>,
) {
    let name = seed.stem();
    insert(files, format!("data/{name}.csv"), &seed.text, &seed.path);
    let mut config = format!("materialized='load', source='data/{name}.csv'");
    if let Some(delimiter) = delimiter(words) {
        config.push_str(&format!(", delimiter='{}'", delimiter as char));
    }
    let body = match columns::columns(&with_commas(&seed.text, words), declared(words)) {
        Ok(columns) => {
            let columns: Vec<String> =
                columns.iter().map(|(name, kind)| format!("{} {kind}", quoted(name))).collect();
            columns.join(",\n")
        }
        Err(error) => {
            let what = "its columns are text";
            findings.push(finding(Kind::Changed, &seed.path, 0, what, error.to_string()));
            String::new()
        }
    };
    let place = Placed { text: format!("{{{{ config({config}) }}}}\n{body}\n"), original: None };
    files.insert(format!("models/raw/{}/{name}.sql", source.source), place);
}

fn rule(seed: &DbtFile, words: &Map<String, Value>, files: &mut Files, findings: &mut Vec<Finding>) {
    let text = with_commas(&seed.text, words);
    if let (Cow::Owned(_), Some(delimiter)) = (&text, delimiter(words)) {
        let what = format!("its columns are separated by commas, not by {:?}", delimiter as char);
        findings.push(finding(Kind::Changed, &seed.path, 0, what, "rules are plain CSV"));
    }
    insert(files, format!("rules/{}", seed.inside), &text, &seed.path);
}

/// What `dbt_project.yml` says of a seed.
fn words(dbt: &Dbt, seed: &DbtFile) -> Map<String, Value> {
    let mut path = vec![dbt.name.as_str()];
    path.extend(seed.folders());
    path.push(seed.stem());
    folder_config(dbt.setting("seeds"), &path)
}

fn declared(words: &Map<String, Value>) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    words.get("column_types").and_then(Value::as_object).unwrap_or(&NONE)
}

/// Another separator than the comma.
fn delimiter(words: &Map<String, Value>) -> Option<u8> {
    match words.get("delimiter")?.as_str()?.as_bytes() {
        [b','] => None,
        [one] => Some(*one),
        b"\\t" => Some(b'\t'),
        _ => None,
    }
}

/// The same cells between commas; the text itself where it is so already, or cannot be read.
fn with_commas<'a>(text: &'a str, words: &Map<String, Value>) -> Cow<'a, str> {
    let Some(delimiter) = delimiter(words) else { return Cow::Borrowed(text) };
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .delimiter(delimiter)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for record in reader.byte_records() {
        let Ok(record) = record else { return Cow::Borrowed(text) };
        if writer.write_byte_record(&record).is_err() {
            return Cow::Borrowed(text);
        }
    }
    let written = writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok());
    written.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// A column's name as it must stand in SQL.
fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_put_between_commas_and_quoted_where_they_hold_one() {
        let words = Map::from_iter([("delimiter".to_owned(), ";".into())]);
        assert_eq!(with_commas("a;b\n\"1;2\";3,5\n", &words), "a,b\n1;2,\"3,5\"\n");
        assert!(matches!(with_commas("a,b\n", &Map::new()), Cow::Borrowed(_)));
    }
}
