//! A relation as templates see it: it writes the stand-in of what `ref`, `source` or `this` names, or a name made of
//! its parts, and knows what it is called.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Object, ObjectRepr, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::functions::refer;
use super::objects::part_of_target;
use super::state::{fail, faulty, reference_of, relation_of, with_render};
use super::{Reference, marks};

#[derive(Debug)]
pub(super) enum Relation {
    /// A stand-in, or a name in quotes.
    Named(String),
    /// The model's own, which counts as referred to once it is written.
    This,
}

impl Relation {
    pub fn value(name: String) -> Value {
        Value::from_object(Self::Named(name))
    }

    pub fn this() -> Value {
        Value::from_object(Self::This)
    }

    /// What it writes.
    pub fn text(&self) -> String {
        match self {
            Self::Named(name) => name.clone(),
            // One relation too many is told where the next one is referred to.
            Self::This => refer(Reference::This).unwrap_or_default(),
        }
    }

    fn part(&self, part: &str) -> Option<Value> {
        let own = match part {
            "schema" => 0,
            "identifier" | "name" | "table" => 1,
            "database" => return Some(part_of_target("dbname")),
            "is_view" | "is_cte" | "is_materialized_view" => return Some(Value::from(false)),
            "is_table" => return Some(Value::from(true)),
            "type" => return Some(Value::from(())),
            _ => return None,
        };
        let name = match self {
            Self::This => {
                return Some(with_render(|render| {
                    Value::from([&render.subject.schema, &render.subject.name][own].as_str())
                }));
            }
            Self::Named(name) => name,
        };
        if reference_of(name).is_some() {
            return Some(Value::from(format!("{name}{}", [marks::SCHEMA, marks::NAME][own])));
        }
        parts_of(name).get(own).map(|part| Value::from(part.as_str()))
    }
}

/// Of `"schema"."name"`.
fn parts_of(name: &str) -> Vec<String> {
    let inside = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    let parts = inside.into_iter().flat_map(|inside| inside.split("\".\""));
    parts.map(|part| part.replace("\"\"", "\"")).collect()
}

/// The name of the relation that a value is.
///
/// # Errors
/// Where it is none; `parameter` says what it was given for.
pub(super) fn name_of(value: &Value, parameter: &str) -> Result<String, Error> {
    let text = match value.downcast_object_ref::<Relation>() {
        Some(relation) => Some(relation.text()),
        None => value.as_str().map(|text| text.trim().to_owned()),
    };
    match text {
        Some(text) if !text.is_empty() => Ok(text),
        _ => fail(
            format!(
                "`{parameter}` is of the kind `{}`, and must name a relation or a part of its name",
                value.kind()
            ),
            "write ref('…') or source('…', '…')",
        ),
    }
}

impl Object for Relation {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let part = key.as_str()?;
        self.part(part).or_else(|| {
            matches!(**self, Self::This).then(|| {
                faulty(
                    format!("`this` has no part `{part}`"),
                    "`this.schema`, `this.name` and `this.database` are known",
                )
            })
        })
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        match method {
            // Of what is read a batch at a time: all of it.
            "render" => {
                let () = from_args(given)?;
                let text = self.text();
                let known = reference_of(&text);
                Ok(Self::value(with_render(|render| {
                    let Some(known) = known else { return text };
                    render.out.references.push(known);
                    let index = render.out.references.len() - 1;
                    render.out.read_whole.push(index);
                    marks::reference(index).to_string()
                })))
            }
            "include" | "quote" => Ok(Self::value(self.text())),
            "without_identifier" => {
                let schema = self.part("schema").unwrap_or_default();
                Ok(Value::from(super::state::quoted(&schema.to_string())))
            }
            "get" => {
                let (part, instead): (&str, Option<Value>) = from_args(given)?;
                Ok(self.part(part).or(instead).unwrap_or(Value::from(())))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        Some(self.text().cmp(&other.text()))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// A relation by the parts of its name.
pub(super) fn of_parts(schema: &Value, name: &Value) -> Result<Value, Error> {
    let (schema, name) = (name_of(schema, "schema")?, name_of(name, "identifier")?);
    Ok(Relation::value(relation_of(&schema, &name)))
}
