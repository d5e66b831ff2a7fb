//! Functions and filters of Python and dbt that minijinja lacks, over values alone: they know nothing of the
//! project.

use jiff::civil::{Date, DateTime};
use minijinja::value::{Kwargs, ObjectRepr, Rest, Serde, Tuple, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value};
use serde_json::Value as Json;

use super::arguments::Arguments;
use super::collections::{List, Map, items_of};
use super::state::fail;

pub(super) fn register(environment: &mut Environment<'static>) {
    environment.add_filter("tojson", |value: Value, indent: Option<usize>, named: Kwargs| {
        let indent = indent.or(named.get("indent")?);
        named.assert_all_used()?;
        python_json(&ordered(&value)?, indent)
    });
    environment.add_filter("as_text", |value: Value| value.to_string());
    for name in ["as_native", "as_bool", "as_number"] {
        environment.add_filter(name, native);
    }
    for name in ["default", "d"] {
        environment.add_filter(name, default);
    }
    environment.add_filter(
        "int",
        |value: Value, default: Option<Value>, base: Option<u32>, named: Kwargs| {
            let instead = default.or(named.get("default")?).unwrap_or(Value::from(0));
            let base = base.or(named.get("base")?).unwrap_or(10);
            named.assert_all_used()?;
            Ok::<_, Error>(whole_number(&value, base).unwrap_or(instead))
        },
    );
    environment.add_filter("float", |value: Value, default: Option<Value>, named: Kwargs| {
        let instead = default.or(named.get("default")?).unwrap_or(Value::from(0.0));
        named.assert_all_used()?;
        let text = value.to_string();
        let read =
            text.trim().parse::<f64>().ok().or_else(|| value.is_true().then(|| f64::try_from(value).ok())?);
        Ok::<_, Error>(read.map_or(instead, Value::from))
    });
    environment.add_filter("replace", |text: String, from: String, to: String, count: Option<usize>| {
        match count {
            Some(count) => text.replacen(&from, &to, count),
            None => text.replace(&from, &to),
        }
    });
    environment.add_filter("truncate", truncated);
    environment.add_filter("wordcount", minijinja_contrib::filters::wordcount);
    environment.add_filter("filesizeformat", minijinja_contrib::filters::filesizeformat);
    environment.add_filter("striptags", minijinja_contrib::filters::striptags);
    environment.add_filter("center", |text: String, width: Option<usize>| {
        super::python::centered(&text, width.unwrap_or(80), ' ')
    });
    environment.add_filter("format", |state: &mut State, text: Value, given: Rest<ValueOrKwargs>| {
        let given: Vec<Value> = given.into_values();
        // `'%(name)s' % {'name': …}`
        let named = match given.as_slice() {
            [map] if map.kind() == ValueKind::Map && !map.is_kwargs() => Some(named_values(map)?),
            _ => None,
        };
        let given = named.map_or(given, |named| vec![named]);
        let filter: Vec<ValueOrKwargs> = given.into_iter().map(ValueOrKwargs::from).collect();
        minijinja::filters::format(state, &text, Rest(filter))
    });
    environment.add_test("callable", |value: Value| {
        value.as_object().is_some_and(|object| object.repr() == ObjectRepr::Plain)
    });
    environment.add_function("joiner", minijinja_contrib::globals::joiner);
}

fn default(
    value: Value,
    instead: Option<Value>,
    boolean: Option<bool>,
    named: Kwargs,
) -> Result<Value, Error> {
    let instead = instead.or(named.get("default_value")?).unwrap_or_else(|| Value::from(""));
    let is_lax = boolean.or(named.get("boolean")?).unwrap_or(false);
    named.assert_all_used()?;
    Ok(if value.is_undefined() || is_lax && !value.is_true() { instead } else { value })
}

fn whole_number(value: &Value, base: u32) -> Option<Value> {
    let Some(text) = value.as_str() else {
        return if value.is_number() || value.kind() == ValueKind::Bool {
            f64::try_from(value.clone())
                .ok()
                .map(|number| number.trunc())
                .and_then(|number| i64::try_from(value.clone()).ok().or(Some(number as i64)).map(Value::from))
        } else {
            None
        };
    };
    let digits = text.trim().replace('_', "");
    let prefix = match base {
        16 => "0x",
        8 => "0o",
        2 => "0b",
        _ => "",
    };
    let lowered = digits.to_lowercase();
    let digits = lowered.strip_prefix(prefix).unwrap_or(&lowered);
    let whole = i128::from_str_radix(digits, base).ok().map(Value::from);
    whole.or_else(|| {
        (base == 10).then(|| digits.parse::<f64>().ok())?.map(|number| Value::from(number as i64))
    })
}

/// A text cut at `length` characters, between words unless words may be killed.
fn truncated(text: String, given: Rest<ValueOrKwargs>) -> Result<String, Error> {
    let given: Vec<Value> = given.into_values();
    let arguments = Arguments::read("truncate", &["length", "killwords", "end", "leeway"], &given)?;
    let number = |name: &str| arguments.get(name).and_then(Value::as_usize);
    let (length, leeway) = (number("length").unwrap_or(255), number("leeway").unwrap_or(5));
    let kills = arguments.flag("killwords");
    let end = arguments.optional_text("end").unwrap_or_else(|| "...".to_owned());
    if text.chars().count() <= length + leeway {
        return Ok(text);
    }
    let cut: String = text.chars().take(length.saturating_sub(end.chars().count())).collect();
    let kept = if kills { cut.as_str() } else { cut.rsplit_once(' ').map_or(cut.as_str(), |(kept, _)| kept) };
    Ok(format!("{kept}{end}"))
}

/// A map as arguments by name.
fn named_values(map: &Value) -> Result<Value, Error> {
    let named = map.try_iter()?.map(|name| Ok((name.to_string(), map.get_item(&name)?)));
    Ok(Value::from(named.collect::<Result<Kwargs, Error>>()?))
}

/// A value of JSON or YAML, with lists and maps that can be changed.
pub(super) fn changeable(value: &Json) -> Value {
    match value {
        Json::Array(items) => List::value(items.iter().map(changeable).collect()),
        Json::Object(fields) => {
            let entries = fields.iter().map(|(name, value)| (Value::from(name.as_str()), changeable(value)));
            Map::value(entries.collect())
        }
        plain => Value::from(Serde(plain)),
    }
}

pub(super) fn zipped(lists: &[Value]) -> Result<Value, Error> {
    let lists: Vec<Vec<Value>> = lists.iter().map(items_of).collect::<Result<_, _>>()?;
    let rows = 0..lists.iter().map(Vec::len).min().unwrap_or(0);
    let row = |at: usize| Tuple::from(lists.iter().map(|list| list[at].clone()).collect::<Vec<_>>());
    Ok(List::value(rows.map(|at| Value::from(row(at))).collect()))
}

pub(super) fn to_yaml(arguments: &Arguments<'_>) -> Result<Value, Error> {
    let value = match arguments.flag("sort_keys") {
        true => ordered(&arguments.value("value")?)?,
        false => arguments.value("value")?,
    };
    serde_yaml::to_string(&value).map(Value::from).map_err(|error| wrong(error.to_string()))
}

pub(super) fn to_json(arguments: &Arguments<'_>) -> Result<Value, Error> {
    let value = arguments.value("value")?;
    let sorted = match arguments.flag("sort_keys") {
        false => value,
        true => ordered(&value)?,
    };
    python_json(&sorted, None).map(Value::from)
}

fn ordered(value: &Value) -> Result<Value, Error> {
    let json = serde_json::to_value(value).map_err(|error| wrong(error.to_string()))?;
    Ok(Value::from(Serde(sorted(json))))
}

fn sorted(json: Json) -> Json {
    match json {
        Json::Object(fields) => {
            let mut fields: Vec<(String, Json)> =
                fields.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(fields.into_iter().collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(sorted).collect()),
        plain => plain,
    }
}

/// JSON with the spaces that Python puts behind commas and colons, or on lines of their own.
fn python_json(value: &Value, indent: Option<usize>) -> Result<String, Error> {
    let failed = |error: serde_json::Error| wrong(error.to_string());
    struct Spaced;
    impl serde_json::ser::Formatter for Spaced {
        fn begin_array_value<W: ?Sized + std::io::Write>(
            &mut self,
            out: &mut W,
            first: bool,
        ) -> std::io::Result<()> {
            if first { Ok(()) } else { out.write_all(b", ") }
        }

        fn begin_object_key<W: ?Sized + std::io::Write>(
            &mut self,
            out: &mut W,
            first: bool,
        ) -> std::io::Result<()> {
            if first { Ok(()) } else { out.write_all(b", ") }
        }

        fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
            out.write_all(b": ")
        }
    }
    let mut out = Vec::new();
    match indent {
        None => {
            let mut serializer = serde_json::Serializer::with_formatter(&mut out, Spaced);
            serde::Serialize::serialize(value, &mut serializer).map_err(failed)?;
        }
        Some(width) => {
            let spaces = " ".repeat(width);
            let pretty = serde_json::ser::PrettyFormatter::with_indent(spaces.as_bytes());
            let mut serializer = serde_json::Serializer::with_formatter(&mut out, pretty);
            serde::Serialize::serialize(value, &mut serializer).map_err(failed)?;
        }
    }
    String::from_utf8(out).map_err(|error| wrong(error.to_string()))
}

pub(super) fn from_json(arguments: &Arguments<'_>) -> Result<Value, Error> {
    let read = serde_json::from_str::<Json>(&arguments.text("string")?);
    read_or(read.map_err(|error| format!("this is no JSON: {error}")), arguments)
}

pub(super) fn from_yaml(arguments: &Arguments<'_>) -> Result<Value, Error> {
    // As Python's reader: of a key that comes twice the last one holds.
    let options = serde_yaml::options! {
        strict_booleans: true,
        duplicate_keys: serde_yaml::options::DuplicateKeyPolicy::LastWins,
    };
    let read = serde_yaml::from_str_with_options::<Json>(&arguments.text("value")?, options);
    read_or(read.map_err(|error| format!("this is no YAML: {error}")), arguments)
}

fn read_or(read: Result<Json, String>, arguments: &Arguments<'_>) -> Result<Value, Error> {
    match (read, arguments.get("default")) {
        (Ok(value), _) => Ok(changeable(&value)),
        (Err(_), Some(default)) => Ok(default.clone()),
        (Err(message), None) => Err(wrong(message)),
    }
}

/// The number or the truth that a text writes.
fn native(value: Value) -> Value {
    let read = value.as_str().and_then(|text| serde_json::from_str::<Json>(&text.to_lowercase()).ok());
    let read = read.filter(|read| read.is_number() || read.is_boolean());
    read.map_or(value, |read| Value::from(Serde(&read)))
}

pub(super) fn md5(text: &str) -> String {
    use md5::{Digest, Md5};
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A date or time as PostgreSQL writes it, in the format of Python.
pub(super) fn formatted(text: &str, format: &str) -> Result<String, Error> {
    let zoned = text.rfind(['+', '-']).filter(|at| *at > "2000-01-01 00".len());
    let moment: Option<DateTime> = text[..zoned.unwrap_or(text.len())].parse().ok();
    let moment = moment.or_else(|| text.parse::<Date>().ok().map(DateTime::from));
    let written = moment.and_then(|moment| jiff::fmt::strtime::format(format, moment).ok());
    written.map_or_else(
        || {
            fail(
                format!("`{text}` is no date or time that can be written as `{format}`"),
                "write it as PostgreSQL does: '2026-01-31' or '2026-01-31 12:00:00'",
            )
        },
        Ok,
    )
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}
