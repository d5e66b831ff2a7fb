//! The functions that templates call: `ref`, `source`, `var`, `config` and the like.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Kwargs, Object, ObjectRepr};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::arguments::{Arguments, Body, divided};
use super::collections::{self, Set};
use super::names::Root;
use super::relation::{Relation, of_parts};
use super::scan::tags;
use super::state::{fail, message, with_render};
use super::{Reference, answered, marks, prepare, values, version_reference};
use crate::diagnostic::did_you_mean;

/// A function of dbt.
#[derive(Clone)]
pub(super) struct Function {
    pub name: &'static str,
    parameters: &'static [&'static str],
    body: fn(&mut State, &Arguments<'_>) -> Result<Value, Error>,
}

const fn function(
    name: &'static str,
    parameters: &'static [&'static str],
    body: fn(&mut State, &Arguments<'_>) -> Result<Value, Error>,
) -> Function {
    Function { name, parameters, body }
}

pub(super) const FUNCTIONS: &[Function] = &[
    function("ref", &["name", "model", "v", "version"], |_, arguments| reference(arguments)),
    function("source", &["source", "name"], |_, arguments| {
        refer(Reference::Source(arguments.text("source")?, arguments.text("name")?)).map(Relation::value)
    }),
    function("is_incremental", &[], |_, _| Ok(Value::from(with_render(|render| render.subject.incremental)))),
    function("var", &["name", "default"], |_, arguments| variable(arguments)),
    function("env_var", &["name", "default"], |_, arguments| environment(arguments)),
    function("literal", &["value"], |_, arguments| {
        Ok(Value::from(crate::name::literal(&arguments.text("value")?)))
    }),
    function("throw", &["message"], |_, arguments| {
        Err(Error::new(ErrorKind::InvalidOperation, arguments.text("message")?))
    }),
    function("print", &["msg"], |_, arguments| {
        message(arguments.text("msg")?, true);
        Ok(Value::from(""))
    }),
    function("log", &["msg", "info"], |_, arguments| {
        message(arguments.text("msg")?, arguments.flag("info"));
        Ok(Value::from(""))
    }),
    function("run_query", &["sql"], |_, arguments| answered::rows(&arguments.text("sql")?)),
    function("statement", &["name", "fetch_result", "auto_begin", "language", "caller"], answered::statement),
    function("set_sql_header", &["config", "caller"], |state, arguments| {
        let text = arguments.value("caller")?.call(state, &[])?.to_string();
        with_render(|render| render.out.config.insert("sql_header".to_owned(), text.into()));
        Ok(Value::from(""))
    }),
    function("load_result", &["name"], |_, arguments| Ok(answered::result_of(&arguments.text("name")?))),
    function("load_relation", &["relation"], |_, arguments| {
        answered::found_relation(super::relation::name_of(&arguments.value("relation")?, "relation")?)
    }),
    function("elt_relation", &["schema", "identifier"], |_, arguments| {
        of_parts(&arguments.value("schema")?, &arguments.value("identifier")?)
    }),
    function("elt_told", &["relation"], |_, arguments| {
        Ok(Value::from(answered::told(&arguments.text("relation")?)))
    }),
    function("render", &["string"], |state, arguments| rendered(state, &arguments.text("string")?)),
    function("tojson", &["value", "default", "sort_keys"], |_, arguments| values::to_json(arguments)),
    function("toyaml", &["value", "default", "sort_keys"], |_, arguments| values::to_yaml(arguments)),
    function("fromjson", &["string", "default"], |_, arguments| values::from_json(arguments)),
    function("fromyaml", &["value", "default"], |_, arguments| values::from_yaml(arguments)),
    function("local_md5", &["value"], |_, arguments| Ok(Value::from(values::md5(&arguments.text("value")?)))),
    function("set", &["items", "default"], |_, arguments| set(arguments)),
    function("set_strict", &["items"], |_, arguments| set(arguments)),
];

/// Functions that take as many arguments as they are given.
const OPEN: &[(&str, Body)] = &[
    ("dict", collections::dict),
    ("zip", values::zipped),
    ("zip_strict", values::zipped),
    ("cycler", |items| minijinja_contrib::globals::cycler(items.to_vec())),
];

#[derive(Debug)]
struct Open(Body);

impl Object for Open {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State, given: &[Value]) -> Result<Value, Error> {
        (self.0)(given)
    }
}

fn set(arguments: &Arguments<'_>) -> Result<Value, Error> {
    match (collections::items_of(&arguments.value("items")?), arguments.get("default")) {
        (Ok(items), _) => Ok(Set::of(items)),
        (Err(_), Some(default)) => Ok(default.clone()),
        (Err(error), None) => Err(error),
    }
}

impl Object for Function {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State, given: &[Value]) -> Result<Value, Error> {
        (self.body)(state, &Arguments::read(self.name, self.parameters, given)?)
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        match (self.name, method) {
            ("var", "has_var") => {
                let name = Arguments::read(method, &["name"], given)?.text("name")?;
                Ok(Value::from(with_render(|render| render.scope.vars.contains_key(&name))))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<function {}>", self.name)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// dbt's function of a name, whatever macro is called so, too.
pub(super) fn function_named(name: &str) -> Option<Value> {
    let found = FUNCTIONS.iter().find(|function| function.name == name);
    found.map(|function| Value::from_object(function.clone()))
}

pub(super) fn register(environment: &mut Environment<'static>) {
    for function in FUNCTIONS {
        environment.add_global(function.name, Value::from_object(function.clone()));
    }
    for (name, body) in OPEN {
        environment.add_global(*name, Value::from_object(Open(*body)));
    }
}

fn reference(arguments: &Arguments<'_>) -> Result<Value, Error> {
    let name = arguments.text("name")?;
    let version = arguments.get("v").or(arguments.get("version")).filter(|version| !version.is_none());
    let versioned = |model: String| match &version {
        Some(version) => version_reference(&model, &version.to_string()),
        None => model,
    };
    let referred = match arguments.optional_text("model") {
        None => versioned(name),
        Some(model) => of_package(&name, versioned(model))?,
    };
    refer(Reference::Ref(referred)).map(Relation::value)
}

/// `ref('package', 'model')`: the model, if it is the package's.
fn of_package(package: &str, model: String) -> Result<String, Error> {
    let fault = with_render(|render| {
        let packages = &render.scope.packages;
        match packages.get(package) {
            None => {
                let near = did_you_mean(package, packages.keys().map(String::as_str));
                Some((format!("there is no package `{package}`"), near))
            }
            Some(models) if !models.contains(&model) => {
                let near = did_you_mean(&model, models.iter().map(String::as_str));
                Some((format!("the package `{package}` has no model `{model}`"), near))
            }
            Some(_) => None,
        }
    });
    match fault {
        None => Ok(model),
        Some((message, near)) => fail(
            message,
            near.as_deref().unwrap_or("packages are named in packages.yml; `elt deps` brings them in"),
        ),
    }
}

/// Notes what is referred to: its stand-in.
pub(super) fn refer(reference: Reference) -> Result<String, Error> {
    let index = with_render(|render| {
        let known = render.out.references.iter().position(|known| *known == reference);
        known.unwrap_or_else(|| {
            render.out.references.push(reference);
            render.out.references.len() - 1
        })
    });
    if index >= marks::MAX_REFERENCES {
        return fail(
            format!("more than {} relations in one model", marks::MAX_REFERENCES),
            "split the model",
        );
    }
    Ok(marks::reference(index).to_string())
}

/// `config(…)`: by name, or a map of them.
pub(super) fn configure(given: &[Value]) -> Result<Value, Error> {
    let (by_position, by_name) = divided(given);
    let maps = by_position.iter().cloned().chain(by_name.map(|all: Kwargs| Value::from(all)));
    for map in maps {
        for name in map.try_iter()? {
            let value = map.get_item(&name)?;
            let mut value = serde_json::to_value(&value)
                .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))?;
            with_render(|render| {
                name_references(&mut value, &render.out.references);
                render.out.config.insert(name.to_string(), value);
            });
        }
    }
    Ok(Value::from(""))
}

/// A `ref` in a config is the name of what it refers to.
fn name_references(value: &mut serde_json::Value, references: &[Reference]) {
    use serde_json::Value as Json;
    match value {
        Json::String(text) => {
            let mut chars = text.chars();
            let stand_in = chars.next().filter(|_| chars.next().is_none()).and_then(marks::index_of);
            if let Some(Reference::Ref(name)) = stand_in.and_then(|index| references.get(index)) {
                *text = name.clone();
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| name_references(item, references)),
        Json::Object(fields) => fields.values_mut().for_each(|field| name_references(field, references)),
        _ => {}
    }
}

/// `render(…)`: what a text comes to that holds tags itself. Its macros live no longer than it does.
fn rendered(state: &State, text: &str) -> Result<Value, Error> {
    let macros = with_render(|render| render.macros.clone());
    let tags = tags(text);
    let prepared = prepare::value(text, &tags, &macros.before(text, &tags, None));
    let outer = with_render(|render| (render.loader.take(), std::mem::take(&mut render.loaded)));
    let template = state.env().template_from_named_str("render", &prepared.text);
    let root = Value::from_object(Root { variables: BTreeMap::new() });
    let written = template.and_then(|template| template.render(root));
    with_render(|render| (render.loader, render.loaded) = outer);
    written.map(Value::from)
}

fn variable(arguments: &Arguments<'_>) -> Result<Value, Error> {
    let name = arguments.text("name")?;
    let found = with_render(|render| render.scope.vars.get(&name).map(values::changeable));
    if let Some(value) = found.or_else(|| arguments.get("default").cloned()) {
        return Ok(value);
    }
    let near = with_render(|render| did_you_mean(&name, render.scope.vars.keys().map(String::as_str)));
    let hint = near.unwrap_or_else(|| {
        format!("set it in profiles.yml under `vars:`, by `--vars '{name}: …'`, or give a default: var('{name}', …)")
    });
    fail(format!("the variable `{name}` is not set"), &hint)
}

fn environment(arguments: &Arguments<'_>) -> Result<Value, Error> {
    let name = arguments.text("name")?;
    let found = with_render(|render| {
        let value = render.scope.env.get(&name).cloned();
        if value.is_some() {
            render.out.env_used.push(name.clone());
        }
        value
    });
    match found.or_else(|| arguments.get("default").map(Value::to_string)) {
        Some(value) => Ok(Value::from(value)),
        None => fail(
            format!("the environment variable `{name}` is not set"),
            &format!("export {name}=…, or give a default: env_var('{name}', '…')"),
        ),
    }
}
