//! `grants` of a config: who may do what with a relation. Where any is written, these are all that hold;
//! where none is, publishing carries over what stood.

use crate::database::{DatabaseError, Session, catalog};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::manifest::Node;
use crate::manifest::{Manifest, NodeId};
use crate::name::{Ident, Relation, literal};

/// The statements that grant on a new relation, on which nobody has a right yet.
pub(in crate::run) fn statements(node: &Node, relation: &Relation) -> Vec<String> {
    let grants = node.config.grants.iter();
    grants
        .filter_map(|(privilege, roles)| {
            let roles: Vec<String> = roles.0.iter().filter_map(|role| grantee(role)).collect();
            (!roles.is_empty()).then(|| format!("grant {privilege} on {relation} to {}", roles.join(", ")))
        })
        .collect()
}

/// The same for a table that stays: what others hold of it goes first.
pub(in crate::run) fn exact(node: &Node, relation: &Relation) -> Vec<String> {
    if node.config.grants.is_empty() {
        return Vec::new();
    }
    let (schema, name) = (literal(relation.schema.as_str()), literal(relation.name.as_str()));
    let revoke = format!(
        "do $elt$ declare statement text; begin \
           for statement in select distinct format('revoke all on %I.%I from %s', n.nspname, c.relname, \
             case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end) \
             from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a \
             where n.nspname = {schema} and c.relname = {name} and a.grantee <> c.relowner \
           loop execute statement; end loop; end $elt$"
    );
    std::iter::once(revoke).chain(statements(node, relation)).collect()
}

/// Roles that some node's config names and the server does not know: told before anything is built.
pub(in crate::run) async fn unknown_roles(
    session: &Session,
    manifest: &Manifest,
    build: &[NodeId],
) -> Result<Vec<Diagnostic>, DatabaseError> {
    let nodes = build.iter().map(|id| manifest.node(*id)).filter(|node| !node.config.grants.is_empty());
    let nodes: Vec<&Node> = nodes.collect();
    if nodes.is_empty() {
        return Ok(Vec::new());
    }
    let known = catalog::roles(session).await?;
    let mut problems = Vec::new();
    for node in nodes {
        for role in node.config.grants.values().flat_map(|roles| &roles.0) {
            if role.to_lowercase() != "public" && !known.contains(role) {
                let message =
                    format!("`{}` grants to the role `{role}`, which does not exist", node.name.as_str());
                let hint = did_you_mean(role, known.iter().map(String::as_str))
                    .unwrap_or_else(|| format!("make it first: create role {role}"));
                problems.push(Diagnostic::error("unknown-role", message).at(node.place_of(role)).hint(hint));
            }
        }
    }
    Ok(problems)
}

fn grantee(role: &str) -> Option<String> {
    match role.to_lowercase().as_str() {
        "public" => Some("public".into()),
        _ => Ident::new(role).ok().map(|role| role.to_string()),
    }
}
