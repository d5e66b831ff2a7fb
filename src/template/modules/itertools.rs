//! Python's `itertools`, as far as dbt has it; what Python makes one by one is a list here.

use minijinja::value::Tuple;
use minijinja::{Error, Value};

use super::Module;
use crate::template::arguments::{Arguments, divided};
use crate::template::collections::{List, items_of};
use crate::template::state::fail;

pub(super) fn module() -> Module {
    Module {
        name: "itertools",
        functions: &[
            ("chain", |lists| joined(lists)),
            ("product", product),
            ("combinations", |given| chosen(given, false)),
            ("permutations", |given| chosen(given, true)),
            ("accumulate", accumulate),
            ("islice", islice),
            ("zip_longest", zip_longest),
            ("repeat", |given| {
                let arguments = Arguments::read("repeat", &["object", "times"], given)?;
                let times = arguments.value("times")?.as_usize().unwrap_or(0);
                Ok(List::value(vec![arguments.value("object")?; times.min(LIMIT)]))
            }),
            ("compress", |given| {
                let arguments = Arguments::read("compress", &["data", "selectors"], given)?;
                let chosen = items_of(&arguments.value("selectors")?)?;
                let items = items_of(&arguments.value("data")?)?.into_iter().zip(chosen);
                Ok(List::value(items.filter(|(_, kept)| kept.is_true()).map(|(item, _)| item).collect()))
            }),
        ],
        values: |_| None,
        call: None,
    }
}

/// More than this is no list to write SQL of.
const LIMIT: usize = 1_000_000;

fn lists(given: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
    given.iter().map(items_of).collect()
}

fn rows(rows: Vec<Vec<Value>>) -> Value {
    List::value(rows.into_iter().map(|row| Value::from(Tuple::from(row))).collect())
}

fn too_many<T>() -> Result<T, Error> {
    fail(format!("more than {LIMIT} come out"), "ask the database instead")
}

fn joined(given: &[Value]) -> Result<Value, Error> {
    Ok(List::value(lists(given)?.into_iter().flatten().collect()))
}

fn product(given: &[Value]) -> Result<Value, Error> {
    let (lists_given, named) = divided(given);
    let repeat = named.and_then(|named| named.peek::<usize>("repeat").ok()).unwrap_or(1);
    let once = lists(lists_given)?;
    let lists: Vec<&Vec<Value>> = std::iter::repeat_n(&once, repeat).flatten().collect();
    let mut found = vec![Vec::new()];
    for list in lists {
        if found.len().saturating_mul(list.len()) > LIMIT {
            return too_many();
        }
        found = found
            .iter()
            .flat_map(|row: &Vec<Value>| {
                list.iter().map(move |item| row.iter().cloned().chain([item.clone()]).collect::<Vec<Value>>())
            })
            .collect();
    }
    Ok(rows(found))
}

/// `r` of a list in the order of their places: each order by itself, or one of all.
fn chosen(given: &[Value], ordered: bool) -> Result<Value, Error> {
    let arguments = Arguments::read("itertools", &["iterable", "r"], given)?;
    let items = items_of(&arguments.value("iterable")?)?;
    let count = arguments.get("r").and_then(Value::as_usize).unwrap_or(items.len());
    let mut found: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..count {
        let mut longer = Vec::new();
        for places in &found {
            let from = if ordered { 0 } else { places.last().map_or(0, |last| last + 1) };
            longer.extend((from..items.len()).filter(|place| !places.contains(place)).map(|place| {
                let mut places = places.clone();
                places.push(place);
                places
            }));
            if longer.len() > LIMIT {
                return too_many();
            }
        }
        found = longer;
    }
    Ok(rows(
        found
            .into_iter()
            .map(|places| places.into_iter().map(|place| items[place].clone()).collect())
            .collect(),
    ))
}

fn accumulate(given: &[Value]) -> Result<Value, Error> {
    let items = items_of(&Arguments::read("accumulate", &["iterable"], given)?.value("iterable")?)?;
    let mut sum = 0i64;
    let sums = items.iter().map(|item| {
        sum = match item.as_i64().and_then(|item| sum.checked_add(item)) {
            Some(sum) => sum,
            None => {
                return fail(format!("`{item}` is no whole number to add"), "add in SQL: sum(…) over (…)");
            }
        };
        Ok(Value::from(sum))
    });
    Ok(List::value(sums.collect::<Result<_, _>>()?))
}

fn islice(given: &[Value]) -> Result<Value, Error> {
    let Some((list, bounds)) = given.split_first() else {
        return fail("`islice` takes a list".to_owned(), "write islice(list, end)");
    };
    let bound = |at: usize| bounds.get(at).and_then(Value::as_usize);
    let (start, end) = if bounds.len() > 1 { (bound(0).unwrap_or(0), bound(1)) } else { (0, bound(0)) };
    let step = bound(2).unwrap_or(1).max(1);
    let items = items_of(list)?;
    let end = end.unwrap_or(items.len()).min(items.len());
    Ok(List::value(items.into_iter().take(end).skip(start).step_by(step).collect()))
}

fn zip_longest(given: &[Value]) -> Result<Value, Error> {
    let (lists_given, named) = divided(given);
    let fill = named.and_then(|named| named.peek::<Value>("fillvalue").ok()).unwrap_or(Value::from(()));
    let lists = lists(lists_given)?;
    let length = lists.iter().map(Vec::len).max().unwrap_or(0);
    let row = |at: usize| lists.iter().map(|list| list.get(at).unwrap_or(&fill).clone()).collect();
    Ok(rows((0..length).map(row).collect()))
}
