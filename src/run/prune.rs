//! Relations that elt published and whose models are gone. The ledger in the database knows them; what is
//! not in it is never looked at.

use std::collections::BTreeSet;

use super::failures;
use super::publish::endpoints;
use super::start::take_lock;
use super::sweep::{kind_word, sweep};
use super::{Place, RunError};
use crate::database::catalog::{self, Existing};
use crate::database::{DatabaseError, Session, begun, kept, migrate, schemas};
use crate::manifest::Manifest;
use crate::name::Relation;
use crate::project::Layer;

/// What a prune found, and what became of it.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Owned, published, and made by no model any more.
    pub orphans: Vec<Relation>,
    pub dropped: Vec<Relation>,
    /// Still there, each with the reason.
    pub kept: Vec<(Relation, DatabaseError)>,
}

/// Lists the relations that no model makes any more; with `drop` drops them, without CASCADE: what others
/// hung on one keeps it.
pub async fn prune(place: &Place, manifest: &Manifest, drop: bool) -> Result<Pruned, RunError> {
    let mut session = place.connector.session().await?;
    migrate(&mut session).await?;
    let prod = manifest.schema(Layer::Prod).as_str();
    take_lock(&session, prod).await?;
    let orphans = orphans(&session, manifest).await?;
    let mut pruned =
        Pruned { orphans: orphans.iter().map(|one| one.relation.clone()).collect(), ..Pruned::default() };
    if drop {
        // What a failed run keeps may read what is to go.
        kept::forget(&session, prod).await?;
        begun::forget_but(&session, prod, &[]).await?;
        sweep(&session, prod).await?;
        drop_all(&session, manifest, orphans, &mut pruned).await?;
    }
    Ok(pruned)
}

/// What elt published and no model makes any more.
pub(super) async fn orphans(session: &Session, manifest: &Manifest) -> Result<Vec<Existing>, DatabaseError> {
    let failures = failures::schema(manifest);
    let tests = manifest.tests.iter().map(|test| failures::table(manifest, test));
    let known: BTreeSet<Relation> = manifest.ids().map(|id| manifest.published(id)).chain(tests).collect();
    let mut schemas = schemas::claimed(session, manifest.schema(Layer::Prod).as_str()).await?;
    let layers = manifest.schemas().into_iter().chain([&failures]);
    schemas.extend(layers.map(|schema| schema.as_str().to_owned()));
    let mut orphans: Vec<Existing> = catalog::owned(session, &schemas).await?;
    let own = |one: &Existing| catalog::OWN_TABLES.contains(&one.relation.name.as_str());
    orphans.retain(|one| !known.contains(&one.relation) && !own(one));
    Ok(orphans)
}

/// One may read another: goes round until a round drops nothing more.
async fn drop_all(
    session: &Session,
    manifest: &Manifest,
    mut orphans: Vec<Existing>,
    pruned: &mut Pruned,
) -> Result<(), DatabaseError> {
    session.run("set lock_timeout = '5s'").await?;
    let endpoints = endpoints::table(manifest);
    let serves = !catalog::existing(session, std::slice::from_ref(&endpoints)).await?.is_empty();
    while !orphans.is_empty() {
        let before = orphans.len();
        pruned.kept.clear();
        for orphan in std::mem::take(&mut orphans) {
            if orphan.made_as == "snapshot" {
                let why = DatabaseError::new(
                    "it is a snapshot, whose history cannot be built again; drop it yourself",
                );
                pruned.kept.push((orphan.relation.clone(), why));
                orphans.push(orphan);
                continue;
            }
            let mut statement = format!("drop {} {}", kind_word(orphan.kind), orphan.relation);
            if serves {
                // In the same transaction, and told: nobody is shown an endpoint without its relation.
                let gone = endpoints::withdraw_of(manifest, &orphan.relation);
                statement = format!("{gone}; {statement}; notify elt_published");
            }
            match session.run(&statement).await {
                Ok(_) => {
                    catalog::disown(session, &orphan.relation).await?;
                    pruned.dropped.push(orphan.relation);
                }
                Err(error) if error.is_unreachable() => return Err(error),
                Err(error) => {
                    pruned.kept.push((orphan.relation.clone(), error));
                    orphans.push(orphan);
                }
            }
        }
        if orphans.len() == before {
            break;
        }
    }
    Ok(())
}
