//! What a publication moves out of the way, and what hangs on it: views are pointed at the new relations,
//! grants carried over, and what can be neither makes the publication refuse.

use std::collections::{HashMap, HashSet};

use super::ties::Ties;
use crate::database::catalog::{self, Dependent, Existing};
use crate::database::{DatabaseError, Session};
use crate::diagnostic::Diagnostic;
use crate::manifest::{Manifest, NodeId};
use crate::name::Relation;
use crate::run::sweep::kind_word;
use crate::run::task::Built;

/// Why a publication came to nothing. The transaction is rolled back.
pub enum Stop {
    /// Somebody held a lock: try again.
    Locked(DatabaseError),
    Database(DatabaseError),
    /// The connection broke during the commit: it may have been done or not.
    CommitLost(DatabaseError),
    Refused(Diagnostic),
}

impl From<DatabaseError> for Stop {
    fn from(error: DatabaseError) -> Self {
        // lock_not_available, deadlock_detected.
        if error.is("55P03") || error.is("40P01") { Self::Locked(error) } else { Self::Database(error) }
    }
}

/// What stands in the way of the new relations, and what hangs on it.
pub struct Moving {
    pub replaced: Vec<Existing>,
    /// Published incremental tables that rows are added to.
    added_to: Vec<Existing>,
    /// Those of them whose columns change.
    altered: Vec<Existing>,
    /// Views that read what is replaced, nearest first, and materialized views of elt's own.
    pub dependents: Vec<Dependent>,
    /// What failed runs keep and would hold on to what is replaced, nearest first. It goes.
    pub abandoned: Vec<Dependent>,
    /// The indexes and comments of those materialized views.
    pub decoration: HashMap<u32, Vec<String>>,
    /// The relations among the dependents that elt owns.
    pub owned: HashSet<Relation>,
    /// What others may do with what is replaced, as statements.
    pub grants: Vec<String>,
    /// Foreign keys that are let go and made.
    pub ties: Ties,
}

impl Moving {
    /// `refreshed` are those of `built` whose published relations stay and are refreshed.
    pub async fn find(
        session: &Session,
        manifest: &Manifest,
        built: &[Built],
        refreshed: &HashSet<NodeId>,
    ) -> Result<Self, Stop> {
        let moved = built.iter().filter(|built| !refreshed.contains(&built.id));
        let wanted: Vec<Relation> = moved.map(|built| manifest.published(built.id)).collect();
        let added: HashSet<Relation> = built
            .iter()
            .filter(|built| built.delta.is_some())
            .map(|built| manifest.published(built.id))
            .collect();
        let standing = catalog::existing(session, &wanted).await?;
        // A snapshot adds to the table that dbt kept before.
        let is_added_to = |one: &Existing| added.contains(&one.relation);
        if let Some(foreign) = standing.iter().find(|one| !one.owned && !is_added_to(one)) {
            return Err(Stop::Refused(not_ours(&foreign.relation)));
        }
        let (stays, replaced): (Vec<_>, Vec<_>) =
            standing.into_iter().partition(|one| added.contains(&one.relation));
        let alters: HashSet<Relation> = built
            .iter()
            .filter(|built| built.delta.as_ref().is_some_and(|delta| delta.alters))
            .map(|built| manifest.published(built.id))
            .collect();
        let (altered, added_to): (Vec<_>, Vec<_>) =
            stays.into_iter().partition(|one| alters.contains(&one.relation));
        let oids: Vec<u32> = replaced.iter().map(|one| one.oid).collect();
        let (mut abandoned, mut dependents) = (Vec::new(), Vec::new());
        let mut owned = HashSet::new();
        let mut decoration = HashMap::new();
        let mut grants = Vec::new();
        if !oids.is_empty() {
            let all = catalog::dependents(session, &oids).await?;
            (abandoned, dependents) = all.into_iter().partition(|one| one.kept);
            let relations: Vec<Relation> = dependents.iter().map(|one| one.relation.clone()).collect();
            let known = catalog::existing(session, &relations).await?;
            owned = known.into_iter().filter(|one| one.owned).map(|one| one.relation).collect();
            for other in dependents.iter().filter(|one| one.kind != 'v') {
                if other.kind != 'm' || !owned.contains(&other.relation) {
                    return Err(Stop::Refused(hangs_on(&other.relation, kind_word(other.kind))));
                }
                decoration.insert(other.oid, catalog::decoration(session, other.oid).await?);
            }
            // Written for the old relations, these name by then the new ones.
            let configured: HashSet<Relation> = built
                .iter()
                .filter(|built| !manifest.node(built.id).config.grants.is_empty())
                .map(|built| manifest.published(built.id))
                .collect();
            let all: Vec<u32> = oids.iter().copied().chain(decoration.keys().copied()).collect();
            let carried = catalog::grants(session, &all).await?.into_iter();
            let carried = carried.filter(|(relation, _)| !configured.contains(relation));
            grants = carried.map(|(_, grant)| grant).collect();
        }
        let stays: Vec<u32> = added_to.iter().chain(&altered).map(|one| one.oid).collect();
        let ties = Ties::find(session, manifest, built, &oids, &stays).await?;
        Ok(Self { replaced, added_to, altered, abandoned, dependents, decoration, owned, grants, ties })
    }

    pub fn alters(&self) -> bool {
        !self.altered.is_empty() || self.ties.lets_go()
    }

    /// Materialized views of elt's own that this run did not build, and whose rows are of what is replaced.
    pub fn stale(&self) -> impl Iterator<Item = &Dependent> {
        self.dependents.iter().filter(|one| one.kind == 'm')
    }

    /// Locks what is added to. Readers go on.
    pub async fn lock_added(&self, session: &Session) -> Result<(), Stop> {
        lock(session, &tables([&self.added_to]), "share row exclusive").await
    }

    /// Takes every lock that keeps readers out. Views take theirs when they are altered: locking one by
    /// name would lock all that it reads, too.
    pub async fn lock_replaced(&self, session: &Session) -> Result<(), Stop> {
        let mut tables = tables([&self.replaced, &self.altered]);
        tables.extend(self.ties.held.iter().map(ToString::to_string));
        lock(session, &tables, "access exclusive").await
    }
}

fn tables<const N: usize>(relations: [&Vec<Existing>; N]) -> Vec<String> {
    let all = relations.into_iter().flatten().filter(|one| one.kind == 'r');
    all.map(|one| one.relation.to_string()).collect()
}

async fn lock(session: &Session, tables: &[String], mode: &str) -> Result<(), Stop> {
    if !tables.is_empty() {
        session.run(&format!("lock table {} in {mode} mode", tables.join(", "))).await?;
    }
    Ok(())
}

/// The view as it was, over what now has the names it reads.
pub fn recreate(view: &Dependent, moving: &Moving) -> Vec<String> {
    let options = if view.options.is_empty() { String::new() } else { format!(" with ({})", view.options) };
    let definition = view.definition.trim_end_matches(';');
    if view.kind == 'v' {
        return vec![format!("create or replace view {}{options} as {definition}", view.relation)];
    }
    let mut sql = vec![format!("create materialized view {}{options} as {definition}", view.relation)];
    sql.extend(moving.decoration.get(&view.oid).into_iter().flatten().cloned());
    sql.push(format!("analyze {}", view.relation));
    sql
}

pub fn not_ours(relation: &Relation) -> Diagnostic {
    let message = format!("{} is there already, and elt did not make it", relation.plain());
    Diagnostic::error("not-ours", message).hint(
        "elt never replaces what it did not make: rename the model, or drop or move that relation yourself",
    )
}

pub fn hangs_on(relation: &Relation, what: &str) -> Diagnostic {
    let message = format!("the {what} {} depends on a relation that this run replaces", relation.plain());
    Diagnostic::error("depended-on", message)
        .hint("elt does not drop what it did not make; drop it yourself, or make it a model")
}
