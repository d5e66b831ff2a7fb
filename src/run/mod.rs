//! A run: load, build, test, publish, sweep. Everything is built beside what is published, in a schema of
//! the run's own, and moved into place in one transaction, or not at all.

mod adhoc;
mod around;
mod asking;
mod build;
mod check;
mod defer;
mod due;
mod ending;
mod event;
mod failure;
mod failures;
mod forecast;
mod foreign_keys;
mod freshness;
mod journal;
mod kept;
mod load;
mod near;
mod outline;
mod place;
mod plan;
mod pool;
mod prune;
mod publish;
mod request;
mod schedule;
mod start;
mod sweep;
mod task;
mod test_history;
mod transaction;
mod trials;
mod unchanged;
mod unit;
mod unpublished;
mod verify;
mod work;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::database::{self, DatabaseError, Session};
use crate::diagnostic::Diagnostic;
use crate::manifest::Manifest;
use crate::pipeline::{NodeRecord, RunStatus};
use crate::project::Layer;
use journal::Journal;

pub use adhoc::{OperationError, operation, preview};
pub use around::Around;
pub use asking::answered;
pub use check::{Checked, check};
pub use defer::{Defer, Elsewhere};
pub use event::{Event, Observer, Silent};
pub use failure::{code, located, sql_problem};
pub use forecast::{Action, Change, ColumnChange, Forecast, PlanFile, RelationChange, Step, forecast};
pub use freshness::{Found, Measured, freshness, is_measurable};
pub use freshness::{label as freshness_label, problem as freshness_problem};
pub use near::suggest;
pub use place::Place;
pub use plan::{Plan, needed as read_by};
pub use prune::{Pruned, prune};
pub use request::{Request, WrittenRequest};
pub use start::{RunError, prepare, user};
pub use sweep::sweep;
pub use test_history::{TestsEnded, record_tests};
pub use trials::{Trials, Tried, test_published};
pub use unit::unit_tests;
pub use unpublished::tell_unpublished;

/// How a run ended. Everything in it is also in the history.
#[derive(Debug)]
pub struct Outcome {
    pub run: i64,
    pub status: RunStatus,
    pub nodes: Vec<NodeRecord>,
    /// What went wrong, at the user's own places.
    pub problems: Vec<Diagnostic>,
    /// The step that failed: a node, `publish`, or the like.
    pub failed_step: Option<String>,
    pub published: usize,
    /// Things the user should know that are no failure.
    pub notes: Vec<String>,
}

/// A run that has its lock and its number, and has built nothing yet.
pub struct Begun {
    pub id: i64,
    control: Session,
    place: Place,
    manifest: Arc<Manifest>,
    plan: Plan,
    judge: unchanged::Judge,
    kept: kept::Kept,
}

impl Begun {
    /// Goes through with the run. Never leaves prod other than whole; on cancel, what runs on the server is
    /// cancelled too.
    pub async fn finish(mut self, observer: Arc<dyn Observer>, cancel: CancellationToken) -> Outcome {
        let id = self.id;
        observer.event(Event::Began { run: id, tasks: self.plan.tasks() });
        let mut journal = Journal::new(id, observer.clone(), self.place.secrets.clone());
        let mut built = match self.run_first_hooks(&mut journal).await {
            Ok(judge) => {
                work::build_and_test(&self, judge, observer.clone(), cancel.clone(), &mut journal).await
            }
            Err(problem) => work::Work { problems: vec![*problem], ..work::Work::default() },
        };
        let refused = built.records.is_empty() && !built.problems.is_empty();
        if refused {
            built.notes.push("an on_run_start hook failed; nothing was built".into());
        }
        let mut outcome = Outcome {
            run: id,
            status: RunStatus::Failed,
            published: 0,
            failed_step: built.failed_step().or(refused.then(|| "on_run_start".into())),
            nodes: built.records,
            problems: built.problems,
            notes: self.plan.note.iter().cloned().chain(built.notes).collect(),
        };
        if cancel.is_cancelled() {
            outcome.status = RunStatus::Cancelled;
            outcome.failed_step.get_or_insert_with(|| "cancelled".into());
        } else if outcome.failed_step.is_none() && built.built.is_empty() {
            match publish::nothing(&self.control, id, &built.passed, &self.manifest, &outcome.nodes).await {
                Ok(()) => {
                    outcome.status = RunStatus::Succeeded;
                    // A run that died may have left keys unproved.
                    outcome.notes.extend(publish::validate(&self.control, &self.manifest).await);
                    load::tidy(&self.place, &self.manifest, &self.plan.build, id);
                }
                Err(error) => {
                    outcome.failed_step = Some("publish".into());
                    outcome.problems.push(*publish::failed(&error));
                }
            }
        } else if outcome.failed_step.is_none() {
            observer.event(Event::Publishing);
            self.announce(&mut journal, "publishing").await;
            self.leave_rest().await;
            let publication = publish::Publication {
                run: id,
                manifest: &self.manifest,
                plan: &self.plan,
                place: &self.place,
                built: &built.built,
                records: &outcome.nodes,
                ledger: &built.ledger,
                passed: &built.passed,
            };
            match publish::publish(&self.control, &publication, &cancel).await {
                Ok(published) => {
                    outcome.status = RunStatus::Succeeded;
                    outcome.published = published.relations;
                    outcome.notes.extend(published.notes);
                    load::tidy(&self.place, &self.manifest, &self.plan.build, id);
                    observer.event(Event::Published { relations: published.relations });
                    let relations = published.relations;
                    journal.say(&format!(
                        "published {relations} relation{}",
                        if relations == 1 { "" } else { "s" }
                    ));
                }
                Err(problem) => {
                    outcome.failed_step = Some("publish".into());
                    outcome.problems.push(*problem);
                    if cancel.is_cancelled() {
                        outcome.status = RunStatus::Cancelled;
                    }
                }
            }
        }
        if !cancel.is_cancelled()
            && let Err(problem) = self.run_last_hooks(&outcome.nodes, &mut journal).await
        {
            // What is published stays published: that is no reason to call the run failed.
            outcome.notes.push("an on_run_end hook failed; the run itself ended before it".into());
            outcome.problems.push(problem.as_warning());
        }
        self.close(&mut outcome, built.keeper, journal).await;
        outcome
    }

    /// What a hook changes must be seen by what judges, so that looks again.
    async fn run_first_hooks(&mut self, journal: &mut Journal) -> Result<unchanged::Judge, Box<Diagnostic>> {
        let judge = std::mem::take(&mut self.judge);
        if self.manifest.run_hooks.before.is_empty() {
            return Ok(judge);
        }
        let known = self.plan.known(&self.manifest);
        self.hook("on_run_start", &self.manifest.run_hooks.before, &known, journal).await?;
        judge.look_again(&self.control, &self.manifest, &self.place.target, &self.plan).await.map_err(lost)
    }

    async fn run_last_hooks(
        &self,
        nodes: &[NodeRecord],
        journal: &mut Journal,
    ) -> Result<(), Box<Diagnostic>> {
        let hooks = &self.manifest.run_hooks.after;
        let known = self.plan.known(&self.manifest);
        let known = around::at_the_end(known, &self.manifest, &self.place, hooks, nodes);
        self.hook("on_run_end", hooks, &known, journal).await
    }

    async fn hook(
        &self,
        name: &str,
        hooks: &[crate::manifest::Hook],
        known: &asking::Known,
        journal: &mut Journal,
    ) -> Result<(), Box<Diagnostic>> {
        if !hooks.is_empty() {
            self.announce(journal, &format!("running the {name} hooks")).await;
        }
        around::on_a_session(&self.place, &self.manifest, hooks, known, Some(self.id)).await
    }

    async fn announce(&self, journal: &mut Journal, text: &str) {
        if let Err(error) = journal.announce(&self.control, text).await {
            // Written at the end of the run.
            tracing::debug!(%error, "what is done is not written down");
        }
    }

    /// What was not taken over of an earlier run may read what is to be replaced.
    async fn leave_rest(&self) {
        let prod = self.manifest.schema(Layer::Prod).as_str();
        let swept = async {
            database::kept::forget_others(&self.control, prod, self.id).await?;
            sweep::sweep_but(&self.control, prod, Some(self.id)).await
        };
        if self.kept.are_read()
            && let Err(error) = swept.await
        {
            // If it is in the way, publishing tells.
            tracing::debug!(%error, "what an earlier run had built is still there");
        }
    }
}

fn lost(error: DatabaseError) -> Box<Diagnostic> {
    Box::new(Diagnostic::error("connection-lost", error.to_string()))
}
