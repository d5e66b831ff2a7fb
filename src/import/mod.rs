//! Makes an elt project of a dbt project's folder. SQL stays as it is, byte for byte; each file goes to the
//! layer that the graph gives it; what elt has no word for is commented out where it stands and listed with
//! its place and the reason. Reads and writes files; opens no connection.

mod argument;
mod beside;
mod columns;
mod cut;
mod dbt;
mod describe;
mod folder_tests;
mod installed;
mod layers;
mod packages;
mod place;
mod profile;
mod report;
mod seeds;
mod settings;
mod settle;
mod snapshots;
mod twins;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::project::Setting;
pub use report::{Finding, Kind};

/// What to import, and where to.
pub struct Import<'a> {
    /// The folder with `dbt_project.yml`.
    pub dbt: &'a Path,
    /// The folder to make; `None` is the project's name, beside where elt was started.
    pub out: Option<PathBuf>,
    /// Where dbt's `profiles.yml` is looked for, in this order.
    pub profile_dirs: Vec<PathBuf>,
    pub setting: &'a Setting,
}

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{} is no dbt project: it has no dbt_project.yml", .0.display())]
    NoProject(PathBuf),
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    #[error("{path}: {why}")]
    File { path: String, why: String },
}

impl ImportError {
    fn file(path: impl AsRef<Path>, why: impl ToString) -> Self {
        Self::File { path: path.as_ref().display().to_string(), why: why.to_string() }
    }
}

/// The new project.
pub struct Imported {
    pub folder: PathBuf,
    pub models: usize,
    pub seeds: usize,
    pub tests: usize,
    /// Packages have to be brought in before it runs.
    pub needs_packages: bool,
    pub findings: Vec<Finding>,
}

/// A file of the new project: its text, and the file of the dbt project it came from.
#[derive(Debug, Clone, Default)]
struct Placed {
    text: String,
    original: Option<String>,
}

/// The new project's files by path.
type Files = BTreeMap<String, Placed>;

/// Imports. The folder appears whole or not at all.
pub fn import(import: &Import<'_>) -> Result<Imported, ImportError> {
    let project = dbt::read(import.dbt)?;
    let folder = import.out.clone().unwrap_or_else(|| PathBuf::from(&project.name));
    let occupied = fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
    if occupied || folder.is_file() {
        return Err(ImportError::Exists(folder));
    }
    let mut findings = Vec::new();
    let mut files = place::place(&project, &mut findings);
    let installed = installed::read(&project, &mut findings);
    installed::place(&installed, &mut files, &mut findings);
    let packages = packages::read(&project, &folder, &installed, &mut findings);
    let (profile, offline) =
        profile::read((&project, &files), &import.profile_dirs, &import.setting.env, &mut findings);
    files.insert("profiles.yml".into(), Placed { text: offline, original: None });
    let setting = Setting { target: None, ..import.setting.clone() };
    let ignore = "/.elt/\n/target/\n".to_owned();
    files.insert(".gitignore".into(), Placed { text: ignore, original: None });

    let beside = folder.with_file_name(format!(
        ".{}.elt-import-{}",
        folder.file_name().unwrap_or_default().to_string_lossy(),
        std::process::id()
    ));
    let made = write(&beside, &files)
        .and_then(|()| packages.begin(&beside, &setting, &mut findings))
        .and_then(|()| settle::settle(&beside, &mut files, &setting, &packages.awaited, &mut findings))
        .and_then(|counts| {
            packages.end(&beside)?;
            findings.sort_by(|a, b| (a.kind, &a.file, a.line).cmp(&(b.kind, &b.file, b.line)));
            let report = report::markdown(&project, &files, &findings);
            fs::write(beside.join("IMPORT.md"), report)?;
            fs::write(beside.join("profiles.yml"), profile)?;
            // An empty folder may stand there.
            let _ = fs::remove_dir(&folder);
            fs::rename(&beside, &folder)?;
            Ok(counts)
        });
    match made {
        Ok(tests) => Ok(Imported {
            models: files.keys().filter(|path| is_model(path)).count(),
            seeds: files.keys().filter(|path| path.ends_with(".csv")).count(),
            tests,
            needs_packages: !packages.awaited.is_empty(),
            folder,
            findings,
        }),
        Err(error) => {
            let _ = fs::remove_dir_all(&beside);
            Err(ImportError::file(&folder, error))
        }
    }
}

fn is_model(path: &str) -> bool {
    inside(path).starts_with("models/") && path.ends_with(".sql")
}

/// The path inside of the package that a file is of.
fn inside(path: &str) -> &str {
    let of_package = path.strip_prefix(installed::FOLDER).and_then(|rest| rest.strip_prefix('/'));
    of_package.and_then(|rest| rest.split_once('/')).map_or(path, |(_, inside)| inside)
}

fn write(folder: &Path, files: &Files) -> io::Result<()> {
    for (path, file) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a path below a folder has a parent"))?;
        fs::write(path, &file.text)?;
    }
    Ok(())
}
