//! Which column comes from which, through the whole project: every model's query followed, parents first.
//! Pure: no database is needed, but one's columns can be handed in. What is not known is said, never guessed.

mod build;
pub mod diff;
mod markdown;
mod paths;

use std::collections::HashMap;
use std::sync::Arc;

use crate::diagnostic::Location;
use crate::manifest::{Manifest, NodeId};
pub use crate::sql::Kind;

pub use markdown::markdown;
pub use paths::{At, Direction, Index, Step};

/// Names and types of relations' columns, as a database has them.
pub type Catalog = HashMap<NodeId, Vec<(String, String)>>;

/// The lineage of every node, by its id.
pub struct Lineage {
    nodes: Vec<NodeLineage>,
}

#[derive(Debug, Clone, Default)]
pub struct NodeLineage {
    pub columns: Vec<ColumnLineage>,
    /// Whether these are all columns.
    pub complete: bool,
    /// What decides about the rows.
    pub rows: Vec<Input>,
    pub rows_digest: u64,
    /// What could not be found out.
    pub doubts: Vec<Doubt>,
    /// Where all further columns come from, if that is one relation.
    further: Option<Source>,
}

#[derive(Debug, Clone)]
pub struct ColumnLineage {
    pub name: Arc<str>,
    /// As declared, as in the database, or as of the column that is passed on.
    pub data_type: Option<Arc<str>>,
    pub inputs: Vec<Input>,
    /// It has inputs that could not be found out.
    pub unsure: bool,
    /// Changes with the definition, not with its spelling.
    pub digest: u64,
    pub place: Option<Location>,
}

/// A column that takes part in another, or in which rows there are.
#[derive(Debug, Clone)]
pub struct Input {
    pub from: Source,
    pub column: Arc<str>,
    pub kind: Kind,
    /// Where it is mentioned.
    pub place: Option<Location>,
}

/// Whose column it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    Node(NodeId),
    /// A relation that the project does not know, as written.
    Other(Arc<str>),
}

#[derive(Debug, Clone)]
pub struct Doubt {
    pub message: String,
    pub place: Option<Location>,
}

impl Lineage {
    /// Follows everything. The columns of `catalog` are all that its relations have.
    pub fn of(manifest: &Manifest, catalog: &Catalog) -> Self {
        build::build(manifest, catalog)
    }

    pub fn node(&self, id: NodeId) -> &NodeLineage {
        &self.nodes[id.0]
    }
}

impl NodeLineage {
    pub fn column(&self, name: &str) -> Option<&ColumnLineage> {
        self.columns.iter().find(|column| &*column.name == name)
    }
}

impl Source {
    pub fn label(&self, manifest: &Manifest) -> String {
        match self {
            Self::Node(id) => manifest.node(*id).label(),
            Self::Other(name) => name.to_string(),
        }
    }
}
