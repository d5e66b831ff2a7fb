//! The statements that make a node without rows. Pure.

use crate::manifest::{Answered, Body, Manifest, NodeId, Sql};
use crate::name::Relation;
use crate::project::Materialization;
use crate::run::build::{columns_added, rule_table};

/// The statement that makes a node without rows; `None` where nothing says what columns it has.
pub(super) fn statement(
    manifest: &Manifest,
    id: NodeId,
    relation: &Relation,
    name: &dyn Fn(NodeId) -> Relation,
    answered: &Answered,
) -> Option<Sql> {
    let node = manifest.node(id);
    if let Body::Rule(rule) = &node.body {
        let mut sql = Sql::default();
        sql.push(&rule_table(rule, relation));
        return Some(sql);
    }
    let full = manifest.query_answered(id, false, name, answered);
    match node.materialization {
        Materialization::Load if full.is_blank() => None,
        Materialization::Load => {
            let mut columns = full.without_trailing_comma();
            for metadata in &node.config.metadata {
                let data_type = match metadata.as_str() {
                    "_loaded_at" => "timestamptz",
                    "_run_id" => "bigint",
                    _ => "text",
                };
                columns.push(&format!("\n, {metadata} {data_type}"));
            }
            Some(columns.wrap(&format!("create table {relation} (\n"), "\n)"))
        }
        Materialization::View => Some(full.wrap(&format!("create view {relation} as\n"), "")),
        Materialization::Snapshot => {
            let before =
                format!("create table {relation} as select q.*, {} from (\n", columns_added(&node.config));
            Some(full.wrap(&before, "\n) as q with no data"))
        }
        Materialization::MaterializedView => {
            Some(full.wrap(&format!("create materialized view {relation} as\n"), "\nwith no data"))
        }
        _ => Some(full.wrap(&format!("create table {relation} as\n"), "\nwith no data")),
    }
}

/// The statement that judges what is added to an incremental model, which was made before.
pub(super) fn addition(
    manifest: &Manifest,
    id: NodeId,
    name: &dyn Fn(NodeId) -> Relation,
    answered: &Answered,
) -> Sql {
    let added = manifest.query_answered(id, true, name, answered);
    added.wrap("explain select * from (\n", "\n) as added")
}
