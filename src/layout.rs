//! Where each node of a graph stands in a picture: its rank by its longest way from a root, its row so that few
//! lines cross. Each rank is sorted by the middle of its neighbours' rows, forth and back a few times. Pure.

const SWEEPS: usize = 6;

/// Rank and row of each node. `order`: all nodes, parents first. `key`: what a rank is sorted by to begin with.
pub fn layout<K: Ord>(
    parents: &[Vec<usize>],
    order: &[usize],
    key: impl Fn(usize) -> K,
) -> Vec<(usize, usize)> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); parents.len()];
    for (node, above) in parents.iter().enumerate() {
        above.iter().for_each(|parent| children[*parent].push(node));
    }
    let mut rank = vec![0usize; parents.len()];
    for node in order {
        let above = parents[*node].iter().filter(|parent| *parent != node);
        rank[*node] = above.map(|parent| rank[*parent] + 1).max().unwrap_or(0);
    }
    // A root stands right before its first child, not far away from all.
    for node in (0..parents.len()).filter(|node| parents[*node].is_empty()) {
        let nearest = children[node].iter().map(|child| rank[*child]).min();
        rank[node] = nearest.unwrap_or(1).saturating_sub(1);
    }
    let mut ranks: Vec<Vec<usize>> = vec![Vec::new(); rank.iter().max().map_or(0, |max| max + 1)];
    for node in 0..parents.len() {
        ranks[rank[node]].push(node);
    }
    for nodes in &mut ranks {
        nodes.sort_by_cached_key(|node| key(*node));
    }
    let mut row = vec![0; rank.len()];
    number(&ranks, &mut row);
    for sweep in 0..SWEEPS {
        let forth = sweep % 2 == 0;
        let order: Vec<usize> =
            if forth { (0..ranks.len()).collect() } else { (0..ranks.len()).rev().collect() };
        for index in order {
            let mut sorted: Vec<(f64, usize)> = ranks[index]
                .iter()
                .map(|node| {
                    let near = if forth { &parents[*node] } else { &children[*node] };
                    (middle(near, &row).unwrap_or(row[*node] as f64), *node)
                })
                .collect();
            sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
            ranks[index] = sorted.into_iter().map(|(_, node)| node).collect();
            for (place, node) in ranks[index].iter().enumerate() {
                row[*node] = place;
            }
        }
    }
    rank.into_iter().zip(row).collect()
}

fn number(ranks: &[Vec<usize>], row: &mut [usize]) {
    for nodes in ranks {
        for (place, node) in nodes.iter().enumerate() {
            row[*node] = place;
        }
    }
}

fn middle(near: &[usize], row: &[usize]) -> Option<f64> {
    let sum: usize = near.iter().map(|node| row[*node]).sum();
    (!near.is_empty()).then(|| sum as f64 / near.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_stand_behind_their_parents_and_lines_do_not_cross() {
        // Two chains, listed crosswise; the last node is a root of a late child.
        let parents = vec![vec![], vec![], vec![1], vec![0], vec![2, 5], vec![]];
        let places = layout(&parents, &[0, 1, 5, 2, 3, 4], |node| node);
        assert_eq!(places.iter().map(|place| place.0).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 1]);
        assert!(places[3].1 < places[2].1, "the child of the upper one is the upper one: {places:?}");
    }
}
