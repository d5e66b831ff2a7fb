//! Rows put aside: those that elt could not read with certainty. PostgreSQL reads them here; what it takes goes
//! into the table, what it refuses into `elt.bad_rows`, with its reason.

use std::collections::HashMap;
use std::fmt::Write;

use super::super::failure::located;
use super::super::task::Problem;
use super::Loading;
use crate::database::catalog;
use crate::diagnostic::Diagnostic;
use crate::name::{Ident, literal};
use crate::project::BadRowsLimit;

/// So many rows are tried at once.
const PART: u64 = 1024;
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
        let columns = catalog::unbounded_types(loading.session, &loading.relation).await;
        let columns = columns.map_err(|error| located(&error, loading.place.clone()))?;
        let table = &self.table;
        run(
            loading,
            &format!("alter table {table} add column number bigint generated always as identity primary key"),
        )
        .await?;
        run(loading, &self.block(loading, file, &columns)).await?;
        let count = format!(
            "select count(*) from elt.bad_rows where run_id = {} and node = {} and file = {}",
            loading.shared.run,
            literal(&loading.node.label()),
            literal(file)
        );
        let bad = value(loading, &count).await?;
        let forget = format!(
            "drop table {table}; delete from elt.bad_rows where node = {} and run_id <= {}",
            literal(&loading.node.label()),
            loading.shared.run - REMEMBERED_RUNS
        );
        run(loading, &forget).await?;
        Ok(Judged { good: all - bad.min(all), bad })
    }

    /// PL/pgSQL that goes through the rows, many at a time: a part that fails is halved until it is one row. Then
    /// a variable of each column's own type takes the text as a COPY would; which one failed tells the column.
    fn block(&self, loading: &Loading<'_>, file: &str, types: &HashMap<String, String>) -> String {
        let (relation, table) = (&loading.relation, &self.table);
        let listed: Vec<String> = self.columns.iter().map(Ident::to_string).collect();
        let listed = listed.join(", ");
        let (mut variables, mut takes, mut casts, mut values) =
            (String::new(), String::new(), Vec::new(), Vec::new());
        for (index, column) in self.columns.iter().enumerate() {
            let name = literal(column.as_str());
            let _ = writeln!(variables, "_v{index} {relation}.{column}%type;");
            let _ = writeln!(takes, "_at := {name}; _value := _row.v{index}; _v{index} := _row.v{index};");
            let kind = types.get(column.as_str()).map_or("text", String::as_str);
            casts.push(format!("v{index}::{kind}"));
            values.push(format!("_v{index}"));
        }
        let enough = match loading.node.config.max_bad_rows {
            Some(BadRowsLimit::Rows(rows)) => format!("exit when _bad > {rows};"),
            _ => String::new(),
        };
        let bad = format!(
            "insert into elt.bad_rows (run_id, node, file, line, column_name, value, reason, raw) select {}, {}, {}",
            loading.shared.run,
            literal(&loading.node.label()),
            literal(file)
        );
        let (casts, values) = (casts.join(", "), values.join(", "));
        let code = format!(
            "declare _row record; _at text; _value text; _reason text; _seen text; _bad bigint; _all bigint;\n\
             _first bigint; _last bigint; _middle bigint; _from bigint[]; _to bigint[];\n{variables}\
             begin\n\
             {bad}, line, column_name, null, reason, nullif(raw, '') from {table} where reason is not null;\n\
             get diagnostics _bad = row_count;\n\
             select max(number) into _all from {table};\n\
             for _start in 1 .. _all by {PART} loop\n\
             {enough}\n\
             _from := array[_start]; _to := array[least(_start + {PART} - 1, _all)];\n\
             while cardinality(_from) > 0 loop\n\
             {enough}\n\
             _first := _from[1]; _last := _to[1]; _from := _from[2:]; _to := _to[2:];\n\
             begin\n\
             insert into {relation} ({listed}) select {casts} from {table}\n\
             where number between _first and _last and reason is null order by number;\n\
             exception when data_exception or integrity_constraint_violation then\n\
             if _first < _last then\n\
             _middle := (_first + _last) / 2;\n\
             _from := array[_first, _middle + 1] || _from; _to := array[_middle, _last] || _to;\n\
             else\n\
             select * into _row from {table} where number = _first;\n\
             _reason := null;\n\
             begin\n{takes}\
             _at := null; _value := null;\n\
             insert into {relation} ({listed}) values ({values});\n\
             exception when data_exception or integrity_constraint_violation then\n\
             get stacked diagnostics _reason = message_text, _seen = column_name;\n\
             _at := coalesce(_at, nullif(_seen, '')); end;\n\
             if _reason is not null then\n\
             {bad}, _row.line, _at, _value, _reason, nullif(_row.raw, '');\n\
             _bad := _bad + 1; end if;\n\
             end if; end; end loop; end loop; end"
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
