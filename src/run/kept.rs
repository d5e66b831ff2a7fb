//! What a run that does not publish leaves to `elt retry`: what it built and which tests held, written down as
//! it comes, so that also a run that is killed leaves it; and how the next run takes it over.

use std::collections::{HashMap, HashSet};

use super::build::relation_word;
use super::due::Due;
use super::task::{Built, Done, Shared};
use crate::database::kept::{self, KeptNode};
use crate::database::ledger::Published;
use crate::database::{DatabaseError, Session, batches};
use crate::manifest::{Manifest, NodeId};
use crate::name::Relation;
use crate::pipeline::NodeStatus;
use crate::project::{Layer, Materialization};

/// What earlier runs left; nothing unless this one goes on from them.
#[derive(Default)]
pub(super) struct Kept {
    nodes: HashMap<String, KeptNode>,
    tests: HashMap<String, String>,
    /// How many batches, of models that are built in such.
    batches: i64,
    /// The run that is asked once more.
    of: Option<i64>,
}

impl Kept {
    pub async fn read(
        session: &Session,
        manifest: &Manifest,
        of: Option<i64>,
    ) -> Result<Self, DatabaseError> {
        if of.is_none() {
            return Ok(Self::default());
        }
        let prod = manifest.schema(Layer::Prod).as_str();
        let (nodes, tests, batches) = futures_util::try_join!(
            kept::nodes(session, prod),
            kept::tests(session, prod),
            batches::count(session, prod)
        )?;
        Ok(Self { nodes, tests, batches, of })
    }

    pub fn node(&self, manifest: &Manifest, id: NodeId) -> Option<&KeptNode> {
        self.nodes.get(&manifest.node(id).label())
    }

    /// Whether this run goes on from another one.
    pub fn are_read(&self) -> bool {
        self.of.is_some()
    }

    /// What a test held of.
    pub fn test(&self, test: &str) -> Option<&str> {
        self.tests.get(test).map(String::as_str)
    }

    /// What is to be told of it at the end of the run.
    pub fn note(&self, taken: usize, failed: bool) -> Option<String> {
        let run = self.of?;
        match taken {
            // Whoever takes some over tells.
            0 if self.batches > 0 => None,
            _ if self.nodes.is_empty() => {
                Some(format!("nothing was kept of run {run}: what it had built is built again"))
            }
            0 if !failed => Some(format!("nothing that run {run} had built is what it would be now")),
            1.. if failed => Some(format!(
                "what was kept from run {run} was read from its sources then: `elt run` reads all anew"
            )),
            _ => None,
        }
    }
}

/// What a run has built and is not written down yet: that is lost where it is killed. A quick run never writes.
#[derive(Default)]
pub(super) struct Keeper {
    nodes: Vec<KeptNode>,
    tests: Vec<(String, String)>,
    /// All that can be kept.
    standing: HashSet<String>,
    /// Of which a test failed.
    distrusted: Vec<String>,
    pub due: Due,
}

impl Keeper {
    /// Only what stands by itself, or on what is kept, too: of what is added to a published table, the table may
    /// be another one by then.
    pub fn built(&mut self, manifest: &Manifest, built: &Built, node: Option<KeptNode>) {
        if built.kept.is_some() {
            self.standing.insert(manifest.node(built.id).label());
            return;
        }
        let config = manifest.node(built.id);
        let lasts = config.materialization != Materialization::Snapshot && !config.config.unlogged;
        let Some(node) = node.filter(|_| lasts && built.delta.is_none()) else { return };
        if node.parents.iter().all(|parent| self.standing.contains(parent)) {
            self.standing.insert(node.node.clone());
            self.nodes.push(node);
            self.due.wait();
        }
    }

    pub fn held(&mut self, test: String, fingerprint: String) {
        self.tests.push((test, fingerprint));
        self.due.wait();
    }

    /// A test failed: what it reads is built anew the next time.
    pub fn distrust(&mut self, nodes: impl Iterator<Item = String>) {
        for node in nodes {
            self.standing.remove(&node);
            self.distrusted.push(node);
        }
        self.due.wait();
    }

    /// Writes what is not written yet.
    pub async fn write(&mut self, session: &Session, prod: &str, run: i64) -> Result<(), DatabaseError> {
        if !self.due.take() {
            return Ok(());
        }
        let (nodes, tests) = (std::mem::take(&mut self.nodes), std::mem::take(&mut self.tests));
        let distrusted = std::mem::take(&mut self.distrusted);
        if !nodes.is_empty() {
            kept::record(session, prod, run, &nodes).await?;
        }
        if !tests.is_empty() {
            kept::record_tests(session, run, &tests).await?;
        }
        if !distrusted.is_empty() {
            let nodes: Vec<&str> = distrusted.iter().map(String::as_str).collect();
            kept::distrust(session, prod, &nodes).await?;
        }
        Ok(())
    }
}

/// What is to be told of what is left to the next run.
pub(super) fn told(nodes: usize, batches: usize) -> Option<String> {
    let counted = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{count} {many}")),
    };
    let parts = [counted(nodes, "node", "nodes"), counted(batches, "batch", "batches")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let were = if nodes + batches == 1 { "was built is" } else { "were built are" };
    (!parts.is_empty()).then(|| {
        let parts = parts.join(" and ");
        format!("{parts} that {were} kept until the next run begins: `elt retry` goes on from here")
    })
}

/// Takes a relation over: it moves into the schema of this run, and is what this run has built.
pub(super) async fn take(
    shared: &Shared,
    session: &Session,
    id: NodeId,
    node: KeptNode,
) -> Result<Done, DatabaseError> {
    let kind = relation_word(shared.manifest.node(id).materialization);
    kept::take(session, &node, kind, &shared.plan.building(&shared.manifest, id), shared.run).await?;
    let (rows, content) = (node.rows, node.content.clone());
    let built = Built { content, kept: Some(node), ..Built::of(id) };
    Ok(Done { status: NodeStatus::Kept, ..Done::built(built, rows) })
}

/// What is to be written down of a node that `run` built; nothing where it is not known what it was built from.
pub(super) fn known(
    run: i64,
    relation: Relation,
    known: &Published,
    parents: Vec<String>,
    rows: Option<i64>,
) -> Option<KeptNode> {
    Some(KeptNode {
        node: known.node.clone(),
        relation,
        run,
        built_by: run,
        fingerprint: known.fingerprint.clone()?,
        inputs: known.inputs.clone()?,
        content: known.content.clone(),
        parents,
        rows,
        duration_ms: known.duration_ms,
    })
}
