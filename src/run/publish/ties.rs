//! Foreign keys between published tables. A key holds on to the table it points to, not to its name: what
//! points to a replaced table is let go before that moves away, and made again to the new one.
//!
//! Keys are made NOT VALID, which looks at no row: every row was judged beside before (`run::foreign_keys`),
//! and from the publishing on PostgreSQL refuses what would break them. That nothing slipped in between is
//! proved by VALIDATE after the publishing, while readers and writers go on.

use std::collections::{BTreeSet, HashMap};

use super::Publication;
use super::moving::{Stop, hangs_on};
use crate::database::foreign_keys::{StandingKey, not_validated, standing};
use crate::database::{DatabaseError, Session, catalog};
use crate::diagnostic::Diagnostic;
use crate::manifest::{ForeignKey, Manifest, NodeId};
use crate::name::{Ident, Relation};
use crate::run::foreign_keys::{counted, has_key, is_same, of_key, orphans};
use crate::run::task::Built;

/// What a publication does about foreign keys.
#[derive(Default)]
pub struct Ties {
    /// Keys that are let go, by the table that has them and their name.
    loosed: Vec<StandingKey>,
    /// Keys that are made, by the index among those of their node.
    made: Vec<(NodeId, usize)>,
    /// Tables that stay, and that nobody may read while a key of theirs goes.
    pub held: BTreeSet<Relation>,
}

impl Ties {
    /// `replaced` and `added_to` are the oids of what stands where something was built.
    pub async fn find(
        session: &Session,
        manifest: &Manifest,
        built: &[Built],
        replaced: &[u32],
        added_to: &[u32],
    ) -> Result<Self, Stop> {
        let all: Vec<u32> = replaced.iter().chain(added_to).copied().collect();
        let keys = if all.is_empty() { Vec::new() } else { standing(session, &all).await? };
        let mut ties = Self::default();
        let mut kept: BTreeSet<(NodeId, usize)> = BTreeSet::new();
        let by_relation = by_relation(manifest, &keys);
        for key in keys {
            let goes = |oid: u32| replaced.contains(&oid);
            let (child_goes, parent_goes) = (goes(key.child_oid), goes(key.parent_oid));
            let takes_rows = added_to.contains(&key.child_oid);
            let written = by_relation.get(&key.child).and_then(|id| {
                let keys = &manifest.node(*id).foreign_keys;
                Some((*id, keys.iter().position(|written| is_same(manifest, written, &key))?))
            });
            match written {
                _ if child_goes => {}
                Some(written) if parent_goes => ties.made.push(written),
                Some(written) => {
                    kept.insert(written);
                    continue;
                }
                // The contract of a table that takes rows has it no more.
                None if takes_rows && (parent_goes || key.parent_owned) => {}
                None if parent_goes => {
                    let what = format!("foreign key to {} of the table", key.parent.plain());
                    return Err(Stop::Refused(hangs_on(&key.child, &what)));
                }
                None => continue,
            }
            let stays = [(key.child_oid, &key.child), (key.parent_oid, &key.parent)];
            ties.held
                .extend(stays.into_iter().filter(|(oid, _)| !goes(*oid)).map(|(_, table)| table.clone()));
            // One that points to its own table goes with it.
            if key.child_oid != key.parent_oid {
                ties.loosed.push(key);
            }
        }
        for built in built {
            let all = (0..manifest.node(built.id).foreign_keys.len()).map(|index| (built.id, index));
            let lacking: Vec<_> = all.filter(|key| !kept.contains(key) && !ties.made.contains(key)).collect();
            ties.made.extend(lacking);
        }
        Ok(ties)
    }

    pub fn lets_go(&self) -> bool {
        !self.loosed.is_empty()
    }

    pub fn loosing(&self) -> impl Iterator<Item = String> {
        self.loosed.iter().map(|key| format!("alter table {} drop constraint {}", key.child, key.name))
    }

    /// Deferrable, so that rows of both tables may be moved in any order; checked at once for everybody else.
    pub fn making(&self, publication: &Publication<'_>) -> Vec<String> {
        let manifest = publication.manifest;
        let made = self.made.iter().filter_map(|(id, index)| {
            let key = &manifest.node(*id).foreign_keys[*index];
            if publication.plan.elsewhere.get(key.to).is_some() {
                return None;
            }
            let list = |names: &[Ident]| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let name = key.name.as_ref().map(|name| format!("constraint {name} ")).unwrap_or_default();
            Some(format!(
                "alter table {} add {name}foreign key ({}) references {} ({}) deferrable not valid",
                manifest.published(*id),
                list(&key.columns),
                manifest.published(key.to),
                list(&key.to_columns),
            ))
        });
        made.collect()
    }

    /// Keys of a developer's copy that would point into what it only reads.
    pub fn left_out(&self, publication: &Publication<'_>) -> Option<String> {
        let manifest = publication.manifest;
        let there = self.made.iter().filter_map(|(id, index)| {
            let to = publication.plan.elsewhere.get(manifest.node(*id).foreign_keys[*index].to)?;
            Some(format!("{} to {}", manifest.published(*id).plain(), to.plain()))
        });
        let there: Vec<String> = there.collect();
        (!there.is_empty()).then(|| {
            format!("foreign keys to what is read from elsewhere are not made: {}", there.join(", "))
        })
    }
}

fn by_relation(manifest: &Manifest, keys: &[StandingKey]) -> HashMap<Relation, NodeId> {
    if keys.is_empty() {
        return HashMap::new();
    }
    let keyed = manifest.ids().filter(|id| !manifest.node(*id).foreign_keys.is_empty());
    keyed.map(|id| (manifest.published(id), id)).collect()
}

/// Judges the rows of tables that stay and point to what is about to be published. Nothing is locked.
pub async fn judge_what_stays(
    session: &Session,
    publication: &Publication<'_>,
) -> Result<(), Box<Diagnostic>> {
    let manifest = publication.manifest;
    let built: HashMap<NodeId, &Built> = publication.built.iter().map(|built| (built.id, built)).collect();
    let points_to_built = |key: &ForeignKey| built.contains_key(&key.to);
    for id in manifest.ids().filter(|id| !built.contains_key(id)) {
        let node = manifest.node(id);
        for key in node.foreign_keys.iter().filter(|key| points_to_built(key)) {
            let failed = |error: DatabaseError| of_key(key, &error);
            let child = manifest.published(id);
            let there = catalog::existing(session, std::slice::from_ref(&child)).await.map_err(failed)?;
            let oids: Vec<u32> = there.iter().filter(|one| one.owned).map(|one| one.oid).collect();
            let stands = standing(session, &oids).await.map_err(failed)?;
            if !stands.iter().any(|one| oids.contains(&one.child_oid) && is_same(manifest, key, one)) {
                continue;
            }
            let beside = publication.building(key.to);
            if built[&key.to].delta.is_some() {
                has_key(session, manifest, key).await?;
            }
            if let Some(found) = orphans(session, key, &child, &beside).await.map_err(failed)? {
                let to = manifest.node(key.to);
                let message = format!(
                    "{} of {}, which this run leaves as it is, would point to nothing in the new `{}`",
                    counted(found.rows),
                    child.plain(),
                    to.name.as_str(),
                );
                let problem = Diagnostic::error("constraint", message).at(key.place.clone());
                let hint = format!("build it, too: --select {} {}", to.model_name(), node.model_name());
                return Err(Box::new(
                    problem.hint(hint).rows(Some(found.shown(key, &manifest.published(key.to)))),
                ));
            }
        }
    }
    Ok(())
}

/// Lets PostgreSQL look at the rows of keys that were made without; also at those of a run that died before it
/// could. Nobody waits for it. What it cannot confirm is told, and is asked for again by the next run.
pub async fn validate(session: &Session, manifest: &Manifest) -> Vec<String> {
    if manifest.nodes.iter().all(|node| node.foreign_keys.is_empty()) {
        return Vec::new();
    }
    let schemas: Vec<&str> = manifest.schemas().into_iter().map(Ident::as_str).collect();
    let mut notes = Vec::new();
    match not_validated(session, &schemas).await {
        Ok(keys) => {
            for (table, name) in keys {
                let sql = format!("set lock_timeout = '5s'; alter table {table} validate constraint {name}");
                if let Err(error) = session.run(&sql).await {
                    let key = format!("the foreign key {} of {}", name.as_str(), table.plain());
                    notes.push(format!("{key} holds for new rows, but not yet for all: {error}"));
                }
            }
        }
        Err(error) => {
            notes.push(format!("whether all rows keep their foreign keys could not be asked: {error}"))
        }
    }
    notes
}
