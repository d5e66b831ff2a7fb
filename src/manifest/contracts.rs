//! What a contract must say before PostgreSQL can be asked whether it is kept.

use super::read::Reader;
use crate::diagnostic::Diagnostic;
use crate::project::{Constraint, ConstraintKind, Materialization, Properties};

impl Reader<'_> {
    pub(super) fn check_contract(&mut self, own: &Properties, materialization: Materialization) {
        let name = &own.name;
        let mut wrong = |message: String, place: &crate::diagnostic::Location, hint: &str| {
            self.problems.push(Diagnostic::error("bad-contract", message).at(place.clone()).hint(hint));
        };
        let can = matches!(
            materialization,
            Materialization::View | Materialization::Table | Materialization::Incremental
        );
        if !can {
            let message = format!("`{name}` is a {} and keeps no contract", materialization.name());
            wrong(message, &own.place, "views, tables and incremental models do");
        }
        for column in own.columns.iter().filter(|column| column.data_type.is_none()) {
            let message = format!("`{name}` is under contract, but `{}` has no data_type", column.name);
            wrong(message, &column.place, "say its type, e.g. data_type: numeric(12,2)");
        }
        let all = own
            .columns
            .iter()
            .flat_map(|column| column.constraints.iter().map(move |one| (one, &column.place)));
        let all: Vec<_> = all.chain(own.constraints.iter().map(|one| (one, &own.place))).collect();
        if let Some((_, place)) = all.first().filter(|_| materialization == Materialization::View) {
            let message = format!("`{name}` is a view, which keeps no constraints");
            wrong(message, place, "make it a table, or write tests");
        }
        for (constraint, place) in all {
            if constraint.kind == ConstraintKind::Custom {
                let message = format!("`{name}`: elt keeps no custom constraint");
                wrong(message, place, "write it as a `check` with its expression, or in a `post_hook`");
            }
            if constraint.kind == ConstraintKind::Check && constraint.expression.is_none() {
                wrong(format!("`{name}`: a check needs an expression"), place, "add expression: amount > 0");
            }
            for column in missing(constraint, own) {
                let message =
                    format!("`{name}`: a constraint is on `{column}`, which is not among its columns");
                wrong(message, place, "list the column, with its data_type");
            }
        }
    }
}

fn missing<'a>(constraint: &'a Constraint, own: &'a Properties) -> impl Iterator<Item = &'a String> {
    constraint.columns.iter().filter(|name| !own.columns.iter().any(|column| column.name == **name))
}
