//! `packages.yml` and `package-lock.yml`: which packages a project asks for, and where their files lie. Brings
//! nothing in; `deps` does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_yaml::Spanned;
use sha2::{Digest, Sha256};

use super::reading::NameOrNumber;
use super::yaml;
use crate::diagnostic::{Diagnostic, Location, SourceFile, did_you_mean};
use crate::template::BUILT_IN_PACKAGES;

/// Where packages from git lie, seen from the project's folder.
pub const FOLDER: &str = ".elt/packages";
pub const LOCK: &str = "package-lock.yml";
/// Says in a package's folder which commit it is.
pub const MARK: &str = ".elt-commit";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    packages: Vec<Spanned<WrittenPackage>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPackage {
    git: Option<String>,
    revision: Option<NameOrNumber>,
    subdirectory: Option<String>,
    local: Option<String>,
    name: Option<String>,
    /// Of dbt's hub.
    package: Option<String>,
    #[allow(dead_code, reason = "says nothing without the hub")]
    version: Option<Value>,
    #[serde(rename = "install-prerelease")]
    #[allow(dead_code, reason = "says nothing without the hub")]
    prerelease: Option<Value>,
    #[serde(rename = "warn-unpinned")]
    #[allow(dead_code, reason = "the lock file pins every package")]
    warn_unpinned: Option<Value>,
}

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Origin {
    Git {
        /// As written: `{{ env_var(…) }}` is not filled in.
        git: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subdirectory: Option<String>,
    },
    Local {
        local: String,
    },
}

/// A package that `packages.yml` asks for.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub origin: Origin,
    /// What it is to be called; its own name else.
    pub name: Option<String>,
    pub place: Location,
}

/// What `packages.yml` asks for.
#[derive(Debug, Default)]
pub struct Asked {
    pub wanted: Vec<Wanted>,
    /// Those of dbt's hub, which elt does not ask.
    pub of_hub: Vec<(String, Location)>,
    /// The hash of the file.
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    pub name: String,
    #[serde(flatten)]
    pub origin: Origin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// `package-lock.yml`.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    pub sha256: String,
    #[serde(default)]
    pub packages: Vec<Locked>,
}

/// A package that is there.
#[derive(Debug, Clone)]
pub struct Package {
    pub name: String,
    /// Seen from the project's folder.
    pub folder: String,
}

/// The folder's `packages.yml`, else `dependencies.yml`; `None` where it has neither.
pub fn asked(folder: &Path, shown: &str) -> Result<Option<Asked>, Vec<Diagnostic>> {
    let found = ["packages.yml", "dependencies.yml"].into_iter().find(|name| folder.join(name).exists());
    let Some(name) = found else { return Ok(None) };
    let path = if shown.is_empty() { name.to_owned() } else { format!("{shown}/{name}") };
    let text = fs::read_to_string(folder.join(name)).map_err(|error| {
        vec![Diagnostic::error("unreadable-file", format!("{path} cannot be read: {error}"))]
    })?;
    let file = Arc::new(SourceFile { path, text });
    let mut asked = Asked { sha256: HEXLOWER.encode(&Sha256::digest(&file.text)), ..Asked::default() };
    if file.text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Some(asked));
    }
    let written: Written = yaml::read(&file.text).map_err(|error| vec![yaml::problem(&file, &error)])?;
    let mut problems = Vec::new();
    for entry in written.packages {
        let place = yaml::place(&file, &entry);
        let package = entry.value;
        let origin = match (package.git, package.local, package.package) {
            (Some(git), None, None) => Origin::Git {
                git,
                revision: package.revision.map(|revision| revision.0),
                subdirectory: package.subdirectory,
            },
            (None, Some(local), None) => Origin::Local { local },
            (None, None, Some(name)) => {
                asked.of_hub.push((name, place));
                continue;
            }
            _ => {
                let message = "a package is either `git:` or `local:`";
                let hint = "write `- git: https://…` with `revision: v1.0`, or `- local: ../folder`";
                problems.push(Diagnostic::error("bad-package", message).at(place).hint(hint));
                continue;
            }
        };
        asked.wanted.push(Wanted { origin, name: package.name, place });
    }
    if problems.is_empty() { Ok(Some(asked)) } else { Err(problems) }
}

/// The lock file; `None` where there is none.
pub fn lock(root: &Path) -> Result<Option<Lock>, Diagnostic> {
    let text = match fs::read_to_string(root.join(LOCK)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Diagnostic::error("unreadable-file", format!("{LOCK} cannot be read: {error}")));
        }
    };
    let file = Arc::new(SourceFile { path: LOCK.into(), text });
    let hint = "it is written by `elt deps`: take it away and run that again";
    yaml::read(&file.text).map(Some).map_err(|error| yaml::problem(&file, &error).hint(hint))
}

/// The packages of a project, all of them there.
pub fn read(root: &Path) -> Result<Vec<Package>, Vec<Diagnostic>> {
    let Some(asked) = asked(root, "")? else { return Ok(Vec::new()) };
    let lock = lock(root).map_err(|problem| vec![problem])?;
    if asked.wanted.is_empty() && lock.as_ref().is_none_or(|lock| lock.packages.is_empty()) {
        return Ok(Vec::new());
    }
    let Some(lock) = lock.filter(|lock| lock.sha256 == asked.sha256) else {
        let message = format!("the packages that packages.yml asks for are not those of {LOCK}");
        let problem = Diagnostic::error("packages-changed", message);
        let problem = match asked.wanted.first() {
            Some(first) => problem.at(first.place.clone()),
            None => problem,
        };
        return Err(vec![problem.hint("bring them in with `elt deps`")]);
    };
    let (mut packages, mut problems) = (Vec::new(), Vec::new());
    for locked in lock.packages {
        let folder = match &locked.origin {
            Origin::Git { .. } => format!("{FOLDER}/{}", locked.name),
            Origin::Local { local } => local.trim_end_matches('/').to_owned(),
        };
        let is_there = match &locked.commit {
            Some(commit) => fs::read_to_string(root.join(&folder).join(MARK))
                .is_ok_and(|mark| mark.trim() == commit.as_str()),
            None => root.join(&folder).is_dir(),
        };
        if !is_there {
            let message = format!("the package `{}` is not there in {folder}", locked.name);
            problems.push(Diagnostic::error("missing-package", message).hint("bring it in with `elt deps`"));
        }
        packages.push(Package { name: locked.name, folder });
    }
    if problems.is_empty() { Ok(packages) } else { Err(problems) }
}

/// In which packages `adapter.dispatch` looks. One that is not there is told, and passed over.
pub(super) fn search_orders(
    written: &BTreeMap<String, Vec<(String, Location)>>,
    project: &str,
    packages: &[Package],
    problems: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Vec<String>> {
    let known = packages.iter().map(|package| package.name.as_str());
    let known: Vec<&str> = known.chain([project]).chain(BUILT_IN_PACKAGES.iter().copied()).collect();
    for (package, place) in written.values().flatten() {
        if !known.contains(&package.as_str()) {
            let message = format!("`search_order` names `{package}`, which is no package of this project");
            let near = did_you_mean(package, known.iter().copied());
            let hint = near.unwrap_or_else(|| format!("there are: {}", known.join(", ")));
            problems.push(Diagnostic::warning("missing-package", message).at(place.clone()).hint(hint));
        }
    }
    let names = |order: &Vec<(String, Location)>| order.iter().map(|(package, _)| package.clone()).collect();
    written.iter().map(|(package, order)| (package.clone(), names(order))).collect()
}

impl Package {
    /// Whether it is written for dbt: then its macros and tests are taken, and its models are not.
    pub fn is_of_dbt(&self, root: &Path) -> bool {
        let folder = root.join(&self.folder);
        folder.join("dbt_project.yml").exists() && !folder.join("profiles.yml").exists()
    }

    /// Variables that it gives a value to; the project's own win.
    pub fn vars(&self, root: &Path) -> Map<String, Value> {
        let name = if self.is_of_dbt(root) { "dbt_project.yml" } else { "profiles.yml" };
        let Ok(text) = fs::read_to_string(root.join(&self.folder).join(name)) else { return Map::new() };
        let values: Value = yaml::read(&text).unwrap_or_default();
        let Some(Value::Object(mut vars)) = values.get("vars").cloned() else { return Map::new() };
        if let Some(Value::Object(own)) = vars.remove(&self.name) {
            vars.extend(own);
        }
        vars
    }
}

/// What a folder calls itself: the `name` of its `profiles.yml` or `dbt_project.yml`.
pub fn own_name(folder: &Path) -> Option<String> {
    ["profiles.yml", "dbt_project.yml"].into_iter().find_map(|file| {
        let values: Value = yaml::read(&fs::read_to_string(folder.join(file)).ok()?).ok()?;
        values.get("name")?.as_str().map(str::to_owned)
    })
}
