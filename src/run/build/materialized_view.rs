//! A materialized view is built beside the published one and moved, like a table. Here only: what becomes of
//! indexes that are configured otherwise than they stand.

use crate::database::catalog::{self, IndexShape};
use crate::database::{DatabaseError, Session};
use crate::diagnostic::Diagnostic;
use crate::manifest::Node;
use crate::name::Relation;
use crate::project::OnConfigurationChange;
use crate::run::failure::located;
use crate::run::task::Problem;

/// Does as `on_configuration_change` says; a note where something was passed over.
pub(super) async fn meet_standing(
    session: &Session,
    node: &Node,
    relation: &Relation,
    published: &Relation,
) -> Result<Option<String>, Problem> {
    let policy = node.config.on_configuration_change;
    if policy == OnConfigurationChange::Apply {
        return Ok(None);
    }
    let failed = |error: DatabaseError| Box::new(located(&error, node.place_of("on_configuration_change")));
    let standing = catalog::existing(session, std::slice::from_ref(published)).await.map_err(failed)?;
    if standing.first().is_none_or(|one| one.kind != 'm') {
        return Ok(None);
    }
    let before = catalog::indexes(session, published).await.map_err(failed)?;
    let now = catalog::indexes(session, relation).await.map_err(failed)?;
    if IndexShape::all(&before) == IndexShape::all(&now) {
        return Ok(None);
    }
    let message =
        format!("the indexes of the materialized view {} are configured otherwise now", published.plain());
    if policy == OnConfigurationChange::Fail {
        let hint = "on_configuration_change='fail' asks for this; `apply` makes the new indexes";
        return Err(Box::new(
            Diagnostic::error("configuration-changed", message)
                .at(node.place_of("on_configuration_change"))
                .hint(hint),
        ));
    }
    let drops = now.iter().map(|index| format!("drop index {}", index.name));
    let creates = before.iter().map(|index| index.statement(relation));
    session.run(&drops.chain(creates).collect::<Vec<_>>().join("; ")).await.map_err(failed)?;
    Ok(Some(format!("{message}; on_configuration_change='continue' keeps them as they are")))
}
