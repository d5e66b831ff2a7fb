//! What a run would do, found out without doing it: what is built and why, what stays as it is, and what
//! becomes of prod's columns. Reads the database, and writes nothing that stays.

mod changes;
mod columns;
mod file;
mod lines;
mod steps;

use std::sync::Arc;

use serde::Serialize;

use super::prune::orphans;
use super::start::weigh;
use super::unchanged::Texts;
use super::{Observer, Place, Request, RunError};
use crate::database::{Session, migrate};
use crate::diagnostic::Diagnostic;
use crate::manifest::Manifest;
use crate::name::Relation;

pub use changes::Change;
pub use columns::{ColumnChange, RelationChange};
pub use file::PlanFile;
pub use steps::{Action, Step, TestStep};
pub(super) use steps::{Foreseen, foresee};

/// What a run would do.
#[derive(Debug, Serialize)]
pub struct Forecast {
    /// In the order of building.
    pub steps: Vec<Step>,
    pub tests: Vec<TestStep>,
    /// Relations of prod that get other columns, or are new.
    pub prod: Vec<RelationChange>,
    /// Published by elt, and made by no model any more.
    pub orphans: Vec<String>,
    /// What the user should know before.
    pub warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Why the run would fail.
    #[serde(skip)]
    pub problems: Vec<Diagnostic>,
    /// What to run it by.
    #[serde(skip)]
    pub file: PlanFile,
}

/// Looks ahead. Sources are asked what they hold, as a run asks them.
pub async fn forecast(
    place: &Place,
    manifest: &Arc<Manifest>,
    request: &Request,
    observer: &Arc<dyn Observer>,
) -> Result<Forecast, RunError> {
    let texts = Texts::beside(manifest, &place.target);
    let mut session = place.connector.session().await?;
    migrate(&mut session).await?;
    let (plan, mut judge) = weigh(&session, place, manifest, request, texts).await?;
    let foreseen = foresee(place, manifest, &plan, &mut judge, observer)
        .await
        .map_err(|problem| RunError::Problems(vec![*problem]))?;
    let Foreseen { mut steps, tests } = foreseen;
    let not_followed = changes::explain(&session, place, manifest, &plan, &mut steps).await?;
    let mut found = columns::of_prod(&session, manifest, &plan, &steps).await?;
    found.warnings.extend(not_followed);
    let orphans = gone(&session, manifest).await?;
    let file = PlanFile::new(place, manifest, request, &steps, &tests, &session).await?;
    Ok(Forecast {
        steps,
        tests,
        prod: found.relations,
        orphans,
        warnings: found.warnings,
        note: plan.note.clone(),
        problems: found.problems,
        file,
    })
}

async fn gone(session: &Session, manifest: &Manifest) -> Result<Vec<String>, RunError> {
    let orphans = orphans(session, manifest).await?;
    Ok(orphans.iter().map(|one| Relation::plain(&one.relation)).collect())
}
