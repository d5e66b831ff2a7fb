//! Builds one node in the run's own schema: view, table, rules table, or what is added to an incremental one.

mod batches_left;
pub(super) mod contract;
pub(super) mod defaults;
mod grants;
mod hooks;
mod incremental;
mod key;
mod keyed;
mod materialized_view;
mod microbatch;
mod schema_change;
mod snapshot;
mod standing;

use std::collections::BTreeSet;
use std::fmt::Write;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::failure::{located, sql_problem};
use super::foreign_keys;
use super::plan::Plan;
use super::task::{Built, Done, Problem, Shared, count};
use crate::database::catalog::Column;
use crate::database::{Session, catalog};
use crate::diagnostic::{Diagnostic, Location, did_you_mean};
use crate::manifest::{Body, Manifest, Node, NodeId, Sql};
use crate::name::{Ident, Relation, literal};
use crate::project::{Config, Index, Materialization, Rule};

pub(super) use grants::statements as grant_statements;
pub(super) use grants::{exact as exact_grants, unknown_roles};
pub(super) use hooks::{Ready, around, of_run};
pub(super) use incremental::{beside, let_go};
pub(super) use snapshot::columns_added;
pub(super) use standing::kept;

pub(super) async fn build(shared: &Shared, session: &Session, id: NodeId) -> Result<Done, Problem> {
    let (manifest, plan) = (&shared.manifest, &shared.plan);
    let node = manifest.node(id);
    let relation = plan.building(manifest, id);
    if node.materialization == Materialization::Snapshot {
        return snapshot::build(shared, session, id).await;
    }
    if node.config.contract.enforced {
        let names =
            ["promised", "yields"].map(|what| Relation::new(plan.build_schema.clone(), beside(what, id)));
        let adds = plan.added_to.contains(&id);
        contract::check(session, node, &query(manifest, plan, id, adds), names).await?;
    }
    if plan.added_to.contains(&id) {
        return incremental::add(shared, session, id).await;
    }
    let mut notes = Vec::new();
    let rows = match (&node.body, node.materialization) {
        (Body::Rule(rule), _) => Some(fill_rule(session, node, rule, &relation).await?),
        (_, Materialization::View) => {
            let sql = query(manifest, plan, id, false).wrap(&format!("create view {relation} as\n"), "");
            session.run(&sql.text).await.map_err(|error| sql_problem(&error, &sql, &node.file))?;
            None
        }
        (_, Materialization::MaterializedView) => {
            let create = format!("create materialized view {relation} as\n");
            let sql = query(manifest, plan, id, false).wrap(&create, "");
            let rows = session.run(&sql.text).await;
            let rows = rows.map_err(|error| sql_problem(&error, &sql, &node.file))?;
            let warnings = finish(session, node, &relation, Some(rows)).await?;
            let mut done = Done { warnings, ..Done::built(Built::of(id), Some(count(rows))) };
            done.notes.extend(
                materialized_view::meet_standing(session, node, &relation, &manifest.published(id)).await?,
            );
            return Ok(done);
        }
        (_, Materialization::Incremental) if node.config.is_microbatch() => {
            let filled = microbatch::fill(shared, session, id, &relation, false).await?;
            notes.extend(filled.note);
            Some(filled.rows)
        }
        _ if node.config.contract.enforced => {
            Some(contract::fill(session, node, &relation, query(manifest, plan, id, false)).await?)
        }
        _ => {
            let unlogged = if node.config.unlogged { "unlogged " } else { "" };
            let create = format!("create {unlogged}table {relation} as\n");
            let sql = query(manifest, plan, id, false).wrap(&create, "");
            let rows = session.run(&sql.text).await;
            Some(rows.map_err(|error| sql_problem(&error, &sql, &node.file))?)
        }
    };
    let warnings = finish(session, node, &relation, rows).await?;
    foreign_keys::check(shared, session, id, None).await?;
    Ok(Done { warnings, notes, ..Done::built(Built::of(id), rows.map(count)) })
}

/// A node's query as this run must read it.
pub(super) fn query(manifest: &Manifest, plan: &Plan, id: NodeId, incremental: bool) -> Sql {
    plan.query(manifest, id, incremental, &|target| plan.name(manifest, Some(id), target))
}

/// Indexes, comments and statistics of a relation that was just made; warnings of what is said of columns in vain.
pub(super) async fn finish(
    session: &Session,
    node: &Node,
    relation: &Relation,
    rows: Option<u64>,
) -> Result<Vec<Diagnostic>, Problem> {
    let whole = Location::start_of(&node.file);
    let mut sql = String::new();
    let (mut columns, mut warnings) = (Vec::new(), Vec::new());
    if speaks_of_columns(node) {
        columns =
            catalog::columns(session, relation).await.map_err(|error| located(&error, whole.clone()))?;
        let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        check_columns(node, &known)?;
        warnings = stale_columns(node, &known);
        defaults::check(session, node, relation).await?;
    }
    if rows.is_some() {
        for index in indexes(node) {
            write_index(&mut sql, relation, &index);
        }
    }
    let what = relation_word(node.materialization);
    for statement in
        comments(node, relation, what, &columns).into_iter().chain(grants::statements(node, relation))
    {
        let _ = write!(sql, "{statement};");
    }
    // Without statistics the planner takes a table of three rows for one of thousands. For what was loaded,
    // wide and mostly read whole, a coarse sample will do: a fine one takes a third as long as the load.
    if rows.is_some_and(|rows| rows > 0) {
        let _ = match node.materialization {
            Materialization::Load => write!(
                sql,
                "set default_statistics_target = 10; analyze {relation}; reset default_statistics_target;"
            ),
            _ => write!(sql, "analyze {relation};"),
        };
    }
    if !sql.is_empty() {
        session.run(&sql).await.map_err(|error| located(&error, whole))?;
    }
    Ok(warnings)
}

/// What DDL calls the relation of a node.
pub(super) fn relation_word(materialization: Materialization) -> &'static str {
    match materialization {
        Materialization::View => "view",
        Materialization::MaterializedView => "materialized view",
        _ => "table",
    }
}

/// The statements that write descriptions into the database, for those columns that are there.
pub(super) fn comments(node: &Node, relation: &Relation, what: &str, known: &[Column]) -> Vec<String> {
    let persist = node.config.persist_docs;
    let mut statements = Vec::new();
    let described = node.columns.iter().filter(|column| persist.columns && !column.description.is_empty());
    for column in described {
        if let Some(name) = schema_change::find(known, &column.name).map(schema_change::ident) {
            let text = literal(&column.description);
            statements.push(format!("comment on column {relation}.{name} is {text}"));
        }
    }
    if persist.relation && !node.description.is_empty() {
        statements.push(format!("comment on {what} {relation} is {}", literal(&node.description)));
    }
    statements
}

/// Whether something is said of a relation's columns that holds only of columns that are there.
fn speaks_of_columns(node: &Node) -> bool {
    let described =
        node.config.persist_docs.columns && node.columns.iter().any(|column| !column.description.is_empty());
    described || node.endpoint.is_some() || configured(node).next().is_some()
}

/// The columns that config names.
fn configured(node: &Node) -> impl Iterator<Item = &String> {
    let checked = &node.config.check_cols;
    let checked = checked.iter().filter(|name| !(*name == "all" && checked.len() == 1));
    let indexed = node.config.indexes.iter().flat_map(|index| &index.columns);
    let keys = node.config.unique_key.iter().filter(|key| !Config::is_expression(key));
    indexed.chain(keys).chain(checked)
}

/// Columns that YAML describes and that are not there. Whoever has forgotten them there loses a description.
pub(super) fn stale_columns(node: &Node, known: &[&str]) -> Vec<Diagnostic> {
    let described = node.columns.iter().filter(|column| !known.contains(&column.name.as_str()));
    let stale = described.map(|column| unknown_column(node, &column.name, known, column.place.clone()));
    stale.map(Diagnostic::as_warning).collect()
}

/// What config and `expose:` say of columns that are not there.
pub(super) fn wrong_columns(node: &Node, known: &[&str]) -> Vec<Diagnostic> {
    if !speaks_of_columns(node) {
        return Vec::new();
    }
    let unknown = |name: &str| !known.contains(&name);
    let mut problems = Vec::new();
    if let Some((endpoint, place)) = &node.endpoint {
        for (word, name) in endpoint.named_columns().into_iter().filter(|(_, name)| unknown(name)) {
            problems.push(unknown_column(node, name, known, place.closer(word).closer(name)));
        }
    }
    let configured: BTreeSet<&String> = configured(node).collect();
    for name in configured.into_iter().filter(|name| unknown(name)) {
        problems.push(unknown_column(node, name, known, node.place_of(name)));
    }
    problems
}

/// The first of them.
fn check_columns(node: &Node, known: &[&str]) -> Result<(), Problem> {
    wrong_columns(node, known).into_iter().next().map_or(Ok(()), |problem| Err(Box::new(problem)))
}

fn unknown_column(node: &Node, name: &str, known: &[&str], place: Location) -> Diagnostic {
    let near = did_you_mean(name, known.iter().copied());
    Diagnostic::error("unknown-column", format!("`{}` has no column `{name}`", node.name.as_str()))
        .at(place)
        .hint(near.unwrap_or_else(|| format!("it has {}", known.join(", "))))
}

/// The indexes of the config; an incremental model's key has one of its own.
fn indexes(node: &Node) -> Vec<Index> {
    let mut indexes = node.config.indexes.clone();
    let key = &node.config.unique_key;
    let grows = node.materialization.is_added_to() || node.config.incremental.is_some();
    let has_columns = !key.is_empty() && !key.iter().any(|key| Config::is_expression(key));
    if grows && has_columns && !indexes.iter().any(|index| index.columns == *key) {
        indexes.push(Index { columns: key.clone(), name: None, unique: false, method: None });
    }
    indexes
}

fn write_index(sql: &mut String, relation: &Relation, index: &Index) {
    let unique = if index.unique { "unique " } else { "" };
    let method = index.method.as_deref().and_then(|method| Ident::new(method).ok());
    let method = method.map(|method| format!(" using {method}")).unwrap_or_default();
    let columns: Vec<String> = index
        .columns
        .iter()
        .filter_map(|column| Ident::new(column).ok())
        .map(|column| column.to_string())
        .collect();
    let name = index.name.as_deref().and_then(|name| Ident::new(name).ok());
    let name = name.map(|name| format!("{name} ")).unwrap_or_default();
    let _ = write!(sql, "create {unique}index {name}on {relation}{method} ({});", columns.join(", "));
}

/// The statement that makes a rules file's table.
pub(super) fn rule_table(rule: &Rule, relation: &Relation) -> String {
    let columns = rule.columns.iter().map(|column| format!("{} {}", column.name, column.data_type));
    format!("create table {relation} ({})", columns.collect::<Vec<_>>().join(", "))
}

/// A rules file, typed as declared or as its values show, copied in as it is.
async fn fill_rule(session: &Session, node: &Node, rule: &Rule, relation: &Relation) -> Result<u64, Problem> {
    let whole = || Location::start_of(&node.file);
    session.run(&rule_table(rule, relation)).await.map_err(|error| located(&error, whole()))?;
    let (sender, receiver) = mpsc::channel::<Result<Bytes, std::convert::Infallible>>(1);
    let text = Bytes::copy_from_slice(rule.file.text.as_bytes());
    sender.try_send(Ok(text)).expect("an open channel with room for one takes one");
    drop(sender);
    let delimiter = literal(&rule.delimiter.to_string());
    let statement =
        format!("copy {relation} from stdin with (format csv, header true, delimiter {delimiter})");
    match session.copy_in(&statement, receiver).await {
        Ok(Ok(rows)) => Ok(rows),
        Ok(Err(never)) => match never {},
        Err(error) => {
            let line = error.context.as_deref().and_then(line_of_copy);
            let at = line.and_then(|line| span_of_line(&node.file.text, line));
            Err(Box::new(located(&error, at.map_or_else(whole, |span| Location::new(&node.file, span)))))
        }
    }
}

/// `COPY t, line 5, column c: "x"`: 5.
fn line_of_copy(context: &str) -> Option<usize> {
    let after = context.split(", line ").nth(1)?;
    after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn span_of_line(text: &str, line: usize) -> Option<std::ops::Range<usize>> {
    let start = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum::<usize>();
    let length = text.get(start..)?.lines().next()?.len();
    Some(start..start + length)
}
