//! What kept a run from publishing, told so that somebody can mend it.

use super::{PATIENCE, Publication, Published};
use crate::database::{DatabaseError, Session, catalog, history, in_the_way};
use crate::diagnostic::Diagnostic;
use crate::name::Relation;
use crate::pipeline::RunStatus;
use crate::project::Layer;
use crate::run::failure::{hint, is_disk_full};

pub(in crate::run) fn failed(error: &DatabaseError) -> Box<Diagnostic> {
    let message = format!("publishing failed, prod is as it was: {error}");
    let code = if is_disk_full(error) { "disk-full" } else { "publish" };
    Box::new(Diagnostic::error(code, message).maybe_hint(hint(error)))
}

pub(super) fn cancelled() -> Box<Diagnostic> {
    Box::new(Diagnostic::error("cancelled", "cancelled while waiting to publish; prod is as it was"))
}

/// PostgreSQL ends an autovacuum that somebody waits for, but only when it looks for deadlocks, and the tries to
/// publish give up before that. This lock waits longer and keeps neither readers nor writers out.
pub(super) async fn end_autovacuums(
    session: &Session,
    publication: &Publication<'_>,
) -> Result<(), DatabaseError> {
    let stand = standing(session, publication).await?;
    let wait = in_the_way::deadlock_timeout(session).await? + 500;
    for table in in_the_way::being_vacuumed(session, &stand).await? {
        session.run(&format!("begin; set local lock_timeout = '{wait}ms'")).await?;
        let waited = session.run(&format!("lock table {table} in share update exclusive mode")).await;
        session.run("rollback").await?;
        waited?;
    }
    Ok(())
}

/// What stands where something is to be published.
async fn standing(session: &Session, publication: &Publication<'_>) -> Result<Vec<u32>, DatabaseError> {
    let relations: Vec<Relation> =
        publication.built.iter().map(|built| publication.manifest.published(built.id)).collect();
    Ok(catalog::existing(session, &relations).await?.iter().map(|one| one.oid).collect())
}

pub(super) async fn locked(
    session: &Session,
    publication: &Publication<'_>,
    error: &DatabaseError,
) -> Box<Diagnostic> {
    let oids = standing(session, publication).await.unwrap_or_default();
    let holders = in_the_way::lock_holders(session, &oids).await.unwrap_or_default();
    in_use(error, &holders)
}

fn in_use(error: &DatabaseError, holders: &[String]) -> Box<Diagnostic> {
    let message =
        format!("published relations were in use for {} s, prod is as it was: {error}", PATIENCE.as_secs());
    let hint = if holders.is_empty() {
        "run again when long transactions on prod have ended".to_owned()
    } else {
        format!("in the way: {}", holders.join("; "))
    };
    Box::new(Diagnostic::error("prod-in-use", message).hint(hint))
}

/// The record of the run was written in the same transaction: where it says so, all was published.
pub(super) async fn after_lost_commit(
    publication: &Publication<'_>,
    lost: &DatabaseError,
) -> Result<Published, Box<Diagnostic>> {
    let prod = publication.manifest.schema(Layer::Prod).as_str();
    let asked = async {
        let session = publication.place.connector.connect().await?;
        history::run(&session, prod, publication.run).await
    };
    match asked.await {
        Ok(Some(run)) if run.status == RunStatus::Succeeded => {
            let notes = vec![format!("the connection broke after the commit: {lost}")];
            Ok(Published { relations: publication.built.len(), notes })
        }
        Ok(_) => Err(failed(lost)),
        Err(_) => {
            let message = format!(
                "the connection broke during the commit; it is not known whether run {} published: {lost}",
                publication.run
            );
            Err(Box::new(
                Diagnostic::error("publish", message)
                    .hint("when the server is back, `elt run` again: it begins with what it finds"),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_relation_is_named() {
        let error = DatabaseError::new("canceling statement due to lock timeout");
        let holder = "process 7 of ada, in a transaction since 10:00:00".to_owned();
        insta::assert_snapshot!(in_use(&error, &[holder]).render(false), @r"
        error[prod-in-use]: published relations were in use for 60 s, prod is as it was: canceling statement due to lock timeout
         |
         = help: in the way: process 7 of ada, in a transaction since 10:00:00
        ");
        insta::assert_snapshot!(in_use(&error, &[]).render(false), @r"
        error[prod-in-use]: published relations were in use for 60 s, prod is as it was: canceling statement due to lock timeout
         |
         = help: run again when long transactions on prod have ended
        ");
    }

    #[test]
    fn a_publishing_that_fails_says_that_prod_is_as_it_was() {
        let problem = failed(&DatabaseError::of_code("23505", "could not create unique index \"a_key\""));
        insta::assert_snapshot!(problem.render(false), @r#"error[publish]: publishing failed, prod is as it was: could not create unique index "a_key""#);
    }
}
