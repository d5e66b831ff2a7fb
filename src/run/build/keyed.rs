//! The key that names a snapshot's rows, and the columns that its config names: that they are there, and
//! that no two rows have one key.

use super::key::KeyPart;
use crate::database::catalog::Column;
use crate::database::{DatabaseError, Session};
use crate::diagnostic::{Diagnostic, Location};
use crate::manifest::Node;
use crate::name::Relation;
use crate::run::failure::located;
use crate::run::task::Problem;

pub(super) fn at_start(node: &Node, error: &DatabaseError) -> Problem {
    Box::new(located(error, Location::start_of(&node.file)))
}

/// The columns that config names are there.
pub(super) fn check_columns(node: &Node, columns: &[Column]) -> Result<(), Problem> {
    let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    match super::configured(node).find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Box::new(super::unknown_column(node, name, &known, node.place_of(name)))),
        None => Ok(()),
    }
}

/// A key that is NULL, or that two rows have, names no row whose history could be kept.
pub(super) async fn check_keys(session: &Session, node: &Node, source: &Relation) -> Result<(), Problem> {
    let keys = KeyPart::all(&node.config);
    let list = joined(keys.iter().map(KeyPart::alone), ", ");
    let empty = joined(keys.iter().map(|key| format!("{} is null", key.alone())), " or ");
    let sql = format!(
        "select 'NULL', s::text from {source} as s where {empty} union all \
         (select 'twice', row({list})::text from {source} group by {list} having count(*) > 1) limit 1"
    );
    let found = session.table(&sql).await.map_err(|error| at_start(node, &error))?;
    let Some(row) = found.rows.into_iter().next() else { return Ok(()) };
    let mut row = row.into_iter().flatten();
    let (what, shown) = (row.next().unwrap_or_default(), row.next().unwrap_or_default());
    let name = node.name.as_str();
    let (message, hint) = match what.as_str() {
        "NULL" => {
            (format!("a row of `{name}` has no unique_key: {shown}"), "leave such rows out with `where`")
        }
        _ => (
            format!("`{name}` has two rows with one unique_key, {shown}"),
            "keep one of them, e.g. by `distinct on`",
        ),
    };
    let place = node.place_of(node.config.unique_key.first().map_or("", String::as_str));
    Err(Box::new(Diagnostic::error("snapshot-key", message).at(place).hint(hint)))
}

pub(super) fn joined(parts: impl Iterator<Item = String>, by: &str) -> String {
    parts.collect::<Vec<_>>().join(by)
}
