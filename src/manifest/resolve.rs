//! What texts refer to becomes the nodes that are meant; a name that means nothing is told with the nearest one.

use std::collections::HashMap;
use std::sync::Arc;

use super::graph::place_of_name;
use super::read::Reader;
use super::{Body, Node, NodeId};
use crate::diagnostic::{Diagnostic, Location, SourceFile, did_you_mean};
use crate::template::Reference;

impl Reader<'_> {
    pub(super) fn resolve(&mut self) {
        for index in 0..self.nodes.len() {
            let own = NodeId(index);
            let file = self.nodes[index].file.clone();
            let texts = std::mem::take(&mut self.references[index]);
            let resolved: Vec<Vec<NodeId>> =
                texts.iter().map(|references| self.targets(references, Some(own), &file)).collect();
            let hooked = self.resolve_hooks(own);
            let pointed_to = self.resolve_foreign_keys(own);
            let mut parents: Vec<NodeId> = Vec::new();
            for target in resolved.iter().flatten().chain(&hooked).chain(&pointed_to) {
                // Own rows of before, by `this`, are no dependency.
                if !parents.contains(target) && *target != own {
                    parents.push(*target);
                }
            }
            let refers_to_itself = texts.iter().flatten().any(|reference| {
                matches!(reference, Reference::Ref(name) if *name == self.nodes[index].model_name())
            });
            if refers_to_itself {
                parents.push(own);
            }
            let node = &mut self.nodes[index];
            node.parents = parents;
            if let Body::Model { full, incremental } = &mut node.body {
                let mut resolved = resolved.into_iter();
                full.targets = resolved.next().unwrap_or_default();
                if let Some(text) = incremental {
                    text.targets = resolved.next().unwrap_or_default();
                }
            }
        }
    }

    /// Resolves references; what cannot be found is told, and stands as the node itself meanwhile.
    pub fn targets(
        &mut self,
        references: &[Reference],
        own: Option<NodeId>,
        file: &Arc<SourceFile>,
    ) -> Vec<NodeId> {
        let mut targets = Vec::with_capacity(references.len());
        for reference in references {
            let found = match reference {
                Reference::This => own,
                named => resolved(named, &self.by_name, &self.sources, &self.nodes),
            };
            if found.is_none() {
                self.unknown(reference, file);
            }
            targets.push(found.or(own).unwrap_or(NodeId(0)));
        }
        targets
    }

    fn unknown(&mut self, reference: &Reference, file: &Arc<SourceFile>) {
        let disabled = match reference {
            // Rules that cannot be read: that is told already.
            Reference::Ref(name) if self.project.rule_names.contains(name) => return,
            Reference::Ref(name) => self.project.models.iter().any(|model| model.name == *name),
            _ => false,
        };
        self.problems.push(unknown(reference, file, disabled, &self.by_name, &self.sources));
    }
}

/// The node that a name means. `source('raw', 'x')` is also the raw model `x`.
pub(super) fn resolved(
    reference: &Reference,
    by_name: &HashMap<String, NodeId>,
    sources: &HashMap<(String, String), NodeId>,
    nodes: &[Node],
) -> Option<NodeId> {
    match reference {
        Reference::This => None,
        Reference::Ref(name) => by_name.get(name).copied(),
        Reference::Source(source, name) => sources
            .get(&(source.clone(), name.clone()))
            .or_else(|| by_name.get(name).filter(|id| nodes[id.0].layer.name() == source))
            .copied(),
    }
}

/// What to say of a name that means nothing, with the nearest one that does.
pub(super) fn unknown(
    reference: &Reference,
    file: &Arc<SourceFile>,
    disabled: bool,
    by_name: &HashMap<String, NodeId>,
    sources: &HashMap<(String, String), NodeId>,
) -> Diagnostic {
    match reference {
        Reference::This => {
            Diagnostic::error("unknown-ref", "`this` means nothing here").at(Location::start_of(file))
        }
        Reference::Ref(name) => {
            let message = if disabled {
                format!("the model `{name}` is not enabled")
            } else {
                format!("there is no model or rule `{name}`")
            };
            let hint =
                versions_of(name, by_name).or_else(|| did_you_mean(name, by_name.keys().map(String::as_str)));
            Diagnostic::error("unknown-ref", message).at(place_of_name(file, name)).maybe_hint(hint)
        }
        Reference::Source(source, name) => {
            let known: Vec<String> = sources.keys().map(|(s, n)| format!("{s}.{n}")).collect();
            let written = format!("{source}.{name}");
            let hint = did_you_mean(&written, known.iter().map(String::as_str))
                .unwrap_or_else(|| "declare it under `sources:` in a .yml file in models/".into());
            Diagnostic::error("unknown-source", format!("there is no source `{written}`"))
                .at(place_of_name(file, name))
                .hint(hint)
        }
    }
}

/// Of `orders.v7`, where there are orders: the versions that there are.
fn versions_of(name: &str, by_name: &HashMap<String, NodeId>) -> Option<String> {
    let (model, _) = name.split_once(".v")?;
    by_name.get(model)?;
    let own = format!("{model}.v");
    let mut known: Vec<&str> = by_name.keys().filter_map(|name| name.strip_prefix(&own)).collect();
    known.sort_unstable();
    Some(match known.as_slice() {
        [] => format!("`{model}` has no versions"),
        known => format!("`{model}` has the versions {}", known.join(", ")),
    })
}
