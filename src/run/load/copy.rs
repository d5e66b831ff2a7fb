//! COPYs one piece: a thread reads, the session sends, and a row that PostgreSQL refuses is named.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::super::failure::located;
use super::super::task::Problem;
use super::{Loading, Watcher};
use crate::database::DatabaseError;
use crate::diagnostic::Diagnostic;
use crate::source::{Fetched, Progress, Rows, SourceError};

/// Parts of a file that may wait for the server: enough to keep both sides busy, little to hold.
const WAITING_CHUNKS: usize = 8;

pub(super) struct Copied {
    pub rows: u64,
    pub bytes: u64,
    pub sha256: Option<String>,
}

pub(super) async fn copy(
    loading: &Loading<'_>,
    rows: Rows,
    fetched: &Fetched,
    watcher: Watcher,
) -> Result<Copied, Problem> {
    let statement = format!("copy {} {}", loading.relation, rows.copy_clause());
    let (sender, receiver) = mpsc::channel::<Result<Bytes, SourceError>>(WAITING_CHUNKS);
    let sent = Arc::new(AtomicU64::new(0));
    let (counter, total) = (sent.clone(), fetched.bytes);
    let reading = tokio::task::spawn_blocking(move || {
        let mut rows = rows;
        loop {
            let chunk = match rows.next_chunk() {
                Ok(Some(chunk)) => Ok(chunk),
                Ok(None) => break,
                Err(error) => Err(error),
            };
            let failed = chunk.is_err();
            if let Ok(chunk) = &chunk {
                counter.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                watcher.bytes(rows.bytes_read(), Some(total).filter(|total| *total > 0));
            }
            if sender.blocking_send(chunk).is_err() || failed {
                break;
            }
        }
        rows
    });
    let copied = loading.session.copy_in(&statement, receiver).await;
    let rows = reading.await.expect("reading a source does not panic");
    match copied {
        Ok(Ok(count)) => Ok(Copied {
            rows: count,
            bytes: rows.bytes_read().max(if total == 0 { sent.load(Ordering::Relaxed) } else { 0 }),
            sha256: rows.sha256().map(str::to_owned),
        }),
        Ok(Err(error)) => Err(loading.wrong(&error)),
        Err(error) => Err(Box::new(of_copy(&error, &rows, loading, &fetched.location))),
    }
}

/// A row that PostgreSQL refused, named by file, line and column.
fn of_copy(error: &DatabaseError, rows: &Rows, loading: &Loading<'_>, file: &str) -> Diagnostic {
    let Some(row) = error.context.as_deref().and_then(|context| rows.explain(context)) else {
        return located(error, loading.place.clone());
    };
    Diagnostic::error("bad-row", format!("{file}, {row}: {error}"))
        .at(loading.place.clone())
        .hint("nothing was loaded; mend the row, or declare the column as text and clean it in stage")
}
