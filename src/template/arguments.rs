//! The arguments of a call: by position or by name, each known to what is called.

use minijinja::value::Kwargs;
use minijinja::{Error, Value};

use super::state::fail;
use crate::diagnostic::did_you_mean;

/// A function of the arguments that it is given, whatever they are.
pub(super) type Body = fn(&[Value]) -> Result<Value, Error>;

/// What a function of dbt was called with.
pub(super) struct Arguments<'a> {
    function: &'a str,
    parameters: &'a [&'a str],
    values: Vec<Option<Value>>,
}

/// Those by position, and those by name.
pub(super) fn divided(given: &[Value]) -> (&[Value], Option<Kwargs>) {
    match given.split_last() {
        Some((last, before)) if last.is_kwargs() => (before, Kwargs::try_from(last.clone()).ok()),
        _ => (given, None),
    }
}

/// Refuses what `callee` does not take.
pub(super) fn check(callee: &str, parameters: &[impl AsRef<str>], given: &[Value]) -> Result<(), Error> {
    let (by_position, by_name) = divided(given);
    let names = || parameters.iter().map(AsRef::as_ref);
    if by_position.len() > parameters.len() {
        let message = match parameters.len() {
            0 => format!("`{callee}` takes no arguments by position"),
            count => {
                format!("`{callee}` takes {count} by position: {}", names().collect::<Vec<_>>().join(", "))
            }
        };
        return fail(message, "write it as `name=value`");
    }
    let Some(by_name) = by_name else { return Ok(()) };
    for name in by_name.args() {
        match names().position(|known| known == name) {
            Some(at) if at < by_position.len() => {
                return fail(format!("`{callee}` is given `{name}` twice"), "once by position, once by name");
            }
            Some(_) => {}
            None if name == "caller" => {
                let hint = "a macro that takes one writes it by `{{ caller() }}`";
                return fail(format!("`{callee}` takes no block: `{{% call {callee}(…) %}}`"), hint);
            }
            None => {
                let takes = || match parameters.len() {
                    0 => "it takes nothing".to_owned(),
                    _ => format!("it takes {}", names().collect::<Vec<_>>().join(", ")),
                };
                let hint = did_you_mean(name, names()).unwrap_or_else(takes);
                return fail(format!("`{callee}` takes no `{name}`"), &hint);
            }
        }
    }
    Ok(())
}

/// The error of an argument that has to be given.
pub(super) fn lacks<T>(callee: &str, name: &str, parameters: &[impl AsRef<str>]) -> Result<T, Error> {
    let names: Vec<&str> = parameters.iter().map(AsRef::as_ref).collect();
    fail(format!("`{callee}` lacks `{name}`"), &format!("it takes {}", names.join(", ")))
}

impl<'a> Arguments<'a> {
    /// # Errors
    /// Where there are more of them, or others, than `parameters`.
    pub fn read(function: &'a str, parameters: &'a [&'a str], given: &[Value]) -> Result<Self, Error> {
        check(function, parameters, given)?;
        let (by_position, by_name) = divided(given);
        let named = |name: &str| by_name.as_ref().and_then(|all| all.peek::<Value>(name).ok());
        let values = parameters
            .iter()
            .enumerate()
            .map(|(index, name)| by_position.get(index).cloned().or_else(|| named(name)))
            .collect();
        Ok(Self { function, parameters, values })
    }

    /// Nothing where it is not given, or undefined.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let index = self.parameters.iter().position(|known| *known == name)?;
        self.values[index].as_ref().filter(|value| !value.is_undefined())
    }

    pub fn value(&self, name: &str) -> Result<Value, Error> {
        if let Some(value) = self.get(name) {
            return Ok(value.clone());
        }
        let is_given =
            self.parameters.iter().zip(&self.values).any(|(known, value)| *known == name && value.is_some());
        let function = self.function;
        match is_given {
            true => fail(
                format!("what `{function}` is given as `{name}` is not defined"),
                "where that is meant, write `… | default('')`",
            ),
            false => lacks(function, name, self.parameters),
        }
    }

    pub fn text(&self, name: &str) -> Result<String, Error> {
        Ok(self.value(name)?.to_string())
    }

    pub fn optional_text(&self, name: &str) -> Option<String> {
        self.get(name).filter(|value| !value.is_none()).map(Value::to_string)
    }

    pub fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(Value::is_true)
    }
}
