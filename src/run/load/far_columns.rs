//! The columns of another PostgreSQL and those of the table: each has its partner of exactly the same type, or what
//! is new and what lacks is met as the model wants it.

use super::super::failure::located;
use super::super::task::Problem;
use super::Loading;
use super::postgres::name_of;
use crate::database::catalog::Column;
use crate::source::{ChangedColumns, Location, SourceError};

/// Takes out of `found` what is passed over, and gives the table what is added; what is to be told of that.
pub(super) async fn meet(
    loading: &Loading<'_>,
    location: &Location,
    found: &mut Vec<Column>,
) -> Result<Vec<String>, Problem> {
    let wanted = loading.columns().await?;
    let policy = loading.options.changed_columns;
    let mut faults = Vec::new();
    for column in &*found {
        match wanted.iter().find(|other| other.name == column.name) {
            Some(other) if other.data_type != column.data_type => faults.push(format!(
                "`{}` is {} at the source and {} in the table",
                column.name, column.data_type, other.data_type
            )),
            None if policy == ChangedColumns::Fail => {
                faults.push(format!("the source has `{}` that the table lacks", column.name));
            }
            _ => {}
        }
    }
    let missing: Vec<&str> = wanted
        .iter()
        .map(|other| other.name.as_str())
        .filter(|name| !found.iter().any(|column| column.name == *name))
        .collect();
    if policy == ChangedColumns::Fail {
        faults.extend(missing.iter().map(|name| format!("the table has `{name}` that the source lacks")));
    }
    for (at, column) in found.iter().enumerate() {
        if found[..at].iter().any(|earlier| earlier.name == column.name) {
            faults.push(format!("the source has two columns `{}`", column.name));
        }
    }
    if missing.len() == wanted.len() && !wanted.is_empty() {
        faults.push("it has none of its table's columns".to_owned());
    }
    if !faults.is_empty() {
        let error = SourceError::new(format!("{location} does not fit its table: {}", faults.join("; ")));
        return Err(loading.wrong(&error.with_hint(
            "declare the source's types and change them in stage, cast in `query`, set on_columns_change to \
             'add' or 'ignore' for columns that come and go, or leave the body empty",
        )));
    }
    let is_new = |column: &Column| !wanted.iter().any(|other| other.name == column.name);
    let new: Vec<Column> = found.iter().filter(|column| is_new(column)).cloned().collect();
    let (label, mut said) = (loading.node.label(), Vec::new());
    let names = new.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
    if !new.is_empty() && policy == ChangedColumns::Add {
        let added: Result<Vec<String>, Problem> = new
            .iter()
            .map(|column| Ok(format!("add column {} {}", name_of(loading, column)?, column.data_type)))
            .collect();
        let sql = format!("alter table {} {}", loading.relation, added?.join(", "));
        loading.session.run(&sql).await.map_err(|error| located(&error, loading.place.clone()))?;
        said.push(format!("{label}: columns that only the source has were added: {names}"));
    } else if !new.is_empty() {
        said.push(format!("{label}: columns that only the source has were passed over: {names}"));
        found.retain(|column| !is_new(column));
    }
    if !missing.is_empty() {
        said.push(format!("{label}: columns that the source lacks are NULL: {}", missing.join(", ")));
    }
    Ok(said)
}
