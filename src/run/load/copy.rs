//! COPYs one piece: a thread reads, one or more sessions send, and a row that PostgreSQL refuses is named.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::super::failure::located;
use super::super::pool::Lent;
use super::super::task::Problem;
use super::aside::Aside;
use super::watcher::Copying;
use super::{Loading, WAITING_CHUNKS, types};
use crate::database::{DatabaseError, Session, deal};
use crate::diagnostic::Diagnostic;
use crate::source::{Destination, Fetched, Rows, SourceError};

pub(super) struct Copied {
    pub rows: u64,
    pub bad_rows: u64,
    pub bytes: u64,
    pub sha256: Option<String>,
}

/// Why a piece was not copied.
pub(super) struct Stopped {
    pub problem: Problem,
    /// PostgreSQL refused a row of those that were dealt to several sessions. Each counts its own: which row it is can
    /// only be told by a session that gets all of them.
    pub by_one_of_many: bool,
}

impl From<Problem> for Stopped {
    fn from(problem: Problem) -> Self {
        Self { problem, by_one_of_many: false }
    }
}

/// Copies all of a piece. Rows that were put aside are judged at the end. The rows are dealt to the `spare` sessions as well. `frozen` where this
/// transaction has made the table.
pub(super) async fn copy(
    loading: &Loading<'_>,
    mut rows: Rows,
    (name, fetched): (&str, &Fetched),
    told: &Arc<Copying>,
    (spare, frozen): (&[Lent], bool),
) -> Result<Copied, Stopped> {
    if rows.loaded_columns().is_empty() {
        return Ok(Copied { rows: 0, bad_rows: 0, bytes: fetched.bytes, sha256: None });
    }
    let sent = Arc::new(AtomicU64::new(0));
    let mut copied = Copied { rows: 0, bad_rows: 0, bytes: 0, sha256: None };
    let aside = if loading.options.quarantine {
        Some(Aside::make(loading, rows.loaded_columns()).await?)
    } else {
        None
    };
    let all: Vec<&Session> =
        std::iter::once(loading.session).chain(spare.iter().map(|session| &**session)).collect();
    loop {
        let into = match (rows.destination(), &aside) {
            (Destination::Aside, Some(aside)) => aside.table().to_owned(),
            _ => loading.relation.to_string(),
        };
        let is_table = rows.destination() == Destination::Table;
        let sessions = if is_table { &*all } else { &all[..1] };
        let (statement, frame) = (format!("copy {into} {}", rows.copy_clause(frozen)), rows.frame());
        let (sender, receiver) = mpsc::channel::<Result<Bytes, SourceError>>(WAITING_CHUNKS);
        let (told, sent, total) = (told.clone(), sent.clone(), fetched.bytes);
        let reading = tokio::task::spawn_blocking(move || {
            send(rows, &sender, &sent, |rows| {
                told.tell(rows.bytes_read(), rows.rows_read(), Some(total).filter(|total| *total > 0));
            })
        });
        let arrived = deal(sessions, &statement, frame, receiver).await;
        rows = reading.await.expect("reading a source does not panic");
        match arrived {
            Ok(Ok(count)) if is_table => copied.rows += count,
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(loading.wrong(&error).into()),
            Err(error) => {
                return Err(Stopped {
                    problem: Box::new(of_copy(&error, &rows, loading, &fetched.location)),
                    by_one_of_many: sessions.len() > 1 && (is_of_a_row(&error) || is_deadlock(&error)),
                });
            }
        }
        if !rows.next_copy() {
            break;
        }
    }
    if let Some(aside) = aside {
        let judged = aside.judge(loading, name).await?;
        copied.rows += judged.good;
        copied.bad_rows = judged.bad;
    }
    told.tell(rows.bytes_read(), rows.rows_read(), Some(fetched.bytes).filter(|total| *total > 0));
    copied.bytes = rows.bytes_read().max(if fetched.bytes == 0 { sent.load(Ordering::Relaxed) } else { 0 });
    copied.sha256 = rows.sha256().map(str::to_owned);
    Ok(copied)
}

/// Reads the current COPY's bytes to their end, or to an error.
fn send(
    mut rows: Rows,
    sender: &mpsc::Sender<Result<Bytes, SourceError>>,
    sent: &AtomicU64,
    tell: impl Fn(&Rows),
) -> Rows {
    loop {
        let chunk = match rows.next_chunk() {
            Ok(Some(chunk)) => Ok(chunk),
            Ok(None) => break,
            Err(error) => Err(error),
        };
        let failed = chunk.is_err();
        if let Ok(chunk) = &chunk {
            sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            tell(&rows);
        }
        if sender.blocking_send(chunk).is_err() || failed {
            break;
        }
    }
    rows
}

/// A row that PostgreSQL refused, named by file, line and column.
fn of_copy(error: &DatabaseError, rows: &Rows, loading: &Loading<'_>, file: &str) -> Diagnostic {
    let row =
        error.context.as_deref().filter(|_| is_of_a_row(error)).and_then(|context| rows.explain(context));
    let Some(row) = row else {
        return located(error, loading.place.clone());
    };
    let mut message = format!("{file}, {row}: {}", error.message);
    // Of a value that is too long, or no JSON, PostgreSQL says only that it is.
    if let (Some(_), Some(value)) = (&row.column, row.value.as_deref().filter(|it| !message.contains(*it))) {
        message.push_str(&format!(": \"{value}\""));
    } else if let Some(json) = error.context.as_deref().and_then(json_read) {
        message.push_str(&format!(": \"{json}\""));
    }
    Diagnostic::error("bad-row", message).at(loading.place.clone()).rows(error.detail.clone()).hint(
        match types::pinned(loading) {
            Some(path) => format!(
                "nothing was loaded; the types are those pinned in {path}: change them there, or delete the \
                 file to have them inferred anew"
            ),
            None => "nothing was loaded; mend the row, declare the column as text and clean it in stage, or \
                     set bad_rows='quarantine'"
                .to_owned(),
        },
    )
}

/// A full disk, a lost connection and a cancelled run are told with the row at hand, which is not to blame.
fn is_of_a_row(error: &DatabaseError) -> bool {
    const NOT_OF_ROWS: [&str; 7] = ["08", "40", "53", "54", "55", "57", "58"];
    error.code.as_deref().is_some_and(|code| !NOT_OF_ROWS.iter().any(|class| code.starts_with(class)))
}

/// Two sessions that insert the same two keys each wait for the other.
fn is_deadlock(error: &DatabaseError) -> bool {
    error.code.as_deref() == Some("40P01")
}

/// What PostgreSQL had read of a value that is no JSON: `JSON data, line 1: {"a": x...`.
fn json_read(context: &str) -> Option<&str> {
    context.lines().find_map(|line| line.strip_prefix("JSON data, ")?.split_once(": ")).map(|(_, read)| read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_not_blamed_for_a_full_disk_or_a_run_that_was_stopped() {
        let blamed = |code: &str| is_of_a_row(&DatabaseError::of_code(code, "x"));
        assert!(["22P02", "23514", "42601", "XX000"].into_iter().all(blamed));
        assert!(!["57014", "57P01", "53100", "54000", "08006", "40001"].into_iter().any(blamed));
        assert!(!is_of_a_row(&DatabaseError::new("the connection is closed")));
    }
}
