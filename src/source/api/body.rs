//! The body of a request: a field may lie deep in it, `variables.after`. Pure.

use serde_json::{Map, Value};

/// Puts `value` where the dots of `way` lead, through objects that are made where they lack.
pub fn put(body: &mut Map<String, Value>, way: &str, value: Value) {
    let Some((name, rest)) = way.split_once('.') else {
        body.insert(way.to_owned(), value);
        return;
    };
    let inner = body.entry(name).or_insert_with(|| Value::Object(Map::new()));
    if !inner.is_object() {
        *inner = Value::Object(Map::new());
    }
    if let Value::Object(inner) = inner {
        put(inner, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_lies_where_its_dots_lead() {
        let Value::Object(mut body) = json!({"query": "q", "variables": {"first": 5}}) else { return };
        put(&mut body, "variables.after", json!("c"));
        put(&mut body, "a.b.c", json!(1));
        put(&mut body, "query.x", json!(2));
        put(&mut body, "plain", json!(3));
        let wanted = json!({"query": {"x": 2}, "variables": {"first": 5, "after": "c"}, "a": {"b": {"c": 1}}, "plain": 3});
        assert_eq!(Value::Object(body), wanted);
    }
}
