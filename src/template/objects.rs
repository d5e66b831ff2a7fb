//! dbt's objects: `target`, `adapter`, `exceptions` and the like.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Serde};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::answered::{columns, found_relation};
use super::api::Api;
use super::arguments::Arguments;
use super::functions::function_named;
use super::known::{Flags, Graph};
use super::macro_call::MacroCall;
use super::relation::{name_of, of_parts};
use super::state::{fail, faulty, quoted, with_render};
use super::subject::{Config, Context, Model};
use crate::diagnostic::did_you_mean;

pub(super) fn register(environment: &mut Environment<'static>) {
    environment.add_global("target", Value::from_object(Target));
    environment.add_global("adapter", Value::from_object(Adapter(None)));
    environment.add_global("exceptions", Value::from_object(Exceptions));
    environment.add_global("api", Value::from_object(Api));
    environment.add_global("config", Value::from_object(Config));
    environment.add_global("builtins", Value::from_object(Builtins));
    environment.add_global("model", Value::from_object(Model));
    environment.add_global("context", Value::from_object(Context));
    environment.add_global("dbt_version", DBT_VERSION);
    environment.add_global("flags", Value::from_object(Flags));
    environment.add_global("graph", Value::from_object(Graph));
}

/// The version of dbt whose words elt speaks.
const DBT_VERSION: &str = "1.11.0";

/// The profile's target.
#[derive(Debug)]
struct Target;

/// A part of the target; told with the nearest name where there is none.
pub(super) fn part_of_target(part: &str) -> Value {
    let found = with_render(|render| match render.scope.target.get(part) {
        Some(value) => Some(Value::from(Serde(value))),
        None if part == "schema" => Some(match render.subject.layer_schema.as_str() {
            "" => render.scope.target.get("prod").map(|name| Value::from(Serde(name))).unwrap_or_default(),
            own => Value::from(own),
        }),
        None => None,
    });
    found.unwrap_or_else(|| {
        let known = with_render(|render| {
            let known = render.scope.target.keys().map(String::as_str).chain(["schema"]);
            did_you_mean(part, known.clone())
                .unwrap_or_else(|| format!("target knows: {}", known.collect::<Vec<_>>().join(", ")))
        });
        faulty(format!("`target` has no part `{part}`"), &known)
    })
}

impl Object for Target {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        key.as_str().map(part_of_target)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names =
            with_render(|render| render.scope.target.keys().map(|name| Value::from(name.as_str())).collect());
        Enumerator::Values(names)
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        if method != "get" {
            return Err(Error::from(ErrorKind::UnknownMethod));
        }
        let arguments = Arguments::read("get", &["key", "default"], given)?;
        let key = arguments.text("key")?;
        let is_known = key == "schema" || with_render(|render| render.scope.target.contains_key(&key));
        let instead = || arguments.get("default").cloned().unwrap_or(Value::from(()));
        Ok(if is_known { part_of_target(&key) } else { instead() })
    }
}

const ADAPTER: &str = "there are `adapter.get_columns_in_relation`, `get_relation`, `quote` and `dispatch`; for \
                       anything else ask with `run_query('…')`";

/// The adapter, in the package whose file it is.
#[derive(Debug)]
pub(super) struct Adapter(pub Option<String>);

impl Adapter {
    fn dispatched(&self, given: &[Value]) -> Result<Value, Error> {
        let arguments = Arguments::read("dispatch", &["macro_name", "macro_namespace", "packages"], given)?;
        let name = arguments.text("macro_name")?;
        let package = arguments.optional_text("macro_namespace").or_else(|| self.0.clone());
        let found = with_render(|render| render.macros.dispatched(&name, package.as_deref()));
        match found {
            Some(found) => Ok(MacroCall::value(found)),
            None => fail(
                format!("there is no macro `postgres__{name}` or `default__{name}`"),
                "adapter.dispatch takes the one for PostgreSQL, else the default",
            ),
        }
    }
}

impl Object for Adapter {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        let relation = |arguments: &Arguments<'_>| name_of(&arguments.value("relation")?, "relation");
        match method {
            "dispatch" => self.dispatched(given),
            "quote" | "quote_as_configured" => {
                let name =
                    Arguments::read(method, &["identifier", "quote_key"], given)?.text("identifier")?;
                Ok(Value::from(quoted(&name)))
            }
            "type" => Ok(Value::from("postgres")),
            "get_columns_in_relation" => columns(&relation(&Arguments::read(method, &["relation"], given)?)?),
            "load_relation" => found_relation(relation(&Arguments::read(method, &["relation"], given)?)?),
            "get_relation" => {
                let arguments = Arguments::read(method, &["database", "schema", "identifier"], given)?;
                let relation = of_parts(&arguments.value("schema")?, &arguments.value("identifier")?)?;
                found_relation(relation.to_string())
            }
            _ => fail(format!("there is no `adapter.{method}`"), ADAPTER),
        }
    }
}

#[derive(Debug)]
struct Exceptions;

impl Object for Exceptions {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        match method {
            "warn" => {
                let message = Arguments::read(method, &["msg"], given)?.text("msg")?;
                with_render(|render| render.out.warnings.push(message));
                Ok(Value::from(""))
            }
            "raise_compiler_error" | "raise_not_implemented" | "raise_fail_fast_error" => {
                let message = Arguments::read(method, &["msg"], given)?.text("msg")?;
                Err(Error::new(ErrorKind::InvalidOperation, message))
            }
            _ => fail(
                format!("there is no `exceptions.{method}`"),
                "there are `exceptions.raise_compiler_error('…')` and `exceptions.warn('…')`",
            ),
        }
    }
}

/// dbt's functions under names that no macro can take.
#[derive(Debug)]
struct Builtins;

impl Object for Builtins {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        function_named(key.as_str()?)
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State,
        method: &str,
        given: &[Value],
    ) -> Result<Value, Error> {
        match self.get_value(&Value::from(method)) {
            Some(function) => function.call(state, given),
            None => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
