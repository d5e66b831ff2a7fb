//! Keeps the wrong rows that a test found, in a schema of elt's own: `prod_failures` beside `prod`. They stay
//! when the run publishes nothing, which is when somebody needs them; the reader of prod cannot see them. Each
//! test has one table, replaced when it fails again and dropped when it passes.

use crate::database::ledger::{self, Published};
use crate::database::{DatabaseError, Session, catalog};
use crate::manifest::{Manifest, Sql, Test, hash};
use crate::name::{Ident, MAX_BYTES, Relation};
use crate::project::Layer;

const SUFFIX: &str = "_failures";
const HASH_DIGITS: usize = 10;

/// Where failures of a project's tests are kept.
pub(super) fn schema(manifest: &Manifest) -> Ident {
    Ident::new(format!("{}{SUFFIX}", cut(manifest.schema(Layer::Prod).as_str(), MAX_BYTES - SUFFIX.len())))
        .expect("a shortened name with an ending is neither empty nor too long")
}

/// The table of one test; a name too long for PostgreSQL ends in a hash of it.
pub(super) fn table(manifest: &Manifest, test: &Test) -> Relation {
    let name = test.judged.alias.as_deref().filter(|name| !name.is_empty()).unwrap_or(&test.name);
    let name = if name.len() <= MAX_BYTES {
        name.to_owned()
    } else {
        format!("{}_{}", cut(name, MAX_BYTES - HASH_DIGITS - 1), &hash(name)[..HASH_DIGITS])
    };
    let name = Ident::new(name.replace('\0', "")).or_else(|_| Ident::new("test"));
    Relation::new(schema(manifest), name.expect("a constant name is good"))
}

/// Makes the table anew. An error of the test's query never comes here: it was counted before.
pub(super) async fn keep(
    session: &Session,
    run: i64,
    test: &Test,
    table: &Relation,
    query: &Sql,
) -> Result<(), DatabaseError> {
    let made = session.run(&format!("create schema if not exists {}", table.schema)).await;
    // Two sessions may make it at once.
    made.map(drop)
        .or_else(|error| if error.is("23505") || error.is("42P06") { Ok(()) } else { Err(error) })?;
    forget(session, table).await?;
    session.run(&format!("create table {table} as\n{}", query.text)).await?;
    ledger::own(session, run, &[Published::plain(table.clone(), &format!("test.{}", test.name), "failures")])
        .await
}

/// Drops what an earlier failure left. A table that elt did not make stays.
pub(super) async fn forget(session: &Session, table: &Relation) -> Result<(), DatabaseError> {
    match catalog::existing(session, std::slice::from_ref(table)).await?.first() {
        Some(standing) if !standing.owned => {
            Err(DatabaseError::new(format!("{} is there already, and elt did not make it", table.plain())))
        }
        Some(_) => {
            session.run(&format!("drop table {table}")).await?;
            catalog::disown(session, table).await
        }
        None => Ok(()),
    }
}

fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}
