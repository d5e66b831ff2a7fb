//! What a run will do, decided before it does anything: which nodes, where each is read from, which tests.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use super::asking::Known;
use super::{Elsewhere, Request};
use crate::database::catalog::Existing;
use crate::diagnostic::{Diagnostic, Location};
use crate::manifest::{Answered, Manifest, Node, NodeId, Sql};
use crate::name::{Ident, Relation};
use crate::project::Materialization;

/// What will be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Nodes to build, parents first.
    pub build: Vec<NodeId>,
    /// Incremental models and loads that are added to, not built anew.
    pub added_to: BTreeSet<NodeId>,
    /// Indices of tests.
    pub tests: Vec<usize>,
    /// Indices of unit tests.
    pub unit_tests: Vec<usize>,
    pub fail_fast: bool,
    pub full_refresh: bool,
    pub store_failures: bool,
    chosen: BTreeSet<NodeId>,
    pub elsewhere: Elsewhere,
    /// The ids of what is built and tested.
    selected: Arc<OnceLock<Arc<Value>>>,
    /// Which of that this run reads.
    pub note: Option<String>,
    /// Of every node, whether this run leaves it as it is published; known when its turn has come.
    unchanged: Arc<[AtomicBool]>,
    /// Which time models that are built in batches are about, where that was asked for.
    pub event_time: Option<(Timestamp, Timestamp)>,
    /// Of nodes that ask the database while they render, their texts with the answers; known when they are built.
    answered: Arc<Mutex<HashMap<NodeId, Arc<Answered>>>>,
    /// Of loads, what their sources hold by the plan that is followed.
    pub expected: HashMap<NodeId, String>,
    /// The run's own schema; set when the run has its number.
    pub build_schema: Ident,
}

impl Plan {
    /// Decides. `existing` are the relations that stand where nodes are published.
    pub fn make(
        manifest: &Manifest,
        request: &Request,
        existing: &[Existing],
    ) -> Result<Self, Vec<Diagnostic>> {
        let standing: HashMap<&Relation, &Existing> =
            existing.iter().map(|one| (&one.relation, one)).collect();
        let chosen: BTreeSet<NodeId> =
            request.selection.iter().copied().filter(|id| manifest.node(*id).is_built()).collect();
        let build: Vec<NodeId> = manifest.order.iter().copied().filter(|id| chosen.contains(id)).collect();
        let stands = |there: &Relation| standing.contains_key(there);
        let elsewhere = Elsewhere::of(manifest, request.defer.as_ref(), &chosen, stands);
        let mut problems = Vec::new();
        let mut added_to = BTreeSet::new();
        for id in &build {
            let node = manifest.node(*id);
            let published = manifest.published(*id);
            let before = standing.get(&published);
            // A snapshot's table is never replaced: one that dbt kept goes on here.
            let takes_on = |before: &Existing| keeps_history(node) && before.kind == 'r';
            if before.is_some_and(|before| !before.owned && !takes_on(before)) {
                problems.push(foreign(node, &published));
            }
            if let Some(before) = before.filter(|before| before.made_as == "snapshot" && !keeps_history(node))
            {
                problems.push(would_lose_history(node, &before.relation));
            }
            let anew = match node.materialization {
                Materialization::Load if node.config.incremental.is_none() => true,
                Materialization::Incremental | Materialization::Load => {
                    node.config.full_refresh.unwrap_or(request.full_refresh)
                }
                Materialization::Snapshot => false,
                _ => true,
            };
            if !anew && before.is_some_and(|before| before.kind == 'r') {
                added_to.insert(*id);
            }
            for parent in needed(manifest, *id) {
                let missing = !chosen.contains(&parent)
                    && elsewhere.get(parent).is_none()
                    && manifest.node(parent).is_built()
                    && !standing.contains_key(&manifest.published(parent));
                if missing {
                    problems.push(never_published(node, manifest.node(parent)));
                }
            }
        }
        // What this run reads of others is judged, too, before it is read.
        let sources: BTreeSet<NodeId> = build
            .iter()
            .flat_map(|id| needed(manifest, *id))
            .filter(|id| manifest.node(*id).is_source())
            .collect();
        let builds = ["run", "build"].contains(&request.command.as_str());
        let tests = request
            .tests
            .iter()
            .copied()
            .filter(|index| {
                let targets = &manifest.tests[*index].text.targets;
                let judges_input = |target: &NodeId| sources.contains(target) || chosen.contains(target);
                let stands_alone = manifest.tests[*index].is_singular()
                    && targets.iter().all(|target| manifest.node(*target).is_source());
                let reads_built = targets.iter().any(judges_input) || builds && stands_alone;
                let readable =
                    targets.iter().flat_map(|target| with_needed(manifest, *target)).all(|target| {
                        chosen.contains(&target)
                            || elsewhere.get(target).is_some()
                            || standing.contains_key(&manifest.published(target))
                            || !manifest.node(target).is_built()
                    });
                reads_built && readable
            })
            .collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        let note = elsewhere.note(manifest, build.iter().flat_map(|id| needed(manifest, *id)));
        let build_schema = Ident::new("elt_run").expect("a constant name is good");
        let unchanged = manifest.ids().map(|_| AtomicBool::new(false)).collect();
        Ok(Self {
            unit_tests: unit_tests(manifest, request, &build),
            build,
            added_to,
            tests,
            fail_fast: request.fail_fast,
            full_refresh: request.full_refresh,
            store_failures: request.store_failures,
            event_time: request.event_time,
            chosen,
            elsewhere,
            unchanged,
            answered: Arc::default(),
            selected: Arc::default(),
            expected: HashMap::new(),
            note,
            build_schema,
        })
    }

    pub fn tasks(&self) -> usize {
        self.build.len() + self.tests.len() + self.unit_tests.len()
    }

    /// What templates may know of the run while it goes on.
    pub(super) fn known(&self, manifest: &Manifest) -> Known {
        let selected = || {
            let nodes = self.build.iter().map(|id| manifest.unique_id(*id));
            let tests = self.tests.iter().map(|test| manifest.test_id(&manifest.tests[*test]));
            let unit = self.unit_tests.iter().map(|test| manifest.unit_test_id(&manifest.unit_tests[*test]));
            Arc::new(Value::from_iter(nodes.chain(tests).chain(unit)))
        };
        Known::from([("selected_resources", self.selected.get_or_init(selected).clone())])
    }

    pub fn builds(&self, id: NodeId) -> bool {
        self.chosen.contains(&id) && !self.unchanged[id.0].load(Ordering::Acquire)
    }

    /// From now on the published relation is what others read.
    pub fn leave(&self, id: NodeId) {
        self.unchanged[id.0].store(true, Ordering::Release);
    }

    /// Takes note of a node's texts with the answers to what they ask.
    pub fn hear(&self, id: NodeId, answered: Answered) {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::new(answered));
    }

    /// What was answered to a node in this run; nothing of one that asks nothing.
    pub fn answered(&self, id: NodeId) -> Arc<Answered> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned().unwrap_or_default()
    }

    /// A node's query as it is built in this run; what it asks must have been answered before.
    pub fn query(
        &self,
        manifest: &Manifest,
        id: NodeId,
        incremental: bool,
        name: &dyn Fn(NodeId) -> Relation,
    ) -> Sql {
        manifest.query_answered(id, incremental, name, &self.answered(id))
    }

    /// Whether a node is read elsewhere than where this target publishes it.
    pub fn is_deferred(&self, id: NodeId) -> bool {
        self.elsewhere.get(id).is_some()
    }

    /// Where a node that this run builds stands until it is published.
    pub fn building(&self, manifest: &Manifest, id: NodeId) -> Relation {
        Relation::new(self.build_schema.clone(), manifest.built_name(id))
    }

    /// What `reader`'s SQL calls a node: the new one where this run builds it, the published one otherwise.
    /// `this` is always the published one.
    pub fn name(&self, manifest: &Manifest, reader: Option<NodeId>, id: NodeId) -> Relation {
        if self.builds(id) && reader != Some(id) {
            self.building(manifest, id)
        } else if reader == Some(id) {
            manifest.published(id)
        } else {
            self.elsewhere.name(manifest, id)
        }
    }
}

/// Those whose model this run builds, by itself or inside of others.
fn unit_tests(manifest: &Manifest, request: &Request, build: &[NodeId]) -> Vec<usize> {
    let models: BTreeSet<NodeId> = build.iter().flat_map(|id| made_of(manifest, *id)).collect();
    let asked = request.unit_tests.iter().copied();
    asked.filter(|index| models.contains(&manifest.unit_tests[*index].model)).collect()
}

/// A node and the ephemeral models whose SQL goes into its own.
pub(super) fn made_of(manifest: &Manifest, id: NodeId) -> Vec<NodeId> {
    let mut found = vec![id];
    let mut at = 0;
    while let Some(id) = found.get(at).copied() {
        at += 1;
        let ephemeral = |parent: &NodeId| {
            let node = manifest.node(*parent);
            !node.is_built() && !node.is_source()
        };
        for parent in manifest.node(id).parents.iter().copied().filter(ephemeral) {
            if !found.contains(&parent) {
                found.push(parent);
            }
        }
    }
    found
}

/// The relations that a node's SQL reads: its parents, and through ephemeral ones theirs.
pub fn needed(manifest: &Manifest, id: NodeId) -> Vec<NodeId> {
    manifest.node(id).parents.iter().flat_map(|parent| with_needed(manifest, *parent)).collect()
}

pub(super) fn with_needed(manifest: &Manifest, id: NodeId) -> Vec<NodeId> {
    if manifest.node(id).materialization == Materialization::Ephemeral && !manifest.node(id).is_source() {
        needed(manifest, id)
    } else {
        vec![id]
    }
}

fn foreign(node: &Node, published: &Relation) -> Diagnostic {
    let message = format!("{} is there already, and elt did not make it", published.plain());
    Diagnostic::error("not-ours", message).at(Location::start_of(&node.file)).hint(
        "elt never replaces what it did not make: rename the model, or drop or move that relation yourself",
    )
}

fn keeps_history(node: &Node) -> bool {
    node.materialization == Materialization::Snapshot
}

fn would_lose_history(node: &Node, published: &Relation) -> Diagnostic {
    let message = format!(
        "{} is a snapshot, and this run would replace its history by a {}",
        published.plain(),
        node.materialization.name()
    );
    Diagnostic::error("history-lost", message)
        .at(node.place_of("materialized"))
        .hint("rename the model, or rename or drop the table yourself")
}

fn never_published(node: &Node, parent: &Node) -> Diagnostic {
    let message = format!(
        "`{}` reads `{}`, which has never been published and is not part of this run",
        node.name.as_str(),
        parent.name.as_str()
    );
    Diagnostic::error("not-published", message)
        .at(Location::start_of(&node.file))
        .hint(format!("build it too: --select +{}", node.name.as_str()))
}
