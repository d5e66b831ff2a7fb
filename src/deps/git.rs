//! Brings a commit of a git repository into a folder, by the `git` program. It asks for no password, runs no
//! hook, follows no link and takes no command for an address.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::diagnostic::Diagnostic;

/// Checks out `revision` (a branch, a tag or a commit; the repository's own branch else) into `into`, which must
/// not be there. Relative addresses are seen from `root`. The commit.
pub fn check_out(root: &Path, url: &str, revision: Option<&str>, into: &Path) -> Result<String, Diagnostic> {
    if url.starts_with('-') || revision.is_some_and(|revision| revision.starts_with('-')) {
        return Err(failed(format!("`{url}` is no address of a repository"), None));
    }
    let path = into.to_string_lossy();
    git(root, &["clone", "--quiet", "--no-checkout", "--", url, &path])?;
    let commit = match revision {
        None => git(into, &["rev-parse", "--verify", "HEAD^{commit}"])?,
        Some(revision) => {
            [format!("refs/remotes/origin/{revision}"), format!("refs/tags/{revision}"), revision.to_owned()]
                .iter()
                .find_map(|name| {
                    git(into, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]).ok()
                })
                .ok_or_else(|| {
                    let hint = near(into, revision);
                    failed(format!("{url} has no branch, tag or commit `{revision}`"), hint)
                })?
        }
    };
    git(into, &["checkout", "--quiet", "--detach", &commit])?;
    let _ = fs::remove_dir_all(into.join(".git"));
    Ok(commit)
}

fn near(folder: &Path, revision: &str) -> Option<String> {
    let listed = git(folder, &["for-each-ref", "--format=%(refname:lstrip=-1)"]).ok()?;
    crate::diagnostic::did_you_mean(revision, listed.lines())
}

fn failed(message: String, hint: Option<String>) -> Diagnostic {
    Diagnostic::error("git-failed", message).maybe_hint(hint)
}

/// What git prints, without the line's end.
fn git(folder: &Path, arguments: &[&str]) -> Result<String, Diagnostic> {
    let safe = [
        "core.hooksPath=/dev/null",
        "core.symlinks=false",
        "protocol.ext.allow=never",
        "core.autocrlf=false",
    ];
    let mut command = Command::new("git");
    command.current_dir(folder).stdin(Stdio::null()).env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    // Those of a git that elt was started by are about another repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    command.args(safe.iter().flat_map(|setting| ["-c", setting])).args(arguments);
    let output = command.output().map_err(|error| {
        let hint = "install git (`apt-get install git`, `brew install git`), or use `local:`".to_owned();
        failed(format!("git cannot be started: {error}"), Some(hint))
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let why =
        said.iter().find(|line| line.starts_with("fatal:")).or(said.last()).copied().unwrap_or("no reason");
    let command = arguments.first().copied().unwrap_or_default();
    Err(failed(format!("git {command} failed: {}", why.trim_start_matches("fatal: ")), None))
}
