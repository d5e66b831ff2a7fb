//! Answers as templates see them: a query's rows as dbt's tables (`rows`, `columns`, `column_names`), where rows
//! and columns are found by name and by number; columns of relations with dbt's names for their parts.

use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::value::{Enumerator, Object, ObjectRepr, Tuple, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::arguments::Arguments;
use super::collections::{List, Map};
use super::marks;
use super::questions::{Answer, Column, Kind, QuestionKind, Table};
use super::relation::Relation;
use super::state::{ask, fail, reference_of, remember_result};

/// Values with names, found by either: a row of a table, a column of its values, or its columns.
#[derive(Debug)]
struct Series {
    items: Vec<Value>,
    /// As many as items, or none.
    names: Arc<[String]>,
    /// Of a column.
    name: Option<String>,
}

impl Series {
    fn named(&self, name: &str) -> Option<Value> {
        let at = self.names.iter().position(|known| known == name)?;
        self.items.get(at).cloned()
    }

    fn pairs(&self) -> Vec<(Value, Value)> {
        let names = self.names.iter().map(|name| Value::from(name.as_str()));
        names.zip(self.items.iter().cloned()).collect()
    }
}

impl Object for Series {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some(name) => self.named(name).or_else(|| match name {
                "name" => self.name.as_deref().map(Value::from),
                _ => None,
            }),
            None => self.items.get(key.as_usize()?).cloned(),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.items.clone())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.items.len())
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        match method {
            "values" => Ok(List::value(self.items.clone())),
            "values_without_nulls" => {
                Ok(List::value(self.items.iter().filter(|item| !item.is_none()).cloned().collect()))
            }
            "values_distinct" => {
                let mut kept: Vec<Value> = Vec::new();
                for item in &self.items {
                    if !kept.contains(item) {
                        kept.push(item.clone());
                    }
                }
                Ok(List::value(kept))
            }
            "keys" => Ok(List::value(self.pairs().into_iter().map(|(name, _)| name).collect())),
            "items" => Ok(List::value(
                self.pairs()
                    .into_iter()
                    .map(|(name, value)| Value::from(Tuple::from([name, value])))
                    .collect(),
            )),
            "dict" => Ok(Map::value(self.pairs().into_iter().collect())),
            "get" => {
                let (name, instead): (&str, Option<Value>) = from_args(given)?;
                Ok(self.named(name).or(instead).unwrap_or(Value::from(())))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// Agate's table: it walks over its rows and counts them.
#[derive(Debug)]
struct Rows {
    rows: Vec<Value>,
    columns: Value,
    names: Arc<[String]>,
}

impl Object for Rows {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some("rows") => Some(List::value(self.rows.clone())),
            Some("columns") => Some(self.columns.clone()),
            Some("column_names") => {
                Some(List::value(self.names.iter().map(|name| Value::from(name.as_str())).collect()))
            }
            Some(_) => None,
            None => self.rows.get(key.as_usize()?).cloned(),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.rows.clone())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.rows.len())
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, _: &[Value]) -> Result<Value, Error> {
        match method {
            "print_table" => Ok(Value::from("")),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

fn table(table: &Table) -> Value {
    let names: Arc<[String]> = table.columns.iter().map(|(name, _)| name.clone()).collect();
    let mut by_column: Vec<Vec<Value>> = vec![Vec::with_capacity(table.rows.len()); names.len()];
    let mut rows = Vec::with_capacity(table.rows.len());
    for cells in &table.rows {
        let kinds = table.columns.iter().map(|(_, kind)| *kind);
        let items: Vec<Value> =
            cells.iter().zip(kinds).map(|(cell, kind)| value(cell.as_deref(), kind)).collect();
        for (column, item) in by_column.iter_mut().zip(&items) {
            column.push(item.clone());
        }
        rows.push(Value::from_object(Series { items, names: names.clone(), name: None }));
    }
    let columns = names.iter().zip(by_column).map(|(name, items)| {
        Value::from_object(Series { items, names: Arc::default(), name: Some(name.clone()) })
    });
    let columns = Series { items: columns.collect(), names: names.clone(), name: None };
    Value::from_object(Rows { rows, columns: Value::from_object(columns), names })
}

/// A number that a template's number would not hold exactly stays text.
fn value(text: Option<&str>, kind: Kind) -> Value {
    let Some(text) = text else { return Value::from(()) };
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

/// What a query gives; an empty table while nothing is asked.
pub(super) fn rows(sql: &str) -> Result<Value, Error> {
    Ok(match ask(QuestionKind::Rows, sql)? {
        Some(Answer::Rows(found)) => table(&found),
        _ => table(&Table::default()),
    })
}

/// `{% call statement('name', fetch_result=true) %}`, whose text is the SQL.
pub(super) fn statement(state: &mut State, arguments: &Arguments<'_>) -> Result<Value, Error> {
    let Some(caller) = arguments.get("caller").cloned() else {
        let hint =
            "write `{% call statement('name', fetch_result=true) %}…{% endcall %}`, or `run_query('…')`";
        return fail("`statement` has no text to run".to_owned(), hint);
    };
    let sql = caller.call(state, &[])?;
    let table = rows(&sql.to_string())?;
    if arguments.flag("fetch_result") {
        remember_result(arguments.optional_text("name").unwrap_or_default(), result(table)?);
    }
    Ok(Value::from(""))
}

/// What `load_result` gives: the rows as lists, and the table.
fn result(table: Value) -> Result<Value, Error> {
    let rows = table.try_iter()?.map(|row| Ok(List::value(row.try_iter()?.collect())));
    let data: Vec<Value> = rows.collect::<Result<_, Error>>()?;
    let response = Value::from(format!("SELECT {}", data.len()));
    let parts = [("data", List::value(data)), ("table", table), ("response", response)];
    Ok(Map::value(parts.into_iter().map(|(name, value)| (Value::from(name), value)).collect()))
}

pub(super) fn result_of(name: &str) -> Value {
    super::state::result_of(name).unwrap_or(Value::from(()))
}

fn relation(name: &str) -> Result<Option<Vec<Column>>, Error> {
    Ok(match ask(QuestionKind::Relation, name)? {
        Some(Answer::Relation(found)) => found,
        _ => None,
    })
}

/// The columns of a relation; none while nothing is asked.
pub(super) fn columns(name: &str) -> Result<Value, Error> {
    Ok(List::value(relation(name)?.iter().flatten().map(column).collect()))
}

/// The relation if there is one.
pub(super) fn found_relation(name: String) -> Result<Value, Error> {
    Ok(relation(&name)?.map_or(Value::from(()), |_| Relation::value(name)))
}

/// A relation's published name as a literal.
pub(super) fn told(relation: &str) -> String {
    match reference_of(relation) {
        Some(_) => format!("'{relation}{}'", marks::TOLD),
        None => crate::name::literal(relation),
    }
}

/// dbt's column of a relation.
#[derive(Debug)]
struct ColumnOf(IndexMap<&'static str, Value>);

impl Object for ColumnOf {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_str()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|name| Value::from(*name)).collect())
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        let () = from_args(given)?;
        match method {
            "is_string" | "is_integer" | "is_float" | "is_numeric" | "is_number" => {
                Ok(self.0.get(method).cloned().unwrap_or_default())
            }
            "string_size" => Ok(self.0.get("char_size").cloned().unwrap_or_default()),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

pub(super) fn column(column: &Column) -> Value {
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
        found.map_or(Value::from(()), Value::from)
    };
    let parts = [
        ("name", Value::from(name.as_str())),
        ("column", Value::from(name.as_str())),
        ("quoted", Value::from(super::state::quoted(name))),
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
    Value::from_object(ColumnOf(parts.into_iter().collect()))
}
