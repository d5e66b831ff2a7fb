//! The arguments that say which part of the project a command is about.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::manifest::select::ResourceType;

#[derive(Debug, Clone, Default, Args)]
pub struct Selection {
    /// What to take: names and patterns, +name, name+, 2+name+1, @name, tag:, path:, layer:, config.x:, state:
    /// and more; a comma is "and", a space "or". See docs/selectors.md
    #[arg(long, short = 's', value_name = "SELECTOR", num_args = 1..)]
    pub select: Vec<String>,
    /// What to leave out, written likewise
    #[arg(long, value_name = "SELECTOR", num_args = 1..)]
    pub exclude: Vec<String>,
    /// A selection that selectors.yml names
    #[arg(long, value_name = "NAME", conflicts_with_all = ["select", "exclude"])]
    pub selector: Option<String>,
    /// Only these kinds
    #[arg(long, value_name = "KIND", num_args = 1.., value_enum)]
    pub resource_type: Vec<Resource>,
    /// All but these kinds
    #[arg(long, value_name = "KIND", num_args = 1.., value_enum)]
    pub exclude_resource_type: Vec<Resource>,
    /// Which tests come along with what they read
    #[arg(long, value_name = "HOW", value_enum, default_value_t = IndirectSelection::Eager)]
    pub indirect_selection: IndirectSelection,
    /// A folder with an earlier manifest.json, for state:, result:, source_status: and --defer
    #[arg(long, value_name = "DIR", env = "ELT_STATE")]
    pub state: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum IndirectSelection {
    /// Those that read any selected node
    #[default]
    Eager,
    /// Those that read selected nodes only
    Cautious,
    /// Those that read selected nodes and what these are made from
    Buildable,
    /// Only tests that are selected themselves
    Empty,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Resource {
    Model,
    Seed,
    Snapshot,
    Source,
    Test,
    UnitTest,
    Exposure,
    Analysis,
    All,
}

impl Resource {
    pub fn types(self) -> &'static [ResourceType] {
        match self {
            Self::Model => &[ResourceType::Model],
            Self::Seed => &[ResourceType::Seed],
            Self::Snapshot => &[ResourceType::Snapshot],
            Self::Source => &[ResourceType::Source],
            Self::Test => &[ResourceType::Test],
            Self::UnitTest => &[ResourceType::UnitTest],
            Self::Exposure => &[ResourceType::Exposure],
            Self::Analysis => &[ResourceType::Analysis],
            Self::All => &ResourceType::ALL,
        }
    }
}

/// Where to read what this target does not have.
#[derive(Debug, Clone, Args)]
pub struct Defer {
    /// Read what is neither built now nor stands in this target from another target of profiles.yml on the same
    /// database, or, without a name, from where --state says it is
    #[arg(long, value_name = "TARGET", num_args = 0..=1, default_missing_value = "")]
    pub defer: Option<String>,
    /// Do not, although profiles.yml says so
    #[arg(long, conflicts_with = "defer")]
    pub no_defer: bool,
    /// Read it there even where it stands in this target, too
    #[arg(long)]
    pub favor_state: bool,
}
