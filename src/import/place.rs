//! Says for each file of a dbt project where it goes in the elt project, and what it becomes there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::dbt::{Dbt, DbtFile, references};
use super::layers::{Candidate, decide, domain};
use super::report::{Finding, Kind};
use super::{Files, Placed, argument, beside, describe, seeds, settings, snapshots, twins};
use crate::diagnostic::{Location, SourceFile};
use crate::project::{Config, Layer, folder_config, yaml};

pub const ONE_DATABASE: &str = "a run builds in one database: the target's url names it";

/// Words of a config that name the database, which elt's target does.
const ELSEWHERE_IN_SQL: [&str; 2] = ["database", "target_database"];
/// The same for folders, where a name would be every model's.
const DECIDED_ELSEWHERE: [&str; 3] = ["database", "target_database", "alias"];

/// A model to be: a file of `models/`, or a snapshot block.
pub struct Model {
    pub name: String,
    folders: Vec<String>,
    /// By which the configs of folders find it.
    pub dbt_path: Vec<String>,
    text: String,
    pub original: String,
    /// Where the text begins there, from 1.
    line: usize,
    is_snapshot: bool,
}

/// A table that a source declares.
pub struct SourceTable {
    pub source: String,
    pub name: String,
    pub identifier: String,
}

pub fn place(dbt: &Dbt, findings: &mut Vec<Finding>) -> Files {
    place_beside(dbt, None, findings)
}

/// The same of a package. Its seeds are rules, for what is loaded is read from the project's own folder.
pub fn place_package(dbt: &Dbt, read_by_stage: &HashSet<String>, findings: &mut Vec<Finding>) -> Files {
    place_beside(dbt, Some(read_by_stage), findings)
}

fn place_beside(dbt: &Dbt, read_by_stage: Option<&HashSet<String>>, findings: &mut Vec<Finding>) -> Files {
    let mut files = Files::new();
    let described: Vec<(&DbtFile, Value)> = [&dbt.models, &dbt.seeds, &dbt.snapshots]
        .into_iter()
        .flatten()
        .filter(|file| file.is_yaml())
        .map(|file| (file, yaml::read(&file.text).unwrap_or(Value::Null)))
        .collect();
    let sources = source_tables(&described);
    let loaded: &[SourceTable] = if read_by_stage.is_some() { &[] } else { &sources };
    let seeds = seeds::Seeds::of(dbt, &described);
    let loads = seeds.place(loaded, &mut files, findings);
    for file in dbt.models.iter().filter(|file| file.ends_with(".py")) {
        let why =
            "elt builds in SQL alone; what it makes can stay with what runs it now, and be a source here";
        findings.push(finding(Kind::NotTaken, &file.path, 0, "a Python model", why));
    }
    let mut models = models(dbt, &described, findings);
    twins::take_out(dbt, &mut models, findings);
    let known = Known { sources: &sources, loads: &loads, read_by_stage };
    let placed = place_models(dbt, &models, &known, &mut files, findings);
    for (file, values) in &described {
        place_properties(dbt, file, values, &placed, &mut files, findings);
    }
    seeds.describe(&loads, &mut files);
    configure(dbt, &models, &placed, &mut files, findings);
    beside::place(dbt, &mut files, findings);
    settings::list(dbt, &files, findings);
    files
}

pub fn insert(files: &mut Files, path: String, text: &str, original: &str) {
    files.insert(path, Placed { text: text.to_owned(), original: Some(original.to_owned()) });
}

pub fn finding(
    kind: Kind,
    file: &str,
    line: usize,
    what: impl Into<String>,
    why: impl Into<String>,
) -> Finding {
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

/// The models to be, and the snapshots among them.
fn models(dbt: &Dbt, described: &[(&DbtFile, Value)], findings: &mut Vec<Finding>) -> Vec<Model> {
    let mut models = Vec::new();
    for file in dbt.models.iter().chain(&dbt.snapshots).filter(|file| file.ends_with(".sql")) {
        match snapshots::blocks(file) {
            blocks if blocks.is_empty() => models.push(Model {
                name: file.stem().to_owned(),
                folders: file.folders().into_iter().map(str::to_owned).collect(),
                dbt_path: dbt_path(dbt, file, &[file.stem()]),
                text: file.text.clone(),
                original: file.path.clone(),
                line: 1,
                is_snapshot: false,
            }),
            blocks => models.extend(blocks.into_iter().map(|block| snapshot(dbt, file, block, findings))),
        }
    }
    for (file, values) in described {
        let written = snapshots::of_relations(file, values);
        models.extend(written.into_iter().map(|block| snapshot(dbt, file, block, findings)));
    }
    for model in &mut models {
        while let Some((word, text, line)) = argument::take_out(&model.text, &ELSEWHERE_IN_SQL) {
            model.text = text;
            let what = format!("`{word}` of `{}`", model.name);
            let line = model.line + line - 1;
            findings.push(finding(Kind::Changed, &model.original, line, what, ONE_DATABASE));
        }
    }
    models
}

fn snapshot(dbt: &Dbt, file: &DbtFile, block: snapshots::Block, findings: &mut Vec<Finding>) -> Model {
    let what = format!("the snapshot `{}` is a model of that name", block.name);
    let why = "elt's snapshots are models with materialized='snapshot'; bring the table that dbt kept to its schema, and its history goes on";
    findings.push(finding(Kind::Changed, &file.path, block.line, what, why));
    let folders = std::iter::once("snapshots").chain(file.folders()).map(str::to_owned).collect();
    let inside: &[&str] = if file.is_yaml() { &[&block.name] } else { &[file.stem(), &block.name] };
    Model {
        dbt_path: dbt_path(dbt, file, inside),
        name: block.name,
        folders,
        text: block.text,
        original: file.path.clone(),
        line: block.line,
        is_snapshot: true,
    }
}

/// What dbt calls the fully qualified name.
fn dbt_path(dbt: &Dbt, file: &DbtFile, inside: &[&str]) -> Vec<String> {
    let folders = std::iter::once(dbt.name.as_str()).chain(file.folders());
    folders.chain(inside.iter().copied()).map(str::to_owned).collect()
}

/// What layers hang on besides the models.
struct Known<'a> {
    sources: &'a [SourceTable],
    loads: &'a HashSet<String>,
    /// Of a package: what stage models of others read.
    read_by_stage: Option<&'a HashSet<String>>,
}

/// Decides the layers; the new path of each model by its name.
fn place_models(
    dbt: &Dbt,
    models: &[Model],
    known: &Known<'_>,
    files: &mut Files,
    findings: &mut Vec<Finding>,
) -> HashMap<String, String> {
    let Known { sources, loads, read_by_stage } = known;
    let candidates: Vec<Candidate<'_>> = models
        .iter()
        .map(|model| {
            let (refs, read) = references(&model.text);
            Candidate {
                name: &model.name,
                folders: model.folders.iter().map(String::as_str).collect(),
                read_by_stage: read_by_stage.is_some_and(|names| names.contains(&model.name)),
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
    findings: &mut Vec<Finding>,
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
    let (text, gone) = argument::take_out_of_configs(&file.text, &ELSEWHERE_IN_SQL);
    for (word, line) in gone {
        findings.push(finding(
            Kind::Changed,
            &file.path,
            line,
            format!("`{word}` of a config"),
            ONE_DATABASE,
        ));
    }
    let (kept, of_snapshots) = snapshots::as_models(&text);
    let snapshots = of_snapshots.as_ref().unwrap_or(&kept);
    for (index, (before, after)) in text.lines().zip(snapshots.lines()).enumerate() {
        let word = before.trim_start().split(':').next().unwrap_or_default();
        if after.strip_prefix('#') == Some(before) && word != "relation" {
            let what = format!("`{word}` of a snapshot's config");
            findings.push(finding(Kind::Changed, &file.path, index + 1, what, ONE_DATABASE));
        }
    }
    if let Some(of_snapshots) = of_snapshots {
        let (stem, ending) = path.rsplit_once('.').unwrap_or((&path, "yml"));
        insert(files, format!("{stem}_snapshots.{ending}"), &of_snapshots, &file.path);
    }
    insert(files, path, &kept, &file.path);
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
        let path: Vec<&str> = model.dbt_path.iter().map(String::as_str).collect();
        let tree = if model.is_snapshot { "snapshots" } else { "models" };
        let mut words = Map::new();
        for (word, value) in folder_config(dbt.setting(tree), &path) {
            let single = Map::from_iter([(word.clone(), value.clone())]);
            let usual = word == "materialized" && value == "view";
            let is_template = value.as_str().is_some_and(|text| text.contains("{{"));
            let elsewhere = DECIDED_ELSEWHERE.contains(&word.as_str());
            if usual {
            } else if !elsewhere
                && Config::knows(&word)
                && (is_template || Config::read(&single, &nowhere).is_ok())
            {
                words.insert(word, value);
            } else if refused.insert(word.clone()) {
                let why = match word.as_str() {
                    "alias" => "a relation is named as its file",
                    _ if elsewhere => ONE_DATABASE,
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
        // What all versions of a model have in common is said under the name that they share.
        let shared = model.name.rsplit_once("_v").map(|(name, _)| name);
        let shared = shared.filter(|name| describe::has_versions(files, name));
        let mut names = std::iter::once(model.name.as_str()).chain(shared);
        if !names.any(|name| describe::add_config(files, &["models", "snapshots"], name, &words)) {
            own_file.push_str(&format!("  - name: {}\n    config: {}\n", model.name, describe::flow(&words)));
        }
    }
    if !own_file.is_empty() {
        let text = format!("# What dbt_project.yml said of folders of models.\nmodels:\n{own_file}");
        insert(files, "models/from_dbt_project.yml".into(), &text, "dbt_project.yml");
    }
}
