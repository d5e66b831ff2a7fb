//! The new project's `profiles.yml`: variables from `dbt_project.yml`, targets from dbt's own profile where
//! one is found. A password that stands there in plain text is not copied.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Files;
use super::dbt::Dbt;
use super::describe::flow_text;
use super::folder_tests::FolderTests;
use super::report::{Finding, Kind};
use crate::diagnostic::{Location, SourceFile};
use crate::project::yaml;
use crate::template::{Library, Scope};

/// The profile to keep; and one without connections, to read the project with.
pub fn read(
    (dbt, files): (&Dbt, &Files),
    folders: &[PathBuf],
    env: &BTreeMap<String, String>,
    findings: &mut Vec<Finding>,
) -> (String, String) {
    let library = Library::without_macros(Scope { env: env.clone(), ..Scope::default() });
    let now = |text: &str| {
        let nowhere = Location::start_of(&Arc::new(SourceFile { path: String::new(), text: String::new() }));
        library.render_value(text, &nowhere).unwrap_or_else(|_| text.to_owned())
    };
    let name = now(dbt.setting("profile").as_str().unwrap_or(&dbt.name));
    let found = folders.iter().map(|folder| folder.join("profiles.yml")).find_map(|path| {
        let values: Value = yaml::read(&fs::read_to_string(&path).ok()?).ok()?;
        Some((path, values.get(&name)?.clone()))
    });
    let mut text = String::from("# Where elt builds. `elt debug` shows how this file is understood.\n");
    let outputs = found.as_ref().and_then(|(_, profile)| profile.get("outputs")?.as_object());
    let default = found.as_ref().and_then(|(_, profile)| profile.get("target")?.as_str()).unwrap_or("dev");
    let usual = now(default);
    let plain = outputs.map_or(usual.as_str(), |outputs| plain_target(outputs, &usual));
    let mut targets = String::new();
    for (target, output) in outputs.into_iter().flatten() {
        match url(target, output, findings) {
            Some(url) => {
                targets.push_str(&format!("  {target}:\n    url: {}\n", Value::from(url)));
                let schema = output.get("schema").and_then(Value::as_str).unwrap_or_default();
                if target == plain {
                    findings.push(schemas(target, schema, ""));
                } else {
                    let of_plain = outputs.and_then(|outputs| outputs.get(plain)?.get("schema")?.as_str());
                    let prefix = prefix(target, schema, of_plain.unwrap_or_default());
                    targets.push_str(&format!("    schema_prefix: {}\n", flow_text(&prefix)));
                    findings.push(schemas(target, schema, &prefix));
                }
                let threads = output.get("threads");
                let written = || now(threads?.as_str()?).trim().parse().ok();
                if let Some(threads) = threads.and_then(Value::as_u64).or_else(written) {
                    targets.push_str(&format!("    threads: {}\n", threads.clamp(1, 64)));
                }
            }
            None => {
                let kind = output.get("type").and_then(Value::as_str).unwrap_or("no type");
                let why = format!("it is {kind}, and elt speaks PostgreSQL only");
                findings.push(not_taken(format!("the target `{target}`"), why));
            }
        }
    }
    if targets.is_empty() {
        text.push_str("target: dev\n\ntargets:\n  # No url: DATABASE_URL where it is set, else a private PostgreSQL under .elt/.\n  dev:\n    threads: 4\n");
    } else {
        text.push_str(&format!("target: {}\n\ntargets:\n{targets}", flow_text(default)));
    }
    let mut own = String::new();
    if is_word(&dbt.name) {
        own.push_str(&format!(
            "\n# What other tools and ref('package', 'model') call this project.\nname: {}\n",
            dbt.name
        ));
    }
    let vars = vars(dbt);
    if !vars.is_empty() {
        own.push_str("\nvars:\n");
        for (name, value) in vars {
            own.push_str(&format!("  {}: {value}\n", flow_text(&name)));
        }
    }
    for (theirs, ours) in [("on-run-start", "on_run_start"), ("on-run-end", "on_run_end")] {
        let written = dbt.setting(theirs);
        let statements = written.as_array().cloned().unwrap_or_else(|| vec![written.clone()]);
        let statements: Vec<&str> = statements.iter().filter_map(Value::as_str).collect();
        if !statements.is_empty() {
            own.push_str(&format!("\n{ours}:\n"));
        }
        for statement in statements {
            own.push_str(&format!("  - {}\n", Value::from(statement)));
        }
    }
    if let Some(orders) = dbt.setting("dispatch").as_array().filter(|orders| !orders.is_empty()) {
        own.push_str("\n# Where adapter.dispatch looks for the macros of packages.\ndispatch:\n");
        orders.iter().for_each(|order| own.push_str(&format!("  - {order}\n")));
    }
    own.push_str(&FolderTests::read(dbt, files).written());
    (format!("{text}{own}"), own)
}

/// The target that gets the schemas raw, stage and prod as they are called: the one for production, where its
/// name says so, else the one that dbt takes where none is asked for.
fn plain_target<'a>(outputs: &'a Map<String, Value>, default: &'a str) -> &'a str {
    let named = ["prod", "production", "prd", "live"].into_iter();
    let found = named.filter_map(|name| outputs.keys().find(|target| target.to_lowercase() == name)).next();
    found.map_or(default, String::as_str)
}

/// What sets the schemas of a target apart: dbt's own schema, else the target's name.
fn prefix(target: &str, schema: &str, of_plain: &str) -> String {
    match schema {
        "" | "public" => format!("{target}_"),
        same if same == of_plain => format!("{target}_"),
        schema => format!("{schema}_"),
    }
}

fn schemas(target: &str, schema: &str, prefix: &str) -> Finding {
    let why = match (schema, prefix) {
        ("", _) => "in elt each layer has a schema".to_owned(),
        (schema, "") => format!("in elt each layer has a schema; dbt's is `{schema}`"),
        (schema, _) => {
            format!("`schema_prefix` keeps it apart from the other targets, as dbt's schema `{schema}` does")
        }
    };
    let what = format!("the target `{target}` builds in {prefix}raw, {prefix}stage and {prefix}prod");
    Finding { kind: Kind::Changed, file: "profiles.yml".into(), line: 0, what, why }
}

fn is_word(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The project's variables: those for all packages, then its own.
pub fn vars(dbt: &Dbt) -> Map<String, Value> {
    let Some(written) = dbt.setting("vars").as_object() else { return Map::new() };
    let own = written.get(&dbt.name).and_then(Value::as_object);
    let shared = written.iter().filter(|(name, value)| !(value.is_object() && **name == dbt.name));
    let mut vars: Map<String, Value> = shared.map(|(name, value)| (name.clone(), value.clone())).collect();
    vars.extend(own.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
    vars
}

fn url(target: &str, output: &Value, findings: &mut Vec<Finding>) -> Option<String> {
    if output.get("type").and_then(Value::as_str) != Some("postgres") {
        return None;
    }
    let part = |keys: &[&str], usual: &str| {
        let value = keys.iter().find_map(|key| output.get(*key)).filter(|value| !value.is_null());
        match value {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => usual.to_owned(),
        }
    };
    let written = part(&["password", "pass"], "");
    let password = match written.as_str() {
        "" => String::new(),
        template if template.contains("{{") => format!(":{template}"),
        _ => {
            let variable =
                format!("{}_PASSWORD", target.to_uppercase().replace(|c: char| !c.is_alphanumeric(), "_"));
            let why = format!("a secret does not belong in a file: export {variable}=…");
            findings.push(not_taken(format!("the password of the target `{target}`"), why));
            format!(":{{{{ env_var('{variable}') }}}}")
        }
    };
    let (user, host) = (part(&["user"], "postgres"), part(&["host"], "localhost"));
    let (port, database) = (part(&["port"], "5432"), part(&["dbname", "database"], "postgres"));
    let mut query: Vec<String> = ["sslmode", "sslrootcert", "connect_timeout", "keepalives_idle"]
        .into_iter()
        .map(|word| (word, part(&[word], "")))
        // dbt's 0 is what the system says.
        .filter(|(word, value)| !(value.is_empty() || *word == "keepalives_idle" && value == "0"))
        .map(|(word, value)| format!("{word}={}", encoded(&value)))
        .collect();
    let of_session: Vec<String> = ["search_path", "role"]
        .into_iter()
        .map(|word| (word, part(&[word], "")))
        .filter(|(_, value)| !value.is_empty())
        // A blank within a value ends it, unless it is escaped.
        .map(|(word, value)| format!("-c {word}={}", value.replace(", ", ",").replace(' ', "\\ ")))
        .collect();
    if !of_session.is_empty() {
        query.push(format!("options={}", encoded(&of_session.join(" "))));
    }
    for word in ["sslcert", "sslkey"].into_iter().filter(|word| !part(&[word], "").is_empty()) {
        let why =
            "elt shows the server no certificate of its own: let a password or the socket say who it is";
        findings.push(not_taken(format!("`{word}` of the target `{target}`"), why.into()));
    }
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let (user, host, database) = (encoded(&user), encoded(&host), encoded(&database));
    Some(format!("postgres://{user}{password}@{host}:{port}/{database}{query}"))
}

/// A template stays as it is; other text is made fit for a URL.
fn encoded(text: &str) -> String {
    if text.contains("{{") {
        return text.to_owned();
    }
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

fn not_taken(what: String, why: String) -> Finding {
    Finding { kind: Kind::NotTaken, file: "profiles.yml".into(), line: 0, what, why }
}
