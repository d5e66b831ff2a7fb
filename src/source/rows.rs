//! Records on their way to a table: as COPY BINARY while every value is spelled in a way that elt reads as
//! PostgreSQL does, and from the first that is not on as text, for PostgreSQL to read. With quarantine, rows
//! that PostgreSQL has to judge go aside instead, and the others past them.

use bytes::Bytes;

use super::binary::spelled::Spelling;
use super::binary::{HEADER, NULL, TRAILER};
use super::format::record::{Problem, Record, Records};
use super::place::Unit;
use super::place_map::PlaceMap;
use super::tail::Tail;
use super::{CHUNK_BYTES, RowPlace, SourceError};

/// Rows put aside are handed over when they are so many bytes.
const ASIDE_BYTES: usize = 4 << 20;

/// A column of the file that is loaded.
pub(super) struct Column {
    /// Its place among the file's columns.
    pub index: usize,
    /// `None`: only PostgreSQL can read its values.
    pub spelling: Option<Spelling>,
    /// With quarantine: NULL is for PostgreSQL to judge.
    pub not_null: bool,
}

/// Where the bytes of a COPY go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    Table,
    /// The rows put aside: line, reason, column, the row as it stood, then the loaded columns as text.
    Aside,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Binary,
    Text,
}

pub(super) struct RecordRows {
    records: Box<dyn Records>,
    /// What the places of records count.
    unit: Unit,
    shown: String,
    columns: Vec<Column>,
    /// Of the file, for messages.
    names: Vec<String>,
    quarantine: bool,
    tail: Tail,
    form: Form,
    destination: Destination,
    out: Vec<u8>,
    /// Rows put aside.
    aside: Vec<u8>,
    rows: u64,
    places: PlaceMap,
    /// The first row of the next COPY, and its line.
    carried: Option<(u64, Vec<u8>)>,
    /// The current COPY got all that is its own.
    copied: bool,
    ended: bool,
}

impl RecordRows {
    pub fn new(
        records: Box<dyn Records>,
        names: Vec<String>,
        columns: Vec<Column>,
        tail: Tail,
        quarantine: bool,
        shown: &str,
    ) -> Self {
        let readable = columns.iter().all(|column| column.spelling.is_some());
        let form = if readable || quarantine { Form::Binary } else { Form::Text };
        Self {
            unit: records.unit(),
            records,
            shown: shown.to_owned(),
            columns,
            names,
            quarantine,
            tail,
            form,
            destination: Destination::Table,
            out: Vec::new(),
            aside: Vec::new(),
            rows: 0,
            places: PlaceMap::default(),
            carried: None,
            copied: false,
            ended: false,
        }
    }

    pub fn destination(&self) -> Destination {
        self.destination
    }

    pub fn copy_options(&self) -> &'static str {
        match (self.destination, self.form) {
            (Destination::Table, Form::Binary) => "FORMAT binary",
            _ => "FORMAT text",
        }
    }

    pub fn frame(&self) -> (&'static [u8], &'static [u8]) {
        match (self.destination, self.form) {
            (Destination::Table, Form::Binary) => (HEADER, &TRAILER),
            _ => (b"", b""),
        }
    }

    pub fn at_end(&self) -> bool {
        self.ended
    }

    pub fn rows_read(&self) -> u64 {
        self.rows
    }

    pub fn explain(&self, copy_context: &str) -> Option<RowPlace> {
        let mut place = RowPlace::from_context(copy_context, Unit::Line)?;
        match self.places.line(place.line) {
            Some(line) => (place.line, place.unit) = (line, self.unit),
            None => place.unit = Unit::Row,
        }
        Some(place)
    }

    /// Goes to the next COPY, where there is one.
    pub fn next_copy(&mut self) -> bool {
        self.copied = false;
        self.places = PlaceMap::default();
        if !self.aside.is_empty() {
            self.destination = Destination::Aside;
            return true;
        }
        self.destination = Destination::Table;
        if let Some((line, row)) = self.carried.take() {
            self.form = Form::Text;
            self.places.add(line);
            self.out = row;
        }
        !self.ended
    }

    /// The next rows of the current COPY.
    pub fn next_chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        if self.copied {
            return Ok(None);
        }
        if self.destination == Destination::Aside {
            self.copied = true;
            return Ok(Some(std::mem::take(&mut self.aside).into()));
        }
        while self.out.len() < CHUNK_BYTES && !self.copied {
            self.take_row()?;
        }
        let room = if self.copied { 0 } else { CHUNK_BYTES + CHUNK_BYTES / 4 };
        let chunk = std::mem::replace(&mut self.out, Vec::with_capacity(room));
        Ok((!chunk.is_empty()).then(|| chunk.into()))
    }

    fn take_row(&mut self) -> Result<(), SourceError> {
        let Some(record) = self.records.next()? else {
            self.ended = true;
            self.copied = true;
            return Ok(());
        };
        self.rows += 1;
        let tail = (&self.tail, self.rows);
        if let Some(problem) = &record.problem {
            if !self.quarantine {
                return Err(refused((&record, self.unit), problem, &self.names, &self.shown));
            }
            put_aside(&mut self.aside, (&record, tail), Some(problem), &self.columns, &self.names);
        } else if self.form == Form::Text {
            self.places.add(record.line);
            push_text_row(&mut self.out, &record, &self.columns, tail);
            return Ok(());
        } else {
            let start = self.out.len();
            if push_binary_row(&mut self.out, &record, &self.columns, tail, self.quarantine) {
                self.places.add(record.line);
                return Ok(());
            }
            self.out.truncate(start);
            if !self.quarantine {
                let mut row = Vec::new();
                push_text_row(&mut row, &record, &self.columns, tail);
                self.carried = Some((record.line, row));
                self.copied = true;
                return Ok(());
            }
            put_aside(&mut self.aside, (&record, tail), None, &self.columns, &self.names);
        }
        if self.aside.len() >= ASIDE_BYTES {
            self.copied = true;
        }
        Ok(())
    }
}

/// False where PostgreSQL has to read a value itself; a part may have been written then.
fn push_binary_row(
    out: &mut Vec<u8>,
    record: &Record,
    columns: &[Column],
    (tail, row): (&Tail, u64),
    certain: bool,
) -> bool {
    // PostgreSQL has at most 1,600 columns.
    let count = columns.len() + tail.count();
    out.extend_from_slice(&(count as i16).to_be_bytes());
    let written = columns.iter().all(|column| match record.value(column.index) {
        None if certain && column.not_null => false,
        None => {
            out.extend_from_slice(&NULL);
            true
        }
        Some(text) => column.spelling.is_some_and(|spelling| spelling.write(text, out).is_ok()),
    });
    tail.push_binary(out, row);
    written
}

/// As COPY's text format has it.
fn push_text_row(out: &mut Vec<u8>, record: &Record, columns: &[Column], (tail, row): (&Tail, u64)) {
    for (at, column) in columns.iter().enumerate() {
        if at > 0 {
            out.push(b'\t');
        }
        push_text(out, record.value(column.index));
    }
    tail.push_text(out, row);
    out.push(b'\n');
}

pub(super) fn push_text(out: &mut Vec<u8>, value: Option<&[u8]>) {
    let Some(value) = value else { return out.extend_from_slice(br"\N") };
    for byte in value {
        match byte {
            b'\\' => out.extend_from_slice(br"\\"),
            b'\t' => out.extend_from_slice(br"\t"),
            b'\n' => out.extend_from_slice(br"\n"),
            b'\r' => out.extend_from_slice(br"\r"),
            byte => out.push(*byte),
        }
    }
}

fn put_aside(
    out: &mut Vec<u8>,
    (record, (tail, row)): (&Record, (&Tail, u64)),
    problem: Option<&Problem>,
    columns: &[Column],
    names: &[String],
) {
    let column = problem.and_then(|problem| names.get(problem.column?));
    let raw = String::from_utf8_lossy(record.raw).replace('\0', "\u{fffd}");
    out.extend_from_slice(record.line.to_string().as_bytes());
    for text in [problem.map(|problem| problem.why.as_str()), column.map(String::as_str), Some(&*raw)] {
        out.push(b'\t');
        push_text(out, text.map(str::as_bytes));
    }
    for column in columns {
        out.push(b'\t');
        push_text(out, record.value(column.index).filter(|_| problem.is_none()));
    }
    tail.push_text(out, row);
    out.push(b'\n');
}

fn refused((record, unit): (&Record, Unit), problem: &Problem, names: &[String], shown: &str) -> SourceError {
    let column = problem.column.and_then(|index| Some((names.get(index)?, record.value(index)?)));
    let place = match column {
        Some((name, value)) => {
            let value: String = String::from_utf8_lossy(value).chars().take(100).collect();
            RowPlace { unit, ..RowPlace::row(record.line, name, value) }
        }
        None => RowPlace { line: record.line, column: None, value: None, unit },
    };
    let value = place.value.as_ref().map(|value| format!(" {value:?}:")).unwrap_or_default();
    let message = format!("{shown}, {place}:{value} {}", problem.why);
    SourceError::new(message).with_hint(problem.hint).with_place(place)
}
