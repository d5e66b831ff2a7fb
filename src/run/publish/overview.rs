//! What prod tells of itself, brought up to what is published: in the same transaction, so that nobody sees the
//! description of one run beside the rows of another, and the service needs to read nothing but prod.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::{Publication, moving::Stop, not_ours};
use crate::database::{DatabaseError, Session, catalog};
use crate::manifest::{Manifest, Node, NodeId, Test};
use crate::name::{Ident, Relation, literal};
use crate::overview::{OverviewNode, OverviewTest};
use crate::pipeline::{NodeRecord, NodeStatus};
use crate::project::Layer;

/// The tables in prod: of nodes, and of their tests.
pub fn tables(manifest: &Manifest) -> [Relation; 2] {
    [catalog::OVERVIEW, catalog::TESTS].map(|name| {
        let name = Ident::new(name).expect("a constant name is good");
        Relation::new(manifest.schema(Layer::Prod).clone(), name)
    })
}

pub async fn statements(session: &Session, publication: &Publication<'_>) -> Result<Vec<String>, Stop> {
    let manifest = publication.manifest;
    let tables = tables(manifest);
    let standing = catalog::existing(session, &tables).await?;
    let role = &publication.place.target.reader_role;
    let may_read = catalog::role_exists(session, role).await?;
    let mut sql = Vec::new();
    for table in &tables {
        match standing.iter().find(|one| one.relation == *table) {
            Some(one) if !one.owned => return Err(Stop::Refused(not_ours(table))),
            Some(_) => {}
            None => {
                sql.push(format!("create table {table} (name text not null, about jsonb not null)"));
                sql.push(format!("comment on table {table} is 'What this schema holds. Written by elt.'"));
                sql.extend(may_read.then(|| format!("grant select on {table} to {role}")));
            }
        }
    }
    let [nodes, tests] = &tables;
    // What was left as it is may be described anew.
    let seen: HashSet<&str> = publication
        .records
        .iter()
        .filter(|record| is_here(record.status))
        .map(|record| record.node.as_str())
        .collect();
    let told: Vec<OverviewNode> = manifest
        .ids()
        .filter(|id| !manifest.node(*id).is_built() || seen.contains(manifest.node(*id).label().as_str()))
        .map(|id| of_node(manifest, id))
        .collect();
    let all = manifest.nodes.iter().map(Node::label).collect();
    sql.extend(replaced(nodes, &told, |node| &node.node, all));
    sql.extend(of_tests(tests, manifest, publication.run, publication.records));
    Ok(sql)
}

/// Tells how tests outside of a run ended, where anything was published that they could be about.
pub async fn tell_tests(
    session: &Session,
    manifest: &Manifest,
    run: i64,
    records: &[NodeRecord],
) -> Result<(), DatabaseError> {
    let [_, table] = tables(manifest);
    let standing = catalog::existing(session, std::slice::from_ref(&table)).await?;
    if standing.first().is_some_and(|one| one.owned) {
        session.run(&of_tests(&table, manifest, run, records).join(";")).await?;
    }
    Ok(())
}

fn of_tests(table: &Relation, manifest: &Manifest, run: i64, records: &[NodeRecord]) -> [String; 2] {
    let all = manifest.tests.iter().map(|test| test.name.clone()).collect();
    replaced(table, &test_results(manifest, run, records), |test| &test.name, all)
}

fn is_here(status: NodeStatus) -> bool {
    matches!(status, NodeStatus::Built | NodeStatus::Kept | NodeStatus::Unchanged)
}

/// New rows in the place of those of the same name; what is no part of the project any more goes.
fn replaced<T: Serialize>(
    table: &Relation,
    rows: &[T],
    name: fn(&T) -> &String,
    all: Vec<String>,
) -> [String; 2] {
    let names: Vec<&String> = rows.iter().map(name).collect();
    let pairs: Vec<(&String, &T)> = rows.iter().map(|row| (name(row), row)).collect();
    [
        format!("delete from {table} where {} ? name or not {} ? name", json(&names), json(&all)),
        format!(
            "insert into {table} select pair ->> 0, pair -> 1 from jsonb_array_elements({}) as pair",
            json(&pairs)
        ),
    ]
}

fn json<T: Serialize>(value: &T) -> String {
    format!("{}::jsonb", literal(&serde_json::to_string(value).expect("text, numbers and lists are JSON")))
}

fn of_node(manifest: &Manifest, id: NodeId) -> OverviewNode {
    let node = manifest.node(id);
    let is_prod = node.layer == Layer::Prod && node.is_built();
    let described = node.columns.iter().filter(|column| is_prod && !column.description.is_empty());
    OverviewNode {
        node: node.label(),
        kind: node.materialization.name().to_owned(),
        relation: is_prod.then(|| node.name.as_str().to_owned()),
        schema: manifest.schema_beside(id).filter(|_| is_prod),
        domain: node.domain.clone(),
        description: if is_prod { node.description.clone() } else { String::new() },
        columns: described.map(|column| (column.name.to_string(), column.description.clone())).collect(),
        parents: node
            .parents
            .iter()
            .filter(|parent| **parent != id)
            .map(|parent| manifest.node(*parent).label())
            .collect(),
    }
}

/// Of the tests of prod nodes that were run now.
fn test_results(manifest: &Manifest, run: i64, records: &[NodeRecord]) -> Vec<OverviewTest> {
    let by_name: HashMap<&str, &Test> =
        manifest.tests.iter().map(|test| (test.name.as_str(), test)).collect();
    let mut results = Vec::new();
    for record in records.iter().filter(|record| record.kind == "test") {
        let status = match record.status {
            // It held of the rows that are published now.
            NodeStatus::Kept => NodeStatus::Passed,
            NodeStatus::Passed | NodeStatus::Warned | NodeStatus::Failed => record.status,
            _ => continue,
        };
        let Some(test) = by_name.get(record.node.as_str()) else { continue };
        for id in subjects(test).into_iter().filter(|id| manifest.node(*id).layer == Layer::Prod) {
            results.push(OverviewTest {
                name: test.name.clone(),
                node: manifest.node(id).label(),
                kind: test.kind.clone(),
                column: test.column.clone(),
                status: status.name().to_owned(),
                wrong: record.rows,
                run_id: run,
            });
        }
    }
    results
}

fn subjects(test: &Test) -> Vec<NodeId> {
    match test.subject {
        Some(subject) => vec![subject],
        None => test.text.targets.clone(),
    }
}
