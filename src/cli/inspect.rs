//! Commands that look at the project: `compile` and `debug`; and `clean`.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::args::{self, Selection};
use super::terminal::{faint, strong};
use super::{Context, Outcome, Stop, show};
use crate::cluster;
use crate::engine::Engine;
use crate::manifest::{Analysis, Body, Manifest, NodeId, Sql, Test};
use crate::project::{Layer, Materialization, Project};
use crate::run::{self, Defer, Elsewhere};

#[derive(Debug, Clone, Args)]
pub struct Compile {
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub defer: args::Defer,
    /// Write one file a model into this folder instead of standard output
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Compile incremental models as if they were built from nothing
    #[arg(long)]
    pub full_refresh: bool,
    /// Compile this text instead of models
    #[arg(long, value_name = "SQL", conflicts_with_all = ["select", "exclude", "out", "full_refresh"])]
    pub inline: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct Clean {
    /// Also remove the embedded cluster with everything in it
    #[arg(long)]
    pub database: bool,
}

pub async fn compile(context: &Context, arguments: &Compile) -> Outcome {
    let (project, manifest) = context.project()?;
    let state = arguments.selection.state.as_deref();
    let defer = context.defer(&project, &manifest, &arguments.defer, state)?;
    if let Some(text) = &arguments.inline {
        let (text, file) = show::inline(&project, &manifest, text)?;
        let asked = (defer.as_ref(), &BTreeSet::new());
        let elsewhere = elsewhere(context, &project, &manifest, asked, &text.targets).await?;
        let sql = manifest.inline_sql(&text, &file, &|target| elsewhere.name(&manifest, target));
        let text = format!("{}\n", sql.text.trim());
        match context.terminal.json {
            true => context.terminal.json_line(&json!({"node": show::INLINE, "sql": text})),
            false => context.terminal.data(&text),
        }
        return Ok(ExitCode::SUCCESS);
    }
    let found = context.choose(&project, &manifest, &arguments.selection)?;
    let chosen = found.nodes;
    // Tests come along with every model; their queries are shown where nothing else is selected.
    let tests: Vec<&Test> = match chosen.is_empty() {
        true => found.tests.iter().map(|index| &manifest.tests[*index]).collect(),
        false => Vec::new(),
    };
    let mut read: Vec<NodeId> = chosen.iter().flat_map(|id| run::read_by(&manifest, *id)).collect();
    read.extend(tests.iter().flat_map(|test| test.text.targets.iter().copied()));
    let analyses: Vec<&Analysis> = found.analyses.iter().map(|index| &manifest.analyses[*index]).collect();
    read.extend(analyses.iter().flat_map(|analysis| analysis.text.targets.iter().copied()));
    let elsewhere = elsewhere(context, &project, &manifest, (defer.as_ref(), &chosen), &read).await?;
    let artifacts = context.artifacts(&project);
    std::thread::scope(|threads| {
        threads.spawn(|| artifacts.manifest(&project, &manifest));
        let mut compiled = Compiled { context, arguments, made: HashSet::new() };
        let name = |target| elsewhere.name(&manifest, target);
        for id in manifest.order.iter().filter(|id| chosen.contains(id)) {
            let node = manifest.node(*id);
            if matches!(node.body, Body::Model { .. }) {
                let incremental =
                    node.materialization == Materialization::Incremental && !arguments.full_refresh;
                let sql = manifest.query(*id, incremental, &name);
                let sql = if manifest.asks(*id) { sql.wrap(ASKS, "") } else { sql };
                compiled.tell(&node.label(), &node.file.path, &node.file.path, &sql)?;
            }
        }
        for test in tests {
            let written = format!("tests/{}.sql", test.name.replace('/', "_"));
            let sql = manifest.test_query(test, &name);
            let asks = manifest.text_asks(&test.text, &BTreeSet::new());
            let sql = if asks { sql.wrap(ASKS, "") } else { sql };
            compiled.tell(&test.name, &test.file.path, &written, &sql)?;
        }
        for analysis in analyses {
            let sql = manifest.analysis_sql(analysis, &name);
            let asks = manifest.text_asks(&analysis.text, &BTreeSet::new());
            let sql = if asks { sql.wrap(ASKS, "") } else { sql };
            compiled.tell(&analysis.name, &analysis.file.path, &analysis.file.path, &sql)?;
        }
        Ok::<(), Stop>(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Stands before what is known of a text without asking the database what it asks.
pub(super) const ASKS: &str =
    "-- asks the database while it renders; this is what is known without an answer\n";

/// Shows or writes what PostgreSQL would be given.
struct Compiled<'a> {
    context: &'a Context,
    arguments: &'a Compile,
    /// The folders that are there.
    made: HashSet<PathBuf>,
}

impl Compiled<'_> {
    /// `written`: the file below `--out`.
    fn tell(&mut self, node: &str, file: &str, written: &str, sql: &Sql) -> Result<(), Stop> {
        let terminal = &self.context.terminal;
        let text = format!("{}\n", sql.text.trim());
        match &self.arguments.out {
            Some(folder) => {
                let path = folder.join(written);
                let unwritten = |error: std::io::Error| {
                    Stop::error("unwritable-file", format!("{}: {error}", path.display()))
                };
                let parent = path.parent().unwrap_or(folder);
                if self.made.insert(parent.to_owned()) {
                    fs::create_dir_all(parent).map_err(unwritten)?;
                }
                let text = terminal.redact(&text);
                // Writing a file anew takes far longer than reading it, and who watches it would be woken.
                if !fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
                    fs::write(&path, &*text).map_err(unwritten)?;
                }
            }
            None if terminal.json => {
                terminal.json_line(&json!({"node": node, "file": file, "sql": text}));
            }
            None => terminal.data(&format!("-- {node} ({file})\n{text}\n")),
        }
        Ok(())
    }
}

/// Where to read what `read` names and is not made now. The database is asked only where that may be elsewhere.
async fn elsewhere(
    context: &Context,
    project: &Project,
    manifest: &Manifest,
    (defer, made): (Option<&Defer>, &BTreeSet<NodeId>),
    read: &[NodeId],
) -> Result<Elsewhere, Stop> {
    let may_be = |id: &NodeId| manifest.node(*id).is_built() && !made.contains(id);
    if defer.is_none() || !read.iter().any(may_be) {
        return Ok(Elsewhere::default());
    }
    let engine = Engine::open(&project.root, &project.target).await?;
    let session = engine.connector.connect().await?;
    let elsewhere = Elsewhere::look(&session, manifest, defer, made).await?;
    drop(session);
    engine.close().await?;
    if let Some(note) = elsewhere.note(manifest, read.iter().copied()) {
        context.terminal.note(&note);
    }
    Ok(elsewhere)
}

pub async fn debug(context: &Context) -> Outcome {
    let terminal = &context.terminal;
    let (project, manifest) = context.project()?;
    let folder = fs::canonicalize(&project.root).unwrap_or_else(|_| project.root.clone());
    let count = |test: fn(&Body) -> bool| manifest.nodes.iter().filter(|node| test(&node.body)).count();
    let line = |name: &str, value: String| match terminal.json {
        true => terminal.json_line(&json!({"event": "debug", "name": name, "value": value})),
        false => terminal.data_line(&format!("{:<10} {value}", strong(name))),
    };
    line("elt", env!("CARGO_PKG_VERSION").to_owned());
    line("project", folder.display().to_string());
    line(
        "holds",
        format!(
            "{} models, {} rules, {} sources, {} tests",
            count(|body| matches!(body, Body::Model { .. })),
            count(|body| matches!(body, Body::Rule(_))),
            count(|body| matches!(body, Body::Source { .. })),
            manifest.tests.len()
        ),
    );
    line("target", format!("{}, {} threads", project.target.name, project.target.threads));
    let own = Layer::ALL.map(|layer| format!("{layer} in {}", manifest.schema(layer).as_str()));
    let beside =
        manifest.schemas_beside().into_iter().map(|schema| format!("beside them {}", schema.as_str()));
    line("schemas", own.into_iter().chain(beside).collect::<Vec<_>>().join(", "));
    for (name, value) in &project.vars {
        line("var", format!("{name} = {value}"));
    }
    let engine = Engine::open(&project.root, &project.target).await?;
    line("engine", engine.describe());
    let session = engine.connector.connect().await?;
    let version = session.value("select version()").await?.unwrap_or_default();
    line("server", version);
    let user = session.value("select current_user || ', database ' || current_database()").await?;
    line("user", user.unwrap_or_default());
    let reader = match engine.reader.connect().await {
        Ok(_) => format!("{} can connect", project.target.reader_role.as_str()),
        Err(error) => format!("{}: {error} (made by the first run)", project.target.reader_role.as_str()),
    };
    line("reader", reader);
    if let Some(psql) = engine.psql() {
        line("psql", format!("{psql}  {}", faint("(while elt runs, e.g. beside `elt serve`)")));
    }
    engine.close().await?;
    Ok(ExitCode::SUCCESS)
}

pub fn clean(context: &Context, arguments: &Clean) -> Outcome {
    let folder = context.global.project_dir.join(".elt");
    let cache = folder.join("cache");
    if cache.exists() {
        fs::remove_dir_all(&cache)
            .map_err(|error| Stop::error("unwritable-file", format!("{}: {error}", cache.display())))?;
        context.terminal.say(&format!("removed {}", cache.display()));
    }
    super::artifacts::clean(context)?;
    if arguments.database {
        cluster::remove(&folder).map_err(|error| Stop::error("cluster", error.to_string()))?;
        context.terminal.say("removed the embedded cluster");
    }
    Ok(ExitCode::SUCCESS)
}
