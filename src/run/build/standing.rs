//! A published table that is added to is not made anew, so what config says of its indexes must be brought to it:
//! those that lack are made when the new rows are published. Constraints stay as they are, and that is told.

use serde_json::Value;

use super::{indexes, write_index};
use crate::database::catalog::{self, IndexShape};
use crate::database::{DatabaseError, Session, ledger};
use crate::manifest::NodeId;
use crate::name::{Ident, Relation};
use crate::project::Index;
use crate::run::build::beside;
use crate::run::task::Shared;
use crate::run::unchanged::definition_text;

/// What publishing has to do besides moving rows, and what the user should know.
#[derive(Default)]
pub(super) struct Following {
    pub statements: Vec<String>,
    pub notes: Vec<String>,
}

/// `overlay` shows the table as it will be.
pub(super) async fn follow(
    shared: &Shared,
    session: &Session,
    id: NodeId,
    overlay: &Relation,
) -> Result<Following, DatabaseError> {
    let node = shared.manifest.node(id);
    let published = shared.manifest.published(id);
    let mut following = Following::default();
    let before = ledger::definitions(session, std::slice::from_ref(&published)).await?;
    if let Some(before) = before.get(&published) {
        let now = definition_text(&shared.manifest, &shared.place.target, id);
        following.notes.extend(kept(&published, node.name.as_str(), before, &now));
    }
    let wanted = indexes(node);
    if wanted.is_empty() {
        return Ok(following);
    }
    let probe = Relation::new(overlay.schema.clone(), beside("indexed", id));
    let shapes = shapes(session, &wanted, overlay, &probe).await?;
    let standing = catalog::indexes(session, &published).await?;
    for (index, shape) in wanted.iter().zip(&shapes) {
        let stands = |one: &IndexShape| one.unique == shape.unique && one.using == shape.using;
        if standing.iter().any(stands) {
            continue;
        }
        let named = index.name.as_deref();
        if let Some(old) = standing.iter().find(|one| Some(one.name.name.as_str()) == named) {
            following.statements.push(format!("drop index {}", old.name));
        }
        let mut create = String::new();
        write_index(&mut create, &published, index);
        following.statements.push(create.trim_end_matches(';').to_owned());
        let columns = index.columns.join(", ");
        following.notes.push(format!("{} gets an index on {columns}", published.plain()));
    }
    Ok(following)
}

/// What PostgreSQL makes of each index, asked by an empty table.
async fn shapes(
    session: &Session,
    wanted: &[Index],
    overlay: &Relation,
    probe: &Relation,
) -> Result<Vec<IndexShape>, DatabaseError> {
    let mut sql = format!("create table {probe} as select * from {overlay} with no data;");
    let name = |number: usize| format!("elt index {number} of {}", probe.name.as_str());
    for (number, index) in wanted.iter().enumerate() {
        write_index(&mut sql, probe, &Index { name: Some(name(number)), ..index.clone() });
    }
    session.run(&sql).await?;
    let mut made = catalog::indexes(session, probe).await?;
    session.run(&format!("drop table {probe}")).await?;
    let names: Vec<Ident> = (0..wanted.len()).filter_map(|number| Ident::new(name(number)).ok()).collect();
    made.sort_by_key(|shape| names.iter().position(|name| *name == shape.name.name));
    Ok(made)
}

/// What of a definition the standing table does not follow. Both are JSON.
pub(in crate::run) fn kept(published: &Relation, name: &str, before: &str, now: &str) -> Option<String> {
    let (before, now): (Value, Value) = (serde_json::from_str(before).ok()?, serde_json::from_str(now).ok()?);
    let list = |definition: &Value, part: &str| definition[part].as_array().cloned().unwrap_or_default();
    let of_columns = |definition: &Value| -> Vec<(Value, Value)> {
        list(definition, "columns").iter().map(|column| (column[0].clone(), column[3].clone())).collect()
    };
    let of_indexes =
        |definition: &Value| definition["words"]["indexes"].as_array().cloned().unwrap_or_default();
    let mut parts = Vec::new();
    if kept_constraints(&before["constraints"]) != kept_constraints(&now["constraints"])
        || constrained(of_columns(&before)) != constrained(of_columns(&now))
    {
        parts.push("constraints");
    }
    if of_indexes(&before).iter().any(|index| !of_indexes(&now).contains(index)) {
        parts.push("indexes that are configured no more");
    }
    (!parts.is_empty()).then(|| {
        format!(
            "{} keeps its {} until it is built anew: elt run --full-refresh --select {name}",
            published.plain(),
            parts.join(" and ")
        )
    })
}

/// The columns that have constraints, with these.
fn constrained(columns: Vec<(Value, Value)>) -> Vec<(Value, Vec<Value>)> {
    let constrained = columns.into_iter().map(|(column, all)| (column, kept_constraints(&all)));
    constrained.filter(|(_, constraints)| !constraints.is_empty()).collect()
}

/// Foreign keys are made and dropped as the contract has them whenever rows are added.
fn kept_constraints(all: &Value) -> Vec<Value> {
    let all = all.as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|constraint| constraint[0] != "ForeignKey").collect()
}
