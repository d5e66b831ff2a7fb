//! `deps`: brings in the packages that packages.yml asks for.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::terminal::strong;
use super::{Context, Outcome, Stop};
use crate::deps::{self, Mode};
use crate::project::Project;
use crate::project::packages::{FOLDER, Locked, Origin};

#[derive(Debug, Clone, Args)]
pub struct Deps {
    /// Take branches and tags as they are now, whatever the lock file says
    #[arg(long)]
    pub upgrade: bool,
    /// Bring in what the lock file says, and fail where it is not that of packages.yml
    #[arg(long, conflicts_with = "upgrade")]
    pub locked: bool,
}

pub fn deps(context: &Context, arguments: &Deps) -> Outcome {
    let mode = match (arguments.upgrade, arguments.locked) {
        (true, _) => Mode::Upgrade,
        (_, true) => Mode::Locked,
        _ => Mode::Keep,
    };
    let root = &context.global.project_dir;
    let installed = deps::install(root, &context.setting, mode).map_err(Stop::Problems)?;
    let terminal = &context.terminal;
    // A project that does not compile for another reason has its packages all the same.
    let project = Project::read(root, &context.setting).ok().map(|(project, _)| project);
    let unusable = project.as_ref().map(|project| project.library.unusable()).unwrap_or_default();
    for package in &installed.packages {
        let usable = project.as_ref().map(|project| {
            project.library.names_of(&package.name).filter(|name| !unusable.contains_key(*name)).count()
        });
        let was = installed
            .before
            .iter()
            .find(|(name, _)| *name == package.name)
            .map(|(_, commit)| commit.as_str());
        if terminal.json {
            terminal.json_line(&json!({
                "event": "package", "name": package.name, "origin": package.origin, "commit": package.commit,
                "before": was, "macros": usable,
            }));
        }
        let was = was.map(|was| format!(", was {}", short(was))).unwrap_or_default();
        let macros = usable.map(|usable| format!("  {usable} macros and tests")).unwrap_or_default();
        terminal.say(&format!("  {:<20} {}{was}{macros}", strong(&package.name), origin(package)));
    }
    for (name, by) in &installed.not_taken {
        terminal.note(&format!("`{by}` asks for `{name}` of dbt's hub, which was not brought in"));
    }
    for name in &installed.built_in {
        terminal.note(&format!(
            "`{name}` was not brought in: the most used of its macros and tests are built in"
        ));
    }
    if !unusable.is_empty() {
        if terminal.json {
            terminal.json_line(&json!({"event": "unusable", "macros": unusable}));
        }
        let count = unusable.len();
        terminal.note(&format!("{count} macros cannot be used here; who calls one is told why"));
    }
    match installed.packages.len() {
        0 if installed.built_in.is_empty() => terminal.say("packages.yml asks for nothing"),
        0 => terminal.say("packages.yml asks for nothing that elt does not have"),
        1 => terminal.say(&format!("1 package is in {FOLDER} or where it lies")),
        count => terminal.say(&format!("{count} packages are in {FOLDER} or where they lie")),
    }
    Ok(ExitCode::SUCCESS)
}

fn origin(package: &Locked) -> String {
    match &package.origin {
        Origin::Local { local } => local.clone(),
        Origin::Git { git, revision, .. } => {
            let at = revision.as_ref().map(|revision| format!(" {revision}")).unwrap_or_default();
            format!("{git}{at} ({})", short(package.commit.as_deref().unwrap_or_default()))
        }
    }
}

fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}
