//! What becomes of seeds: those that a source names are loaded into raw, the others are rules.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::{Map, Value};

use super::dbt::{Dbt, DbtFile};
use super::place::{SourceTable, finding, insert};
use super::report::{Finding, Kind};
use super::{Files, Placed, columns, describe};
use crate::project::folder_config;

/// Places every seed. The names of those that are loaded into raw.
pub fn place(
    dbt: &Dbt,
    sources: &[SourceTable],
    files: &mut Files,
    findings: &mut Vec<Finding>,
) -> HashSet<String> {
    let mut loads = HashSet::new();
    for seed in dbt.seeds.iter().filter(|file| file.ends_with(".csv")) {
        let words = words(dbt, seed);
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
            None => rule(seed, &words, always, files, findings),
        }
    }
    loads
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

fn rule(
    seed: &DbtFile,
    words: &Map<String, Value>,
    always: bool,
    files: &mut Files,
    findings: &mut Vec<Finding>,
) {
    let text = with_commas(&seed.text, words);
    if let (Cow::Owned(_), Some(delimiter)) = (&text, delimiter(words)) {
        let what = format!("its columns are separated by commas, not by {:?}", delimiter as char);
        findings.push(finding(Kind::Changed, &seed.path, 0, what, "rules are plain CSV"));
    }
    insert(files, format!("rules/{}", seed.inside), &text, &seed.path);
    if !always {
        let what = format!("the seed `{}` is a rule", seed.stem());
        findings.push(finding(Kind::Changed, &seed.path, 0, what, "in dbt it is not always enabled"));
    }
}

/// Rules keep the types that dbt gave the seeds.
pub fn type_rules(dbt: &Dbt, loads: &HashSet<String>, files: &mut Files) {
    let mut own_file = String::new();
    for seed in dbt.seeds.iter().filter(|file| file.ends_with(".csv") && !loads.contains(file.stem())) {
        let words = words(dbt, seed);
        let text = with_commas(&seed.text, &words);
        let Ok(types) = columns::columns(&text, declared(&words)) else { continue };
        if !describe::add_types(files, seed.stem(), &types) {
            own_file.push_str(&format!("  - name: {}\n    columns:\n", seed.stem()));
            for (name, kind) in types {
                let words =
                    Map::from_iter([("name".to_owned(), name.into()), ("data_type".to_owned(), kind.into())]);
                own_file.push_str(&format!("      - {}\n", describe::flow(&words)));
            }
        }
    }
    if !own_file.is_empty() {
        let text = format!("# The types that dbt gave the seeds.\nrules:\n{own_file}");
        insert(files, "rules/from_dbt.yml".into(), &text, "dbt_project.yml");
    }
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
