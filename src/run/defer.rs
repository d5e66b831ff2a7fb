//! Reading from another target what this one does not have: a developer's copy of one model stands on
//! prod's tables without copying them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::database::{DatabaseError, Session, catalog};
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

/// The nodes that are read elsewhere than where this target publishes them; nobody's where nothing is deferred.
#[derive(Debug, Clone, Default)]
pub struct Elsewhere {
    to: String,
    relations: HashMap<NodeId, Relation>,
}

impl Elsewhere {
    /// Of what is not `made` now: that which stands there and not here. `stands` says so of each relation.
    pub(super) fn of(
        manifest: &Manifest,
        defer: Option<&Defer>,
        made: &BTreeSet<NodeId>,
        stands: impl Fn(&Relation) -> bool,
    ) -> Self {
        let Some(defer) = defer else { return Self::default() };
        let read_there = |id: NodeId| {
            let own = manifest.published(id);
            let there = defer.relations.get(&id).filter(|there| **there != own && stands(there))?;
            (defer.favor || !stands(&own)).then(|| (id, there.clone()))
        };
        let others = manifest.ids().filter(|id| !made.contains(id) && manifest.node(*id).is_built());
        Self { to: defer.to.clone(), relations: others.filter_map(read_there).collect() }
    }

    /// The same, where the database is asked what stands.
    pub async fn look(
        session: &Session,
        manifest: &Manifest,
        defer: Option<&Defer>,
        made: &BTreeSet<NodeId>,
    ) -> Result<Self, DatabaseError> {
        let Some(asked) = defer else { return Ok(Self::default()) };
        let mut relations: Vec<Relation> = manifest.ids().map(|id| manifest.published(id)).collect();
        relations.extend(asked.relations.values().cloned());
        let standing = catalog::there(session, &relations).await?;
        Ok(Self::of(manifest, defer, made, |relation| standing.contains(relation)))
    }

    pub fn is_empty(&self) -> bool {
        self.relations.is_empty()
    }

    pub fn get(&self, id: NodeId) -> Option<&Relation> {
        self.relations.get(&id)
    }

    /// Where to read a node that is not made now.
    pub fn name(&self, manifest: &Manifest, id: NodeId) -> Relation {
        self.get(id).cloned().unwrap_or_else(|| manifest.published(id))
    }

    /// What the user should know: which of these nodes are read from others.
    pub fn note(&self, manifest: &Manifest, read: impl IntoIterator<Item = NodeId>) -> Option<String> {
        let read: BTreeMap<NodeId, &Relation> =
            read.into_iter().filter_map(|id| Some((id, self.get(id)?))).collect();
        let names =
            read.iter().map(|(id, there)| format!("{} is {}", manifest.node(*id).label(), there.plain()));
        (!read.is_empty()).then(|| format!("read from {}: {}", self.to, names.collect::<Vec<_>>().join(", ")))
    }
}
