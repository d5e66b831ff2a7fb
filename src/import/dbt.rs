//! Reads a dbt project's folder: `dbt_project.yml` and the files of its folders. Judges nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde_json::{Map, Value};

use super::ImportError;
use crate::diagnostic::SourceFile;
use crate::project::yaml;

/// A file of the dbt project.
#[derive(Debug, Clone)]
pub struct DbtFile {
    /// Relative to the project, with `/`.
    pub path: String,
    /// Relative to its folder (`models/`, `seeds/`, …).
    pub inside: String,
    pub text: String,
}

impl DbtFile {
    /// The name without folders and ending.
    pub fn stem(&self) -> &str {
        let name = self.inside.rsplit('/').next().unwrap_or(&self.inside);
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }

    /// The folders between the model folder and the file.
    pub fn folders(&self) -> Vec<&str> {
        let mut parts: Vec<&str> = self.inside.split('/').collect();
        parts.pop();
        parts
    }

    pub fn ends_with(&self, ending: &str) -> bool {
        self.inside.to_lowercase().ends_with(ending)
    }

    pub fn is_yaml(&self) -> bool {
        self.ends_with(".yml") || self.ends_with(".yaml")
    }
}

/// A dbt project as its files say it.
pub struct Dbt {
    pub name: String,
    /// `dbt_project.yml` as text and as values.
    pub text: String,
    pub settings: Map<String, Value>,
    pub models: Vec<DbtFile>,
    pub seeds: Vec<DbtFile>,
    pub macros: Vec<DbtFile>,
    pub tests: Vec<DbtFile>,
    pub snapshots: Vec<DbtFile>,
    pub analyses: Vec<DbtFile>,
    /// Markdown of folders that hold nothing else: `docs-paths`.
    pub docs: Vec<DbtFile>,
    pub selectors: Option<String>,
    /// `packages.yml` or `dependencies.yml`: its name and its text.
    pub packages: Option<(String, String)>,
    /// The project's folder.
    pub root: PathBuf,
}

impl Dbt {
    pub fn setting(&self, name: &str) -> &Value {
        self.settings.get(name).unwrap_or(&Value::Null)
    }

    /// The line of `dbt_project.yml` that begins with `key`, at or behind the one that begins with `section`,
    /// from 1; 0 where there is none.
    pub fn line_of(&self, section: &str, key: &str) -> usize {
        let begins = |line: &str, key: &str| {
            let line = line.trim_start().trim_start_matches(['"', '\'', '+']);
            line.strip_prefix(key).is_some_and(|rest| rest.starts_with([':', '"', '\'']))
        };
        let mut lines = self.text.lines().enumerate().skip_while(|(_, line)| !begins(line, section));
        lines.find(|(_, line)| begins(line, key)).map_or(0, |(index, _)| index + 1)
    }
}

pub fn read(root: &Path) -> Result<Dbt, ImportError> {
    let path = root.join("dbt_project.yml");
    if !path.exists() {
        return Err(ImportError::NoProject(root.to_owned()));
    }
    let text = fs::read_to_string(&path).map_err(|error| ImportError::file(&path, error))?;
    let file = Arc::new(SourceFile { path: "dbt_project.yml".into(), text: text.clone() });
    let (settings, _): (Map<String, Value>, _) =
        yaml::read_as_dbt(&file).map_err(|error| ImportError::file(&path, error.without_snippet()))?;
    let name = settings.get("name").and_then(Value::as_str).unwrap_or("imported").to_owned();
    let folders = |setting: &str, older: &str, usual: &str| -> Vec<String> {
        let written = settings.get(setting).or_else(|| settings.get(older)).and_then(Value::as_array);
        match written {
            Some(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            None => vec![usual.to_owned()],
        }
    };
    let ignored = ignored(root);
    let all = |folders: Vec<String>| -> Result<Vec<DbtFile>, ImportError> {
        let mut files = Vec::new();
        for folder in folders {
            let folder = folder.trim_start_matches("./").trim_end_matches('/').to_owned();
            list(root, &folder, &folder, &ignored, &mut files)?;
        }
        Ok(files)
    };
    let text_of = |file: &str| fs::read_to_string(root.join(file)).ok();
    let packages = ["packages.yml", "dependencies.yml"].into_iter();
    let packages = packages.filter_map(|file| Some((file.to_owned(), text_of(file)?))).next();
    Ok(Dbt {
        models: all(folders("model-paths", "source-paths", "models"))?,
        seeds: all(folders("seed-paths", "data-paths", "seeds"))?,
        macros: all(folders("macro-paths", "macro-paths", "macros"))?,
        tests: all(folders("test-paths", "test-paths", "tests"))?,
        snapshots: all(folders("snapshot-paths", "snapshot-paths", "snapshots"))?,
        analyses: all(folders("analysis-paths", "analysis-paths", "analyses"))?,
        docs: match settings.contains_key("docs-paths") {
            true => all(folders("docs-paths", "docs-paths", ""))?,
            false => Vec::new(),
        },
        selectors: text_of("selectors.yml"),
        packages,
        root: root.to_owned(),
        name,
        text,
        settings,
    })
}

/// The patterns of `.dbtignore`, which are those of git. One that cannot be read ignores nothing.
fn ignored(root: &Path) -> GlobSet {
    let text = fs::read_to_string(root.join(".dbtignore")).unwrap_or_default();
    let mut patterns = GlobSetBuilder::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (anchored, name) = match line.trim_end_matches('/').strip_prefix('/') {
            Some(name) => (true, name),
            None => (line.trim_end_matches('/').contains('/'), line.trim_end_matches('/')),
        };
        let pattern = if anchored { name.to_owned() } else { format!("**/{name}") };
        for pattern in [format!("{pattern}/**"), pattern] {
            if let Ok(glob) = GlobBuilder::new(&pattern).literal_separator(true).build() {
                patterns.add(glob);
            }
        }
    }
    patterns.build().unwrap_or_default()
}

fn list(
    root: &Path,
    top: &str,
    folder: &str,
    ignored: &GlobSet,
    files: &mut Vec<DbtFile>,
) -> Result<(), ImportError> {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return Ok(()) };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if name.starts_with('.') || ignored.is_match(&path) {
            continue;
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list(root, top, &path, ignored, files)?;
            continue;
        }
        let taken = [".sql", ".yml", ".yaml", ".csv", ".md", ".py"];
        if taken.iter().any(|ending| name.to_lowercase().ends_with(ending)) {
            let text =
                fs::read_to_string(root.join(&path)).map_err(|error| ImportError::file(&path, error))?;
            files.push(DbtFile { inside: path[top.len() + 1..].to_owned(), path, text });
        }
    }
    Ok(())
}

/// What a template refers to by literal names: `ref`s, and `source`s as pairs. A comment counts, too.
pub fn references(text: &str) -> (Vec<String>, Vec<(String, String)>) {
    let refs = calls(text, "ref(").into_iter().filter_map(|mut names| names.pop()).collect();
    let sources = calls(text, "source(").into_iter().filter_map(|names| match names.as_slice() {
        [source, table] => Some((source.clone(), table.clone())),
        _ => None,
    });
    (refs, sources.collect())
}

/// The quoted arguments of each call.
fn calls(text: &str, opening: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(opening) {
        let before = text[..at].chars().next_back().unwrap_or(' ');
        if before.is_alphanumeric() || before == '_' || before == '.' {
            continue;
        }
        let rest = &text[at + opening.len()..];
        let inside = &rest[..rest.find(')').unwrap_or(rest.len())];
        let mut names = Vec::new();
        for part in inside.split(',') {
            let part = part.trim();
            if let Some(quoted) =
                part.strip_prefix(['\'', '"']).and_then(|rest| rest.strip_suffix(['\'', '"']))
            {
                names.push(quoted.to_owned());
            }
        }
        if !names.is_empty() {
            found.push(names);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_in_any_spelling() {
        let (refs, sources) =
            references("{{ ref( 'a' ) }} {{ref(\"p\", 'b')}} {{ source('s','t') }} xref('c')");
        assert_eq!(refs, ["a", "b"]);
        assert_eq!(sources, [("s".to_owned(), "t".to_owned())]);
    }
}
