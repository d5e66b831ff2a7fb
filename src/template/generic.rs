//! Renders generic tests and single macros: calls with arguments by name, checked before they are made.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::faults::Placing;
use super::render::Ready;
use super::scan::tags;
use super::state::Moment;
use super::values::changeable;
use super::{Library, Rendered, Subject, prepare};
use crate::diagnostic::{Diagnostic, Location, SourceFile, did_you_mean};

impl Library {
    /// Renders a generic test: `test_<name>` with `arguments`. Strings that read `ref('…')` or
    /// `source('…', '…')`, or hold `{{ … }}`, are rendered first; with `only` the model is the rows for which
    /// that holds. Problems are placed at `place`, in the YAML that asked.
    pub fn render_test(
        self: &Arc<Self>,
        name: &str,
        arguments: &Map<String, Value>,
        only: Option<&str>,
        subject: Subject<'_>,
        place: &Location,
    ) -> Result<Rendered, Vec<Diagnostic>> {
        let called = format!("test_{name}");
        let Some(entry) = self.macros.get(&called) else {
            let known = self.macros.names().filter_map(|known| known.strip_prefix("test_"));
            return Err(vec![
                Diagnostic::error("unknown-test", format!("there is no generic test `{name}`"))
                    .at(place.clone())
                    .maybe_hint(did_you_mean(name, known)),
            ]);
        };
        if let Some(problem) = unknown_argument("test", name, arguments, &entry.definition.parameters) {
            return Err(vec![problem.at(place.clone())]);
        }
        let (mut before, mut call) = (String::new(), Vec::new());
        let mut variables = BTreeMap::new();
        let mut argument = |key: &str, value: &Value| match value.as_str().and_then(template_of) {
            Some(Template::Expression(text)) => {
                before.push_str(&format!("{{% set argument_{key} = {text} %}}"))
            }
            Some(Template::Text(text)) => {
                before.push_str(&format!("{{% set argument_{key} %}}{text}{{% endset %}}"));
            }
            None => drop(variables.insert(format!("argument_{key}"), changeable(value))),
        };
        for (key, value) in arguments {
            argument(key, value);
            match only.filter(|_| key == "model") {
                Some(only) => {
                    argument("where", &Value::from(only));
                    call.push(
                        "model='(select * from ' ~ argument_model ~ ' where ' ~ argument_where ~ ') as filtered'"
                            .to_owned(),
                    );
                }
                None => call.push(format!("{key}=argument_{key}")),
            }
        }
        let text = format!("{before}{{{{ elt_macro('{called}')({}) }}}}", call.join(", "));
        let ready = Ready {
            scope: &self.scope,
            name: "test",
            text: self.prepared_call(&text, &called),
            variables,
            subject,
            placing: Placing::At(place.clone()),
        };
        self.render_ready(&Moment::Parse, ready).map_err(|problem| vec![problem])
    }

    /// The call of a macro by its whole name with arguments that stand in variables, behind what sets them.
    pub(super) fn prepared_call(&self, text: &str, called: &str) -> String {
        let call = format!("{{{{ {called} }}}}");
        prepare::value(text, &tags(text), &self.macros.before(&call, &tags(&call), None)).text
    }

    /// Renders a macro's call with arguments by name, as `{{ name(…) }}` would, to be run: `execute` is true. What
    /// it asks shows in [`Rendered::asking`].
    pub fn render_macro(
        self: &Arc<Self>,
        name: &str,
        arguments: &Map<String, Value>,
    ) -> Result<Rendered, Vec<Diagnostic>> {
        let called = self.macros.whole_name(name);
        let Some((called, entry)) =
            called.and_then(|called| Some((called.clone(), self.macros.get(&called)?)))
        else {
            return Err(vec![self.unknown_macro(name)]);
        };
        if let Some(problem) = unknown_argument("macro", name, arguments, &entry.definition.parameters) {
            return Err(vec![problem]);
        }
        let call: Vec<String> = arguments.keys().map(|key| format!("{key}=argument_{key}")).collect();
        let values = arguments.iter().map(|(key, value)| (format!("argument_{key}"), changeable(value)));
        let text = format!("{{{{ elt_macro('{called}')({}) }}}}", call.join(", "));
        let shown = Arc::new(SourceFile { path: "(call)".into(), text: text.clone() });
        let ready = Ready {
            scope: &self.scope,
            name: "(call)",
            text: self.prepared_call(&text, &called),
            variables: values.collect(),
            subject: Subject::default(),
            placing: Placing::Macro(shown, name.to_owned()),
        };
        let moment = Moment::Work(Arc::default());
        self.render_ready(&moment, ready).map_err(|problem| vec![problem])
    }
}

/// What to say of an argument that the test or macro does not take.
fn unknown_argument(
    kind: &str,
    name: &str,
    arguments: &Map<String, Value>,
    parameters: &[String],
) -> Option<Diagnostic> {
    let key = arguments.keys().find(|key| !parameters.contains(key))?;
    let takes = || match parameters {
        [] => "it takes none".to_owned(),
        names => format!("it takes {}", names.join(", ")),
    };
    let hint = did_you_mean(key, parameters.iter().map(String::as_str)).unwrap_or_else(takes);
    let message = format!("the {kind} `{name}` takes no argument `{key}`");
    Some(Diagnostic::error("unknown-argument", message).hint(hint))
}

/// A text of YAML that has to be rendered.
enum Template {
    Expression(String),
    Text(String),
}

/// The template that a text is: `ref('x')` alone, or anything with `{{ … }}` in it.
fn template_of(text: &str) -> Option<Template> {
    let bare = text.trim();
    if (bare.starts_with("ref(") || bare.starts_with("source(")) && bare.ends_with(')') {
        return Some(Template::Expression(bare.to_owned()));
    }
    match prepare::expression_alone(bare) {
        Some(inside) => Some(Template::Expression(inside.to_owned())),
        None => text.contains("{{").then(|| Template::Text(text.to_owned())),
    }
}
