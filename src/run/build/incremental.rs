//! What an incremental model adds. New rows are built as a table beside the published one (the delta), and a
//! view shows both as they will be, for tests and for what reads the model. Publishing moves the rows over.

use super::key::KeyPart;
use super::microbatch::{self, event_time};
use super::schema_change::{SchemaChange, find, ident};
use super::standing::follow;
use super::{comments, query};
use crate::database::catalog::Column;
use crate::database::{Session, catalog};
use crate::diagnostic::{Diagnostic, Location};
use crate::manifest::{Node, NodeId};
use crate::name::{Ident, Relation};
use crate::project::{Config, Strategy};
use crate::run::failure::{located, sql_problem};
use crate::run::foreign_keys;
use crate::run::task::{Built, Delta, Done, Problem, Shared, count};

/// What dbt calls the old rows and the new ones; `incremental_predicates` may name them so.
const OLD: &str = "DBT_INTERNAL_DEST";
const NEW: &str = "DBT_INTERNAL_SOURCE";

pub(super) async fn add(shared: &Shared, session: &Session, id: NodeId) -> Result<Done, Problem> {
    let (manifest, plan) = (&shared.manifest, &shared.plan);
    let node = manifest.node(id);
    let whole = || Location::start_of(&node.file);
    let published = manifest.published(id);
    let table = Relation::new(plan.build_schema.clone(), beside("delta", id));

    let (rows, period, note) = if node.config.is_microbatch() {
        let filled = microbatch::fill(shared, session, id, &table, true).await?;
        (filled.rows, Some(filled.period), filled.note)
    } else {
        let sql = query(manifest, plan, id, true).wrap(&format!("create table {table} as\n"), "");
        (session.run(&sql.text).await.map_err(|error| sql_problem(&error, &sql, &node.file))?, None, None)
    };

    let before = catalog::columns(session, &published).await.map_err(|error| located(&error, whole()))?;
    let new = catalog::columns(session, &table).await.map_err(|error| located(&error, whole()))?;
    let policy = node.config.on_schema_change;
    let change = SchemaChange::decide(node.name.as_str(), policy, &before, &new, whole())?;
    fit(session, &published, &table, &change, &new).await.map_err(|error| located(&error, whole()))?;

    let incoming: Vec<Column> =
        change.after.iter().filter(|column| find(&new, &column.name).is_some()).cloned().collect();
    let replaced = period.filter(|_| node.config.unique_key.is_empty()).zip(event_time(node));
    if let Some((_, column)) = &replaced
        && find(&before, column.as_str()).is_none()
    {
        let message =
            format!("`{}` has no column `{}` to be its event_time", node.name.as_str(), column.as_str());
        return Err(Box::new(Diagnostic::error("unknown-column", message).at(node.place_of("event_time"))));
    }
    let replaced = replaced.map(|(period, column)| period.condition(format!("{OLD}.{column}")));
    let movement = Movement {
        published: &published,
        table: &table,
        change: &change,
        incoming,
        config: &node.config,
        replaced,
    };
    let key = movement.key();
    let mut columns = key.iter().filter_map(KeyPart::column);
    if let Some(name) = columns.find(|name| find(&movement.incoming, name.as_str()).is_none()) {
        let message =
            format!("`{}` has no column `{}` to be its unique_key", node.name.as_str(), name.as_str());
        return Err(Box::new(Diagnostic::error("unknown-column", message).at(whole())));
    }
    if node.config.merges() {
        no_key_twice(session, node, &table, &key).await?;
    }
    let overlay =
        format!("create view {} as {}; analyze {table}", plan.building(manifest, id), movement.overlay());
    session.run(&overlay).await.map_err(|error| located(&error, whole()))?;

    foreign_keys::check(shared, session, id, Some(&table)).await?;

    let following = follow(shared, session, id, &plan.building(manifest, id)).await;
    let following = following.map_err(|error| located(&error, whole()))?;
    let mut statements = Vec::new();
    if let Some(alter) = change.statement(&published) {
        statements.push(let_go(&plan.building(manifest, id), &change.after));
        statements.push(alter);
    }
    statements.extend(movement.statements());
    let mut finally = comments(node, &published, "table", &change.after);
    finally.extend(super::grants::exact(node, &published));
    let alters = !change.is_none() || !following.statements.is_empty();
    finally.extend(following.statements);
    let replaces = movement.replaced.is_some();
    let delta = Delta { statements, finally, alters, replaces, ..Delta::default() };
    let mut done = Done::built(Built { delta: Some(delta), ..Built::of(id) }, Some(count(rows)));
    done.notes.extend(note.into_iter().chain(change.note(&published)).chain(following.notes));
    Ok(done)
}

/// An overlay that reads nothing any more: PostgreSQL changes no column that a view holds on to.
pub(in crate::run) fn let_go(overlay: &Relation, columns: &[Column]) -> String {
    let values = columns.iter().map(|column| format!("null::{} as {}", column.data_type, ident(column)));
    let values = values.collect::<Vec<_>>().join(", ");
    format!("create or replace view {overlay} as select {values} where false")
}

/// A name that no model can have: it holds a space, and files of models may too, but not this number twice.
pub(in crate::run) fn beside(what: &str, id: NodeId) -> Ident {
    Ident::new(format!("elt {what} {}", id.0)).expect("a word and a number make a short name")
}

/// Gives the new rows the types of the table they go to, and tries what an ALTER of old rows will do: what
/// cannot be cast is told here, not when publishing.
pub(super) async fn fit(
    session: &Session,
    published: &Relation,
    table: &Relation,
    change: &SchemaChange,
    new: &[Column],
) -> Result<(), crate::database::DatabaseError> {
    let differs =
        |column: &&Column| find(new, &column.name).is_some_and(|now| now.data_type != column.data_type);
    let casts = change.after.iter().filter(differs).map(|column| {
        let (name, data_type) = (ident(column), &column.data_type);
        format!("alter column {name} type {data_type} using {name}::{data_type}")
    });
    let casts: Vec<String> = casts.collect();
    if !casts.is_empty() {
        session.run(&format!("alter table {table} {}", casts.join(", "))).await?;
    }
    let tries = change.retyped.iter().map(|(_, now)| format!("count({}::{})", ident(now), now.data_type));
    let tries: Vec<String> = tries.collect();
    if !tries.is_empty() {
        session.run(&format!("select {} from {published}", tries.join(", "))).await?;
    }
    Ok(())
}

/// A merge of two new rows into one old one has no meaning.
async fn no_key_twice(
    session: &Session,
    node: &Node,
    table: &Relation,
    key: &[KeyPart],
) -> Result<(), Problem> {
    let columns: Vec<String> = key.iter().map(KeyPart::alone).collect();
    let columns = columns.join(", ");
    let sql = format!("select row({columns}) from {table} group by {columns} having count(*) > 1 limit 1");
    let twice = session.value(&sql).await;
    match twice.map_err(|error| located(&error, Location::start_of(&node.file)))? {
        None => Ok(()),
        Some(row) => {
            let message = format!("`{}` has two new rows with one unique_key, {row}", node.name.as_str());
            let problem = Diagnostic::error("key-twice", message).at(Location::start_of(&node.file));
            Err(Box::new(
                problem.hint("a merge needs one row a key: take the others out, e.g. by `distinct on`"),
            ))
        }
    }
}

/// How new rows meet the old ones.
struct Movement<'a> {
    published: &'a Relation,
    table: &'a Relation,
    change: &'a SchemaChange,
    /// Columns of the published table that the new rows have.
    incoming: Vec<Column>,
    config: &'a Config,
    /// The condition that old rows go, whatever comes: those of the time that was built again.
    replaced: Option<String>,
}

impl Movement<'_> {
    /// Old rows with the same key go; without a key nothing goes.
    fn key(&self) -> Vec<KeyPart> {
        if self.config.incremental_strategy == Some(Strategy::Append) {
            return Vec::new();
        }
        KeyPart::all(self.config)
    }

    /// The condition that an old row is replaced by a new one; nothing where rows are only added.
    fn matches(&self) -> Option<String> {
        let key = self.key();
        let parts = key.iter().map(|key| format!("{} = {}", key.of(OLD), key.of(NEW)));
        let predicates = self.config.incremental_predicates.iter().map(|written| format!("({written})"));
        (!key.is_empty()).then(|| parts.chain(predicates).collect::<Vec<_>>().join(" and "))
    }

    /// Of a merge that keeps some of the old row: the columns that are overwritten.
    fn overwritten(&self) -> Option<Vec<&Column>> {
        let (only, but) = (&self.config.merge_update_columns, &self.config.merge_exclude_columns);
        let merges = self.config.merges();
        let keeps_some = merges && !(only.is_empty() && but.is_empty());
        let key = self.key();
        let chosen = |column: &&Column| {
            let listed = only.is_empty() || only.contains(&column.name);
            let is_key = key.iter().filter_map(KeyPart::column).any(|key| key.as_str() == column.name);
            listed && !but.contains(&column.name) && !is_key
        };
        keeps_some.then(|| self.incoming.iter().filter(chosen).collect())
    }

    fn new_values(&self) -> String {
        let values = self.change.after.iter().map(|column| match find(&self.incoming, &column.name) {
            Some(_) => format!("{NEW}.{}", ident(column)),
            None => format!("null::{} as {}", column.data_type, ident(column)),
        });
        values.collect::<Vec<_>>().join(", ")
    }

    /// Old and new rows as they will be.
    fn overlay(&self) -> String {
        let (published, table) = (self.published, self.table);
        let new = format!("select {} from {table} as {NEW}", self.new_values());
        let old_value = |column: &Column| self.change.old_value(OLD, column);
        let named = |value: String, column: &Column| format!("{value} as {}", ident(column));
        if let Some(replaced) = &self.replaced {
            let old = self.change.after.iter().map(|column| named(old_value(column), column));
            let old = old.collect::<Vec<_>>().join(", ");
            return format!(
                "select {old} from {published} as {OLD} where ({replaced}) is not true union all {new}"
            );
        }
        let Some(same) = self.matches() else {
            let old = self.change.after.iter().map(|column| named(old_value(column), column));
            let old = old.collect::<Vec<_>>().join(", ");
            return format!("select {old} from {published} as {OLD} union all {new}");
        };
        if let Some(overwritten) = self.overwritten() {
            let values = self.change.after.iter().map(|column| {
                let value = if overwritten.iter().any(|one| one.name == column.name) {
                    let name = ident(column);
                    format!("case when {NEW}.\"elt new\" then {NEW}.{name} else {} end", old_value(column))
                } else {
                    old_value(column)
                };
                named(value, column)
            });
            let values = values.collect::<Vec<_>>().join(", ");
            return format!(
                "select {values} from {published} as {OLD} \
                 left join (select *, true as \"elt new\" from {table}) as {NEW} on {same} \
                 union all {new} where not exists (select from {published} as {OLD} where {same})"
            );
        }
        let old = self.change.after.iter().map(|column| named(old_value(column), column));
        let old = old.collect::<Vec<_>>().join(", ");
        format!(
            "select {old} from {published} as {OLD} where not exists (select from {table} as {NEW} where {same}) \
             union all {new}"
        )
    }

    /// The statements that move the new rows into the published table.
    fn statements(&self) -> Vec<String> {
        let (published, table) = (self.published, self.table);
        let names: Vec<String> = self.incoming.iter().map(|column| ident(column).to_string()).collect();
        let names = names.join(", ");
        let insert = format!("insert into {published} ({names}) select {names} from {table} as {NEW}");
        if let Some(replaced) = &self.replaced {
            return vec![format!("delete from {published} as {OLD} where {replaced}"), insert];
        }
        let Some(same) = self.matches() else { return vec![insert] };
        let Some(overwritten) = self.overwritten() else {
            return vec![
                format!("delete from {published} as {OLD} using {table} as {NEW} where {same}"),
                insert,
            ];
        };
        let sets: Vec<String> = overwritten
            .iter()
            .map(|column| ident(column))
            .map(|name| format!("{name} = {NEW}.{name}"))
            .collect();
        let insert = format!("{insert} where not exists (select from {published} as {OLD} where {same})");
        if sets.is_empty() {
            return vec![insert];
        }
        let update =
            format!("update {published} as {OLD} set {} from {table} as {NEW} where {same}", sets.join(", "));
        vec![update, insert]
    }
}
