//! One transaction that puts everything a run built into its place. Readers see all of the old state or all
//! of the new one.
//!
//! Old relations move to a schema aside, new ones move in, views that read the old ones are pointed at the
//! new ones, grants are carried over, the run's record is written. All locks are taken at once and only
//! waited for briefly: less than the server waits before it looks for a deadlock, so that a reader is never
//! the one to fail.

mod aside;
pub(super) mod endpoints;
mod late;
mod moving;
mod obstacles;
mod overview;
mod shown;
mod ties;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::build::relation_word;
use super::sweep::{build_schema, kind_word};
use super::task::{Built, Delta};
use super::{Place, Plan};
use crate::database::{DatabaseError, Session, catalog, history, in_the_way, ledger, progress};
use crate::diagnostic::Diagnostic;
use crate::manifest::{Manifest, NodeId};
use crate::name::Relation;
use crate::pipeline::{NodeRecord, RunStatus};
use crate::project::{Layer, Materialization};
use aside::Aside;
use late::Late;
use moving::{Moving, Stop, not_ours, recreate};
pub(super) use obstacles::failed;
use obstacles::{after_lost_commit, cancelled, end_autovacuums, locked};
pub(super) use overview::tell_tests;
pub(super) use ties::validate;

/// How long, in all, to try for the locks.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait for snapshots that are older than what is published.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(10);
/// The longest wait for the locks in one try.
const LOCK_WAIT_MS: u64 = 400;

/// What is to be published.
pub(super) struct Publication<'a> {
    pub run: i64,
    pub manifest: &'a Manifest,
    pub plan: &'a Plan,
    pub place: &'a Place,
    pub built: &'a [Built],
    pub records: &'a [NodeRecord],
    /// What the ledger keeps of each that was built.
    pub ledger: &'a [ledger::Published],
    /// Tests that held, with what they held of.
    pub passed: &'a [(String, String)],
}

impl Publication<'_> {
    /// Where a node stands that this run built.
    fn building(&self, id: NodeId) -> Relation {
        Relation::new(build_schema(self.run), self.manifest.built_name(id))
    }
}

pub(super) struct Published {
    pub relations: usize,
    pub notes: Vec<String>,
}

/// Publishes, trying again while others hold locks. After an error everything is as it was.
pub(super) async fn publish(
    session: &Session,
    publication: &Publication<'_>,
    cancel: &CancellationToken,
) -> Result<Published, Box<Diagnostic>> {
    ties::judge_what_stays(session, publication).await?;
    let overlooked = outwait_snapshots(session, publication, cancel).await.map_err(|error| failed(&error))?;
    let until = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(20);
    loop {
        match attempt(session, publication).await {
            Ok(mut published) => {
                published.notes.extend(overlooked);
                published.notes.extend(validate(session, publication.manifest).await);
                return Ok(published);
            }
            Err(stop) => {
                let rolled_back = session.run("rollback").await;
                match stop {
                    Stop::Locked(_) if cancel.is_cancelled() => return Err(cancelled()),
                    Stop::Locked(_) if Instant::now() < until && rolled_back.is_ok() => {}
                    Stop::Locked(error) => return Err(locked(session, publication, &error).await),
                    Stop::Database(error) => return Err(failed(&error)),
                    Stop::CommitLost(error) => return after_lost_commit(publication, &error).await,
                    Stop::Refused(problem) => return Err(Box::new(problem)),
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = cancel.cancelled() => return Err(cancelled()),
        }
        pause = (pause * 2).min(Duration::from_secs(1));
        if let Err(error) = end_autovacuums(session, publication).await {
            tracing::debug!(%error, "an autovacuum may be in the way");
        }
    }
}

/// A snapshot that is older than the new rows would find a replaced table empty. Those that are held, by
/// transactions at `repeatable read` and by statements under way, are waited for, but not for ever: what is
/// still held then is told.
async fn outwait_snapshots(
    session: &Session,
    publication: &Publication<'_>,
    cancel: &CancellationToken,
) -> Result<Option<String>, DatabaseError> {
    let relations: Vec<Relation> =
        publication.built.iter().map(|built| publication.manifest.published(built.id)).collect();
    if catalog::existing(session, &relations).await?.is_empty() {
        return Ok(None);
    }
    let now = in_the_way::transaction_now(session).await?;
    let until = Instant::now() + SNAPSHOT_PATIENCE;
    loop {
        let holders = in_the_way::older_snapshots(session, &now).await?;
        if holders.is_empty() || cancel.is_cancelled() {
            return Ok(None);
        }
        if Instant::now() > until {
            let holders = holders.join(", ");
            return Ok(Some(format!(
                "published although an older snapshot is held by {holders}: a table that it has not read yet will look empty to it"
            )));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn attempt(session: &Session, publication: &Publication<'_>) -> Result<Published, Stop> {
    let manifest = publication.manifest;
    let wait = lock_wait(session).await?;
    session
        .run(&format!("begin; set local lock_timeout = '{wait}ms'; set local synchronous_commit = on"))
        .await?;
    let late = Late::decide(session, publication).await?;
    // An empty search path makes the server write every name with its schema.
    session.run("set local search_path = ''").await?;
    let moving = Moving::find(session, manifest, publication.built, &late.refreshed).await?;
    // What is run from here on may use functions and types by their bare names.
    session.run("set local search_path to default").await?;
    moving.lock_added(session).await?;
    let deltas = || publication.built.iter().filter_map(|built| built.delta.as_ref());
    // Long work is done while readers still read, unless columns change.
    let early = !moving.alters() && (!late.is_empty() || moving.stale().next().is_some());
    if early {
        move_rows(session, publication.manifest, deltas()).await?;
        late.make(session, publication, false).await?;
    }
    moving.lock_replaced(session).await?;

    let mut sql: Vec<String> = Vec::new();
    let gone = moving.replaced.iter().map(|one| &one.relation);
    let aside = Aside::of(publication.run, gone.chain(moving.stale().map(|view| &view.relation)));
    sql.extend(moving.ties.loosing());
    let abandoned = moving.abandoned.iter().rev();
    sql.extend(abandoned.map(|one| format!("drop {} {}", kind_word(one.kind), one.relation)));
    sql.extend(aside.schemas().into_iter().map(|schema| format!("create schema {schema}")));
    sql.extend(moving.replaced.iter().map(|before| aside.moves(kind_word(before.kind), &before.relation)));
    sql.extend(moving.stale().map(|view| aside.moves("materialized view", &view.relation)));
    sql.extend(late.rebuilt.iter().filter(|_| early).flat_map(|id| late.moves(publication, *id)));
    let whole = publication.built.iter().filter(|built| built.delta.is_none() && !late.contains(built.id));
    for built in whole {
        let kind = relation_word(manifest.node(built.id).materialization);
        sql.extend(publication.building(built.id).moves(kind, &manifest.published(built.id)));
    }
    sql.extend(moving.dependents.iter().flat_map(|view| recreate(view, &moving)));
    if moving.alters() {
        // Views that were replaced still hold on to the columns; what read them reads the new ones by now.
        let position: HashMap<Relation, usize> =
            manifest.order.iter().enumerate().map(|(at, id)| (manifest.published(*id), at)).collect();
        let mut views: Vec<_> = moving.replaced.iter().filter(|before| before.kind != 'r').collect();
        views.sort_by_key(|before| std::cmp::Reverse(position.get(&before.relation)));
        sql.extend(
            views.iter().map(|view| format!("drop {} {}", kind_word(view.kind), aside.there(&view.relation))),
        );
    }
    if !early {
        run_all(session, &mut sql).await?;
        move_rows(session, publication.manifest, deltas()).await?;
        late.make(session, publication, true).await?;
        let stale = moving.stale().filter(|_| moving.alters());
        sql.extend(stale.map(|view| format!("refresh materialized view {}", view.relation)));
    }
    sql.extend(views_over_deltas(publication, &late));
    sql.extend(moving.ties.making(publication));
    sql.extend(moving.grants.iter().cloned());
    sql.extend(reader_grants(session, publication).await?);
    sql.extend(endpoints::statements(session, publication).await?);
    sql.extend(overview::statements(session, publication).await?);
    sql.extend(shown::statements(session, publication).await?);
    run_all(session, &mut sql).await?;

    record(session, publication).await?;
    // Views hold no rows: pointed at the new relations they are the views they were.
    let views = moving.dependents.iter().filter(|one| one.kind == 'v');
    let read_new: Vec<&Relation> =
        views.map(|view| &view.relation).filter(|view| moving.owned.contains(view)).collect();
    ledger::reshape(session, &read_new).await?;
    session.run("commit").await.map_err(|error| match error.is_unreachable() {
        true => Stop::CommitLost(error),
        false => Stop::from(error),
    })?;
    let rebuilt = moving.stale().map(|view| {
        format!("{} was built anew while publishing, for what it reads was replaced", view.relation.plain())
    });
    let others = moving.dependents.iter().filter(|view| !moving.owned.contains(&view.relation)).map(|view| {
        format!("the view {} is not elt's; it now reads the new relations", view.relation.plain())
    });
    let notes = others.chain(rebuilt).chain(moving.ties.left_out(publication)).collect();
    Ok(Published { relations: publication.built.len(), notes })
}

/// New rows go into the tables they were built for, between the hooks that name these tables.
/// Whether each row has the row that its foreign keys point to is looked at when all have moved.
async fn move_rows<'a>(
    session: &Session,
    manifest: &Manifest,
    deltas: impl Iterator<Item = &'a Delta> + Clone,
) -> Result<(), Stop> {
    for delta in deltas.clone() {
        for hook in &delta.before {
            hook.run(session, manifest).await.map_err(Stop::Refused)?;
        }
        let statements = delta.statements.join(";\n");
        session.run(&format!("set constraints all deferred;\n{statements}")).await?;
    }
    for delta in deltas {
        session.run(&format!("set constraints all immediate;\n{}", delta.finally.join(";\n"))).await?;
        for hook in &delta.after {
            hook.run(session, manifest).await.map_err(Stop::Refused)?;
        }
    }
    Ok(())
}

/// Runs statements and forgets them.
async fn run_all(session: &Session, sql: &mut Vec<String>) -> Result<(), DatabaseError> {
    for statements in std::mem::take(sql).chunks(500) {
        session.run(&statements.join(";\n")).await?;
    }
    Ok(())
}

/// The end of a run that built nothing: what is published stays, and only that it was looked at is written.
pub(super) async fn nothing(
    session: &Session,
    run: i64,
    passed: &[(String, String)],
    manifest: &Manifest,
    records: &[NodeRecord],
) -> Result<(), DatabaseError> {
    session.run("begin").await?;
    if endpoints::withdraw(session, manifest).await? {
        session.run(&shown::shows(manifest, run).join("; ")).await?;
    }
    ledger::record_passed(session, run, manifest.schema(Layer::Prod).as_str(), passed).await?;
    progress::record_nodes(session, run, 0, records).await?;
    history::finish(session, run, RunStatus::Succeeded, None).await?;
    session.run("commit").await.map(drop)
}

/// What would refuse to let these be replaced; nothing is locked or changed.
pub(super) async fn refusal(
    session: &Session,
    manifest: &Manifest,
    replaced: &[NodeId],
) -> Result<Option<Diagnostic>, DatabaseError> {
    let built: Vec<Built> = replaced.iter().copied().map(Built::of).collect();
    match Moving::find(session, manifest, &built, &HashSet::new()).await {
        Err(Stop::Refused(problem)) => Ok(Some(problem)),
        Err(Stop::Locked(error) | Stop::Database(error) | Stop::CommitLost(error)) => Err(error),
        Ok(_) => Ok(None),
    }
}

/// Less than the time after which the server looks for deadlocks.
async fn lock_wait(session: &Session) -> Result<u64, DatabaseError> {
    Ok((in_the_way::deadlock_timeout(session).await? / 2).clamp(1, LOCK_WAIT_MS))
}

/// Views of this run that were built over an incremental model's old and new rows read the published table
/// from now on.
fn views_over_deltas(publication: &Publication<'_>, late: &Late) -> Vec<String> {
    let manifest = publication.manifest;
    let stays = publication.built.iter().filter(|built| built.delta.is_some() || late.contains(built.id));
    let added: HashSet<NodeId> = stays.map(|built| built.id).collect();
    let over = |id: NodeId| super::plan::needed(manifest, id).iter().any(|parent| added.contains(parent));
    let built: HashMap<NodeId, &Built> = publication.built.iter().map(|built| (built.id, built)).collect();
    let views = manifest.order.iter().filter(|id| {
        built.contains_key(id) && manifest.node(**id).materialization == Materialization::View && over(**id)
    });
    views
        .map(|id| {
            let query = publication.plan.query(manifest, *id, false, &|target| manifest.published(target));
            format!("create or replace view {} as {}", manifest.published(*id), query.text)
        })
        .collect()
}

async fn reader_grants(
    session: &Session,
    publication: &Publication<'_>,
) -> Result<Vec<String>, DatabaseError> {
    let role = &publication.place.target.reader_role;
    if !catalog::role_exists(session, role).await? {
        return Ok(Vec::new());
    }
    let manifest = publication.manifest;
    let prod: Vec<String> = publication
        .built
        .iter()
        .filter(|built| manifest.node(built.id).layer == Layer::Prod)
        .map(|built| manifest.published(built.id).to_string())
        .collect();
    Ok(if prod.is_empty() {
        Vec::new()
    } else {
        vec![format!("grant select on {} to {role}", prod.join(", "))]
    })
}

async fn record(session: &Session, publication: &Publication<'_>) -> Result<(), DatabaseError> {
    let manifest = publication.manifest;
    let prod = manifest.schema(Layer::Prod);
    let mut owned = publication.ledger.to_vec();
    let own = [shown::table(manifest), endpoints::table(manifest)];
    for table in own.into_iter().chain(overview::tables(manifest)) {
        owned.push(ledger::Published::plain(table, "elt", "table"));
    }
    ledger::own(session, publication.run, &owned).await?;
    ledger::record_passed(session, publication.run, prod.as_str(), publication.passed).await?;
    progress::record_nodes(session, publication.run, 0, publication.records).await?;
    history::finish(session, publication.run, RunStatus::Succeeded, None).await
}
