//! What becomes of a published table whose model has other columns now: `on_schema_change`. Pure: decides,
//! and writes the statements that publishing runs.

use std::fmt::Write;

use crate::database::catalog::Column;
use crate::diagnostic::{Diagnostic, Location};
use crate::name::{Ident, Relation};
use crate::project::OnSchemaChange;
use crate::run::task::Problem;

/// How the published table changes, and what it is afterwards.
#[derive(Debug, Default)]
pub(super) struct SchemaChange {
    pub added: Vec<Column>,
    pub dropped: Vec<Column>,
    /// Before and after.
    pub retyped: Vec<(Column, Column)>,
    /// The table's columns afterwards, in their order.
    pub after: Vec<Column>,
}

impl SchemaChange {
    /// `new` are the columns of the rows that come.
    pub fn decide(
        name: &str,
        policy: OnSchemaChange,
        before: &[Column],
        new: &[Column],
        place: Location,
    ) -> Result<Self, Problem> {
        let missing_in = |columns: &[Column], other: &[Column]| -> Vec<Column> {
            columns.iter().filter(|column| find(other, &column.name).is_none()).cloned().collect()
        };
        let (came, went) = (missing_in(new, before), missing_in(before, new));
        let refused = match policy {
            OnSchemaChange::Fail => !came.is_empty() || !went.is_empty(),
            OnSchemaChange::Ignore => !went.is_empty(),
            OnSchemaChange::AppendNewColumns | OnSchemaChange::SyncAllColumns => false,
        };
        if refused {
            return Err(changed(name, &came, &went, place));
        }
        let mut change = Self::default();
        let syncs = policy == OnSchemaChange::SyncAllColumns;
        if syncs || policy == OnSchemaChange::AppendNewColumns {
            change.added = came;
        }
        if syncs {
            change.dropped = went;
        }
        for column in before {
            let now = find(new, &column.name);
            match now.filter(|now| syncs && now.data_type != column.data_type) {
                Some(now) => {
                    change.retyped.push((column.clone(), now.clone()));
                    change.after.push(now.clone());
                }
                None if find(&change.dropped, &column.name).is_some() => {}
                None => change.after.push(column.clone()),
            }
        }
        change.after.extend(change.added.iter().cloned());
        Ok(change)
    }

    pub fn is_none(&self) -> bool {
        self.added.is_empty() && self.dropped.is_empty() && self.retyped.is_empty()
    }

    /// One ALTER for all that changes.
    pub fn statement(&self, published: &Relation) -> Option<String> {
        let added =
            self.added.iter().map(|column| format!("add column {} {}", ident(column), column.data_type));
        let dropped = self.dropped.iter().map(|column| format!("drop column {}", ident(column)));
        let retyped = self.retyped.iter().map(|(_, now)| {
            let name = ident(now);
            format!("alter column {name} type {} using {name}::{}", now.data_type, now.data_type)
        });
        let parts: Vec<String> = dropped.chain(retyped).chain(added).collect();
        (!parts.is_empty()).then(|| format!("alter table {published} {}", parts.join(", ")))
    }

    /// What was in the published table, as one value of the table afterwards; `None` for a column that is
    /// not there yet.
    pub fn old_value(&self, prefix: &str, column: &Column) -> String {
        let name = ident(column);
        if find(&self.added, &column.name).is_some() {
            format!("null::{}", column.data_type)
        } else if self.retyped.iter().any(|(before, _)| before.name == column.name) {
            format!("{prefix}.{name}::{}", column.data_type)
        } else {
            format!("{prefix}.{name}")
        }
    }

    /// One sentence for the user, where anything changes.
    pub fn note(&self, published: &Relation) -> Option<String> {
        let mut parts = Vec::new();
        for column in &self.added {
            parts.push(format!("`{}` {} came", column.name, column.data_type));
        }
        for column in &self.dropped {
            parts.push(format!("`{}` went, with what was in it", column.name));
        }
        for (before, now) in &self.retyped {
            parts.push(format!(
                "`{}` is {} and was {} (the whole table is rewritten)",
                now.name, now.data_type, before.data_type
            ));
        }
        (!parts.is_empty())
            .then(|| format!("the columns of {} changed: {}", published.plain(), parts.join(", ")))
    }
}

pub(super) fn find<'a>(columns: &'a [Column], name: &str) -> Option<&'a Column> {
    columns.iter().find(|column| column.name == name)
}

pub(super) fn ident(column: &Column) -> Ident {
    Ident::new(column.name.as_str()).expect("the database keeps no name that is empty or too long")
}

fn changed(name: &str, came: &[Column], went: &[Column], place: Location) -> Problem {
    let names = |columns: &[Column]| {
        let names: Vec<String> = columns.iter().map(|column| format!("`{}`", column.name)).collect();
        names.join(", ")
    };
    let mut message = format!("the columns of `{name}` are not those of its published table:");
    if !came.is_empty() {
        let _ = write!(message, " {} came", names(came));
    }
    if !went.is_empty() {
        let _ = write!(message, "{} {} went", if came.is_empty() { "" } else { "," }, names(went));
    }
    let hint = format!(
        "let the table follow with on_schema_change='append_new_columns' or 'sync_all_columns', or build it anew \
         with --full-refresh --select {name}"
    );
    Box::new(Diagnostic::error("columns-changed", message).at(place).hint(hint))
}
