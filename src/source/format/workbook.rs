//! One sheet of a workbook: Excel's old and new forms and OpenDocument. Formulas count by their values, and
//! numbers and dates are written as a CSV would have them.

use calamine::{Data, ExcelDateTime, Range, Reader, Sheets, open_workbook_auto_from_rs};

use super::options::ReadOptions;
use super::record::{Field, Problem, Record, Records, text_problem};
use crate::source::SourceError;
use crate::source::error::{list, nearest};
use crate::source::file::{FileReader, OpenFile};

pub(in crate::source) struct Workbook {
    sheet: Range<Data>,
    names: Vec<String>,
    /// The next row, counted from the first that is used.
    row: usize,
    text: Vec<u8>,
    fields: Vec<Field>,
}

impl Workbook {
    pub fn open(file: &OpenFile, options: &ReadOptions, shown: &str) -> Result<Self, SourceError> {
        let damaged = |error: calamine::Error| {
            SourceError::new(format!("{shown} is no workbook that can be read: {error}"))
                .with_hint("save it anew as .xlsx, without a password")
        };
        let mut book: Sheets<FileReader> = open_workbook_auto_from_rs(file.reader_at(0)).map_err(damaged)?;
        let name = sheet_name(&book.sheet_names(), options.sheet.as_deref(), shown)?;
        let sheet = book.worksheet_range(&name).map_err(damaged)?;
        let skipped = usize::try_from(options.skip_lines).unwrap_or(usize::MAX);
        let mut opened =
            Self { sheet, names: Vec::new(), row: skipped, text: Vec::new(), fields: Vec::new() };
        opened.read_header(options.header).ok_or_else(|| {
            SourceError::new(format!("sheet {} of {shown} is empty", list([&*name])))
                .with_hint("name another with sheet='…'")
        })?;
        Ok(opened)
    }

    fn read_header(&mut self, is_there: bool) -> Option<()> {
        let width = self.sheet.width();
        if !is_there {
            self.names = (1..=width).map(|number| format!("column_{number}")).collect();
            return (self.sheet.height() > self.row).then_some(());
        }
        let header = self.sheet.rows().nth(self.row)?;
        let mut names: Vec<String> = header.iter().map(|cell| written(cell).trim().to_owned()).collect();
        // Columns that were used once and are empty now, at the right.
        while names.last().is_some_and(String::is_empty) {
            names.pop();
        }
        self.names = names;
        self.row += 1;
        (!self.names.is_empty()).then_some(())
    }
}

impl Records for Workbook {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn is_empty(&mut self) -> Result<bool, SourceError> {
        Ok(self.sheet.rows().skip(self.row).all(is_blank))
    }

    fn next(&mut self) -> Result<Option<Record<'_>>, SourceError> {
        let first = self.sheet.start().map_or(0, |(row, _)| row);
        let cells = loop {
            if self.row >= self.sheet.height() {
                return Ok(None);
            }
            self.row += 1;
            match self.sheet.rows().nth(self.row - 1) {
                Some(cells) if !is_blank(cells) => break cells,
                _ => {}
            }
        };
        self.text.clear();
        self.fields.clear();
        let mut problem = None;
        for (index, cell) in cells.iter().enumerate() {
            let start = self.text.len();
            self.text.extend_from_slice(written(cell).as_bytes());
            if let Data::Error(error) = cell {
                problem =
                    Some(Problem { column: Some(index), why: format!("is the error {error} of a formula") });
            }
            let null = matches!(cell, Data::Empty) || self.text.len() == start;
            if index < self.names.len() {
                self.fields.push(Field { start, end: self.text.len(), null });
            } else if !null && problem.is_none() {
                problem = Some(Problem::row(format!(
                    "it has a value in column {}, and there are {} columns",
                    index + 1,
                    self.names.len()
                )));
            }
        }
        self.fields.resize(self.names.len(), Field::NULL);
        let problem = problem.or_else(|| text_problem(&self.text, &self.fields, &self.text));
        let line = u64::from(first) + self.row as u64;
        Ok(Some(Record { line, text: &self.text, fields: &self.fields, raw: &self.text, problem }))
    }
}

fn is_blank(cells: &[Data]) -> bool {
    cells.iter().all(|cell| matches!(cell, Data::Empty))
}

fn sheet_name(names: &[String], wanted: Option<&str>, shown: &str) -> Result<String, SourceError> {
    let by_number = |number: &str| names.get(number.parse::<usize>().ok()?.checked_sub(1)?);
    let found = match wanted {
        None if names.len() > 1 => {
            let error = SourceError::new(format!(
                "{shown} has {} sheets: {}",
                names.len(),
                list(names.iter().map(String::as_str))
            ));
            return Err(error.with_hint("say which one is loaded: sheet='…', or sheet=1 for the first"));
        }
        None => names.first(),
        Some(wanted) => names.iter().find(|name| *name == wanted).or_else(|| by_number(wanted)),
    };
    found.cloned().ok_or_else(|| {
        let wanted = wanted.unwrap_or("1");
        let error = SourceError::new(format!("{shown} has no sheet `{wanted}`"));
        match nearest(wanted, names.iter().map(String::as_str)) {
            Some(near) => error.with_hint(format!("was `{near}` meant?")),
            None => error.with_hint(format!("it has {}", list(names.iter().map(String::as_str)))),
        }
    })
}

/// The cell as text; nothing for an empty one.
fn written(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::Int(number) => number.to_string(),
        // The fewest digits that are this number again, never in the form 1e15.
        Data::Float(number) => number.to_string(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Bool(true) => "true".to_owned(),
        Data::Bool(false) => "false".to_owned(),
        Data::DateTime(moment) => moment_text(moment),
        Data::Error(error) => error.to_string(),
    }
}

fn moment_text(moment: &ExcelDateTime) -> String {
    let value = moment.as_f64();
    if moment.is_duration() {
        let milliseconds = (value * 86_400_000.0).round() as i64;
        let seconds = milliseconds.abs() / 1000;
        let sign = if milliseconds < 0 { "-" } else { "" };
        let fraction = fraction(milliseconds.unsigned_abs() % 1000);
        return format!("{sign}{:02}:{:02}:{:02}{fraction}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    }
    let (year, month, day, hour, minute, second, milliseconds) = moment.to_ymd_hms_milli();
    let time = format!("{hour:02}:{minute:02}:{second:02}{}", fraction(u64::from(milliseconds)));
    match (value < 1.0, time == "00:00:00") {
        (true, _) => time,
        (false, true) => format!("{year:04}-{month:02}-{day:02}"),
        (false, false) => format!("{year:04}-{month:02}-{day:02} {time}"),
    }
}

fn fraction(milliseconds: u64) -> String {
    if milliseconds == 0 { String::new() } else { format!(".{milliseconds:03}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_written_as_a_csv_has_them() {
        let date = |value, kind| written(&Data::DateTime(ExcelDateTime::new(value, kind, false)));
        use calamine::ExcelDateTimeType::{DateTime, TimeDelta};
        assert_eq!(date(45_943.0, DateTime), "2025-10-13");
        assert_eq!(date(45_943.541, DateTime), "2025-10-13 12:59:02.400");
        assert_eq!(date(0.5, DateTime), "12:00:00");
        assert_eq!(date(1.25, TimeDelta), "30:00:00");
        assert_eq!(written(&Data::Float(2640.0)), "2640");
        assert_eq!(written(&Data::Float(1e15)), "1000000000000000");
        assert_eq!(written(&Data::Float(0.1)), "0.1");
    }

    #[test]
    fn a_sheet_is_found_by_name_or_number_and_must_be_chosen() {
        let names = ["Data".to_owned(), "2".to_owned(), "Notes".to_owned()];
        let found = |wanted| sheet_name(&names, wanted, "f.xlsx");
        assert_eq!(found(Some("2")).unwrap(), "2");
        assert_eq!(found(Some("3")).unwrap(), "Notes");
        assert_eq!(found(Some("data")).unwrap_err().hint.unwrap(), "was `Data` meant?");
        assert!(found(None).unwrap_err().message.contains("has 3 sheets: `Data`, `2` and `Notes`"));
    }
}
