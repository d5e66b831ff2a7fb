//! `import`: an elt project from a dbt project's folder.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::terminal::strong;
use super::{Context, FAILED, Outcome, Stop};
use crate::import::{self, Finding, ImportError, Kind};

#[derive(Debug, Clone, Args)]
pub struct Import {
    /// The dbt project's folder, where dbt_project.yml lies
    pub dbt_folder: PathBuf,
    /// The folder to make; the project's name where it is not given
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Where dbt's profiles.yml lies; else the dbt project's folder, then ~/.dbt
    #[arg(long, value_name = "DIR", env = "DBT_PROFILES_DIR")]
    pub profiles_dir: Option<PathBuf>,
}

pub fn import(context: &Context, arguments: &Import) -> Outcome {
    let home = context.setting.env.get("HOME").map(|home| PathBuf::from(home).join(".dbt"));
    let profile_dirs =
        arguments.profiles_dir.clone().into_iter().chain([arguments.dbt_folder.clone()]).chain(home);
    let imported = import::import(&import::Import {
        dbt: &arguments.dbt_folder,
        out: arguments.out.clone(),
        profile_dirs: profile_dirs.collect(),
        setting: &context.setting,
    })?;
    let terminal = &context.terminal;
    for finding in &imported.findings {
        tell(context, finding);
    }
    let count = |kind: Kind| imported.findings.iter().filter(|finding| finding.kind == kind).count();
    let (to_mend, not_taken) = (count(Kind::ToMend), count(Kind::NotTaken));
    if terminal.json {
        terminal.json_line(&json!({
            "event": "imported", "folder": imported.folder, "models": imported.models, "seeds": imported.seeds,
            "tests": imported.tests, "to_mend": to_mend, "not_taken": not_taken,
        }));
    }
    let folder = imported.folder.display();
    terminal.say(&format!(
        "\n{} {} models, {} seeds and {} tests into {folder}; {not_taken} parts not taken, {to_mend} to mend. \
         All of it is listed in {folder}/IMPORT.md",
        strong("Imported"), imported.models, imported.seeds, imported.tests,
    ));
    let next = match (imported.needs_packages, to_mend) {
        (true, _) => "elt deps && elt run",
        (false, 0) => "elt run",
        (false, _) => "elt compile",
    };
    terminal.say(&format!("Next: {}", strong(&format!("cd {folder} && {next}"))));
    Ok(if to_mend == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn tell(context: &Context, finding: &Finding) {
    let word = match finding.kind {
        Kind::ToMend => "to mend",
        Kind::NotTaken => "not taken",
        Kind::Changed => "changed",
    };
    if context.terminal.json {
        return context.terminal.json_line(&json!({
            "event": "finding", "kind": word, "file": finding.file, "line": finding.line,
            "what": finding.what, "why": finding.why,
        }));
    }
    context.terminal.say(&format!("{word:<9} {finding}"));
}

impl From<ImportError> for Stop {
    fn from(error: ImportError) -> Self {
        let hint = match &error {
            ImportError::Exists(_) => Some("name another folder with --out DIR".to_owned()),
            ImportError::NoProject(_) => Some("name the folder in which dbt is run".to_owned()),
            ImportError::File { .. } => None,
        };
        Self::error("import", error.to_string()).maybe_hint(hint)
    }
}
