//! Looks through a workbook that is a zip archive before it is read: an OpenDocument sheet is unfolded in memory
//! by its reader, and a short file can say a cell a million times over.

use std::io::BufReader;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::source::SourceError;
use crate::source::archive::{self, Unpacked};
use crate::source::error::guarded;
use crate::source::file::OpenFile;

/// A tag or a text between two tags that is longer is none that an office program wrote; it would be held whole.
const LONGEST_PART: u64 = 64 << 20;
/// What the reader of OpenDocument caps rows and columns at.
const MOST_ROWS: u64 = 1 << 20;
const MOST_COLUMNS: u64 = 1 << 14;
/// A cell and its formula, while the list of them grows.
const LISTED_CELL: u64 = 112;
/// A cell and its formula in the square that the sheet spans.
const PLACED_CELL: u64 = 56;

/// Refuses a workbook that would take more memory than such may. One that is damaged is for its reader to judge.
pub(super) fn check(file: &OpenFile, (unpacked, limit): (u64, u64), shown: &str) -> Result<(), SourceError> {
    let parts = archive::check_unpacked(file, unpacked, shown)?;
    let is_xml = |part: &&Unpacked| part.name.ends_with(".xml");
    if parts.iter().filter(is_xml).any(|part| part.longest_without_tag > LONGEST_PART) {
        return Err(too_large(limit, shown));
    }
    let strings = |part: &&Unpacked| part.name.starts_with("xl/sharedStrings.");
    if parts.iter().filter(strings).any(|part| part.bytes > limit) {
        return Err(too_large(limit, shown));
    }
    if parts.iter().any(|part| part.name == "content.xml") {
        let counted = guarded(|| archive::with_member(file, "content.xml", |stream| memory(stream, limit)));
        if counted.flatten().is_some_and(|bytes| bytes > limit) {
            return Err(too_large(limit, shown));
        }
    }
    Ok(())
}

pub(super) fn too_large(limit: u64, shown: &str) -> SourceError {
    SourceError::new(format!("{shown} is refused: its cells would take more than {limit} bytes of memory"))
        .with_hint("save the sheet as CSV, or raise fetch.max_workbook_bytes in profiles.yml")
}

/// About how much the sheets take when they are unfolded; counting stops past the limit, and where the XML makes
/// no sense.
fn memory(stream: impl std::io::Read, limit: u64) -> u64 {
    let mut reader = Reader::from_reader(BufReader::new(stream));
    let config = reader.config_mut();
    // As the reader that comes after it has them.
    config.check_end_names = false;
    config.expand_empty_elements = true;
    let (mut sheets, mut buffer) = (Sheets::default(), Vec::new());
    while sheets.bytes() <= limit {
        buffer.clear();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(tag)) => sheets.begin(&tag),
            Ok(Event::End(tag)) => sheets.end(tag.name().as_ref()),
            Ok(Event::Eof) | Err(_) => break,
            Ok(other) => sheets.text(other.len() as u64),
        }
    }
    sheets.bytes()
}

/// What the sheets come to so far.
#[derive(Default)]
struct Sheets {
    done: u64,
    sheet: Sheet,
    row: Row,
    cell: Option<Cell>,
}

#[derive(Default)]
struct Sheet {
    listed: u64,
    /// Rows down to the last that holds something, and those after it.
    rows: u64,
    blank_rows: u64,
    width: u64,
    texts: u64,
}

#[derive(Default)]
struct Row {
    repeated: u64,
    /// Cells up to the last that holds something, and those after it.
    cells: u64,
    blanks: u64,
    texts: u64,
}

struct Cell {
    repeated: u64,
    holds_something: bool,
    text: u64,
}

impl Sheets {
    fn begin(&mut self, tag: &BytesStart<'_>) {
        match tag.name().as_ref() {
            "table:table-row" => {
                let repeated = number(tag, "table:number-rows-repeated", MOST_ROWS);
                self.row = Row { repeated, ..Row::default() };
            }
            "table:table-cell" | "table:covered-table-cell" => {
                let raw = tag.attributes_raw();
                self.cell = Some(Cell {
                    repeated: number(tag, "table:number-columns-repeated", MOST_COLUMNS),
                    holds_something: ["office:", "calcext:", "table:formula"]
                        .iter()
                        .any(|word| raw.contains(word)),
                    text: raw.len() as u64,
                });
            }
            "text:s" => self.text(number(tag, "text:c", u64::MAX)),
            _ => self.text(1),
        }
    }

    fn text(&mut self, bytes: u64) {
        if let Some(cell) = &mut self.cell {
            cell.text = cell.text.saturating_add(bytes);
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "table:table-cell" | "table:covered-table-cell" => self.end_cell(),
            "table:table-row" => self.end_row(),
            "table:table" => {
                self.done = self.done.saturating_add(std::mem::take(&mut self.sheet).bytes());
            }
            _ => {}
        }
    }

    fn end_cell(&mut self) {
        let Some(cell) = self.cell.take() else { return };
        let row = &mut self.row;
        if cell.holds_something {
            row.cells = (row.cells + row.blanks + cell.repeated).min(MOST_COLUMNS);
            row.blanks = 0;
            row.texts = row.texts.saturating_add(cell.text.saturating_mul(cell.repeated));
        } else {
            row.blanks = (row.blanks + cell.repeated).min(MOST_COLUMNS);
        }
    }

    fn end_row(&mut self) {
        let (row, sheet) = (std::mem::take(&mut self.row), &mut self.sheet);
        if row.cells == 0 {
            sheet.blank_rows = (sheet.blank_rows + row.repeated).min(MOST_ROWS);
            return;
        }
        sheet.rows = (sheet.rows + sheet.blank_rows + row.repeated).min(MOST_ROWS);
        sheet.blank_rows = 0;
        sheet.width = sheet.width.max(row.cells);
        sheet.listed = sheet.listed.saturating_add(row.cells);
        sheet.texts = sheet.texts.saturating_add(row.texts.saturating_mul(row.repeated + 1));
    }

    fn bytes(&self) -> u64 {
        let text = self.cell.as_ref().map_or(0, |cell| cell.text.saturating_mul(cell.repeated));
        let row = (self.row.cells * LISTED_CELL).saturating_add(self.row.texts).saturating_add(text);
        self.done.saturating_add(self.sheet.bytes()).saturating_add(row)
    }
}

impl Sheet {
    fn bytes(&self) -> u64 {
        let placed = self.rows * self.width * PLACED_CELL;
        placed.saturating_add(self.listed.saturating_mul(LISTED_CELL)).saturating_add(self.texts)
    }
}

/// How often something is said, at most `most` times. What is spelled in a way that is not read here counts as
/// the most.
fn number(tag: &BytesStart<'_>, name: &str, most: u64) -> u64 {
    match tag.try_get_attribute(name) {
        Ok(None) => 1,
        Ok(Some(value)) => value.value.parse().unwrap_or(most).min(most),
        Err(_) => most,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(rows: &str) -> u64 {
        memory(format!("<table:table>{rows}</table:table>").as_bytes(), u64::MAX)
    }

    fn row(cells: &str) -> String {
        format!("<table:table-row>{cells}</table:table-row>")
    }

    #[test]
    fn what_is_repeated_counts_as_often_and_what_is_blank_at_the_end_does_not() {
        let cell = |more: &str| format!("<table:table-cell office:value=\"1\" {more}/>");
        let one = bytes(&row(&cell("")));
        assert!((100..500).contains(&one), "{one}");
        assert!(bytes(&row(&cell("table:number-columns-repeated=\"1000\""))) > 150_000);
        let blank = "<table:table-cell table:number-columns-repeated=\"16000\"/>";
        assert_eq!(bytes(&row(&format!("{}{blank}", cell("")))), one);
        let blank_row =
            format!("<table:table-row table:number-rows-repeated=\"1048000\">{blank}</table:table-row>");
        assert_eq!(bytes(&format!("{}{blank_row}", row(&cell("")))), one);
        assert!(bytes(&format!("{}{blank_row}{0}", row(&cell("")))) > 50_000_000);
        assert!(bytes(&row(&cell("table:number-columns-repeated=\"&#49;0\""))) > 1_000_000);
        let spaces = "<table:table-cell office:value-type=\"string\"><text:p><text:s text:c=\"4000000000\"/></text:p></table:table-cell>";
        assert!(bytes(&row(spaces)) > 4_000_000_000);
    }
}
