//! Where each node stands in the graph: its rank by its longest way from a root, its row so that few lines
//! cross. Each rank is sorted by the middle of its neighbours' rows, forth and back a few times.

use crate::manifest::{Manifest, NodeId};

const SWEEPS: usize = 6;

/// Rank and row of each node, by its id.
pub fn layout(manifest: &Manifest) -> Vec<(usize, usize)> {
    let mut rank = vec![0usize; manifest.nodes.len()];
    for id in &manifest.order {
        let above = manifest.node(*id).parents.iter().filter(|parent| *parent != id);
        rank[id.0] = above.map(|parent| rank[parent.0] + 1).max().unwrap_or(0);
    }
    // A root stands right before its first child, not far away from all.
    for id in manifest.ids().filter(|id| manifest.node(*id).parents.is_empty()) {
        let nearest = manifest.children[id.0].iter().map(|child| rank[child.0]).min();
        rank[id.0] = nearest.unwrap_or(1).saturating_sub(1);
    }
    let mut ranks: Vec<Vec<NodeId>> = vec![Vec::new(); rank.iter().max().map_or(0, |max| max + 1)];
    for id in manifest.ids() {
        ranks[rank[id.0]].push(id);
    }
    for nodes in &mut ranks {
        nodes.sort_by_key(|id| {
            (manifest.node(*id).layer, &manifest.node(*id).domain, &manifest.node(*id).name)
        });
    }
    let mut row = vec![0; rank.len()];
    number(&ranks, &mut row);
    for sweep in 0..SWEEPS {
        let forth = sweep % 2 == 0;
        let order: Vec<usize> =
            if forth { (0..ranks.len()).collect() } else { (0..ranks.len()).rev().collect() };
        for index in order {
            let mut sorted: Vec<(f64, NodeId)> = ranks[index]
                .iter()
                .map(|id| {
                    let near = if forth { &manifest.node(*id).parents } else { &manifest.children[id.0] };
                    (middle(near, &row).unwrap_or(row[id.0] as f64), *id)
                })
                .collect();
            sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
            ranks[index] = sorted.into_iter().map(|(_, id)| id).collect();
            for (place, id) in ranks[index].iter().enumerate() {
                row[id.0] = place;
            }
        }
    }
    rank.into_iter().zip(row).collect()
}

fn number(ranks: &[Vec<NodeId>], row: &mut [usize]) {
    for nodes in ranks {
        for (place, id) in nodes.iter().enumerate() {
            row[id.0] = place;
        }
    }
}

fn middle(near: &[NodeId], row: &[usize]) -> Option<f64> {
    let sum: usize = near.iter().map(|id| row[id.0]).sum();
    (!near.is_empty()).then(|| sum as f64 / near.len() as f64)
}
