//! Functions and filters of Jinja, Python and dbt that tera lacks, over values alone: they know nothing of the
//! project and change nothing.

use std::cmp::Ordering;

use jiff::civil::{Date, DateTime};
use serde_json::Value as Json;
use tera::value::Key;
use tera::{Kwargs, Map, State, Tera, TeraResult, Value};

use super::answered;

pub(super) fn register(tera: &mut Tera) {
    functions(tera);
    filters(tera);
    tera.register_test("mapping", |value: &Value, _: Kwargs, _: &State| value.is_map());
    tera.register_test("sequence", |value: &Value, _: Kwargs, _: &State| value.is_array());
    tera.register_test("boolean", |value: &Value, _: Kwargs, _: &State| value.is_bool());
}

fn functions(tera: &mut Tera) {
    for name in ["namespace", "dict"] {
        tera.register_function(name, |arguments: Kwargs, _: &State| {
            let fields = arguments.iter().map(|(key, value)| (Key::from(key.to_string()), value.clone()));
            good(Value::from(fields.collect::<Map>()))
        });
    }
    tera.register_function("elt_with", |arguments: Kwargs, _: &State| {
        let mut map = arguments.must_get::<Value>("of")?.into_map().unwrap_or_default();
        map.insert(Key::from(arguments.must_get::<String>("key")?), arguments.must_get("value")?);
        good(Value::from(map))
    });
    tera.register_function("elt_entry", |arguments: Kwargs, _: &State| {
        let entry = (Key::from(arguments.must_get::<String>("key")?), arguments.must_get::<Value>("value")?);
        good(Value::from(Map::from_iter([entry])))
    });
    tera.register_function("elt_append", |arguments: Kwargs, _: &State| {
        let mut items = items_of(&arguments.must_get("of")?)?;
        items.push(arguments.must_get("value")?);
        good(Value::from(items))
    });
    tera.register_function("elt_extend", |arguments: Kwargs, _: &State| {
        let mut items = items_of(&arguments.must_get("of")?)?;
        items.extend(items_of(&arguments.must_get("value")?)?);
        good(Value::from(items))
    });
    tera.register_function("elt_update", |arguments: Kwargs, _: &State| {
        let mut map = map_of(arguments.must_get("of")?)?;
        map.extend(map_of(arguments.must_get("value")?)?);
        good(Value::from(map))
    });
    tera.register_function("elt_rows", |arguments: Kwargs, _: &State| {
        let of = arguments.must_get::<Value>("of")?;
        if let Some(named) = answered::pairs_of(&of) {
            let pairs = named.into_iter().map(|(name, value)| Value::from(vec![name, value]));
            return good(Value::from(pairs.collect::<Vec<Value>>()));
        }
        good(match (answered::length(&of), of.as_map()) {
            (Some(_), _) => Value::from(answered::each(&of).unwrap_or_default()),
            (None, Some(map)) => Value::from(pairs(map)),
            (None, None) => of,
        })
    });
    tera.register_function("zip", |arguments: Kwargs, _: &State| {
        let lists = ["first", "second", "third", "fourth"].map(|name| arguments.get::<Value>(name));
        let lists = lists.into_iter().filter_map(Result::transpose);
        let lists: Vec<Vec<Value>> = lists.map(|list| items_of(&list?)).collect::<TeraResult<_>>()?;
        let rows = 0..lists.iter().map(Vec::len).min().unwrap_or(0);
        let row = |at: usize| Value::from(lists.iter().map(|list| list[at].clone()).collect::<Vec<_>>());
        good(Value::from(rows.map(row).collect::<Vec<Value>>()))
    });
    tera.register_function("set", |arguments: Kwargs, _: &State| {
        let mut kept: Vec<Value> = Vec::new();
        for item in items_of(&arguments.must_get("items")?)? {
            if !kept.contains(&item) {
                kept.push(item);
            }
        }
        good(Value::from(kept))
    });
    // JSON is YAML, too.
    for name in ["tojson", "toyaml"] {
        tera.register_function(name, |arguments: Kwargs, _: &State| as_json(&arguments.must_get("value")?));
    }
    tera.register_function("fromjson", |arguments: Kwargs, _: &State| {
        let read = serde_json::from_str::<Json>(&arguments.must_get::<String>("string")?);
        match (read, arguments.get::<Value>("default")?) {
            (Ok(value), _) => good(Value::from_serializable(&value)),
            (Err(_), Some(default)) => good(default),
            (Err(error), None) => wrong(format!("this is no JSON: {error}")),
        }
    });
    tera.register_function("elt_quote", |arguments: Kwargs, _: &State| {
        let name = arguments.must_get::<String>("message")?;
        Ok::<_, tera::Error>(format!("\"{}\"", name.replace('"', "\"\"")))
    });
}

fn filters(tera: &mut Tera) {
    tera.register_filter("elt_split", |text: &str, arguments: Kwargs, _: &State| {
        let parts: Vec<Value> = match arguments.get::<String>("separator")? {
            Some(separator) if separator.is_empty() => return wrong("nothing can be split by ''"),
            Some(separator) => text.split(separator.as_str()).map(Value::from).collect(),
            None => text.split_whitespace().map(Value::from).collect(),
        };
        good(Value::from(parts))
    });
    tera.register_filter("elt_starts_with", |text: &str, arguments: Kwargs, _: &State| {
        Ok::<_, tera::Error>(text.starts_with(arguments.must_get::<String>("with")?.as_str()))
    });
    tera.register_filter("elt_ends_with", |text: &str, arguments: Kwargs, _: &State| {
        Ok::<_, tera::Error>(text.ends_with(arguments.must_get::<String>("with")?.as_str()))
    });
    tera.register_filter("elt_joining", |text: &str, arguments: Kwargs, _: &State| {
        let items = items_of(&arguments.must_get("items")?)?;
        Ok::<_, tera::Error>(items.iter().map(Value::to_string).collect::<Vec<_>>().join(text))
    });
    tera.register_filter("elt_get", |map: &Map, arguments: Kwargs, _: &State| {
        let found = map.get(&Key::from(arguments.must_get::<String>("key")?)).cloned();
        good(found.or(arguments.get("default")?).unwrap_or_else(Value::none))
    });
    tera.register_filter("tojson", |value: Value, _: Kwargs, _: &State| as_json(&value));
    tera.register_filter("list", |value: Value, _: Kwargs, _: &State| items_of(&value).map(Value::from));
    tera.register_filter("items", |value: Value, _: Kwargs, _: &State| match answered::pairs_of(&value) {
        Some(named) => {
            let pairs = named.into_iter().map(|(name, value)| Value::from(vec![name, value]));
            good(Value::from(pairs.collect::<Vec<Value>>()))
        }
        None => map_of(value).map(|map| Value::from(pairs(&map))),
    });
    tera.register_filter("elt_strftime", |text: &str, arguments: Kwargs, _: &State| {
        formatted(text, &arguments.must_get::<String>("format")?)
    });
    tera.register_filter("dictsort", |map: &Map, _: Kwargs, _: &State| {
        let mut rows: Vec<(String, Value)> =
            map.iter().map(|(key, value)| (key.to_string(), value.clone())).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        let rows = rows.into_iter().map(|(key, value)| Value::from(vec![Value::from(key), value]));
        good(Value::from(rows.collect::<Vec<Value>>()))
    });
    for name in ["string", "as_text"] {
        tera.register_filter(name, |value: Value, _: Kwargs, _: &State| value.to_string());
    }
    for name in ["as_native", "as_bool", "as_number"] {
        tera.register_filter(name, |value: Value, _: Kwargs, _: &State| match value.as_str() {
            Some(text) => serde_json::from_str::<Json>(&text.to_lowercase())
                .ok()
                .filter(|read| read.is_number() || read.is_boolean())
                .map_or_else(|| value.clone(), |read| Value::from_serializable(&read)),
            None => value,
        });
    }
    for name in ["count", "length"] {
        tera.register_filter(name, |value: Value, _: Kwargs, _: &State| {
            let length = answered::length(&value).or_else(|| value.len());
            length.map_or_else(|| wrong("this has no length"), |length| good(Value::from(length)))
        });
    }
    tera.register_filter("sum", |items: Value, arguments: Kwargs, _: &State| {
        let items = items_of(&items)?;
        let attribute = arguments.get::<String>("attribute")?;
        let numbers = items.iter().map(|item| match &attribute {
            Some(path) => item.get_from_path(path).cloned().unwrap_or_else(Value::none),
            None => item.clone(),
        });
        let numbers: Vec<Value> = numbers.collect();
        let whole: Option<i128> = numbers.iter().map(|one| one.as_i128()).sum();
        match (whole, numbers.iter().map(Value::as_f64).sum::<Option<f64>>()) {
            (Some(sum), _) => good(Value::from(sum)),
            (None, Some(sum)) => good(Value::from(sum)),
            (None, None) => wrong("only numbers have a sum"),
        }
    });
    for (name, wanted) in [("min", Ordering::Less), ("max", Ordering::Greater)] {
        tera.register_filter(name, move |items: Value, _: Kwargs, _: &State| {
            let items = items_of(&items)?;
            let better = |best: &Value, item: &Value| item.partial_cmp(best) == Some(wanted);
            let first = items.into_iter().reduce(|best, item| if better(&best, &item) { item } else { best });
            good(first.unwrap_or_else(Value::none))
        });
    }
    tera.register_filter("map", |items: Value, arguments: Kwargs, state: &State| {
        let items = items_of(&items)?;
        let (attribute, filter) = (arguments.get::<String>("attribute")?, arguments.get::<String>("filter")?);
        let number = attribute.as_ref().and_then(|attribute| attribute.parse::<usize>().ok());
        let one = |item: &Value| match (&attribute, &filter) {
            (Some(_), _) if number.is_some() && (item.is_array() || answered::length(item).is_some()) => {
                let found = number.and_then(|number| items_of(item).ok()?.get(number).cloned());
                good(found.unwrap_or_else(Value::none))
            }
            (Some(path), _) => good(item.get_from_path(path).cloned().unwrap_or_else(Value::none)),
            (None, Some(filter)) => state.call_filter(filter, item, Kwargs::default()),
            (None, None) => wrong("map takes a filter's name, or attribute='…'"),
        };
        items.iter().map(one).collect::<TeraResult<Vec<Value>>>().map(Value::from)
    });
    for (name, keeps) in [("selectattr", true), ("rejectattr", false)] {
        tera.register_filter(name, move |items: Value, arguments: Kwargs, _: &State| {
            let items = items_of(&items)?;
            let path = arguments.must_get::<String>("attribute")?;
            let test = arguments.get::<String>("test")?;
            let value = arguments.get::<Value>("value")?;
            let mut kept = Vec::new();
            for item in items {
                let part = item.get_from_path(&path).cloned().unwrap_or_else(Value::none);
                let holds = match (test.as_deref(), &value) {
                    (None, _) => part.is_truthy(),
                    (Some("equalto" | "eq" | "=="), Some(value)) => part == *value,
                    (Some("ne" | "!="), Some(value)) => part != *value,
                    (Some("in"), Some(value)) => items_of(value)?.contains(&part),
                    (Some("none"), _) => part.is_none(),
                    (Some("defined"), _) => !part.is_none(),
                    (Some(other), _) => return wrong(format!("{name} knows no test `{other}`")),
                };
                if holds == keeps {
                    kept.push(item.clone());
                }
            }
            good(Value::from(kept))
        });
    }
}

/// A date or time as PostgreSQL writes it, in the format of Python.
fn formatted(text: &str, format: &str) -> TeraResult<String> {
    let zoned = text.rfind(['+', '-']).filter(|at| *at > "2000-01-01 00".len());
    let moment: Option<DateTime> = text[..zoned.unwrap_or(text.len())].parse().ok();
    let moment = moment.or_else(|| text.parse::<Date>().ok().map(DateTime::from));
    let written = moment.and_then(|moment| jiff::fmt::strtime::format(format, moment).ok());
    written
        .map_or_else(|| wrong(format!("`{text}` is no date or time that can be written as `{format}`")), Ok)
}

fn good(value: Value) -> TeraResult<Value> {
    Ok(value)
}

fn wrong<T>(message: impl Into<String>) -> TeraResult<T> {
    Err(tera::Error::message(message.into()))
}

fn as_json(value: &Value) -> TeraResult<String> {
    serde_json::to_string(value).map_err(|error| tera::Error::message(error.to_string()))
}

/// As Python walks over a value: the keys of a map, the characters of a text.
fn items_of(value: &Value) -> TeraResult<Vec<Value>> {
    if let (Some(_), Some(items)) = (answered::length(value), answered::each(value)) {
        return Ok(items);
    }
    match (value.as_array(), value.as_map(), value.as_str()) {
        (Some(items), _, _) => Ok(items.to_vec()),
        (_, Some(map), _) => Ok(map.keys().map(|key| Value::from(key.to_string())).collect()),
        (_, _, Some(text)) => Ok(text.chars().map(|c| Value::from(c.to_string())).collect()),
        _ => wrong(format!("a list is wanted here, and this is of the kind `{}`", value.name())),
    }
}

fn map_of(value: Value) -> TeraResult<Map> {
    let kind = value.name();
    value
        .into_map()
        .map_or_else(|| wrong(format!("a map is wanted here, and this is of the kind `{kind}`")), Ok)
}

fn pairs(map: &Map) -> Vec<Value> {
    map.iter().map(|(key, value)| Value::from(vec![Value::from(key.to_string()), value.clone()])).collect()
}
