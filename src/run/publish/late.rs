//! Materialized views that read an incremental model or a snapshot. What the run built of them reads the
//! view of old and new rows, which is gone after the run; so they are made once more inside the publishing
//! transaction, when the rows have moved: refreshed where that serves, else built beside the published one.

use std::collections::HashSet;

use super::{Publication, Stop};
use crate::database::catalog::{self, IndexShape};
use crate::database::{DatabaseError, Session};
use crate::manifest::NodeId;
use crate::name::Relation;
use crate::project::Materialization;
use crate::run::build::{beside, comments, exact_grants, grant_statements};
use crate::run::plan::needed;
use crate::run::sweep::build_schema;

/// The materialized views of a publication that are made late.
#[derive(Default)]
pub struct Late {
    /// Their published relations stay.
    pub refreshed: HashSet<NodeId>,
    /// Parents first.
    pub rebuilt: Vec<NodeId>,
}

impl Late {
    /// Decides, in the transaction, while names without a schema still mean what they mean to models.
    pub async fn decide(session: &Session, publication: &Publication<'_>) -> Result<Self, Stop> {
        let manifest = publication.manifest;
        let deltas = publication.built.iter().filter(|built| built.delta.is_some());
        let mut moving: HashSet<NodeId> = deltas.map(|built| built.id).collect();
        let alters =
            publication.built.iter().filter_map(|built| built.delta.as_ref()).any(|delta| delta.alters);
        let built: HashSet<NodeId> = publication.built.iter().map(|built| built.id).collect();
        let mut late = Self::default();
        let views = manifest.order.iter().filter(|id| {
            built.contains(id) && manifest.node(**id).materialization == Materialization::MaterializedView
        });
        for id in views {
            let parents = needed(manifest, *id);
            if !parents.iter().any(|parent| moving.contains(parent)) {
                continue;
            }
            let stays = |parent: &NodeId| {
                let added_to = moving.contains(parent) && !late.rebuilt.contains(parent);
                !built.contains(parent) || added_to
            };
            let may_refresh = !alters && parents.iter().all(stays);
            if may_refresh && is_as_published(session, publication, *id).await? {
                late.refreshed.insert(*id);
            } else {
                late.rebuilt.push(*id);
            }
            moving.insert(*id);
        }
        Ok(late)
    }

    pub fn is_empty(&self) -> bool {
        self.refreshed.is_empty() && self.rebuilt.is_empty()
    }

    pub fn contains(&self, id: NodeId) -> bool {
        self.refreshed.contains(&id) || self.rebuilt.contains(&id)
    }

    /// Makes them, the rows having moved. With `moved` everything else has its published name already, and
    /// they get theirs at once.
    pub async fn make(
        &self,
        session: &Session,
        publication: &Publication<'_>,
        moved: bool,
    ) -> Result<(), Stop> {
        let manifest = publication.manifest;
        for id in manifest.order.iter().filter(|id| self.contains(**id)) {
            let node = manifest.node(*id);
            if self.refreshed.contains(id) {
                let published = manifest.published(*id);
                let mut sql = vec![format!("refresh materialized view concurrently {published}")];
                let columns = catalog::columns(session, &published).await?;
                sql.extend(comments(node, &published, "materialized view", &columns));
                sql.extend(exact_grants(node, &published));
                session.run(&sql.join("; ")).await?;
                continue;
            }
            let tested = publication.building(*id);
            let indexes = catalog::indexes(session, &tested).await?;
            let fresh = self.fresh(publication, *id);
            let name = |target| self.name(publication, target, moved);
            let query = publication.plan.query(manifest, *id, false, &name);
            let mut sql = vec![format!("create materialized view {fresh} as {}", query.text)];
            // What was tested has served; its indexes' names are free for the one that is published.
            sql.extend(indexes.iter().map(|index| format!("drop index {}", index.name)));
            sql.extend(indexes.iter().map(|index| index.statement(&fresh)));
            let columns = catalog::columns(session, &tested).await?;
            sql.extend(comments(node, &fresh, "materialized view", &columns));
            sql.extend(grant_statements(node, &fresh));
            sql.push(format!("analyze {fresh}"));
            if moved {
                sql.extend(self.moves(publication, *id));
            }
            session.run(&sql.join(";\n")).await?;
        }
        Ok(())
    }

    /// The statements that give a rebuilt one its place.
    pub fn moves(&self, publication: &Publication<'_>, id: NodeId) -> Vec<String> {
        let (fresh, published) = (self.fresh(publication, id), publication.manifest.published(id));
        fresh.moves("materialized view", &published)
    }

    fn fresh(&self, publication: &Publication<'_>, id: NodeId) -> Relation {
        Relation::new(build_schema(publication.run), beside("late", id))
    }

    fn name(&self, publication: &Publication<'_>, id: NodeId, moved: bool) -> Relation {
        let built = publication.built.iter().find(|built| built.id == id);
        match built {
            Some(_) if !moved && self.rebuilt.contains(&id) => self.fresh(publication, id),
            Some(built) if !moved && built.delta.is_none() && !self.refreshed.contains(&id) => {
                publication.building(id)
            }
            _ => publication.manifest.published(id),
        }
    }
}

/// Whether the published one has the same query and indexes, and can be refreshed while it is read.
async fn is_as_published(
    session: &Session,
    publication: &Publication<'_>,
    id: NodeId,
) -> Result<bool, DatabaseError> {
    let manifest = publication.manifest;
    let published = manifest.published(id);
    let standing = catalog::existing(session, std::slice::from_ref(&published)).await?;
    if !standing.first().is_some_and(|one| one.kind == 'm' && one.owned) {
        return Ok(false);
    }
    let (schema, tested) = (build_schema(publication.run), publication.building(id));
    let (before, now) =
        (catalog::indexes(session, &published).await?, catalog::indexes(session, &tested).await?);
    let can =
        before.iter().any(|index| index.identifies) && IndexShape::all(&before) == IndexShape::all(&now);
    if !can {
        return Ok(false);
    }
    // PostgreSQL says of two queries whether they are the same once it has read them.
    let probe = Relation::new(schema, beside("probe", id));
    let query = publication.plan.query(manifest, id, false, &|target| manifest.published(target));
    session.run(&format!("create view {probe} as {}", query.text)).await?;
    catalog::same_query(session, &probe, &published).await
}
