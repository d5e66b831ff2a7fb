//! A macro as a value, and how it is called: its template is read when it is first called in a render, for jinja's
//! macros live as long as one render does.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Kwargs, Object, ObjectRepr, Tuple};
use minijinja::{Environment, Error, State, Value};

use super::arguments::{check, divided, lacks};
use super::collections::Map;
use super::macros::{Entry, open_parameters};
use super::objects::Adapter;
use super::prepare::MACRO;
use super::state::{Returned, fail, returned, with_render};
use super::unknown;

/// A macro as a value.
#[derive(Debug)]
pub(super) struct MacroCall {
    /// Its whole name.
    pub name: String,
}

impl MacroCall {
    pub fn value(name: String) -> Value {
        Value::from_object(Self { name })
    }

    /// The macro in this render.
    fn loaded(&self, state: &mut State) -> Result<Value, Error> {
        let known = || with_render(|render| render.loaded.get(&self.name).cloned());
        if let Some(known) = known() {
            return Ok(known);
        }
        if let Some(loader) = with_render(|render| render.loader.clone()) {
            loader.call(state, &[Value::from(self.name.as_str())])?;
        }
        match known() {
            Some(module) => Ok(module),
            None => {
                fail(format!("the macro `{}` cannot be called here", self.name), "write the value itself")
            }
        }
    }

    /// The arguments as the macro takes them; nothing where that is as they are given.
    fn arguments(&self, entry: &Entry, given: &[Value]) -> Result<Option<Vec<Value>>, Error> {
        let open = open_parameters(entry);
        let parameters = &entry.definition.parameters;
        let (by_position, by_name) = divided(given);
        let named: Vec<&str> = by_name.iter().flat_map(|all| all.args()).collect();
        if open.is_empty() {
            // What a call block writes is no argument.
            let known = parameters.iter().map(String::as_str);
            let known: Vec<&str> =
                known.chain(named.iter().copied().filter(|name| *name == "caller")).collect();
            let shown = self.name.strip_prefix("dbt__").unwrap_or(&self.name);
            check(shown, &known, given)?;
            // To macros of others what is not given is not defined.
            let required = if entry.is_built_in() { entry.definition.required } else { 0 };
            let mut missing = parameters[..required].iter().skip(by_position.len());
            return match missing.find(|name| !named.contains(&name.as_str())) {
                Some(name) => lacks(shown, name, parameters),
                None => Ok(None),
            };
        }
        let (kept, more) = by_position.split_at(by_position.len().min(parameters.len()));
        let value =
            |name: &str| by_name.as_ref().and_then(|all| all.peek::<Value>(name).ok()).unwrap_or_default();
        let (mut pairs, mut others) = (Vec::new(), Vec::new());
        for name in named {
            let list = if name == "caller" || entry.takes(name) { &mut pairs } else { &mut others };
            list.push((name.to_owned(), value(name)));
        }
        if open.contains(&"varargs") {
            pairs.push(("varargs".to_owned(), Value::from_object(Tuple::from(more.to_vec()))));
        }
        if open.contains(&"kwargs") {
            let others = others.into_iter().map(|(name, value)| (Value::from(name), value));
            pairs.push(("kwargs".to_owned(), Map::value(others.collect())));
        }
        let by_name = Kwargs::from_iter(pairs);
        Ok(Some(kept.iter().cloned().chain([Value::from(by_name)]).collect()))
    }
}

impl Object for MacroCall {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State, given: &[Value]) -> Result<Value, Error> {
        let macros = with_render(|render| render.macros.clone());
        let Some(entry) = macros.get(&self.name) else {
            return unknown::macro_called(&macros, &self.name);
        };
        if let Some(fixed) = &entry.fixed {
            return Ok(fixed.clone());
        }
        let arguments = self.arguments(entry, given)?;
        let loaded = self.loaded(state)?;
        match loaded.call(state, arguments.as_deref().unwrap_or(given)) {
            Ok(text) => Ok(text),
            Err(error) => returned(error),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<macro {}>", self.name)
    }
}

/// The functions that macros are loaded by.
pub(super) fn register(environment: &mut Environment<'static>) {
    environment.add_function("elt_loader", |loader: Value| {
        with_render(|render| render.loader = Some(loader));
        ""
    });
    environment.add_function("elt_loaded", |name: String, module: Value| -> Result<&'static str, Error> {
        let loaded = module.get_attr(MACRO)?;
        with_render(|render| render.loaded.insert(name, loaded));
        Ok("")
    });
    environment.add_function("elt_macro", MacroCall::value);
    environment.add_function("elt_adapter", |package: String| Value::from_object(Adapter(Some(package))));
    environment.add_function("return", |value: Option<Value>| -> Result<Value, Error> {
        Err(Returned::error(value.unwrap_or(Value::from(()))))
    });
}
