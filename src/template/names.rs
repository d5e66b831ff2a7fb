//! The names that a template knows besides jinja's own: macros, packages, and what is of the model and of its run.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, State, Value};

use super::functions::function_named;
use super::macro_call::MacroCall;
use super::modules::datetime::run_started_at;
use super::relation::Relation;
use super::state::{execute, run, with_render};
use super::{known, unknown};

/// What stands before the dot of `package.macro(…)`.
#[derive(Debug)]
struct Namespace(String);

impl Object for Namespace {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        with_render(|render| render.macros.called_in(&self.0, name)).map(MacroCall::value)
    }

    fn call_method(self: &Arc<Self>, state: &mut State, name: &str, given: &[Value]) -> Result<Value, Error> {
        let macros = with_render(|render| render.macros.clone());
        // dbt's own functions are in its package, too.
        let function = || function_named(name).filter(|_| self.0 == "dbt");
        match macros.called_in(&self.0, name).map(MacroCall::value).or_else(function) {
            Some(called) => called.call(state, given),
            None => unknown::macro_called(&macros, &format!("{}.{name}", self.0)),
        }
    }
}

/// The names that a template knows besides jinja's own, at the root of its context.
#[derive(Debug)]
pub(super) struct Root {
    pub variables: BTreeMap<String, Value>,
}

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        if let Some(value) = self.variables.get(key) {
            return Some(value.clone());
        }
        known_to_all(key)
    }
}

/// What any template knows beside the engine's own names.
pub(super) fn known_to_all(name: &str) -> Option<Value> {
    match name {
        "execute" => Some(Value::from(execute())),
        "this" => Some(Relation::this()),
        "project_name" => Some(Value::from(with_render(|render| render.macros.project.clone()))),
        "run_started_at" => Some(run_started_at().unwrap_or_else(Value::from)),
        "invocation_id" => Some(run().map_or_else(Value::from, |run| Value::from(run.id.to_string()))),
        _ => known::named(name).or_else(|| macro_named(name)),
    }
}

fn macro_named(name: &str) -> Option<Value> {
    with_render(|render| {
        let macros = &render.macros;
        let called = macros.called(name).map(MacroCall::value);
        called.or_else(|| macros.is_namespace(name).then(|| Value::from_object(Namespace(name.to_owned()))))
    })
}
