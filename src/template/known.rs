//! What a template knows of the command and of the whole project: `flags`, `graph`, `selected_resources`, and at the
//! end of a run `results`, `schemas` and `database_schemas`.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object};
use minijinja::{Error, State, Value};

use super::arguments::Arguments;
use super::collections::{List, Map};
use super::questions::{Answer, QuestionKind};
use super::state::{ask, with_render};
use super::values::changeable;

/// What hooks at the end of a run know, and nobody else.
const AT_THE_END: &[&str] = &["results", "schemas", "database_schemas"];

/// What is known by `name`, if that is one of these words; empty while the project is read.
pub(super) fn named(name: &str) -> Option<Value> {
    let ends_run = || with_render(|render| render.subject.ends_run);
    let is_known = name == "selected_resources" || AT_THE_END.contains(&name) && ends_run();
    let told = || answer(name).map(|told| told.unwrap_or_else(|| List::value(Vec::new())));
    is_known.then(|| told().unwrap_or_else(Value::from))
}

/// The answer, made values once a render: what a template writes into it stays.
fn answer(name: &str) -> Result<Option<Value>, Error> {
    if let Some(value) = with_render(|render| render.known.get(name).cloned()) {
        return Ok(Some(value));
    }
    let Some(Answer::Known(told)) = ask(QuestionKind::Known, name)? else { return Ok(None) };
    let value = changeable(&told);
    with_render(|render| render.known.insert(name.to_owned(), value.clone()));
    Ok(Some(value))
}

/// The nodes, sources, exposures and groups of the project by their ids. Nothing is asked before it is used.
#[derive(Debug)]
pub(super) struct Graph;

impl Graph {
    fn parts() -> Result<Option<Value>, Error> {
        answer("graph")
    }
}

impl Object for Graph {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match Self::parts() {
            Ok(Some(parts)) => parts.get_item(key).ok().filter(|part| !part.is_undefined()),
            Ok(None) => Some(Map::value(Default::default())),
            Err(error) => Some(Value::from(error)),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = Self::parts().ok().flatten().and_then(|parts| Some(parts.try_iter().ok()?.collect()));
        Enumerator::Values(names.unwrap_or_default())
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State,
        method: &str,
        given: &[Value],
    ) -> Result<Value, Error> {
        let parts = Self::parts()?.unwrap_or_else(|| Map::value(Default::default()));
        parts.call_method(state, method, given)
    }
}

/// What the command line says, by dbt's names: `flags.FULL_REFRESH`.
#[derive(Debug)]
pub(super) struct Flags;

impl Flags {
    fn named(name: &str) -> Option<Value> {
        with_render(|render| render.scope.flags.get(&name.to_uppercase()).map(changeable))
    }
}

impl Object for Flags {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Self::named(key.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names =
            with_render(|render| render.scope.flags.keys().map(|name| Value::from(name.as_str())).collect());
        Enumerator::Values(names)
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        if method != "get" {
            return Err(Error::from(minijinja::ErrorKind::UnknownMethod));
        }
        let arguments = Arguments::read("get", &["key", "default"], given)?;
        let found = Self::named(&arguments.text("key")?);
        Ok(found.or_else(|| arguments.get("default").cloned()).unwrap_or(Value::from(())))
    }
}
