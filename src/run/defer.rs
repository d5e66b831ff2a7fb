//! Reading from another target what this one does not have: a developer's copy of one model stands on
//! prod's tables without copying them.

use std::collections::{BTreeMap, HashMap};

use crate::manifest::{Manifest, NodeId};
use crate::name::Relation;

/// Where nodes stand elsewhere in the same database.
#[derive(Debug, Clone)]
pub struct Defer {
    /// What it is called in messages: a target's name or a folder.
    pub to: String,
    pub relations: HashMap<NodeId, Relation>,
    /// Read there even what stands here.
    pub favor: bool,
}

impl Defer {
    /// Where to read a node that is not built in this run; `None` is the node's own published relation.
    pub(super) fn of(
        &self,
        id: NodeId,
        stands: impl Fn(&Relation) -> bool,
        own: &Relation,
    ) -> Option<Relation> {
        let there = self.relations.get(&id).filter(|there| *there != own && stands(there))?;
        (self.favor || !stands(own)).then(|| there.clone())
    }

    /// What the user should know: which relations of others are read.
    pub(super) fn note(&self, manifest: &Manifest, read: &BTreeMap<NodeId, &Relation>) -> Option<String> {
        let names =
            read.iter().map(|(id, there)| format!("{} is {}", manifest.node(*id).label(), there.plain()));
        (!read.is_empty()).then(|| format!("read from {}: {}", self.to, names.collect::<Vec<_>>().join(", ")))
    }
}
