//! The difference of two tables of one shape, as aligned rows: what was expected over what came, cells that
//! differ between stars. Equal rows are left out, order says nothing.

use crate::database::{DatabaseError, Session, TextTable};
use crate::name::Ident;

/// How many differing rows are shown of each side.
const SHOWN: usize = 20;

type Row = Vec<Option<String>>;

/// Nothing where both hold the same rows, however often each.
pub(super) async fn diff(
    session: &Session,
    expected: &str,
    actual: &str,
    columns: &[(Ident, String)],
) -> Result<Option<String>, DatabaseError> {
    let list: Vec<String> = columns.iter().map(|(name, kind)| comparable(name, kind)).collect();
    let list = if list.is_empty() { "count(*)".to_owned() } else { list.join(", ") };
    let only = |here: &str, there: &str| {
        format!("select {list} from {here} except all select {list} from {there} order by 1")
    };
    let missing = session.table(&only(expected, actual)).await?;
    let extra = session.table(&only(actual, expected)).await?;
    if missing.rows.is_empty() && extra.rows.is_empty() {
        return Ok(None);
    }
    Ok(Some(written(&missing, &extra)))
}

/// Types that PostgreSQL cannot compare are compared as others that it can.
fn comparable(name: &Ident, kind: &str) -> String {
    match kind {
        "json" => format!("{name}::jsonb as {name}"),
        "json[]" | "xml" | "xml[]" | "point" | "line" | "lseg" | "box" | "path" | "polygon" | "circle" => {
            format!("{name}::text as {name}")
        }
        _ => name.to_string(),
    }
}

fn written(missing: &TextTable, extra: &TextTable) -> String {
    let mut lines: Vec<(&str, Vec<String>)> = vec![(" ", missing.columns.clone())];
    let mut left: Vec<&Row> = extra.rows.iter().collect();
    for row in missing.rows.iter().take(SHOWN) {
        let nearest = left
            .iter()
            .enumerate()
            .map(|(index, other)| (alike(row, other), std::cmp::Reverse(index)))
            .max()
            .filter(|(alike, _)| *alike > 0 || missing.rows.len() == 1 && extra.rows.len() == 1);
        match nearest {
            Some((_, std::cmp::Reverse(index))) => {
                let other = left.remove(index);
                lines.push(("-", marked(row, other)));
                lines.push(("+", marked(other, row)));
            }
            None => lines.push(("-", row.iter().map(shown).collect())),
        }
    }
    lines.extend(left.iter().take(SHOWN).map(|row| ("+", row.iter().map(shown).collect())));
    let width = |index: usize| lines.iter().map(|(_, row)| row[index].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..missing.columns.len()).map(width).collect();
    let mut text = String::from("- expected, + actual");
    for (sign, row) in &lines {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(&format!("\n{sign} {}", cells.join("  ").trim_end()));
    }
    let more = missing.rows.len().saturating_sub(SHOWN) + left.len().saturating_sub(SHOWN);
    if more > 0 {
        text.push_str(&format!("\n  and {more} more"));
    }
    text
}

fn alike(row: &Row, other: &Row) -> usize {
    row.iter().zip(other).filter(|(cell, other)| cell == other).count()
}

fn marked(row: &Row, other: &Row) -> Vec<String> {
    let cell = |(cell, other): (&Option<String>, &Option<String>)| {
        if cell == other { shown(cell) } else { format!("*{}*", shown(cell)) }
    };
    row.iter().zip(other).map(cell).collect()
}

/// An empty text is told apart from NULL.
fn shown(cell: &Option<String>) -> String {
    match cell {
        None => "NULL".into(),
        Some(text) if text.is_empty() => "''".into(),
        Some(text) => text.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_differ_in_a_cell_stand_under_each_other() {
        let table = |rows: &[[Option<&str>; 2]]| TextTable {
            columns: vec!["id".into(), "total".into()],
            rows: rows.iter().map(|row| row.iter().map(|cell| cell.map(str::to_owned)).collect()).collect(),
        };
        let missing = table(&[[Some("1"), Some("10")], [Some("3"), None]]);
        let extra = table(&[[Some("2"), Some("")], [Some("1"), Some("12")]]);
        insta::assert_snapshot!(written(&missing, &extra), @r"
        - expected, + actual
          id  total
        - 1   *10*
        + 1   *12*
        - 3   NULL
        + 2   ''
        ");
    }
}
