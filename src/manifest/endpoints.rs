//! Which nodes are served by HTTP, and whether they may be: prod models only, each under a path of its own.

use std::collections::HashMap;

use super::Node;
use crate::diagnostic::{Diagnostic, Location};
use crate::endpoint::Endpoint;
use crate::project::{Layer, Materialization, Properties};

/// What YAML says of a node's endpoint, with all that it left unsaid filled in.
pub fn of(properties: Option<&Properties>) -> Option<(Endpoint, Location)> {
    let own = properties?;
    let (endpoint, place) = own.expose.clone()?;
    Some((endpoint.settled(&own.name, &own.description), place))
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
        if let Some(other) = paths.insert(without_names(&endpoint.path), name) {
            let message = format!("`{name}` and `{other}` are both exposed at {}", endpoint.path);
            wrong("path", message, "give one of them another `path`".into());
        }
    }
}

/// `/customers/{id}` and `/customers/{name}` are one path.
fn without_names(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}
