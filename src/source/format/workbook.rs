//! One sheet of a workbook: Excel's old and new forms and OpenDocument. Formulas count by their values, and
//! numbers and dates are written as a CSV would have them.

use calamine::{Data, ExcelDateTime, Reader, Sheets, open_workbook_auto_from_rs};

use super::old_workbook;
use super::options::ReadOptions;
use super::record::{Field, Problem, Record, Records, text_problem};
use super::sheet::{Row, Sheet};
use super::workbook_size::{self, too_large};
use crate::source::SourceError;
use crate::source::error::{guarded, list, nearest};
use crate::source::file::{FileReader, OpenFile};
use crate::source::place::Unit;

/// What unpacks to more belongs into a CSV.
const MAX_UNPACKED_BYTES: u64 = 4 << 30;

pub(in crate::source) struct Workbook {
    sheet: Sheet,
    names: Vec<String>,
    /// Rows before it are passed over.
    from: u32,
    /// Where each column of the sheet is among those that have a name; one without name and values has no place.
    places: Vec<Option<usize>>,
    /// Texts that mean NULL.
    null: Vec<String>,
    text: Vec<u8>,
    fields: Vec<Field>,
    raw: Vec<u8>,
}

impl Workbook {
    pub fn open(file: &OpenFile, options: &ReadOptions, shown: &str) -> Result<Self, SourceError> {
        let damaged = |error: calamine::Error| {
            SourceError::new(format!("{shown} is no workbook that can be read: {error}"))
                .with_hint("save it anew as .xlsx, without a password")
        };
        let unpacked = options.max_uncompressed_bytes.min(MAX_UNPACKED_BYTES);
        let limit = options.max_workbook_bytes;
        workbook_size::check(file, (unpacked, limit), shown)?;
        old_workbook::check(file, limit, shown)?;
        let senseless = || damaged(calamine::Error::Msg("it makes no sense"));
        let opened = guarded(|| open_workbook_auto_from_rs(file.reader_at(0))).ok_or_else(senseless)?;
        let mut book: Sheets<FileReader> = opened.map_err(damaged)?;
        let name = sheet_name(&book.sheet_names(), options.sheet.as_deref(), shown)?;
        let sheet =
            guarded(|| Sheet::read(&mut book, &name, limit)).ok_or_else(senseless)?.map_err(damaged)?;
        let sheet = sheet.ok_or_else(|| too_large(limit, shown))?;
        let skipped = u32::try_from(options.skip_lines).unwrap_or(u32::MAX);
        let from = sheet.first.saturating_add(skipped);
        let mut opened = Self {
            sheet,
            names: Vec::new(),
            from,
            places: Vec::new(),
            null: options.null.clone(),
            text: Vec::new(),
            fields: Vec::new(),
            raw: Vec::new(),
        };
        opened.read_header(options.header).ok_or_else(|| {
            SourceError::new(format!("sheet {} of {shown} is empty", list([&*name])))
                .with_hint("name another with sheet='…'")
        })?;
        Ok(opened)
    }

    fn read_header(&mut self, is_there: bool) -> Option<()> {
        if !is_there {
            self.names = (1..=self.sheet.width).map(|number| format!("column_{number}")).collect();
            self.places = (0..self.sheet.width).map(Some).collect();
            return self.sheet.peek(self.from).map(drop);
        }
        let (_, header) = self.sheet.peek(self.from).filter(|(number, _)| *number == self.from)?;
        // Columns that were used once and are empty now, at the right, have no name to be loaded by.
        let mut names = Vec::new();
        for (index, cell) in header {
            let name = written(cell).trim().to_owned();
            if !name.is_empty() {
                names.resize(names.len().max(index + 1), String::new());
                names[*index] = name;
            }
        }
        self.from = self.from.saturating_add(1);
        for (index, name) in names.into_iter().enumerate() {
            // A gap between two columns is none itself.
            let is_there = !name.is_empty() || self.sheet.is_used(index, self.from);
            self.places.push(is_there.then_some(self.names.len()));
            self.names.extend(is_there.then_some(name));
        }
        (!self.names.is_empty()).then_some(())
    }

    /// Fields of the row's cells, and the first problem among them.
    fn take(&mut self, row: &Row) -> Option<Problem> {
        let mut problem = None;
        for (index, cell) in row {
            let start = self.text.len();
            let value = written(cell);
            let null = value.is_empty() || self.null.contains(&value);
            self.text.extend_from_slice(value.as_bytes());
            let place = self.places.get(*index).copied().flatten();
            if let Data::Error(error) = cell
                && !null
            {
                let why = format!("it is the error {error} of a formula");
                problem = Some(Problem { column: place, ..Problem::row(why) });
            }
            if let Some(field) = place.and_then(|place| self.fields.get_mut(place)) {
                *field = Field { start, end: self.text.len(), null };
            } else if !null && problem.is_none() {
                problem = Some(Problem::row(format!(
                    "it has a value in column {}, and there are {} columns",
                    index + 1,
                    self.names.len()
                )));
            }
        }
        problem
    }
}

impl Records for Workbook {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn unit(&self) -> Unit {
        Unit::Row
    }

    fn is_empty(&mut self) -> Result<bool, SourceError> {
        Ok(self.sheet.peek(self.from).is_none())
    }

    fn next(&mut self) -> Result<Option<Record<'_>>, SourceError> {
        let Some((number, row)) = self.sheet.next(self.from) else { return Ok(None) };
        self.text.clear();
        self.fields.clear();
        self.fields.resize(self.names.len(), Field::NULL);
        let problem = self.take(&row);
        let problem = problem.or_else(|| text_problem(&self.text, &self.fields, &self.text));
        self.raw.clear();
        for (at, field) in self.fields.iter().enumerate() {
            if at > 0 {
                self.raw.push(b'\t');
            }
            self.raw.extend_from_slice(&self.text[field.start..field.end]);
        }
        let line = u64::from(number) + 1;
        Ok(Some(Record { line, text: &self.text, fields: &self.fields, raw: &self.raw, problem }))
    }
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
        Data::String(text) => text.clone(),
        Data::DateTimeIso(text) => text.replacen('T', " ", 1),
        Data::DurationIso(text) => clock(text).unwrap_or_else(|| text.clone()),
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

/// `PT07H08M09.5S`, as OpenDocument has a time of day or a duration, as `07:08:09.5`.
fn clock(text: &str) -> Option<String> {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (hours, rest) = rest.strip_prefix("PT")?.split_once('H')?;
    let (minutes, rest) = rest.split_once('M')?;
    let seconds = rest.strip_suffix('S')?;
    let digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    [hours, minutes, seconds]
        .into_iter()
        .all(digits)
        .then(|| format!("{sign}{hours:0>2}:{minutes:0>2}:{}", seconds.replace(',', ".")))
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
        assert_eq!(written(&Data::DurationIso("PT07H08M09S".into())), "07:08:09");
        assert_eq!(written(&Data::DurationIso("-PT100H00M00.5S".into())), "-100:00:00.5");
        assert_eq!(written(&Data::DurationIso("P1Y".into())), "P1Y");
        assert_eq!(written(&Data::DateTimeIso("2024-02-29T10:11:12".into())), "2024-02-29 10:11:12");
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
