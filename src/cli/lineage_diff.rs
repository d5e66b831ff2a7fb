//! `elt lineage-diff`: the project's lineage against that of another state of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;

use super::{Context, Outcome, Stop};
use crate::diagnostic::Diagnostic;
use crate::lineage::diff::{Side, diff};
use crate::lineage::{Catalog, Lineage, markdown};
use crate::manifest::{Manifest, compile};
use crate::project::Project;

#[derive(Debug, Clone, Args)]
pub struct LineageDiff {
    /// What to compare with: a folder, or a revision of the project's git repository
    #[arg(long, value_name = "REVISION|DIR", default_value = "main")]
    pub against: String,
}

pub fn lineage_diff(context: &Context, arguments: &LineageDiff) -> Outcome {
    let (project, manifest) = context.project()?;
    let against = &arguments.against;
    let folder = Path::new(against);
    let former = if folder.is_dir() {
        read(context, folder, against)?
    } else {
        let checkout = Checkout::of(&project.root, against)?;
        read(context, &checkout.project, against)?
    };
    let (before, after) = (Lineage::of(&former, &Catalog::new()), Lineage::of(&manifest, &Catalog::new()));
    let found =
        diff(Side { manifest: &former, lineage: &before }, Side { manifest: &manifest, lineage: &after });
    if context.terminal.json {
        context.terminal.json_line(&found);
    } else {
        context.terminal.data(&markdown(&found, against));
    }
    Ok(ExitCode::SUCCESS)
}

fn read(context: &Context, folder: &Path, against: &str) -> Result<Manifest, Stop> {
    let unusable = |problems: Vec<_>| {
        context.terminal.note(&format!("the project as it was in {against} cannot be read:"));
        Stop::Problems(problems)
    };
    let (project, mut problems) = Project::read(folder, &context.setting).map_err(unusable)?;
    let (manifest, more) = compile(&project);
    problems.extend(more);
    problems.retain(Diagnostic::is_error);
    if problems.is_empty() { Ok(manifest) } else { Err(unusable(problems)) }
}

/// The files of a revision in a folder of their own, which goes with it. The repository is only read: an
/// index of its own is used.
struct Checkout {
    folder: PathBuf,
    /// Where the project lies in it.
    project: PathBuf,
}

impl Checkout {
    fn of(root: &Path, revision: &str) -> Result<Self, Stop> {
        let root = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        let inside = git(&root, None, &["rev-parse", "--show-prefix"])?;
        let top = PathBuf::from(git(&root, None, &["rev-parse", "--show-toplevel"])?);
        // `^{commit}` also keeps what begins with a dash from being an option.
        let commit = format!("{revision}^{{commit}}");
        let commit = git(&root, None, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])
            .map_err(|_| {
                Stop::error(
                    "git-failed",
                    format!("`{revision}` is no folder, and no revision of the repository {}", top.display()),
                )
                .hint("name a branch, a tag, a commit, or a folder with the project as it was")
            })?;
        let folder = std::env::temp_dir().join(format!("elt-lineage-diff-{}", std::process::id()));
        let tree = folder.join("tree");
        fs::create_dir_all(&tree)
            .map_err(|error| Stop::error("unwritable-file", format!("{}: {error}", tree.display())))?;
        let checkout = Self { project: tree.join(&inside), folder };
        let index = checkout.folder.join("index");
        git(&top, Some(&index), &["read-tree", &commit])?;
        let prefix = format!("--prefix={}/", tree.display());
        git(&top, Some(&index), &["checkout-index", "--all", "--quiet", &prefix])?;
        Ok(checkout)
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn git(folder: &Path, index: Option<&Path>, arguments: &[&str]) -> Result<String, Stop> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments);
    if let Some(index) = index {
        command.env("GIT_INDEX_FILE", index);
    }
    let output = command.output().map_err(|error| {
        Stop::error("git-failed", format!("git cannot be started: {error}"))
            .hint("install git, or name a folder to compare with")
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().lines().next().unwrap_or("it failed").to_owned();
    Err(Stop::error("git-failed", format!("git {}: {said}", arguments.first().copied().unwrap_or_default()))
        .hint("compare with a folder where the project is in no git repository"))
}
