//! Models that are built a batch of time after another, and read nothing of which there are batches.

use super::read::Reader;
use super::{Body, NodeId};
use crate::diagnostic::Diagnostic;
use crate::project::Materialization;

impl Reader<'_> {
    pub(super) fn check_batches(&mut self) {
        for (index, node) in self.nodes.iter().enumerate() {
            let Body::Model { full, .. } = &node.body else { continue };
            let is_built_so =
                node.materialization == Materialization::Incremental && node.config.is_microbatch();
            let has_time = |id: &NodeId| id.0 != index && self.nodes[id.0].config.event_time.is_some();
            if is_built_so && !full.targets.iter().any(has_time) {
                let message = format!(
                    "`{}` is built in batches, but nothing that it reads says when its rows came",
                    node.model_name()
                );
                let warning = Diagnostic::warning("no-event-time", message).at(node.place_of("microbatch"));
                self.problems
                    .push(warning.hint("each batch reads everything: give what it reads an `event_time`"));
            }
        }
    }
}
