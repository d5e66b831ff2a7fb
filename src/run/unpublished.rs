//! PostgreSQL knows no relation of a name; where that is one which no run has published yet, the user is told so,
//! and what to do. Asks the catalogue only once something has failed.

use super::failure::NOT_PUBLISHED;
use crate::database::{DatabaseError, Session, catalog};
use crate::diagnostic::Diagnostic;
use crate::manifest::{Manifest, NodeId};
use crate::name::Relation;

/// The error to tell instead of one of PostgreSQL's with this message, where that is about one of `read` which is
/// not there. A server that cannot be asked any more has no answer.
pub async fn unpublished(
    session: &Session,
    manifest: &Manifest,
    target: &str,
    message: &str,
    read: impl IntoIterator<Item = (NodeId, Relation)>,
) -> Option<DatabaseError> {
    let mut built = read.into_iter().filter(|(id, _)| manifest.node(*id).is_built());
    let (id, relation) = built.find(|(_, relation)| message.contains(&relation.plain()))?;
    let there = catalog::there(session, std::slice::from_ref(&relation)).await.ok()?;
    let message = format!("{} has not been published to the target {target} yet", relation.plain());
    let hint = format!("publish it with `elt run --select +{}`", manifest.node(id).model_name());
    there.is_empty().then(|| DatabaseError::of_code(NOT_PUBLISHED, &message).with_hint(hint))
}

/// The same, told in a problem.
pub async fn tell_unpublished(
    session: &Session,
    manifest: &Manifest,
    target: &str,
    problem: &mut Diagnostic,
    read: impl IntoIterator<Item = (NodeId, Relation)>,
) {
    if problem.code != "unknown-relation" {
        return;
    }
    if let Some(error) = unpublished(session, manifest, target, &problem.message, read).await {
        (problem.code, problem.message) = (NOT_PUBLISHED, error.message.clone());
        problem.hint = error.hint.clone();
    }
}
