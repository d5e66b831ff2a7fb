//! Renders models, singular tests and values of YAML beside the macros of the library.

use std::sync::Arc;

use std::collections::BTreeMap;

use minijinja::Value;
use serde_json::Value as Json;

use super::faults::{Placing, is_undefined};
use super::names::Root;
use super::questions::Again;
use super::scan::tags;
use super::state::{Ended, Moment, returned, with_state};
use super::{Asking, Library, Rendered, Scope, Subject, marks, prepare, unknown};
use crate::diagnostic::{Diagnostic, Location, SourceFile};

/// A prepared text, with all that it is rendered with.
pub(super) struct Ready<'a> {
    pub scope: &'a Arc<Scope>,
    pub name: &'a str,
    pub text: String,
    pub variables: BTreeMap<String, Value>,
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
        let package = self.macros.package_of(&file.path);
        let tags = tags(&file.text);
        let mut prepared = prepare::model(&file.text, &tags, &self.macros.before(&file.text, &tags, package));
        let told = unknown::problems(&self.environment, &self.macros, file, &tags, &prepared.text);
        if !told.is_empty() {
            return Err(told);
        }
        let ready = Ready {
            scope,
            name: &file.path,
            text: std::mem::take(&mut prepared.text),
            variables: BTreeMap::new(),
            subject,
            placing: Placing::In(file.clone(), prepared),
        };
        self.render_ready(moment, ready).map_err(|problem| vec![problem])
    }

    /// Renders one value of a YAML or profile file, e.g. `{{ env_var('DATABASE_URL') }}`, to a text.
    pub fn render_value(&self, text: &str, place: &Location) -> Result<String, Vec<Diagnostic>> {
        match self.render_native(text, place)? {
            Json::String(text) => Ok(text),
            Json::Bool(value) => Ok(if value { "True" } else { "False" }.to_owned()),
            Json::Null => Ok("None".to_owned()),
            other => Ok(other.to_string()),
        }
    }

    /// The same; where it is one expression alone it keeps its kind: `{{ var('days') }}` may be a number or a list.
    pub fn render_native(&self, text: &str, place: &Location) -> Result<Json, Vec<Diagnostic>> {
        if !["{{", "{%", "{#"].iter().any(|opening| text.contains(opening)) {
            return Ok(Json::String(text.to_owned()));
        }
        let returned_of = prepare::expression_alone(text).map(|inside| format!("{{{{ return({inside}) }}}}"));
        let written = returned_of.as_deref().unwrap_or(text);
        let tags = tags(written);
        let prepared = prepare::value(written, &tags, &self.macros.before(written, &tags, None));
        let moment = Moment::Work(Arc::default());
        let named = ("value", prepared.text.as_str());
        let ended = self.render_to(&moment, &self.scope, named, &BTreeMap::new(), Subject::default());
        ended.tell(0);
        match ended.text {
            Ok(value) if value.is_undefined() => Ok(Json::Null),
            Ok(value) => serde_json::to_value(&value)
                .map_err(|error| vec![Diagnostic::error("template", error.to_string()).at(place.clone())]),
            Err(_) if ended.unanswered.is_some() => {
                let message = "a value of YAML asks the database, and is needed before there is one to ask";
                let problem = Diagnostic::error("template", message).at(place.clone());
                Err(vec![problem.hint("write the value itself, or ask in the model")])
            }
            Err(error) => Err(vec![self.diagnose_at(&error, place)]),
        }
    }

    /// Renders a text, and keeps what is needed to do it again where it asks.
    pub(super) fn render_ready(
        self: &Arc<Self>,
        moment: &Moment,
        ready: Ready<'_>,
    ) -> Result<Rendered, Diagnostic> {
        let Ready { scope, name, text, variables, subject, placing } = ready;
        let ended = self.render_at(moment, scope, (name, &text), &variables, subject);
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
                let lacks_answer =
                    is_parsed && ended.asks && (problem.hint.is_none() || is_undefined(&error));
                let hint = "while the project is read nothing is asked, and results are empty: put what needs them \
                            into {% if execute %}…{% endif %}";
                return Err(if lacks_answer { problem.hint(hint) } else { problem });
            }
        };
        let asking = asks.then(|| {
            Asking::new(Again {
                library: self.clone(),
                scope: scope.clone(),
                name: name.to_owned(),
                text,
                variables,
                subject: subject.into(),
                placing,
            })
        });
        Ok(Rendered { marked, asking, ..ended.out })
    }

    /// Renders a text beside the macros.
    pub(super) fn render_at(
        &self,
        moment: &Moment,
        scope: &Arc<Scope>,
        named: (&str, &str),
        variables: &BTreeMap<String, Value>,
        subject: Subject<'_>,
    ) -> Ended {
        let ended = self.render_to(moment, scope, named, variables, subject);
        let Ended { text, out, asks, unanswered, failed, messages } = ended;
        Ended { text: text.map(|value| value.to_string()), out, asks, unanswered, failed, messages }
    }

    /// What a text returns, else what it writes.
    fn render_to(
        &self,
        moment: &Moment,
        scope: &Arc<Scope>,
        (name, text): (&str, &str),
        variables: &BTreeMap<String, Value>,
        subject: Subject<'_>,
    ) -> Ended<Value> {
        with_state(scope, &self.macros, moment, (name, subject), || {
            let root = Value::from_object(Root { variables: variables.clone() });
            let template = self.environment.template_from_named_str(name, text)?;
            template.render(root).map(Value::from).or_else(returned)
        })
    }
}
