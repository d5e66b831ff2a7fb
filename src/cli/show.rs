//! `show`: rows of what is published, of a model's query, or of SQL typed on the command line.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::args::{Defer, Output};
use super::work::published;
use super::{Context, Outcome, Stop, rows};
use crate::database::{Session, TextTable};
use crate::diagnostic::{Diagnostic, SourceFile, did_you_mean};
use crate::engine::Engine;
use crate::manifest::{Answered, Body, Manifest, NodeId, Sql, Text};
use crate::project::{Materialization, Project};
use crate::run::{self, Elsewhere};
use crate::template::Subject;

/// The path under which problems of typed SQL are shown.
pub const INLINE: &str = "--inline";

#[derive(Debug, Clone, Args)]
pub struct Show {
    /// The model or rule to show
    #[arg(required_unless_present = "inline")]
    pub model: Option<String>,
    /// Run the model's SQL as it is now, instead of reading what is published
    #[arg(long)]
    pub query: bool,
    /// Run this SQL; it may say {{ ref('…') }} and all that models may
    #[arg(long, value_name = "SQL", conflicts_with_all = ["model", "query"])]
    pub inline: Option<String>,
    /// At most so many rows; 0 is all
    #[arg(long, short = 'n', default_value_t = 20)]
    pub limit: u64,
    /// As lines of JSON with --json
    #[arg(long, short = 'o', value_enum, default_value_t = Output::Table)]
    pub output: Output,
    #[command(flatten)]
    pub defer: Defer,
    /// A folder with an earlier manifest.json, for --defer
    #[arg(long, value_name = "DIR", env = "ELT_STATE")]
    pub state: Option<PathBuf>,
    /// Give up --query or --inline after so many seconds; 0 is never
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=2_000_000))]
    pub timeout: u64,
}

pub async fn show(context: &Context, arguments: &Show) -> Outcome {
    let (project, manifest) = context.project()?;
    let asked = match (&arguments.inline, &arguments.model) {
        (Some(text), _) => {
            let (text, file) = inline(&project, &manifest, text)?;
            Asked::Inline(Box::new(text), file)
        }
        (None, model) => model_asked(&manifest, model.as_deref().unwrap_or_default(), arguments.query)?,
    };
    let defer = context.defer(&project, &manifest, &arguments.defer, arguments.state.as_deref())?;
    let engine = Engine::open(&project.root, &project.target).await?;
    let session = engine.connector.connect().await?;
    let elsewhere = Elsewhere::look(&session, &manifest, defer.as_ref(), &BTreeSet::new()).await?;
    let output = if context.terminal.json { Output::Json } else { arguments.output };
    let showing = Showing {
        session: &session,
        target: &project.target.name,
        manifest: &manifest,
        elsewhere: &elsewhere,
        arguments,
        output,
    };
    let name = |target| elsewhere.name(&manifest, target);
    let (rows, read) = match asked {
        Asked::Published(id) => (showing.published(id).await?, vec![id]),
        Asked::Query(id) => {
            let node = manifest.node(id);
            let answered = match manifest.text(id, false).filter(|_| manifest.asks(id)) {
                Some(text) => showing.answered(text, &node.file, Some(id)).await?,
                None => Answered::default(),
            };
            let sql = manifest.query_answered(id, false, &name, &answered);
            let read = run::read_by(&manifest, id);
            (showing.query(&sql, &node.file, &read).await?, read)
        }
        Asked::Inline(text, file) => {
            let answered = showing.answered(&text, &file, None).await?;
            let sql = manifest.assemble_answered(&text, &file, &name, &answered);
            (showing.query(&sql, &file, &text.targets).await?, text.targets)
        }
    };
    if let Some(note) = elsewhere.note(&manifest, read) {
        context.terminal.note(&note);
    }
    match context.terminal.json {
        true => rows::json(&rows).for_each(|row| context.terminal.data(&row)),
        false => context.terminal.data(&rows::formatted(&rows, output)),
    }
    engine.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// What is to be shown.
enum Asked {
    Published(NodeId),
    /// Of a model.
    Query(NodeId),
    Inline(Box<Text>, Arc<SourceFile>),
}

fn model_asked(manifest: &Manifest, written: &str, query: bool) -> Result<Asked, Stop> {
    let name = written.rsplit('.').next().unwrap_or(written);
    let analysis = || manifest.analyses.iter().find(|analysis| analysis.name == name);
    if let (None, Some(analysis)) = (manifest.find(name), analysis()) {
        return Ok(Asked::Inline(Box::new(analysis.text.clone()), analysis.file.clone()));
    }
    let Some(id) = manifest.find(name) else {
        return Err(Stop::error("unknown-model", format!("there is no model or rule `{name}`"))
            .maybe_hint(did_you_mean(name, manifest.nodes.iter().map(|node| node.name.as_str()))));
    };
    let node = manifest.node(id);
    let is_query = matches!(node.body, Body::Model { .. }) && node.materialization != Materialization::Load;
    match (query, node.materialization) {
        (true, _) if is_query => Ok(Asked::Query(id)),
        (true, _) => {
            let message = format!("`{name}` has no query of its own: it is filled from a file");
            let hint = format!("`elt show {name}` shows its published rows");
            Err(Stop::error("bad-argument", message).hint(hint))
        }
        (false, Materialization::Ephemeral) => {
            let message = format!("`{name}` is ephemeral: it has no relation of its own to show");
            let hint = format!("`elt show {name} --query` runs its SQL");
            Err(Stop::error("bad-argument", message).hint(hint))
        }
        (false, _) => Ok(Asked::Published(id)),
    }
}

/// SQL typed on the command line, its names resolved.
pub fn inline(project: &Project, manifest: &Manifest, text: &str) -> Result<(Text, Arc<SourceFile>), Stop> {
    let file = Arc::new(SourceFile { path: INLINE.into(), text: text.to_owned() });
    let rendered = project.library.render(&file, Subject::default()).map_err(Stop::Problems)?;
    let text = manifest.inline_text(rendered, &file).map_err(Stop::Problems)?;
    match manifest.inline_sql(&text, &file, &|id| manifest.published(id)).is_blank() && !text.asks() {
        true => Err(Stop::error("bad-argument", "--inline holds no SQL")),
        false => Ok((text, file)),
    }
}

/// Reads what is shown.
struct Showing<'a> {
    session: &'a Session,
    target: &'a str,
    manifest: &'a Manifest,
    elsewhere: &'a Elsewhere,
    arguments: &'a Show,
    output: Output,
}

impl Showing<'_> {
    async fn published(&self, id: NodeId) -> Result<TextTable, Stop> {
        if self.elsewhere.get(id).is_none() {
            published(self.session, self.manifest, self.target).await?;
        }
        let relation = self.elsewhere.name(self.manifest, id);
        let rows = rows::read(self.session, &relation, self.arguments.limit, self.output).await;
        rows.map_err(|error| match error.is("42P01") {
            true => {
                let name = relation.name.as_str();
                let message =
                    format!("{} has not been published to the target {} yet", relation.plain(), self.target);
                Stop::error("not-published", message).hint(format!(
                    "publish it with `elt run --select +{name}`, or look at its query with `elt show {name} --query`"
                ))
            }
            false => error.into(),
        })
    }

    /// The answers to what a text asks.
    async fn answered(
        &self,
        text: &Text,
        file: &Arc<SourceFile>,
        own: Option<NodeId>,
    ) -> Result<Answered, Stop> {
        let name = |id: NodeId| self.elsewhere.name(self.manifest, id);
        let answered = run::answered(self.session, self.manifest, text, (file, own), &name).await;
        match answered {
            Ok(answered) => Ok(answered),
            Err(mut problem) => {
                self.tell_unpublished(&mut problem, &text.targets).await;
                Err(Stop::Problems(vec![*problem]))
            }
        }
    }

    async fn query(&self, sql: &Sql, file: &Arc<SourceFile>, read: &[NodeId]) -> Result<TextTable, Stop> {
        let (limit, timeout) = (self.arguments.limit, self.arguments.timeout);
        let shown = run::preview(self.session, sql, limit, timeout, self.output == Output::Json).await;
        let (error, sql) = match shown {
            Ok(rows) => return Ok(rows),
            Err(failed) => failed,
        };
        if error.is("57014") {
            let message = format!("the query was given up after {timeout} seconds");
            return Err(Stop::error("cancelled", message).hint("give it longer with --timeout, or narrow it"));
        }
        let mut problem = run::sql_problem(&error, &sql, file);
        let relations: Vec<_> = read.iter().map(|id| self.elsewhere.name(self.manifest, *id)).collect();
        // Of the transaction that the error ended nothing is needed any more.
        if self.session.run("rollback").await.is_ok() {
            self.tell_unpublished(&mut problem, read).await;
            run::suggest(self.session, self.manifest, &mut problem, &relations).await;
        }
        Err(Stop::Problems(vec![problem]))
    }

    async fn tell_unpublished(&self, problem: &mut Diagnostic, read: &[NodeId]) {
        let read = read.iter().map(|id| (*id, self.elsewhere.name(self.manifest, *id)));
        run::tell_unpublished(self.session, self.manifest, self.target, problem, read).await;
    }
}
