//! Renders models and tests written in dbt's spelling. The only module that knows tera. A render is pure:
//! variables and environment are handed in, and what it refers to and configures comes out beside the text.

mod calls;
mod functions;
mod marks;
mod overrides;
mod packages;
mod rewrite;
mod scan;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};
use tera::{Context, ErrorKind, Tera};

use crate::diagnostic::{Diagnostic, Location, SourceFile, did_you_mean};
pub use calls::Macro;
use functions::{HINT, engine, with_state};
pub use marks::{SourceMap, character_range, settle};
pub use overrides::Overridden;
pub use packages::PackageMacros;
use packages::Usable;
use rewrite::{Rewritten, Signatures};

/// The tests and macros that every project has.
const BUILT_IN: &[(&str, &str)] = &[
    ("(built in) tests.sql", include_str!("builtin/tests.sql")),
    ("(built in) dbt.sql", include_str!("builtin/dbt.sql")),
    ("(built in) dbt_utils.sql", include_str!("builtin/dbt_utils.sql")),
    ("(built in) dbt_utils_tests.sql", include_str!("builtin/dbt_utils_tests.sql")),
    ("(built in) dbt_expectations.sql", include_str!("builtin/dbt_expectations.sql")),
];

/// What templates may read. Shared by all renders of a project.
#[derive(Debug, Default, Clone)]
pub struct Scope {
    pub vars: Map<String, Value>,
    pub env: BTreeMap<String, String>,
    /// Schema of each layer and the target's name, for `this.schema` and `target.name`.
    pub target: Map<String, Value>,
    /// Names of the models of each package, the project itself among them.
    pub packages: BTreeMap<String, BTreeSet<String>>,
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
    /// Files of packages: their macros are not the project's own.
    of_packages: BTreeSet<String>,
    /// The folders of packages, and what these are called.
    folders: Vec<(String, String)>,
    /// Why a package's macro cannot be used.
    unusable: BTreeMap<String, String>,
    scope: Arc<Scope>,
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
        Self::with_packages(macro_files, &[], scope)
    }

    /// The same beside the macros of packages.
    pub fn with_packages(
        macro_files: &[Arc<SourceFile>],
        packages: &[PackageMacros],
        scope: Scope,
    ) -> Result<Self, Vec<Diagnostic>> {
        let built_in = BUILT_IN
            .iter()
            .map(|(path, text)| Arc::new(SourceFile { path: (*path).into(), text: (*text).into() }));
        let files: Vec<Arc<SourceFile>> = built_in.chain(macro_files.iter().cloned()).collect();
        let mut signatures = Signatures::new();
        for file in &files {
            signatures.extend(rewrite::signatures(&file.text));
        }
        let of_packages = if packages.is_empty() {
            Usable::default()
        } else {
            Self::new(&[], Scope::default())
                .map(|plain| packages::usable(packages, &plain.signatures, &plain.base))?
        };
        signatures.extend(of_packages.signatures);
        let mut library = Self {
            base: engine(),
            signatures,
            files: HashMap::new(),
            of_packages: of_packages.texts.iter().map(|(file, _)| file.path.clone()).collect(),
            folders: packages.iter().map(|one| (format!("{}/", one.folder), one.name.clone())).collect(),
            unusable: of_packages.unusable,
            scope: Arc::new(scope),
        };
        let mut problems = Vec::new();
        let mut texts = Vec::with_capacity(files.len());
        for (file, rewritten) in of_packages.texts {
            texts.push((file.path.clone(), rewritten.text.clone()));
            library.files.insert(file.path.clone(), (file, rewritten));
        }
        for file in &files {
            let rewritten = rewrite::macros(&file.text, &library.signatures);
            problems.extend(library.told(file, &rewritten));
            texts.push((file.path.clone(), rewritten.text.clone()));
            library.files.insert(file.path.clone(), (file.clone(), rewritten));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        // All at once: a macro may call one of a file that comes later.
        match library.base.add_raw_templates(texts.iter().map(|(path, text)| (path.as_str(), text.as_str())))
        {
            Ok(()) => Ok(library),
            Err(error) => Err(library.all_wrong(&error, &files, &texts)),
        }
    }

    /// Tera stops at the first file that is wrong: the syntax of each is looked at by itself.
    fn all_wrong(
        &self,
        first: &tera::Error,
        files: &[Arc<SourceFile>],
        texts: &[(String, String)],
    ) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        for (file, (path, text)) in files.iter().zip(texts) {
            if let Err(error) = engine().add_raw_template(path, text)
                && matches!(error.kind(), ErrorKind::SyntaxError(_))
            {
                problems.push(self.diagnose(&error, file, None));
            }
        }
        if problems.is_empty() {
            let named = first.to_string();
            let quoted = named.split(['`', '\'', '"']).nth(1).unwrap_or_default();
            let file = files.iter().rev().find(|file| file.text.contains(quoted)).unwrap_or(&files[0]);
            problems.push(self.diagnose(first, file, None));
        }
        problems
    }

    /// Renders a model or a singular test.
    pub fn render(&self, file: &Arc<SourceFile>, subject: Subject<'_>) -> Result<Rendered, Vec<Diagnostic>> {
        self.render_in(&self.scope, file, subject)
    }

    fn render_in(
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

    /// Renders a generic test: `test_<name>` with `arguments`. Strings that read `ref('…')` or
    /// `source('…', '…')`, or hold `{{ … }}`, are rendered first; with `only` the model is the rows for which that holds. Problems are
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
        let (mut before, mut call) = (String::new(), format!("{{{{ <{component}"));
        let mut context = Context::new();
        let argument = |key: &str, value: &Value, before: &mut String, context: &mut Context| {
            let name = format!("argument_{key}");
            match value.as_str().and_then(template_of) {
                Some(text) => {
                    let text = rewrite::macros(&text, &self.signatures).text;
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
        let text = format!("{before}{call} /> }}}}");
        self.render_beside(&self.scope, "test", &text, false, &context, subject).map_err(|error| {
            let mut diagnostic = self.diagnose(&error, &place.file, None);
            diagnostic.location = Some(place.clone());
            vec![diagnostic]
        })
    }

    /// Renders a macro's call with arguments by name, as `{{ name(…) }}` would.
    pub fn render_macro(
        &self,
        name: &str,
        arguments: &Map<String, Value>,
    ) -> Result<Rendered, Vec<Diagnostic>> {
        let Some(parameters) = self.signatures.get(name) else {
            let known = self.signatures.keys().filter(|known| !known.starts_with("test_"));
            let problem = Diagnostic::error("unknown-macro", format!("there is no macro `{name}`"));
            return Err(vec![problem.maybe_hint(did_you_mean(name, known.map(String::as_str)))]);
        };
        if let Some(key) = arguments.keys().find(|key| !parameters.contains(key)) {
            let hint =
                did_you_mean(key, parameters.iter().map(String::as_str)).unwrap_or_else(|| match parameters
                    .as_slice()
                {
                    [] => "it takes none".to_owned(),
                    names => format!("it takes {}", names.join(", ")),
                });
            let message = format!("the macro `{name}` takes no argument `{key}`");
            return Err(vec![Diagnostic::error("unknown-argument", message).hint(hint)]);
        }
        let mut text = format!("{{{{ <{name}");
        let mut context = Context::new();
        for (key, value) in arguments {
            context.insert(format!("argument_{key}"), value);
            text.push_str(&format!(" {key}={{argument_{key}}}"));
        }
        text.push_str(" /> }}");
        let call = Arc::new(SourceFile { path: "(call)".into(), text: text.clone() });
        self.render_beside(&self.scope, "(call)", &text, false, &context, Subject::default()).map_err(
            |error| {
                let mut problem = self.diagnose(&error, &call, None);
                if problem.location.as_ref().is_some_and(|place| place.file.path == call.path) {
                    problem.location = self.macro_place(name);
                }
                vec![problem]
            },
        )
    }

    /// Where a macro is defined.
    pub fn macro_place(&self, name: &str) -> Option<Location> {
        self.files.values().find_map(|(file, _)| {
            rewrite::place_of_macro(&file.text, name).map(|span| Location::new(file, span))
        })
    }

    /// What a generic test takes; nothing where there is no such test.
    pub fn test_parameters(&self, name: &str) -> &[String] {
        self.signatures.get(&format!("test_{name}")).map_or(&[], Vec::as_slice)
    }

    /// Renders one value of a YAML or profile file, e.g. `{{ env_var('DATABASE_URL') }}`.
    pub fn render_value(&self, text: &str, place: &Location) -> Result<String, Vec<Diagnostic>> {
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        let rewritten = rewrite::macros(text, &self.signatures);
        match self.render_beside(
            &self.scope,
            "value",
            &rewritten.text,
            false,
            &Context::new(),
            Subject::default(),
        ) {
            Ok(rendered) => Ok(rendered.marked),
            Err(error) => {
                let mut diagnostic = self.diagnose(&error, &place.file, None);
                diagnostic.location = Some(place.clone());
                Err(vec![diagnostic])
            }
        }
    }

    /// The package that a file is of: what that defines is there called by its bare name.
    fn package_of(&self, path: &str) -> Option<&str> {
        self.folders.iter().find(|(folder, _)| path.starts_with(folder)).map(|(_, name)| name.as_str())
    }

    /// What the rewriter knows to be wrong.
    fn told(&self, file: &Arc<SourceFile>, rewritten: &Rewritten) -> Vec<Diagnostic> {
        let problems = rewritten.problems.iter();
        problems
            .map(|problem| {
                let why = problem.called.as_ref().and_then(|called| self.unusable.get(called));
                let hint = why.map(|why| format!("the package has it, but it cannot be used here: {why}"));
                Diagnostic::error("template", problem.message.clone())
                    .at(Location::new(file, problem.span.clone()))
                    .hint(hint.unwrap_or_else(|| problem.hint.clone()))
            })
            .collect()
    }

    /// Why macros and tests of packages cannot be used, by their whole name.
    pub fn unusable(&self) -> &BTreeMap<String, String> {
        &self.unusable
    }

    /// Whether a generic test is there; of a package as `package__test`.
    pub fn has_test(&self, name: &str) -> bool {
        self.signatures.contains_key(&format!("test_{name}"))
    }

    /// How many macros and tests of a package can be used.
    pub fn usable_of(&self, package: &str) -> usize {
        let prefixes = [format!("{package}__"), format!("test_{package}__")];
        self.signatures.keys().filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix))).count()
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

    /// Renders a text beside the macros. As a template with a name it needs a copy of all macros, so that is
    /// done only where it has macros of its own, or an error has to be placed.
    fn render_beside(
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

/// The template that a text of YAML is: `ref('x')` alone, or anything with `{{ … }}` in it.
fn template_of(text: &str) -> Option<String> {
    let bare = text.trim();
    if (bare.starts_with("ref(") || bare.starts_with("source(")) && bare.ends_with(')') {
        return Some(format!("{{{{ {bare} }}}}"));
    }
    text.contains("{{").then(|| text.to_owned())
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
