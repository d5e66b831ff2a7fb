//! The engine that all renders share: minijinja with dbt's functions, and with what it takes to be Python.

use std::sync::{Arc, LazyLock};

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, Output, State, UndefinedBehavior, Value};

use super::macros::{LOADER, LOADER_TEXT, Macros};
use super::state::fail;
use super::{collections, functions, macro_call, modules, objects, python, values};

/// An environment that knows `macros`; the template of each is read when it is first called.
pub(super) fn engine(macros: Arc<Macros>) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_formatter(write);
    environment.set_unknown_method_callback(python::method);
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_loader(move |name| {
        Ok(if name == LOADER {
            Some(LOADER_TEXT.to_owned())
        } else {
            macros.prepared(name).map(|prepared| prepared.text)
        })
    });
    values::register(&mut environment);
    collections::register(&mut environment);
    functions::register(&mut environment);
    objects::register(&mut environment);
    macro_call::register(&mut environment);
    modules::register(&mut environment);
    environment
}

/// Writes what stands in `{{ … }}`. What is not defined is most often misspelt.
fn write(out: &mut Output, _: &mut State, value: &Value) -> Result<(), Error> {
    if value.is_undefined() && !is_meant(value) {
        return fail(UNDEFINED.to_owned(), "where that is meant, write `… | default('')`");
    }
    write!(out, "{value}").map_err(Error::from)
}

/// Whether it is what `'…' if x` comes to without an `else`. Only an environment that is strict can tell it from what
/// is misspelt.
fn is_meant(undefined: &Value) -> bool {
    static STRICT: LazyLock<Environment<'static>> = LazyLock::new(|| {
        let mut strict = Environment::empty();
        strict.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        strict
    });
    STRICT.empty_state().format(undefined.clone()).is_ok()
}

/// Of what is written and is not there; who tells of it knows the words.
pub(super) const UNDEFINED: &str = "this is not defined";
