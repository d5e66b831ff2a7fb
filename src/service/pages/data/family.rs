//! All that a node is made from, and all that is made from it. Pure.

use std::collections::{HashMap, HashSet};

use crate::database::Overview;
use crate::service::pages::graph::Node;

/// Nodes of a family that are drawn at most; of a larger one the nearest.
const DRAWN: usize = 100;

/// The family as a graph, parents first. `link`: the page of a relation of prod.
pub fn of(overview: &Overview, label: &str, link: &impl Fn(&str) -> String) -> (Vec<Node>, Vec<Vec<usize>>) {
    let place: HashMap<&str, usize> =
        overview.nodes.iter().enumerate().map(|(place, node)| (node.node.as_str(), place)).collect();
    let parents: Vec<Vec<usize>> = overview
        .nodes
        .iter()
        .map(|node| node.parents.iter().filter_map(|parent| place.get(parent.as_str()).copied()).collect())
        .collect();
    let Some(own) = place.get(label).copied() else { return (Vec::new(), Vec::new()) };
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); parents.len()];
    for (node, above) in parents.iter().enumerate() {
        above.iter().for_each(|parent| children[*parent].push(node));
    }
    let mut family: Vec<usize> = vec![own];
    for near in [&parents, &children] {
        for node in reached(own, near) {
            if family.len() < DRAWN && !family.contains(&node) {
                family.push(node);
            }
        }
    }
    let order = parents_first(&family, &parents);
    let position: HashMap<usize, usize> = order.iter().enumerate().map(|(at, node)| (*node, at)).collect();
    let nodes = order.iter().map(|place| {
        let node = &overview.nodes[*place];
        Node {
            label: node.node.clone(),
            note: node.kind.clone(),
            state: if *place == own { "chosen" } else { "plain" },
            link: node.shown().filter(|_| *place != own).map(|shown| link(&shown)),
        }
    });
    let above = order
        .iter()
        .map(|place| parents[*place].iter().filter_map(|parent| position.get(parent).copied()).collect());
    (nodes.collect(), above.collect())
}

/// All that can be reached, the nearest first.
fn reached(from: usize, near: &[Vec<usize>]) -> Vec<usize> {
    let mut found = vec![from];
    let mut seen: HashSet<usize> = found.iter().copied().collect();
    let mut next = 0;
    while let Some(node) = found.get(next).copied() {
        next += 1;
        found.extend(near[node].iter().copied().filter(|near| seen.insert(*near)));
    }
    found
}

fn parents_first(family: &[usize], parents: &[Vec<usize>]) -> Vec<usize> {
    let mut left: Vec<usize> = family.to_vec();
    let mut order = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let (ready, rest): (Vec<usize>, Vec<usize>) =
            left.iter().partition(|node| !parents[**node].iter().any(|parent| left.contains(parent)));
        // Nodes written by different runs could go round in a ring; then the rest comes as it is.
        if ready.is_empty() {
            order.extend(rest);
            break;
        }
        order.extend(ready);
        left = rest;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::OverviewNode;

    fn node(label: &str, parents: &[&str]) -> OverviewNode {
        OverviewNode {
            node: label.into(),
            kind: "table".into(),
            relation: label.strip_prefix("prod.").map(Into::into),
            schema: None,
            domain: String::new(),
            description: String::new(),
            columns: Vec::new(),
            parents: parents.iter().map(|parent| (*parent).into()).collect(),
        }
    }

    fn family(nodes: Vec<OverviewNode>, of_label: &str) -> Vec<(String, Option<String>, Vec<usize>)> {
        let overview = Overview { nodes, tests: Vec::new(), stored: Vec::new() };
        let (nodes, parents) = of(&overview, of_label, &|name| format!("to {name}"));
        nodes.into_iter().zip(parents).map(|(node, parents)| (node.label, node.link, parents)).collect()
    }

    #[test]
    fn a_family_is_what_came_before_and_what_comes_after_and_no_cousins() {
        let nodes = vec![
            node("prod.child", &["prod.own"]),
            node("prod.cousin", &["raw.a"]),
            node("prod.own", &["stage.b", "gone"]),
            node("raw.a", &[]),
            node("stage.b", &["raw.a"]),
        ];
        let label = |name: &str| name.to_owned();
        assert_eq!(
            family(nodes, "prod.own"),
            [
                (label("raw.a"), None, vec![]),
                (label("stage.b"), None, vec![0]),
                (label("prod.own"), None, vec![1]),
                (label("prod.child"), Some("to child".into()), vec![2]),
            ]
        );
    }

    #[test]
    fn a_ring_is_drawn_and_not_followed_for_ever() {
        let nodes = vec![node("prod.a", &["prod.b"]), node("prod.b", &["prod.a"])];
        assert_eq!(family(nodes, "prod.a").len(), 2);
        assert!(family(Vec::new(), "prod.a").is_empty());
    }
}
