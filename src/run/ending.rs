//! The end of a run that is over, published or not: what is recorded of it, what it leaves to the next one, and what is
//! swept.

use super::journal::Journal;
use super::{Begun, Outcome, kept, sweep};
use crate::database::history::{self, Failure};
use crate::database::{self, DatabaseError, progress};
use crate::pipeline::{NodeStatus, RunStatus};
use crate::project::{Layer, Materialization};

impl Begun {
    /// Records a run that did not publish, with what it leaves to the next, and sweeps.
    pub(super) async fn close(self, outcome: &mut Outcome, keeper: kept::Keeper, mut journal: Journal) {
        if outcome.status != RunStatus::Succeeded
            && let Err(error) = self.record_failure(outcome).await
        {
            outcome.notes.push(format!("the end of run {} could not be recorded: {error}", self.id));
        }
        let failed = outcome.status != RunStatus::Succeeded;
        let taken = outcome.nodes.iter().filter(|node| node.status == NodeStatus::Kept).count();
        outcome.notes.extend(self.kept.note(taken, failed));
        match self.keep(keeper, outcome).await {
            Ok(note) => outcome.notes.extend(note),
            Err(error) => tracing::debug!(%error, "what was built is not kept"),
        }
        let schema = self.manifest.schema(Layer::Prod).as_str();
        match sweep::sweep(&self.control, schema).await {
            Ok(left) => outcome.notes.extend(left),
            Err(error) => {
                outcome
                    .notes
                    .push(format!("old relations are still there, the next run drops them: {error}"));
            }
        }
        for note in &outcome.notes {
            journal.say(note);
        }
        if let Err(error) = journal.write_lines(&self.control).await {
            tracing::debug!(%error, "the run's log is not written down");
        }
    }

    /// Leaves what was built to `elt retry`, where that has a use and there is room.
    async fn keep(
        &self,
        mut keeper: kept::Keeper,
        outcome: &Outcome,
    ) -> Result<Option<String>, DatabaseError> {
        let prod = self.manifest.schema(Layer::Prod).as_str();
        let full = outcome.problems.iter().any(|problem| problem.code == "disk-full");
        self.leave_begun_loads(full, outcome).await?;
        if full || outcome.status == RunStatus::Succeeded {
            return database::kept::forget(&self.control, prod).await.map(|()| None);
        }
        keeper.write(&self.control, prod, self.id).await?;
        database::kept::drop_baseless(&self.control, prod).await?;
        let nodes = database::kept::nodes(&self.control, prod).await?.len();
        let batches = database::batches::count(&self.control, prod).await?;
        Ok(kept::told(nodes, usize::try_from(batches).unwrap_or(usize::MAX)))
    }

    /// A half-filled table stays until its load has come to its end, unless the model is gone or room is scarce.
    async fn leave_begun_loads(&self, full: bool, outcome: &Outcome) -> Result<(), DatabaseError> {
        let prod = self.manifest.schema(Layer::Prod).as_str();
        let loads = self.manifest.ids().filter(|id| {
            let is_load = self.manifest.node(*id).materialization == Materialization::Load;
            is_load && !full && (outcome.status != RunStatus::Succeeded || !self.plan.build.contains(id))
        });
        let labels: Vec<String> = loads.map(|id| self.manifest.node(id).label()).collect();
        database::begun::forget_but(&self.control, prod, &labels).await
    }

    async fn record_failure(&self, outcome: &Outcome) -> Result<(), DatabaseError> {
        let step = outcome.failed_step.as_deref().unwrap_or("run");
        let problems = &outcome.problems;
        let failure = match problems.iter().find(|problem| problem.is_error()).or(problems.first()) {
            Some(problem) => Failure::of(step, problem, &self.place.secrets),
            None => Failure { step: step.to_owned(), error: "cancelled".to_owned(), excerpt: None },
        };
        progress::record_nodes(&self.control, self.id, 0, &outcome.nodes).await?;
        history::finish(&self.control, self.id, outcome.status, Some(&failure)).await
    }
}
