//! Rows for people and programs: a table, CSV or JSON.

use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};

use crate::database::{DatabaseError, Session, TextTable, written_plainly};
use crate::name::Relation;

/// What they are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Table,
    Csv,
    Json,
}

/// Reads at most `limit` rows of a relation (0: all), as [`formatted`] wants them for `output`.
pub async fn read(
    session: &Session,
    relation: &Relation,
    limit: u64,
    output: Output,
) -> Result<TextTable, DatabaseError> {
    let limit = if limit == 0 { String::new() } else { format!(" limit {limit}") };
    // The server knows which values are numbers.
    let columns = if output == Output::Json { "row_to_json(r.*)::text" } else { "*" };
    // Statements that are sent together are one transaction.
    session.table(&format!("{}select {columns} from {relation} as r{limit}", written_plainly())).await
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
    let cells =
        |index: usize| rows.rows.iter().filter_map(move |row: &Vec<Option<String>>| row[index].as_deref());
    let boolean: Vec<bool> =
        (0..rows.columns.len()).map(|index| cells(index).all(|cell| matches!(cell, "t" | "f"))).collect();
    for row in &rows.rows {
        let shown = row.iter().zip(&boolean);
        table.add_row(
            shown.map(|(cell, boolean)| cell.as_deref().map_or(String::new(), |it| readable(it, *boolean))),
        );
    }
    for index in 0..rows.columns.len() {
        let cells = cells(index);
        let numeric = cells.clone().count() > 0 && cells.clone().all(|cell| cell.parse::<f64>().is_ok());
        if let (true, Some(column)) = (numeric, table.column_mut(index)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines = table.to_string();
    lines.lines().map(|line| format!(" {}\n", line.trim_end())).collect()
}

/// Truth becomes words, control characters are shown. What else there is stays: a number may be an id.
fn readable(cell: &str, boolean: bool) -> String {
    match cell {
        "t" if boolean => "yes".into(),
        "f" if boolean => "no".into(),
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
