//! Rows for people and programs: a table, CSV or JSON.

use comfy_table::{CellAlignment, Table, presets};

use super::args::Output;
use super::terminal::thousands;
use crate::database::{DatabaseError, Session, TextTable};
use crate::name::Relation;

/// Reads at most `limit` rows of a relation (0: all), as [`formatted`] wants them for `output`.
pub async fn read(
    session: &Session,
    relation: &Relation,
    limit: u64,
    output: Output,
) -> Result<TextTable, DatabaseError> {
    let limit = if limit == 0 { String::new() } else { format!(" limit {limit}") };
    // The server knows which values are numbers.
    let columns = if output == Output::Json { "row_to_json(r)::text" } else { "*" };
    session.table(&format!("select {columns} from {relation} as r{limit}")).await
}

/// Rows as `output` says; for JSON each row is one cell, a JSON text.
pub fn formatted(rows: &TextTable, output: Output) -> String {
    match output {
        Output::Table => table(rows),
        Output::Csv => csv(rows),
        Output::Json => {
            let lines = rows.rows.iter().filter_map(|row| row.first().and_then(Option::as_deref));
            format!("[{}]\n", lines.collect::<Vec<_>>().join(",\n "))
        }
    }
}

/// Rows of JSON texts as JSON lines.
pub fn json(rows: &TextTable) -> impl Iterator<Item = String> {
    let texts = rows.rows.iter().filter_map(|row| row.first().and_then(Option::as_deref));
    texts.map(|row| format!("{{\"event\":\"row\",\"row\":{row}}}\n"))
}

/// Rows with a line under the header; numbers stand to the right.
pub fn table(rows: &TextTable) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(&rows.columns);
    for row in &rows.rows {
        table.add_row(row.iter().map(|cell| cell.as_deref().map_or(String::new(), readable)));
    }
    for index in 0..rows.columns.len() {
        let cells = rows.rows.iter().filter_map(|row| row[index].as_deref());
        let numeric = cells.clone().count() > 0 && cells.clone().all(|cell| cell.parse::<f64>().is_ok());
        if let (true, Some(column)) = (numeric, table.column_mut(index)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines = table.to_string();
    lines.lines().map(|line| format!(" {}\n", line.trim_end())).collect()
}

/// Long whole numbers get their commas, `t` and `f` become words, control characters are shown.
fn readable(cell: &str) -> String {
    match cell {
        "t" => "yes".into(),
        "f" => "no".into(),
        _ if cell.len() > 4 && cell.len() < 18 && !cell.starts_with('0') => match cell.parse::<i64>() {
            Ok(number) => thousands(number),
            Err(_) => cell.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\""),
        },
        _ => cell.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\""),
    }
}

/// RFC 4180, with a header; NULL is empty, the empty string is quoted.
fn csv(rows: &TextTable) -> String {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    let mut write = |cells: Vec<&str>| writer.write_record(cells);
    let written = write(rows.columns.iter().map(String::as_str).collect()).and_then(|()| {
        rows.rows
            .iter()
            .try_for_each(|row| write(row.iter().map(|cell| cell.as_deref().unwrap_or("")).collect()))
    });
    written.expect("a vector takes all that is written, and every row has the header's length");
    let bytes = writer.into_inner().expect("a vector flushes");
    String::from_utf8(bytes).expect("text cells make text")
}
