//! Follows a run that another process has under way, by what that one writes into the history.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::watch;

use super::Desk;
use crate::database::{DatabaseError, progress};
use crate::pipeline::{Doing, Step};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// What was seen of a run so far.
#[derive(Default)]
struct Seen {
    /// How many nodes and lines of the log.
    nodes: i32,
    lines: i32,
    begun: HashSet<String>,
}

/// Looks every second, until the run has ended or nobody listens.
pub(super) async fn follow(desk: Desk, id: i64, steps: watch::Sender<Vec<Step>>) {
    let mut seen = Seen::default();
    while !desk.runs.is_left(id, &steps) {
        let goes_on = match look(&desk, id, &mut seen).await {
            Ok((news, goes_on)) => {
                if !news.is_empty() {
                    steps.send_modify(|steps| steps.extend(news));
                }
                goes_on
            }
            Err(error) => {
                tracing::debug!(%error, run = id, "the run's progress cannot be read");
                true
            }
        };
        tokio::time::sleep(PAUSE).await;
        if !goes_on {
            // What a run says of itself at its very end is written after that.
            if let Ok((news, _)) = look(&desk, id, &mut seen).await {
                steps.send_modify(|steps| steps.extend(news));
            }
            return desk.runs.leave(id);
        }
    }
}

/// What is new, and whether the run goes on.
async fn look(desk: &Desk, id: i64, seen: &mut Seen) -> Result<(Vec<Step>, bool), DatabaseError> {
    let session = desk.history.get().await?;
    // Asked first: once a run has ended, all its nodes are written.
    let doing = progress::doing(&session, id).await?;
    let nodes = progress::nodes(&session, id, seen.nodes).await?;
    let lines = progress::log(&session, id, seen.lines).await?;
    session.give_back();
    let count = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
    seen.nodes += count(nodes.len());
    seen.lines += count(lines.len());
    let mut news = Vec::new();
    for record in nodes {
        if let Some(since) = record.started_at
            && seen.begun.insert(record.node.clone())
        {
            news.push(Step::Started(Doing { node: record.node.clone(), kind: record.kind.clone(), since }));
        }
        news.push(Step::Finished(record));
    }
    let goes_on = doing.is_some();
    for doing in doing.into_iter().flatten() {
        if seen.begun.insert(doing.node.clone()) {
            news.push(Step::Started(doing));
        }
    }
    news.extend(lines.into_iter().map(Step::Said));
    Ok((news, goes_on))
}
