//! dbt's `modules`: what its templates use of Python's `datetime`, `pytz`, `re` and `itertools`. What is "now" is the
//! moment at which the run began.

pub(super) mod datetime;
mod itertools;
mod patterns;

use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::arguments::Body;

/// Functions and values under a name: a module, or a class of one.
pub(super) struct Module {
    name: &'static str,
    functions: &'static [(&'static str, Body)],
    values: fn(&str) -> Option<Value>,
    /// Of a class: what makes a value of it.
    call: Option<Body>,
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<module {}>", self.name)
    }
}

impl Object for Module {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (self.values)(key.as_str()?)
    }

    fn call(self: &Arc<Self>, _: &mut State, given: &[Value]) -> Result<Value, Error> {
        match self.call {
            Some(call) => call(given),
            None => super::state::fail(
                format!("the module `{}` cannot be called", self.name),
                "call what is in it",
            ),
        }
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        match self.functions.iter().find(|(name, _)| *name == method) {
            Some((_, function)) => function(given),
            None => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

fn module_named(name: &str) -> Option<Value> {
    Some(Value::from_object(match name {
        "datetime" => datetime::module(),
        "pytz" => datetime::pytz(),
        "re" => patterns::module(),
        "itertools" => itertools::module(),
        _ => return None,
    }))
}

pub(super) fn register(environment: &mut Environment<'static>) {
    let modules = Module { name: "modules", functions: &[], values: module_named, call: None };
    environment.add_global("modules", Value::from_object(modules));
    environment.add_function(super::sums::SUM, datetime::sum);
}
