//! Rows put aside: those that elt could not read with certainty. PostgreSQL reads them here one by one; what
//! it takes goes into the table, what it refuses into `elt.bad_rows`, with its reason.

use std::fmt::Write;

use super::super::failure::located;
use super::super::task::Problem;
use super::Loading;
use crate::diagnostic::Diagnostic;
use crate::name::{Ident, literal};
use crate::project::BadRowsLimit;

/// Bad rows of so many runs are kept.
const REMEMBERED_RUNS: i64 = 20;

/// A table of this session's own.
pub(super) struct Aside {
    table: String,
    /// The loaded columns.
    columns: Vec<Ident>,
}

pub(super) struct Judged {
    pub good: u64,
    pub bad: u64,
}

impl Aside {
    /// For rows of these columns.
    pub async fn make(loading: &Loading<'_>, columns: &[Ident]) -> Result<Self, Problem> {
        let table = format!("pg_temp.elt_aside_{}", loading.id.0);
        let mut sql = format!(
            "drop table if exists {table}; \
             create temp table elt_aside_{} (line bigint, reason text, column_name text, raw text",
            loading.id.0
        );
        for index in 0..columns.len() {
            let _ = write!(sql, ", v{index} text");
        }
        sql.push(')');
        run(loading, &sql).await?;
        Ok(Self { table, columns: columns.to_vec() })
    }

    pub fn table(&self) -> &str {
        &self.table
    }

    /// Reads the rows into the table, or writes down why not. Those of long ago are forgotten.
    pub async fn judge(self, loading: &Loading<'_>, file: &str) -> Result<Judged, Problem> {
        let all = value(loading, &format!("select count(*) from {}", self.table)).await?;
        if all == 0 {
            return Ok(Judged { good: 0, bad: 0 });
        }
        run(loading, &self.block(loading, file)).await?;
        let count = format!(
            "select count(*) from elt.bad_rows where run_id = {} and node = {} and file = {}",
            loading.shared.run,
            literal(&loading.node.label()),
            literal(file)
        );
        let bad = value(loading, &count).await?;
        let forget = format!(
            "drop table {}; delete from elt.bad_rows where node = {} and run_id <= {}",
            self.table,
            literal(&loading.node.label()),
            loading.shared.run - REMEMBERED_RUNS
        );
        run(loading, &forget).await?;
        Ok(Judged { good: all - bad.min(all), bad })
    }

    /// PL/pgSQL that goes through the rows. A variable of each column's own type takes the text as a COPY would;
    /// which one failed tells the column.
    fn block(&self, loading: &Loading<'_>, file: &str) -> String {
        let relation = &loading.relation;
        let mut code =
            "declare _row record; _at text; _value text; _reason text; _seen text; _bad bigint := 0;\n"
                .to_owned();
        for (index, column) in self.columns.iter().enumerate() {
            let _ = writeln!(code, "_v{index} {relation}.{column}%type;");
        }
        let _ = write!(
            code,
            "begin for _row in select * from {} order by line loop\n\
             _at := _row.column_name; _value := null; _reason := _row.reason;\n\
             if _reason is null then begin\n",
            self.table
        );
        let listed: Vec<String> = self.columns.iter().map(Ident::to_string).collect();
        let mut values = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            let name = literal(column.as_str());
            let _ = writeln!(code, "_at := {name}; _value := _row.v{index}; _v{index} := _row.v{index};");
            values.push(format!("_v{index}"));
        }
        let limit = match loading.node.config.max_bad_rows {
            Some(BadRowsLimit::Rows(rows)) => format!("exit when _bad > {rows};"),
            _ => String::new(),
        };
        let _ = write!(
            code,
            "_at := null; _value := null;\n\
             insert into {relation} ({}) values ({});\n\
             exception when data_exception or integrity_constraint_violation then\n\
             get stacked diagnostics _reason = message_text, _seen = column_name;\n\
             _at := coalesce(_at, nullif(_seen, '')); end; end if;\n\
             if _reason is not null then\n\
             insert into elt.bad_rows (run_id, node, file, line, column_name, value, reason, raw) \
             values ({}, {}, {}, _row.line, _at, _value, _reason, nullif(_row.raw, ''));\n\
             _bad := _bad + 1; {limit} end if;\n\
             end loop; end",
            listed.join(", "),
            values.join(", "),
            loading.shared.run,
            literal(&loading.node.label()),
            literal(file)
        );
        format!("do {}", literal(&code))
    }
}

/// Fails the load where more rows are bad than it bears.
pub(super) fn check_limit(loading: &Loading<'_>, good: u64, bad: u64) -> Result<(), Problem> {
    let Some(limit) = loading.node.config.max_bad_rows else { return Ok(()) };
    if !limit.is_passed(bad, good + bad) {
        return Ok(());
    }
    let message = format!("{bad} of {} rows are bad, and max_bad_rows is {limit}", good + bad);
    let problem = Diagnostic::error("bad-rows", message).at(loading.place.clone());
    Err(Box::new(problem.hint(format!("look at them: {}", query(loading)))))
}

/// Tells of the bad rows, and how to see them.
pub(super) fn note(loading: &Loading<'_>, bad: u64) -> String {
    let rows = if bad == 1 { "row was" } else { "rows were" };
    format!("{}: {bad} bad {rows} put aside: {}", loading.node.label(), query(loading))
}

fn query(loading: &Loading<'_>) -> String {
    let (run, node) = (loading.shared.run, literal(&loading.node.label()));
    format!("select * from elt.bad_rows where run_id = {run} and node = {node}")
}

async fn run(loading: &Loading<'_>, sql: &str) -> Result<(), Problem> {
    let done = loading.session.run(sql).await;
    done.map(drop).map_err(|error| Box::new(located(&error, loading.place.clone())))
}

async fn value(loading: &Loading<'_>, sql: &str) -> Result<u64, Problem> {
    let value = loading.session.value(sql).await;
    let value = value.map_err(|error| located(&error, loading.place.clone()))?;
    Ok(value.and_then(|value| value.parse().ok()).unwrap_or(0))
}
