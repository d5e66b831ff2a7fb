//! Which nodes are served by HTTP, and whether they may be: prod models only, each under a path of its own.

use std::collections::{HashMap, HashSet};

use super::{Manifest, Node, NodeId};
use crate::diagnostic::{Diagnostic, Location};
use crate::endpoint::{Cache, Endpoint};
use crate::project::{Layer, Materialization, Properties};

/// What YAML says of a node's endpoint, with all that it left unsaid filled in.
pub fn of(properties: Option<&Properties>) -> Option<(Endpoint, Location)> {
    let own = properties?;
    let (endpoint, place) = own.expose.clone()?;
    Some((endpoint.settled(&own.name, &own.description), place))
}

/// Where nothing is said, answers are kept until the next publication; not of a view that looks into tables
/// which others change meanwhile.
pub fn settle_caches(nodes: &mut [Node]) {
    let places = 0..nodes.len();
    let outward: Vec<bool> =
        places.map(|at| nodes[at].endpoint.is_some() && looks_outside(nodes, NodeId(at))).collect();
    for (node, is_outward) in nodes.iter_mut().zip(outward) {
        if let Some((endpoint, _)) = &mut node.endpoint {
            endpoint.cache.get_or_insert(if is_outward { Cache::Never } else { Cache::Run });
        }
    }
}

/// Whether a query of it reads a source, through views only.
fn looks_outside(nodes: &[Node], id: NodeId) -> bool {
    let (mut seen, mut ahead) = (HashSet::from([id]), vec![id]);
    while let Some(id) = ahead.pop() {
        let node = &nodes[id.0];
        if node.is_source() {
            return true;
        }
        if matches!(node.materialization, Materialization::View | Materialization::Ephemeral) {
            ahead.extend(node.parents.iter().copied().filter(|parent| seen.insert(*parent)));
        }
    }
    false
}

/// Pages are told apart by the key; nothing else notices where it is none.
pub fn check_keys(manifest: &Manifest, problems: &mut Vec<Diagnostic>) {
    for id in manifest.ids() {
        let node = manifest.node(id);
        let Some((endpoint, place)) = node.endpoint.as_ref().filter(|(endpoint, _)| !endpoint.key.is_empty())
        else {
            continue;
        };
        let nulls = endpoint.key.iter().filter(|column| !manifest.is_never_null(id, column));
        let nulls: Vec<&str> = nulls.map(String::as_str).collect();
        let key = endpoint.key.join(", ");
        let message = match (manifest.is_unique(id, &endpoint.key), nulls.as_slice()) {
            (true, []) => continue,
            (false, _) => format!("`{}`: nothing says that the key {key} is unique", node.name.as_str()),
            (true, nulls) => {
                format!("`{}`: nothing says that {} is never null", node.name.as_str(), nulls.join(", "))
            }
        };
        problems.push(Diagnostic::warning("unproven-key", message).at(place.closer("key")).hint(
            "pages leave rows out where it does not hold: test it with `unique` (of several columns with \
                 `unique_combination_of_columns`) and `not_null`, or give it a unique index",
        ));
    }
}

pub fn check(nodes: &[Node], problems: &mut Vec<Diagnostic>) {
    let mut paths: HashMap<String, &str> = HashMap::new();
    for node in nodes {
        let Some((endpoint, place)) = &node.endpoint else { continue };
        let name = node.name.as_str();
        let mut wrong = |word: &str, message: String, hint: String| {
            problems.push(Diagnostic::error("bad-endpoint", message).at(place.closer(word)).hint(hint));
        };
        if node.layer != Layer::Prod {
            let message = format!("`{name}` is exposed, but lies in {}", node.layer);
            wrong(
                "",
                message,
                "only prod is served: move the model to models/prod, or expose one there".into(),
            );
        } else if node.materialization == Materialization::Ephemeral {
            let message = format!("`{name}` is exposed, but ephemeral: there is no relation to read");
            wrong("", message, "make it a view or a table".into());
        }
        for complaint in endpoint.complaints() {
            wrong(&complaint.word, format!("`{name}`: {}", complaint.message), complaint.hint.into());
        }
        if let Some(other) = paths.insert(endpoint.path_without_names(), name) {
            let message = format!("`{name}` and `{other}` are both exposed at {}", endpoint.path);
            wrong("path", message, "give one of them another `path`".into());
        }
    }
}
