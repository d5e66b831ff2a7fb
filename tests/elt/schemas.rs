//! The JSON Schemas for editors know every word that elt takes, and take every file that elt takes.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;

use crate::support::Project;

/// Why a value is not what a schema asks for; the keywords that elt's own schemas use.
fn complaint(root: &Value, schema: &Value, value: &Value, path: &str) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return complaint(root, root.pointer(&name[1..]).expect("a definition"), value, path);
    }
    let kind = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("the type {other}"),
    };
    let is_kind = match &schema["type"] {
        Value::String(name) => kind(name),
        Value::Array(names) => names.iter().any(|name| kind(name.as_str().unwrap())),
        _ => true,
    };
    if !is_kind || schema["enum"].as_array().is_some_and(|known| !known.contains(value)) {
        return Some(format!("{path}: {value} is none of {}{}", schema["type"], schema["enum"]));
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let told: Vec<_> = choices.iter().map(|choice| complaint(root, choice, value, path)).collect();
        return told.iter().all(Option::is_some).then(|| format!("{path}: {told:?}"));
    }
    if let Some(items) = value.as_array().filter(|_| !schema["items"].is_null()) {
        let mut told = items.iter().enumerate();
        return told.find_map(|(at, item)| complaint(root, &schema["items"], item, &format!("{path}[{at}]")));
    }
    let fields = value.as_object()?;
    let mut required = schema["required"].as_array().into_iter().flatten();
    if let Some(word) = required.find(|word| !fields.contains_key(word.as_str().unwrap())) {
        return Some(format!("{path}: {word} is not there"));
    }
    fields.iter().find_map(|(word, field)| {
        let path = format!("{path}.{word}");
        match (&schema["properties"][word], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => Some(format!("{path} is unknown")),
            (Value::Null, Value::Null) => None,
            (Value::Null, others) => complaint(root, others, field, &path),
            (own, _) => complaint(root, own, field, &path),
        }
    })
}

fn schema(project: &Project, name: &str) -> Value {
    serde_json::from_str(&project.good(&["schema", name]).stdout).unwrap()
}

/// What elt has just taken must be good to the schemas, too: called after every command that ends well.
pub fn agree_with(project: &Path) {
    let mut found = Vec::new();
    for name in ["profiles.yml", "selectors.yml", "packages.yml"] {
        check(project, &project.join(name), &mut found);
    }
    for folder in ["models", "rules", "tests"] {
        check_all(project, &project.join(folder), &mut found);
    }
    assert!(found.is_empty(), "src/schema/ refuses what elt takes:\n{}", found.join("\n"));
}

/// How many files there are below a folder, and complaints about them.
fn check_all(root: &Path, folder: &Path, found: &mut Vec<String>) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files += check_all(root, &path, found);
        } else if path.extension().is_some_and(|ending| ending == "yml") {
            check(root, &path, found);
            files += 1;
        }
    }
    files
}

fn check(root: &Path, path: &Path, found: &mut Vec<String>) {
    static SCHEMAS: LazyLock<[Value; 4]> = LazyLock::new(|| {
        let texts = [
            include_str!("../../src/schema/properties.json"),
            include_str!("../../src/schema/profiles.json"),
            include_str!("../../src/schema/selectors.json"),
            include_str!("../../src/schema/packages.json"),
        ];
        texts.map(|text| serde_json::from_str(text).unwrap())
    });
    let Ok(text) = std::fs::read_to_string(path) else { return };
    let Ok(value) = elt::project::yaml::read::<Value>(&text) else { return };
    let schema = match path.file_stem().and_then(|stem| stem.to_str()) {
        Some("profiles") => &SCHEMAS[1],
        Some("selectors") => &SCHEMAS[2],
        Some("packages") => &SCHEMAS[3],
        _ => &SCHEMAS[0],
    };
    let name = path.strip_prefix(root).unwrap_or(path).display().to_string();
    if !value.is_null() {
        found.extend(complaint(schema, schema, &value, &name));
    }
}

#[tokio::test]
async fn every_yaml_file_of_the_project_and_of_the_starter_is_good_to_the_schemas() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    agree_with(root);
    let mut found = Vec::new();
    assert!(check_all(root, &root.join("src/starter"), &mut found) > 3);
    assert!(found.is_empty(), "{found:#?}");
    let project = Project::new(&[]).await;
    project.good(&["schema", "--out", "schemas"]).says("properties.schema.json");
    project.elt(&["schema"]).expect(2);
}

/// A document with an unknown word somewhere, and the schema of the map that it stands in.
const UNKNOWN: &[(&str, &str, &str)] = &[
    ("models/a.yml", "modelz: 1", "properties "),
    ("models/a.yml", "models: [{name: a, zzz: 1}]", "properties /definitions/entry"),
    ("models/a.yml", "models: [{name: a, columns: [{name: c, zzz: 1}]}]", "properties /definitions/column"),
    (
        "models/a.yml",
        "models: [{name: a, constraints: [{type: check, zzz: 1}]}]",
        "properties /definitions/constraint",
    ),
    ("models/a.yml", "models: [{name: a, expose: {zzz: 1}}]", "properties /definitions/expose"),
    (
        "models/a.yml",
        "models: [{name: a, expose: {chart: {type: bar, zzz: 1}}}]",
        "properties /definitions/chart",
    ),
    ("models/a.yml", "sources: [{name: a, tables: [], zzz: 1}]", "properties /definitions/source"),
    (
        "models/a.yml",
        "sources: [{name: a, tables: [{name: a, zzz: 1}]}]",
        "properties /definitions/source_table",
    ),
    ("models/a.yml", "exposures: [{name: a, type: ml, zzz: 1}]", "properties /definitions/exposure"),
    (
        "models/a.yml",
        "unit_tests: [{name: a, model: a, expect: {rows: []}, zzz: 1}]",
        "properties /definitions/unit_test",
    ),
    ("profiles.yml", "zzz: 1", "profiles "),
    ("profiles.yml", "targets: {dev: {zzz: 1}}", "profiles /definitions/target"),
    ("profiles.yml", "service: {zzz: 1}", "profiles /definitions/service"),
    ("profiles.yml", "fetch: {zzz: 1}", "profiles /definitions/fetch"),
    ("profiles.yml", "schedule: {cron: '0 4 * * *', zzz: 1}", "profiles /definitions/schedule"),
    ("profiles.yml", "webhooks: {zzz: 1}", "profiles /definitions/webhooks"),
    ("selectors.yml", "zzz: 1", "selectors "),
    ("packages.yml", "zzz: 1", "packages "),
    ("packages.yml", "packages: [{zzz: 1}]", "packages /definitions/package"),
];

#[tokio::test]
async fn the_schemas_have_the_words_that_elt_knows_and_no_others() {
    for (path, text, place) in UNKNOWN {
        let project = Project::new(&[
            ("models/stage/a.sql", "select 1 as c"),
            ("selectors.yml", "selectors: []"),
            (path, text),
        ])
        .await;
        let told = project.elt(&["ls"]).expect(2).stderr;
        let (name, pointer) = place.split_once(' ').unwrap();
        let schema = schema(&project, name);
        let properties = schema.pointer(pointer).unwrap()["properties"].as_object().unwrap();
        let ours: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        let (_, words) = told.split_once("expected ").unwrap_or_else(|| panic!("{told}"));
        let words =
            words.lines().next().unwrap().split(" at line ").next().unwrap().trim_start_matches("one of ");
        let known: BTreeSet<&str> =
            words.split([',', ' ']).filter(|word| !word.is_empty() && *word != "or").collect();
        assert_eq!(ours, known, "{place}");
    }
}
