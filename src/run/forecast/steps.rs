//! Judges every node and test of a plan in their order, as a run judges them when their turn comes.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::changes::Change;
use crate::manifest::{Manifest, NodeId};
use crate::project::Materialization;
use crate::run::plan::{Plan, needed, with_needed};
use crate::run::task::Problem;
use crate::run::unchanged::{Judge, Reason, Verdict};
use crate::run::{Observer, Place, load};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Build,
    /// If something before it turns out to have taken new rows.
    Perhaps,
    Unchanged,
}

/// What becomes of a node.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    #[serde(skip)]
    pub id: NodeId,
    pub node: String,
    pub kind: &'static str,
    pub action: Action,
    pub why: Option<String>,
    /// Where it was modified: how.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    #[serde(skip)]
    pub modified: bool,
    /// Of the definition.
    #[serde(skip)]
    pub fingerprint: String,
    /// Of what stands there and of what it reads.
    #[serde(skip)]
    pub state: String,
    /// Of a load, what its source holds.
    #[serde(skip)]
    pub content: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct TestStep {
    pub test: String,
    pub action: Action,
}

pub(in crate::run) struct Foreseen {
    pub steps: Vec<Step>,
    pub tests: Vec<TestStep>,
}

/// A load that takes all that its source holds.
fn is_loaded_whole(manifest: &Manifest, id: NodeId) -> bool {
    let node = manifest.node(id);
    node.is_built() && node.materialization == Materialization::Load && node.config.incremental.is_none()
}

/// Judges all. The judge ends as it was before.
pub(in crate::run) async fn foresee(
    place: &Place,
    manifest: &Manifest,
    plan: &Plan,
    judge: &mut Judge,
    observer: &Arc<dyn Observer>,
) -> Result<Foreseen, Problem> {
    let mut steps = Vec::new();
    // What may turn out to hold new rows.
    let mut open: HashSet<NodeId> = HashSet::new();
    for id in &plan.build {
        let state = judge.state(manifest, *id);
        let mut content = None;
        let mut verdict = judge.verdict(manifest, *id);
        if let Verdict::IfContent(before) = &verdict {
            let cancel = CancellationToken::new();
            content = load::content(place, manifest.node(*id), observer, &cancel).await?.content;
            verdict = match &content {
                Some(now) if now == before => Verdict::Unchanged,
                Some(_) => Verdict::Build(Reason::Source),
                None => Verdict::Build(Reason::UnknownSource),
            };
            if content.is_none() {
                open.insert(*id);
            }
        }
        if content.is_none() && matches!(verdict, Verdict::Build(_)) && is_loaded_whole(manifest, *id) {
            // That it is built is clear; a plan that is followed must find the same.
            let cancel = CancellationToken::new();
            content = load::content(place, manifest.node(*id), observer, &cancel).await?.content;
        }
        let parent = needed(manifest, *id).into_iter().find(|parent| open.contains(parent));
        let (action, why, modified) = match (&verdict, parent) {
            (Verdict::Build(reason), _) => {
                match reason {
                    Reason::TakesRows => drop(open.insert(*id)),
                    // What comes may be what came before.
                    _ if open.contains(id) => {}
                    _ => judge.built(manifest, *id),
                }
                (Action::Build, Some(reason.to_string()), *reason == Reason::Modified)
            }
            (_, Some(parent)) => {
                open.insert(*id);
                let why = format!("only if {} gets other rows", manifest.node(parent).label());
                (Action::Perhaps, Some(why), false)
            }
            _ => (Action::Unchanged, None, false),
        };
        let node = manifest.node(*id);
        steps.push(Step {
            id: *id,
            node: node.label(),
            kind: node.materialization.name(),
            action,
            why,
            changes: Vec::new(),
            modified,
            fingerprint: judge.fingerprint(*id).to_owned(),
            state,
            content,
        });
    }
    let test = |index: &usize| {
        let test = &manifest.tests[*index];
        let read: Vec<NodeId> =
            test.text.targets.iter().flat_map(|target| with_needed(manifest, *target)).collect();
        let action = if !judge.held(manifest, *index) {
            Action::Build
        } else if read.iter().any(|id| open.contains(id)) {
            Action::Perhaps
        } else {
            Action::Unchanged
        };
        TestStep { test: test.name.clone(), action }
    };
    let unit_test = |index: &usize| {
        let held = judge.unit_held(manifest, *index);
        let action = if held { Action::Unchanged } else { Action::Build };
        TestStep { test: manifest.unit_tests[*index].written.name.clone(), action }
    };
    let tests = plan.tests.iter().map(test).chain(plan.unit_tests.iter().map(unit_test)).collect();
    judge.forget_built();
    Ok(Foreseen { steps, tests })
}
