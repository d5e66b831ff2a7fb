//! Writes what other tools read: `manifest.json` and its kin. A folder that cannot be written to is a note,
//! never a failure of the run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::args::Selection;
use super::terminal::Terminal;
use super::{Context, Outcome, Stop, failed_queries};
use crate::artifacts::{self, FILES, Folder, Freshness, Invocation, RunFacts};
use crate::database::{Session, described};
use crate::engine::Engine;
use crate::manifest::Manifest;
use crate::pipeline::NodeRecord;
use crate::project::Project;
use crate::secret::Secrets;

/// The artifacts of one call of elt.
pub struct Artifacts {
    /// Nothing is written where it is not there.
    folder: Option<Folder>,
    pub invocation: Invocation,
    secrets: Secrets,
    terminal: Arc<Terminal>,
}

impl Context {
    pub fn artifacts(&self, project: &Project) -> Artifacts {
        Artifacts {
            folder: (!self.global.no_write_json).then(|| Folder::new(self.target_path(project))),
            invocation: Invocation::new(&self.setting.env),
            secrets: Secrets::of(&self.setting.env),
            terminal: self.terminal.clone(),
        }
    }

    /// As typed, else the profile's, else `target`; inside the project.
    pub fn target_path(&self, project: &Project) -> PathBuf {
        let written = self.global.target_path.clone().or_else(|| project.profile.target_path.clone());
        project.root.join(written.unwrap_or_else(|| "target".into()))
    }
}

impl Artifacts {
    pub fn manifest(&self, project: &Project, manifest: &Manifest) {
        if self.folder.is_some() {
            let content = artifacts::manifest(project, manifest, &self.invocation, &self.secrets);
            self.write("manifest.json", &content);
        }
    }

    /// The same on another thread, while the database is at work.
    pub async fn manifest_beside(self, project: &Arc<Project>, manifest: &Arc<Manifest>) {
        let (project, manifest) = (project.clone(), manifest.clone());
        let writing = tokio::task::spawn_blocking(move || self.manifest(&project, &manifest));
        writing.await.unwrap_or_else(|ended| std::panic::resume_unwind(ended.into_panic()));
    }

    pub fn run_results(
        &self,
        manifest: &Manifest,
        command: &str,
        selection: &Selection,
        records: &[NodeRecord],
        elapsed: Duration,
    ) {
        if self.folder.is_some() {
            let facts = RunFacts { command, arguments: typed(selection), elapsed };
            let content = artifacts::run_results(manifest, records, facts, &self.invocation, &self.secrets);
            self.write("run_results.json", &content);
        }
    }

    pub fn sources(&self, found: Vec<Freshness>, elapsed: Duration) {
        self.write("sources.json", &artifacts::sources(found, elapsed, &self.invocation, &self.secrets));
    }

    /// Asks the database what stands, and writes it down.
    pub async fn catalog(&self, session: &Session, manifest: &Manifest) -> Result<usize, Stop> {
        let relations: Vec<_> = manifest.ids().map(|id| manifest.published(id)).collect();
        let found = described(session, &relations).await?;
        let database = session.value("select current_database()").await?.unwrap_or_default();
        self.write("catalog.json", &artifacts::catalog(manifest, &database, &found, &self.invocation));
        Ok(found.len())
    }

    /// Where they are written, if they are.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(Folder::path)
    }

    pub(super) fn hide(&self, text: &str) -> String {
        self.secrets.hide(text)
    }

    pub(super) fn note(&self, text: &str) {
        self.terminal.note(text);
    }

    pub fn write(&self, name: &str, content: &impl Serialize) {
        let Some(folder) = &self.folder else { return };
        if let Err(error) = folder.write(name, content) {
            let path = folder.path().join(name);
            self.terminal.note(&format!("{} was not written: {error}", path.display()));
        }
    }
}

/// What was selected, in dbt's words.
fn typed(selection: &Selection) -> Map<String, Value> {
    Map::from_iter([
        ("select".to_owned(), json!(selection.select)),
        ("exclude".to_owned(), json!(selection.exclude)),
    ])
}

/// `elt catalog`: the manifest, and what the database knows of its relations.
pub async fn catalog(context: &Context) -> Outcome {
    let (project, manifest) = context.project()?;
    let artifacts = context.artifacts(&project);
    artifacts.manifest(&project, &manifest);
    let engine = Engine::open(&project.root, &project.target).await?;
    let session = engine.connector.connect().await?;
    let relations = artifacts.catalog(&session, &manifest).await?;
    drop(session);
    let folder = context.target_path(&project);
    if context.terminal.json {
        context.terminal.json_line(&json!({"event": "cataloged", "relations": relations, "folder": folder}));
    }
    let path = folder.join("catalog.json");
    context.terminal.say(&format!("{relations} relations described in {}", path.display()));
    engine.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// Removes what elt wrote there and nothing else: the folder may be cargo's, too.
pub fn clean(context: &Context) -> Result<(), Stop> {
    // A project that cannot be read can be cleaned all the same.
    let project = Project::read(&context.global.project_dir, &context.setting).ok();
    let folder = match project {
        Some((project, _)) => context.target_path(&project),
        None => context.global.project_dir.join("target"),
    };
    for name in FILES {
        let path = folder.join(name);
        match fs::remove_file(&path) {
            Ok(()) => context.terminal.say(&format!("removed {}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Stop::error("unwritable-file", format!("{}: {error}", path.display()))),
        }
    }
    failed_queries::clean(&folder)
        .map_err(|error| Stop::error("unwritable-file", format!("{}: {error}", folder.display())))?;
    // Only where nothing else is in it.
    let _ = fs::remove_dir(&folder);
    Ok(())
}
