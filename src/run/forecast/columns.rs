//! What becomes of prod's columns: what would be built is made without rows in a transaction that is rolled
//! back, and compared with what is published. And who else depends on what changes.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Action, Step};
use crate::database::catalog::{self, Column};
use crate::database::{DatabaseError, Session};
use crate::diagnostic::Diagnostic;
use crate::manifest::{Manifest, Node, NodeId};
use crate::name::Relation;
use crate::project::{Layer, Materialization, OnSchemaChange};
use crate::run::check::Checker;
use crate::run::plan::Plan;
use crate::run::publish;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum ColumnChange {
    Appears { column: String, data_type: String },
    Changes { column: String, from: String, to: String },
    Vanishes { column: String, data_type: String },
}

impl ColumnChange {
    fn breaks(&self) -> Option<&str> {
        match self {
            Self::Appears { .. } => None,
            Self::Changes { column, .. } | Self::Vanishes { column, .. } => Some(column),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelationChange {
    pub relation: String,
    /// Nothing stands there yet.
    pub new: bool,
    pub columns: Vec<ColumnChange>,
}

#[derive(Default)]
pub(super) struct Found {
    pub relations: Vec<RelationChange>,
    pub warnings: Vec<String>,
    pub problems: Vec<Diagnostic>,
    /// Their columns hang on values that they ask for.
    doubtful: Vec<String>,
}

pub(super) async fn of_prod(
    session: &Session,
    manifest: &Manifest,
    plan: &Plan,
    steps: &[Step],
) -> Result<Found, DatabaseError> {
    let touched: Vec<NodeId> =
        steps.iter().filter(|step| step.action != Action::Unchanged).map(|step| step.id).collect();
    if touched.is_empty() {
        return Ok(Found::default());
    }
    let mut checker = Checker::begin(session, manifest, &plan.elsewhere).await?;
    let looked = look(session, manifest, plan, &mut checker, &touched).await;
    session.run("rollback").await?;
    let (mut found, broken) = looked?;
    let checked = checker.end();
    found.problems.extend(checked.problems);
    let prod = manifest.nodes.iter().filter(|node| node.layer == Layer::Prod);
    let prod: BTreeSet<String> = prod.map(Node::label).collect();
    let unknown: Vec<String> = checked.unjudged.into_iter().filter(|node| prod.contains(node)).collect();
    if !unknown.is_empty() {
        let unknown = unknown.join(", ");
        found.warnings.push(format!(
            "columns not known yet, for what they read is wrong or was never loaded: {unknown}"
        ));
    }
    if !found.doubtful.is_empty() {
        let doubtful = found.doubtful.join(", ");
        found
            .warnings
            .push(format!("columns not known yet, for they hang on values that are asked for: {doubtful}"));
    }
    for (id, columns) in broken {
        found.warnings.extend(outside(session, manifest, id, &columns).await?);
    }
    let replaced: Vec<NodeId> = touched.into_iter().filter(|id| !plan.added_to.contains(id)).collect();
    if let Some(refusal) = publish::refusal(session, manifest, &replaced).await? {
        let hint = refusal.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        found.warnings.push(format!("publishing will be refused: {}{hint}", refusal.message));
    }
    Ok(found)
}

type Broken = Vec<(NodeId, BTreeSet<String>)>;

async fn look(
    session: &Session,
    manifest: &Manifest,
    plan: &Plan,
    checker: &mut Checker<'_>,
    touched: &[NodeId],
) -> Result<(Found, Broken), DatabaseError> {
    let (mut found, mut broken) = (Found::default(), Broken::new());
    for id in touched {
        checker.node(*id).await?;
        let node = manifest.node(*id);
        let published = manifest.published(*id);
        if node.layer == Layer::Prod && checker.is_doubtful(*id) {
            found.doubtful.push(node.label());
            continue;
        }
        if node.layer != Layer::Prod || !checker.has_made(*id) {
            continue;
        }
        let now = catalog::columns(session, &checker.name(None, *id)).await?;
        let before = catalog::columns(session, &published).await?;
        let mut columns = compared(&before, &now);
        if plan.added_to.contains(id) {
            keep_by_policy(manifest, *id, &mut columns, &mut found.warnings);
        }
        let names: BTreeSet<String> =
            columns.iter().filter_map(ColumnChange::breaks).map(str::to_owned).collect();
        if !names.is_empty() {
            broken.push((*id, names));
        }
        if !columns.is_empty() {
            let new = before.is_empty();
            found.relations.push(RelationChange { relation: published.plain(), new, columns });
        }
    }
    Ok((found, broken))
}

fn compared(before: &[Column], now: &[Column]) -> Vec<ColumnChange> {
    let find = |columns: &[Column], name: &str| columns.iter().find(|one| one.name == name).cloned();
    let mut changes = Vec::new();
    for column in now {
        let name = column.name.clone();
        match find(before, &column.name) {
            None => changes.push(ColumnChange::Appears { column: name, data_type: column.data_type.clone() }),
            Some(old) if old.data_type != column.data_type => changes.push(ColumnChange::Changes {
                column: name,
                from: old.data_type,
                to: column.data_type.clone(),
            }),
            Some(_) => {}
        }
    }
    for column in before.iter().filter(|column| find(now, &column.name).is_none()) {
        let data_type = column.data_type.clone();
        changes.push(ColumnChange::Vanishes { column: column.name.clone(), data_type });
    }
    changes
}

/// A table that is added to keeps its columns but for what `on_schema_change` says.
fn keep_by_policy(
    manifest: &Manifest,
    id: NodeId,
    columns: &mut Vec<ColumnChange>,
    warnings: &mut Vec<String>,
) {
    let node = manifest.node(id);
    let policy = match node.materialization {
        Materialization::Snapshot => OnSchemaChange::AppendNewColumns,
        _ => node.config.on_schema_change,
    };
    match policy {
        OnSchemaChange::SyncAllColumns => {}
        OnSchemaChange::AppendNewColumns => {
            columns.retain(|change| matches!(change, ColumnChange::Appears { .. }));
        }
        OnSchemaChange::Ignore => columns.clear(),
        OnSchemaChange::Fail if columns.is_empty() => {}
        OnSchemaChange::Fail => warnings.push(format!(
            "{} has other columns now, and on_schema_change='fail' will fail the run",
            node.label()
        )),
    }
}

/// Who besides elt uses these columns.
async fn outside(
    session: &Session,
    manifest: &Manifest,
    id: NodeId,
    columns: &BTreeSet<String>,
) -> Result<Vec<String>, DatabaseError> {
    let published: Relation = manifest.published(id);
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut told: Vec<String> = catalog::users_of_columns(session, &published, &names)
        .await?
        .into_iter()
        .map(|(column, user)| format!("{user}, which elt did not make, reads {}.{column}", published.plain()))
        .collect();
    let used = manifest.exposures.iter().filter(|exposure| exposure.parents.contains(&id));
    let listed = names.join(", ");
    told.extend(used.map(|exposure| {
        format!("the exposure {} uses {}, of which {listed} change", exposure.written.name, published.plain())
    }));
    Ok(told)
}
