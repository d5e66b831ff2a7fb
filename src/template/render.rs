//! Renders models, singular tests and values of YAML beside the macros of the library.

use std::sync::Arc;

use tera::Context;

use super::faults::Placing;
use super::questions::Again;
use super::rewrite::{self, Signatures};
use super::state::{Ended, Moment, with_state};
use super::{Asking, Library, Rendered, Scope, Subject, marks};
use crate::diagnostic::{Diagnostic, Location, SourceFile};

/// A text in tera's spelling, with all that it is rendered with.
pub(super) struct Prepared<'a> {
    pub scope: &'a Arc<Scope>,
    pub name: &'a str,
    pub text: String,
    /// It defines macros for itself.
    pub own_macros: bool,
    pub context: Context,
    pub subject: Subject<'a>,
    pub placing: Placing,
}

impl Library {
    /// Renders a model or a singular test as it is read, `execute` being false.
    pub fn render(
        self: &Arc<Self>,
        file: &Arc<SourceFile>,
        subject: Subject<'_>,
    ) -> Result<Rendered, Vec<Diagnostic>> {
        self.render_in(&self.scope, &Moment::Parse, file, subject)
    }

    /// Renders statements that are about to be run, or a hook, which has no other moment: `execute` is true. What
    /// it asks shows in [`Rendered::asking`].
    pub fn render_statements(
        self: &Arc<Self>,
        file: &Arc<SourceFile>,
        subject: Subject<'_>,
    ) -> Result<Rendered, Vec<Diagnostic>> {
        self.render_in(&self.scope, &Moment::Work(Arc::default()), file, subject)
    }

    pub(super) fn render_in(
        self: &Arc<Self>,
        scope: &Arc<Scope>,
        moment: &Moment,
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
        let mut rewritten = rewrite::model(
            &file.text,
            signatures.as_ref().unwrap_or(&self.signatures),
            self.package_of(&file.path),
        );
        let told = self.told(file, &rewritten);
        if !told.is_empty() {
            return Err(told);
        }
        let prepared = Prepared {
            scope,
            name: &file.path,
            text: std::mem::take(&mut rewritten.text),
            own_macros: signatures.is_some(),
            context: Context::new(),
            subject,
            placing: Placing::In(file.clone(), rewritten),
        };
        self.render_prepared(moment, prepared).map_err(|problem| vec![problem])
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
        let moment = Moment::Work(Arc::default());
        let named = ("value", rewritten.text.as_str());
        let ended = self.render_at(&moment, &self.scope, named, false, &Context::new(), Subject::default());
        ended.tell(0);
        match ended.text {
            Ok(text) => Ok(text),
            Err(_) if ended.unanswered.is_some() => {
                let message = "a value of YAML asks the database, and is needed before there is one to ask";
                let problem = Diagnostic::error("template", message).at(place.clone());
                Err(vec![problem.hint("write the value itself, or ask in the model")])
            }
            Err(error) => Err(vec![self.diagnose_at(&error, place)]),
        }
    }

    /// Renders a text, and keeps what is needed to do it again where it asks.
    pub(super) fn render_prepared(
        self: &Arc<Self>,
        moment: &Moment,
        prepared: Prepared<'_>,
    ) -> Result<Rendered, Diagnostic> {
        let Prepared { scope, name, text, own_macros, context, subject, placing } = prepared;
        let ended = self.render_at(moment, scope, (name, &text), own_macros, &context, subject);
        let is_parsed = matches!(moment, Moment::Parse);
        let asks = if is_parsed { ended.asks } else { ended.unanswered.is_some() };
        if is_parsed || !asks {
            ended.tell(0);
        }
        let marked = match ended.text {
            Ok(marked) => marked,
            Err(_) if ended.unanswered.is_some() => String::new(),
            Err(error) => {
                let problem = placing.diagnose(self, &error);
                let hint = "while the project is read nothing is asked, and results are empty: put what needs them \
                            into {% if execute %}…{% endif %}";
                return Err(if is_parsed && ended.asks && problem.hint.is_none() {
                    problem.hint(hint)
                } else {
                    problem
                });
            }
        };
        let asking = asks.then(|| {
            Asking::new(Again {
                library: self.clone(),
                scope: scope.clone(),
                name: name.to_owned(),
                text,
                own_macros,
                context,
                subject: (subject.name.to_owned(), subject.schema.to_owned(), subject.incremental),
                placing,
            })
        });
        Ok(Rendered { marked, asking, ..ended.out })
    }

    /// Renders a text beside the macros. As a template with a name it needs a copy of all macros, so that is
    /// done only where it has macros of its own, or an error has to be placed.
    pub(super) fn render_at(
        &self,
        moment: &Moment,
        scope: &Arc<Scope>,
        (name, text): (&str, &str),
        own_macros: bool,
        context: &Context,
        subject: Subject<'_>,
    ) -> Ended {
        if !own_macros {
            let quick = with_state(scope, moment, subject, || self.base.render_str(text, context, false));
            if quick.text.is_ok() || quick.unanswered.is_some() {
                return quick;
            }
        }
        let mut tera = self.base.clone();
        let added = tera.add_raw_template(name, text);
        with_state(scope, moment, subject, || added.and_then(|_| tera.render(name, context)))
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
