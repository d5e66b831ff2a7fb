//! Reads a config from its words as written: each that is unknown or mistyped is told.

use serde_json::{Map, Value};

use super::config::Config;
use crate::diagnostic::{Diagnostic, Location, did_you_mean};

const AUTH: &str = "it is a map of `bearer`, `basic` with `user` and `password`, `headers`, or \
                    `access_key_id` and `secret_access_key`";

/// Every word that a config may hold.
const KNOWN: &[&str] = &[
    "materialized",
    "enabled",
    "tags",
    "indexes",
    "report",
    "unique_key",
    "incremental_strategy",
    "on_schema_change",
    "merge_update_columns",
    "merge_exclude_columns",
    "incremental_predicates",
    "predicates",
    "full_refresh",
    "strategy",
    "updated_at",
    "check_cols",
    "hard_deletes",
    "invalidate_hard_deletes",
    "dbt_valid_to_current",
    "snapshot_meta_column_names",
    "on_configuration_change",
    "contract",
    "pre_hook",
    "pre-hook",
    "post_hook",
    "post-hook",
    "unlogged",
    "persist_docs",
    "grants",
    "source",
    "format",
    "delimiter",
    "quote",
    "escape",
    "null",
    "encoding",
    "comment",
    "skip_lines",
    "header",
    "ragged",
    "sheet",
    "records",
    "member",
    "infer",
    "on_columns_change",
    "bad_rows",
    "max_bad_rows",
    "allow_empty",
    "auth",
    "query",
    "table",
    "endpoint",
    "region",
    "api",
    "incremental",
    "metadata",
    "freshness",
    "loaded_at_field",
    "loaded_at_query",
    "severity",
    "where",
    "meta",
    "docs",
    "group",
    "access",
    "distribute",
];

/// Words of dbt that a folder or a name decides here, and what to do instead.
const DECIDED_ELSEWHERE: &[(&str, &str)] = &[
    ("alias", "a relation is named as its file: rename the file, or refer to it by this name"),
    (
        "schema",
        "the layer decides: move the file to models/raw, stage or prod; the profile's `schemas:` names them",
    ),
    ("database", "a run builds in one database: the target's url in profiles.yml names it"),
    ("quoting", "elt quotes every name as it is written"),
];

impl Config {
    /// From the words as written. Every unknown or mistyped word is told, at `place`.
    pub fn read(words: &Map<String, Value>, place: &Location) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        for word in words.keys().filter(|word| !KNOWN.contains(&word.as_str())) {
            let elsewhere = DECIDED_ELSEWHERE.iter().find(|(known, _)| known == word);
            let hint = elsewhere
                .map(|(_, hint)| (*hint).to_owned())
                .or_else(|| did_you_mean(word, KNOWN.iter().copied()))
                .unwrap_or_else(|| format!("config knows: {}", KNOWN.join(", ")));
            problems.push(
                Diagnostic::error("unknown-config", format!("config has no word `{word}`"))
                    .at(place.closer(word))
                    .hint(hint),
            );
        }
        for (word, value) in words.iter().filter(|(word, _)| KNOWN.contains(&word.as_str())) {
            // A word at a time, so that the message names the word that is wrong.
            let single = Value::Object(Map::from_iter([(word.clone(), value.clone())]));
            if let Err(error) = serde_json::from_value::<Self>(single) {
                // The error would repeat the value, and in `auth` that is a secret.
                let why = if word == "auth" { AUTH.to_owned() } else { error.to_string() };
                problems.push(
                    Diagnostic::error("bad-config", format!("config's `{word}` is wrong: {why}"))
                        .at(place.closer(word)),
                );
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(serde_json::from_value(Value::Object(words.clone())).expect("each word was read just above"))
    }
}
