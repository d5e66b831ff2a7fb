//! Cuts the bytes of a binary COPY into pages, each a whole COPY of its own that is committed when it has come.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::WAITING_CHUNKS;
use crate::database::DatabaseError;
use crate::source::{HEADER, RowEnds, TRAILER};

/// So much is copied at least until it is committed.
const PAGE_BYTES: usize = 16 * 1024 * 1024;

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
            self.page.send(Ok(Bytes::from_static(&TRAILER))).await?;
            let (page, reader) = mpsc::channel(WAITING_CHUNKS);
            self.page = page;
            self.turning.send(reader).await?;
            self.page.send(Ok(Bytes::from_static(HEADER))).await?;
            self.on_page = bytes.len();
        }
        Ok(self.page.send(Ok(bytes)).await?)
    }
}
