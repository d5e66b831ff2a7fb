//! What an import could not take, or took otherwise than it stood: for the terminal and for `IMPORT.md`.

use std::fmt;

use super::dbt::Dbt;
use super::{Files, inside, is_model};
use crate::project::Layer;

/// How much a finding asks of the reader; the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The project does not compile until this is mended.
    ToMend,
    /// Left out; the rest works without it.
    NotTaken,
    /// Taken, but otherwise than dbt has it.
    Changed,
}

/// One thing to know, at its place in the dbt project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub kind: Kind,
    pub file: String,
    /// From 1; 0 is the file as a whole.
    pub line: usize,
    pub what: String,
    pub why: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}: {}", self.file, self.what, self.why),
            line => write!(f, "{}:{line}: {}: {}", self.file, self.what, self.why),
        }
    }
}

pub fn markdown(project: &Dbt, files: &Files, findings: &[Finding]) -> String {
    let mut text = format!("# {}, imported from dbt\n\n", project.name);
    text.push_str("Made by `elt import`. Places are those of the dbt project.\n");
    for (kind, title, lead) in [
        (Kind::ToMend, "To mend", "The project does not compile until these are mended by hand."),
        (Kind::NotTaken, "Not taken", "Left out: commented out where it stood, or not copied."),
        (Kind::Changed, "Otherwise than in dbt", "Taken, but not as it stood."),
    ] {
        let found: Vec<&Finding> = findings.iter().filter(|finding| finding.kind == kind).collect();
        if found.is_empty() {
            continue;
        }
        text.push_str(&format!("\n## {title}\n\n{lead}\n\n"));
        for finding in found {
            text.push_str(&format!("- {finding}\n"));
        }
    }
    text.push_str("\n## Where the models are\n\n| layer | model | came from |\n|---|---|---|\n");
    for layer in Layer::ALL {
        let folder = format!("models/{layer}/");
        let of_layer = |path: &str| is_model(path) && inside(path).starts_with(&folder);
        for (path, file) in files.iter().filter(|(path, _)| of_layer(path)) {
            let original = file.original.as_deref().unwrap_or("a seed");
            text.push_str(&format!("| {layer} | `{path}` | `{original}` |\n"));
        }
    }
    text
}
