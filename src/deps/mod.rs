//! Brings in the packages that `packages.yml` asks for, and those that they ask for in turn, and writes down
//! exactly which. Reads and writes files and starts git; the project is not read.

mod git;

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::diagnostic::{Diagnostic, Location};
use crate::name::Ident;
use crate::project::Setting;
use crate::project::packages::{self, Asked, FOLDER, LOCK, Lock, Locked, MARK, Origin, Wanted};
use crate::template::{Library, Scope};

/// How packages are brought in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Those of the lock file, and what is new.
    Keep,
    /// Branches and tags as they are now.
    Upgrade,
    /// Those of the lock file, or nothing.
    Locked,
}

/// What was brought in.
#[derive(Debug, Default)]
pub struct Installed {
    pub packages: Vec<Locked>,
    /// Commits that were other ones before, by name.
    pub before: Vec<(String, String)>,
    /// Packages of dbt's hub that packages ask for, and who asks.
    pub not_taken: Vec<(String, String)>,
    /// Packages of dbt's hub that packages.yml asks for, and elt has in itself.
    pub built_in: Vec<String>,
}

/// Whether the most used of a package of dbt's hub are elt's own.
pub fn is_built_in(hub_name: &str) -> bool {
    matches!(hub_name.rsplit('/').next(), Some("dbt_utils" | "dbt_expectations"))
}

/// A package whose files are ready, not in their place yet.
struct Ready {
    locked: Locked,
    /// Where its files lie now, if they have to be moved.
    moved_from: Option<PathBuf>,
    place: Location,
}

struct Installer<'a> {
    root: &'a Path,
    mode: Mode,
    library: Library,
    old: Lock,
    scratch: PathBuf,
    ready: Vec<Ready>,
    not_taken: Vec<(String, String)>,
}

/// Nothing changes where anything goes wrong.
pub fn install(root: &Path, setting: &Setting, mode: Mode) -> Result<Installed, Vec<Diagnostic>> {
    let mut asked = packages::asked(root, "")?.unwrap_or_default();
    let (built_in, of_hub): (Vec<_>, Vec<_>) =
        asked.of_hub.drain(..).partition(|(name, _)| is_built_in(name));
    if let Some((name, place)) = of_hub.first() {
        let message = format!("`{name}` is of dbt's hub, which elt does not ask");
        let hint = "name its repository: `- git: https://github.com/…` and `revision:`";
        return Err(vec![Diagnostic::error("hub-package", message).at(place.clone()).hint(hint)]);
    }
    let old = packages::lock(root).map_err(|problem| vec![problem])?;
    if mode == Mode::Locked && old.as_ref().is_none_or(|old| old.sha256 != asked.sha256) {
        let message = format!("{LOCK} is not that of packages.yml");
        let problem = Diagnostic::error("packages-changed", message);
        return Err(vec![problem.hint("run `elt deps` without --locked and commit the file")]);
    }
    let scope = Scope { env: setting.env.clone(), vars: setting.vars.clone(), ..Scope::default() };
    let scratch = root.join(FOLDER).join(format!(".new-{}", std::process::id()));
    let mut installer = Installer {
        root,
        mode,
        library: Library::without_macros(scope),
        old: old.unwrap_or_default(),
        scratch: scratch.clone(),
        ready: Vec::new(),
        not_taken: Vec::new(),
    };
    let installed = installer.all(&asked).and_then(|()| installer.settle(asked.sha256));
    let _ = fs::remove_dir_all(scratch);
    let names = |asked: Vec<(String, Location)>| asked.into_iter().map(|(name, _)| name).collect();
    installed.map(|installed| Installed { built_in: names(built_in), ..installed })
}

impl Installer<'_> {
    /// The packages that are asked for, then those that they ask for.
    fn all(&mut self, asked: &Asked) -> Result<(), Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let mut waiting: Vec<(Wanted, String)> =
            asked.wanted.iter().map(|wanted| (wanted.clone(), String::new())).collect();
        while !waiting.is_empty() {
            let mut more = Vec::new();
            for (wanted, base) in waiting {
                match self.one(&wanted, &base) {
                    Ok(found) => more.extend(found),
                    Err(problem) if problem.location.is_none() => problems.push(problem.at(wanted.place)),
                    Err(problem) => problems.push(problem),
                }
            }
            waiting = more;
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Makes one ready; what it asks for in turn, with the folder that local ones are seen from.
    fn one(&mut self, wanted: &Wanted, base: &str) -> Result<Vec<(Wanted, String)>, Diagnostic> {
        let (folder, locked, moved_from) = match &wanted.origin {
            Origin::Local { local } => {
                let path = joined(base, local);
                let folder = self.root.join(&path);
                if !folder.is_dir() {
                    return Err(Diagnostic::error("missing-package", format!("there is no folder {path}")));
                }
                let name = self.name(wanted, &folder, local)?;
                let locked = Locked { name, origin: Origin::Local { local: path }, commit: None };
                (folder, locked, None)
            }
            Origin::Git { git, revision, subdirectory } => {
                self.of_git(wanted, git, revision.as_deref(), subdirectory.as_deref())?
            }
        };
        if let Some(other) = self.ready.iter().find(|other| other.locked.name == locked.name) {
            if other.locked.origin == locked.origin {
                return Ok(Vec::new());
            }
            let message = format!("two packages are called `{}`, the other at {}", locked.name, other.place);
            return Err(Diagnostic::error("package-twice", message).hint("give one of them another `name:`"));
        }
        let shown = folder.strip_prefix(self.root).unwrap_or(&folder).to_string_lossy().into_owned();
        let asked = packages::asked(&folder, &shown)
            .map_err(|problems| problems.into_iter().next().expect("an error has a problem"))?
            .unwrap_or_default();
        let of_hub = asked.of_hub.into_iter().filter(|(name, _)| !is_built_in(name));
        self.not_taken.extend(of_hub.map(|(name, _)| (name, locked.name.clone())));
        let base = match &locked.origin {
            Origin::Local { local } => local.clone(),
            Origin::Git { .. } => shown,
        };
        self.ready.push(Ready { locked, moved_from, place: wanted.place.clone() });
        Ok(asked.wanted.into_iter().map(|wanted| (wanted, base.clone())).collect())
    }

    fn of_git(
        &self,
        wanted: &Wanted,
        address: &str,
        revision: Option<&str>,
        subdirectory: Option<&str>,
    ) -> Result<(PathBuf, Locked, Option<PathBuf>), Diagnostic> {
        if let Some(inside) = subdirectory
            && Path::new(inside).components().any(|part| !matches!(part, Component::Normal(_)))
        {
            let message = format!("`{inside}` is no folder inside of a repository");
            return Err(Diagnostic::error("bad-package", message));
        }
        let known = self.old.packages.iter().find(|locked| locked.origin == wanted.origin);
        let known = known.filter(|_| self.mode != Mode::Upgrade);
        if let Some(known) = known.filter(|known| wanted.name.as_ref().is_none_or(|name| *name == known.name))
        {
            let folder = self.root.join(FOLDER).join(&known.name);
            let mark = fs::read_to_string(folder.join(MARK)).unwrap_or_default();
            if known.commit.as_deref() == Some(mark.trim()) {
                return Ok((folder, known.clone(), None));
            }
        }
        let url = self
            .library
            .render_value(address, &wanted.place)
            .map_err(|problems| problems.into_iter().next().expect("an error has a problem"))?;
        let into = self.scratch.join(self.ready.len().to_string());
        let _ = fs::remove_dir_all(&into);
        fs::create_dir_all(&self.scratch).map_err(|error| unwritable(&self.scratch, &error))?;
        let revision = known.and_then(|known| known.commit.as_deref()).or(revision);
        // git starts in the project's folder: a path below it has to be whole.
        let whole = std::path::absolute(&into).unwrap_or_else(|_| into.clone());
        let commit = git::check_out(self.root, &url, revision, &whole)?;
        let folder = subdirectory.map_or(into.clone(), |inside| into.join(inside));
        if !folder.is_dir() {
            let message = format!("{address} has no folder `{}`", subdirectory.unwrap_or_default());
            return Err(Diagnostic::error("missing-package", message));
        }
        let name = self.name(wanted, &folder, address)?;
        fs::write(folder.join(MARK), format!("{commit}\n")).map_err(|error| unwritable(&folder, &error))?;
        let locked = Locked { name, origin: wanted.origin.clone(), commit: Some(commit) };
        Ok((folder.clone(), locked, Some(folder)))
    }

    /// The name that is given to it, else its own, else that of where it comes from.
    fn name(&self, wanted: &Wanted, folder: &Path, origin: &str) -> Result<String, Diagnostic> {
        let last =
            origin.trim_end_matches('/').trim_end_matches(".git").rsplit(['/', ':']).next().unwrap_or(origin);
        let name = wanted.name.clone().or_else(|| packages::own_name(folder));
        let name = name.unwrap_or_else(|| last.to_lowercase().replace(['-', '.'], "_"));
        let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && Ident::new(&name).is_ok();
        if is_word {
            return Ok(name);
        }
        let message = format!("`{name}` cannot be a package's name: macros are called by it");
        Err(Diagnostic::error("bad-package", message).hint("give it another one with `name:`"))
    }

    /// Moves what is new into its place, takes away what is not asked for any more, and writes the lock file.
    fn settle(&mut self, sha256: String) -> Result<Installed, Vec<Diagnostic>> {
        let home = self.root.join(FOLDER);
        let failed = |path: &Path, error: &std::io::Error| vec![unwritable(path, error)];
        for ready in &self.ready {
            let Some(from) = &ready.moved_from else { continue };
            let place = home.join(&ready.locked.name);
            let _ = fs::remove_dir_all(&place);
            fs::rename(from, &place).map_err(|error| failed(&place, &error))?;
        }
        for entry in fs::read_dir(&home).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_kept =
                self.ready.iter().any(|ready| ready.locked.name == name && ready.locked.commit.is_some());
            if !is_kept && !name.starts_with('.') {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let packages: Vec<Locked> = self.ready.iter().map(|ready| ready.locked.clone()).collect();
        let before = packages.iter().filter_map(|new| {
            let old = self.old.packages.iter().find(|old| old.name == new.name)?.commit.clone()?;
            (Some(&old) != new.commit.as_ref()).then(|| (new.name.clone(), old))
        });
        let before = before.collect();
        let lock = Lock { sha256, packages: packages.clone() };
        if lock != self.old {
            let path = self.root.join(LOCK);
            let beside = self.root.join(format!(".{LOCK}.new"));
            fs::write(&beside, written(&lock))
                .and_then(|()| fs::rename(&beside, &path))
                .map_err(|error| failed(&path, &error))?;
        }
        Ok(Installed {
            packages,
            before,
            not_taken: std::mem::take(&mut self.not_taken),
            built_in: Vec::new(),
        })
    }
}

/// Texts are written as JSON does, which YAML reads.
fn written(lock: &Lock) -> String {
    let mut text =
        "# Written by `elt deps`. Commit it: it says which packages every machine uses.\n".to_owned();
    text.push_str(&format!("sha256: {}\npackages:\n", lock.sha256));
    for package in &lock.packages {
        let values = serde_json::to_value(package).unwrap_or_default();
        let mut mark = '-';
        for (key, value) in values.as_object().into_iter().flatten() {
            text.push_str(&format!("  {mark} {key}: {value}\n"));
            mark = ' ';
        }
    }
    if lock.packages.is_empty() {
        text = text.replace("packages:\n", "packages: []\n");
    }
    text
}

fn joined(base: &str, local: &str) -> String {
    let joined = Path::new(base).join(local);
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in joined.components() {
        match (part, parts.last()) {
            (Component::ParentDir, Some(Component::Normal(_))) => {
                parts.pop();
            }
            (Component::CurDir, _) => {}
            _ => parts.push(part),
        }
    }
    parts.iter().collect::<PathBuf>().to_string_lossy().into_owned()
}

fn unwritable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error("unwritable-file", format!("{} cannot be written: {error}", path.display()))
}
