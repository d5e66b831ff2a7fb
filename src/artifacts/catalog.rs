//! `catalog.json`: what stands in the database of the project's relations, in dbt's version 1.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

use super::{Invocation, Metadata};
use crate::database::Described;
use crate::manifest::{Body, Manifest};
use crate::name::Relation;

#[derive(Serialize)]
struct Document<'a> {
    metadata: Metadata<'a>,
    nodes: IndexMap<String, Entry>,
    sources: IndexMap<String, Entry>,
    errors: Option<()>,
}

#[derive(Serialize)]
struct Entry {
    metadata: About,
    columns: IndexMap<String, Column>,
    stats: IndexMap<&'static str, Stat>,
    unique_id: String,
}

#[derive(Serialize)]
struct About {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: String,
    name: String,
    database: Option<String>,
    comment: Option<String>,
    owner: String,
}

#[derive(Serialize)]
struct Column {
    #[serde(rename = "type")]
    data_type: String,
    index: usize,
    name: String,
    comment: Option<String>,
}

#[derive(Serialize)]
struct Stat {
    id: &'static str,
    label: &'static str,
    value: Value,
    include: bool,
    description: &'static str,
}

/// The document, to be written by [`super::Folder::write`]. Relations that do not stand are left out, and so
/// is what stands and is none of the project's.
pub fn catalog<'a>(
    manifest: &Manifest,
    database: &str,
    described: &[Described],
    invocation: &'a Invocation,
) -> impl Serialize + 'a {
    let standing: HashMap<&Relation, &Described> =
        described.iter().map(|described| (&described.relation, described)).collect();
    let (mut nodes, mut sources) = (IndexMap::new(), IndexMap::new());
    for id in manifest.ids() {
        let Some(described) = standing.get(&manifest.published(id)) else { continue };
        let unique_id = manifest.unique_id(id);
        let place = match manifest.node(id).body {
            Body::Source { .. } => &mut sources,
            _ => &mut nodes,
        };
        place.insert(unique_id.clone(), entry(described, database, unique_id));
    }
    Document { metadata: invocation.metadata("catalog/v1"), nodes, sources, errors: None }
}

fn entry(described: &Described, database: &str, unique_id: String) -> Entry {
    let columns = described.columns.iter().enumerate().map(|(index, column)| {
        let entry = Column {
            data_type: column.data_type.clone(),
            index: index + 1,
            name: column.name.clone(),
            comment: column.comment.clone(),
        };
        (column.name.clone(), entry)
    });
    Entry {
        metadata: About {
            kind: kind(described.kind),
            schema: described.relation.schema.as_str().to_owned(),
            name: described.relation.name.as_str().to_owned(),
            database: Some(database.to_owned()),
            comment: described.comment.clone(),
            owner: described.owner.clone(),
        },
        columns: columns.collect(),
        stats: stats(described),
        unique_id,
    }
}

fn stats(described: &Described) -> IndexMap<&'static str, Stat> {
    let has_rows = described.rows.is_some();
    let stat =
        |id, label, value, description| (id, Stat { id, label, value, include: has_rows, description });
    let mut stats =
        IndexMap::from([stat("has_stats", "Has Stats?", has_rows.into(), "Whether it is a table")]);
    stats["has_stats"].include = false;
    if let Some(rows) = described.rows {
        stats.extend([
            stat("num_rows", "Rows", rows.into(), "About how many rows it has, by PostgreSQL's statistics"),
            stat("num_bytes", "Size", described.bytes.into(), "Bytes on disk, with indexes"),
        ]);
    }
    stats
}

/// As PostgreSQL's information schema and dbt call them.
fn kind(kind: char) -> &'static str {
    match kind {
        'v' => "VIEW",
        'm' => "MATERIALIZED VIEW",
        'f' => "FOREIGN TABLE",
        _ => "BASE TABLE",
    }
}
