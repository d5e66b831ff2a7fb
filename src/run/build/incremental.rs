//! What an incremental model adds. New rows are built as a table beside the published one (the delta), and a
//! view shows both as they will be, for tests and for what reads the model. Publishing moves the rows over.

use std::fmt::Write;

use super::query;
use crate::database::{Session, catalog};
use crate::diagnostic::{Diagnostic, Location};
use crate::manifest::NodeId;
use crate::name::{Ident, Relation};
use crate::project::Strategy;
use crate::run::failure::{located, sql_problem};
use crate::run::task::{Built, Delta, Done, Problem, Shared, count};

pub(super) async fn add(shared: &Shared, session: &Session, id: NodeId) -> Result<Done, Problem> {
    let (manifest, plan) = (&shared.manifest, &shared.plan);
    let node = manifest.node(id);
    let whole = || Location::start_of(&node.file);
    let published = manifest.published(id);
    let table = Relation::new(plan.build_schema.clone(), delta_name(id));

    let sql = query(manifest, plan, id, true).wrap(&format!("create table {table} as\n"), "");
    let rows = session.run(&sql.text).await.map_err(|error| sql_problem(&error, &sql, &node.file))?;

    let before = catalog::columns(session, &published).await.map_err(|error| located(&error, whole()))?;
    let new = catalog::columns(session, &table).await.map_err(|error| located(&error, whole()))?;
    check_same_columns(node.name.as_str(), &before, &new, whole())?;

    let ident =
        |name: &String| Ident::new(name).expect("the database keeps no name that is empty or too long");
    let columns: Vec<Ident> = before.iter().map(|column| ident(&column.name)).collect();
    let appends = node.config.incremental_strategy == Some(Strategy::Append);
    let key: Vec<Ident> =
        if appends { Vec::new() } else { node.config.unique_key.iter().map(ident).collect() };
    let missing = key.iter().find(|name| !columns.contains(name));
    if let Some(name) = missing {
        let message =
            format!("`{}` has no column `{}` to be its unique_key", node.name.as_str(), name.as_str());
        return Err(Box::new(Diagnostic::error("unknown-column", message).at(whole())));
    }
    let delta = Delta { table, columns, key };

    let kept = match delta.same_key("p", "d") {
        Some(same) => format!(" where not exists (select from {} as d where {same})", delta.table),
        None => String::new(),
    };
    let list = |prefix: &str| {
        let names = delta.columns.iter().map(|column| format!("{prefix}.{column}"));
        names.collect::<Vec<_>>().join(", ")
    };
    let mut typed = String::new();
    for column in &before {
        let comma = if typed.is_empty() { "" } else { ", " };
        let name = ident(&column.name);
        let _ = write!(typed, "{comma}cast(n.{name} as {}) as {name}", column.data_type);
    }
    let overlay = format!(
        "create view {} as select {} from {published} as p{kept} union all select {typed} from {} as n; analyze {}",
        plan.building(manifest, id),
        list("p"),
        delta.table,
        delta.table
    );
    session.run(&overlay).await.map_err(|error| located(&error, whole()))?;
    Ok(Done::built(Built { id, delta: Some(delta) }, Some(count(rows))))
}

/// A name that no model can have: it holds a space, and files of models may too, but not this number twice.
fn delta_name(id: NodeId) -> Ident {
    Ident::new(format!("elt delta {}", id.0)).expect("a number makes a short name")
}

fn check_same_columns(
    name: &str,
    before: &[catalog::Column],
    new: &[catalog::Column],
    place: Location,
) -> Result<(), Problem> {
    let names = |columns: &[catalog::Column], without: &[catalog::Column]| -> Vec<String> {
        let missing = columns.iter().filter(|column| !without.iter().any(|other| other.name == column.name));
        missing.map(|column| format!("`{}`", column.name)).collect()
    };
    let (added, gone) = (names(new, before), names(before, new));
    if added.is_empty() && gone.is_empty() {
        return Ok(());
    }
    let mut message = format!("the columns of `{name}` are not those of its published table:");
    if !added.is_empty() {
        let _ = write!(message, " {} came", added.join(", "));
    }
    if !gone.is_empty() {
        let _ = write!(message, "{} {} went", if added.is_empty() { "" } else { "," }, gone.join(", "));
    }
    let hint = format!("build it anew with --full-refresh --select {name}");
    Err(Box::new(Diagnostic::error("columns-changed", message).at(place).hint(hint)))
}
