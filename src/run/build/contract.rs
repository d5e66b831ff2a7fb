//! Contracts: columns and types that a model promises. What the query yields is compared with the promise by
//! PostgreSQL's own types, and the table is made with the promised ones and their constraints.

use std::fmt::Write;

use super::schema_change::find;
use crate::database::catalog::{self, Column};
use crate::database::{DatabaseError, Session};
use crate::diagnostic::{Diagnostic, Location};
use crate::manifest::{Node, Sql};
use crate::name::{Ident, Relation};
use crate::project::{Constraint, ConstraintKind, Materialization};
use crate::run::failure::{located, sql_problem};
use crate::run::task::Problem;

/// The promised columns as PostgreSQL understands them, asked by a table without rows that is made at
/// `probe`. The error names the column whose type is none.
pub(in crate::run) fn probe_sql(node: &Node, probe: &Relation) -> String {
    format!("create table {probe} ({})", declared(node, false).join(", "))
}

/// `"a" integer`, with `not null` where that is promised.
fn declared(node: &Node, constrained: bool) -> Vec<String> {
    let columns = node.columns.iter().filter_map(|column| {
        let name = Ident::new(column.name.as_str()).ok()?;
        let data_type = column.data_type.as_deref()?;
        let not_null = column.constraints.iter().any(|one| one.kind == ConstraintKind::NotNull);
        Some(format!("{name} {data_type}{}", if not_null && constrained { " not null" } else { "" }))
    });
    columns.collect()
}

/// How the query's columns differ from the promised ones; nothing where they do not.
pub(in crate::run) fn broken(node: &Node, promised: &[Column], yields: &[Column]) -> Option<Diagnostic> {
    let mut rows: Vec<[String; 3]> = Vec::new();
    for column in promised {
        let now = find(yields, &column.name);
        if !now.is_some_and(|now| fits(node, column, now)) {
            let now = now.map_or_else(|| "(missing)".to_owned(), |now| now.data_type.clone());
            rows.push([column.name.clone(), column.data_type.clone(), now]);
        }
    }
    for column in yields.iter().filter(|column| find(promised, &column.name).is_none()) {
        rows.push([column.name.clone(), "(not declared)".to_owned(), column.data_type.clone()]);
    }
    if rows.is_empty() {
        return None;
    }
    rows.insert(0, ["column", "declared", "the query yields"].map(str::to_owned));
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    let mut table = String::new();
    for [name, declared, now] in &rows {
        let _ = write!(table, "\n{name:first$}  {declared:second$}  {now}");
    }
    let place =
        node.columns.iter().find(|column| column.name == rows[1][0]).map(|column| column.place.clone());
    let message = format!("`{}` breaks its contract", node.name.as_str());
    let hint = format!("change the query or the contract:{table}");
    Some(
        Diagnostic::error("contract-broken", message)
            .at(place.unwrap_or_else(|| node.place_of(node.name.as_str())))
            .hint(hint),
    )
}

/// A table gives what comes its own length and precision, where what comes has none; a view gives nothing.
fn fits(node: &Node, promised: &Column, now: &Column) -> bool {
    let bare = |column: &Column| !column.data_type.contains('(');
    let casts = node.materialization != Materialization::View;
    promised.data_type == now.data_type
        || promised.type_oid == now.type_oid && (bare(promised) || casts && bare(now))
}

/// Compares what the model's query yields with what it promises.
pub(super) async fn check(
    session: &Session,
    node: &Node,
    query: &Sql,
    beside: [Relation; 2],
) -> Result<(), Problem> {
    let [probe, yields] = beside;
    let at = |error: DatabaseError| Box::new(located(&error, node.place_of("contract")));
    session.run(&probe_sql(node, &probe)).await.map_err(|error| unknown_type(node, &error))?;
    let sql = query.clone().wrap(&format!("create view {yields} as\n"), "");
    session.run(&sql.text).await.map_err(|error| sql_problem(&error, &sql, &node.file))?;
    let promised = catalog::columns(session, &probe).await.map_err(at)?;
    let now = catalog::columns(session, &yields).await.map_err(at)?;
    session.run(&format!("drop table {probe}; drop view {yields}")).await.map_err(at)?;
    match broken(node, &promised, &now) {
        Some(problem) => Err(Box::new(problem)),
        None => Ok(()),
    }
}

/// The type that PostgreSQL does not know, at its column.
pub(in crate::run) fn unknown_type(node: &Node, error: &DatabaseError) -> Problem {
    let named = node.columns.iter().find(|column| {
        column.data_type.as_deref().is_some_and(|data_type| {
            let bare = data_type.split('(').next().unwrap_or(data_type).trim();
            error.message.contains(&format!("\"{bare}\""))
        })
    });
    Box::new(located(error, named.map_or_else(|| node.place_of("contract"), |column| column.place.clone())))
}

/// Makes the table as promised and fills it; the rows.
pub(super) async fn fill(
    session: &Session,
    node: &Node,
    relation: &Relation,
    query: Sql,
) -> Result<u64, Problem> {
    let mut parts = declared(node, true);
    parts.extend(constraints(node, &[ConstraintKind::Check, ConstraintKind::NotNull]));
    let unlogged = if node.config.unlogged { "unlogged " } else { "" };
    let create = format!("create {unlogged}table {relation} ({})", parts.join(", "));
    session.run(&create).await.map_err(|error| Box::new(located(&error, node.place_of("constraints"))))?;
    let rows = insert(session, node, relation, query).await?;
    // An index over all rows is made faster than one that grows.
    for constraint in constraints(node, &[ConstraintKind::PrimaryKey, ConstraintKind::Unique]) {
        let added = session.run(&format!("alter table {relation} add {constraint}")).await;
        added.map_err(|error| violated(node, &error, &Sql::default()))?;
    }
    Ok(rows)
}

/// Adds rows to the table; how many.
pub(super) async fn insert(
    session: &Session,
    node: &Node,
    relation: &Relation,
    query: Sql,
) -> Result<u64, Problem> {
    let names = node.columns.iter().filter_map(|column| Ident::new(column.name.as_str()).ok());
    let names = names.map(|name| name.to_string()).collect::<Vec<_>>().join(", ");
    let sql =
        query.wrap(&format!("insert into {relation} ({names}) select {names} from (\n"), "\n) as promised");
    session.run(&sql.text).await.map_err(|error| violated(node, &error, &sql))
}

/// Each constraint that the node's table is made with, as a statement about `relation`, and its place.
pub(in crate::run) fn each_constraint(node: &Node, relation: &Relation) -> Vec<(String, Location)> {
    let makes_table = matches!(node.materialization, Materialization::Table | Materialization::Incremental);
    if !makes_table {
        return Vec::new();
    }
    let of_columns = node.columns.iter().flat_map(|column| {
        let own = column.constraints.iter().filter(|one| one.kind != ConstraintKind::NotNull);
        own.flat_map(|one| written(one, std::slice::from_ref(&column.name)))
            .map(|constraint| (constraint, column.place.clone()))
    });
    let of_all = node.constraints.iter().flat_map(|one| {
        let place = one.expression.as_deref().or(one.columns.first().map(String::as_str));
        let place = node.place_of("constraints").closer(place.unwrap_or_default());
        written(one, &one.columns).into_iter().map(move |constraint| (constraint, place.clone()))
    });
    let add = |(constraint, place)| (format!("alter table {relation} add {constraint}"), place);
    of_columns.chain(of_all).map(add).collect()
}

/// A constraint that rows broke, at the column that PostgreSQL names.
fn violated(node: &Node, error: &DatabaseError, sql: &Sql) -> Problem {
    if !error.code.as_deref().unwrap_or_default().starts_with("23") {
        return Box::new(sql_problem(error, sql, &node.file));
    }
    let named = node.columns.iter().find(|column| {
        error.message.contains(&format!("\"{}\"", column.name))
            || error.detail.as_deref().is_some_and(|detail| detail.contains(&format!("({})", column.name)))
    });
    let place: Location = named.map_or_else(|| node.place_of("constraints"), |column| column.place.clone());
    Box::new(located(error, place))
}

fn constraints(node: &Node, kinds: &[ConstraintKind]) -> Vec<String> {
    let of_columns = node.columns.iter().flat_map(|column| {
        column.constraints.iter().map(move |one| (one, std::slice::from_ref(&column.name)))
    });
    // `not null` of one column stands with its column.
    let of_columns = of_columns.filter(|(one, _)| one.kind != ConstraintKind::NotNull);
    let of_all = node.constraints.iter().map(|one| (one, one.columns.as_slice()));
    let all = of_columns.chain(of_all).filter(|(one, _)| kinds.contains(&one.kind));
    all.flat_map(|(one, columns)| written(one, columns)).collect()
}

fn written(constraint: &Constraint, columns: &[String]) -> Vec<String> {
    let name = constraint.name.as_deref().and_then(|name| Ident::new(name).ok());
    let name = name.map(|name| format!("constraint {name} ")).unwrap_or_default();
    let columns: Vec<String> = columns
        .iter()
        .filter_map(|name| Ident::new(name.as_str()).ok())
        .map(|name| name.to_string())
        .collect();
    let expression = constraint.expression.as_deref().unwrap_or_default();
    match constraint.kind {
        ConstraintKind::Check => vec![format!("{name}check ({expression})")],
        ConstraintKind::NotNull => {
            columns.iter().map(|column| format!("check ({column} is not null)")).collect()
        }
        ConstraintKind::PrimaryKey => vec![format!("{name}primary key ({})", columns.join(", "))],
        ConstraintKind::Unique => vec![format!("{name}unique ({})", columns.join(", "))],
        ConstraintKind::ForeignKey | ConstraintKind::Custom => Vec::new(),
    }
}
