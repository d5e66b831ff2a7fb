//! Lets PostgreSQL itself judge every model before a run: each is created without rows, in a schema and a
//! transaction that are rolled back. All errors come at once; what depends on a failure is not blamed too.

mod checker;
mod hooks;
mod statements;

use std::collections::BTreeSet;

use super::build::unknown_roles;
use super::plan::needed;
use super::{Defer, Elsewhere};
use crate::database::{DatabaseError, Session};
use crate::diagnostic::Diagnostic;
use crate::manifest::{Manifest, NodeId};

pub(super) use checker::Checker;

/// What a check came to.
#[derive(Debug, Default)]
pub struct Checked {
    pub good: usize,
    /// Not judged, because something they read is wrong or has no columns yet.
    pub unjudged: Vec<String>,
    /// What they ask has no rows without data, and what they write of that cannot be judged.
    pub needs_rows: Vec<String>,
    pub problems: Vec<Diagnostic>,
    /// What is read elsewhere.
    pub note: Option<String>,
}

impl Checked {
    /// How many of the problems are no warnings.
    pub fn bad(&self) -> usize {
        self.problems.iter().filter(|problem| problem.is_error()).count()
    }
}

/// Checks the models of `selection`, the tests on them, and the hooks of the project. Nothing stays in the
/// database; nothing is locked that readers need.
pub async fn check(
    session: &Session,
    manifest: &Manifest,
    selection: &BTreeSet<NodeId>,
    defer: Option<&Defer>,
) -> Result<Checked, DatabaseError> {
    let elsewhere = Elsewhere::look(session, manifest, defer, selection).await?;
    let built: Vec<NodeId> = manifest
        .order
        .iter()
        .copied()
        .filter(|id| selection.contains(id) && manifest.node(*id).is_built())
        .collect();
    let roles = unknown_roles(session, manifest, &built).await?;
    let mut checker = Checker::begin(session, manifest, &elsewhere).await?;
    let judged = checker.all(selection).await;
    session.run("rollback").await?;
    judged?;
    let mut checked = checker.end();
    checked.problems.extend(roles);
    checked.note = elsewhere.note(manifest, built.iter().flat_map(|id| needed(manifest, *id)));
    Ok(checked)
}

/// The contracts that the nodes of `build` would break, found before anything is built. What cannot be judged
/// yet, or is wrong otherwise, shows when it is built.
pub(super) async fn broken_contracts(
    session: &Session,
    manifest: &Manifest,
    build: &[NodeId],
    elsewhere: &Elsewhere,
) -> Result<Vec<Diagnostic>, DatabaseError> {
    let mut asked: BTreeSet<NodeId> =
        build.iter().copied().filter(|id| manifest.node(*id).config.contract.enforced).collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    for id in build.iter().rev() {
        if asked.contains(id) {
            asked.extend(needed(manifest, *id).into_iter().filter(|parent| build.contains(parent)));
        }
    }
    let mut checker = Checker::begin(session, manifest, elsewhere).await?;
    let judged = checker.nodes(&asked).await;
    session.run("rollback").await?;
    judged?;
    let problems = checker.end().problems.into_iter();
    Ok(problems.filter(|problem| matches!(problem.code, "contract-broken" | "bad-contract")).collect())
}
