//! The statements that make a node without rows. Pure.

use crate::manifest::{Body, Manifest, Node, NodeId, Sql};
use crate::name::Relation;
use crate::project::Materialization;
use crate::run::build::{columns_added, rule_table};

/// The statements that make a node without rows; `None` where nothing says what columns it has.
pub(super) fn statements(
    manifest: &Manifest,
    node: &Node,
    id: NodeId,
    relation: &Relation,
    name: &dyn Fn(NodeId) -> Relation,
) -> Vec<Option<Sql>> {
    if let Body::Rule(rule) = &node.body {
        let mut sql = Sql::default();
        sql.push(&rule_table(rule, relation));
        return vec![Some(sql)];
    }
    let full = manifest.query(id, false, name);
    match node.materialization {
        Materialization::Load if full.is_blank() => vec![None],
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
            vec![Some(columns.wrap(&format!("create table {relation} (\n"), "\n)"))]
        }
        Materialization::View => vec![Some(full.wrap(&format!("create view {relation} as\n"), ""))],
        Materialization::Snapshot => {
            let before =
                format!("create table {relation} as select q.*, {} from (\n", columns_added(&node.config));
            vec![Some(full.wrap(&before, "\n) as q with no data"))]
        }
        Materialization::MaterializedView => {
            vec![Some(full.wrap(&format!("create materialized view {relation} as\n"), "\nwith no data"))]
        }
        Materialization::Incremental => {
            let added = manifest.query(id, true, name);
            vec![
                Some(full.wrap(&format!("create table {relation} as\n"), "\nwith no data")),
                Some(added.wrap("explain select * from (\n", "\n) as added")),
            ]
        }
        _ => vec![Some(full.wrap(&format!("create table {relation} as\n"), "\nwith no data"))],
    }
}
