//! Queries in `analyses/`: they are kept with the project and compiled as models are, and nothing is built of them.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::claims::without_test_words;
use super::read::Reader;
use super::{Manifest, NodeId, Sql, Text};
use crate::diagnostic::{Location, SourceFile};
use crate::name::Relation;
use crate::project::Config;
use crate::template::Subject;

/// A query of people's.
#[derive(Debug, Clone)]
pub struct Analysis {
    pub name: String,
    pub file: Arc<SourceFile>,
    pub text: Text,
    pub description: String,
    pub config: Config,
    pub words: Map<String, Value>,
}

impl Reader<'_> {
    pub(super) fn analyses(&mut self) -> Vec<Analysis> {
        let project = self.project;
        project.analyses.iter().filter_map(|file| self.analysis(file)).collect()
    }

    fn analysis(&mut self, file: &Arc<SourceFile>) -> Option<Analysis> {
        let name = crate::project::stem(&file.path).to_owned();
        let described = self.project.described_analyses.iter().find(|one| one.name == name);
        let rendered = match self.project.library.render(file, Subject { name: &name, ..Subject::default() })
        {
            Ok(rendered) => rendered,
            Err(problems) => {
                self.problems.extend(problems);
                return None;
            }
        };
        let mut words = described.map(|one| one.config.clone()).unwrap_or_default();
        words.extend(rendered.config.clone());
        let config = self.config(&without_test_words(&words), &Location::start_of(file));
        if config.enabled == Some(false) {
            return None;
        }
        let targets = self.targets(&rendered.references, None, file);
        Some(Analysis {
            name,
            file: file.clone(),
            text: Text { rendered, targets },
            description: described.map(|one| one.description.clone()).unwrap_or_default(),
            config,
            words,
        })
    }
}

impl Manifest {
    pub fn analysis_sql(&self, analysis: &Analysis, name: &dyn Fn(NodeId) -> Relation) -> Sql {
        self.assemble(&analysis.text, &analysis.file, name)
    }
}
