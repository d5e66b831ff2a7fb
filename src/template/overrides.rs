//! A model rendered as a unit test asks: with other variables, another environment, and macros that write a
//! given text whatever they are called with.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::rewrite::{self, Definition, definitions};
use super::{Library, Rendered, Subject};
use crate::diagnostic::{Diagnostic, SourceFile};

/// What is other than in the project.
pub struct Overridden<'a> {
    pub vars: &'a Map<String, Value>,
    pub env: &'a Map<String, Value>,
    /// By name, with a package before it or not: what they write.
    pub macros: Vec<(&'a str, String)>,
}

impl Library {
    /// A macro that is not known is a problem without a place: who asks knows where the name stands.
    pub fn render_overridden(
        &self,
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
            return self.render_in(&scope, file, subject);
        }
        self.with_macros(&overridden.macros)?.render_in(&scope, file, subject)
    }

    /// The library with other bodies in some macros.
    fn with_macros(&self, macros: &[(&str, String)]) -> Result<Self, Vec<Diagnostic>> {
        let mut library = self.clone();
        let mut problems = Vec::new();
        for (name, text) in macros {
            let full = match name.split_once('.') {
                Some((package, name)) => format!("{package}__{name}"),
                None => (*name).to_owned(),
            };
            let bare = name.rsplit('.').next().unwrap_or(name);
            let meant = [full, format!("dbt__{bare}"), bare.to_owned()];
            let found = meant.iter().find_map(|name| library.with_body(name, text));
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
            Some((path.clone(), format!("{before}{{% raw %}}{body}{{% endraw %}}{after}")))
        })
    }
}
