//! `api.Relation` and `api.Column`: relations and columns made by their parts.

use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::answered::column;
use super::arguments::Arguments;
use super::questions::Column;
use super::relation::of_parts;
use super::state::{fail, faulty};

#[derive(Debug)]
pub(super) struct Api;

impl Object for Api {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "Relation" => Value::from_object(Relations),
            "Column" => Value::from_object(Columns),
            part => faulty(
                format!("there is no `api.{part}`"),
                "write the SQL, or a macro of your own in macros/",
            ),
        })
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State,
        method: &str,
        given: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "Column" => Value::from_object(Columns).call(state, given),
            _ => fail(
                format!("there is no `api.{method}`"),
                "there are `api.Relation.create(…)` and `api.Column(…)`",
            ),
        }
    }
}

/// The argument `dtype` with those of `sizes` that are given: `numeric(10,2)`.
fn sized(arguments: &Arguments<'_>, sizes: &[&str]) -> Result<String, Error> {
    let dtype = arguments.text("dtype")?;
    let sizes: Vec<String> = sizes.iter().filter_map(|size| arguments.optional_text(size)).collect();
    Ok(if sizes.is_empty() { dtype } else { format!("{dtype}({})", sizes.join(",")) })
}

/// `api.Column`.
#[derive(Debug)]
struct Columns;

impl Object for Columns {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State, given: &[Value]) -> Result<Value, Error> {
        let parts = ["column", "dtype", "char_size", "numeric_precision", "numeric_scale"];
        let arguments = Arguments::read("Column", &parts, given)?;
        let data_type = sized(&arguments, &parts[2..])?;
        Ok(column(&Column { name: arguments.text("column")?, data_type }))
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State,
        method: &str,
        given: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "create" => self.call(state, given),
            "translate_type" => {
                let name = Arguments::read(method, &["dtype"], given)?.text("dtype")?;
                Ok(Value::from(match name.to_lowercase().as_str() {
                    "string" => "TEXT".to_owned(),
                    _ => name,
                }))
            }
            "string_type" => {
                let size = Arguments::read(method, &["size"], given)?.text("size")?;
                Ok(Value::from(format!("character varying({size})")))
            }
            "numeric_type" => {
                let arguments = Arguments::read(method, &["dtype", "precision", "scale"], given)?;
                Ok(Value::from(sized(&arguments, &["precision", "scale"])?))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// `api.Relation`.
#[derive(Debug)]
struct Relations;

impl Object for Relations {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        if method != "create" {
            return Err(Error::from(ErrorKind::UnknownMethod));
        }
        let arguments = Arguments::read(method, &["database", "schema", "identifier", "type"], given)?;
        of_parts(&arguments.value("schema")?, &arguments.value("identifier")?)
    }
}
