//! The table that a load fills: made as the model's body declares it, with the columns that elt adds. Those
//! are filled by their defaults while rows are copied; afterwards the defaults go.

use super::super::failure::{located, sql_problem};
use super::super::task::Problem;
use super::Loading;
use crate::database::catalog;
use crate::diagnostic::Diagnostic;
use crate::manifest::Sql;
use crate::name::{Ident, Relation, literal};
use crate::source;

/// The columns as the model's body declares them, where it does.
pub(super) fn declared(loading: &Loading<'_>) -> Option<Sql> {
    let manifest = &loading.shared.manifest;
    let body = manifest.query(loading.id, false, &|target| manifest.published(target));
    if body.is_blank() {
        None
    } else if body.text.trim_end().ends_with(',') {
        Some(body.without_trailing_comma())
    } else {
        Some(body)
    }
}

/// Makes the table of these columns and of elt's own.
pub(super) async fn make(
    loading: &Loading<'_>,
    location: &source::Location,
    mut sql: Sql,
) -> Result<(), Problem> {
    for name in &loading.own {
        let OwnColumn { data_type, value } = own_column(loading, name, location)?;
        sql.push(&format!("\n, {name} {data_type} not null default {value}"));
    }
    let sql = sql.wrap(&format!("create table {} (\n", loading.relation), "\n)");
    let numbered = loading.own.iter().any(|name| name == "_row");
    if numbered {
        // One session fills the table, so numbers may be taken many at a time.
        run(loading, &format!("create sequence {} cache 1000", row_numbers(loading))).await?;
    }
    let made = loading.session.run(&sql.text).await;
    made.map_err(|error| sql_problem(&error, &sql, &loading.node.file))?;
    Ok(())
}

/// Makes the table as the published one is, for rows that are added to that. A column of elt's own that it
/// lacks makes the two differ, which is told later.
pub(super) async fn make_as_published(
    loading: &Loading<'_>,
    location: &source::Location,
) -> Result<(), Problem> {
    let (relation, published) = (&loading.relation, loading.shared.manifest.published(loading.id));
    let mut sql = vec![format!("create table {relation} (like {published})")];
    if loading.own.iter().any(|name| name == "_row") {
        sql.push(format!("create sequence {} cache 1000", row_numbers(loading)));
    }
    for name in &loading.own {
        let OwnColumn { data_type, value } = own_column(loading, name, location)?;
        sql.push(format!("alter table {relation} add column if not exists {name} {data_type}"));
        sql.push(format!("alter table {relation} alter column {name} set default {value}"));
    }
    run(loading, &sql.join("; ")).await
}

/// Gives the new rows the columns that only the published ones have.
pub(super) async fn add_published_columns(loading: &Loading<'_>) -> Result<(), Problem> {
    let published = loading.shared.manifest.published(loading.id);
    let new = columns_of(loading, &loading.relation).await?;
    let only_there = columns_of(loading, &published).await?.into_iter();
    let only_there = only_there.filter(|column| new.iter().all(|other| other.name != column.name));
    let added: Vec<String> = only_there
        .map(|column| {
            let name = Ident::new(column.name).expect("the database keeps no name that is empty or too long");
            format!("add column {name} {}", column.data_type)
        })
        .collect();
    if added.is_empty() {
        return Ok(());
    }
    run(loading, &format!("alter table {} {}", loading.relation, added.join(", "))).await
}

async fn columns_of(loading: &Loading<'_>, relation: &Relation) -> Result<Vec<catalog::Column>, Problem> {
    let columns = catalog::columns(loading.session, relation).await;
    columns.map_err(|error| Box::new(located(&error, loading.place.clone())))
}

struct OwnColumn {
    data_type: &'static str,
    /// Of the rows that come, as SQL.
    value: String,
}

fn own_column(loading: &Loading<'_>, name: &str, location: &source::Location) -> Result<OwnColumn, Problem> {
    let (data_type, value) = match name {
        "_source" => ("text", literal(&location.to_string())),
        "_file" => ("text", "''".to_owned()),
        "_row" => {
            let numbers = literal(&row_numbers(loading).to_string());
            ("bigint", format!("nextval({numbers}::regclass)"))
        }
        "_loaded_at" => ("timestamptz", "now()".to_owned()),
        "_run_id" => ("bigint", loading.shared.run.to_string()),
        other => {
            let message = format!("config's `metadata` knows no column `{other}`");
            let problem = Diagnostic::error("bad-config", message).at(loading.place.clone());
            return Err(Box::new(problem.hint("it knows _source, _file, _row, _loaded_at and _run_id")));
        }
    };
    Ok(OwnColumn { data_type, value })
}

/// The defaults that differ from piece to piece. `before` rows are in the table already.
pub(super) async fn begin_piece(loading: &Loading<'_>, name: &str, before: u64) -> Result<(), Problem> {
    let own = |wanted: &str| loading.own.iter().any(|name| name == wanted);
    if own("_file") {
        let (relation, name) = (&loading.relation, literal(name));
        run(loading, &format!("alter table {relation} alter column _file set default {name}")).await?;
    }
    if own("_row") && before > 0 {
        run(loading, &format!("alter sequence {} restart", row_numbers(loading))).await?;
    }
    Ok(())
}

/// Defaults filled elt's own columns during the COPY; later rows are not theirs to fill.
pub(super) async fn settle(loading: &Loading<'_>) -> Result<(), Problem> {
    let own = &loading.own;
    if own.is_empty() {
        return Ok(());
    }
    let drops: Vec<String> = own.iter().map(|name| format!("alter column {name} drop default")).collect();
    run(loading, &format!("alter table {} {}", loading.relation, drops.join(", "))).await?;
    if own.iter().any(|name| name == "_row") {
        run(loading, &format!("drop sequence {}", row_numbers(loading))).await?;
    }
    Ok(())
}

/// Counts the rows of a piece, for `_row`. The name holds a space and a number, which no model's does twice.
fn row_numbers(loading: &Loading<'_>) -> Relation {
    let name = Ident::new(format!("elt rows {}", loading.id.0)).expect("a number makes a short name");
    Relation::new(loading.shared.plan.build_schema.clone(), name)
}

async fn run(loading: &Loading<'_>, sql: &str) -> Result<(), Problem> {
    let done = loading.session.run(sql).await;
    done.map(drop).map_err(|error| Box::new(located(&error, loading.place.clone())))
}
