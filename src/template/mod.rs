//! Renders models and tests written in dbt's spelling. The only module that knows minijinja. A render is pure:
//! variables and environment are handed in, and what it refers to and configures comes out beside the text.

mod answered;
mod api;
mod arguments;
mod calls;
mod collections;
mod definitions;
mod engine;
mod faults;
mod functions;
mod generic;
mod known;
mod library;
mod macro_call;
mod macros;
mod marks;
mod modules;
mod names;
mod naming;
mod objects;
mod overrides;
mod prepare;
mod python;
mod questions;
mod relation;
mod render;
mod scan;
mod state;
mod subject;
mod sums;
mod unknown;
mod values;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use minijinja::Environment;
use serde_json::{Map, Value};

pub use calls::Macro;
pub use library::PackageMacros;
pub use macros::BUILT_IN_PACKAGES;
pub use marks::{NamePart, SourceMap, character_range, settle};
pub use overrides::Overridden;
pub use questions::{Answer, Answers, Asking, Column, Fault, Kind, Question, QuestionKind, Run, Step, Table};

/// What templates may read. Shared by all renders of a project.
#[derive(Debug, Default, Clone)]
pub struct Scope {
    pub vars: Map<String, Value>,
    pub env: BTreeMap<String, String>,
    /// What is known of the target, by the names of dbt, and the schema of each layer.
    pub target: Map<String, Value>,
    /// What the command line says, by dbt's names: `FULL_REFRESH`.
    pub flags: Map<String, Value>,
    /// In which packages `adapter.dispatch` looks for the macros of a package.
    pub dispatch: BTreeMap<String, Vec<String>>,
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

/// The one name of a version of a model; no file has a dot in its name.
pub fn version_reference(model: &str, label: &str) -> String {
    format!("{model}.v{label}")
}

impl Reference {
    /// Of YAML: `ref('x')`, `ref('package', 'x', v=2)` or `source('a', 'b')`, in braces or not.
    pub fn parse(text: &str) -> Option<Self> {
        let inner = text.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
        let (function, arguments) = inner.strip_suffix(')')?.split_once('(')?;
        let is_named = |one: &&str| one.contains('=') && !one.trim_start().starts_with(['\'', '"']);
        let bare = |text: &str| text.trim().trim_matches(['\'', '"']).to_owned();
        let (named, names): (Vec<&str>, Vec<&str>) = arguments.split(',').partition(is_named);
        let version = match named.as_slice() {
            [] => None,
            [one] => one.split_once('=').filter(|(name, _)| matches!(name.trim(), "v" | "version")),
            _ => return None,
        };
        let names: Vec<String> = names.into_iter().map(bare).collect();
        match (function.trim(), names.as_slice(), version) {
            ("ref", [name] | [_, name], None) if named.is_empty() => Some(Self::Ref(name.clone())),
            ("ref", [name] | [_, name], Some((_, label))) => {
                Some(Self::Ref(version_reference(name, &bare(label))))
            }
            ("source", [source, name], None) if named.is_empty() => {
                Some(Self::Source(source.clone(), name.clone()))
            }
            _ => None,
        }
    }
}

/// The name a template gives to what it refers to, as dbt users quote it.
impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ref(name) => match name.split_once(".v") {
                Some((model, version)) => write!(f, "ref('{model}', v={version})"),
                None => write!(f, "ref('{name}')"),
            },
            Self::Source(source, name) => write!(f, "source('{source}', '{name}')"),
            Self::This => write!(f, "this"),
        }
    }
}

/// A rendered template: text with marks (see [`settle`]), and what the render told.
#[derive(Debug, Clone, Default)]
pub struct Rendered {
    pub marked: String,
    /// Index `i` is what the `i`-th stand-in in `marked` stands for.
    pub references: Vec<Reference>,
    /// Of these, what is read whole where others are read a batch at a time: `ref('x').render()`.
    pub read_whole: Vec<usize>,
    pub config: Map<String, Value>,
    /// Names of environment variables whose values went into the text.
    pub env_used: Vec<String>,
    /// What `exceptions.warn(…)` said.
    pub warnings: Vec<String>,
    /// Where it may come out otherwise once the database can be asked.
    pub asking: Option<Asking>,
}

/// The macros and generic tests of a project, ready to render with.
#[derive(Clone)]
pub struct Library {
    environment: Arc<Environment<'static>>,
    macros: Arc<macros::Macros>,
    /// Text and calls of each macro, read when first asked for.
    by_name: OnceLock<HashMap<String, (String, Vec<String>)>>,
    scope: Arc<Scope>,
}

/// Which model is rendered, for `this` and `is_incremental`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a> {
    /// What its relation is called.
    pub name: &'a str,
    /// Where its relation is.
    pub schema: &'a str,
    /// What `target.schema` says: the schema of its layer. Empty: that of prod.
    pub layer_schema: &'a str,
    pub incremental: bool,
    /// Whether it is a hook at the end of a run, which knows what came of it.
    pub ends_run: bool,
    /// What folders and YAML configure, for `config.get(…)`.
    pub config: Option<&'a Map<String, Value>>,
}
