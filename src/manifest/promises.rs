//! What can be relied on in a node's published rows: tests that publishing waits for, constraints, indexes.

use serde_json::Value;

use super::{Manifest, NodeId, Test};
use crate::project::{Constraint, ConstraintKind, Materialization};

impl Manifest {
    pub fn is_never_null(&self, id: NodeId, column: &str) -> bool {
        let mut tests = self.relied_on(id, "not_null");
        tests.any(|test| test.column.as_deref() == Some(column))
            || self.constraints(id).any(|(constraint, columns)| {
                matches!(constraint.kind, ConstraintKind::NotNull | ConstraintKind::PrimaryKey)
                    && columns.contains(&column)
            })
    }

    /// Whether no two rows have the same values in `columns`.
    pub fn is_unique(&self, id: NodeId, columns: &[String]) -> bool {
        let node = self.node(id);
        let within = |named: &[&str]| {
            !named.is_empty() && named.iter().all(|name| columns.iter().any(|column| column == name))
        };
        let mut single = self.relied_on(id, "unique");
        let mut combined = self.relied_on(id, "unique_combination_of_columns");
        let mut indexes = node.config.indexes.iter().filter(|index| index.unique);
        let mut constraints = self.constraints(id);
        single.any(|test| test.column.as_deref().is_some_and(|column| within(&[column])))
            || combined.any(|test| {
                let named = test.arguments.get("combination_of_columns").and_then(Value::as_array);
                let named: Option<Vec<&str>> =
                    named.and_then(|names| names.iter().map(Value::as_str).collect());
                named.is_some_and(|named| within(&named))
            })
            || indexes.any(|index| within(&texts(&index.columns)))
            || (node.materialization == Materialization::Incremental
                && within(&texts(&node.config.unique_key)))
            || constraints.any(|(constraint, columns)| {
                matches!(constraint.kind, ConstraintKind::Unique | ConstraintKind::PrimaryKey)
                    && within(&columns)
            })
    }

    /// Tests of a kind that look at all rows, and without which nothing is published.
    fn relied_on<'a>(&'a self, id: NodeId, kind: &'a str) -> impl Iterator<Item = &'a Test> {
        self.tests.iter().filter(move |test| {
            let judged = &test.judged;
            let is_strict = !judged.warns_only && judged.fail_calc.is_none() && judged.error_if.holds(1.0);
            test.subject == Some(id) && test.kind == kind && is_strict && test.config.only.is_none()
        })
    }

    /// Those that PostgreSQL keeps, with the columns they are on.
    fn constraints(&self, id: NodeId) -> impl Iterator<Item = (&Constraint, Vec<&str>)> {
        let node = self.node(id);
        let of_columns = node.columns.iter().flat_map(|column| {
            column.constraints.iter().map(|constraint| (constraint, vec![column.name.as_str()]))
        });
        let of_all = node.constraints.iter();
        let of_all = of_all.map(|constraint| {
            (constraint, constraint.columns.iter().map(String::as_str).collect::<Vec<_>>())
        });
        of_columns.chain(of_all).filter(|_| node.config.contract.enforced)
    }
}

fn texts(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
