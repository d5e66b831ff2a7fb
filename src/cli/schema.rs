//! `schema`: the JSON Schemas of a project's YAML files, for editors.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{Context, Outcome, Stop};
use crate::schema::ALL;

#[derive(Debug, Clone, Args)]
pub struct SchemaArguments {
    /// Which file's
    #[arg(value_enum, required_unless_present = "out")]
    pub file: Option<SchemaFile>,
    /// Write them into this folder, each as NAME.schema.json, instead of to standard output
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaFile {
    /// YAML under models/, rules/ and tests/
    Properties,
    /// profiles.yml
    Profiles,
    /// selectors.yml
    Selectors,
    /// packages.yml
    Packages,
}

impl SchemaFile {
    pub fn name(self) -> &'static str {
        match self {
            Self::Properties => "properties",
            Self::Profiles => "profiles",
            Self::Selectors => "selectors",
            Self::Packages => "packages",
        }
    }
}

pub fn schema(context: &Context, arguments: &SchemaArguments) -> Outcome {
    let name = arguments.file.map(|file| file.name());
    let chosen = ALL.iter().filter(|(known, _)| name.is_none_or(|name| name == *known));
    match &arguments.out {
        Some(folder) => {
            for (name, text) in chosen {
                let path = folder.join(format!("{name}.schema.json"));
                write(folder, &path, text).map_err(|error| {
                    Stop::error("unwritable-file", format!("{}: {error}", path.display()))
                })?;
                context.terminal.say(&format!("wrote {}", path.display()));
            }
        }
        None => chosen.for_each(|(_, text)| context.terminal.data(text)),
    }
    Ok(ExitCode::SUCCESS)
}

fn write(folder: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(path, text)
}
