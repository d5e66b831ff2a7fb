//! What prod is served as, written into prod itself in the publishing transaction: the service learns of an
//! endpoint in the same moment as of the rows behind it, and reads nothing else.

use super::{Publication, moving::Stop, not_ours};
use crate::database::{DatabaseError, Session, catalog};
use crate::manifest::{Manifest, Node, NodeId};
use crate::name::{Ident, Relation, literal};
use crate::project::Layer;

/// The table of endpoints in prod.
pub fn table(manifest: &Manifest) -> Relation {
    let name = Ident::new(catalog::ENDPOINTS).expect("a constant name is good");
    Relation::new(manifest.schema(Layer::Prod).clone(), name)
}

/// The statements that bring the table up to what is published. Endpoints of nodes that were not built stay
/// as they are, for so do their relations; those of nodes that are exposed no more go.
pub async fn statements(session: &Session, publication: &Publication<'_>) -> Result<Vec<String>, Stop> {
    let manifest = publication.manifest;
    let table = table(manifest);
    let standing = catalog::existing(session, std::slice::from_ref(&table)).await?;
    let built: Vec<NodeId> = publication.built.iter().map(|built| built.id).collect();
    let exposed: Vec<NodeId> = manifest.ids().filter(|id| manifest.node(*id).endpoint.is_some()).collect();
    let mut sql = Vec::new();
    match standing.first() {
        Some(one) if !one.owned => return Err(Stop::Refused(not_ours(&table))),
        // Written by an older elt.
        Some(_) if !catalog::columns(session, &table).await?.iter().any(|column| column.name == "schema") => {
            sql.push(format!("alter table {table} add schema text"));
        }
        Some(_) => {}
        None => {
            sql.push(format!(
                "create table {table} (path text not null unique, node text not null, domain text not null, \
                 relation text not null, endpoint jsonb not null, columns jsonb not null, schema text)"
            ));
            sql.push(format!("comment on table {table} is 'How prod is served over HTTP. Written by elt.'"));
            let role = &publication.place.target.reader_role;
            if catalog::role_exists(session, role).await? {
                sql.push(format!("grant select on {table} to {role}"));
            }
        }
    }
    let served: Vec<NodeId> = exposed.iter().copied().filter(|id| built.contains(id)).collect();
    // Also who was served at a path that is now another's, and was not built: it has a new one, which comes
    // with its next rows.
    sql.push(format!(
        "delete from {table} where node = any({}) or node <> all({}) \
         or pg_catalog.regexp_replace(path, '{{[^}}]*}}', '{{}}', 'g') = any({})",
        labels(manifest, &built),
        labels(manifest, &exposed),
        paths(manifest, &served)
    ));
    sql.extend(served.iter().map(|id| row(&table, manifest, *id)));
    Ok(sql)
}

/// Takes back the endpoints of what is exposed no more, where nothing else is published; whether there were any.
pub async fn withdraw(session: &Session, manifest: &Manifest) -> Result<bool, DatabaseError> {
    let table = table(manifest);
    let standing = catalog::existing(session, std::slice::from_ref(&table)).await?;
    if !standing.first().is_some_and(|one| one.owned) {
        return Ok(false);
    }
    let exposed: Vec<NodeId> = manifest.ids().filter(|id| manifest.node(*id).endpoint.is_some()).collect();
    let sql = format!("delete from {table} where node <> all({})", labels(manifest, &exposed));
    Ok(session.run(&sql).await? > 0)
}

/// The statement that takes back the endpoints of a relation that is to be dropped.
pub fn withdraw_of(manifest: &Manifest, relation: &Relation) -> String {
    let (name, schema) = (literal(relation.name.as_str()), literal(relation.schema.as_str()));
    let own = literal(manifest.schema(Layer::Prod).as_str());
    // A table that an older elt made has no such column.
    format!(
        "delete from {} as e where relation = {name} and coalesce(to_jsonb(e) ->> 'schema', {own}) = {schema}",
        table(manifest)
    )
}

/// Without the names of their parameters.
fn paths(manifest: &Manifest, ids: &[NodeId]) -> String {
    let paths = ids.iter().filter_map(|id| manifest.node(*id).endpoint.as_ref());
    let paths: Vec<String> = paths.map(|(endpoint, _)| literal(&endpoint.path_without_names())).collect();
    format!("array[{}]::text[]", paths.join(", "))
}

fn labels(manifest: &Manifest, ids: &[NodeId]) -> String {
    let labels: Vec<String> = ids.iter().map(|id| literal(&manifest.node(*id).label())).collect();
    format!("array[{}]::text[]", labels.join(", "))
}

/// The columns are as the server knows them when the statement runs: after the relation is in its place.
fn row(table: &Relation, manifest: &Manifest, id: NodeId) -> String {
    let node = manifest.node(id);
    let relation = manifest.published(id);
    format!(
        "insert into {table} (path, node, domain, relation, endpoint, columns, schema) select {}, {}, {}, {}, {}::jsonb, (select jsonb_agg(jsonb_build_object('name', attname, \
         'type', pg_catalog.format_type(atttypid, null), 'never_null', attnotnull or attname = any({}), 'description', \
         coalesce(pg_catalog.col_description(attrelid, attnum), '')) order by attnum) from pg_catalog.pg_attribute \
         where attrelid = {}::pg_catalog.regclass and attnum > 0 and not attisdropped), {}",
        literal(&path(node)),
        literal(&node.label()),
        literal(&node.domain),
        literal(relation.name.as_str()),
        literal(&definition(node)),
        never_null(manifest, id),
        literal(&relation.to_string()),
        manifest.schema_beside(id).map_or_else(|| "null".to_owned(), |schema| literal(&schema)),
    )
}

/// The columns without nulls, by what the project says.
fn never_null(manifest: &Manifest, id: NodeId) -> String {
    let columns = manifest.node(id).columns.iter().map(|column| column.name.as_str());
    let columns = columns.filter(|column| manifest.is_never_null(id, column));
    let columns: Vec<String> = columns.map(literal).collect();
    format!("array[{}]::text[]", columns.join(", "))
}

fn path(node: &Node) -> String {
    node.endpoint.as_ref().map(|(endpoint, _)| endpoint.path.clone()).unwrap_or_default()
}

fn definition(node: &Node) -> String {
    let endpoint = node.endpoint.as_ref().map(|(endpoint, _)| endpoint);
    serde_json::to_string(&endpoint).expect("text, numbers and lists are JSON")
}
