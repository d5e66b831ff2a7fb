//! `profiles.yml`: targets, connections, threads, variables, the service. Secrets come by `env_var` only.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use serde_yaml::Spanned;

use super::calling::{self, WrittenSchedule, WrittenWebhooks};
use super::fetch::Fetch;
use super::service::{Service, WrittenService};
use super::{Folders, Layer, Setting, yaml};
use crate::diagnostic::{Diagnostic, Location, SourceFile, did_you_mean};
use crate::name::Ident;
use crate::schedule::Schedule;
use crate::template::{Library, Scope};
use crate::webhook::Webhooks;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// What other tools call the project; the folder's name where it says nothing.
    name: Option<Spanned<String>>,
    /// Where artifacts are written; `target` where it says nothing.
    target_path: Option<Spanned<String>>,
    target: Option<Spanned<String>>,
    #[serde(default, alias = "on-run-start")]
    on_run_start: Statements,
    #[serde(default, alias = "on-run-end")]
    on_run_end: Statements,
    #[serde(default)]
    vars: Map<String, Value>,
    /// Where `adapter.dispatch` looks for the macros of packages.
    #[serde(default)]
    dispatch: Vec<WrittenDispatch>,
    /// Config of folders.
    models: Option<Spanned<Map<String, Value>>>,
    #[serde(alias = "seeds")]
    rules: Option<Spanned<Map<String, Value>>>,
    #[serde(alias = "data_tests")]
    tests: Option<Spanned<Map<String, Value>>>,
    #[serde(default)]
    targets: BTreeMap<String, WrittenTarget>,
    #[serde(default)]
    service: WrittenService,
    #[serde(default)]
    fetch: Fetch,
    schedule: Option<WrittenSchedule>,
    #[serde(default)]
    webhooks: WrittenWebhooks,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDispatch {
    macro_namespace: String,
    search_order: Vec<Spanned<String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTarget {
    url: Option<Spanned<String>>,
    reader_url: Option<Spanned<String>>,
    reader_role: Option<Spanned<String>>,
    threads: Option<Spanned<usize>>,
    #[serde(default)]
    schemas: BTreeMap<Layer, Spanned<String>>,
    schema_prefix: Option<Spanned<String>>,
    /// Another target, from which is read what this one does not have.
    defer: Option<Spanned<String>>,
    #[serde(default)]
    vars: Map<String, Value>,
}

/// The database of the embedded cluster.
pub const EMBEDDED_DATABASE: &str = "elt";

/// One statement, or a list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(untagged, expecting = "a statement or a list of statements")]
enum Statements {
    One(String),
    Many(Vec<String>),
    #[default]
    None,
}

impl Statements {
    fn list(self) -> Vec<String> {
        match self {
            Self::One(statement) => vec![statement],
            Self::Many(statements) => statements,
            Self::None => Vec::new(),
        }
    }
}

/// The parts of a profile that hold for every target.
#[derive(Debug, Clone)]
pub struct Profile {
    pub file: Arc<SourceFile>,
    /// Statements before and after a run, not rendered yet.
    pub on_run_start: Vec<String>,
    pub on_run_end: Vec<String>,
    pub name: Option<String>,
    /// Where artifacts are written, seen from the project's folder.
    pub target_path: Option<PathBuf>,
    pub vars: Map<String, Value>,
    /// Of packages, in which others `adapter.dispatch` looks for their macros, and where that is written.
    pub dispatch: BTreeMap<String, Vec<(String, Location)>>,
    /// Config of whole folders.
    pub folders: Folders,
    pub service: Service,
    pub fetch: Fetch,
    /// When `elt serve` runs the pipeline by itself.
    pub schedule: Option<Schedule>,
    /// Whom `elt serve` tells how runs ended.
    pub webhooks: Webhooks,
}

/// One place to build in.
#[derive(Debug, Clone)]
pub struct Target {
    pub name: String,
    /// A connection URL; `None` is the embedded cluster.
    pub url: Option<String>,
    /// Connection of the service; `None` takes the target's and the reader's role.
    pub reader_url: Option<String>,
    pub reader_role: Ident,
    pub threads: usize,
    pub vars: Map<String, Value>,
    /// Another target, from which is read what this one does not have.
    pub defer: Option<String>,
    /// What stands before the names of a developer's own schemas; empty where they are nobody's own.
    pub schema_prefix: String,
    schemas: [Ident; 3],
}

impl Target {
    pub fn schema(&self, layer: Layer) -> &Ident {
        &self.schemas[layer as usize]
    }

    /// The database that the URL names, where it does; the embedded cluster has one of its own.
    pub fn database(&self) -> Option<&str> {
        let Some(url) = self.url.as_deref() else { return Some(EMBEDDED_DATABASE) };
        let after_host = url.split_once("://")?.1.split_once('/')?.1;
        after_host.split(['?', '#']).next().filter(|name| !name.is_empty() && !name.contains('%'))
    }

    /// What templates may know of it, by the names of dbt. A password is no part of it.
    pub(super) fn for_templates(&self, project: &str) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("name".into(), self.name.clone().into());
        map.insert("target_name".into(), self.name.clone().into());
        map.insert("type".into(), "postgres".into());
        map.insert("threads".into(), self.threads.into());
        for word in ["profile_name", "project_name"] {
            map.insert(word.into(), project.into());
        }
        for word in ["dbname", "database"] {
            map.extend(self.database().map(|database| (word.to_owned(), database.into())));
        }
        if let Some(url) = self.url.as_deref().and_then(|url| url::Url::parse(url).ok()) {
            let user = Some(url.username()).filter(|user| !user.is_empty() && !user.contains('%'));
            map.extend(user.map(|user| ("user".to_owned(), user.into())));
            map.extend(url.host_str().map(|host| ("host".to_owned(), host.into())));
            map.extend(url.port().map(|port| ("port".to_owned(), port.into())));
        }
        for layer in Layer::ALL {
            map.insert(layer.name().into(), self.schema(layer).as_str().into());
        }
        map
    }
}

impl Profile {
    pub(super) fn read(file: &Arc<SourceFile>, setting: &Setting) -> Result<(Self, Target), Vec<Diagnostic>> {
        let written: Written = if file.text.trim().is_empty() {
            yaml::read("{}").expect("an empty map is a profile: every field has a default")
        } else {
            yaml::read(&file.text).map_err(|error| vec![yaml::problem(file, &error)])?
        };
        let scope = Scope {
            env: setting.env.clone(),
            vars: setting.vars.clone(),
            flags: setting.flags.clone(),
            ..Scope::default()
        };
        let library = Library::without_macros(scope);
        let mut reader = Reader { file, library, problems: Vec::new() };
        let target = reader.target(&written, setting);
        let service = Service::read(&written.service, &mut reader);
        let schedule = written.schedule.as_ref().and_then(|written| calling::schedule(written, &mut reader));
        let webhooks = calling::webhooks(&written.webhooks, &mut reader);
        let name = reader.project_name(written.name.as_ref());
        let placed = |package: &Spanned<String>| (package.value.clone(), yaml::place(file, package));
        let dispatch = written
            .dispatch
            .iter()
            .map(|one| (one.macro_namespace.clone(), one.search_order.iter().map(placed).collect()));
        let dispatch = dispatch.collect();
        let target_path = reader.text(written.target_path.as_ref()).map(PathBuf::from);
        match target {
            Some(target) if reader.problems.is_empty() => {
                let folders = Folders::read(file, [written.models, written.rules, written.tests]);
                let (on_run_start, on_run_end) = (written.on_run_start.list(), written.on_run_end.list());
                Ok((
                    Self {
                        file: file.clone(),
                        on_run_start,
                        on_run_end,
                        name,
                        target_path,
                        vars: written.vars,
                        dispatch,
                        folders,
                        service,
                        schedule,
                        webhooks,
                        fetch: written.fetch,
                    },
                    target,
                ))
            }
            _ => Err(reader.problems),
        }
    }
}

pub(super) struct Reader<'a> {
    pub file: &'a Arc<SourceFile>,
    library: Library,
    pub problems: Vec<Diagnostic>,
}

impl Reader<'_> {
    pub fn place<T>(&self, value: &Spanned<T>) -> Location {
        yaml::place(self.file, value)
    }

    /// Text with its `{{ env_var(…) }}` filled in. An empty text counts as absent.
    pub fn text(&mut self, value: Option<&Spanned<String>>) -> Option<String> {
        let value = value?;
        match self.library.render_value(&value.value, &self.place(value)) {
            Ok(text) => Some(text).filter(|text| !text.is_empty()),
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
    }

    /// A URL that is asked for must be there: an empty one would mean another database than the one meant.
    fn url(&mut self, written: &Spanned<String>) -> Option<String> {
        let before = self.problems.len();
        let text = self.text(Some(written));
        if text.is_none() && self.problems.len() == before {
            let problem = Diagnostic::error("empty-url", "the target's url is empty").at(self.place(written));
            self.problems.push(problem.hint("set the variable it comes from, or write `embedded`"));
        }
        text
    }

    /// It is part of every node's id: letters, digits and `_`, as dbt has it.
    fn project_name(&mut self, written: Option<&Spanned<String>>) -> Option<String> {
        let name = self.text(written)?;
        let good = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.starts_with(|c: char| c.is_ascii_digit());
        if !good {
            let place = written.map_or_else(|| Location::start_of(self.file), |value| self.place(value));
            let message = format!("the project's name `{name}` is no identifier");
            let problem = Diagnostic::error("bad-name", message).at(place);
            self.problems.push(problem.hint("use letters, digits and _, and begin with a letter"));
        }
        Some(name)
    }

    fn ident(&mut self, value: Option<&Spanned<String>>, prefix: &str, default: &str) -> Option<Ident> {
        let text = self.text(value).unwrap_or_else(|| default.to_owned());
        match Ident::new(format!("{prefix}{text}")) {
            Ok(ident) => Some(ident),
            Err(error) => {
                let place = value.map_or_else(|| Location::start_of(self.file), |value| self.place(value));
                self.problems.push(Diagnostic::error("bad-name", error.to_string()).at(place));
                None
            }
        }
    }

    fn target(&mut self, written: &Written, setting: &Setting) -> Option<Target> {
        let asked = setting.target.clone().or_else(|| self.text(written.target.as_ref()));
        let name = asked.unwrap_or_else(|| match written.targets.len() {
            1 => written.targets.keys().next().cloned().unwrap_or_default(),
            _ => "dev".to_owned(),
        });
        let own = match written.targets.get(&name) {
            Some(own) => own.clone(),
            None if written.targets.is_empty() && setting.target.is_none() => WrittenTarget::default(),
            None => {
                let known: Vec<&str> = written.targets.keys().map(String::as_str).collect();
                let hint = did_you_mean(&name, known.iter().copied())
                    .unwrap_or_else(|| format!("profiles.yml has: {}", known.join(", ")));
                let place = written.target.as_ref().filter(|_| setting.target.is_none());
                let place = place.map_or_else(|| Location::start_of(self.file), |value| self.place(value));
                let message = format!("there is no target `{name}`");
                self.problems.push(Diagnostic::error("unknown-target", message).at(place).hint(hint));
                return None;
            }
        };
        let threads = own.threads.as_ref().map_or(4, |threads| threads.value);
        if let Some(place) = own.threads.as_ref().filter(|threads| !(1..=64).contains(&threads.value)) {
            let place = self.place(place);
            self.problems.push(Diagnostic::error("bad-threads", "threads is 1 to 64").at(place));
        }
        let prefix = self.text(own.schema_prefix.as_ref()).unwrap_or_default();
        let schemas = Layer::ALL.map(|layer| self.ident(own.schemas.get(&layer), &prefix, layer.name()));
        let [Some(raw), Some(stage), Some(prod)] = schemas else { return None };
        if raw == stage || stage == prod || raw == prod {
            let message = "two layers have the same schema; each layer needs a schema of its own";
            self.problems.push(Diagnostic::error("same-schema", message).at(Location::start_of(self.file)));
        }
        let url = match &own.url {
            Some(written) => self.url(written),
            None => setting.env.get("DATABASE_URL").cloned(),
        };
        Some(Target {
            url: url.filter(|url| !url.is_empty() && url != "embedded"),
            reader_url: self.text(own.reader_url.as_ref()),
            reader_role: self.ident(own.reader_role.as_ref(), "", "elt_reader")?,
            threads,
            defer: self.text(own.defer.as_ref()),
            vars: own.vars,
            schema_prefix: prefix,
            schemas: [raw, stage, prod],
            name,
        })
    }
}
