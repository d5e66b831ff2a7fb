//! A model rendered as a unit test asks: with other variables, another environment, and macros that write a
//! given text or return a given value whatever they are called with.

use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use super::rewrite::{self, Definition, definitions};
use super::state::Moment;
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
        let mut meant = names_of(name).into_iter();
        meant.any(|name| self.signatures.get(&name).is_some_and(|signature| signature.returns))
    }

    /// The library with other bodies in some macros.
    fn with_macros(&self, macros: &[(&str, &Value)]) -> Result<Self, Vec<Diagnostic>> {
        let mut library = Self { by_name: OnceLock::new(), ..self.clone() };
        let mut problems = Vec::new();
        for (name, value) in macros {
            let body = match value {
                Value::String(text) => format!("{{% raw %}}{text}{{% endraw %}}"),
                Value::Number(number) => number.to_string(),
                other => format!("{{{{ return({other}) }}}}"),
            };
            let meant = names_of(name);
            let found = meant.iter().find_map(|name| library.with_body(name, &body));
            let Some((path, changed)) = found else {
                problems.push(self.unknown_macro(name));
                continue;
            };
            let file = Arc::new(SourceFile { path: path.clone(), text: changed });
            let rewritten = rewrite::macros(&file.text, &library.signatures);
            library.files.insert(path, (file, rewritten));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let texts =
            library.files.iter().map(|(path, (_, rewritten))| (path.as_str(), rewritten.text.as_str()));
        match library.base.add_raw_templates(texts) {
            Ok(()) => Ok(library),
            Err(error) => {
                Err(vec![Diagnostic::error("template", super::faults::plain_message(&error.to_string()))])
            }
        }
    }

    /// The path and the text of the file that defines a macro, with `body` in the place of what it writes.
    fn with_body(&self, name: &str, body: &str) -> Option<(String, String)> {
        let mut own = self.files.iter().filter(|(path, _)| !self.of_packages.contains(*path));
        own.find_map(|(path, (file, _))| {
            let found = definitions(&file.text).into_iter().find(|one| one.name == name);
            let Definition { start, end, .. } = found?;
            let (before, after) = (&file.text[..start.whole.end], &file.text[end.whole.start..]);
            Some((path.clone(), format!("{before}{body}{after}")))
        })
    }
}

/// The whole names that a name may mean: `package.macro`, one of dbt's, or one of the project's own.
fn names_of(name: &str) -> [String; 3] {
    let bare = name.rsplit('.').next().unwrap_or(name);
    [name.replacen('.', "__", 1), format!("dbt__{bare}"), bare.to_owned()]
}
