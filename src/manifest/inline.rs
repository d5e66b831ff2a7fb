//! SQL that is no file of the project: typed on the command line, or written by a macro. Its names are
//! resolved as a model's are.

use std::sync::Arc;

use super::resolve::{resolved, unknown};
use super::{Manifest, NodeId, Sql, Text};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::name::Relation;
use crate::template::Rendered;

impl Manifest {
    /// A rendered text whose names are resolved. `file` is what problems are shown in.
    pub fn inline_text(&self, rendered: Rendered, file: &Arc<SourceFile>) -> Result<Text, Vec<Diagnostic>> {
        let (mut targets, mut problems) = (Vec::new(), Vec::new());
        for reference in &rendered.references {
            match resolved(reference, &self.by_name, &self.sources, &self.nodes) {
                Some(id) => targets.push(id),
                None => problems.push(unknown(reference, file, false, &self.by_name, &self.sources)),
            }
        }
        if problems.is_empty() { Ok(Text { rendered, targets }) } else { Err(problems) }
    }

    /// The SQL of such a text. `name` says for each node it reads which relation that is.
    pub fn inline_sql(&self, text: &Text, file: &Arc<SourceFile>, name: &dyn Fn(NodeId) -> Relation) -> Sql {
        self.assemble(text, file, name)
    }
}
