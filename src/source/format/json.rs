//! JSON: an array of objects, somewhere in a document, or objects one after the other (JSON lines), as rows. One
//! object is held at a time; numbers stay the digits they are written in.

use std::collections::HashMap;

use indexmap::{IndexMap, IndexSet};
use serde_json::value::RawValue;

use super::json_objects::{Objects, Wanted};
use super::record::{Field, Problem, Record, Records, text_problem};
use crate::source::SourceError;
use crate::source::compression::Stream;
use crate::source::place::Unit;

pub(in crate::source) struct JsonRecords {
    objects: Objects,
    names: Vec<String>,
    has_records: bool,
    columns: HashMap<String, usize>,
    /// Columns that take a value as JSON, strings in their quotes.
    as_json: Vec<bool>,
    nested: Vec<bool>,
    text: Vec<u8>,
    fields: Vec<Field>,
}

impl JsonRecords {
    pub fn open(stream: Stream, wanted: Wanted<'_>, found: Keys, shown: &str) -> Result<Self, SourceError> {
        let Keys { names, has_records } = found;
        Ok(Self {
            objects: Objects::open(stream, wanted, shown)?,
            columns: names.iter().cloned().zip(0..).collect(),
            as_json: vec![false; names.len()],
            nested: vec![false; names.len()],
            names,
            has_records,
            text: Vec::new(),
            fields: Vec::new(),
        })
    }
}

/// What a document's records have.
pub(in crate::source) struct Keys {
    /// Every key of every object, in the order in which they first come.
    pub names: Vec<String>,
    pub has_records: bool,
}

/// Reads all of it.
pub(in crate::source) fn keys(stream: Stream, wanted: Wanted<'_>, shown: &str) -> Result<Keys, SourceError> {
    let mut objects = Objects::open(stream, wanted, shown)?;
    let (mut keys, mut has_records) = (IndexSet::new(), false);
    while objects.advance()? {
        has_records = true;
        let Ok(object) = serde_json::from_slice::<IndexMap<String, &RawValue>>(&objects.raw) else {
            continue;
        };
        for key in object.into_keys() {
            if !keys.contains(&key) {
                keys.insert(key);
            }
        }
    }
    Ok(Keys { names: keys.into_iter().collect(), has_records })
}

impl Records for JsonRecords {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn is_empty(&mut self) -> Result<bool, SourceError> {
        Ok(!self.has_records)
    }

    fn is_sparse(&self) -> bool {
        true
    }

    fn unit(&self) -> Unit {
        self.objects.unit
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
        let (line, raw) = (self.objects.number, &self.objects.raw);
        Ok(Some(Record { line, text: &self.text, fields: &self.fields, raw, problem }))
    }
}

impl JsonRecords {
    fn read_object(&mut self) -> Result<(), String> {
        let object: IndexMap<String, &RawValue> =
            serde_json::from_slice(&self.objects.raw).map_err(|error| {
                if error.is_syntax() || error.is_eof() {
                    // The line is that of the object's own text.
                    return format!("it is no JSON: {}", error.to_string().replace(" line 1 ", " "));
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(text: &str) -> Stream {
        Box::new(std::io::Cursor::new(text.as_bytes().to_vec()))
    }

    fn rows(text: &str, path: Option<&str>) -> Result<Vec<String>, String> {
        rows_of(text, Wanted { path, each_line: false })
    }

    fn rows_of(text: &str, wanted: Wanted<'_>) -> Result<Vec<String>, String> {
        let found = keys(stream(text), wanted, "f").map_err(|error| error.message)?;
        let names = found.names.clone();
        let mut reader =
            JsonRecords::open(stream(text), wanted, found, "f").map_err(|error| error.message)?;
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
    fn what_was_appended_to_an_array_is_read_or_told() {
        let want = ["a", "1: 1", "2: 2", "3: 3"];
        assert_eq!(rows("[{\"a\":1}]\n[]\n[{\"a\":2},{\"a\":3}]\n", None).unwrap(), want);
        let pages = "{\"d\": [{\"a\":1}], \"n\": 2}\n{\"d\": [{\"a\":2}, {\"a\":3}]}";
        assert_eq!(rows(pages, Some("d")).unwrap(), want);
        let error = rows("[{\"a\":1}] {\"b\":2}", None).unwrap_err();
        assert!(error.contains("f is not whole JSON") && error.contains("Object"), "{error}");
        assert!(
            rows("{\"d\": []} {\"e\": []}", Some("d")).unwrap_err().contains("no array of records at `d`")
        );
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
    fn a_line_that_is_no_json_leaves_the_others_alone() {
        let wanted = Wanted { path: None, each_line: true };
        let text = "{\"a\": 1}\r\n\n{\"a\": \n7\n{\"b\": \"x\"} y\n{\"b\": 2}";
        assert_eq!(
            rows_of(text, wanted).unwrap(),
            [
                "a|b",
                "1: 1|-",
                "3: -|-!it is no JSON: EOF while parsing a value at column 5",
                "4: -|-!it is no object, but 7",
                "5: -|-!it is no JSON: trailing characters at column 12",
                "6: -|2"
            ]
        );
        // Objects over several lines are none of these.
        assert_eq!(rows_of("{\n\"a\": 1}\n{\"a\": 2}", wanted).unwrap(), ["a", "1: 1", "3: 2"]);
        assert!(rows_of("[{\"a\": 1},\n{\"a\": ]", wanted).is_err());
    }

    #[test]
    fn what_is_no_record_and_what_is_cut_off_is_told() {
        assert_eq!(rows("[{\"a\":1}, 7]", None).unwrap()[2], "2: -!it is no object, but 7");
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
