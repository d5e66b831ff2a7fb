//! A node's config as dbt's tools expect to find it: the words as written, and dbt's defaults for the rest.

use serde_json::{Map, Value, json};

use crate::manifest::{Node, Test, notes};
use crate::secret::Secrets;

/// The config of a model or seed.
pub(super) fn of_node(node: &Node, secrets: &Secrets) -> Value {
    let mut config = Map::with_capacity(24);
    config.insert("enabled".into(), true.into());
    for (word, value) in [
        ("alias", Value::Null),
        ("schema", Value::Null),
        ("database", Value::Null),
        ("group", Value::Null),
        ("incremental_strategy", Value::Null),
        ("persist_docs", json!({"relation": true, "columns": true})),
        ("post-hook", json!([])),
        ("pre-hook", json!([])),
        ("quoting", json!({})),
        ("column_types", json!({})),
        ("full_refresh", Value::Null),
        ("unique_key", Value::Null),
        ("on_schema_change", "ignore".into()),
        ("on_configuration_change", "apply".into()),
        ("grants", json!({})),
        ("packages", json!([])),
        ("docs", json!({"show": true, "node_color": null})),
        ("contract", json!({"enforced": false, "alias_types": true})),
    ] {
        config.insert(word.into(), value);
    }
    // dbt's schema has a `freshness` of models that means another thing.
    for (word, value) in node.words.iter().filter(|(word, _)| *word != "freshness") {
        put(&mut config, word, value);
    }
    config.insert("materialized".into(), node.materialization.name().into());
    config.insert("tags".into(), node.config.tags.clone().into());
    config.insert("meta".into(), notes(&node.config.meta));
    hidden(Value::Object(config), secrets)
}

/// The config of a source.
pub(super) fn of_source(node: &Node, secrets: &Secrets) -> Value {
    let config = &node.config;
    let words = json!({
        "enabled": true,
        "freshness": config.freshness,
        "loaded_at_field": config.loaded_at_field,
        "loaded_at_query": config.loaded_at_query,
        "meta": notes(&config.meta),
        "tags": config.tags,
    });
    hidden(words, secrets)
}

/// dbt writes hooks as lists of objects, under names with a dash.
fn put(config: &mut Map<String, Value>, word: &str, value: &Value) {
    let word = match word {
        "pre_hook" => "pre-hook",
        "post_hook" => "post-hook",
        other => other,
    };
    let value = match (word, value) {
        ("pre-hook" | "post-hook", Value::Array(hooks)) => hooks.iter().map(hook).collect(),
        ("pre-hook" | "post-hook", one) => Value::Array(vec![hook(one)]),
        ("contract", Value::Bool(enforced)) => json!({"enforced": enforced, "alias_types": true}),
        ("persist_docs", Value::Bool(persist)) => json!({"relation": persist, "columns": persist}),
        _ => value.clone(),
    };
    config.insert(word.to_owned(), value);
}

fn hook(written: &Value) -> Value {
    match written {
        Value::Object(_) => written.clone(),
        other => json!({"sql": other, "transaction": true, "index": null}),
    }
}

/// The config of a test.
pub(super) fn of_test(test: &Test, secrets: &Secrets) -> Value {
    let mut config = Map::from_iter([
        ("enabled".to_owned(), Value::Bool(true)),
        ("alias".to_owned(), Value::Null),
        ("schema".to_owned(), "dbt_test__audit".into()),
        ("database".to_owned(), Value::Null),
        ("group".to_owned(), Value::Null),
        ("store_failures".to_owned(), Value::Null),
        ("store_failures_as".to_owned(), Value::Null),
        ("where".to_owned(), Value::Null),
        ("limit".to_owned(), Value::Null),
        ("fail_calc".to_owned(), "count(*)".into()),
        ("warn_if".to_owned(), "!= 0".into()),
        ("error_if".to_owned(), "!= 0".into()),
        ("severity".to_owned(), "ERROR".into()),
    ]);
    config.extend(test.words.clone());
    if let Some(severity) = test.config.severity.as_ref() {
        config.insert("severity".into(), severity.to_uppercase().into());
    }
    config.insert("materialized".into(), "test".into());
    config.insert("tags".into(), test.config.tags.clone().into());
    config.insert("meta".into(), notes(&test.config.meta));
    hidden(Value::Object(config), secrets)
}

/// The value without secrets.
pub(super) fn hidden(mut value: Value, secrets: &Secrets) -> Value {
    hide(&mut value, secrets);
    value
}

fn hide(value: &mut Value, secrets: &Secrets) {
    match value {
        Value::String(text) => *text = secrets.hide(text),
        Value::Array(values) => values.iter_mut().for_each(|value| hide(value, secrets)),
        Value::Object(map) => map.values_mut().for_each(|value| hide(value, secrets)),
        _ => {}
    }
}
