//! Several models of one name, one for each database: `dbt_project.yml` leaves one of them enabled.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::dbt::Dbt;
use super::place::{Model, finding};
use super::profile;
use super::report::{Finding, Kind};
use crate::diagnostic::{Location, SourceFile};
use crate::project::folder_config;
use crate::template::{Library, Scope};

/// Takes out the models that have a twin and are not enabled on PostgreSQL.
pub fn take_out(dbt: &Dbt, models: &mut Vec<Model>, findings: &mut Vec<Finding>) {
    let mut times: HashMap<String, usize> = HashMap::new();
    for model in models.iter() {
        *times.entry(model.name.clone()).or_default() += 1;
    }
    if times.values().all(|times| *times == 1) {
        return;
    }
    let library = library(dbt);
    models.retain(|model| {
        let path: Vec<&str> = model.dbt_path.iter().map(String::as_str).collect();
        let words = folder_config(dbt.setting("models"), &path);
        let is_off =
            times[&model.name] > 1 && words.get("enabled").is_some_and(|word| is_false(&library, word));
        if is_off {
            let why = "dbt_project.yml enables another model of that name on PostgreSQL";
            findings.push(finding(Kind::NotTaken, &model.original, 0, format!("`{}`", model.name), why));
        }
        !is_off
    });
}

/// What templates of `dbt_project.yml` are read with before there is a project of elt's.
fn library(dbt: &Dbt) -> Library {
    let target = json!({"type": "postgres", "name": "dev", "target_name": "dev"});
    Library::without_macros(Scope {
        vars: profile::vars(dbt),
        target: target.as_object().cloned().unwrap_or_else(Map::new),
        ..Scope::default()
    })
}

fn is_false(library: &Library, written: &Value) -> bool {
    let nowhere = Location::start_of(&Arc::new(SourceFile { path: String::new(), text: String::new() }));
    match written {
        Value::Bool(enabled) => !enabled,
        Value::String(text) => {
            library.render_value(text, &nowhere).is_ok_and(|said| said.trim().eq_ignore_ascii_case("false"))
        }
        _ => false,
    }
}
