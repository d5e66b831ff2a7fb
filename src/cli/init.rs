//! `init`: a project that runs at once.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::terminal::strong;
use super::{Context, Outcome, Stop};
use crate::starter::{self, Example};

#[derive(Debug, Clone, Args)]
pub struct Init {
    /// The folder to make it in; made where it is not there
    pub dir: Option<PathBuf>,
    /// The project's name, for its README; the folder's name where it is not given
    #[arg(long)]
    pub name: Option<String>,
    /// What the project holds to begin with
    #[arg(long, value_enum, default_value_t = Sample::Shop)]
    pub example: Sample,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sample {
    /// A profile and empty folders
    None,
    /// A small shop: loads, models of each layer, a rule, a macro and tests
    Shop,
}

pub fn init(context: &Context, arguments: &Init) -> Outcome {
    let folder = arguments.dir.clone().unwrap_or_else(|| context.global.project_dir.clone());
    if folder.join("profiles.yml").exists() {
        return Err(Stop::error(
            "bad-argument",
            format!("{} is an elt project already: it has a profiles.yml", folder.display()),
        )
        .hint("name another folder: elt init DIR"));
    }
    let name = arguments.name.clone().unwrap_or_else(|| name_of(&folder));
    let example = match arguments.example {
        Sample::None => Example::None,
        Sample::Shop => Example::Shop,
    };
    let written = starter::write(&folder, &name, example)
        .map_err(|error| Stop::error("unwritable-file", format!("{}: {error}", folder.display())))?;
    let terminal = &context.terminal;
    if terminal.json {
        terminal.json_line(
            &json!({"event": "made", "folder": folder, "files": written.made, "kept": written.kept}),
        );
    }
    for path in &written.kept {
        terminal.note(&format!("{path} was there already, and is as it was"));
    }
    terminal.say(&format!("Made {} with {} files.", folder.display(), written.made.len()));
    let into = match folder == Path::new(".") {
        true => String::new(),
        false => format!("cd {} && ", folder.display()),
    };
    let next = match example {
        Example::Shop => "elt run",
        Example::None => "elt debug",
    };
    terminal.say(&format!("Next: {}", strong(&format!("{into}{next}"))));
    Ok(ExitCode::SUCCESS)
}

fn name_of(folder: &Path) -> String {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    whole.file_name().map_or_else(|| "project".to_owned(), |name| name.to_string_lossy().into_owned())
}
