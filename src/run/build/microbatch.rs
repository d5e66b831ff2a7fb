//! Models that are built a batch of time after another: parents that say when their rows came are read a batch at
//! a time. All batches of a run go into one table beside, and are tested and published together.

use std::sync::{Mutex, PoisonError};

use futures_util::future::join_all;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::batches_left::Kept;
use super::{beside, contract, located};
use crate::database::{DatabaseError, Session};
use crate::diagnostic::{Diagnostic, Location};
use crate::manifest::{Body, Manifest, Node, NodeId, Sql};
use crate::name::{Ident, Relation};
use crate::project::{BatchSize, Config};
use crate::run::failure::sql_problem;
use crate::run::task::{Problem, Shared};

/// How many of the batches that went wrong are named.
const SHOWN: usize = 5;

/// From when until before when, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    pub start: DateTime,
    pub end: DateTime,
}

impl Period {
    /// What holds of the rows of this time; PostgreSQL reads the literal as the column's own type.
    pub fn condition(&self, column: impl std::fmt::Display) -> String {
        let literal = |at: DateTime| format!("'{}+00'", at.strftime("%Y-%m-%d %H:%M:%S"));
        format!("{column} >= {} and {column} < {}", literal(self.start), literal(self.end))
    }

    /// Start and end, as `2024-05-31T00:00:00`.
    pub fn texts(&self) -> [String; 2] {
        [self.start.to_string(), self.end.to_string()]
    }
}

/// What was built, and of which time.
pub(super) struct Filled {
    pub rows: u64,
    pub period: Period,
    /// What is to be told.
    pub note: Option<String>,
}

/// Makes the table `into` of all batches that this run is about.
pub(super) async fn fill(
    shared: &Shared,
    session: &Session,
    id: NodeId,
    into: &Relation,
    adds: bool,
) -> Result<Filled, Problem> {
    let node = shared.manifest.node(id);
    let kept = Kept::of(shared, id, adds);
    let left = match &kept {
        Some(kept) => kept.take_over(session, into).await?,
        None => None,
    };
    let periods = match &left {
        // The run of then goes on, also after midnight.
        Some(left) => cut(node.config.batch_size.unwrap_or(BatchSize::Day), left.whole.start, left.whole.end),
        None => periods(&node.config, shared.plan.event_time, Timestamp::now(), adds),
    };
    let (Some(first), Some(last)) = (periods.first(), periods.last()) else {
        let message = format!("`{}` has no batch to build: its time lies ahead", node.name.as_str());
        return Err(Box::new(Diagnostic::error("bad-config", message).at(node.place_of("begin"))));
    };
    let whole = Period { start: first.start, end: last.end };
    let parents = parents(&shared.manifest, id);
    let filling = Filling { shared, id, parents: &parents, into, adds, kept: kept.as_ref(), whole };
    let outcome = match &left {
        Some(left) => {
            let missing = periods.iter().filter(|period| !left.built.contains(&period.texts()[0]));
            let missing: Vec<Period> = missing.copied().collect();
            filling.others(session, &missing, periods.len()).await.map(|others| left.rows + others)
        }
        // The first one makes the table.
        None => match filling.batch(session, true, *first).await {
            Ok(rows) => {
                let others = filling.others(session, &periods[1..], periods.len()).await;
                others.map(|others| rows + others)
            }
            Err(problem) => Err(problem),
        },
    };
    let dropped = filling.drop_views(session).await;
    let rows = outcome?;
    dropped?;
    if let Some(kept) = kept.filter(|_| !adds) {
        kept.ended(session).await?;
    }
    Ok(Filled { rows, period: whole, note: left.map(|left| left.said(&node.label(), periods.len())) })
}

/// Batches that nobody builds yet.
type Waiting<'a> = std::iter::Copied<std::slice::Iter<'a, Period>>;

/// A table that batches are built into.
struct Filling<'a> {
    shared: &'a Shared,
    id: NodeId,
    parents: &'a [Filtered],
    into: &'a Relation,
    adds: bool,
    /// `None`: what is built is of no use to another run.
    kept: Option<&'a Kept<'a>>,
    whole: Period,
}

/// Batches that went wrong.
type Failed = Vec<(Period, Problem)>;

impl Filling<'_> {
    /// Builds batches at once, on as many sessions as a run may have. All of them are tried where those that come
    /// out well are of use to a retry. `all`: how many there are, those before these, too.
    async fn others(&self, session: &Session, periods: &[Period], all: usize) -> Result<u64, Problem> {
        let config = &self.shared.manifest.node(self.id).config;
        let hooks = &self.shared.manifest.node(self.id).hooks;
        // What hooks have set holds for their own session.
        let at_once = config.concurrent_batches.unwrap_or(true) && hooks.is_empty();
        let spare =
            if at_once { self.shared.pool.spare(periods.len().saturating_sub(1)).await } else { Vec::new() };
        let waiting = Mutex::new(periods.iter().copied());
        let failed = Mutex::new(Failed::new());
        let own = self.in_turn(session, &waiting, &failed);
        let more = spare.iter().map(|session| async {
            let came = self.in_turn(session, &waiting, &failed).await;
            self.drop_views(session).await.map(|()| came)
        });
        let (own, more) = tokio::join!(own, join_all(more));
        let rows = more.into_iter().try_fold(own, |rows, came| Ok::<u64, Problem>(rows + came?));
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            none if none.is_empty() => rows,
            failed => Err(self.told(failed, all)),
        }
    }

    /// By their bare names these would stand before what other models of this session read.
    async fn drop_views(&self, session: &Session) -> Result<(), Problem> {
        let drops = self.parents.iter().map(|parent| format!("drop view if exists {}", parent.view));
        let dropped = session.run(&drops.collect::<Vec<_>>().join("; ")).await;
        let node = self.shared.manifest.node(self.id);
        dropped.map(drop).map_err(|error| Box::new(located(&error, Location::start_of(&node.file))))
    }

    /// The first of what went wrong, and how much else.
    fn told(&self, mut failed: Failed, all: usize) -> Problem {
        failed.sort_by_key(|(period, _)| period.start);
        let size = self.shared.manifest.node(self.id).config.batch_size.unwrap_or(BatchSize::Day);
        let names: Vec<String> = failed.iter().map(|(period, _)| size.name(period.start)).collect();
        let shown = names[..names.len().min(SHOWN)].join(", ");
        let more = match names.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let (_, mut problem) = failed.swap_remove(0);
        if self.kept.is_some() {
            let failed = names.len();
            let told = format!(
                "{failed} of {all} batches failed, {shown}{more}; `elt retry` leaves out those that are built"
            );
            problem.hint = Some(problem.hint.map_or(told.clone(), |hint| format!("{hint}\n{told}")));
        }
        problem
    }

    /// Builds what waits, one batch after another.
    async fn in_turn(&self, session: &Session, waiting: &Mutex<Waiting<'_>>, failed: &Mutex<Failed>) -> u64 {
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
        let mut rows = 0;
        while let Some(period) = next() {
            match self.batch(session, false, period).await {
                Ok(came) => rows += came,
                Err(problem) => {
                    if !self.goes_on_after(&problem) {
                        while next().is_some() {}
                    }
                    failed.lock().unwrap_or_else(PoisonError::into_inner).push((period, problem));
                }
            }
        }
        rows
    }

    fn goes_on_after(&self, problem: &Diagnostic) -> bool {
        let ends_all = ["cancelled", "connection-lost", "disk-full"].contains(&problem.code);
        let is_over = self.shared.plan.fail_fast || self.shared.cancel.is_cancelled();
        self.kept.is_some() && !ends_all && !is_over
    }

    /// Builds one batch, the first one making the table.
    async fn batch(&self, session: &Session, is_first: bool, period: Period) -> Result<u64, Problem> {
        let built = self.build(session, is_first, period);
        match self.kept {
            Some(kept) => {
                kept.whole(session, period, is_first.then_some((self.into, self.whole)), built).await
            }
            None => built.await,
        }
    }

    async fn build(&self, session: &Session, is_first: bool, period: Period) -> Result<u64, Problem> {
        let Self { shared, id, parents, into, adds, .. } = *self;
        let (manifest, plan) = (&shared.manifest, &shared.plan);
        let node = manifest.node(id);
        for parent in parents {
            let read = plan.name(manifest, Some(id), parent.id);
            let condition = period.condition(&parent.event_time);
            let sql = format!(
                "create or replace temp view {} as select * from {read} where {condition}",
                parent.view.name
            );
            session.run(&sql).await.map_err(|error| parent.problem(manifest, &error))?;
        }
        let name = |target: NodeId| plan.name(manifest, Some(id), target);
        let batch = |target: NodeId| match parents.iter().find(|parent| parent.id == target) {
            Some(parent) => parent.view.clone(),
            None => name(target),
        };
        let query = manifest.batch_query(id, adds, &name, &batch, &plan.answered(id));
        let keeps = node.config.contract.enforced && !adds;
        if keeps && is_first {
            return contract::fill(session, node, into, query).await;
        }
        if keeps {
            return contract::insert(session, node, into, query).await;
        }
        let before = match is_first {
            true if node.config.unlogged && !adds => format!("create unlogged table {into} as\n"),
            true => format!("create table {into} as\n"),
            false => format!("insert into {into}\n"),
        };
        let sql: Sql = query.wrap(&before, "");
        session.run(&sql.text).await.map_err(|error| Box::new(sql_problem(&error, &sql, &node.file)))
    }
}

/// A parent of which a batch is read, through a view of this session's own.
struct Filtered {
    id: NodeId,
    view: Relation,
    event_time: Ident,
}

impl Filtered {
    fn problem(&self, manifest: &Manifest, error: &DatabaseError) -> Problem {
        Box::new(located(error, manifest.node(self.id).place_of("event_time")))
    }
}

/// The parents that the model itself reads and that say when their rows came.
fn parents(manifest: &Manifest, id: NodeId) -> Vec<Filtered> {
    let mut found: Vec<Filtered> = Vec::new();
    let Body::Model { full, incremental } = &manifest.node(id).body else { return found };
    let targets = full.targets.iter().chain(incremental.iter().flat_map(|text| &text.targets));
    for target in targets.copied().filter(|target| *target != id) {
        let parent = manifest.node(target);
        let Some(event_time) = event_time(parent).filter(|_| !manifest.is_inline(target)) else { continue };
        if found.iter().any(|one| one.id == target) {
            continue;
        }
        let taken = found.iter().any(|one| one.view.name == parent.name);
        let name = if taken { beside("batch", target) } else { parent.name.clone() };
        let schema = Ident::new("pg_temp").expect("a constant name is good");
        found.push(Filtered { id: target, view: Relation::new(schema, name), event_time });
    }
    found
}

/// The column that says when a row came.
pub(super) fn event_time(node: &Node) -> Option<Ident> {
    node.config.event_time.as_deref().and_then(|name| Ident::new(name).ok())
}

/// The batches that a run is about, the oldest first.
fn periods(
    config: &Config,
    asked: Option<(Timestamp, Timestamp)>,
    now: Timestamp,
    adds: bool,
) -> Vec<Period> {
    let size = config.batch_size.unwrap_or(BatchSize::Day);
    let utc = |at: Timestamp| at.to_zoned(TimeZone::UTC).datetime();
    let begin = config.begin.map_or(utc(now), |begin| begin.0);
    let (start, end) = match asked {
        Some((start, end)) => (utc(start), utc(end)),
        None if adds => {
            let looked_back = size.before(size.floor(utc(now)), config.lookback.unwrap_or(1));
            (looked_back.max(begin), utc(now))
        }
        None => (begin, utc(now)),
    };
    cut(size, start, end)
}

fn cut(size: BatchSize, start: DateTime, end: DateTime) -> Vec<Period> {
    let mut periods = Vec::new();
    let mut at = size.floor(start);
    while at < end {
        let next = size.after(at);
        if next <= at {
            break;
        }
        periods.push(Period { start: at, end: next });
        at = next;
    }
    periods
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(size: BatchSize, lookback: Option<u32>, asked: Option<(&str, &str)>, adds: bool) -> String {
        let begin = Some("2024-02-27T05:00:00".parse().unwrap());
        let config = Config { batch_size: Some(size), lookback, begin, ..Config::default() };
        let asked = asked.map(|(start, end)| (start.parse().unwrap(), end.parse().unwrap()));
        let periods = periods(&config, asked, "2024-03-01T02:30:00Z".parse().unwrap(), adds);
        let shown = periods.iter().map(|one| format!("{} {}", one.start, one.end));
        shown.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn batches_go_from_the_beginning_to_now_and_look_back() {
        insta::assert_snapshot!(shown(BatchSize::Day, None, None, false), @r"
    2024-02-27T00:00:00 2024-02-28T00:00:00
    2024-02-28T00:00:00 2024-02-29T00:00:00
    2024-02-29T00:00:00 2024-03-01T00:00:00
    2024-03-01T00:00:00 2024-03-02T00:00:00
    ");
        insta::assert_snapshot!(shown(BatchSize::Day, None, None, true), @r"
    2024-02-29T00:00:00 2024-03-01T00:00:00
    2024-03-01T00:00:00 2024-03-02T00:00:00
    ");
        insta::assert_snapshot!(shown(BatchSize::Hour, Some(0), None, true), @r"2024-03-01T02:00:00 2024-03-01T03:00:00");
        insta::assert_snapshot!(shown(BatchSize::Month, Some(3), None, true), @r"
    2024-02-01T00:00:00 2024-03-01T00:00:00
    2024-03-01T00:00:00 2024-04-01T00:00:00
    ");
        insta::assert_snapshot!(shown(BatchSize::Year, None, None, false), @r"2024-01-01T00:00:00 2025-01-01T00:00:00");
        let asked = Some(("2024-02-28T12:00:00Z", "2024-03-01T00:00:00Z"));
        insta::assert_snapshot!(shown(BatchSize::Day, None, asked, true), @r"
    2024-02-28T00:00:00 2024-02-29T00:00:00
    2024-02-29T00:00:00 2024-03-01T00:00:00
    ");
    }

    #[test]
    fn a_condition_holds_for_a_column_of_any_type_of_time() {
        let at = |text: &str| text.parse().unwrap();
        let period = Period { start: at("2024-02-28T00:00:00"), end: at("2024-02-29T00:00:00") };
        insta::assert_snapshot!(period.condition("at"), @r"at >= '2024-02-28 00:00:00+00' and at < '2024-02-29 00:00:00+00'");
    }
}
