//! Finds and reads the project's files, in a fixed order.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::packages::Package;
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::template::PackageMacros;

/// The files of a project by what they are. Paths are relative to the root, sorted.
#[derive(Default)]
pub struct Found {
    pub models: Vec<Arc<SourceFile>>,
    pub properties: Vec<Arc<SourceFile>>,
    pub rules: Vec<Arc<SourceFile>>,
    pub macros: Vec<Arc<SourceFile>>,
    pub tests: Vec<Arc<SourceFile>>,
    /// Queries that are compiled and never run.
    pub analyses: Vec<Arc<SourceFile>>,
    /// `selectors.yml` in the project's own folder.
    pub selectors: Option<Arc<SourceFile>>,
    /// Rows for unit tests.
    pub fixtures: Vec<Arc<SourceFile>>,
    /// Markdown that may hold docs blocks.
    pub docs: Vec<Arc<SourceFile>>,
    /// The macros of each package.
    pub package_macros: Vec<PackageMacros>,
}

impl Found {
    pub fn walk(root: &Path, problems: &mut Vec<Diagnostic>) -> Self {
        let mut found = Self::default();
        if root.join("selectors.yml").exists() {
            match read(root, "selectors.yml") {
                Ok(file) => found.selectors = Some(file),
                Err(problem) => problems.push(problem),
            }
        }
        for folder in ["models", "rules", "macros", "tests", "analyses"] {
            let mut paths = Vec::new();
            list(root, folder, &mut paths, problems);
            paths.sort();
            for path in paths {
                found.take(root, folder, &path, problems);
            }
        }
        found
    }

    /// A package's files beside the project's own. Of one written for dbt macros and generic tests alone: its
    /// models lie in no layer.
    pub fn walk_package(&mut self, root: &Path, package: &Package, problems: &mut Vec<Diagnostic>) {
        let is_of_dbt = package.is_of_dbt(root);
        let folders: &[&str] = match is_of_dbt {
            true => &["macros", "tests/generic"],
            false => &["models", "rules", "macros", "tests"],
        };
        let own_macros = std::mem::take(&mut self.macros);
        for folder in folders {
            let mut paths = Vec::new();
            list(root, &format!("{}/{folder}", package.folder), &mut paths, problems);
            paths.sort();
            for path in paths {
                let kind = if is_of_dbt { "macros" } else { folder };
                self.take(root, kind, &path, problems);
            }
        }
        let files = std::mem::replace(&mut self.macros, own_macros);
        self.package_macros.push(PackageMacros {
            name: package.name.clone(),
            folder: package.folder.clone(),
            files,
        });
    }

    fn take(&mut self, root: &Path, folder: &str, path: &str, problems: &mut Vec<Diagnostic>) {
        let ending = path.rsplit('.').next().unwrap_or_default();
        let place = match (folder, ending) {
            ("models", "sql") => &mut self.models,
            ("tests", "csv" | "sql") if path.contains("tests/fixtures/") => &mut self.fixtures,
            ("models" | "rules" | "tests" | "analyses", "yml" | "yaml") => &mut self.properties,
            ("models" | "rules", "md") => &mut self.docs,
            ("rules", "csv") => &mut self.rules,
            ("macros", "sql") => &mut self.macros,
            ("tests", "sql") if path.contains("tests/generic/") => &mut self.macros,
            ("tests", "sql") => &mut self.tests,
            ("analyses", "sql") => &mut self.analyses,
            _ => return,
        };
        match read(root, path) {
            Ok(file) => place.push(file),
            Err(problem) => problems.push(problem),
        }
    }
}

/// `profiles.yml`: what makes a folder a project.
pub fn profile(root: &Path) -> Result<Arc<SourceFile>, Diagnostic> {
    if !root.join("profiles.yml").exists() {
        let message = format!("{} is no elt project: it has no profiles.yml", root.display());
        return Err(Diagnostic::error("no-project", message)
            .hint("go to the project's folder, or name it with --project-dir"));
    }
    read(root, "profiles.yml")
}

fn read(root: &Path, path: &str) -> Result<Arc<SourceFile>, Diagnostic> {
    let unreadable =
        |why: String| Diagnostic::error("unreadable-file", format!("{path} cannot be read: {why}"));
    let bytes = fs::read(root.join(path)).map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        unreadable(format!("byte {at} is not UTF-8")).hint("save the file as UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    Ok(Arc::new(SourceFile { path: path.to_owned(), text }))
}

/// Hidden files and folders are passed over; links are followed no further than the file they name.
fn list(root: &Path, folder: &str, paths: &mut Vec<String>, problems: &mut Vec<Diagnostic>) {
    let entries = match fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => {
            let message = format!("the folder {folder} cannot be read: {error}");
            return problems.push(Diagnostic::error("unreadable-file", message));
        }
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{folder}/{name}");
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list(root, &path, paths, problems),
            Ok(_) => paths.push(path),
            Err(error) => {
                let message = format!("{path} cannot be read: {error}");
                problems.push(Diagnostic::error("unreadable-file", message));
            }
        }
    }
}

/// The file's name without folders and ending.
pub(crate) fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split_once('.').map_or(name, |(stem, _)| stem)
}
