//! CSV and its kin: the header and the dialect, and records in the width of the header.

use super::options::{Ragged, ReadOptions};
use super::record::{Field, Problem, Record, Records, text_problem};
use super::splitter::{Fault, Marks, Splitter};
use crate::source::SourceError;
use crate::source::compression::{Stream, read_error};

pub(in crate::source) struct Delimited {
    header: Vec<String>,
    splitter: Splitter,
    nulls: Vec<Vec<u8>>,
    ragged: Ragged,
    shown: String,
    fields: Vec<Field>,
    /// The splitter stands on a record that was not handed out.
    waiting: bool,
}

impl Delimited {
    pub fn open(
        stream: Stream,
        name: Option<&str>,
        options: &ReadOptions,
        shown: &str,
    ) -> Result<Self, SourceError> {
        let mut splitter = Splitter::new(stream, marks(name, options)?, 1);
        if options.quarantine {
            splitter.keep_raw();
        }
        let nulls = match options.null.as_slice() {
            [] => vec![Vec::new()],
            words => words.iter().map(|word| word.clone().into_bytes()).collect(),
        };
        let mut opened = Self {
            header: Vec::new(),
            splitter,
            nulls,
            ragged: options.ragged,
            shown: shown.to_owned(),
            fields: Vec::new(),
            waiting: false,
        };
        opened.splitter.skip_lines(options.skip_lines).map_err(|fault| opened.refusal(fault))?;
        opened.read_header(options.header)?;
        Ok(opened)
    }

    /// Blank lines before the header are passed over. Without a header the columns are numbered.
    fn read_header(&mut self, is_there: bool) -> Result<(), SourceError> {
        loop {
            if !self.advance()? {
                return Err(SourceError::new(format!("{} is empty", self.shown)).with_hint(if is_there {
                    "a CSV file needs at least a header; was the export cut short?"
                } else {
                    "was the export cut short?"
                }));
            }
            if !self.is_blank() {
                break;
            }
        }
        let (spans, text) = (self.splitter.spans(), self.splitter.text());
        if !is_there {
            self.header = (1..=spans.len()).map(|number| format!("column_{number}")).collect();
            self.waiting = true;
            return Ok(());
        }
        let name = |bytes: &[u8]| std::str::from_utf8(bytes).map(|name| name.trim().to_owned());
        self.header =
            spans.iter().map(|span| name(&text[span.start..span.end])).collect::<Result<_, _>>().map_err(
                |_| {
                    SourceError::new(format!("the header of {} is not UTF-8", self.shown))
                        .with_hint("save the file as UTF-8, or name its encoding, e.g. encoding='latin1'")
                },
            )?;
        Ok(())
    }

    fn advance(&mut self) -> Result<bool, SourceError> {
        self.splitter.advance().map_err(|fault| self.refusal(fault))
    }

    /// A blank line is a row only where there is one column.
    fn advance_to_row(&mut self) -> Result<bool, SourceError> {
        while self.advance()? {
            if self.header.len() == 1 || !self.is_blank() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_blank(&self) -> bool {
        matches!(self.splitter.spans(), [only] if !only.quoted && only.start == only.end)
    }

    fn refusal(&self, fault: Fault) -> SourceError {
        let (line, why, hint) = match fault {
            Fault::Read(error) => return read_error(&self.shown, error),
            Fault::Text(line, why) => {
                (line, why, "is the quote character right? config knows `quote` and `escape`")
            }
            Fault::LineEnd(line, why) => (
                line,
                why,
                "save the file with line ends of one kind; or, if that line end is part of a text, are \
                 `quote` and `escape` those of the file?",
            ),
        };
        SourceError::new(format!("{}, line {line}: {why}", self.shown)).with_hint(hint)
    }

    /// Brings the record to the width of the header.
    fn fit(&mut self) -> Option<Problem> {
        let (found, wanted) = (self.fields.len(), self.header.len());
        if found == wanted {
            return None;
        }
        if self.ragged == Ragged::Fill {
            let extra = self.fields.get(wanted..).unwrap_or_default();
            if extra.iter().all(|field| field.null || field.start == field.end) {
                self.fields.resize(wanted, Field::NULL);
                return None;
            }
        }
        let problem = Problem::row(format!("it has {found} fields, and there are {wanted} columns"));
        Some(Problem { hint: "mend the row, or set ragged='fill' or bad_rows='quarantine'", ..problem })
    }
}

impl Records for Delimited {
    fn names(&self) -> &[String] {
        &self.header
    }

    /// The record that is found meanwhile is kept.
    fn is_empty(&mut self) -> Result<bool, SourceError> {
        if !self.waiting {
            self.waiting = self.advance_to_row()?;
        }
        Ok(!self.waiting)
    }

    fn next(&mut self) -> Result<Option<Record<'_>>, SourceError> {
        if !std::mem::take(&mut self.waiting) && !self.advance_to_row()? {
            return Ok(None);
        }
        let text = self.splitter.text();
        self.fields.clear();
        self.fields.extend(self.splitter.spans().iter().map(|span| Field {
            start: span.start,
            end: span.end,
            null: !span.quoted && self.nulls.iter().any(|null| *null == text[span.start..span.end]),
        }));
        let whole = match self.fields.as_slice() {
            [] => &[],
            [first, .., last] => &text[first.start..last.end],
            [only] => &text[only.start..only.end],
        };
        let problem = text_problem(whole, &self.fields, text);
        let problem = problem.or_else(|| self.fit());
        Ok(Some(Record {
            line: self.splitter.line(),
            text: self.splitter.text(),
            fields: &self.fields,
            raw: self.splitter.raw(),
            problem,
        }))
    }
}

fn marks(name: Option<&str>, options: &ReadOptions) -> Result<Marks, SourceError> {
    let tabs = name.is_some_and(|name| {
        let name = name.to_ascii_lowercase();
        name.trim_end_matches(".gz").trim_end_matches(".zst").ends_with(".tsv")
    });
    let one_byte = |what: &str, mark: char| match u8::try_from(mark) {
        Ok(byte) if byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | 0) => Ok(byte),
        _ => Err(SourceError::new(format!("the {what} {mark:?} cannot be used"))
            .with_hint("it is one ASCII character that is no line end")),
    };
    let delimiter = one_byte("delimiter", options.delimiter.unwrap_or(if tabs { '\t' } else { ',' }))?;
    let quote = one_byte("quote", options.quote.unwrap_or('"'))?;
    let escape = options.escape.map_or(Ok(quote), |escape| one_byte("escape", escape))?;
    let comment = options.comment.map(|comment| one_byte("comment", comment)).transpose()?;
    if delimiter == quote || delimiter == escape {
        return Err(SourceError::new("the delimiter and the quote or escape are the same character"));
    }
    Ok(Marks { delimiter, quote, escape, comment })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str, options: &ReadOptions) -> Result<Delimited, SourceError> {
        let stream = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
        Delimited::open(stream, None, options, "f.csv")
    }

    /// Rows as `line: a|b`, NULL as `-`, problems after `!`.
    fn rows(text: &str, options: &ReadOptions) -> Result<Vec<String>, String> {
        let mut opened = open(text, options).map_err(|error| error.message)?;
        let mut rows = Vec::new();
        while let Some(record) = opened.next().map_err(|error| error.message)? {
            let values: Vec<String> = (0..record.fields.len())
                .map(|index| {
                    record.value(index).map_or("-".into(), |v| String::from_utf8_lossy(v).into_owned())
                })
                .collect();
            let problem = record.problem.map(|problem| format!("!{}", problem.why)).unwrap_or_default();
            rows.push(format!("{}: {}{problem}", record.line, values.join("|")));
        }
        Ok(rows)
    }

    fn plain(text: &str) -> Vec<String> {
        rows(text, &ReadOptions::default()).expect("it can be read")
    }

    #[test]
    fn null_is_what_is_empty_and_not_quoted() {
        assert_eq!(plain("a,b\n1,\n\"\",2\n"), ["2: 1|-", "3: |2"]);
        let options = ReadOptions { null: vec!["NA".into(), "".into()], ..ReadOptions::default() };
        assert_eq!(rows("a,b\nNA,\"NA\"\n,x\n", &options).unwrap(), ["2: -|NA", "3: -|x"]);
    }

    #[test]
    fn quotes_open_and_close_anywhere() {
        assert_eq!(
            plain("a,b\r\nx\"y,\"\"z\",\"1\n\"\"2\"\"\"\r\nlast,line"),
            ["2: xy,\"z|1\n\"2\"", "4: last|line"]
        );
        let options = ReadOptions { escape: Some('\\'), ..ReadOptions::default() };
        assert_eq!(rows("a\n\"x\\\"y\\\\\"\n\"\\n\"\n", &options).unwrap(), ["2: x\"y\\", "3: \\n"]);
    }

    #[test]
    fn quotes_beside_characters_of_several_bytes_leave_them_whole() {
        assert_eq!(
            plain("a,b\n\"say \"\"hi\"\" 👍\",b\n\"5\"\" – 3…\",b\n\"他说\"\"你好\"\"\",\"€\"\"\"\n"),
            ["2: say \"hi\" 👍|b", "3: 5\" – 3…|b", "4: 他说\"你好\"|€\""]
        );
        let options = ReadOptions { escape: Some('\\'), ..ReadOptions::default() };
        assert_eq!(rows("a,b\n\"\\\"你\\\"好\",👍\n", &options).unwrap(), ["2: \"你\"好|👍"]);
    }

    #[test]
    fn line_ends_are_of_one_kind() {
        assert_eq!(plain("a,b\r1,2\r3,4"), ["2: 1|2", "3: 3|4"]);
        assert!(
            rows("a,b\n1,2\r\n", &ReadOptions::default())
                .unwrap_err()
                .contains("line 2: it ends with a carriage return")
        );
        assert!(
            rows("a,b\r\n1,2\n", &ReadOptions::default())
                .unwrap_err()
                .contains("line 2: it ends with a newline")
        );
        assert!(rows("a\n\"1", &ReadOptions::default()).unwrap_err().contains("line 2: a quote is opened"));
    }

    #[test]
    fn empty_and_header_only_files_are_told_apart() {
        let options = ReadOptions::default();
        assert!(open("", &options).is_err_and(|error| error.message == "f.csv is empty"));
        assert!(open("\n\n", &options).is_err());
        for (text, none) in
            [("a,b", true), ("a,b\r\n\r\n", true), ("a,b\n1,2", false), ("a,b\n\n\n1,2", false)]
        {
            assert_eq!(open(text, &options).unwrap().is_empty().unwrap(), none, "{text:?}");
        }
    }

    #[test]
    fn lines_before_the_header_comments_and_ragged_rows() {
        let options = ReadOptions { skip_lines: 2, comment: Some('#'), ..ReadOptions::default() };
        assert_eq!(
            rows("made by \"x\nyesterday\n\n# not this\na,b\n1,2\n#\"3,4\n5\n6,7,8\n", &options).unwrap(),
            [
                "6: 1|2",
                "8: 5!it has 1 fields, and there are 2 columns",
                "9: 6|7|8!it has 3 fields, and there are 2 columns"
            ]
        );
        let options = ReadOptions { ragged: Ragged::Fill, header: false, ..ReadOptions::default() };
        assert_eq!(
            rows("1,2\n3\n5,6,,\n7,8,9\n", &options).unwrap(),
            ["1: 1|2", "2: 3|-", "3: 5|6", "4: 7|8|9!it has 3 fields, and there are 2 columns"]
        );
    }

    #[test]
    fn records_are_whole_wherever_the_buffer_ends() {
        use crate::source::CHUNK_BYTES;
        for filler in CHUNK_BYTES - 6..CHUNK_BYTES + 6 {
            let long = "x".repeat(filler);
            let text = format!("a,b\r\n{long},\"\"\"\"\r\n1,2\r\n");
            assert_eq!(plain(&text), [format!("2: {long}|\""), "3: 1|2".to_owned()], "{filler}");
        }
    }

    #[test]
    fn text_that_postgresql_cannot_take_is_named() {
        let stream = Box::new(std::io::Cursor::new(b"a,b\n1,\xff\n\0,2\n".to_vec()));
        let mut opened = Delimited::open(stream, None, &ReadOptions::default(), "f").unwrap();
        let first = opened.next().unwrap().unwrap().problem.unwrap();
        assert_eq!((first.column, first.why.as_str()), (Some(1), "it is not UTF-8"));
        assert_eq!(opened.next().unwrap().unwrap().problem.unwrap().column, Some(0));
    }
}
