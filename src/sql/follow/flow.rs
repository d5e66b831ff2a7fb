//! What flows into a column or decides about rows: columns of tables, how each does so, and where.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::Serialize;

/// A relation that a query reads by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Table {
    /// The caller's number, where the caller knows it.
    pub known: Option<usize>,
    /// What the caller calls it; of others the name as written.
    pub name: Arc<str>,
}

/// Numbers change from one reading of a project to the next, names stay.
impl Hash for Table {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    pub table: Table,
    pub column: Arc<str>,
}

/// How a column takes part. The first two are about values, the others about which rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Passed on as it is.
    Copied,
    /// Computed from.
    Computed,
    Join,
    Filter,
    Group,
    /// `order by`, `distinct on`.
    Sort,
}

impl Kind {
    pub fn is_value(self) -> bool {
        self <= Self::Computed
    }
}

/// The place of a column that nobody has mentioned yet.
const NOWHERE: usize = usize::MAX;

/// Inputs with the byte at which each is mentioned first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flow {
    pub inputs: BTreeMap<(Origin, Kind), usize>,
    /// More flows in than could be found out.
    pub unsure: bool,
    /// Of the definition, whatever its spelling: the same for the same expression of the same columns.
    pub digest: u64,
}

impl Flow {
    pub fn of(origin: Origin) -> Self {
        let digest = digest(&origin);
        Self { inputs: BTreeMap::from([((origin, Kind::Copied), NOWHERE)]), unsure: false, digest }
    }

    /// Mentioned here, if not before.
    pub fn mentioned(mut self, here: usize) -> Self {
        self.inputs.values_mut().filter(|at| **at == NOWHERE).for_each(|at| *at = here);
        self
    }

    pub fn unknown() -> Self {
        Self { unsure: true, ..Self::default() }
    }

    /// Takes in what flows into a part.
    pub fn take(&mut self, other: &Self) {
        for (input, at) in &other.inputs {
            self.inputs.entry(input.clone()).or_insert(*at);
        }
        self.unsure |= other.unsure;
        // A step that adds nothing, a common table expression say, is only spelling.
        self.digest = match (self.digest, other.digest) {
            (own, 0) => own,
            (0, new) => new,
            both => digest(&both),
        };
    }

    pub fn mix(&mut self, word: impl Hash) {
        self.digest = digest(&(self.digest, word));
    }

    pub fn computed(self) -> Self {
        self.values_as(Kind::Computed)
    }

    /// The same inputs, each value as `kind`.
    pub fn values_as(self, kind: Kind) -> Self {
        let mut inputs = BTreeMap::new();
        for ((origin, old), at) in self.inputs {
            inputs.entry((origin, if old.is_value() { kind } else { old })).or_insert(at);
        }
        Self { inputs, ..self }
    }
}

pub fn digest(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
