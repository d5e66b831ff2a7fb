//! The objects of a JSON document, one after the other: those of an array, those that stand one after the other,
//! or, where each line is to be judged by itself, those of lines.

use std::io::{self, BufRead, BufReader, Read, Write};

use serde_json::value::RawValue;
use struson::reader::json_path::JsonPathPiece;
use struson::reader::{JsonReader, JsonStreamReader, ReaderError, ReaderSettings, TransferError, ValueType};
use struson::writer::{JsonStreamWriter, JsonWriter};

use crate::source::SourceError;
use crate::source::compression::{Stream, peek, read_error};
use crate::source::place::Unit;

/// One object may not be longer.
const MAX_OBJECT_BYTES: usize = 256 << 20;
/// So much is looked at to see whether an object stands on one line.
const MAX_FIRST_LINE: u64 = 1 << 20;

/// Where the objects are looked for.
#[derive(Debug, Clone, Copy)]
pub(in crate::source) struct Wanted<'a> {
    /// The keys, joined by dots, that lead to the array of them.
    pub path: Option<&'a str>,
    /// Of JSON lines each is read by itself, so that one that is no JSON does not end all.
    pub each_line: bool,
}

pub(super) struct Objects {
    source: Source,
    /// The current one: compact JSON, or of a line the line as it stands.
    pub raw: Vec<u8>,
    /// Its line, or in an array its place, from 1.
    pub number: u64,
    /// What `number` counts.
    pub unit: Unit,
    shown: String,
}

enum Source {
    Document { reader: Box<JsonStreamReader<BufReader<Stream>>>, place: Place, path: Option<String> },
    Lines(BufReader<Stream>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first of objects that stand one after the other.
    First,
    /// After one of them.
    After,
    Array,
    End,
}

impl Objects {
    pub fn open(stream: Stream, wanted: Wanted<'_>, shown: &str) -> Result<Self, SourceError> {
        let looked_at = if wanted.each_line { MAX_FIRST_LINE } else { 64 };
        let (head, stream) = peek(stream, looked_at).map_err(|error| read_error(shown, error))?;
        let is_blank = head.len() < 64 && head.iter().all(u8::is_ascii_whitespace);
        let stream = BufReader::new(stream);
        let opened =
            |source, unit| Self { source, raw: Vec::new(), number: 0, unit, shown: shown.to_owned() };
        if wanted.each_line && wanted.path.is_none() && begins_with_a_line(&head) {
            return Ok(opened(Source::Lines(stream), Unit::Line));
        }
        let settings = ReaderSettings {
            allow_multiple_top_level: true,
            restrict_number_values: false,
            max_nesting_depth: Some(128),
            track_path: false,
            ..ReaderSettings::default()
        };
        let mut reader = JsonStreamReader::new_custom(stream, settings);
        let place = if is_blank {
            Place::End
        } else {
            find_array(&mut reader, wanted.path).map_err(|error| wrong(shown, error, wanted.path))?
        };
        let unit = if place == Place::Array { Unit::Record } else { Unit::Line };
        let path = wanted.path.map(str::to_owned);
        Ok(opened(Source::Document { reader: Box::new(reader), place, path }, unit))
    }

    /// Goes to the next one; false at the end. After an error nothing may be read.
    pub fn advance(&mut self) -> Result<bool, SourceError> {
        self.raw.clear();
        match &mut self.source {
            Source::Document { reader, place, path } => {
                let found = next_array(reader, place, path.as_deref());
                found.map_err(|error| wrong(&self.shown, error, path.as_deref()))?;
                let line =
                    read(reader, place, &mut self.raw).map_err(|error| wrong(&self.shown, error, None))?;
                let Some(line) = line else { return Ok(false) };
                self.number = if self.unit == Unit::Record { self.number + 1 } else { line };
                Ok(true)
            }
            Source::Lines(lines) => loop {
                self.raw.clear();
                self.number += 1;
                let read = lines.by_ref().take(MAX_OBJECT_BYTES as u64 + 1).read_until(b'\n', &mut self.raw);
                let read = read.map_err(|error| read_error(&self.shown, error))?;
                if read > MAX_OBJECT_BYTES {
                    return Err(read_error(&self.shown, too_long()));
                }
                self.raw.truncate(self.raw.trim_ascii_end().len());
                if read == 0 || !self.raw.is_empty() {
                    return Ok(read > 0);
                }
            },
        }
    }
}

/// Whether the first line that is not blank holds one whole object.
fn begins_with_a_line(head: &[u8]) -> bool {
    let first = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
    first.is_some_and(|line| line.starts_with(b"{") && serde_json::from_slice::<&RawValue>(line).is_ok())
}

/// Goes into the array of records, where there is one.
fn find_array<R: Read>(reader: &mut JsonStreamReader<R>, path: Option<&str>) -> Result<Place, ReaderError> {
    if let Some(path) = path.filter(|path| !path.is_empty()) {
        let pieces: Vec<JsonPathPiece> =
            path.split('.').map(|key| JsonPathPiece::ObjectMember(key.to_owned())).collect();
        reader.seek_to(&pieces)?;
    } else if reader.peek()? != ValueType::Array {
        return Ok(Place::First);
    }
    reader.begin_array()?;
    Ok(Place::Array)
}

/// Past the end of an array: to the array of the next document, where one follows as in files that were appended
/// to, and to the end where none does, so that what is cut off or goes on with nonsense is not taken for whole.
fn next_array<R: Read>(
    reader: &mut JsonStreamReader<R>,
    place: &mut Place,
    path: Option<&str>,
) -> Result<(), ReaderError> {
    while *place == Place::Array && !reader.has_next()? {
        reader.skip_to_top_level()?;
        match reader.has_next()? {
            true if path.is_some_and(|path| !path.is_empty()) => *place = find_array(reader, path)?,
            true => reader.begin_array()?,
            false => *place = Place::End,
        }
    }
    Ok(())
}

/// The next object, compact, and its line.
fn read<R: Read>(
    reader: &mut JsonStreamReader<R>,
    place: &mut Place,
    raw: &mut Vec<u8>,
) -> Result<Option<u64>, ReaderError> {
    match *place {
        Place::End => return Ok(None),
        Place::First => *place = Place::After,
        Place::Array => {}
        Place::After if reader.has_next()? => {}
        Place::After => {
            *place = Place::End;
            return Ok(None);
        }
    }
    let line = reader.current_position(false).line_pos.map_or(0, |at| at.line + 1);
    let mut writer = JsonStreamWriter::new(Bounded(raw));
    reader.transfer_to(&mut writer).map_err(|error| match error {
        TransferError::ReaderError(error) => error,
        TransferError::WriterError(error) => {
            ReaderError::IoError { error, location: reader.current_position(false) }
        }
    })?;
    let finished = writer.finish_document();
    finished.map_err(|error| ReaderError::IoError { error, location: reader.current_position(false) })?;
    Ok(Some(line))
}

/// A vector that takes no more than an object may have.
struct Bounded<'a>(&'a mut Vec<u8>);

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OBJECT_BYTES {
            return Err(too_long());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn too_long() -> io::Error {
    io::Error::other(
        SourceError::new(format!("one of its records has more than {MAX_OBJECT_BYTES} bytes"))
            .with_hint("is `records` missing, the keys that lead to the array of records?"),
    )
}

fn wrong(shown: &str, error: ReaderError, path: Option<&str>) -> SourceError {
    match (error, path) {
        (ReaderError::IoError { error, .. }, _) => read_error(shown, error),
        (ReaderError::UnexpectedStructure { .. } | ReaderError::UnexpectedValueType { .. }, Some(path)) => {
            SourceError::new(format!("{shown} holds no array of records at `{path}`"))
                .with_hint("records='data.items' are the keys that lead to it from the top")
        }
        (error, _) => SourceError::new(format!("{shown} is not whole JSON: {}", said(&error)))
            .with_hint("it is an array of objects, or one object a line; was it cut off?"),
    }
}

/// Lines and columns from 1, and the reader's words for what is wrong apart: `UnexpectedComma`.
fn said(error: &ReaderError) -> String {
    let (why, place) = match error {
        ReaderError::SyntaxError(error) => {
            let mut words = String::new();
            for letter in format!("{:?}", error.kind).chars() {
                if letter.is_uppercase() && !words.is_empty() {
                    words.push(' ');
                }
                words.extend(letter.to_lowercase());
            }
            (words, &error.location)
        }
        ReaderError::MaxNestingDepthExceeded { max_nesting_depth, location } => {
            (format!("it is nested deeper than {max_nesting_depth} levels"), location)
        }
        other => return other.to_string(),
    };
    match &place.line_pos {
        Some(at) => format!("line {}, column {}: {why}", at.line + 1, at.column + 1),
        None => why,
    }
}
