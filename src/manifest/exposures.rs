//! Exposures find the nodes that they depend on.

use super::Exposure;
use super::read::Reader;
use crate::diagnostic::Diagnostic;

impl Reader<'_> {
    pub(super) fn exposures(&mut self) -> Vec<Exposure> {
        let mut exposures: Vec<Exposure> = Vec::new();
        for written in &self.project.exposures {
            if !self.is_enabled(written.enabled.as_ref(), &written.place) {
                self.disabled_exposures.push(Exposure { written: written.clone(), parents: Vec::new() });
                continue;
            }
            if let Some(other) = exposures.iter().find(|other| other.written.name == written.name) {
                let message = format!("`{}` is exposed twice, also at {}", written.name, other.written.place);
                self.problems.push(Diagnostic::error("described-twice", message).at(written.place.clone()));
                continue;
            }
            let mut parents = Vec::new();
            for (reference, place) in &written.depends_on {
                let before = self.problems.len();
                let found = self.targets(std::slice::from_ref(reference), None, &place.file);
                match self.problems.get_mut(before) {
                    Some(problem) => problem.location = Some(place.clone()),
                    None => parents.extend(found),
                }
            }
            parents.dedup();
            exposures.push(Exposure { written: written.clone(), parents });
        }
        exposures
    }
}
