//! SQL that is no file of the project: typed on the command line, or written by a macro. Its names are
//! resolved as a model's are.

use std::sync::Arc;

use super::resolve::{resolved, unknown};
use super::{Manifest, Sql, Text};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::template::Rendered;

impl Manifest {
    /// The SQL of a rendered text against what is published. `file` is what problems are shown in.
    pub fn inline(&self, rendered: Rendered, file: &Arc<SourceFile>) -> Result<Sql, Vec<Diagnostic>> {
        let (mut targets, mut problems) = (Vec::new(), Vec::new());
        for reference in &rendered.references {
            match resolved(reference, &self.by_name, &self.sources, &self.nodes) {
                Some(id) => targets.push(id),
                None => problems.push(unknown(reference, file, false, &self.by_name, &self.sources)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(self.assemble(&Text { rendered, targets }, file, &|id| self.published(id)))
    }
}
