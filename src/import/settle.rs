//! Lets elt itself read the new project and takes out what it refuses, until it compiles or only things are
//! left that a person has to mend. What elt learns later is so taken without a word changed here.

use std::fs;
use std::io;
use std::path::Path;

use super::report::{Finding, Kind};
use super::{Files, cut, inside};
use crate::diagnostic::{Diagnostic, Location};
use crate::manifest::compile;
use crate::manifest::select::NamedSelectors;
use crate::project::{Project, Setting};

/// More rounds than any project has parts to take out would be a circle.
const ROUNDS: usize = 10_000;

/// Writes what changes into `folder`, too. What calls a package that is still to be brought in (`awaited`) is
/// not judged. The number of tests that the project has in the end.
pub fn settle(
    folder: &Path,
    files: &mut Files,
    setting: &Setting,
    awaited: &[String],
    findings: &mut Vec<Finding>,
) -> io::Result<usize> {
    let mut setting = setting.clone();
    for _ in 0..ROUNDS {
        let (problems, tests) = problems(folder, &setting);
        if lend(&problems, &mut setting) {
            continue;
        }
        let mut changed = Vec::new();
        let mut left = Vec::new();
        for problem in problems {
            let Some(place) = &problem.location else {
                left.push(problem);
                continue;
            };
            // One part a file and round: places move in meaning once something is out.
            let path = place.file.path.clone();
            if changed.contains(&path) {
                continue;
            }
            if calls_one(place, awaited) {
                continue;
            }
            if is_of_elsewhere(&problem) {
                left.push(problem);
                continue;
            }
            match take_out(files, &problem, findings) {
                true => changed.push(path),
                false => left.push(problem),
            }
        }
        if changed.is_empty() {
            drop_what_says_nothing(folder, files)?;
            findings.extend(left.iter().filter_map(|problem| to_mend(files, problem)));
            return Ok(tests);
        }
        for path in changed {
            match files.get(&path) {
                Some(file) => fs::write(folder.join(&path), &file.text)?,
                None => fs::remove_file(folder.join(&path))?,
            }
        }
    }
    Ok(0)
}

/// A variable of the environment that is not set here will be where it runs: until then it holds its own name.
/// Whether there was one.
fn lend(problems: &[Diagnostic], setting: &mut Setting) -> bool {
    let names = problems.iter().filter_map(|problem| {
        let rest = problem.message.strip_prefix("the environment variable `")?;
        rest.split('`').next()
    });
    let before = setting.env.len();
    setting.env.extend(names.map(|name| (name.to_owned(), name.to_lowercase())));
    setting.env.len() > before
}

/// Whether what lacks is not of the project's files, and is there where it runs.
fn is_of_elsewhere(problem: &Diagnostic) -> bool {
    problem.message.starts_with("the environment variable") || problem.message.starts_with("the variable `")
}

/// Whether the line in question calls something of these packages.
fn calls_one(place: &Location, packages: &[String]) -> bool {
    let text = &place.file.text;
    let at = place.span.start.min(text.len());
    let line = text[text[..at].rfind('\n').map_or(0, |end| end + 1)..].lines().next().unwrap_or_default();
    packages.iter().any(|name| line.contains(&format!("{name}.")))
}

/// YAML of which nothing but comments is left.
fn drop_what_says_nothing(folder: &Path, files: &mut Files) -> io::Result<()> {
    let empty: Vec<String> = files
        .iter()
        .filter(|(path, file)| {
            path.ends_with(".yml") && inside(path) != "profiles.yml" && says_nothing(&file.text)
        })
        .map(|(path, _)| path.clone())
        .collect();
    for path in empty {
        fs::remove_file(folder.join(&path))?;
        files.remove(&path);
    }
    Ok(())
}

fn says_nothing(text: &str) -> bool {
    text.lines().all(|line| line.trim().is_empty() || line.starts_with('#') || line == "selectors:")
}

/// The next problems to deal with. While YAML cannot be read, what others say of it looks wrong and is not.
fn problems(folder: &Path, setting: &Setting) -> (Vec<Diagnostic>, usize) {
    let errors = |problems: Vec<Diagnostic>| -> Vec<Diagnostic> {
        problems.into_iter().filter(|problem| problem.is_error()).collect()
    };
    match Project::read(folder, setting) {
        Ok((project, problems)) => {
            let mut problems = errors(problems);
            if problems.iter().any(is_of_yaml) {
                return (problems, 0);
            }
            let selectors = project.selectors_file.as_ref().filter(|file| !says_nothing(&file.text));
            if let Some(Err(wrong)) = selectors.map(NamedSelectors::read) {
                return (wrong, 0);
            }
            let (manifest, more) = compile(&project);
            problems.extend(errors(more));
            (problems, manifest.tests.len())
        }
        Err(problems) => (errors(problems), 0),
    }
}

/// Whether it is a part of YAML that can be taken out.
fn is_of_yaml(problem: &Diagnostic) -> bool {
    problem.location.as_ref().is_some_and(|place| {
        let path = &place.file.path;
        inside(path) != "profiles.yml" && (path.ends_with(".yml") || path.ends_with(".yaml"))
    })
}

/// Takes the part that a problem is about out of its file.
fn take_out(files: &mut Files, problem: &Diagnostic, findings: &mut Vec<Finding>) -> bool {
    let Some(place) = &problem.location else { return false };
    let path = &place.file.path;
    let Some(file) = files.get_mut(path) else { return false };
    let at = place.span.start;
    let line = file.text[..at.min(file.text.len())].matches('\n').count() + 1;
    let original = file.original.clone().unwrap_or_else(|| path.clone());
    let is_yaml = path.ends_with(".yml") || path.ends_with(".yaml");
    let cut = match inside(path).split('/').next() {
        _ if inside(path) == "profiles.yml" => return false,
        _ if is_yaml => cut::yaml(&file.text, at),
        Some("macros") => cut::block(&file.text, at),
        Some("tests") => None,
        _ if path.ends_with(".md") => cut::block(&file.text, at),
        _ => return false,
    };
    // A test or a file of macros of which no part can be blamed goes as a whole.
    let (what, line) = match cut {
        Some((text, what)) if text != file.text => {
            file.text = text;
            (format!("`{what}`"), line)
        }
        _ => {
            files.remove(path);
            ("the whole file".to_owned(), 0)
        }
    };
    findings.push(Finding { kind: Kind::NotTaken, file: original, line, what, why: reason(problem) });
    true
}

fn reason(problem: &Diagnostic) -> String {
    let unknown = problem.message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    if let Some(word) = unknown {
        return match word {
            "semantic_models" | "metrics" | "saved_queries" => "elt has no semantic layer".to_owned(),
            "groups" => "elt has no groups".to_owned(),
            _ => format!("elt has no word `{word}` here"),
        };
    }
    match &problem.hint {
        Some(hint) => format!("{} ({hint})", problem.message),
        None => problem.message.clone(),
    }
}

/// What is left for a person. A variable that is not set here is no fault of the project.
fn to_mend(files: &Files, problem: &Diagnostic) -> Option<Finding> {
    if problem.message.starts_with("the environment variable") {
        return None;
    }
    let (file, line) = match &problem.location {
        Some(place) => {
            let original = files.get(&place.file.path).and_then(|file| file.original.clone());
            (original.unwrap_or_else(|| place.file.path.clone()), place.line_column().0)
        }
        None => ("the project".to_owned(), 0),
    };
    Some(Finding { kind: Kind::ToMend, file, line, what: problem.code.to_owned(), why: reason(problem) })
}
