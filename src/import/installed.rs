//! Packages that `dbt deps` has brought and that make relations, or come from dbt's hub: each becomes a package of the new project, in
//! `packages/` under its own name, with what the project says of it in `dbt_project.yml`.

use std::collections::{BTreeMap, HashSet};
use std::fs;

use serde_json::{Map, Value};

use super::dbt::{self, Dbt, references};
use super::place::finding;
use super::report::{Finding, Kind};
use super::{Files, Placed, inside, packages, place, profile};
use crate::deps::is_built_in;

/// Where they lie in the new project.
pub const FOLDER: &str = "packages";

/// A package that is taken as it lies there.
pub struct Installed {
    pub dbt: Dbt,
    /// Its folder in the dbt project.
    folder: String,
}

/// Those of the project's folder of packages. What cannot be read is told.
pub fn read(project: &Dbt, findings: &mut Vec<Finding>) -> Vec<Installed> {
    let written = project.setting("packages-install-path").as_str();
    let folder = written.unwrap_or("dbt_packages").trim_start_matches("./").trim_end_matches('/').to_owned();
    let brought_again = packages::brought_again(project);
    let Ok(entries) = fs::read_dir(project.root.join(&folder)) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let mut installed = Vec::new();
    for name in names {
        let folder = format!("{folder}/{name}");
        let path = project.root.join(&folder);
        if !path.join("dbt_project.yml").exists() {
            continue;
        }
        match dbt::read(&path) {
            Ok(mut package) => {
                let has_models = package.models.iter().any(|file| file.ends_with(".sql"));
                let is_lost = !brought_again.contains(&package.name);
                if (has_models || is_lost) && !is_built_in(&package.name) {
                    said_of(project, &mut package);
                    package.selectors = None;
                    installed.push(Installed { dbt: package, folder });
                }
            }
            Err(error) => {
                let what = format!("the package {name}");
                findings.push(finding(Kind::NotTaken, &folder, 0, what, error.to_string()));
            }
        }
    }
    installed
}

/// What the project says of a package wins over what that says itself.
fn said_of(project: &Dbt, package: &mut Dbt) {
    for tree in ["models", "seeds", "snapshots", "vars"] {
        let Some(said) = project.setting(tree).get(&package.name) else { continue };
        let own = package.settings.entry(tree).or_insert_with(|| Value::Object(Map::new()));
        let Some(own) = own.as_object_mut() else { continue };
        join(own.entry(&package.name).or_insert(Value::Null), said);
    }
}

fn join(own: &mut Value, said: &Value) {
    match (own, said) {
        (Value::Object(own), Value::Object(said)) => {
            for (key, value) in said {
                join(own.entry(key).or_insert(Value::Null), value);
            }
        }
        (own, said) => *own = said.clone(),
    }
}

/// Puts them beside the project's own `files`.
pub fn place(packages: &[Installed], files: &mut Files, findings: &mut Vec<Finding>) {
    // Stage cannot read prod, whichever package either is of: what a stage model reads is stage.
    let mut read_by_stage = HashSet::new();
    loop {
        let (mut placed, mut told) = (files.clone(), Vec::new());
        for package in packages {
            one(package, &read_by_stage, &mut placed, &mut told);
        }
        let now: HashSet<String> = placed
            .iter()
            .filter(|(path, _)| inside(path).starts_with("models/stage/"))
            .flat_map(|(_, file)| references(&file.text).0)
            .collect();
        if now.is_subset(&read_by_stage) {
            *files = placed;
            findings.extend(told);
            return;
        }
        read_by_stage.extend(now);
    }
}

fn one(package: &Installed, read_by_stage: &HashSet<String>, files: &mut Files, findings: &mut Vec<Finding>) {
    let Installed { dbt, folder } = package;
    let mut told = Vec::new();
    let mut own = place::place_package(dbt, read_by_stage, &mut told);
    let (_, text) = profile::read((dbt, &Files::new()), &[], &BTreeMap::new(), &mut Vec::new());
    own.insert("profiles.yml".into(), Placed { text, original: None });
    for (path, mut file) in own {
        file.original = file.original.map(|original| format!("{folder}/{original}"));
        files.insert(format!("{FOLDER}/{}/{path}", dbt.name), file);
    }
    findings.extend(told.into_iter().map(|told| Finding { file: format!("{folder}/{}", told.file), ..told }));
}
