//! Splits delimited text into records as PostgreSQL's `COPY … (FORMAT csv)` does, to the byte: a quote opens
//! and closes anywhere in a field, a quoted field is never NULL, and line ends must be all of one kind. Only
//! a line of `\.` is data here, as it is from PostgreSQL 18 on.

use std::io::{self, Read};

use memchr::{memchr, memchr2};

use crate::source::CHUNK_BYTES;
use crate::source::compression::Stream;

/// A record may not be longer: a quote that is never closed must not take all the memory.
const MAX_RECORD_BYTES: usize = 256 << 20;

/// The characters with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) struct Marks {
    pub delimiter: u8,
    pub quote: u8,
    /// Inside quotes, before a quote or itself.
    pub escape: u8,
    /// At the start of a line, makes it no record.
    pub comment: Option<u8>,
}

/// Where a field lies in [`Splitter::text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) struct Span {
    pub start: usize,
    pub end: usize,
    /// A quote stood in it.
    pub quoted: bool,
}

/// Why text cannot be split.
#[derive(Debug)]
pub(in crate::source) enum Fault {
    Read(io::Error),
    /// On this line.
    Text(u64, &'static str),
    /// This line ends otherwise than those before it.
    LineEnd(u64, &'static str),
}

pub(in crate::source) struct Splitter {
    marks: Marks,
    stream: Stream,
    /// Read and not yet passed; the current record begins at `start`.
    buffer: Vec<u8>,
    start: usize,
    /// Where the record after the current one begins.
    next: usize,
    ended: bool,
    line: u64,
    next_line: u64,
    line_ends: LineEnds,
    spans: Vec<Span>,
    meanings: [Meaning; 256],
    /// Copies of the records as they were written are kept.
    keeps_raw: bool,
    raw: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LineEnds {
    Unknown,
    Lf,
    CrLf,
    Cr,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Plain,
    Delimiter,
    Quote,
    Lf,
    Cr,
}

enum Scan {
    /// The record's end, and where the next one begins.
    Record(usize, usize),
    WantsMore,
    Wrong(&'static str),
    WrongEnd(&'static str),
}

impl Splitter {
    /// `line` is the number of the first line in `stream`.
    pub fn new(stream: Stream, marks: Marks, line: u64) -> Self {
        let mut meanings = [Meaning::Plain; 256];
        meanings[usize::from(b'\n')] = Meaning::Lf;
        meanings[usize::from(b'\r')] = Meaning::Cr;
        meanings[usize::from(marks.delimiter)] = Meaning::Delimiter;
        meanings[usize::from(marks.quote)] = Meaning::Quote;
        Self {
            marks,
            stream,
            buffer: Vec::new(),
            start: 0,
            next: 0,
            ended: false,
            line,
            next_line: line,
            line_ends: LineEnds::Unknown,
            spans: Vec::new(),
            meanings,
            keeps_raw: false,
            raw: Vec::new(),
        }
    }

    pub fn keep_raw(&mut self) {
        self.keeps_raw = true;
    }

    /// Goes to the next record. After false there is none; after a fault nothing may be read.
    pub fn advance(&mut self) -> Result<bool, Fault> {
        loop {
            (self.start, self.line) = (self.next, self.next_line);
            let (end, next) = loop {
                match self.scan() {
                    Scan::Record(end, next) => break (end, next),
                    Scan::WantsMore if self.ended => return Ok(false),
                    Scan::WantsMore => self.fill().map_err(Fault::Read)?,
                    Scan::Wrong(why) => return Err(Fault::Text(self.line, why)),
                    Scan::WrongEnd(why) => return Err(Fault::LineEnd(self.line, why)),
                }
                if self.buffer.len() - self.start > MAX_RECORD_BYTES {
                    return Err(Fault::Text(self.line, "a record of more than 256 MiB begins"));
                }
            };
            self.next_line += self.lines(next);
            self.next = next;
            if self.marks.comment.is_some() && self.buffer.get(self.start) == self.marks.comment.as_ref() {
                continue;
            }
            if self.keeps_raw {
                self.raw.clear();
                self.raw.extend_from_slice(&self.buffer[self.start..end]);
            }
            for span in self.spans.iter_mut().filter(|span| span.quoted) {
                unquote(&mut self.buffer, span, self.marks);
            }
            return Ok(true);
        }
    }

    /// The current record's fields, in [`Self::text`].
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    pub fn text(&self) -> &[u8] {
        &self.buffer
    }

    /// The current record as it was written, where that is kept.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The line on which the current record begins.
    pub fn line(&self) -> u64 {
        self.line
    }

    fn lines(&self, next: usize) -> u64 {
        let end = if self.line_ends == LineEnds::Cr { b'\r' } else { b'\n' };
        let record = &self.buffer[self.start..next];
        if self.spans.iter().any(|span| span.quoted) {
            memchr::memchr_iter(end, record).count() as u64
        } else {
            1
        }
    }

    /// Passes over whole lines, whatever stands in them; before the first record.
    pub fn skip_lines(&mut self, lines: u64) -> Result<(), Fault> {
        for _ in 0..lines {
            let next = loop {
                match self.scan_line() {
                    Scan::Record(_, next) => break next,
                    Scan::WantsMore if self.ended => return Ok(()),
                    Scan::WantsMore => self.fill().map_err(Fault::Read)?,
                    Scan::Wrong(why) => return Err(Fault::Text(self.line, why)),
                    Scan::WrongEnd(why) => return Err(Fault::LineEnd(self.line, why)),
                }
            };
            (self.start, self.next) = (next, next);
            self.line += 1;
            self.next_line = self.line;
        }
        Ok(())
    }

    fn scan(&mut self) -> Scan {
        self.spans.clear();
        let (mut at, mut field, mut quoted) = (self.start, self.start, false);
        if self.marks.comment.is_some() && self.buffer.get(at) == self.marks.comment.as_ref() {
            return self.scan_line();
        }
        loop {
            let rest = self.buffer.get(at..).unwrap_or_default();
            let plain = rest.iter().position(|byte| self.meanings[usize::from(*byte)] != Meaning::Plain);
            let Some(plain) = plain else {
                if !self.ended || self.start == self.buffer.len() {
                    return Scan::WantsMore;
                }
                let end = self.buffer.len();
                self.spans.push(Span { start: field, end, quoted });
                return Scan::Record(end, end);
            };
            at += plain;
            match self.meanings[usize::from(self.buffer[at])] {
                Meaning::Plain => {}
                Meaning::Delimiter => {
                    self.spans.push(Span { start: field, end: at, quoted });
                    at += 1;
                    (field, quoted) = (at, false);
                    continue;
                }
                Meaning::Quote => {
                    quoted = true;
                    match self.closing_quote(at + 1) {
                        Some(after) => at = after,
                        None if self.ended => return Scan::Wrong("a quote is opened and never closed"),
                        None => return Scan::WantsMore,
                    }
                    continue;
                }
                Meaning::Lf | Meaning::Cr => {}
            }
            return match self.line_end(at) {
                Scan::Record(end, next) => {
                    self.spans.push(Span { start: field, end, quoted });
                    Scan::Record(end, next)
                }
                other => other,
            };
        }
    }

    /// To the end of the line: quotes mean nothing in a comment.
    fn scan_line(&self) -> Scan {
        let rest = &self.buffer[self.start..];
        match memchr2(b'\n', b'\r', rest).map(|at| self.start + at) {
            Some(at) if self.buffer[at] == b'\n' => Scan::Record(at, at + 1),
            Some(at) => match self.buffer.get(at + 1) {
                Some(b'\n') => Scan::Record(at, at + 2),
                None if !self.ended => Scan::WantsMore,
                _ => Scan::Record(at, at + 1),
            },
            None if self.ended && !rest.is_empty() => Scan::Record(self.buffer.len(), self.buffer.len()),
            None => Scan::WantsMore,
        }
    }

    /// After the quote that closes what was opened before `at`.
    fn closing_quote(&self, mut at: usize) -> Option<usize> {
        let Marks { quote, escape, .. } = self.marks;
        if quote == escape {
            return Some(at + memchr(quote, self.buffer.get(at..)?)? + 1);
        }
        loop {
            at += memchr2(quote, escape, self.buffer.get(at..)?)?;
            if self.buffer[at] == quote {
                return Some(at + 1);
            }
            let next = *self.buffer.get(at + 1)?;
            at += if next == quote || next == escape { 2 } else { 1 };
        }
    }

    fn line_end(&mut self, at: usize) -> Scan {
        const RETURN: &str = "it ends with a carriage return, where the lines before it end otherwise";
        const NEWLINE: &str = "it ends with a newline alone, where the lines before it end otherwise";
        let is_return = self.buffer[at] == b'\r';
        let next = self.buffer.get(at + 1);
        match (is_return, self.line_ends) {
            (false, LineEnds::Cr | LineEnds::CrLf) => Scan::WrongEnd(NEWLINE),
            (false, LineEnds::Unknown | LineEnds::Lf) => {
                self.line_ends = LineEnds::Lf;
                Scan::Record(at, at + 1)
            }
            (true, LineEnds::Lf) => Scan::WrongEnd(RETURN),
            (true, LineEnds::Cr) => Scan::Record(at, at + 1),
            (true, _) if next.is_none() && !self.ended => Scan::WantsMore,
            (true, _) if next == Some(&b'\n') => {
                self.line_ends = LineEnds::CrLf;
                Scan::Record(at, at + 2)
            }
            (true, LineEnds::CrLf) => Scan::WrongEnd(RETURN),
            (true, LineEnds::Unknown) => {
                self.line_ends = LineEnds::Cr;
                Scan::Record(at, at + 1)
            }
        }
    }

    /// Reads on, the current record's bytes at the front. Doubles where they leave little room.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        (self.start, self.next) = (0, 0);
        let kept = self.buffer.len();
        let wanted = CHUNK_BYTES.max(kept);
        self.buffer.reserve_exact(wanted);
        let read = self.stream.by_ref().take(wanted as u64).read_to_end(&mut self.buffer)?;
        self.ended = read < wanted;
        Ok(())
    }
}

/// Takes quotes and escapes out of a field, in its place. What is left over at its end becomes blanks: half a
/// character there would spoil the record as a whole, which is judged with all that lies between its fields.
fn unquote(buffer: &mut [u8], span: &mut Span, marks: Marks) {
    let Marks { quote, escape, .. } = marks;
    let field = &mut buffer[span.start..span.end];
    // The usual field: quotes around it, none in it.
    if let [first, inner @ .., last] = &*field
        && *first == quote
        && *last == quote
        && memchr2(quote, escape, inner).is_none()
    {
        (span.start, span.end) = (span.start + 1, span.end - 1);
        return;
    }
    let (mut read, mut write, mut inside) = (0, 0, false);
    while read < field.len() {
        let mut byte = field[read];
        read += 1;
        if inside && byte == escape && field.get(read).is_some_and(|next| *next == escape || *next == quote) {
            byte = field[read];
            read += 1;
        } else if byte == quote {
            inside = !inside;
            continue;
        }
        field[write] = byte;
        write += 1;
    }
    field[write..].fill(b' ');
    span.end = span.start + write;
}
