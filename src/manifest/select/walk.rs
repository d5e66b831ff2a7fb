//! Along the graph: parents, children, and all that children need. Tests are ends: nothing stands below
//! them, and they come along by what they read, not by walking.

use std::collections::BTreeSet;

use super::{Item, Term};
use crate::manifest::{Manifest, NodeId};

/// What a term's graph operators add.
pub(super) fn around(manifest: &Manifest, start: BTreeSet<Item>, term: &Term) -> BTreeSet<Item> {
    if term.at {
        let below = walk(&start, usize::MAX, |item| children(manifest, item));
        return walk(&below, usize::MAX, |item| parents(manifest, item));
    }
    let mut found = start.clone();
    if term.parents > 0 {
        found.extend(walk(&start, term.parents, |item| parents(manifest, item)));
    }
    if term.children > 0 {
        found.extend(walk(&start, term.children, |item| children(manifest, item)));
    }
    found
}

pub(super) fn with_ancestors(manifest: &Manifest, items: &BTreeSet<Item>) -> BTreeSet<Item> {
    walk(items, usize::MAX, |item| parents(manifest, item))
}

/// The nodes that a test reads.
pub(super) fn read_by_test(manifest: &Manifest, test: usize) -> impl Iterator<Item = NodeId> + '_ {
    let test = &manifest.tests[test];
    test.text.targets.iter().copied().chain(test.subject)
}

fn parents(manifest: &Manifest, item: Item) -> Vec<Item> {
    match item {
        Item::Node(id) => manifest.node(id).parents.iter().copied().map(Item::Node).collect(),
        Item::Test(index) => read_by_test(manifest, index).map(Item::Node).collect(),
        Item::UnitTest(index) => vec![Item::Node(manifest.unit_tests[index].model)],
        Item::Exposure(index) => manifest.exposures[index].parents.iter().copied().map(Item::Node).collect(),
        Item::Analysis(index) => {
            manifest.analyses[index].text.targets.iter().copied().map(Item::Node).collect()
        }
    }
}

fn children(manifest: &Manifest, item: Item) -> Vec<Item> {
    let Item::Node(id) = item else { return Vec::new() };
    let exposed =
        manifest.exposures.iter().enumerate().filter(|(_, exposure)| exposure.parents.contains(&id));
    let nodes = manifest.children[id.0].iter().copied().map(Item::Node);
    nodes.chain(exposed.map(|(index, _)| Item::Exposure(index))).collect()
}

/// All items within `steps` of `start`.
fn walk(start: &BTreeSet<Item>, steps: usize, next: impl Fn(Item) -> Vec<Item>) -> BTreeSet<Item> {
    let mut seen = start.clone();
    let mut edge: Vec<Item> = start.iter().copied().collect();
    for _ in 0..steps {
        let found: Vec<Item> = edge.iter().flat_map(|item| next(*item)).collect();
        edge = found.into_iter().filter(|item| seen.insert(*item)).collect();
        if edge.is_empty() {
            break;
        }
    }
    seen
}
