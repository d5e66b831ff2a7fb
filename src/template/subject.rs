//! What a template knows of what it is rendered for: `config`, `model`, and `context`, which knows all of it by name.

use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, State, Value};
use serde_json::{Map, Value as Json};

use super::Subject;
use super::arguments::Arguments;
use super::functions::{configure, function_named};
use super::names::known_to_all;
use super::objects::part_of_target;
use super::state::{fail, faulty, with_render};
use super::values::changeable;

/// A [`Subject`] that is kept.
pub(super) struct Whose {
    pub name: String,
    pub schema: String,
    pub layer_schema: String,
    pub incremental: bool,
    pub ends_run: bool,
    pub config: Map<String, Json>,
}

impl From<Subject<'_>> for Whose {
    fn from(subject: Subject<'_>) -> Self {
        Self {
            name: subject.name.to_owned(),
            schema: subject.schema.to_owned(),
            layer_schema: subject.layer_schema.to_owned(),
            incremental: subject.incremental,
            ends_run: subject.ends_run,
            config: subject.config.cloned().unwrap_or_default(),
        }
    }
}

impl Whose {
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            name: &self.name,
            schema: &self.schema,
            layer_schema: &self.layer_schema,
            incremental: self.incremental,
            ends_run: self.ends_run,
            config: Some(&self.config),
        }
    }
}

/// What the text configures: `config(…)`.
#[derive(Debug)]
pub(super) struct Config;

impl Object for Config {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State, given: &[Value]) -> Result<Value, Error> {
        configure(given)
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        configured(key.as_str()?)
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        let arguments = |parameters| Arguments::read(method, parameters, given);
        match method {
            "get" => {
                let arguments = arguments(&["name", "default", "validator"])?;
                let found = configured(&arguments.text("name")?);
                Ok(found.or_else(|| arguments.get("default").cloned()).unwrap_or(Value::from(())))
            }
            "require" => {
                let name = arguments(&["name", "validator"])?.text("name")?;
                match configured(&name) {
                    Some(value) => Ok(value),
                    None => fail(
                        format!("the config has no `{name}`"),
                        "set it by `config(…)`, in the YAML beside the model, or for its folder",
                    ),
                }
            }
            "persist_relation_docs" | "persist_column_docs" => Ok(Value::from(false)),
            _ => fail(
                format!("there is no `config.{method}`"),
                "there are `config.get('…')` and `config.require('…')`",
            ),
        }
    }
}

/// What the text has configured so far, else what YAML and folders do.
fn configured(name: &str) -> Option<Value> {
    with_render(|render| {
        let found = render.out.config.get(name).or_else(|| render.subject.config.get(name)).map(changeable);
        found.or_else(|| (name == "materialized").then(|| Value::from("view")))
    })
}

/// What is rendered, as far as it is known by then.
#[derive(Debug)]
pub(super) struct Model;

impl Object for Model {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let part = key.as_str()?;
        let (name, schema, path) = with_render(|render| {
            (render.subject.name.clone(), render.subject.schema.clone(), render.path.clone())
        });
        let macros = with_render(|render| render.macros.clone());
        let (package, inside) = macros.place_of(&path).unwrap_or((&macros.project, &path));
        Some(match part {
            "name" | "alias" | "identifier" => Value::from(name),
            "schema" => Value::from(schema),
            "database" => part_of_target("dbname"),
            "fqn" => {
                let name = inside.rsplit_once('.').map_or(inside, |(name, _)| name);
                std::iter::once(package).chain(name.split('/').skip(1)).collect()
            }
            "resource_type" => Value::from(if path.ends_with(".csv") { "seed" } else { "model" }),
            "package_name" => Value::from(package),
            "unique_id" => Value::from(format!("model.{package}.{name}")),
            "path" | "original_file_path" => Value::from(path),
            "config" => Value::from_object(Config),
            "tags" | "meta" => configured(part).unwrap_or_default(),
            _ => faulty(
                format!("there is no `model.{part}`"),
                "there are `model.name`, `alias`, `schema`, `config`, `tags`, `path`, `fqn`, `package_name` and `unique_id`",
            ),
        })
    }
}

/// What a template knows, by its name: `context['name']`.
#[derive(Debug)]
pub(super) struct Context;

impl Object for Context {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        known_to_all(name).or_else(|| function_named(name))
    }
}
