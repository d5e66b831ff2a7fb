//! Whether what an earlier run had built is what this one would build, and stands on what this one has.

use std::collections::BTreeSet;

use super::judge::Judge;
use crate::database::kept::KeptNode;
use crate::manifest::{Manifest, NodeId};
use crate::run::plan::needed;

impl Judge {
    /// Whether what an earlier run built is what this one would build. What it reads must have been judged before.
    pub fn would_be(&self, manifest: &Manifest, id: NodeId, kept: &KeptNode) -> bool {
        // A version says which rows there are, not where they stand.
        let stand = self.built_parents(manifest, id).all(|parent| self.taken.contains(&parent));
        stand
            && self.labels_of_built_parents(manifest, id) == kept.parents
            && kept.fingerprint == self.texts.fingerprints[id.0]
            && self.inputs(manifest, id).is_some_and(|inputs| inputs == kept.inputs)
    }

    /// What a node reads of this run.
    fn built_parents<'a>(&'a self, manifest: &'a Manifest, id: NodeId) -> impl Iterator<Item = NodeId> + 'a {
        needed(manifest, id).into_iter().filter(|parent| self.built.contains_key(parent))
    }

    /// Their names, each once and in order.
    pub fn labels_of_built_parents(&self, manifest: &Manifest, id: NodeId) -> Vec<String> {
        let labels: BTreeSet<String> =
            self.built_parents(manifest, id).map(|parent| manifest.node(parent).label()).collect();
        labels.into_iter().collect()
    }
}
