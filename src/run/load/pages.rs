//! Cuts the bytes of a binary COPY into pages, each a whole COPY of its own that is committed when it has come.
//! Knows how rows are framed, not their values.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::WAITING_CHUNKS;
use crate::database::DatabaseError;

/// So much is copied at least until it is committed.
const PAGE_BYTES: usize = 16 * 1024 * 1024;
/// What a binary COPY begins with: its signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with, where a row would begin.
const TRAILER: &[u8] = &(-1_i16).to_be_bytes();

/// The bytes of one COPY.
pub(super) type Page = mpsc::Receiver<Result<Bytes, DatabaseError>>;

/// The pages of one binary COPY.
pub(super) struct Book {
    turning: mpsc::Sender<Page>,
    page: mpsc::Sender<Result<Bytes, DatabaseError>>,
    /// `None` where all is one page.
    rows: Option<RowEnds>,
    on_page: usize,
}

/// Nobody reads on.
pub(super) struct Closed;

impl<T> From<mpsc::error::SendError<T>> for Closed {
    fn from(_: mpsc::error::SendError<T>) -> Self {
        Self
    }
}

impl Book {
    pub async fn open(turning: mpsc::Sender<Page>, by_page: bool) -> Self {
        let (page, reader) = mpsc::channel(WAITING_CHUNKS);
        // Where nobody takes it, nobody takes what is written on it either.
        let _ = turning.send(reader).await;
        Self { turning, page, rows: by_page.then(RowEnds::new), on_page: 0 }
    }

    pub async fn write(&mut self, chunk: Result<Bytes, DatabaseError>) -> Result<(), Closed> {
        let (Some(rows), Ok(bytes)) = (&mut self.rows, &chunk) else {
            return Ok(self.page.send(chunk).await?);
        };
        let mut bytes = bytes.clone();
        let end = rows.last_in(&bytes);
        self.on_page += bytes.len();
        if let Some(end) = end.filter(|_| self.on_page >= PAGE_BYTES) {
            self.page.send(Ok(bytes.split_to(end))).await?;
            self.page.send(Ok(Bytes::from_static(TRAILER))).await?;
            let (page, reader) = mpsc::channel(WAITING_CHUNKS);
            self.page = page;
            self.turning.send(reader).await?;
            self.page.send(Ok(Bytes::from_static(HEADER))).await?;
            self.on_page = bytes.len();
        }
        Ok(self.page.send(Ok(bytes)).await?)
    }
}

/// Goes through the bytes chunk by chunk.
struct RowEnds {
    /// Bytes to pass over.
    skip: usize,
    /// What comes after them.
    next: Next,
    /// The first bytes of a number that the last chunk broke off in.
    begun: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Next {
    ExtensionLength,
    FieldCount,
    FieldLength { left: u16 },
    Nothing,
}

impl RowEnds {
    fn new() -> Self {
        Self { skip: HEADER.len() - 4, next: Next::ExtensionLength, begun: Vec::new() }
    }

    /// How much of the chunk, and of all before it, is whole rows; nothing where none ends in it.
    fn last_in(&mut self, chunk: &[u8]) -> Option<usize> {
        let (mut at, mut last) = (0, None);
        loop {
            let passed = self.skip.min(chunk.len() - at);
            at += passed;
            self.skip -= passed;
            if self.skip > 0 {
                return last;
            }
            if matches!(self.next, Next::FieldCount) && self.begun.is_empty() {
                last = Some(at);
            }
            let wanted = match self.next {
                Next::ExtensionLength | Next::FieldLength { .. } => 4,
                Next::FieldCount => 2,
                Next::Nothing => return last,
            };
            let taken = (wanted - self.begun.len()).min(chunk.len() - at);
            self.begun.extend_from_slice(&chunk[at..at + taken]);
            at += taken;
            if self.begun.len() < wanted {
                return last;
            }
            self.number();
        }
    }

    /// A number is whole.
    fn number(&mut self) {
        let value = self.begun.drain(..).fold(0_u32, |value, byte| value << 8 | u32::from(byte));
        self.next = match self.next {
            Next::ExtensionLength => {
                self.skip = value as usize;
                Next::FieldCount
            }
            Next::FieldCount => match value as u16 {
                u16::MAX => Next::Nothing,
                0 => Next::FieldCount,
                left => Next::FieldLength { left },
            },
            Next::FieldLength { left } => {
                // -1 is NULL.
                self.skip = if value == u32::MAX { 0 } else { value as usize };
                if left == 1 { Next::FieldCount } else { Next::FieldLength { left: left - 1 } }
            }
            Next::Nothing => Next::Nothing,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rows of two columns, one value of which is NULL.
    fn copied() -> (Vec<u8>, [usize; 3]) {
        let mut bytes = HEADER.to_vec();
        let begin = bytes.len();
        bytes.extend(b"\0\x02\0\0\0\x03abc\0\0\0\0");
        let first = bytes.len();
        bytes.extend(b"\0\x02\xff\xff\xff\xff\0\0\0\x01x");
        let second = bytes.len();
        bytes.extend(TRAILER);
        (bytes, [begin, first, second])
    }

    #[test]
    fn rows_end_where_the_next_begins() {
        let (bytes, [begin, first, second]) = copied();
        assert_eq!(RowEnds::new().last_in(&bytes), Some(second));
        assert_eq!(RowEnds::new().last_in(&bytes[..second]), Some(second));
        assert_eq!(RowEnds::new().last_in(&bytes[..second - 1]), Some(first));
        assert_eq!(RowEnds::new().last_in(&bytes[..begin]), Some(begin));
        assert_eq!(RowEnds::new().last_in(&bytes[..begin - 1]), None);
    }

    #[test]
    fn chunks_may_end_anywhere() {
        let (bytes, ends) = copied();
        for size in 1..bytes.len() {
            let (mut rows, mut found, mut before) = (RowEnds::new(), Vec::new(), 0);
            for chunk in bytes.chunks(size) {
                found.extend(rows.last_in(chunk).map(|end| before + end));
                before += chunk.len();
            }
            found.dedup();
            assert!(found.iter().all(|end| ends.contains(end)), "{size}: {found:?}");
            assert_eq!(found.last(), Some(&ends[2]), "{size}");
        }
    }
}
