//! What a project's own `generate_schema_name` and `generate_alias_name` make of the schema and the alias that a
//! config asks for.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::Value;

use super::state::Moment;
use super::{Library, Subject};
use crate::diagnostic::{Diagnostic, Location};

impl Library {
    /// The schema of a relation for which `asked` is what its config asks for; nothing where the project leaves that
    /// to elt. `subject` is the model as it is named by then, `place` where it asks.
    pub fn schema_name(
        self: &Arc<Self>,
        asked: Option<&str>,
        subject: Subject<'_>,
        place: &Location,
    ) -> Result<Option<String>, Vec<Diagnostic>> {
        self.named_by("generate_schema_name", asked, subject, place)
    }

    /// The same of the name of a relation.
    pub fn alias_name(
        self: &Arc<Self>,
        asked: Option<&str>,
        subject: Subject<'_>,
        place: &Location,
    ) -> Result<Option<String>, Vec<Diagnostic>> {
        self.named_by("generate_alias_name", asked, subject, place)
    }

    fn named_by(
        self: &Arc<Self>,
        name: &str,
        asked: Option<&str>,
        subject: Subject<'_>,
        place: &Location,
    ) -> Result<Option<String>, Vec<Diagnostic>> {
        let is_own = |name: &String| self.macros.get(name).is_some_and(|entry| !entry.is_built_in());
        let found = [name.to_owned()].into_iter().chain(self.macros.dispatched(name, None)).find(is_own);
        let Some(called) = found else { return Ok(None) };
        let text = format!("{{{{ elt_macro('{called}')(asked, model) }}}}");
        let text = self.prepared_call(&text, &called);
        let variables = BTreeMap::from([("asked".to_owned(), Value::from(asked))]);
        let named = (place.file.path.as_str(), text.as_str());
        let ended = self.render_at(&Moment::Work(Arc::default()), &self.scope, named, &variables, subject);
        ended.tell(0);
        match ended.text {
            Ok(name) => Ok(Some(name.trim().to_owned())),
            Err(_) if ended.unanswered.is_some() => {
                let message =
                    format!("`{called}` asks the database, and is needed before there is one to ask");
                let problem = Diagnostic::error("template", message).at(place.clone());
                Err(vec![
                    problem.hint("let it go by the model's config, its folder, the target or variables"),
                ])
            }
            Err(error) => {
                let mut problem = self.diagnose(&error, &place.file, None);
                if problem.location.as_ref().is_none_or(|at| Arc::ptr_eq(&at.file, &place.file)) {
                    problem.location = Some(place.clone());
                }
                Err(vec![problem])
            }
        }
    }
}
