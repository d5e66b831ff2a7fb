//! Texts that ask the database while they render: which of a node's have to be answered before it is built, and
//! what they may refer to once they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::graph::place_of_name;
use super::identity::hash;
use super::{Body, Manifest, Node, NodeId, Text};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::template::{Reference, Rendered};

/// Texts as they read once their questions were answered.
#[derive(Debug, Clone, Default)]
pub struct Answered {
    pub own: Option<Box<Text>>,
    pub ephemeral: BTreeMap<NodeId, Text>,
}

impl Text {
    pub fn asks(&self) -> bool {
        self.rendered.asking.is_some()
    }
}

impl Node {
    /// Its own texts; those of ephemeral models that it reads left out.
    fn texts(&self) -> impl Iterator<Item = &Text> {
        let (full, incremental) = match &self.body {
            Body::Model { full, incremental } => (Some(&**full), incremental.as_deref()),
            _ => (None, None),
        };
        full.into_iter().chain(incremental)
    }
}

impl Manifest {
    /// A model's text, as built from nothing or as added to.
    pub fn text(&self, id: NodeId, incremental: bool) -> Option<&Text> {
        let Body::Model { full, incremental: added } = &self.node(id).body else { return None };
        Some(added.as_deref().filter(|_| incremental).unwrap_or(full))
    }

    /// Whether anything that goes into a node's query asks the database.
    pub fn asks(&self, id: NodeId) -> bool {
        self.node(id).texts().any(|text| self.text_asks(text, &BTreeSet::new()))
    }

    /// What tells the texts of a node that ask from others, so far as their SQL does not.
    pub fn asking_identity(&self, id: NodeId) -> Option<String> {
        let inner = |text: &Text| self.asking_inside(text, &BTreeSet::new());
        let own = self.node(id).texts();
        let ephemeral: BTreeSet<NodeId> = self.node(id).texts().flat_map(inner).collect();
        let all = own.chain(ephemeral.iter().flat_map(|id| self.node(*id).texts()));
        let asking: Vec<String> =
            all.filter_map(|text| Some(text.rendered.asking.as_ref()?.identity())).collect();
        let mut identity = asking.join("\n");
        let mut words = identity.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
        if words.any(|word| word == "graph") {
            identity.push_str(self.flat_graph_hash());
        }
        (!asking.is_empty()).then(|| hash(&identity))
    }

    /// Whether a single text asks. The nodes of `given` are relations even if they are ephemeral.
    pub fn text_asks(&self, text: &Text, given: &BTreeSet<NodeId>) -> bool {
        text.asks() || !self.asking_inside(text, given).is_empty()
    }

    /// The ephemeral models in a text that ask, those they read first.
    pub fn asking_inside(&self, text: &Text, given: &BTreeSet<NodeId>) -> Vec<NodeId> {
        let mut ephemeral = Vec::new();
        self.collect_ephemeral(text, given, &Answered::default(), &mut ephemeral);
        ephemeral.retain(|id| self.node(*id).texts().any(Text::asks));
        ephemeral
    }

    /// What `text` comes to, rendered with answers. It may refer to nothing that it, or another text of the same
    /// node, did not refer to before: of that, nobody knew that it has to be built first.
    pub fn heard(
        &self,
        text: &Text,
        rendered: Rendered,
        file: &Arc<SourceFile>,
        own: Option<NodeId>,
    ) -> Result<Text, Diagnostic> {
        let node = own.map(|own| self.node(own));
        let known = |reference: &Reference| {
            let texts = std::iter::once(text).chain(node.into_iter().flat_map(Node::texts));
            let all = texts.flat_map(|text| text.rendered.references.iter().zip(&text.targets));
            let found = all.into_iter().find(|(known, _)| *known == reference);
            let this = own.filter(|_| *reference == Reference::This);
            found.map(|(_, target)| *target).or(this)
        };
        let mut targets = Vec::with_capacity(rendered.references.len());
        for reference in &rendered.references {
            targets.push(known(reference).ok_or_else(|| late(reference, file))?);
        }
        Ok(Text { rendered, targets })
    }
}

fn late(reference: &Reference, file: &Arc<SourceFile>) -> Diagnostic {
    let name = match reference {
        Reference::Ref(name) | Reference::Source(_, name) => name.as_str(),
        Reference::This => "this",
    };
    let message = format!(
        "{reference} is read only once the database is asked, so that nobody knew that it has to be built before"
    );
    Diagnostic::error("late-ref", message)
        .at(place_of_name(file, name))
        .hint(format!("name it where nothing is asked, too: -- depends_on: {{{{ {reference} }}}}"))
}
