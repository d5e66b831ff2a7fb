//! The packages that a dbt project asks for: those from git or a folder are asked for again, dbt's hub is not.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::dbt::Dbt;
use super::installed::{self, Installed};
use super::place::finding;
use super::report::{Finding, Kind};
use crate::deps::{self, Mode};
use crate::project::packages::{LOCK, own_name};
use crate::project::{Setting, yaml};

/// `packages.yml` of the new project.
pub struct Packages {
    /// Entries that lie in a folder, and those that git has to bring.
    local: String,
    of_git: String,
    /// What the latter are called by.
    pub awaited: Vec<String>,
}

/// `installed` are taken with their models, and are no more asked for where they came from.
pub fn read(dbt: &Dbt, folder: &Path, installed: &[Installed], findings: &mut Vec<Finding>) -> Packages {
    let mut packages = Packages { local: String::new(), of_git: String::new(), awaited: Vec::new() };
    for package in installed {
        packages.local.push_str(&format!("  - local: {}/{}\n", installed::FOLDER, package.dbt.name));
    }
    let Some((file, text)) = &dbt.packages else { return packages };
    let values: Value = yaml::read(text).unwrap_or_default();
    for entry in values.get("packages").and_then(Value::as_array).into_iter().flatten() {
        let Some((kind, name)) = KINDS.iter().find_map(|kind| Some((*kind, entry.get(*kind)?.as_str()?)))
        else {
            continue;
        };
        let line = text.lines().position(|line| line.contains(kind) && line.contains(name));
        let mut told = |kind: Kind, why: &str| {
            let line = line.map_or(0, |at| at + 1);
            findings.push(finding(kind, file, line, format!("the package {name}"), why));
        };
        let names = match kind {
            "local" => own_name(&dbt.root.join(name)).into_iter().collect(),
            _ => names_of(name),
        };
        if let Some(taken) = installed.iter().find(|package| names.contains(&package.dbt.name)) {
            let why = format!(
                "it is {}/{}, as it lies there; what is new comes by another import",
                installed::FOLDER,
                taken.dbt.name
            );
            told(Kind::Changed, &why);
            continue;
        }
        match kind {
            "git" => {
                packages.of_git.push_str(&format!("  - git: {}\n", Value::from(name)));
                for word in ["revision", "subdirectory"] {
                    if let Some(value) =
                        entry.get(word).filter(|value| value.is_string() || value.is_number())
                    {
                        packages.of_git.push_str(&format!("    {word}: {value}\n"));
                    }
                }
                packages.awaited.extend(names_of(name));
                told(
                    Kind::Changed,
                    "it is in packages.yml: bring it in with `elt deps`; its macros and tests are taken, its models are not",
                );
            }
            "local" => match relative(&dbt.root.join(name), folder) {
                Some(path) => {
                    packages.local.push_str(&format!("  - local: {}\n", Value::from(path)));
                    told(
                        Kind::Changed,
                        "it is in packages.yml; its macros and tests are taken, its models are not",
                    );
                }
                None => told(Kind::NotTaken, "the folder is not there"),
            },
            "package" if deps::is_built_in(name) => {
                told(Kind::NotTaken, "the most used of its macros and tests are built in");
            }
            "package" => {
                told(Kind::NotTaken, "name its git repository and revision in packages.yml; then `elt deps`");
            }
            _ => told(Kind::NotTaken, "elt takes packages from git or a folder"),
        }
    }
    packages
}

/// The names of the packages that `elt deps` brings by itself, from git or a folder.
pub fn brought_again(dbt: &Dbt) -> Vec<String> {
    let values: Value = dbt.packages.as_ref().and_then(|(_, text)| yaml::read(text).ok()).unwrap_or_default();
    let entries = values.get("packages").and_then(Value::as_array).into_iter().flatten();
    let names = entries.flat_map(|entry| {
        let of = |kind: &str| entry.get(kind).and_then(Value::as_str);
        let local = of("local").and_then(|folder| own_name(&dbt.root.join(folder)));
        of("git").map(names_of).into_iter().flatten().chain(local)
    });
    names.collect()
}

const KINDS: [&str; 5] = ["git", "local", "package", "tarball", "private"];

impl Packages {
    /// Packages that lie in folders are there while the new project is judged.
    pub fn begin(&self, folder: &Path, setting: &Setting, findings: &mut Vec<Finding>) -> io::Result<()> {
        if self.local.is_empty() {
            return Ok(());
        }
        fs::write(folder.join("packages.yml"), format!("packages:\n{}", self.local))?;
        if let Err(problems) = deps::install(folder, setting, Mode::Keep) {
            fs::remove_file(folder.join("packages.yml"))?;
            let told = problems.into_iter();
            findings.extend(
                told.map(|problem| finding(Kind::ToMend, "packages.yml", 0, problem.code, problem.message)),
            );
        }
        Ok(())
    }

    /// All of them, in the end; the lock file holds as long as git has to bring nothing.
    pub fn end(&self, folder: &Path) -> io::Result<()> {
        if self.of_git.is_empty() {
            return Ok(());
        }
        let _ = fs::remove_file(folder.join(LOCK));
        fs::write(folder.join("packages.yml"), format!("packages:\n{}{}", self.local, self.of_git))
    }
}

/// What a repository's macros may be called by, as far as its address tells.
fn names_of(address: &str) -> Vec<String> {
    let last = address.trim_end_matches('/').trim_end_matches(".git").rsplit(['/', ':']).next();
    let name = last.unwrap_or(address).to_lowercase().replace(['-', '.'], "_");
    // `dbt-audit-helper` calls itself `audit_helper`.
    let short = name.strip_prefix("dbt_").map(str::to_owned);
    short.into_iter().chain([name.clone()]).collect()
}

/// The way from `from` to a folder that is there.
fn relative(to: &Path, from: &Path) -> Option<String> {
    let to = to.canonicalize().ok()?;
    let from = std::path::absolute(from).ok()?;
    let parent = from.parent()?;
    let from = parent.canonicalize().unwrap_or_else(|_| parent.to_owned()).join(from.file_name()?);
    let shared = to.components().zip(from.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(to.components().skip(shared)).collect();
    Some(path.to_string_lossy().into_owned())
}
