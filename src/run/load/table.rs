//! The table that a load fills: made as the model's body declares it, with the columns that elt adds. Those
//! are filled by their defaults while rows are copied; afterwards the defaults go.

use super::super::failure::{located, sql_problem};
use super::super::task::Problem;
use super::Loading;
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
        sql.push(&own_column(loading, name, location)?);
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

fn own_column(loading: &Loading<'_>, name: &str, location: &source::Location) -> Result<String, Problem> {
    Ok(match name {
        "_source" => {
            format!("\n, _source text not null default {}", literal(&location.to_string()))
        }
        "_file" => "\n, _file text not null default ''".to_owned(),
        "_row" => {
            let numbers = literal(&row_numbers(loading).to_string());
            format!("\n, _row bigint not null default nextval({numbers}::regclass)")
        }
        "_loaded_at" => "\n, _loaded_at timestamptz not null default now()".to_owned(),
        "_run_id" => format!("\n, _run_id bigint not null default {}", loading.shared.run),
        other => {
            let message = format!("config's `metadata` knows no column `{other}`");
            let problem = Diagnostic::error("bad-config", message).at(loading.place.clone());
            return Err(Box::new(problem.hint("it knows _source, _file, _row, _loaded_at and _run_id")));
        }
    })
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
