//! Why a node is built, in words for a person.

use std::fmt;

/// `Display` completes the sentence "it is built because …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::run) enum Reason {
    FullRefresh,
    /// Never published here.
    New,
    /// Published by a version of elt that kept no fingerprints.
    NoFingerprint,
    /// SQL, config or description are not those of the published relation.
    Modified,
    /// Dropped, replaced, emptied or altered since it was published, and not by elt.
    Touched,
    /// Of a load: its source does not hold what was loaded.
    Source,
    /// A parent is built in this run.
    Parent(String),
    /// A parent was published since by another run, or what is called was replaced.
    Inputs,
    /// Takes new rows in every run.
    TakesRows,
    /// Its rows may differ each time: why.
    Restless(String),
    /// Nothing cheap tells whether the source holds anything new.
    UnknownSource,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FullRefresh => f.write_str("--full-refresh"),
            Self::New => f.write_str("new"),
            Self::NoFingerprint => f.write_str("published by an elt that kept no fingerprints"),
            Self::Modified => f.write_str("modified"),
            Self::Touched => f.write_str("the published relation was changed by somebody else"),
            Self::Source => f.write_str("its source holds something else"),
            Self::Parent(name) => write!(f, "its parent {name} is built"),
            Self::Inputs => f.write_str("what it reads was published anew since"),
            Self::TakesRows => f.write_str("never skipped: it takes new rows"),
            Self::Restless(why) => write!(f, "never skipped: it {why}"),
            Self::UnknownSource => f.write_str("never skipped: only a load tells what its source holds"),
        }
    }
}
