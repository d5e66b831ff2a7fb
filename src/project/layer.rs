//! The three layers and the order they have.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a model lives. Its folder is its layer, and the layer is its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// As delivered; refers to nothing.
    Raw,
    /// Cleaned and tested; refers to raw and stage.
    Stage,
    /// What is published and served; refers to stage and prod.
    Prod,
}

impl Layer {
    pub const ALL: [Self; 3] = [Self::Raw, Self::Stage, Self::Prod];

    pub fn from_folder(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layer| layer.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Stage => "stage",
            Self::Prod => "prod",
        }
    }

    pub fn may_refer_to(self, other: Self) -> bool {
        match self {
            Self::Raw => false,
            Self::Stage => other <= Self::Stage,
            Self::Prod => other >= Self::Stage,
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
