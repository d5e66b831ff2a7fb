//! The order of building, the order of layers, and circles.

use std::sync::Arc;

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use super::read::keys_of;
use super::{Node, NodeId};
use crate::diagnostic::{Diagnostic, Location, SourceFile};

/// All nodes, parents first, and each node's children; or every circle, as the path it takes.
pub fn order(nodes: &[Node], problems: &mut Vec<Diagnostic>) -> (Vec<NodeId>, Vec<Vec<NodeId>>) {
    let mut children = vec![Vec::new(); nodes.len()];
    let mut waiting: Vec<usize> = vec![0; nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        waiting[index] = node.parents.len();
        for parent in &node.parents {
            children[parent.0].push(NodeId(index));
        }
    }
    let mut order: Vec<NodeId> = (0..nodes.len()).filter(|index| waiting[*index] == 0).map(NodeId).collect();
    let mut next = 0;
    while let Some(id) = order.get(next).copied() {
        next += 1;
        for child in &children[id.0] {
            waiting[child.0] -= 1;
            if waiting[child.0] == 0 {
                order.push(*child);
            }
        }
    }
    if order.len() < nodes.len() {
        problems.extend(circles(nodes));
    }
    (order, children)
}

fn circles(nodes: &[Node]) -> Vec<Diagnostic> {
    let mut graph = DiGraphMap::<usize, ()>::new();
    for (index, node) in nodes.iter().enumerate() {
        for parent in &node.parents {
            graph.add_edge(index, parent.0, ());
        }
    }
    let rings =
        tarjan_scc(&graph).into_iter().filter(|ring| ring.len() > 1 || graph.contains_edge(ring[0], ring[0]));
    rings.map(|ring| circle(nodes, &ring)).collect()
}

/// Follows references inside a strongly connected part until a node comes back.
fn circle(nodes: &[Node], ring: &[usize]) -> Diagnostic {
    let start = *ring.iter().min_by_key(|index| nodes[**index].name.as_str()).expect("a ring has members");
    let mut path = vec![start];
    loop {
        let here = path[path.len() - 1];
        let next = nodes[here].parents.iter().map(|parent| parent.0).find(|parent| ring.contains(parent));
        let next = next.expect("each member of a ring refers to another");
        if let Some(first) = path.iter().position(|index| *index == next) {
            path.drain(..first);
            path.push(next);
            break;
        }
        path.push(next);
    }
    let names: Vec<&str> = path.iter().map(|index| nodes[*index].name.as_str()).collect();
    let place = place_of_name(&nodes[path[0]].file, names[1]);
    Diagnostic::error("cycle", format!("models refer to each other in a circle: {}", names.join(" -> ")))
        .at(place)
        .hint("take one of these references out, or split a model in two")
}

/// Raw refers to nothing (but for the keys that a load asks for, which are raw too), stage to raw and stage, prod to stage and prod.
pub fn check_layers(nodes: &[Node], problems: &mut Vec<Diagnostic>) {
    for node in nodes {
        for parent in node.parents.iter().map(|parent| &nodes[parent.0]) {
            let is_keys = keys_of(&node.config).is_some_and(|keys| keys.from == parent.name.as_str());
            if node.layer.may_refer_to(parent.layer) || (is_keys && parent.layer == node.layer) {
                continue;
            }
            let what = if parent.is_source() { "source" } else { "model" };
            let message = format!(
                "the {} model `{}` refers to the {} {what} `{}`",
                node.layer,
                node.name.as_str(),
                parent.layer,
                parent.name.as_str()
            );
            let hint = match node.layer.name() {
                "raw" => {
                    "a raw model is loaded from outside and refers to nothing; move this one to models/stage"
                }
                "stage" => "stage refers to raw and stage; move this model to models/prod",
                _ => "prod refers to stage and prod; put a stage model between",
            };
            problems.push(
                Diagnostic::error("layer-order", message)
                    .at(place_of_name(&node.file, parent.name.as_str()))
                    .hint(hint),
            );
        }
    }
}

/// Where a file names `name` in quotes, else its start.
pub fn place_of_name(file: &Arc<SourceFile>, name: &str) -> Location {
    // Of a version, the model is what stands there.
    let name = name.split_once(".v").map_or(name, |(model, _)| model);
    let quoted =
        ['\'', '"'].iter().filter_map(|quote| file.text.find(&format!("{quote}{name}{quote}"))).min();
    match quoted {
        Some(at) => Location::new(file, at + 1..at + 1 + name.len()),
        None => Location::start_of(file),
    }
}
