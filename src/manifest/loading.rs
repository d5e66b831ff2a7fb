//! What a loaded model's config must agree on before anything is asked of a source.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::name::Ident;
use crate::project::{Config, Incremental};

/// The config as it may be shown: without its login, and its address without what came from the environment.
pub(super) fn without_secrets(
    mut words: Map<String, Value>,
    env_used: &[String],
    env: &BTreeMap<String, String>,
) -> Map<String, Value> {
    if let Some(auth) = words.get_mut("auth") {
        *auth = "***".into();
    }
    if let Some(Value::String(source)) =
        words.get_mut("source").filter(|source| source.as_str().is_some_and(|source| source.contains("://")))
    {
        for value in env_used.iter().filter_map(|name| env.get(name)).filter(|value| value.len() > 3) {
            *source = source.replace(value.as_str(), "***");
        }
    }
    words
}

/// What is wrong, and the way out.
pub(super) type Fault = (String, &'static str);

/// The faults of a load. `told_secrets` says whether the model took anything from the environment.
pub(super) fn faults(name: &str, config: &Config, told_secrets: bool) -> Vec<Fault> {
    let source = config.source.as_deref().unwrap_or_default();
    let begins = |schemes: &[&str]| schemes.iter().any(|scheme| source.starts_with(scheme));
    let (http, store) = (begins(&["http://", "https://"]), begins(&["s3://"]));
    let postgres = begins(&["postgres://", "postgresql://"]);
    let mut faults = Vec::new();
    let mut wrong = |message: String, hint| faults.push((message, hint));
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
        if api.keys.as_ref().is_some_and(|keys| keys.batch == 0 || keys.into.is_empty()) {
            wrong(
                format!("`{name}`: `keys` needs a `batch` of at least 1, and `into`"),
                "keys={'from': ref('customers'), 'column': 'mobile', 'batch': 100, 'into': 'mobiles'}",
            );
        }
    }
    match &config.incremental {
        Some(Incremental::By(_)) if http || postgres || source.starts_with("sample://") => wrong(
            format!("`{name}` is loaded by file, but its source is no set of files"),
            "use incremental={'cursor': 'updated_at'}, with a column that grows",
        ),
        Some(Incremental::Cursor(cursor)) if Ident::new(&cursor.cursor).is_err() => {
            wrong(format!("`{name}`: the cursor is no name of a column"), "name a column that grows");
        }
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
