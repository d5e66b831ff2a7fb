//! Batches outlive a run that does not come to its end: `elt retry` takes over the table with those that are built,
//! if all of them would come out the same, and builds the others.

use std::collections::HashSet;

use jiff::civil::DateTime;

use super::located;
use super::microbatch::Period;
use crate::database::batches::{self, BegunBatches};
use crate::database::{DatabaseError, Session};
use crate::diagnostic::Location;
use crate::manifest::NodeId;
use crate::name::Relation;
use crate::project::Layer;
use crate::run::task::{Problem, Shared, count};
use crate::run::transaction::all_or_nothing;

/// What is written down of a table of batches.
pub(super) struct Kept<'a> {
    shared: &'a Shared,
    id: NodeId,
    label: String,
    /// Of all that decides on the rows, but for what elt does not make.
    identity: String,
}

/// What another run left, taken over.
pub(super) struct Left {
    begun_by: i64,
    pub whole: Period,
    pub built: HashSet<String>,
    pub rows: u64,
}

impl<'a> Kept<'a> {
    /// `None` where batches cannot outlive the run: what a hook does around them is not known again, an unlogged
    /// table may be empty after the server has died, and what was asked then may be answered otherwise.
    pub fn of(shared: &'a Shared, id: NodeId, adds: bool) -> Option<Self> {
        let node = shared.manifest.node(id);
        let lasts = node.hooks.is_empty() && !node.config.unlogged && !shared.manifest.asks(id);
        let identity = shared.identity(id).filter(|_| lasts)?;
        Some(Self { shared, id, label: node.label(), identity: format!("{identity} {adds}") })
    }

    /// Makes the table of another run this one's, where it is the same.
    pub async fn take_over(&self, session: &Session, into: &Relation) -> Result<Option<Left>, Problem> {
        if !self.shared.retries {
            return Ok(None);
        }
        let prod = self.shared.manifest.schema(Layer::Prod).as_str();
        let found = batches::find(session, prod, &self.label).await.map_err(|error| self.wrong(&error))?;
        let Some(begun) = found.filter(|begun| begun.identity == self.identity) else { return Ok(None) };
        let Some(left) = left(&begun) else { return Ok(None) };
        match batches::take(session, (&begun, &self.label), into, self.shared.run).await {
            Ok(()) => Ok(Some(left)),
            Err(error) => {
                tracing::debug!(%error, "the batches of an earlier run cannot be taken over");
                Ok(None)
            }
        }
    }

    /// Does what builds a batch into a table, and writes that down: all or nothing. `begins` says of the first one
    /// from when until when all batches are.
    pub async fn whole(
        &self,
        session: &Session,
        period: Period,
        begins: Option<(&Relation, Period)>,
        work: impl Future<Output = Result<u64, Problem>>,
    ) -> Result<u64, Problem> {
        let of_run = (self.shared.run, self.label.as_str());
        let built = async {
            let rows = work.await?;
            let written = async {
                if let Some((into, whole)) = begins {
                    let [start, end] = whole.texts();
                    batches::begin(session, of_run, into, &self.identity, [&start, &end]).await?;
                }
                let [start, _] = period.texts();
                batches::add(session, of_run, &start, count(rows)).await
            };
            written.await.map_err(|error| self.wrong(&error))?;
            Ok(rows)
        };
        all_or_nothing(session, "begin", |error| self.wrong(error), built).await
    }

    /// All batches are there, and the table is kept as any other that stands by itself.
    pub async fn ended(&self, session: &Session) -> Result<(), Problem> {
        let of_run = (self.shared.run, self.label.as_str());
        batches::forget_node(session, of_run).await.map_err(|error| self.wrong(&error))
    }

    fn wrong(&self, error: &DatabaseError) -> Problem {
        Box::new(located(error, Location::start_of(&self.shared.manifest.node(self.id).file)))
    }
}

impl Left {
    /// What is to be told of it.
    pub fn said(&self, label: &str, all: usize) -> String {
        format!("{label}: {} of {all} batches are those that run {} built", self.built.len(), self.begun_by)
    }
}

fn left(begun: &BegunBatches) -> Option<Left> {
    let [start, end] = begun.period.each_ref().map(|text| text.parse::<DateTime>());
    let whole = Period { start: start.ok()?, end: end.ok()? };
    let rows = u64::try_from(begun.rows).ok()?;
    Some(Left { begun_by: begun.begun_by, whole, built: begun.built.clone(), rows })
}
