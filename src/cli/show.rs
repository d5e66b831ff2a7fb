//! `show`: rows of what is published, of a model's query, or of SQL typed on the command line.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::args::Output;
use super::work::published;
use super::{Context, Outcome, Stop, rows};
use crate::database::Session;
use crate::diagnostic::{SourceFile, did_you_mean};
use crate::engine::Engine;
use crate::manifest::{Body, Manifest, NodeId, Sql};
use crate::project::{Materialization, Project};
use crate::run;
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
    #[arg(long, short = 'o', value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Give up --query or --inline after so many seconds; 0 is never
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=2_000_000))]
    pub timeout: u64,
}

pub async fn show(context: &Context, arguments: &Show) -> Outcome {
    let (project, manifest) = context.project()?;
    let subject = match (&arguments.inline, &arguments.model) {
        (Some(text), _) => Shown::Query(inline(&project, &manifest, text)?, inline_file(text)),
        (None, model) => model_shown(&manifest, model.as_deref().unwrap_or_default(), arguments.query)?,
    };
    let engine = Engine::open(&project.root, &project.target).await?;
    let session = engine.connector.connect().await?;
    let text = match subject {
        Shown::Published(id) => of_published(&session, &manifest, id, arguments).await?,
        Shown::Query(sql, file) => of_query(&session, &sql, &file, arguments).await?,
    };
    context.terminal.data(&text);
    engine.close().await?;
    Ok(ExitCode::SUCCESS)
}

enum Shown {
    Published(NodeId),
    Query(Sql, Arc<SourceFile>),
}

fn model_shown(manifest: &Manifest, written: &str, query: bool) -> Result<Shown, Stop> {
    let name = written.rsplit('.').next().unwrap_or(written);
    let Some(id) = manifest.find(name) else {
        return Err(Stop::Error {
            message: format!("there is no model or rule `{name}`"),
            hint: did_you_mean(name, manifest.nodes.iter().map(|node| node.name.as_str())),
        });
    };
    let node = manifest.node(id);
    let is_query = matches!(node.body, Body::Model { .. }) && node.materialization != Materialization::Load;
    match (query, node.materialization) {
        (true, _) if is_query => {
            let sql = manifest.query(id, false, &|target| manifest.published(target));
            Ok(Shown::Query(sql, node.file.clone()))
        }
        (true, _) => Err(Stop::Error {
            message: format!("`{name}` has no query of its own: it is filled from a file"),
            hint: Some(format!("`elt show {name}` shows its published rows")),
        }),
        (false, Materialization::Ephemeral) => Err(Stop::Error {
            message: format!("`{name}` is ephemeral: it has no relation of its own to show"),
            hint: Some(format!("`elt show {name} --query` runs its SQL")),
        }),
        (false, _) => Ok(Shown::Published(id)),
    }
}

fn inline_file(text: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile { path: INLINE.into(), text: text.to_owned() })
}

/// SQL typed on the command line, compiled against what is published.
pub fn inline(project: &Project, manifest: &Manifest, text: &str) -> Result<Sql, Stop> {
    let file = inline_file(text);
    let rendered = project.library.render(&file, Subject::default()).map_err(Stop::Problems)?;
    let sql = manifest.inline(rendered, &file).map_err(Stop::Problems)?;
    match sql.is_blank() {
        true => Err(Stop::error("--inline holds no SQL")),
        false => Ok(sql),
    }
}

async fn of_published(
    session: &Session,
    manifest: &Manifest,
    id: NodeId,
    arguments: &Show,
) -> Result<String, Stop> {
    published(session, manifest).await?;
    let relation = manifest.published(id);
    let text = rows::written(session, &relation, arguments.limit, arguments.output).await;
    text.map_err(|error| match error.is("42P01") {
        true => {
            let name = relation.name.as_str();
            Stop::Error {
                message: format!("{} has not been published yet", relation.plain()),
                hint: Some(format!("publish it with `elt run --select +{name}`, or look at its query with `elt show {name} --query`")),
            }
        }
        false => error.into(),
    })
}

async fn of_query(
    session: &Session,
    sql: &Sql,
    file: &Arc<SourceFile>,
    arguments: &Show,
) -> Result<String, Stop> {
    let as_json = arguments.output == Output::Json;
    let rows = run::preview(session, sql, arguments.limit, arguments.timeout, as_json).await;
    let rows = rows.map_err(|(error, sql)| match error.is("57014") {
        true => Stop::Error {
            message: format!("the query was given up after {} seconds", arguments.timeout),
            hint: Some("give it longer with --timeout, or narrow it".into()),
        },
        false => Stop::Problems(vec![run::sql_problem(&error, &sql, file)]),
    })?;
    Ok(rows::formatted(&rows, arguments.output))
}
