//! `COPY … FROM STDIN`: what comes goes to one session, or is dealt to several.

use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::{SinkExt, Stream, StreamExt, stream};
use tokio::sync::{Mutex, mpsc};

use super::{DatabaseError, Session};

/// PostgreSQL takes in all of a message before it reads a row of it. It never waits for the rest of one where the
/// socket's buffer has all of the next by then: on Linux 208 KiB, filled again when a quarter is left.
const MESSAGE_BYTES: usize = 32 * 1024;

/// Why a COPY was given up.
enum Stopped<E> {
    /// Its rows could not be had.
    Source(E),
    Server(DatabaseError),
}

impl Session {
    /// Sends `chunks` into a `COPY … FROM STDIN`; the rows that arrived. An error among the chunks ends the
    /// COPY without a row.
    pub async fn copy_in<E: Send + 'static>(
        &self,
        statement: &str,
        mut chunks: mpsc::Receiver<Result<Bytes, E>>,
    ) -> Result<Result<u64, E>, DatabaseError> {
        told(self.copy(statement, stream::poll_fn(|context| chunks.poll_recv(context))).await)
    }

    async fn copy<E>(
        &self,
        statement: &str,
        chunks: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<u64, Stopped<E>> {
        let server = |error: tokio_postgres::Error| Stopped::Server(error.into());
        let sink = self.client.copy_in::<_, Bytes>(statement).await.map_err(server)?;
        let (mut sink, mut chunks) = (std::pin::pin!(sink), std::pin::pin!(chunks));
        while let Some(chunk) = chunks.next().await {
            // Dropping the sink sends CopyFail: the server forgets all rows.
            let mut bytes = chunk.map_err(Stopped::Source)?;
            while !bytes.is_empty() {
                let message = bytes.split_to(bytes.len().min(MESSAGE_BYTES));
                if let Err(error) = sink.send(message).await {
                    // The server's own words come with the end of the COPY, not with the broken send.
                    return Err(server(sink.finish().await.err().unwrap_or(error)));
                }
            }
        }
        sink.finish().await.map_err(server)
    }
}

/// Sends chunks of whole rows into a COPY on each of the sessions, the next chunk to the first that has room for it;
/// the rows that arrived. `frame` stands before the first and after the last row of each COPY. On one session an
/// error among the chunks ends the COPY without a row. Of several some may have come to their end by then: what they
/// copy into is to be thrown away.
pub async fn deal<E: Send + 'static>(
    sessions: &[&Session],
    statement: &str,
    frame: (&'static [u8], &'static [u8]),
    chunks: mpsc::Receiver<Result<Bytes, E>>,
) -> Result<Result<u64, E>, DatabaseError> {
    let chunks = Mutex::new(chunks);
    let (begin, end) = (Bytes::from_static(frame.0), Bytes::from_static(frame.1));
    let copies = sessions.iter().map(|session| {
        let dealt = stream::unfold(&chunks, |chunks| async move {
            let next = chunks.lock().await.recv().await?;
            Some((next, chunks))
        });
        let begin = stream::iter([Ok(begin.clone())]);
        session.copy(statement, begin.chain(dealt).chain(stream::iter([Ok(end.clone())])))
    });
    told(try_join_all(copies).await.map(|rows| rows.iter().sum()))
}

fn told<E>(copied: Result<u64, Stopped<E>>) -> Result<Result<u64, E>, DatabaseError> {
    match copied {
        Ok(rows) => Ok(Ok(rows)),
        Err(Stopped::Source(error)) => Ok(Err(error)),
        Err(Stopped::Server(error)) => Err(error),
    }
}
