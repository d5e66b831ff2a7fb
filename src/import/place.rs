//! Says for each file of a dbt project where it goes in the elt project, and what it becomes there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::dbt::{Dbt, DbtFile, folder_config, references};
use super::layers::{Candidate, decide, domain};
use super::report::{Finding, Kind};
use super::{Files, Placed, columns, cut, describe};
use crate::diagnostic::{Location, SourceFile};
use crate::project::{Config, Layer, yaml};

/// A model to be: a file of `models/`, or a snapshot block.
struct Model {
    name: String,
    folders: Vec<String>,
    text: String,
    original: String,
}

/// A table that a source declares.
struct SourceTable {
    source: String,
    name: String,
    identifier: String,
}

pub fn place(dbt: &Dbt, findings: &mut Vec<Finding>) -> Files {
    let mut files = Files::new();
    let described: Vec<(&DbtFile, Value)> = [&dbt.models, &dbt.seeds, &dbt.snapshots]
        .into_iter()
        .flatten()
        .filter(|file| file.is_yaml())
        .map(|file| (file, yaml::read(&file.text).unwrap_or(Value::Null)))
        .collect();
    let sources = source_tables(&described);
    let loads = seeds(dbt, &sources, &mut files, findings);
    let models = models(dbt, findings);
    let placed = place_models(dbt, &models, &sources, &loads, &mut files, findings);
    for (file, values) in &described {
        place_properties(dbt, file, values, &placed, &mut files);
    }
    type_rules(dbt, &loads, &mut files);
    configure(dbt, &models, &placed, &mut files, findings);
    for file in dbt.models.iter().chain(&dbt.seeds).filter(|file| file.ends_with(".md")) {
        insert(&mut files, format!("models/stage/{}", file.inside), &file.text, &file.path);
    }
    macros_and_tests(dbt, &mut files, findings);
    project_findings(dbt, findings);
    files
}

fn insert(files: &mut Files, path: String, text: &str, original: &str) {
    files.insert(path, Placed { text: text.to_owned(), original: Some(original.to_owned()) });
}

fn finding(kind: Kind, file: &str, line: usize, what: impl Into<String>, why: impl Into<String>) -> Finding {
    Finding { kind, file: file.to_owned(), line, what: what.into(), why: why.into() }
}

fn source_tables(described: &[(&DbtFile, Value)]) -> Vec<SourceTable> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut tables = Vec::new();
    for source in described.iter().flat_map(|(_, values)| items(values, "sources")) {
        for table in items(source, "tables") {
            let (Some(source), Some(name)) = (text(source, "name"), text(table, "name")) else { continue };
            let identifier = text(table, "identifier").unwrap_or_else(|| name.clone());
            tables.push(SourceTable { source, name, identifier });
        }
    }
    tables
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// Seeds that a source names become raw loads, the others rules. The names of the former.
fn seeds(
    dbt: &Dbt,
    sources: &[SourceTable],
    files: &mut Files,
    findings: &mut Vec<Finding>,
) -> HashSet<String> {
    let mut loads = HashSet::new();
    for seed in dbt.seeds.iter().filter(|file| file.ends_with(".csv")) {
        let name = seed.stem();
        let mut path = vec![dbt.name.as_str()];
        path.extend(seed.folders());
        path.push(name);
        let words = folder_config(dbt.setting("seeds"), &path);
        let always = words.get("enabled").is_none_or(|enabled| *enabled == Value::Bool(true));
        let condition = if always { "" } else { "; in dbt it is not always enabled" };
        let Some(source) = sources.iter().find(|table| table.identifier == name) else {
            insert(files, format!("rules/{}", seed.inside), &seed.text, &seed.path);
            if !always {
                let what = format!("the seed `{name}` is a rule");
                findings.push(finding(Kind::Changed, &seed.path, 0, what, "in dbt it is not always enabled"));
            }
            continue;
        };
        loads.insert(name.to_owned());
        insert(files, format!("data/{name}.csv"), &seed.text, &seed.path);
        let mut config = format!("materialized='load', source='data/{name}.csv'");
        if let Some(delimiter) = words.get("delimiter").and_then(Value::as_str) {
            config.push_str(&format!(", delimiter='{delimiter}'"));
        }
        let none = Map::new();
        let declared = words.get("column_types").and_then(Value::as_object).unwrap_or(&none);
        let body = match columns::columns(&seed.text, declared) {
            Ok(columns) => columns
                .iter()
                .map(|(name, kind)| format!("{} {kind}", quoted(name)))
                .collect::<Vec<_>>()
                .join(",\n"),
            Err(error) => {
                findings.push(finding(
                    Kind::Changed,
                    &seed.path,
                    0,
                    "its columns are text",
                    error.to_string(),
                ));
                String::new()
            }
        };
        let text = format!("{{{{ config({config}) }}}}\n{body}\n");
        let place = Placed { text, original: None };
        files.insert(format!("models/raw/{}/{name}.sql", source.source), place);
        let what = format!("the seed `{name}` is loaded into raw");
        let why = format!("the source `{}.{}` reads it{condition}", source.source, source.name);
        findings.push(finding(Kind::Changed, &seed.path, 0, what, why));
    }
    loads
}

/// Rules keep the types that dbt gave the seeds.
fn type_rules(dbt: &Dbt, loads: &HashSet<String>, files: &mut Files) {
    let mut own_file = String::new();
    for seed in dbt.seeds.iter().filter(|file| file.ends_with(".csv") && !loads.contains(file.stem())) {
        let mut path = vec![dbt.name.as_str()];
        path.extend(seed.folders());
        path.push(seed.stem());
        let words = folder_config(dbt.setting("seeds"), &path);
        let none = Map::new();
        let declared = words.get("column_types").and_then(Value::as_object).unwrap_or(&none);
        let Ok(types) = columns::columns(&seed.text, declared) else { continue };
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

/// A column's name as it must stand in SQL.
fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

fn models(dbt: &Dbt, findings: &mut Vec<Finding>) -> Vec<Model> {
    let mut models = Vec::new();
    for file in dbt.models.iter().chain(&dbt.snapshots).filter(|file| file.ends_with(".sql")) {
        let folders: Vec<String> = file.folders().into_iter().map(str::to_owned).collect();
        let opens = cut::tags(&file.text, "snapshot");
        if opens.is_empty() {
            let (name, text, original) = (file.stem().to_owned(), file.text.clone(), file.path.clone());
            models.push(Model { name, folders, text, original });
            continue;
        }
        for (start, body) in opens {
            let name = file.text[start..body].trim_matches(['{', '}', '%', '-', ' ']);
            let name = name.trim_start_matches("snapshot").trim().to_owned();
            let ends = cut::tags(&file.text, "endsnapshot");
            let end = ends.iter().map(|(end, _)| *end).find(|end| *end >= body).unwrap_or(file.text.len());
            let text =
                format!("{{{{ config(materialized='snapshot') }}}}{}\n", file.text[body..end].trim_end());
            let mut folders = folders.clone();
            folders.insert(0, "snapshots".into());
            let line = file.text[..start].matches('\n').count() + 1;
            let what = format!("the snapshot `{name}` is a model of that name");
            let why =
                "elt's snapshots are models with materialized='snapshot'; history kept by dbt is not copied";
            findings.push(finding(Kind::Changed, &file.path, line, what, why));
            models.push(Model { name, folders, text, original: file.path.clone() });
        }
    }
    models
}

/// Decides the layers; the new path of each model by its name.
fn place_models(
    dbt: &Dbt,
    models: &[Model],
    sources: &[SourceTable],
    loads: &HashSet<String>,
    files: &mut Files,
    findings: &mut Vec<Finding>,
) -> HashMap<String, String> {
    let candidates: Vec<Candidate<'_>> = models
        .iter()
        .map(|model| {
            let (refs, read) = references(&model.text);
            Candidate {
                name: &model.name,
                folders: model.folders.iter().map(String::as_str).collect(),
                reads_raw: refs.iter().any(|name| loads.contains(name))
                    || read.iter().any(|(source, table)| {
                        sources.iter().any(|known| known.source == *source && known.name == *table)
                    }),
                refs,
            }
        })
        .collect();
    let mut placed = HashMap::new();
    for ((candidate, layer), model) in candidates.iter().zip(decide(&candidates)).zip(models) {
        let short = format!("models/{layer}/{}/{}.sql", domain(&candidate.folders, &dbt.name), model.name);
        let path = match files.contains_key(&short) {
            true => format!("models/{layer}/{}/{}.sql", candidate.folders.join("/"), model.name),
            false => short,
        };
        insert(files, path.clone(), &model.text, &model.original);
        placed.insert(model.name.clone(), path);
        if layer == Layer::Stage && candidate.is_meant_for_prod() {
            let what = format!("`{}` is stage, not prod", model.name);
            let why = match candidate.reads_raw {
                true => {
                    "it reads a source, and prod reads stage only; put a stage model between to publish it"
                }
                false => "a stage model reads it, and stage cannot read prod",
            };
            findings.push(finding(Kind::Changed, &model.original, 0, what, why));
        }
    }
    placed
}

/// YAML goes where the first model that it describes went.
fn place_properties(
    dbt: &Dbt,
    file: &DbtFile,
    values: &Value,
    placed: &HashMap<String, String>,
    files: &mut Files,
) {
    let of_seeds = dbt.seeds.iter().any(|seed| seed.path == file.path);
    let names = ["models", "snapshots"].into_iter().flat_map(|key| items(values, key));
    let first = names.filter_map(|entry| placed.get(entry.get("name")?.as_str()?)).next();
    let folder = match first {
        Some(path) => path.rsplit_once('/').map_or("models", |(folder, _)| folder).to_owned(),
        None if of_seeds => "rules".to_owned(),
        None => format!("models/stage/{}", domain(&file.folders(), &dbt.name)),
    };
    let name = file.inside.rsplit('/').next().unwrap_or(&file.inside);
    let short = format!("{folder}/{name}");
    let path = match files.contains_key(&short) {
        true => format!("{folder}/{}", file.inside.replace('/', "_")),
        false => short,
    };
    insert(files, path, &file.text, &file.path);
}

/// What `dbt_project.yml` says of folders of models goes to each model's own YAML.
fn configure(
    dbt: &Dbt,
    models: &[Model],
    placed: &HashMap<String, String>,
    files: &mut Files,
    findings: &mut Vec<Finding>,
) {
    let mut refused: HashSet<String> = HashSet::new();
    let nowhere = Location::start_of(&Arc::new(SourceFile { path: String::new(), text: String::new() }));
    let mut own_file = String::new();
    for model in models {
        let mut path = vec![dbt.name.as_str()];
        path.extend(model.folders.iter().map(String::as_str));
        path.push(&model.name);
        let tree =
            if model.folders.first().is_some_and(|f| f == "snapshots") { "snapshots" } else { "models" };
        let mut words = Map::new();
        for (word, value) in folder_config(dbt.setting(tree), &path) {
            let single = Map::from_iter([(word.clone(), value.clone())]);
            let usual = word == "materialized" && value == "view";
            let is_template = value.as_str().is_some_and(|text| text.contains("{{"));
            if usual {
            } else if !is_template && Config::read(&single, &nowhere).is_ok() {
                words.insert(word, value);
            } else if refused.insert(word.clone()) {
                let why = match word.as_str() {
                    "schema" | "database" => "in elt the folder is the layer, and the layer is the schema",
                    _ if is_template => "a value of a template is not read here",
                    _ => "elt's config has no such word",
                };
                let what = format!("`{word}` for folders of {tree}");
                findings.push(finding(
                    Kind::NotTaken,
                    "dbt_project.yml",
                    dbt.line_of(tree, &word),
                    what,
                    why,
                ));
            }
        }
        if words.is_empty() || !placed.contains_key(&model.name) {
            continue;
        }
        if !describe::add_config(files, &model.name, &words) {
            own_file.push_str(&format!("  - name: {}\n    config: {}\n", model.name, describe::flow(&words)));
        }
    }
    if !own_file.is_empty() {
        let text = format!("# What dbt_project.yml said of folders of models.\nmodels:\n{own_file}");
        insert(files, "models/from_dbt_project.yml".into(), &text, "dbt_project.yml");
    }
}

fn macros_and_tests(dbt: &Dbt, files: &mut Files, findings: &mut Vec<Finding>) {
    for file in &dbt.macros {
        if file.is_yaml() {
            let why = "elt reads no YAML beside macros";
            findings.push(finding(Kind::NotTaken, &file.path, 0, "descriptions of macros", why));
        } else if file.ends_with(".sql") {
            let mut text = file.text.clone();
            for name in ["generate_schema_name", "generate_alias_name", "generate_database_name"] {
                let Some(at) = text.find(&format!("macro {name}")) else { continue };
                let line = text[..at].matches('\n').count() + 1;
                if let Some((rest, head)) = cut::block(&text, at) {
                    text = rest;
                    let why = "in elt the folder is the layer, and the layer is the schema";
                    findings.push(finding(Kind::NotTaken, &file.path, line, head, why));
                }
            }
            insert(files, format!("macros/{}", file.inside), &text, &file.path);
        }
    }
    for file in dbt.tests.iter().filter(|file| file.ends_with(".sql")) {
        let is_generic = ["test", "data_test"].iter().any(|word| !cut::tags(&file.text, word).is_empty());
        let folder = if is_generic { "macros" } else { "tests" };
        insert(files, format!("{folder}/{}", file.inside), &file.text, &file.path);
    }
}

fn project_findings(dbt: &Dbt, findings: &mut Vec<Finding>) {
    let mut not_taken = |key: &str, what: &str, why: &str| {
        if dbt.settings.get(key).is_some_and(|value| !value.is_null()) {
            findings.push(finding(Kind::NotTaken, "dbt_project.yml", dbt.line_of(key, key), what, why));
        }
    };
    not_taken("query-comment", "`query-comment`", "elt's sessions name themselves in application_name");
    not_taken("dispatch", "`dispatch`", "adapter.dispatch takes postgres__… or default__…");
    for file in dbt.analyses.iter().filter(|file| file.ends_with(".sql")) {
        let why = "elt has no analyses; `elt compile --inline` and `elt show --inline` look at SQL that is no model";
        findings.push(finding(Kind::NotTaken, &file.path, 0, "an analysis", why));
    }
    let Some(packages) = &dbt.packages else { return };
    for (index, line) in packages.lines().enumerate() {
        let line = line.trim().trim_start_matches("- ");
        let Some((kind, name)) = line.split_once(':') else { continue };
        let name = name.trim().trim_matches(['"', '\'']);
        let why = match kind {
            "package" if name.ends_with("/dbt_utils") => "the most used of its macros and tests are built in",
            "package" => "name its git repository and revision in packages.yml; then `elt deps`",
            "git" | "local" | "tarball" => {
                "name it in packages.yml; then `elt deps` (of dbt's, macros and tests)"
            }
            _ => continue,
        };
        findings.push(finding(Kind::NotTaken, "packages.yml", index + 1, format!("the package {name}"), why));
    }
}
