//! Reads a config from its words as written: each that is unknown or mistyped is told.

use serde_json::{Map, Value};

use super::config::Config;
use super::folders::join_words;
use crate::diagnostic::{Diagnostic, Location, did_you_mean};

const AUTH: &str = "it is a map of `bearer`, `basic` with `user` and `password`, `headers`, or \
                    `access_key_id` and `secret_access_key`";

/// Every word that a config may hold.
const KNOWN: &[&str] = &[
    "materialized",
    "enabled",
    "alias",
    "schema",
    "target_schema",
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
    "event_time",
    "batch_size",
    "lookback",
    "concurrent_batches",
    "begin",
    "strategy",
    "updated_at",
    "check_cols",
    "hard_deletes",
    "invalidate_hard_deletes",
    "dbt_valid_to_current",
    "snapshot_meta_column_names",
    "on_configuration_change",
    "contract",
    "sql_header",
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
    "column_types",
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

/// What a rule's config may say; other words are about models.
pub const RULE_WORDS: &[&str] = &[
    "materialized",
    "enabled",
    "alias",
    "schema",
    "tags",
    "meta",
    "docs",
    "group",
    "access",
    "report",
    "indexes",
    "unlogged",
    "persist_docs",
    "grants",
    "pre_hook",
    "pre-hook",
    "post_hook",
    "post-hook",
    "contract",
    "delimiter",
    "column_types",
    "full_refresh",
    "freshness",
    "loaded_at_field",
    "loaded_at_query",
    "distribute",
];

const TARGET: &str = "a run builds in one database: the target's url in profiles.yml names it";

/// Words of dbt that something else decides here: they are read and passed over.
const DECIDED_ELSEWHERE: &[(&str, &str)] = &[("database", TARGET), ("target_database", TARGET)];

/// Words of dbt that need not be said here: elt quotes every name as it is written.
const SAYS_NOTHING: &[&str] = &["quoting", "quote_columns"];

/// Those that are passed over, too.
impl Config {
    /// Whether `word` is one of a config.
    pub fn knows(word: &str) -> bool {
        KNOWN.contains(&word)
    }

    /// Whether `word` is one of dbt's that says nothing here.
    pub fn passes_over(word: &str) -> bool {
        SAYS_NOTHING.contains(&word) || DECIDED_ELSEWHERE.iter().any(|(known, _)| *known == word)
    }

    /// A word that is like one of a config: a slip. Any other unknown word is one of the project's own, or of
    /// another database.
    fn slip(word: &str) -> Option<String> {
        if Self::knows(word) || Self::passes_over(word) {
            return None;
        }
        did_you_mean(word, KNOWN.iter().copied())
    }

    /// `yes` and `no` are texts in elt's YAML, and what they say where a word takes nothing but true and false.
    fn truth(word: &str, value: &Value) -> Value {
        let is_word_of_truth = ["enabled", "full_refresh", "unlogged", "invalidate_hard_deletes", "report"];
        let said = value.as_str().filter(|_| is_word_of_truth.contains(&word)).map(str::to_lowercase);
        match said.as_deref() {
            Some("yes" | "on" | "true") => Value::Bool(true),
            Some("no" | "off" | "false") => Value::Bool(false),
            _ => value.clone(),
        }
    }

    /// Warnings of the words that something else decides here, and of those that say nothing.
    pub fn passed_over(words: &Map<String, Value>, place: &Location) -> Vec<Diagnostic> {
        let own = words
            .keys()
            .filter(|word| !Self::knows(word) && !Self::passes_over(word) && Self::slip(word).is_none());
        let own = own.map(|word| {
            Diagnostic::warning(
                "unknown-config",
                format!("config has no word `{word}`: it says nothing here"),
            )
            .at(place.closer(word))
            .hint("notes of your own are kept under `meta`")
        });
        let found =
            DECIDED_ELSEWHERE.iter().filter(|(word, _)| words.get(*word).is_some_and(|it| !it.is_null()));
        found
            .map(|(word, instead)| {
                Diagnostic::warning("passed-over", format!("config's `{word}` is passed over"))
                    .at(place.closer(word))
                    .hint(*instead)
            })
            .chain(own)
            .collect()
    }

    /// From the words as written. Every misspelt or mistyped word is told, at `place`.
    pub fn read(words: &Map<String, Value>, place: &Location) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let written = words.iter().map(|(word, value)| (word.clone(), Self::truth(word, value))).collect();
        // Under one spelling of each.
        let mut words = Map::new();
        join_words(&mut words, written);
        for (word, hint) in words.keys().filter_map(|word| Some((word, Self::slip(word)?))) {
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
        Ok(serde_json::from_value(Value::Object(words)).expect("each word was read just above"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use crate::diagnostic::{Severity, SourceFile};

    #[test]
    fn the_schema_has_the_words_of_config_and_no_others() {
        let schema: Value = serde_json::from_str(include_str!("../schema/properties.json")).unwrap();
        let words = schema.pointer("/definitions/config/properties").unwrap().as_object().unwrap();
        let written: BTreeSet<&str> = words.keys().map(String::as_str).collect();
        let elsewhere = DECIDED_ELSEWHERE.iter().map(|(word, _)| *word);
        let known: BTreeSet<&str> =
            KNOWN.iter().copied().chain(elsewhere).chain(SAYS_NOTHING.iter().copied()).collect();
        assert_eq!(written, known);
    }

    #[test]
    fn a_slip_is_an_error_and_a_word_of_ones_own_is_passed_over_with_a_warning() {
        let place = Location::start_of(&Arc::new(SourceFile { path: "m.sql".into(), text: String::new() }));
        let words = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let own = words(r#"{"transient": true, "materialized": "table"}"#);
        assert!(Config::read(&own, &place).is_ok());
        let told = Config::passed_over(&own, &place);
        assert!(told.len() == 1 && told[0].severity == Severity::Warning, "{told:?}");
        let slip = words(r#"{"materialised": "table"}"#);
        assert!(Config::passed_over(&slip, &place).is_empty());
        assert_eq!(Config::read(&slip, &place).unwrap_err()[0].code, "unknown-config");
    }
}
