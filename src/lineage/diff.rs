//! What a change does to columns: those it adds, removes and defines anew, and everything that comes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::{ColumnLineage, Direction, Index, Lineage, Source, Step};
use crate::manifest::{Manifest, NodeId};

/// A project with its lineage.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub manifest: &'a Manifest,
    pub lineage: &'a Lineage,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum ColumnChange {
    Added {
        column: Arc<str>,
        data_type: Option<Arc<str>>,
    },
    Removed {
        column: Arc<str>,
    },
    Renamed {
        column: Arc<str>,
        to: Arc<str>,
    },
    /// Computed otherwise.
    Redefined {
        column: Arc<str>,
    },
    Retyped {
        column: Arc<str>,
        from: Arc<str>,
        to: Arc<str>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeStatus {
    Added,
    Removed,
    Changed,
}

/// A node that the change touches itself.
#[derive(Debug, Clone, Serialize)]
pub struct NodeChange {
    pub node: String,
    pub file: String,
    pub status: NodeStatus,
    pub columns: Vec<ColumnChange>,
    /// Other rows, or otherwise joined, filtered, grouped or sorted.
    pub rows: bool,
}

#[derive(Debug, Default, Serialize)]
pub struct Diff {
    pub nodes: Vec<NodeChange>,
    /// Columns further on, by node, that are computed from what changed.
    pub downstream: BTreeMap<String, BTreeSet<Arc<str>>>,
    /// Nodes further on whose rows may be others.
    pub downstream_rows: BTreeSet<String>,
    pub exposures: BTreeSet<String>,
}

pub fn diff(before: Side<'_>, after: Side<'_>) -> Diff {
    let old = labels(before.manifest);
    let new = labels(after.manifest);
    let mut diff = Diff::default();
    let (old_index, new_index) = (Index::of(before.lineage), Index::of(after.lineage));
    for (label, id) in &new {
        let node = after.lineage.node(*id);
        let file = after.manifest.node(*id).file.path.clone();
        let Some(old_id) = old.get(label) else {
            let columns = node.columns.iter().map(added).collect();
            let status = NodeStatus::Added;
            diff.nodes.push(NodeChange { node: label.clone(), file, status, columns, rows: false });
            continue;
        };
        let was = before.lineage.node(*old_id);
        let columns = columns(&was.columns, &node.columns);
        let rows = was.rows_digest != node.rows_digest;
        for change in &columns {
            match change {
                ColumnChange::Redefined { column } | ColumnChange::Retyped { column, .. } => {
                    diff.follow(after, &new_index, *id, column);
                }
                ColumnChange::Removed { column } | ColumnChange::Renamed { column, .. } => {
                    diff.follow(before, &old_index, *old_id, column);
                }
                ColumnChange::Added { .. } => {}
            }
        }
        if rows {
            diff.rows_below(after.manifest, *id);
        }
        if rows || !columns.is_empty() {
            diff.exposed(after.manifest, *id);
            let status = NodeStatus::Changed;
            diff.nodes.push(NodeChange { node: label.clone(), file, status, columns, rows });
        }
    }
    for (label, id) in old.iter().filter(|(label, _)| !new.contains_key(*label)) {
        let file = before.manifest.node(*id).file.path.clone();
        for column in &before.lineage.node(*id).columns {
            diff.follow(before, &old_index, *id, &column.name);
        }
        diff.rows_below(before.manifest, *id);
        diff.exposed(before.manifest, *id);
        let status = NodeStatus::Removed;
        diff.nodes.push(NodeChange { node: label.clone(), file, status, columns: Vec::new(), rows: false });
    }
    diff
}

fn labels(manifest: &Manifest) -> BTreeMap<String, NodeId> {
    manifest.ids().map(|id| (manifest.node(id).label(), id)).collect()
}

fn added(column: &ColumnLineage) -> ColumnChange {
    ColumnChange::Added { column: column.name.clone(), data_type: column.data_type.clone() }
}

fn columns(before: &[ColumnLineage], after: &[ColumnLineage]) -> Vec<ColumnChange> {
    let find = |all: &'_ [ColumnLineage], name: &str| all.iter().position(|column| &*column.name == name);
    let mut gone: Vec<&ColumnLineage> =
        before.iter().filter(|column| find(after, &column.name).is_none()).collect();
    let mut changes = Vec::new();
    for column in after {
        let Some(index) = find(before, &column.name) else {
            // The same definition under another name; of what has no definition nothing can be said.
            let same = gone.iter().position(|gone| gone.digest != 0 && gone.digest == column.digest);
            changes.push(match same {
                Some(index) => {
                    ColumnChange::Renamed { column: gone.remove(index).name.clone(), to: column.name.clone() }
                }
                None => added(column),
            });
            continue;
        };
        let was = &before[index];
        if was.digest != column.digest {
            changes.push(ColumnChange::Redefined { column: column.name.clone() });
        }
        if let (Some(from), Some(to)) = (&was.data_type, &column.data_type)
            && from != to
        {
            let (from, to) = (from.clone(), to.clone());
            changes.push(ColumnChange::Retyped { column: column.name.clone(), from, to });
        }
    }
    changes.extend(gone.iter().map(|column| ColumnChange::Removed { column: column.name.clone() }));
    changes
}

impl Diff {
    /// Everything that comes of a column.
    fn follow(&mut self, side: Side<'_>, index: &Index<'_>, id: NodeId, column: &str) {
        let mut steps: Vec<Step> = index.ways(id, column, Direction::Downstream, usize::MAX, true);
        while let Some(step) = steps.pop() {
            let Source::Node(node) = step.at.source else { continue };
            match step.at.column {
                Some(column) => {
                    let label = side.manifest.node(node).label();
                    self.downstream.entry(label).or_default().insert(column);
                    self.exposed(side.manifest, node);
                }
                None => self.rows_at(side.manifest, node),
            }
            steps.extend(step.next);
        }
    }

    fn rows_at(&mut self, manifest: &Manifest, id: NodeId) {
        if self.downstream_rows.insert(manifest.node(id).label()) {
            self.exposed(manifest, id);
            self.rows_below(manifest, id);
        }
    }

    fn rows_below(&mut self, manifest: &Manifest, id: NodeId) {
        for child in &manifest.children[id.0] {
            self.rows_at(manifest, *child);
        }
    }

    fn exposed(&mut self, manifest: &Manifest, id: NodeId) {
        let exposures = manifest.exposures.iter().filter(|exposure| exposure.parents.contains(&id));
        self.exposures.extend(exposures.map(|exposure| exposure.written.name.clone()));
    }
}
