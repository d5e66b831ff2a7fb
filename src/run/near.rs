//! The nearest name where PostgreSQL knows none: one question to the catalogue, asked only once something has
//! failed.

use std::collections::HashSet;

use crate::database::Session;
use crate::diagnostic::{Diagnostic, nearest};
use crate::manifest::{Body, Manifest};
use crate::name::{Relation, literal};

/// What PostgreSQL's grammar knows and no catalogue lists.
const GRAMMAR_FUNCTIONS: &[&str] = &["coalesce", "nullif", "greatest", "least", "grouping", "xmlelement"];
const TYPES: &[&str] = &[
    "int",
    "integer",
    "bigint",
    "smallint",
    "numeric",
    "decimal",
    "real",
    "double precision",
    "text",
    "varchar",
    "char",
    "boolean",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "interval",
    "uuid",
    "json",
    "jsonb",
    "bytea",
];

/// Puts the nearest name into the hint of a problem that PostgreSQL told. `read` are the relations whose columns
/// may have been meant. A server that cannot be asked any more changes nothing.
pub async fn suggest(session: &Session, manifest: &Manifest, problem: &mut Diagnostic, read: &[Relation]) {
    let message = problem.message.clone();
    let near = match problem.code {
        "unknown-relation" if !message.contains("FROM") => near_relation(session, manifest, &message).await,
        "unknown-column" if problem.hint.is_none() => near_column(session, &message, read).await,
        "unknown-function" => near_function(session, &message).await,
        "unknown-type" => near_type(session, &message).await,
        _ => None,
    };
    if let Some(near) = near {
        problem.hint = Some(format!("did you mean {near}?"));
    }
}

/// A model or source of the project before any other relation, for these are named otherwise.
async fn near_relation(session: &Session, manifest: &Manifest, message: &str) -> Option<String> {
    let written = quoted(message)?;
    let bare = last_part(written);
    let names: Vec<&str> = manifest.nodes.iter().map(|node| node.name.as_str()).collect();
    let own = nearest(bare, names.iter().copied());
    if let Some(own) = own {
        let node = manifest.nodes.iter().find(|node| node.name.as_str() == own)?;
        return Some(match &node.body {
            Body::Source { table, .. } => format!("{{{{ source('{}', '{table}') }}}}", node.domain),
            _ => format!("{{{{ ref('{own}') }}}}"),
        });
    }
    let sql = "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace \
               where c.relkind in ('r', 'v', 'm', 'p', 'f') and n.nspname !~ '^(pg_|elt|information_schema)'";
    let known = listed(session, sql).await;
    let near = match written.contains('.') {
        true => nearest(written, known.iter().map(String::as_str)),
        false => {
            let near = nearest(bare, known.iter().map(|name| last_part(name)))?;
            known.iter().map(String::as_str).find(|name| last_part(name) == near)
        }
    };
    near.map(|name| format!("`{name}`"))
}

async fn near_column(session: &Session, message: &str, read: &[Relation]) -> Option<String> {
    let written = last_part(quoted(message).or_else(|| message.split_whitespace().nth(1))?);
    let read: Vec<String> = read.iter().map(|relation| literal(&relation.to_string())).collect();
    if read.is_empty() {
        return None;
    }
    let sql = format!(
        "select distinct attname from pg_attribute where attnum > 0 and not attisdropped \
         and attrelid in (select to_regclass(name) from unnest(array[{}]) as name)",
        read.join(", ")
    );
    Some(format!("`{}`", nearest(written, listed(session, &sql).await.iter().map(String::as_str))?))
}

/// Where the name is right, the types are not: PostgreSQL's own hint says so.
async fn near_function(session: &Session, message: &str) -> Option<String> {
    let before = message.split('(').next()?;
    let written = last_part(before.split_whitespace().last()?).trim_matches('"');
    let sql = "select distinct proname from pg_proc where pg_function_is_visible(oid)";
    let known: HashSet<String> = listed(session, sql).await.into_iter().collect();
    if known.contains(written) {
        return None;
    }
    let mut known: Vec<&str> =
        known.iter().map(String::as_str).chain(GRAMMAR_FUNCTIONS.iter().copied()).collect();
    known.sort_unstable();
    nearest(written, known).map(|name| format!("`{name}`"))
}

async fn near_type(session: &Session, message: &str) -> Option<String> {
    let written = last_part(quoted(message)?);
    let sql = "select typname from pg_type where pg_type_is_visible(oid) and typtype in ('d', 'e', 'r') \
               or pg_type_is_visible(oid) and typtype = 'b' and typcategory <> 'A'";
    let known = listed(session, sql).await;
    let known = TYPES.iter().copied().chain(known.iter().map(String::as_str));
    nearest(written, known).map(|name| format!("`{name}`"))
}

async fn listed(session: &Session, sql: &str) -> Vec<String> {
    let table = session.table(sql).await.unwrap_or_default();
    table.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
}

/// The first name between quotes, of whatever language the message is.
fn quoted(message: &str) -> Option<&str> {
    message.split('"').nth(1)
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
