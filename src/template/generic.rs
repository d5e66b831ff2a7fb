//! Renders generic tests and single macros: calls with arguments by name, checked before they are made.

use std::sync::Arc;

use serde_json::{Map, Value};
use tera::Context;

use super::faults::Placing;
use super::render::Prepared;
use super::state::Moment;
use super::{Library, Rendered, Subject, rewrite};
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
        let component = format!("test_{name}");
        let Some(signature) = self.signatures.get(&component) else {
            let known = self.signatures.keys().filter_map(|known| known.strip_prefix("test_"));
            return Err(vec![
                Diagnostic::error("unknown-test", format!("there is no generic test `{name}`"))
                    .at(place.clone())
                    .maybe_hint(did_you_mean(name, known)),
            ]);
        };
        if let Some(problem) = unknown_argument("test", name, arguments, &signature.parameters) {
            return Err(vec![problem.at(place.clone())]);
        }
        let (opens, closes) = rewrite::around_call(signature);
        let (mut before, mut call) = (String::new(), format!("{{{{ {opens}<{component}"));
        let (mut context, mut problems) = (Context::new(), Vec::new());
        let mut argument = |key: &str, value: &Value, before: &mut String, context: &mut Context| {
            let name = format!("argument_{key}");
            match value.as_str().and_then(template_of) {
                Some(text) => {
                    let rewritten = rewrite::macros(&text, &self.signatures);
                    problems.extend(self.told_at(&rewritten, place));
                    let text = rewritten.text;
                    before.push_str(&format!("{{% set {name} %}}{text}{{% endset %}}"));
                }
                None => context.insert(name, value),
            }
        };
        for (key, value) in arguments {
            argument(key, value, &mut before, &mut context);
            match only.filter(|_| key == "model") {
                Some(only) => {
                    argument("where", &Value::from(only), &mut before, &mut context);
                    call.push_str(
                        " model={'(select * from ' ~ argument_model ~ ' where ' ~ argument_where ~ ') as filtered'}",
                    );
                }
                None => call.push_str(&format!(" {key}={{argument_{key}}}")),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let unsaid = signature.unsaid(|name| arguments.contains_key(name));
        let text = format!("{before}{call}{unsaid} />{closes} }}}}");
        let prepared = Prepared {
            scope: &self.scope,
            name: "test",
            text,
            own_macros: false,
            context,
            subject,
            placing: Placing::At(place.clone()),
        };
        self.render_prepared(&Moment::Parse, prepared).map_err(|problem| vec![problem])
    }

    /// `package.macro` as templates know it; the project's own may carry the project's name, too.
    fn called(&self, name: &str) -> String {
        match name.split_once('.') {
            None => name.to_owned(),
            Some((package, inner)) => {
                let of_package = format!("{package}__{inner}");
                let is_own = self.scope.packages.contains_key(package) && !self.is_package(package);
                if is_own && !self.signatures.contains_key(&of_package) {
                    inner.to_owned()
                } else {
                    of_package
                }
            }
        }
    }

    /// Renders a macro's call with arguments by name, as `{{ name(…) }}` would, to be run: `execute` is true. What
    /// it asks shows in [`Rendered::asking`].
    pub fn render_macro(
        self: &Arc<Self>,
        name: &str,
        arguments: &Map<String, Value>,
    ) -> Result<Rendered, Vec<Diagnostic>> {
        let called = self.called(name);
        let Some(signature) = self.signatures.get(&called) else {
            return Err(vec![self.unknown_macro(name)]);
        };
        if let Some(problem) = unknown_argument("macro", name, arguments, &signature.parameters) {
            return Err(vec![problem]);
        }
        let (opens, closes) = rewrite::around_call(signature);
        let mut text = format!("{{{{ {opens}<{called}");
        let mut context = Context::new();
        for (key, value) in arguments {
            context.insert(format!("argument_{key}"), value);
            text.push_str(&format!(" {key}={{argument_{key}}}"));
        }
        let unsaid = signature.unsaid(|name| arguments.contains_key(name));
        text.push_str(&format!("{unsaid} />{closes} }}}}"));
        let call = Arc::new(SourceFile { path: "(call)".into(), text: text.clone() });
        let prepared = Prepared {
            scope: &self.scope,
            name: "(call)",
            text,
            own_macros: false,
            context,
            subject: Subject::default(),
            placing: Placing::Macro(call, name.to_owned()),
        };
        let moment = Moment::Work(Arc::default());
        self.render_prepared(&moment, prepared).map_err(|problem| vec![problem])
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

/// The template that a text of YAML is: `ref('x')` alone, or anything with `{{ … }}` in it.
fn template_of(text: &str) -> Option<String> {
    let bare = text.trim();
    if (bare.starts_with("ref(") || bare.starts_with("source(")) && bare.ends_with(')') {
        return Some(format!("{{{{ {bare} }}}}"));
    }
    text.contains("{{").then(|| text.to_owned())
}
