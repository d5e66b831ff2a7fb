//! JSON: an array of objects, somewhere in a document, or objects one after the other (JSON lines). One
//! object is held at a time; numbers stay the digits they are written in.

use std::collections::HashMap;
use std::io::BufReader;

use indexmap::{IndexMap, IndexSet};
use serde_json::value::RawValue;
use struson::reader::json_path::JsonPathPiece;
use struson::reader::{JsonReader, JsonStreamReader, ReaderError, ReaderSettings, TransferError, ValueType};
use struson::writer::{JsonStreamWriter, JsonWriter};

use super::record::{Field, Problem, Record, Records, text_problem};
use crate::source::SourceError;
use crate::source::compression::{Stream, peek, read_error};

pub(in crate::source) struct JsonRecords {
    objects: Objects,
    names: Vec<String>,
    columns: HashMap<String, usize>,
    /// Columns that take a value as JSON, strings in their quotes.
    as_json: Vec<bool>,
    nested: Vec<bool>,
    text: Vec<u8>,
    fields: Vec<Field>,
}

impl JsonRecords {
    pub fn open(
        stream: Stream,
        path: Option<&str>,
        names: Vec<String>,
        shown: &str,
    ) -> Result<Self, SourceError> {
        Ok(Self {
            objects: Objects::open(stream, path, shown)?,
            columns: names.iter().cloned().zip(0..).collect(),
            as_json: vec![false; names.len()],
            nested: vec![false; names.len()],
            names,
            text: Vec::new(),
            fields: Vec::new(),
        })
    }
}

/// Every key of every object, in the order in which they first come. Reads all of it.
pub(in crate::source) fn keys(
    stream: Stream,
    path: Option<&str>,
    shown: &str,
) -> Result<Vec<String>, SourceError> {
    let mut objects = Objects::open(stream, path, shown)?;
    let mut keys = IndexSet::new();
    while objects.advance()? {
        let Ok(object) = serde_json::from_slice::<IndexMap<String, &RawValue>>(&objects.raw) else {
            continue;
        };
        for key in object.into_keys() {
            if !keys.contains(&key) {
                keys.insert(key);
            }
        }
    }
    Ok(keys.into_iter().collect())
}

impl Records for JsonRecords {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn is_empty(&mut self) -> Result<bool, SourceError> {
        Ok(self.names.is_empty())
    }

    fn take_as_json(&mut self, columns: Vec<bool>) {
        self.as_json = columns;
    }

    fn nested(&self) -> &[bool] {
        &self.nested
    }

    fn next(&mut self) -> Result<Option<Record<'_>>, SourceError> {
        if !self.objects.advance()? {
            return Ok(None);
        }
        self.text.clear();
        self.fields.clear();
        self.fields.resize(self.names.len(), Field::NULL);
        let problem = match self.read_object() {
            Ok(()) => text_problem(&self.text, &self.fields, &self.text),
            Err(why) => Some(Problem::row(why)),
        };
        let (line, raw) = (self.objects.line, &self.objects.raw);
        Ok(Some(Record { line, text: &self.text, fields: &self.fields, raw, problem }))
    }
}

impl JsonRecords {
    fn read_object(&mut self) -> Result<(), String> {
        let object: IndexMap<String, &RawValue> =
            serde_json::from_slice(&self.objects.raw).map_err(|_| {
                let raw = String::from_utf8_lossy(&self.objects.raw);
                format!("it is no object, but {}", raw.chars().take(100).collect::<String>())
            })?;
        for (key, value) in object {
            let Some(index) = self.columns.get(&key).copied() else { continue };
            let start = self.text.len();
            match value.get().as_bytes() {
                b"null" => continue,
                [b'"', ..] if !self.as_json[index] => {
                    let text: String =
                        serde_json::from_str(value.get()).map_err(|error| error.to_string())?;
                    self.text.extend_from_slice(text.as_bytes());
                }
                other => {
                    self.nested[index] |= matches!(other, [b'[' | b'{', ..]);
                    self.text.extend_from_slice(other);
                }
            }
            self.fields[index] = Field { start, end: self.text.len(), null: false };
        }
        Ok(())
    }
}

/// The objects of a document, each as compact JSON.
struct Objects {
    reader: JsonStreamReader<BufReader<Stream>>,
    raw: Vec<u8>,
    line: u64,
    place: Place,
    shown: String,
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
    fn open(stream: Stream, path: Option<&str>, shown: &str) -> Result<Self, SourceError> {
        let settings = ReaderSettings {
            allow_multiple_top_level: true,
            restrict_number_values: false,
            max_nesting_depth: Some(128),
            track_path: false,
            ..ReaderSettings::default()
        };
        let (head, stream) = peek(stream, 64).map_err(|error| read_error(shown, error))?;
        let is_blank = head.len() < 64 && head.iter().all(u8::is_ascii_whitespace);
        let reader = JsonStreamReader::new_custom(BufReader::new(stream), settings);
        let mut opened =
            Self { reader, raw: Vec::new(), line: 0, place: Place::End, shown: shown.to_owned() };
        if !is_blank {
            opened.place = opened.find_array(path).map_err(|error| opened.wrong(error, path))?;
        }
        Ok(opened)
    }

    /// Goes into the array of records, where there is one.
    fn find_array(&mut self, path: Option<&str>) -> Result<Place, ReaderError> {
        if let Some(path) = path.filter(|path| !path.is_empty()) {
            let pieces: Vec<JsonPathPiece> =
                path.split('.').map(|key| JsonPathPiece::ObjectMember(key.to_owned())).collect();
            self.reader.seek_to(&pieces)?;
        } else if self.reader.peek()? != ValueType::Array {
            return Ok(Place::First);
        }
        self.reader.begin_array()?;
        Ok(Place::Array)
    }

    fn advance(&mut self) -> Result<bool, SourceError> {
        self.read().map_err(|error| self.wrong(error, None))
    }

    fn read(&mut self) -> Result<bool, ReaderError> {
        match self.place {
            Place::End => return Ok(false),
            Place::First => self.place = Place::After,
            Place::After if self.reader.has_next()? => {}
            Place::Array if self.reader.has_next()? => {}
            Place::After => self.place = Place::End,
            Place::Array => {
                self.place = Place::End;
                // To the end, so that a document that is cut off or goes on with nonsense is not taken for whole.
                self.reader.skip_to_top_level()?;
                while self.reader.has_next()? {
                    self.reader.skip_value()?;
                }
            }
        }
        if self.place == Place::End {
            return Ok(false);
        }
        self.line = self.reader.current_position(false).line_pos.map_or(0, |at| at.line + 1);
        self.raw.clear();
        let mut writer = JsonStreamWriter::new(&mut self.raw);
        self.reader.transfer_to(&mut writer).map_err(|error| match error {
            TransferError::ReaderError(error) => error,
            // A vector takes all.
            TransferError::WriterError(error) => {
                ReaderError::IoError { error, location: self.reader.current_position(false) }
            }
        })?;
        writer.finish_document().map(drop).unwrap_or_default();
        Ok(true)
    }

    fn wrong(&self, error: ReaderError, path: Option<&str>) -> SourceError {
        let shown = &self.shown;
        match (error, path) {
            (ReaderError::IoError { error, .. }, _) => read_error(shown, error),
            (
                ReaderError::UnexpectedStructure { .. } | ReaderError::UnexpectedValueType { .. },
                Some(path),
            ) => SourceError::new(format!("{shown} holds no array of records at `{path}`"))
                .with_hint("records='data.items' are the keys that lead to it from the top"),
            (error, _) => SourceError::new(format!("{shown} is not whole JSON: {error}"))
                .with_hint("it is an array of objects, or one object a line; was it cut off?"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(text: &str) -> Stream {
        Box::new(std::io::Cursor::new(text.as_bytes().to_vec()))
    }

    fn rows(text: &str, path: Option<&str>) -> Result<Vec<String>, String> {
        let names = keys(stream(text), path, "f").map_err(|error| error.message)?;
        let mut reader =
            JsonRecords::open(stream(text), path, names.clone(), "f").map_err(|error| error.message)?;
        let mut rows = vec![names.join("|")];
        while let Some(record) = reader.next().map_err(|error| error.message)? {
            let values: Vec<String> = (0..names.len())
                .map(|index| {
                    record.value(index).map_or("-".into(), |v| String::from_utf8_lossy(v).into_owned())
                })
                .collect();
            let problem = record.problem.map(|problem| format!("!{}", problem.why)).unwrap_or_default();
            rows.push(format!("{}: {}{problem}", record.line, values.join("|")));
        }
        Ok(rows)
    }

    #[test]
    fn arrays_lines_and_arrays_deep_in_a_document() {
        let want = ["a|b", "1: 1|-", "2: 2|x"];
        assert_eq!(rows("[{\"a\":1},\n{\"b\":\"x\",\"a\":2}]", None).unwrap(), want);
        assert_eq!(rows("{\"a\":1}\n{\"b\":\"x\",\"a\":2}\n", None).unwrap(), want);
        let deep =
            "{\"n\": [1], \"d\": {\"items\": [{\"a\":1},\n{\"b\":\"x\",\"a\":2}], \"z\": 1}, \"y\": []}";
        assert_eq!(rows(deep, Some("d.items")).unwrap(), want);
    }

    #[test]
    fn numbers_keep_their_digits_and_nests_their_form() {
        let text = r#"[{"n": 12345678901234567890.10, "o": {"a": [1, "é\n"]}, "t": true, "z": null, "s": "\u00e9\""}]"#;
        assert_eq!(
            rows(text, None).unwrap()[1],
            "1: 12345678901234567890.10|{\"a\":[1,\"é\\n\"]}|true|-|é\""
        );
    }

    #[test]
    fn what_is_no_record_and_what_is_cut_off_is_told() {
        assert_eq!(rows("[{\"a\":1}, 7]", None).unwrap()[2], "1: -!it is no object, but 7");
        for text in ["[{\"a\":1}", "[{\"a\":1}, {\"a\"", "{\"a\":1}\n{", "[{\"a\":1}] x", "[{\"a\":1]"] {
            assert!(rows(text, None).unwrap_err().contains("is not whole JSON"), "{text}");
        }
        assert!(rows("{\"a\": {}}", Some("a.b")).unwrap_err().contains("no array of records at `a.b`"));
        assert_eq!(
            rows("[{\"a\":\"\\u0000\"}]", None).unwrap()[1].split('!').nth(1).unwrap()[..7],
            *"it hold"
        );
    }
}
