//! Who still refers to models whose time is over.

use jiff::civil::Date;

use super::Manifest;
use super::graph::place_of_name;
use crate::diagnostic::Diagnostic;

impl Manifest {
    /// A warning for every reference to a model that nobody should refer to any more on `today`.
    pub fn deprecated(&self, today: Date) -> Vec<Diagnostic> {
        let mut warnings = Vec::new();
        for node in &self.nodes {
            for parent in node.parents.iter().map(|parent| self.node(*parent)) {
                let is_over = |day: &&String| day.parse::<Date>().is_ok_and(|day| day <= today);
                let Some(day) = parent.deprecation_date.as_ref().filter(is_over) else { continue };
                let version = parent.version.as_ref();
                let called = version.map_or_else(|| parent.model_name().to_owned(), |one| one.reference());
                let message =
                    format!("`{}` refers to `{called}`, which is deprecated since {day}", node.model_name());
                let place = place_of_name(&node.file, &called);
                let hint = version
                    .filter(|one| !one.is_latest())
                    .map(|one| format!("the latest version is {}: ref('{}', v={0})", one.latest, one.model));
                warnings.push(Diagnostic::warning("deprecated", message).at(place).maybe_hint(hint));
            }
        }
        warnings
    }
}
