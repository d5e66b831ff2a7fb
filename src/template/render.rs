//! Renders models, singular tests and values of YAML beside the macros of the library.

use std::sync::Arc;

use tera::Context;

use super::functions::with_state;
use super::rewrite::{self, Signatures};
use super::{Library, Rendered, Scope, Subject, marks};
use crate::diagnostic::{Diagnostic, Location, SourceFile};

impl Library {
    /// Renders a model or a singular test.
    pub fn render(&self, file: &Arc<SourceFile>, subject: Subject<'_>) -> Result<Rendered, Vec<Diagnostic>> {
        self.render_in(&self.scope, file, subject)
    }

    pub(super) fn render_in(
        &self,
        scope: &Arc<Scope>,
        file: &Arc<SourceFile>,
        subject: Subject<'_>,
    ) -> Result<Rendered, Vec<Diagnostic>> {
        if let Some(at) = marks::reserved_character(&file.text) {
            return Err(vec![
                Diagnostic::error("reserved-character", "the file holds a character of Unicode's private planes 15 and 16")
                    .at(Location::new(file, at..at + 4))
                    .hint("elt uses these characters itself while it compiles; write it as an escape, U&'\\+0F0000'"),
            ]);
        }
        let signatures = self.with_local_macros(&file.text);
        let rewritten = rewrite::model(
            &file.text,
            signatures.as_ref().unwrap_or(&self.signatures),
            self.package_of(&file.path),
        );
        let told = self.told(file, &rewritten);
        if !told.is_empty() {
            return Err(told);
        }
        let own_macros = signatures.is_some();
        self.render_beside(scope, &file.path, &rewritten.text, own_macros, &Context::new(), subject)
            .map_err(|error| vec![self.diagnose(&error, file, Some(&rewritten))])
    }

    /// Renders one value of a YAML or profile file, e.g. `{{ env_var('DATABASE_URL') }}`.
    pub fn render_value(&self, text: &str, place: &Location) -> Result<String, Vec<Diagnostic>> {
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        let rewritten = rewrite::macros(text, &self.signatures);
        let told = self.told_at(&rewritten, place);
        if !told.is_empty() {
            return Err(told);
        }
        let rendered = self.render_beside(
            &self.scope,
            "value",
            &rewritten.text,
            false,
            &Context::new(),
            Subject::default(),
        );
        match rendered {
            Ok(rendered) => Ok(rendered.marked),
            Err(error) => Err(vec![self.diagnose_at(&error, place)]),
        }
    }

    /// Renders a text beside the macros. As a template with a name it needs a copy of all macros, so that is
    /// done only where it has macros of its own, or an error has to be placed.
    pub(super) fn render_beside(
        &self,
        scope: &Arc<Scope>,
        name: &str,
        text: &str,
        own_macros: bool,
        context: &Context,
        subject: Subject<'_>,
    ) -> tera::TeraResult<Rendered> {
        if !own_macros {
            let quick = with_state(scope, subject, || self.base.render_str(text, context, false));
            if quick.is_ok() {
                return quick;
            }
        }
        let mut tera = self.base.clone();
        tera.add_raw_template(name, text)?;
        with_state(scope, subject, || tera.render(name, context))
    }

    /// The package that a file is of: what that defines is there called by its bare name.
    pub(super) fn package_of(&self, path: &str) -> Option<&str> {
        self.folders.iter().find(|(folder, _)| path.starts_with(folder)).map(|(_, name)| name.as_str())
    }

    /// Whether a package is called so, which the project itself is not.
    pub(super) fn is_package(&self, name: &str) -> bool {
        self.folders.iter().any(|(_, package)| package == name)
    }

    /// A model may define macros for itself.
    fn with_local_macros(&self, text: &str) -> Option<Signatures> {
        if !text.contains("macro ") {
            return None;
        }
        let mut signatures = self.signatures.clone();
        signatures.extend(rewrite::signatures(text));
        Some(signatures)
    }
}
