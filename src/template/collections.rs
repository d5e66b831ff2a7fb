//! Lists and maps that a template can change, as Python's can: `{% do names.append(x) %}` changes the list
//! wherever it is known.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::{IndexMap, IndexSet};
use minijinja::value::{Enumerator, Object, ObjectRepr, Tuple, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::state::fail;

#[derive(Debug, Default)]
pub(super) struct List(Mutex<Vec<Value>>);

#[derive(Debug, Default)]
pub(super) struct Map(Mutex<IndexMap<Value, Value>>);

/// Nothing that holds a lock can fail halfway.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As Python walks over a value: the keys of a map, the characters of a text.
pub(super) fn items_of(value: &Value) -> Result<Vec<Value>, Error> {
    match value.try_iter() {
        Ok(items) => Ok(items.collect()),
        Err(_) => fail(
            format!("a list is wanted here, and this is of the kind `{}`", value.kind()),
            "write it in brackets: `[…]`",
        ),
    }
}

/// The place in a list of `length` that a number of Python means.
pub(super) fn place(number: i64, length: usize) -> Option<usize> {
    let place = if number < 0 { number + i64::try_from(length).ok()? } else { number };
    usize::try_from(place).ok()
}

impl List {
    pub fn value(items: Vec<Value>) -> Value {
        Value::from_object(Self(Mutex::new(items)))
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let items = locked(&self.0);
        items.get(place(key.as_i64()?, items.len())?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(locked(&self.0).clone())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(locked(&self.0).len())
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        let none = Ok(Value::from(()));
        match method {
            "append" => {
                let (item,): (Value,) = from_args(given)?;
                locked(&self.0).push(item);
                none
            }
            "extend" => {
                let (more,): (Value,) = from_args(given)?;
                let more = items_of(&more)?;
                locked(&self.0).extend(more);
                none
            }
            "insert" => {
                let (at, item): (i64, Value) = from_args(given)?;
                let mut items = locked(&self.0);
                let at = place(at, items.len()).unwrap_or(0).min(items.len());
                items.insert(at, item);
                none
            }
            "pop" => {
                let (at,): (Option<i64>,) = from_args(given)?;
                let mut items = locked(&self.0);
                match place(at.unwrap_or(-1), items.len()).filter(|at| *at < items.len()) {
                    Some(at) => Ok(items.remove(at)),
                    None => {
                        fail("there is nothing to take from the list".to_owned(), "ask for its length first")
                    }
                }
            }
            "remove" => {
                let (item,): (Value,) = from_args(given)?;
                let at = locked(&self.0).iter().position(|known| *known == item);
                match at {
                    Some(at) => {
                        locked(&self.0).remove(at);
                        none
                    }
                    None => fail(format!("`{item}` is not in the list"), "ask with `in` first"),
                }
            }
            "clear" => {
                locked(&self.0).clear();
                none
            }
            "reverse" => {
                locked(&self.0).reverse();
                none
            }
            "sort" => {
                let (options,): (minijinja::value::Kwargs,) = from_args(given)?;
                let reverse = options.get::<Option<bool>>("reverse")?.unwrap_or(false);
                options.assert_all_used()?;
                let mut items = locked(&self.0);
                items.sort();
                if reverse {
                    items.reverse();
                }
                none
            }
            // Results and nodes of dbt are objects that can be made maps.
            "copy" | "to_dict" => Ok(Self::value(locked(&self.0).clone())),
            "index" => {
                let (item,): (Value,) = from_args(given)?;
                let at = locked(&self.0).iter().position(|known| *known == item);
                at.map_or_else(
                    || fail(format!("`{item}` is not in the list"), "ask with `in` first"),
                    |at| Ok(Value::from(at)),
                )
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

impl Map {
    pub fn value(entries: IndexMap<Value, Value>) -> Value {
        Value::from_object(Self(Mutex::new(entries)))
    }
}

/// The entries of a map, or of a list of pairs.
fn entries_of(value: &Value) -> Result<Vec<(Value, Value)>, Error> {
    if let Some(pairs) = value.as_object().filter(|object| object.repr() == ObjectRepr::Map) {
        return Ok(pairs.try_iter_pairs().into_iter().flatten().collect());
    }
    let pairs = items_of(value)?.into_iter().map(|pair| {
        let parts = items_of(&pair)?;
        match <[Value; 2]>::try_from(parts) {
            Ok([key, value]) => Ok((key, value)),
            Err(_) => fail("a map is wanted here, or a list of pairs".to_owned(), "write `{'name': value}`"),
        }
    });
    pairs.collect()
}

impl Object for Map {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        locked(&self.0).get(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(locked(&self.0).keys().cloned().collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(locked(&self.0).len())
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        let none = Ok(Value::from(()));
        match method {
            "update" => {
                let mut added = Vec::new();
                for value in given {
                    added.extend(entries_of(value)?);
                }
                locked(&self.0).extend(added);
                none
            }
            "setdefault" => {
                let (key, value): (Value, Option<Value>) = from_args(given)?;
                Ok(locked(&self.0).entry(key).or_insert(value.unwrap_or(Value::from(()))).clone())
            }
            "pop" => {
                let (key, instead): (Value, Option<Value>) = from_args(given)?;
                match locked(&self.0).shift_remove(&key).or(instead) {
                    Some(value) => Ok(value),
                    None => {
                        fail(format!("there is no `{key}` in the map"), "give a default: `pop('…', none)`")
                    }
                }
            }
            "popitem" => match locked(&self.0).pop() {
                Some((key, value)) => Ok(Value::from(Tuple::from([key, value]))),
                None => fail("there is nothing to take from the map".to_owned(), "ask for its length first"),
            },
            "clear" => {
                locked(&self.0).clear();
                none
            }
            "copy" => Ok(Self::value(locked(&self.0).clone())),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// Each once, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Set(Mutex<IndexSet<Value>>);

impl Set {
    /// `set(…)` of a list, a text or a map's keys.
    pub fn of(items: Vec<Value>) -> Value {
        Value::from_object(Self(Mutex::new(items.into_iter().collect())))
    }

    fn items(&self) -> IndexSet<Value> {
        locked(&self.0).clone()
    }
}

impl Object for Set {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.items().into_iter().collect())
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        locked(&self.0).get_index(key.as_usize()?).cloned()
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(locked(&self.0).len())
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        let own = self.items();
        let mut others: Vec<IndexSet<Value>> = Vec::new();
        if !matches!(method, "add" | "discard" | "remove") {
            for value in given {
                others.push(items_of(value)?.into_iter().collect());
            }
        }
        let item = || from_args::<(Value,)>(given).map(|(item,)| item);
        let among = |value: &Value| others.iter().any(|other| other.contains(value));
        let kept = |keep: &dyn Fn(&Value) -> bool| {
            Self::of(own.iter().filter(|value| keep(value)).cloned().collect())
        };
        Ok(match method {
            "add" => {
                locked(&self.0).insert(item()?);
                Value::from(())
            }
            "discard" | "remove" => {
                locked(&self.0).shift_remove(&item()?);
                Value::from(())
            }
            "update" => {
                locked(&self.0).extend(others.into_iter().flatten());
                Value::from(())
            }
            "union" => Self::of(own.into_iter().chain(others.into_iter().flatten()).collect()),
            "intersection" => kept(&|value| others.iter().all(|other| other.contains(value))),
            "difference" => kept(&|value| !among(value)),
            "issubset" => Value::from(own.iter().all(among)),
            "issuperset" => Value::from(others.iter().flatten().all(|value| own.contains(value))),
            "isdisjoint" => Value::from(!own.iter().any(among)),
            "copy" => Self::of(own.into_iter().collect()),
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        })
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = self.items();
        if items.is_empty() { f.write_str("set()") } else { f.debug_set().entries(&items).finish() }
    }
}

/// The functions that literals are made by, and Python's own of these names.
pub(super) fn register(environment: &mut minijinja::Environment<'static>) {
    environment.add_function(super::prepare::LIST, |items: Vec<Value>| List::value(items));
    environment.add_function(super::prepare::MAP, |entries: Value| map_of(&entries));
    environment.add_filter("list", |value: Value| items_of(&value).map(List::value));
}

/// `dict(…)` of maps, lists of pairs, and values by name.
pub(super) fn dict(given: &[Value]) -> Result<Value, Error> {
    let mut entries = IndexMap::new();
    for value in given {
        entries.extend(entries_of(value)?);
    }
    Ok(Map::value(entries))
}

fn map_of(value: &Value) -> Result<Value, Error> {
    dict(std::slice::from_ref(value))
}
