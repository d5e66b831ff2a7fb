//! A large answer, piece by piece, at its client's pace. Who takes nothing for a while, or takes very long in
//! all, loses the session that is kept for him.

use std::time::Duration;

use actix_web::web::Bytes;
use futures_util::stream::{self, Stream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::page::Writer;
use crate::database::Rows;
use crate::service::state::State;

/// A piece of an answer. Unit: bytes.
const PIECE: usize = 32 * 1024;

/// After this an answer is broken off, however far it is: there are few sessions for such.
const LONGEST: Duration = Duration::from_secs(30 * 60);

enum Part {
    Piece(Bytes),
    Last(Bytes),
}

/// The answer. An error in the middle breaks the connection off: half an answer must not look whole.
pub fn pieces(
    writer: Writer,
    rows: Rows,
    state: &State,
) -> impl Stream<Item = std::io::Result<Bytes>> + use<> {
    let (sender, parts) = mpsc::channel(1);
    let patience = state.stall_timeout;
    // Not in the answer itself: that is left alone while its client takes nothing.
    state.runtime.spawn(async move {
        if let Err(why) = send(writer, rows, sender, patience).await {
            tracing::warn!(why, "an answer was broken off");
        }
    });
    stream::try_unfold(Some(parts), |parts| async move {
        let Some(mut parts) = parts else { return Ok(None) };
        match parts.recv().await {
            Some(Part::Piece(bytes)) => Ok(Some((bytes, Some(parts)))),
            Some(Part::Last(bytes)) => Ok(Some((bytes, None))),
            None => Err(std::io::Error::other("the answer was broken off")),
        }
    })
}

/// The error says why not all was sent.
async fn send(
    mut writer: Writer,
    mut rows: Rows,
    sender: mpsc::Sender<Part>,
    patience: Duration,
) -> Result<(), String> {
    let until = Instant::now() + LONGEST;
    loop {
        let row = rows.next().await.map_err(|error| error.to_string())?;
        if let Some(row) = &row {
            writer.row(row)?;
            if writer.buffer.len() < PIECE {
                continue;
            }
        }
        let (part, rest) = match row {
            Some(_) => (Part::Piece(std::mem::take(&mut writer.buffer).into()), Some(writer)),
            None => (Part::Last(writer.finish().into()), None),
        };
        let left = until.saturating_duration_since(Instant::now());
        match sender.send_timeout(part, patience.min(left)).await {
            Ok(()) => {}
            // The client has left: nobody misses anything.
            Err(mpsc::error::SendTimeoutError::Closed(_)) => return Ok(()),
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                return Err("its client took too long".to_owned());
            }
        }
        match rest {
            Some(rest) => writer = rest,
            None => return Ok(()),
        }
    }
}
