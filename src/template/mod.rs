//! Renders models and tests written in dbt's spelling. The only module that knows tera. A render is pure:
//! variables and environment are handed in, and what it refers to and configures comes out beside the text.

mod marks;
mod rewrite;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};
use tera::{Context, ErrorKind, Kwargs, State, Tera};

use crate::diagnostic::{Diagnostic, Location, SourceFile, did_you_mean};
pub use marks::{SourceMap, character_range, settle};
use rewrite::{Rewritten, Signatures};

const GENERIC_TESTS: &str = include_str!("generic_tests.sql");
/// Divides message from hint in an error that passes through tera.
const HINT: char = '\u{1f}';

/// What templates may read. Shared by all renders of a project.
#[derive(Debug, Default, Clone)]
pub struct Scope {
    pub vars: Map<String, Value>,
    pub env: BTreeMap<String, String>,
    /// Schema of each layer and the target's name, for `this.schema` and `target.name`.
    pub target: Map<String, Value>,
}

/// What a template refers to, in the order of first mention.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    Ref(String),
    Source(String, String),
    /// The published relation of the model itself.
    This,
}

/// A rendered template: text with marks (see [`settle`]), and what the render told.
#[derive(Debug, Clone, Default)]
pub struct Rendered {
    pub marked: String,
    /// Index `i` is what the `i`-th stand-in in `marked` stands for.
    pub references: Vec<Reference>,
    pub config: Map<String, Value>,
    /// Names of environment variables whose values went into the text.
    pub env_used: Vec<String>,
}

/// The macros and generic tests of a project, ready to render with.
pub struct Library {
    base: Tera,
    signatures: Signatures,
    /// By template name, for mapping places back.
    files: HashMap<String, (Arc<SourceFile>, Rewritten)>,
    scope: Arc<Scope>,
}

/// The state of the render under way. A component sees no context, so functions find it here.
struct Render {
    scope: Arc<Scope>,
    name: String,
    schema: String,
    incremental: bool,
    out: Rendered,
}

thread_local! {
    static RENDER: RefCell<Option<Render>> = const { RefCell::new(None) };
}

/// Which model is rendered, for `this` and `is_incremental`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a> {
    pub name: &'a str,
    pub schema: &'a str,
    pub incremental: bool,
}

impl Library {
    /// Reads macro files. All problems of all files come back together.
    pub fn new(macro_files: &[Arc<SourceFile>], scope: Scope) -> Result<Self, Vec<Diagnostic>> {
        let builtin =
            Arc::new(SourceFile { path: "(built in) generic_tests.sql".into(), text: GENERIC_TESTS.into() });
        let mut signatures = Signatures::new();
        for file in std::iter::once(&builtin).chain(macro_files) {
            signatures.extend(rewrite::signatures(&file.text));
        }
        let mut library = Self { base: engine(), signatures, files: HashMap::new(), scope: Arc::new(scope) };
        let mut problems = Vec::new();
        for file in std::iter::once(&builtin).chain(macro_files) {
            let rewritten = rewrite::macros(&file.text, &library.signatures);
            problems.extend(told_by_rewriter(file, &rewritten));
            let text = rewritten.text.clone();
            library.files.insert(file.path.clone(), (file.clone(), rewritten));
            if let Err(error) = library.base.add_raw_template(&file.path, &text) {
                problems.push(library.diagnose(&error, file, None));
            }
        }
        if problems.is_empty() { Ok(library) } else { Err(problems) }
    }

    /// Renders a model or a singular test.
    pub fn render(&self, file: &Arc<SourceFile>, subject: Subject<'_>) -> Result<Rendered, Vec<Diagnostic>> {
        if let Some(at) = marks::reserved_character(&file.text) {
            return Err(vec![
                Diagnostic::error("reserved-character", "the file holds a character of Unicode's private planes 15 and 16")
                    .at(Location::new(file, at..at + 4))
                    .hint("elt uses these characters itself while it compiles; write it as an escape, U&'\\+0F0000'"),
            ]);
        }
        let signatures = self.with_local_macros(&file.text);
        let rewritten = rewrite::model(&file.text, signatures.as_ref().unwrap_or(&self.signatures));
        let told = told_by_rewriter(file, &rewritten);
        if !told.is_empty() {
            return Err(told);
        }
        let mut tera = self.base.clone();
        let result = tera
            .add_raw_template(&file.path, &rewritten.text)
            .and_then(|()| self.run(subject, || tera.render(&file.path, &Context::new())));
        result.map_err(|error| vec![self.diagnose(&error, file, Some(&rewritten))])
    }

    /// Renders a generic test: `test_<name>` with `arguments`. Strings that read `ref('…')` or
    /// `source('…', '…')` are followed; with `only` the model is the rows for which that holds. Problems are
    /// placed at `place`, in the YAML that asked.
    pub fn render_test(
        &self,
        name: &str,
        arguments: &Map<String, Value>,
        only: Option<&str>,
        subject: Subject<'_>,
        place: &Location,
    ) -> Result<Rendered, Vec<Diagnostic>> {
        let component = format!("test_{name}");
        let Some(parameters) = self.signatures.get(&component) else {
            let known = self.signatures.keys().filter_map(|known| known.strip_prefix("test_"));
            return Err(vec![
                Diagnostic::error("unknown-test", format!("there is no generic test `{name}`"))
                    .at(place.clone())
                    .maybe_hint(did_you_mean(name, known)),
            ]);
        };
        let unknown: Vec<&String> = arguments.keys().filter(|key| !parameters.contains(key)).collect();
        if let Some(key) = unknown.first() {
            let hint = did_you_mean(key, parameters.iter().map(String::as_str))
                .unwrap_or_else(|| format!("it takes {}", parameters.join(", ")));
            return Err(vec![
                Diagnostic::error("unknown-argument", format!("the test `{name}` takes no argument `{key}`"))
                    .at(place.clone())
                    .hint(hint),
            ]);
        }
        let mut text = format!("{{{{ <{component}");
        let mut context = Context::new();
        for (key, value) in arguments {
            match value.as_str().filter(|text| is_reference(text)) {
                Some(call) => {
                    let rewritten = rewrite::macros(&format!("{{{{ {call} }}}}"), &self.signatures).text;
                    let inner = rewritten.trim_start_matches("{{").trim_end_matches("}}").trim();
                    match only.filter(|_| key == "model") {
                        Some(only) => {
                            context.insert("argument_where", only);
                            text.push_str(&format!(
                                " model={{'(select * from ' ~ {inner} ~ ' where ' ~ argument_where ~ ') as filtered'}}"
                            ));
                        }
                        None => text.push_str(&format!(" {key}={{{inner}}}")),
                    }
                }
                None => {
                    context.insert(format!("argument_{key}"), value);
                    text.push_str(&format!(" {key}={{argument_{key}}}"));
                }
            }
        }
        text.push_str(" /> }}");
        let mut tera = self.base.clone();
        let result = tera
            .add_raw_template("test", &text)
            .and_then(|()| self.run(subject, || tera.render("test", &context)));
        result.map_err(|error| {
            let mut diagnostic = self.diagnose(&error, &place.file, None);
            diagnostic.location = Some(place.clone());
            vec![diagnostic]
        })
    }

    /// Renders one value of a YAML or profile file, e.g. `{{ env_var('DATABASE_URL') }}`.
    pub fn render_value(&self, text: &str, place: &Location) -> Result<String, Vec<Diagnostic>> {
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        let rewritten = rewrite::macros(text, &self.signatures);
        let mut tera = self.base.clone();
        let result = tera
            .add_raw_template("value", &rewritten.text)
            .and_then(|()| self.run(Subject::default(), || tera.render("value", &Context::new())));
        match result {
            Ok(rendered) => Ok(rendered.marked),
            Err(error) => {
                let mut diagnostic = self.diagnose(&error, &place.file, None);
                diagnostic.location = Some(place.clone());
                Err(vec![diagnostic])
            }
        }
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

    fn run(
        &self,
        subject: Subject<'_>,
        render: impl FnOnce() -> tera::TeraResult<String>,
    ) -> tera::TeraResult<Rendered> {
        let state = Render {
            scope: self.scope.clone(),
            name: subject.name.to_owned(),
            schema: subject.schema.to_owned(),
            incremental: subject.incremental,
            out: Rendered::default(),
        };
        RENDER.with_borrow_mut(|current| *current = Some(state));
        let text = render();
        let state = RENDER.with_borrow_mut(Option::take).expect("set just above, and renders do not nest");
        Ok(Rendered { marked: text?, ..state.out })
    }

    /// Makes a tera error a diagnostic at the author's own place.
    fn diagnose(&self, error: &tera::Error, file: &Arc<SourceFile>, own: Option<&Rewritten>) -> Diagnostic {
        let (message, place) = match error.kind() {
            ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
                let found = if report.filename() == file.path {
                    own.map(|rewritten| (file, rewritten))
                } else {
                    None
                };
                let found = found
                    .or_else(|| self.files.get(report.filename()).map(|(file, rewritten)| (file, rewritten)));
                let place = found.map(|(file, rewritten)| {
                    let range = &report.span().range;
                    let start = rewritten.source_of(range.start);
                    let end = rewritten.source_of(range.end.max(range.start + 1)).max(start + 1);
                    Location::new(file, start..end)
                });
                (report.message().to_owned(), place)
            }
            other => (plain_message(&other.to_string()), None),
        };
        let mut parts = message.split(HINT).map(str::to_owned);
        let (message, hint) = (parts.next().unwrap_or_default(), parts.next());
        let place = place.unwrap_or_else(|| place_of_quoted(file, &message));
        Diagnostic::error("template", strip_marks(&message)).at(place).maybe_hint(hint)
    }
}

/// Problems for which tera gives no place name what they are about in backquotes or quotes: look for it.
fn place_of_quoted(file: &Arc<SourceFile>, message: &str) -> Location {
    let quoted = message.split(['`', '\'', '"']).nth(1).filter(|name| !name.is_empty());
    match quoted.and_then(|name| file.text.find(name).map(|at| at..at + name.len())) {
        Some(span) => Location::new(file, span),
        None => Location::start_of(file),
    }
}

/// The first line that says something, without tera's own frame around it.
fn plain_message(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(text);
    line.trim_start_matches("error:").trim().to_owned()
}

fn strip_marks(text: &str) -> String {
    settle(text, |_| "…".to_owned()).0
}

fn told_by_rewriter(file: &Arc<SourceFile>, rewritten: &Rewritten) -> Vec<Diagnostic> {
    let problems = rewritten.problems.iter();
    problems
        .map(|problem| {
            Diagnostic::error("template", problem.message.clone())
                .at(Location::new(file, problem.span.clone()))
                .hint(problem.hint)
        })
        .collect()
}

fn is_reference(text: &str) -> bool {
    let text = text.trim();
    (text.starts_with("ref(") || text.starts_with("source(")) && text.ends_with(')')
}

/// The name a template gives to what it refers to, as dbt users quote it.
impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ref(name) => write!(f, "ref('{name}')"),
            Self::Source(source, name) => write!(f, "source('{source}', '{name}')"),
            Self::This => write!(f, "this"),
        }
    }
}

fn engine() -> Tera {
    let mut tera = Tera::new();
    tera.autoescape_on(Vec::<&'static str>::new());
    tera.register_function("ref", |arguments: Kwargs, _: &State| {
        refer(Reference::Ref(arguments.must_get::<String>("name")?))
    });
    tera.register_function("source", |arguments: Kwargs, _: &State| {
        refer(Reference::Source(arguments.must_get("source")?, arguments.must_get("name")?))
    });
    tera.register_function("this", |arguments: Kwargs, _: &State| match arguments.get::<&str>("part")? {
        None => refer(Reference::This),
        Some("schema") => Ok(with_render(|render| render.schema.clone())),
        Some("name" | "identifier" | "table") => Ok(with_render(|render| render.name.clone())),
        Some(part) => fail(format!("`this` has no part `{part}`"), "`this.schema` and `this.name` are known"),
    });
    tera.register_function("is_incremental", |_: Kwargs, _: &State| with_render(|render| render.incremental));
    tera.register_function("var", variable);
    tera.register_function("env_var", environment);
    tera.register_function("config", |arguments: Kwargs, _: &State| {
        for (key, value) in arguments.iter() {
            let value =
                serde_json::to_value(value).map_err(|error| tera::Error::message(error.to_string()))?;
            with_render(|render| render.out.config.insert(key.to_string(), value));
        }
        Ok::<_, tera::Error>(String::new())
    });
    tera.register_function("literal", |arguments: Kwargs, _: &State| {
        Ok::<_, tera::Error>(crate::name::literal(&arguments.must_get::<tera::Value>("value")?.to_string()))
    });
    tera.register_function("target", |arguments: Kwargs, _: &State| {
        let part = arguments.get::<String>("part")?.unwrap_or_else(|| "name".into());
        Ok::<_, tera::Error>(with_render(|render| match render.scope.target.get(&part) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        }))
    });
    tera
}

fn with_render<T>(with: impl FnOnce(&mut Render) -> T) -> T {
    RENDER.with_borrow_mut(|render| with(render.as_mut().expect("functions run only inside a render")))
}

fn fail<T>(message: String, hint: &str) -> tera::TeraResult<T> {
    Err(tera::Error::message(format!("{message}{HINT}{hint}{HINT}")))
}

fn refer(reference: Reference) -> tera::TeraResult<String> {
    let index = with_render(|render| {
        let known = render.out.references.iter().position(|known| *known == reference);
        known.unwrap_or_else(|| {
            render.out.references.push(reference);
            render.out.references.len() - 1
        })
    });
    if index >= marks::MAX_REFERENCES {
        return fail(
            format!("more than {} relations in one model", marks::MAX_REFERENCES),
            "split the model",
        );
    }
    Ok(marks::reference(index).to_string())
}

fn variable(arguments: Kwargs, _: &State) -> tera::TeraResult<tera::Value> {
    let name = arguments.must_get::<String>("name")?;
    let found = with_render(|render| render.scope.vars.get(&name).map(tera::Value::from_serializable));
    if let Some(value) = found {
        return Ok(value);
    }
    if let Some(default) = arguments.get::<tera::Value>("default")? {
        return Ok(default);
    }
    let near = with_render(|render| did_you_mean(&name, render.scope.vars.keys().map(String::as_str)));
    let hint = near.unwrap_or_else(|| {
        format!("set it in profiles.yml under `vars:`, by `--vars '{name}: …'`, or give a default: var('{name}', …)")
    });
    fail(format!("the variable `{name}` is not set"), &hint)
}

fn environment(arguments: Kwargs, _: &State) -> tera::TeraResult<String> {
    let name = arguments.must_get::<String>("name")?;
    let found = with_render(|render| {
        let value = render.scope.env.get(&name).cloned();
        if value.is_some() {
            render.out.env_used.push(name.clone());
        }
        value
    });
    match found.or(arguments.get::<tera::Value>("default")?.map(|value| value.to_string())) {
        Some(value) => Ok(value),
        None => fail(
            format!("the environment variable `{name}` is not set"),
            &format!("export {name}=…, or give a default: env_var('{name}', '…')"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Arc<SourceFile> {
        Arc::new(SourceFile { path: "models/m.sql".into(), text: text.into() })
    }

    fn library(macros: &str) -> Library {
        let scope =
            Scope { vars: Map::from_iter([("days".to_owned(), Value::from(30))]), ..Scope::default() };
        let macros = Arc::new(SourceFile { path: "macros/m.sql".into(), text: macros.into() });
        Library::new(&[macros], scope).unwrap_or_else(|problems| panic!("{}", problems[0].render(false)))
    }

    fn sql(rendered: &Rendered) -> String {
        settle(&rendered.marked, |index| rendered.references[index].to_string()).0
    }

    fn rendered(library: &Library, text: &str) -> Rendered {
        library
            .render(&file(text), Subject { name: "m", schema: "stage", incremental: false })
            .unwrap_or_else(|problems| panic!("{}", problems[0].render(false)))
    }

    #[test]
    fn a_dbt_model_renders_unchanged() {
        let library = library(
            "{% macro cents(column, scale=2) %}round({{ column }} / 100.0, {{ scale }}){% endmacro %}",
        );
        let out = rendered(
            &library,
            "{{ config(materialized='table', tags=['a', 'b']) }}\nselect {{ cents('amount') }}, {{ cents('x', 4) }}\nfrom {{ ref('orders') }}\nwhere age < {{ var('days') }} {% if is_incremental() %} and t > (select max(t) from {{ this }}) {% endif %}",
        );
        insta::assert_snapshot!(sql(&out), @r"

        select round(amount / 100.0, 2), round(x / 100.0, 4)
        from ref('orders')
        where age < 30 
        ");
        assert_eq!(out.config["tags"], serde_json::json!(["a", "b"]));
        assert_eq!(out.references, [Reference::Ref("orders".into())]);
    }

    #[test]
    fn places_of_sql_map_back_through_loops_and_trimmed_tags() {
        let library = library("");
        let text = "{%- set xs = ['a','b'] -%}\nselect\n{%- for x in xs %}\n  {{ x }} as col_{{ x }},\n{%- endfor %}\n  nope from t";
        let out = rendered(&library, text);
        let (sql, map) = settle(&out.marked, |_| String::new());
        assert_eq!(sql, "select\n  a as col_a,\n  b as col_b,\n  nope from t");
        assert_eq!(map.source_of(sql.find("nope").unwrap()), text.find("nope"));
        assert_eq!(map.source_of(sql.rfind("as col_").unwrap()), text.find("as col_"));
        assert_eq!(map.source_of(sql.find("a as").unwrap()), text.find("{{ x }}"));
    }

    #[test]
    fn an_unknown_variable_is_told_at_its_place_with_the_nearest_name() {
        let problems =
            library("").render(&file("select 1\nwhere {{ var('dayz') }}"), Subject::default()).unwrap_err();
        insta::assert_snapshot!(problems[0].render(false), @r"
        error[template]: the variable `dayz` is not set
         --> models/m.sql:2:10
          |
        2 | where {{ var('dayz') }}
          |          ^^^^^^^^^^^
          |
          = help: did you mean `days`?
        ");
    }

    #[test]
    fn a_syntax_error_and_an_unknown_function_have_places() {
        for (text, at) in [
            ("a\n{{ 1 + }}", "models/m.sql:2:"),
            ("a\n{{ nosuch('x') }}", "models/m.sql:2:"),
            ("{% if x %}", "models/m.sql:1:"),
        ] {
            let problems = library("").render(&file(text), Subject::default()).unwrap_err();
            let place = problems[0].location.as_ref().unwrap().to_string();
            assert!(place.starts_with(at), "{text}: {place}: {}", problems[0].message);
        }
    }

    #[test]
    fn set_blocks_compare_as_plain_text() {
        let out = rendered(&library(""), "{% set x %}abc{% endset %}{% if x == 'abc' %}yes{% endif %}");
        assert_eq!(sql(&out), "yes");
    }

    #[test]
    fn generic_tests_render_and_follow_refs() {
        let library = library("");
        let place = Location::start_of(&file("to: ref('customers')"));
        let arguments = serde_json::json!({"model": "ref('x')", "column_name": "\"id\"", "to": "ref('customers')", "field": "id"});
        let out = library
            .render_test(
                "relationships",
                arguments.as_object().unwrap(),
                Some("id > 1"),
                Subject::default(),
                &place,
            )
            .unwrap();
        assert!(sql(&out).contains("select id from ref('customers')"), "{}", sql(&out));
        let problems =
            library.render_test("uniqe", &Map::new(), None, Subject::default(), &place).unwrap_err();
        assert_eq!(problems[0].hint.as_deref(), Some("did you mean `unique`?"));
    }
}
