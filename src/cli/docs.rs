//! `elt docs`: gathers what is known of the project and writes the site.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use clap::Args;
use serde_json::json;

use super::{Context, Outcome, Stop};
use crate::database::{Described, described, history};
use crate::docs::{Facts, site};
use crate::engine::Engine;
use crate::lineage::{Catalog, Lineage};
use crate::manifest::{Manifest, NodeId};
use crate::pipeline::LastRecord;
use crate::project::{Layer, Project};

#[derive(Debug, Clone, Args)]
pub struct Docs {
    /// The folder to write index.html to [default: docs in the target path]
    #[arg(long, short = 'o', value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Ask no database
    #[arg(long)]
    pub offline: bool,
    /// Open it in the browser
    #[arg(long)]
    pub open: bool,
}

/// What a database says of a project.
#[derive(Default)]
struct Asked {
    described: HashMap<NodeId, Described>,
    last: HashMap<String, LastRecord>,
}

pub async fn docs(context: &Context, arguments: &Docs) -> Outcome {
    let (project, manifest) = context.project()?;
    // A private cluster that was never made has nothing to tell.
    let none_yet = project.target.url.is_none() && !project.root.join(".elt").exists();
    let (asked, online) = if arguments.offline || none_yet {
        (Asked::default(), false)
    } else {
        match ask(&project, &manifest).await {
            Ok(asked) => (asked, true),
            Err(stop) => {
                let Stop::Error { message, .. } = stop else { return Err(stop) };
                context.terminal.note(&format!("written without a database: {message}"));
                (Asked::default(), false)
            }
        }
    };
    let catalog: Catalog = asked
        .described
        .iter()
        .map(|(id, described)| {
            let columns = described.columns.iter();
            (*id, columns.map(|column| (column.name.clone(), column.data_type.clone())).collect())
        })
        .collect();
    let lineage = Lineage::of(&manifest, &catalog);
    let facts = Facts {
        manifest: &manifest,
        lineage: &lineage,
        described: &asked.described,
        last: &asked.last,
        target: &project.target.name,
        overview: project
            .docs_blocks
            .iter()
            .find(|block| block.name == "__overview__")
            .map(|block| block.text.as_str()),
        written_at: &jiff::Zoned::now().strftime("%Y-%m-%d %H:%M %Z").to_string(),
        online,
    };
    let page = site(&facts, |text| context.terminal.redact(text))
        .map_err(|error| Stop::error("unwritable-file", error.to_string()))?;
    let folder = arguments.out.clone().unwrap_or_else(|| context.target_path(&project).join("docs"));
    let path = folder.join("index.html");
    let unwritten =
        |error: std::io::Error| Stop::error("unwritable-file", format!("{}: {error}", path.display()));
    fs::create_dir_all(&folder).map_err(unwritten)?;
    fs::write(&path, page).map_err(unwritten)?;
    if context.terminal.json {
        context
            .terminal
            .json_line(&json!({"event": "documented", "file": path, "nodes": manifest.nodes.len()}));
    } else {
        context.terminal.data_line(&path.display().to_string());
    }
    if arguments.open {
        let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
        let opened = Command::new(opener).arg(&path).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        if let Err(error) = opened {
            context.terminal.note(&format!("no browser was opened ({opener}: {error})"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn ask(project: &Project, manifest: &Manifest) -> Result<Asked, Stop> {
    let engine = Engine::open(&project.root, &project.target).await?;
    let asked = async {
        let session = engine.connector.connect().await?;
        let relations: HashMap<_, _> = manifest.ids().map(|id| (manifest.published(id), id)).collect();
        let wanted: Vec<_> = relations.keys().cloned().collect();
        let found = described(&session, &wanted).await?;
        let last = history::last_records(&session, manifest.schema(Layer::Prod).as_str()).await?;
        let found = found.into_iter().filter_map(|one| Some((*relations.get(&one.relation)?, one)));
        Ok::<_, Stop>(Asked { described: found.collect(), last })
    };
    let asked = asked.await;
    engine.close().await?;
    asked
}
