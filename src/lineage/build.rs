//! Follows node after node in the order of building, so that parents' columns are known when a child asks.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Catalog, ColumnLineage, Doubt, Input, Lineage, NodeLineage, Source};
use crate::manifest::{Body, Manifest, Node, NodeId, Sql};
use crate::project::{HardDeletes, Materialization};
use crate::sql::{self, Followed, Kind, Known};

/// Metadata columns that a load can add, and their types.
const METADATA: &[(&str, &str)] = &[
    ("_source", "text"),
    ("_file", "text"),
    ("_row", "bigint"),
    ("_loaded_at", "timestamp with time zone"),
    ("_run_id", "bigint"),
];

pub(super) fn build(manifest: &Manifest, catalog: &Catalog) -> Lineage {
    let mut relations = HashMap::with_capacity(manifest.nodes.len());
    for id in manifest.ids() {
        let relation = manifest.published(id);
        relations
            .entry((relation.schema.as_str().to_owned(), relation.name.as_str().to_owned()))
            .or_insert(id);
    }
    let mut builder =
        Builder { manifest, relations, nodes: vec![NodeLineage::default(); manifest.nodes.len()] };
    for id in &manifest.order {
        builder.nodes[id.0] = match catalog.get(id) {
            Some(columns) if !is_query(manifest.node(*id)) => stored(columns),
            _ => builder.follow(*id),
        };
        let types = catalog.get(id);
        builder.settle(*id, types);
    }
    Lineage { nodes: builder.nodes }
}

struct Builder<'a> {
    manifest: &'a Manifest,
    relations: HashMap<(String, String), NodeId>,
    nodes: Vec<NodeLineage>,
}

/// Whether its columns come of a query.
fn is_query(node: &Node) -> bool {
    matches!(node.body, Body::Model { .. }) && node.materialization != Materialization::Load
}

fn stored(columns: &[(String, String)]) -> NodeLineage {
    let columns = columns.iter().map(|(name, kind)| plain(name, Some(kind.as_str())));
    NodeLineage { columns: columns.collect(), complete: true, ..NodeLineage::default() }
}

fn plain(name: &str, data_type: Option<&str>) -> ColumnLineage {
    ColumnLineage {
        name: name.into(),
        data_type: data_type.map(Arc::from),
        inputs: Vec::new(),
        unsure: false,
        digest: 0,
        place: None,
    }
}

impl Builder<'_> {
    fn follow(&self, id: NodeId) -> NodeLineage {
        let node = self.manifest.node(id);
        let declared = node.columns.iter().map(|column| plain(&column.name, column.data_type.as_deref()));
        match &node.body {
            Body::Rule(rule) => {
                let columns = rule.columns.iter().map(|c| plain(c.name.as_str(), Some(&c.data_type)));
                NodeLineage { columns: columns.collect(), complete: true, ..NodeLineage::default() }
            }
            // Not everyone describes every column.
            Body::Source { .. } => NodeLineage { columns: declared.collect(), ..NodeLineage::default() },
            Body::Model { .. } if node.materialization == Materialization::Load => {
                let body = self.text(id, false).without_trailing_comma();
                let columns = if body.is_blank() { None } else { sql::declared_columns(&body.text) };
                let Some(columns) = columns else {
                    return NodeLineage { columns: declared.collect(), ..NodeLineage::default() };
                };
                let own = node.config.metadata.iter().filter_map(|name| {
                    METADATA
                        .iter()
                        .find(|(known, _)| known == name)
                        .map(|(name, kind)| plain(name, Some(kind)))
                });
                let columns = columns.iter().map(|(name, kind)| plain(name, Some(kind))).chain(own);
                NodeLineage { columns: columns.collect(), complete: true, ..NodeLineage::default() }
            }
            Body::Model { incremental, .. } => {
                let mut lineage = self.query(id, false, None);
                if incremental.is_some() {
                    let added = self.query(id, true, Some(&lineage));
                    join(&mut lineage, added);
                }
                if node.materialization == Materialization::Snapshot {
                    versions(node, &mut lineage);
                }
                lineage
            }
        }
    }

    fn text(&self, id: NodeId, incremental: bool) -> Sql {
        self.manifest.own_query(id, incremental, &|target| self.manifest.published(target))
    }

    /// `itself` is what is known of the node's own columns, for queries that add to what is there.
    fn query(&self, id: NodeId, incremental: bool, itself: Option<&NodeLineage>) -> NodeLineage {
        let sql = self.text(id, incremental);
        let known = |path: &[String]| {
            let [schema, name] = path else { return None };
            let found = *self.relations.get(&(schema.clone(), name.clone()))?;
            let lineage = itself.filter(|_| found == id).unwrap_or(&self.nodes[found.0]);
            Some(Known {
                table: found.0,
                name: self.manifest.node(found).label().into(),
                columns: lineage.columns.iter().map(|column| column.name.clone()).collect(),
                complete: lineage.complete,
            })
        };
        let followed = sql::follow(&sql.text, &known);
        self.placed(id, &sql, followed)
    }

    /// Numbers become nodes, bytes places. A node is not its own input.
    fn placed(&self, own: NodeId, sql: &Sql, followed: Followed) -> NodeLineage {
        let source = |table: &sql::Table| match table.known {
            Some(index) => Source::Node(NodeId(index)),
            None => Source::Other(table.name.clone()),
        };
        let input = |input: &sql::Input| Input {
            from: source(&input.table),
            column: input.column.clone(),
            kind: input.kind,
            place: sql.locate_byte(input.at),
        };
        let inputs = |all: &[sql::Input]| {
            all.iter().map(input).filter(|input| input.from != Source::Node(own)).collect::<Vec<_>>()
        };
        let columns = followed.columns.iter().map(|column| ColumnLineage {
            name: column.name.clone(),
            data_type: None,
            inputs: inputs(&column.inputs),
            unsure: column.unsure,
            digest: column.digest,
            place: sql.locate_byte(column.at.start),
        });
        let doubt = |doubt: sql::Unsure| Doubt { message: doubt.message, place: sql.locate_byte(doubt.at) };
        NodeLineage {
            columns: columns.collect(),
            complete: followed.complete,
            rows: inputs(&followed.rows),
            rows_digest: followed.rows_digest,
            doubts: followed.unsure.into_iter().map(doubt).collect(),
            further: match followed.open.as_slice() {
                [only] => Some(source(only)),
                _ => None,
            },
        }
    }

    /// Gives a node's columns their types, and its parents the columns that only it tells of.
    fn settle(&mut self, id: NodeId, catalog: Option<&Vec<(String, String)>>) {
        let mut own = std::mem::take(&mut self.nodes[id.0]);
        let inputs = own.columns.iter().flat_map(|column| &column.inputs).chain(&own.rows);
        for input in inputs {
            if let Source::Node(parent) = input.from {
                self.told_of(parent, &input.column);
            }
        }
        let node = self.manifest.node(id);
        for column in own.columns.iter_mut().filter(|column| column.data_type.is_none()) {
            let stored = catalog.and_then(|all| all.iter().find(|(name, _)| **name == *column.name));
            let declared = node.columns.iter().find(|declared| *declared.name == *column.name);
            column.data_type = stored
                .map(|(_, kind)| Arc::from(kind.as_str()))
                .or_else(|| declared.and_then(|declared| declared.data_type.as_deref()).map(Arc::from))
                .or_else(|| self.passed_on(&column.inputs));
        }
        self.nodes[id.0] = own;
    }

    fn passed_on(&self, inputs: &[Input]) -> Option<Arc<str>> {
        let mut values = inputs.iter().filter(|input| input.kind.is_value());
        let (Some(only), None) = (values.next(), values.next()) else { return None };
        match only.from {
            Source::Node(parent) if only.kind == Kind::Copied => {
                self.nodes[parent.0].column(&only.column)?.data_type.clone()
            }
            _ => None,
        }
    }

    /// A child names a column that its parent was not known to have.
    fn told_of(&mut self, parent: NodeId, name: &Arc<str>) {
        let lineage = &self.nodes[parent.0];
        if lineage.complete || lineage.column(name).is_some() {
            return;
        }
        let mut column = plain(name, None);
        match lineage.further.clone() {
            Some(from) => {
                if let Source::Node(grandparent) = from {
                    self.told_of(grandparent, name);
                }
                column.inputs = vec![Input { from, column: name.clone(), kind: Kind::Copied, place: None }];
                column.data_type = self.passed_on(&column.inputs);
            }
            None => column.unsure = is_query(self.manifest.node(parent)),
        }
        self.nodes[parent.0].columns.push(column);
    }
}

/// The columns that a snapshot adds to its query's: computed from the keys and from when a row changed.
fn versions(node: &Node, lineage: &mut NodeLineage) {
    let config = &node.config;
    let names = &config.snapshot_meta_column_names;
    let inputs_of = |wanted: &mut dyn Iterator<Item = &String>| -> Vec<Input> {
        let columns = wanted.filter_map(|name| lineage.column(name));
        let inputs = columns.flat_map(|column| column.inputs.iter().cloned());
        inputs.map(|input| Input { kind: input.kind.max(Kind::Computed), ..input }).collect()
    };
    let times = inputs_of(&mut config.updated_at.iter());
    let keys = inputs_of(&mut config.unique_key.iter().chain(&config.updated_at));
    let all = [
        (&names.dbt_scd_id, "dbt_scd_id", keys),
        (&names.dbt_updated_at, "dbt_updated_at", times.clone()),
        (&names.dbt_valid_from, "dbt_valid_from", times.clone()),
        (&names.dbt_valid_to, "dbt_valid_to", times),
    ];
    for (own, name, inputs) in all {
        let name = own.as_deref().unwrap_or(name);
        lineage.columns.push(ColumnLineage { inputs, ..plain(name, None) });
    }
    if config.hard_deletes() == HardDeletes::NewRecord {
        let name = names.dbt_is_deleted.as_deref().unwrap_or("dbt_is_deleted");
        lineage.columns.push(plain(name, Some("text")));
    }
}

/// What an incremental query adds to what the full one says.
fn join(full: &mut NodeLineage, added: NodeLineage) {
    let new = |known: &[Input], all: Vec<Input>| {
        let is_new = |input: &Input| {
            !known.iter().any(|k| (&k.from, &k.column, k.kind) == (&input.from, &input.column, input.kind))
        };
        all.into_iter().filter(is_new).collect::<Vec<_>>()
    };
    for column in added.columns {
        if let Some(own) = full.columns.iter_mut().find(|own| own.name == column.name) {
            own.inputs.extend(new(&own.inputs, column.inputs));
            own.unsure |= column.unsure;
            own.digest ^= column.digest.rotate_left(1);
        }
    }
    full.rows.extend(new(&full.rows, added.rows));
    full.rows_digest ^= added.rows_digest.rotate_left(1);
    for doubt in added.doubts {
        if !full.doubts.iter().any(|known| known.message == doubt.message) {
            full.doubts.push(doubt);
        }
    }
}
