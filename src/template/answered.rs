//! Answers as templates see them: a query's rows as dbt's tables (`rows`, `columns`, `column_names`), where rows
//! and columns are found by name and by number; columns of relations with dbt's names for their parts.

use tera::value::Key;
use tera::{Kwargs, Map, State, Tera, TeraResult, Value};

use super::functions::part_of_target;
use super::marks;
use super::questions::{Answer, Column, Kind, QuestionKind, Table};
use super::state::{ask, execute, fail, is_guessing, reference_of, relation_of, remember_result, result_of};

/// Says of a map which of these it is; no name of a column is a number or a bool.
const WHAT: Key<'static> = Key::Bool(true);
const ROW: i64 = 1;
const COLUMN: i64 = 2;
const COLUMNS: i64 = 3;
const TABLE: i64 = 4;

pub(super) fn register(tera: &mut Tera) {
    tera.register_function("elt_execute", |_: Kwargs, _: &State| execute());
    tera.register_function("run_query", |arguments: Kwargs, _: &State| {
        rows(&arguments.must_get::<String>("sql")?)
    });
    // `{% call statement(…) %}`, whose text is the SQL.
    tera.register_function("elt_statement", |arguments: Kwargs, _: &State| {
        let table = rows(&arguments.must_get::<String>("sql")?)?;
        let name = arguments.get::<Value>("name")?.map(|name| name.to_string()).unwrap_or_default();
        if arguments.get::<bool>("fetch_result")?.unwrap_or(false) {
            remember_result(name, result(table));
        }
        Ok::<_, tera::Error>(String::new())
    });
    tera.register_function("load_result", |arguments: Kwargs, _: &State| {
        let name = arguments.must_get::<String>("name")?;
        Ok::<_, tera::Error>(result_of(&name).unwrap_or_else(Value::none))
    });
    tera.register_function("elt_columns", |arguments: Kwargs, _: &State| {
        let columns = relation(&named(&arguments, "relation")?)?;
        Ok::<_, tera::Error>(Value::from(columns.iter().flatten().map(column).collect::<Vec<_>>()))
    });
    tera.register_function("load_relation", |arguments: Kwargs, _: &State| {
        let name = named(&arguments, "relation")?;
        Ok::<_, tera::Error>(relation(&name)?.map_or_else(Value::none, |_| Value::from(name)))
    });
    tera.register_function("elt_find_relation", |arguments: Kwargs, _: &State| {
        let (schema, name) = (named(&arguments, "schema")?, named(&arguments, "identifier")?);
        let name = relation_of(&schema, &name);
        Ok::<_, tera::Error>(relation(&name)?.map_or_else(Value::none, |_| Value::from(name)))
    });
    tera.register_function("elt_told", |arguments: Kwargs, _: &State| {
        Ok::<_, tera::Error>(told(&arguments.must_get::<String>("relation")?))
    });
    tera.register_filter("elt_part", |value: Value, arguments: Kwargs, _: &State| {
        part(value, &arguments.must_get::<String>("part")?)
    });
    tera.register_function("elt_relation", |arguments: Kwargs, _: &State| {
        Ok::<_, tera::Error>(relation_of(&named(&arguments, "schema")?, &named(&arguments, "identifier")?))
    });
    tera.register_function("elt_each", |arguments: Kwargs, _: &State| {
        let of = arguments.get::<Value>("of")?.unwrap_or_else(Value::undefined);
        Ok::<_, tera::Error>(each(&of).map_or(of, Value::from))
    });
    tera.register_function("elt_truth", |arguments: Kwargs, _: &State| {
        let of = arguments.get::<Value>("of")?.unwrap_or_else(Value::undefined);
        Ok::<_, tera::Error>(length(&of).map_or_else(|| of.is_truthy(), |items| items > 0))
    });
    for part in ["values", "keys"] {
        tera.register_filter(part, move |value: Value, _: Kwargs, _: &State| match part {
            "values" => values(&value),
            _ => keys(&value),
        });
    }
    tera.register_filter("print_table", |_: Value, _: Kwargs, _: &State| String::new());
    for word in ["is_string", "is_integer", "is_float", "is_numeric", "is_number"] {
        tera.register_filter(word, move |column: &Map, _: Kwargs, _: &State| {
            column.get(&Key::Str(word)).is_some_and(Value::is_truthy)
        });
    }
}

fn named(arguments: &Kwargs, name: &str) -> TeraResult<String> {
    let value = arguments.get::<Value>(name)?.unwrap_or_else(Value::none);
    match value.as_str() {
        Some(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        _ => fail(
            format!(
                "`{name}` is of the kind `{}`, and must name a relation or a part of its name",
                value.name()
            ),
            "write ref('…') or source('…', '…')",
        ),
    }
}

/// A relation's published name as a literal.
fn told(relation: &str) -> String {
    match reference_of(relation) {
        Some(_) => format!("'{relation}{}'", marks::TOLD),
        None => crate::name::literal(relation),
    }
}

/// A part of what a relation is called, or the field of a map.
fn part(of: Value, part: &str) -> TeraResult<Value> {
    if let Some(map) = of.as_map() {
        return Ok(map.get(&Key::Str(part)).cloned().unwrap_or_else(Value::undefined));
    }
    let Some(name) = of.as_str() else { return Ok(Value::undefined()) };
    let own = |part: &str| match part {
        "schema" => Some(0),
        "identifier" | "name" | "table" => Some(1),
        _ => None,
    };
    match (part, reference_of(name), own(part)) {
        ("database", _, _) => Ok(Value::from(part_of_target("dbname")?)),
        (_, Some(_), Some(number)) => {
            Ok(Value::from(format!("{name}{}", [marks::SCHEMA, marks::NAME][number])))
        }
        (_, None, Some(number)) => {
            Ok(parts_of(name).get(number).map_or_else(Value::undefined, |one| Value::from(one.as_str())))
        }
        _ => Ok(Value::undefined()),
    }
}

/// Of `"schema"."name"`.
fn parts_of(name: &str) -> Vec<String> {
    let inside = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    let parts = inside.into_iter().flat_map(|inside| inside.split("\".\""));
    parts.map(|part| part.replace("\"\"", "\"")).collect()
}

fn rows(sql: &str) -> TeraResult<Value> {
    Ok(match ask(QuestionKind::Rows, sql)? {
        Some(Answer::Rows(found)) => table(&found),
        _ => table(&Table::default()),
    })
}

fn relation(name: &str) -> TeraResult<Option<Vec<Column>>> {
    Ok(match ask(QuestionKind::Relation, name)? {
        Some(Answer::Relation(found)) => found,
        _ => None,
    })
}

fn marked(what: i64) -> Map {
    Map::from_iter([(WHAT, Value::from(what))])
}

fn is(value: &Value, what: i64) -> bool {
    value.as_map().and_then(|map| map.get(&WHAT)).is_some_and(|found| *found == Value::from(what))
}

fn numbered(map: &mut Map, items: &[Value]) {
    map.extend(items.iter().enumerate().map(|(index, item)| (Key::U64(index as u64), item.clone())));
}

/// Agate's table: it walks over its rows and counts them.
fn table(table: &Table) -> Value {
    let names: Vec<Key<'static>> = table.columns.iter().map(|(name, _)| Key::from(name.clone())).collect();
    let mut by_column: Vec<Vec<Value>> = vec![Vec::with_capacity(table.rows.len()); names.len()];
    let rows = table.rows.iter().map(|cells| {
        let mut row = marked(ROW);
        for (index, cell) in cells.iter().enumerate().take(names.len()) {
            let value = value(cell.as_deref(), table.columns[index].1);
            by_column[index].push(value.clone());
            row.insert(Key::U64(index as u64), value.clone());
            row.insert(names[index].clone(), value);
        }
        Value::from(row)
    });
    let rows: Vec<Value> = rows.collect();
    let mut columns = marked(COLUMNS);
    for (index, (name, values)) in names.iter().zip(by_column).enumerate() {
        let mut column = marked(COLUMN);
        numbered(&mut column, &values);
        column.insert(Key::from("name"), name.as_value());
        let column = Value::from(column);
        columns.insert(Key::U64(index as u64), column.clone());
        columns.insert(name.clone(), column);
    }
    let mut whole = marked(TABLE);
    numbered(&mut whole, &rows);
    whole.insert(Key::from("rows"), Value::from(rows));
    whole.insert(Key::from("columns"), Value::from(columns));
    let names: Vec<Value> = names.iter().map(Key::as_value).collect();
    whole.insert(Key::from("column_names"), Value::from(names));
    Value::from(whole)
}

/// What `load_result` gives: the rows as lists, and the table.
fn result(table: Value) -> Value {
    let rows = each(&table).unwrap_or_default();
    let data: Vec<Value> = rows.iter().map(|row| Value::from(each(row).unwrap_or_default())).collect();
    let response = Value::from(format!("SELECT {}", data.len()));
    let parts = [("data", Value::from(data)), ("table", table), ("response", response)];
    Value::from(parts.into_iter().map(|(name, value)| (Key::from(name), value)).collect::<Map>())
}

/// A number that a template's number would not hold exactly stays text.
fn value(text: Option<&str>, kind: Kind) -> Value {
    let Some(text) = text else { return Value::none() };
    let number = match kind {
        Kind::Integer => text.parse::<i64>().ok().map(Value::from),
        Kind::Number => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(whole), _) => Some(Value::from(whole)),
            (_, Ok(number)) if number.is_finite() && is_exact(text, number) => Some(Value::from(number)),
            _ => None,
        },
        Kind::Boolean => Some(Value::from(text == "t" || text == "true")),
        Kind::Text => None,
    };
    number.unwrap_or_else(|| Value::from(text))
}

fn is_exact(text: &str, number: f64) -> bool {
    let plain = |text: &str| text.trim_end_matches('0').trim_end_matches('.').to_owned();
    text.contains('.') && plain(text) == plain(&format!("{number:?}"))
}

/// What a loop walks over; nothing of what tera walks over as Python does.
pub(super) fn each(value: &Value) -> Option<Vec<Value>> {
    let map = value.as_map()?;
    if is(value, TABLE) {
        return map.get(&Key::Str("rows")).and_then(Value::as_array).map(<[Value]>::to_vec);
    }
    if map.contains_key(&WHAT) {
        let numbered = map.iter().filter(|(key, _)| matches!(key, Key::U64(_)));
        return Some(numbered.map(|(_, value)| value.clone()).collect());
    }
    // Python walks over the keys of a map.
    Some(map.keys().map(Key::as_value).collect())
}

/// Names with what stands under them; nothing of what is no row and not the columns of a table.
pub(super) fn pairs_of(value: &Value) -> Option<Vec<(Value, Value)>> {
    let map = value.as_map().filter(|_| is(value, ROW) || is(value, COLUMNS))?;
    let named = map.iter().filter(|(key, _)| key.as_str().is_some());
    Some(named.map(|(key, value)| (key.as_value(), value.clone())).collect())
}

fn values(value: &Value) -> TeraResult<Value> {
    Ok(match (value.as_map(), value.as_map().is_some_and(|map| map.contains_key(&WHAT))) {
        (Some(_), true) => Value::from(each(value).unwrap_or_default()),
        (Some(map), false) => Value::from(map.values().cloned().collect::<Vec<_>>()),
        // Before anything is asked there are no columns to have values.
        (None, _) if is_guessing() => Value::from(Vec::<Value>::new()),
        (None, _) => return fail(no_map(value, "values"), "only maps, rows and columns have them"),
    })
}

fn no_map(value: &Value, part: &str) -> String {
    format!("what is of the kind `{}` has no {part}", value.name())
}

fn keys(value: &Value) -> TeraResult<Value> {
    let keys: Vec<Value> = match (pairs_of(value), value.as_map()) {
        (Some(pairs), _) => pairs.into_iter().map(|(key, _)| key).collect(),
        (None, Some(map)) => map.keys().map(Key::as_value).collect(),
        (None, None) if is_guessing() => Vec::new(),
        (None, None) => return fail(no_map(value, "keys"), "only maps and rows have them"),
    };
    Ok(Value::from(keys))
}

/// How many rows, columns or values; nothing where tera counts right.
pub(super) fn length(value: &Value) -> Option<usize> {
    value.as_map().filter(|map| map.contains_key(&WHAT)).and_then(|_| each(value)).map(|items| items.len())
}

/// dbt's column of a relation.
fn column(column: &Column) -> Value {
    let Column { name, data_type } = column;
    let (base, size) = match data_type.split_once('(') {
        Some((base, rest)) => {
            let (inside, behind) = rest.split_once(')').unwrap_or((rest, ""));
            (format!("{}{behind}", base.trim_end()), Some(inside))
        }
        None => (data_type.clone(), None),
    };
    let is_string = ["text", "character varying", "character", "varchar"].contains(&base.as_str());
    let is_integer = ["smallint", "integer", "bigint"].contains(&base.as_str());
    let is_float = ["real", "double precision"].contains(&base.as_str());
    let is_numeric = base == "numeric";
    let size: Vec<Option<i64>> =
        size.iter().flat_map(|size| size.split(',')).map(|one| one.trim().parse().ok()).collect();
    let number = |index: usize, wanted: bool| {
        let found = size.get(index).copied().flatten().filter(|_| wanted);
        found.map_or_else(Value::none, Value::from)
    };
    let quoted = format!("\"{}\"", name.replace('"', "\"\""));
    let parts = [
        ("name", Value::from(name.as_str())),
        ("column", Value::from(name.as_str())),
        ("quoted", Value::from(quoted)),
        ("dtype", Value::from(base.as_str())),
        ("data_type", Value::from(data_type.as_str())),
        ("char_size", number(0, is_string)),
        ("numeric_precision", number(0, is_numeric)),
        ("numeric_scale", number(1, is_numeric)),
        ("is_string", Value::from(is_string)),
        ("is_integer", Value::from(is_integer)),
        ("is_float", Value::from(is_float)),
        ("is_numeric", Value::from(is_numeric)),
        ("is_number", Value::from(is_integer || is_float || is_numeric)),
    ];
    Value::from(parts.into_iter().map(|(name, value)| (Key::from(name), value)).collect::<Map>())
}
