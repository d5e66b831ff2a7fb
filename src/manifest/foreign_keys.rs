//! Foreign keys of contracts: the node that each points to, and whether PostgreSQL could keep it there.

use super::read::Reader;
use super::resolve::{resolved, unknown};
use super::{Node, NodeId};
use crate::diagnostic::{Diagnostic, Location};
use crate::name::Ident;
use crate::project::{Constraint, ConstraintKind, Materialization};
use crate::template::Reference;

/// A promise that each row has its row in another table, made when both are published.
#[derive(Debug, Clone)]
pub struct ForeignKey {
    pub name: Option<Ident>,
    pub columns: Vec<Ident>,
    pub to: NodeId,
    /// As many as `columns`.
    pub to_columns: Vec<Ident>,
    pub place: Location,
}

impl Reader<'_> {
    /// Gives a node its foreign keys. What they point to is a parent, but for the node itself.
    pub(super) fn resolve_foreign_keys(&mut self, own: NodeId) -> Vec<NodeId> {
        let node = &self.nodes[own.0];
        if !node.config.contract.enforced {
            return Vec::new();
        }
        let whole = self.properties.get(node.model_name()).map(|own| own.place.clone());
        let whole = whole.unwrap_or_else(|| Location::start_of(&node.file));
        let at = |place: &Location, one: &Constraint| {
            let written = one.to.as_deref().or(one.expression.as_deref()).unwrap_or_default();
            place.closer("foreign_key").closer(written)
        };
        let of_columns = node.columns.iter().flat_map(|column| {
            let on = vec![column.name.clone()];
            column.constraints.iter().map(move |one| (one.clone(), on.clone(), at(&column.place, one)))
        });
        let of_all = node.constraints.iter().map(|one| (one.clone(), one.columns.clone(), at(&whole, one)));
        let written: Vec<_> =
            of_columns.chain(of_all).filter(|(one, ..)| one.kind == ConstraintKind::ForeignKey).collect();
        let mut keys = Vec::new();
        for (constraint, columns, place) in written {
            match self.foreign_key(own, &constraint, &columns, &place) {
                Ok(key) => keys.push(key),
                Err(problem) => self.problems.push(problem.at(place)),
            }
        }
        let parents = keys.iter().map(|key| key.to).filter(|to| *to != own).collect();
        self.nodes[own.0].foreign_keys = keys;
        parents
    }

    fn foreign_key(
        &self,
        own: NodeId,
        constraint: &Constraint,
        columns: &[String],
        place: &Location,
    ) -> Result<ForeignKey, Diagnostic> {
        let node = &self.nodes[own.0];
        let name = node.model_name();
        let wrong = |what: String, hint: &str| {
            Diagnostic::error("bad-contract", format!("`{name}`: a foreign key {what}")).hint(hint)
        };
        let (reference, named) = match (&constraint.to, &constraint.expression) {
            (Some(to), _) => (Reference::parse(to), constraint.to_columns.clone()),
            (None, Some(expression)) => match relation_and_columns(expression) {
                Some((schema, table, columns)) => (self.of_relation(schema, table), columns),
                None => (None, Vec::new()),
            },
            (None, None) => return Err(wrong("says not what it points to".into(), WAY)),
        };
        let Some(reference) = reference else {
            let written = constraint.to.as_ref().or(constraint.expression.as_ref());
            let written = written.map(String::as_str).unwrap_or_default();
            return Err(wrong(format!("points to `{written}`, which is no model, rule or source"), WAY));
        };
        let Some(to) = resolved(&reference, &self.by_name, &self.sources, &self.nodes) else {
            return Err(unknown(&reference, &place.file, false, &self.by_name, &self.sources));
        };
        let target = &self.nodes[to.0];
        let target_name = target.name.as_str();
        if !keeps_keys(target) {
            let kind = target.materialization.name();
            return Err(wrong(format!("points to `{target_name}`, which is a {kind}"), "make it a table"));
        }
        if target.config.unlogged && !node.config.unlogged {
            let hint = "PostgreSQL lets only unlogged tables point to one";
            return Err(wrong(format!("points to `{target_name}`, which is unlogged"), hint));
        }
        let to_columns = match named.is_empty() {
            false => named,
            true => primary_key(target).ok_or_else(|| {
                wrong(
                    format!("says not which columns of `{target_name}` it points to"),
                    "add to_columns: [id]",
                )
            })?,
        };
        if columns.is_empty() || columns.len() != to_columns.len() {
            let what = format!("has {} columns and points to {}", columns.len(), to_columns.len());
            return Err(wrong(what, "`columns` and `to_columns` go together one by one"));
        }
        if !target.is_source() && !is_key(target, &to_columns) {
            let list = to_columns.join(", ");
            let what = format!("points to ({list}) of `{target_name}`, which is no key there");
            let hint = format!(
                "give `{target_name}` a contract with {{type: primary_key, columns: [{list}]}}, or a unique index"
            );
            return Err(wrong(what, &hint));
        }
        let idents = |names: &[String]| {
            let made: Result<Vec<Ident>, _> = names.iter().map(|name| Ident::new(name.as_str())).collect();
            made.map_err(|error| wrong(format!("is written wrongly: {error}"), "name a column"))
        };
        let name = constraint.name.as_deref().map(Ident::new).transpose();
        Ok(ForeignKey {
            name: name
                .map_err(|error| wrong(format!("is named wrongly: {error}"), "give it a shorter name"))?,
            columns: idents(columns)?,
            to,
            to_columns: idents(&to_columns)?,
            place: place.clone(),
        })
    }

    /// What a relation that is named by its schema is in this project.
    fn of_relation(&self, schema: &str, table: &str) -> Option<Reference> {
        let mut built = self.nodes.iter().filter(|node| node.is_built());
        let node = built.find(|node| node.name.as_str() == table && node.schema.as_str() == schema);
        if let Some(node) = node {
            return Some(Reference::Ref(node.model_name().to_owned()));
        }
        let source = self
            .project
            .sources
            .iter()
            .find(|source| source.schema == schema && source.identifier == table)?;
        Some(Reference::Source(source.source.clone(), source.name.clone()))
    }
}

const WAY: &str = "write `to: ref('customers')` and `to_columns: [id]`";

/// `shop.customers (id)`, dbt's older way.
fn relation_and_columns(expression: &str) -> Option<(&str, &str, Vec<String>)> {
    let bare = |name: &'_ str| name.trim().trim_matches('"').to_owned();
    let (relation, columns) = match expression.trim().strip_suffix(')') {
        Some(text) => text.split_once('(')?,
        None if expression.contains('(') => return None,
        None => (expression, ""),
    };
    let columns = columns.split(',').map(bare).filter(|name| !name.is_empty()).collect();
    let (schema, table) = relation.trim().rsplit_once('.')?;
    Some((schema.trim().trim_matches('"'), table.trim().trim_matches('"'), columns))
}

/// Views keep none; of a source PostgreSQL is asked.
fn keeps_keys(node: &Node) -> bool {
    !matches!(
        node.materialization,
        Materialization::View | Materialization::MaterializedView | Materialization::Ephemeral
    ) || node.is_source()
}

fn primary_key(node: &Node) -> Option<Vec<String>> {
    let of_columns = node.columns.iter().map(|column| (&column.constraints, Some(&column.name)));
    let all = of_columns.chain([(&node.constraints, None)]);
    let all = all.flat_map(|(constraints, column)| constraints.iter().map(move |one| (one, column)));
    all.filter(|(one, _)| node.config.contract.enforced && one.kind == ConstraintKind::PrimaryKey)
        .map(|(one, column)| column.map_or_else(|| one.columns.clone(), |column| vec![column.clone()]))
        .next()
}

/// Whether a constraint or an index makes rows unique by exactly these columns, in any order.
fn is_key(node: &Node, wanted: &[String]) -> bool {
    let same = |columns: &[String]| {
        columns.len() == wanted.len() && columns.iter().all(|column| wanted.contains(column))
    };
    let unique = |one: &&Constraint| {
        matches!(one.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique)
            && node.config.contract.enforced
    };
    node.columns.iter().any(|column| {
        column.constraints.iter().any(|one| unique(&one)) && same(std::slice::from_ref(&column.name))
    }) || node.constraints.iter().filter(unique).any(|one| same(&one.columns))
        || node.config.indexes.iter().any(|index| index.unique && same(&index.columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_way_of_naming_a_relation_is_read() {
        let read = |text| relation_and_columns(text).map(|(s, t, c)| (s.to_owned(), t.to_owned(), c));
        let found = |columns: &[&str]| {
            let columns = columns.iter().map(|name| (*name).to_owned()).collect();
            Some(("shop".to_owned(), "customers".to_owned(), columns))
        };
        assert_eq!(read("shop.customers (id)"), found(&["id"]));
        assert_eq!(read(" \"shop\".\"customers\"(id, \"day\")"), found(&["id", "day"]));
        assert_eq!(read("db.shop.customers").map(|(_, table, _)| table), Some("customers".into()));
        assert_eq!(read("shop.customers"), found(&[]));
        assert_eq!(read("customers (id)"), None);
        assert_eq!(read("shop.customers (id) on delete cascade"), None);
    }
}
