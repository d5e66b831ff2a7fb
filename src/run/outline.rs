//! What a run is to do, for who shows it: each node and test with what of the same run comes before it.

use std::collections::HashMap;

use super::plan::{Plan, needed};
use crate::manifest::{Manifest, NodeId};
use crate::pipeline::PlannedNode;

pub(super) fn outline(manifest: &Manifest, plan: &Plan) -> Vec<PlannedNode> {
    let place: HashMap<NodeId, usize> = plan.build.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    let places = |before: Vec<NodeId>| {
        let mut places: Vec<usize> = before.iter().filter_map(|id| place.get(id).copied()).collect();
        places.sort_unstable();
        places.dedup();
        places
    };
    let builds = plan.build.iter().map(|id| {
        let node = manifest.node(*id);
        let before = needed(manifest, *id).into_iter().filter(|parent| parent != id).collect();
        PlannedNode {
            node: node.label(),
            kind: node.materialization.name().to_owned(),
            parents: places(before),
        }
    });
    let tests = plan.tests.iter().map(|index| {
        let test = &manifest.tests[*index];
        PlannedNode {
            node: test.name.clone(),
            kind: "test".to_owned(),
            parents: places(test.text.targets.clone()),
        }
    });
    let unit_tests = plan.unit_tests.iter().map(|index| {
        let test = &manifest.unit_tests[*index];
        let parents = places(vec![test.model]);
        PlannedNode { node: test.written.name.clone(), kind: "unit test".to_owned(), parents }
    });
    builds.chain(tests).chain(unit_tests).collect()
}
