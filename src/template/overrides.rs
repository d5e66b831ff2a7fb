//! A model rendered as a unit test asks: with other variables, another environment, and macros that write a
//! given text or return a given value whatever they are called with.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::state::Moment;
use super::values::changeable;
use super::{Library, Rendered, Subject};
use crate::diagnostic::{Diagnostic, SourceFile};

/// What is other than in the project.
pub struct Overridden<'a> {
    pub vars: &'a Map<String, Value>,
    pub env: &'a Map<String, Value>,
    /// By name, with a package before it or not: what they write, if that is a text or a number, else what
    /// they return.
    pub macros: Vec<(&'a str, &'a Value)>,
}

impl Library {
    /// A macro that is not known is a problem without a place: who asks knows where the name stands.
    pub fn render_overridden(
        self: &Arc<Self>,
        file: &Arc<SourceFile>,
        subject: Subject<'_>,
        overridden: &Overridden<'_>,
    ) -> Result<Rendered, Vec<Diagnostic>> {
        let mut scope = (*self.scope).clone();
        scope.vars.extend(overridden.vars.clone());
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        scope.env.extend(overridden.env.iter().map(|(name, value)| (name.clone(), text(value))));
        let scope = Arc::new(scope);
        if overridden.macros.is_empty() {
            return self.render_in(&scope, &Moment::Parse, file, subject);
        }
        Arc::new(self.with_macros(&overridden.macros)?).render_in(&scope, &Moment::Parse, file, subject)
    }

    /// Whether a macro returns a value: what overrides it may be any value, too.
    pub fn returns_a_value(&self, name: &str) -> bool {
        names_of(name)
            .into_iter()
            .any(|name| self.macros.get(&name).is_some_and(|entry| entry.definition.returns))
    }

    /// The library in which some macros give a value, whatever they are called with.
    fn with_macros(&self, fixed: &[(&str, &Value)]) -> Result<Self, Vec<Diagnostic>> {
        let mut macros = (*self.macros).clone();
        let mut problems = Vec::new();
        for (name, value) in fixed {
            match names_of(name).iter().find(|name| macros.has(name)).and_then(|name| macros.get_mut(name)) {
                Some(entry) => entry.fixed = Some(changeable(value)),
                None => problems.push(self.unknown_macro(name)),
            }
        }
        if problems.is_empty() {
            Ok(Self { macros: Arc::new(macros), ..self.clone() })
        } else {
            Err(problems)
        }
    }
}

/// The whole names that a name may mean: `package.macro`, one of dbt's, or one of the project's own.
fn names_of(name: &str) -> [String; 3] {
    let bare = name.rsplit('.').next().unwrap_or(name);
    [name.replacen('.', "__", 1), format!("dbt__{bare}"), bare.to_owned()]
}
