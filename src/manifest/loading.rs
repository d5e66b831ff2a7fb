//! What a loaded model's config must agree on before anything is asked of a source.

use std::collections::BTreeMap;
use std::path::Path;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use url::Url;

use crate::name::Ident;
use crate::project::{BadRows, Config, Incremental};
use crate::source::Location;

/// Words of a config that a source's login may be part of.
const TELLING_WORDS: [&str; 4] = ["source", "api", "query", "endpoint"];
/// Shorter values of the environment would hide innocent text.
const SHORTEST: usize = 4;

/// The config as it may be shown: without its login, and what tells of the source without what came from the
/// environment. `env_used` names the variables of the model; those of its YAML are looked for in `yaml`.
pub(super) fn without_secrets(
    mut words: Map<String, Value>,
    env_used: &[String],
    yaml: Option<&Map<String, Value>>,
    env: &BTreeMap<String, String>,
) -> Map<String, Value> {
    if let Some(auth) = words.get_mut("auth") {
        *auth = "***".into();
    }
    let telling = |word: &str, value: &Value| {
        // A path says nothing that is to be hidden.
        TELLING_WORDS.contains(&word) && (word != "source" || is_address(value))
    };
    if words.iter().any(|(word, value)| telling(word, value)) {
        let secrets = values_used(env_used, yaml, env);
        for (_, value) in words.iter_mut().filter(|(word, value)| telling(word, value)) {
            hide(value, &secrets);
        }
    }
    if let Some(Value::String(source)) = words.get_mut("source").filter(|source| is_address(source)) {
        // A key that is written in the model may be read there; it need not stand everywhere else.
        if let Ok(location) = Location::parse(source, Path::new("."))
            && source.contains(['?', '@'])
        {
            *source = location.to_string();
        }
    }
    words
}

fn is_address(value: &Value) -> bool {
    value.as_str().is_some_and(|source| source.contains("://"))
}

/// What the model and its YAML took from the environment, the longest first.
fn values_used<'a>(
    env_used: &'a [String],
    yaml: Option<&Map<String, Value>>,
    env: &'a BTreeMap<String, String>,
) -> Vec<&'a str> {
    let written = yaml.map(|words| serde_json::to_string(words).unwrap_or_default()).unwrap_or_default();
    let in_yaml = |name: &str| {
        written.contains("env_var")
            && (written.contains(&format!("'{name}'")) || written.contains(&format!("\\\"{name}\\\"")))
    };
    let used = env.iter().filter(|(name, _)| env_used.contains(name) || in_yaml(name));
    let mut values: Vec<&str> =
        used.map(|(_, value)| value.as_str()).filter(|value| value.len() >= SHORTEST).collect();
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values
}

fn hide(value: &mut Value, secrets: &[&str]) {
    match value {
        Value::String(text) => {
            for secret in secrets {
                *text = text.replace(secret, "***");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, secrets)),
        Value::Object(fields) => fields.values_mut().for_each(|field| hide(field, secrets)),
        _ => {}
    }
}

/// What is wrong, and the way out.
pub(super) type Fault = (String, &'static str);

/// Whether the address has a login that is not in the environment.
fn has_login_written(source: &str, env: &BTreeMap<String, String>) -> bool {
    let Ok(url) = Url::parse(source) else { return false };
    let (login, before) = match url.password() {
        Some(password) => (password, ':'),
        // A user alone is a token, but not where a database trusts whom the system knows.
        None if url.scheme().starts_with("http") => (url.username(), '/'),
        None => return false,
    };
    let plain = percent_decode_str(login).decode_utf8_lossy();
    let within = format!("{before}{login}@");
    let is_from = |value: &String| *value == login || *value == plain || value.contains(&within);
    !login.is_empty() && !env.values().any(is_from)
}

/// Words of the model about how a file is read, where there is none.
fn idle_words(config: &Config, postgres: bool) -> Vec<&'static str> {
    let api = config.api.is_some();
    let of_files = [
        ("format", config.format.is_some()),
        ("encoding", config.encoding.is_some()),
        ("delimiter", config.delimiter.is_some()),
        ("quote", config.quote.is_some()),
        ("escape", config.escape.is_some()),
        ("comment", config.comment.is_some()),
        ("skip_lines", config.skip_lines.is_some()),
        ("header", config.header.is_some()),
        ("ragged", config.ragged.is_some()),
        ("sheet", config.sheet.is_some()),
        ("member", config.member.is_some()),
        ("records", config.records.is_some()),
        ("null", !config.null.is_empty()),
    ];
    let of_text = [("infer", config.infer), ("bad_rows", config.bad_rows.is_some())];
    let mut idle = Vec::new();
    if postgres || api {
        idle.extend(of_files.iter().filter(|(_, given)| *given).map(|(word, _)| *word));
    }
    if postgres {
        idle.extend(of_text.iter().filter(|(_, given)| *given).map(|(word, _)| *word));
    }
    idle
}

/// The faults of a load. `told_secrets` says whether the model took anything from the environment `env`.
pub(super) fn faults(
    name: &str,
    config: &Config,
    told_secrets: bool,
    env: &BTreeMap<String, String>,
) -> Vec<Fault> {
    let source = config.source.as_deref().unwrap_or_default();
    let begins = |schemes: &[&str]| schemes.iter().any(|scheme| source.starts_with(scheme));
    let (http, store) = (begins(&["http://", "https://"]), begins(&["s3://"]));
    let postgres = begins(&["postgres://", "postgresql://"]);
    let mut faults = Vec::new();
    let mut wrong = |message: String, hint| faults.push((message, hint));
    if has_login_written(source, env) {
        wrong(
            format!("`{name}` has a login written in its source"),
            "a login comes from the environment: source=env_var('SHOP_URL'), or auth={'basic': …}",
        );
    }
    if config.auth.is_given() {
        if !told_secrets {
            wrong(
                format!("`{name}` has its login written in the model"),
                "a login comes from the environment: auth={'bearer': env_var('SHOP_TOKEN')}",
            );
        }
        if !http && !store {
            wrong(
                format!("`{name}` has `auth`, but its source needs no login of that kind"),
                "`auth` is for http(s):// and s3:// sources; a database's login is part of its URL",
            );
        }
    }
    match (postgres, config.query.is_some(), config.table.is_some()) {
        (true, false, false) => wrong(
            format!("`{name}` loads from a PostgreSQL, but says neither `table` nor `query`"),
            "add table='public.orders', or query='select …'",
        ),
        (true, true, true) => wrong(format!("`{name}` has both `table` and `query`"), "keep one of them"),
        (false, true, _) | (false, _, true) => wrong(
            format!("`{name}` has `query` or `table`, but its source is no PostgreSQL"),
            "these words go with source=env_var('SHOP_DATABASE_URL'), a postgres:// URL",
        ),
        _ => {}
    }
    if let Some(api) = &config.api {
        if !http {
            wrong(format!("`{name}` has `api`, but its source is no http(s) address"), "name the API's URL");
        }
        if api.requests_per_second.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
            wrong(format!("`{name}`: requests_per_second is more than 0"), "0.5 is one every two seconds");
        }
        if api.concurrency.is_some_and(|count| !(1..=64).contains(&count)) {
            wrong(format!("`{name}`: concurrency is 1 to 64"), "the API's own limits say what is polite");
        }
        let keys = api.keys.as_ref();
        if keys
            .is_some_and(|keys| (keys.is_in_path(source) || keys.added.is_some()) && keys.in_one(source) != 1)
        {
            wrong(
                format!(
                    "`{name}`: a key in the path, or `as`, is for one key in a request, and `batch` is more"
                ),
                "leave `batch` out",
            );
        }
        if api.keys.as_ref().is_some_and(|keys| keys.batch == Some(0) || keys.into.is_empty()) {
            wrong(
                format!("`{name}`: `keys` needs a `batch` of at least 1, and `into`"),
                "keys={'from': ref('customers'), 'column': 'mobile', 'batch': 100, 'into': 'mobiles'}",
            );
        }
    }
    let idle = idle_words(config, postgres);
    if !idle.is_empty() {
        let source = if postgres { "another PostgreSQL" } else { "a JSON API" };
        wrong(
            format!("`{name}` loads from {source}, where {} means nothing", idle.join(", ")),
            "take it away: such words say how files are read",
        );
    }
    if config.max_bad_rows.is_some() && config.bad_rows != Some(BadRows::Quarantine) {
        wrong(
            format!("`{name}` has max_bad_rows, but no bad row is borne at all"),
            "add bad_rows='quarantine', or take it away",
        );
    }
    match &config.incremental {
        Some(Incremental::By(_)) if http || postgres || source.starts_with("sample://") => wrong(
            format!("`{name}` is loaded by file, but its source is no set of files"),
            "use incremental={'cursor': 'updated_at'}, with a column that grows",
        ),
        Some(Incremental::Cursor(cursor)) if Ident::new(&cursor.cursor).is_err() => {
            wrong(format!("`{name}`: the cursor is no name of a column"), "name a column that grows");
        }
        Some(Incremental::Cursor(cursor)) if cursor.lag.is_some() && config.unique_key.is_empty() => wrong(
            format!(
                "`{name}` reads rows again by `lag`, and has no unique_key by which they replace themselves"
            ),
            "name the columns that tell a row from all others: unique_key='id'",
        ),
        Some(Incremental::Cursor(cursor)) if cursor.parameter.is_some() && config.api.is_none() => wrong(
            format!("`{name}`: only a JSON API is told its cursor by a `parameter`"),
            "leave `parameter` out, or say how the API answers: api={'records': 'items'}",
        ),
        Some(Incremental::By(_)) if !config.unique_key.is_empty() => wrong(
            format!("`{name}` is loaded by file and has a unique_key"),
            "rows of a changed file replace that file's rows; leave unique_key out",
        ),
        _ => {}
    }
    faults
}
