//! A run's log: when what began and ended, and what it told of itself. Made of the run's record, so that nothing
//! is kept twice. Pure.

use jiff::{SignedDuration, Timestamp};

use crate::pipeline::{Doing, LogLine, NodeRecord, NodeStatus, RunRecord, RunStatus, Step};

/// All that is known so far, in the order of time.
pub fn log(run: &RunRecord) -> Vec<LogLine> {
    let mut lines: Vec<LogLine> = run.doing.iter().filter_map(begun).collect();
    for record in &run.nodes {
        let since = record.started_at.map(|since| Doing {
            node: record.node.clone(),
            kind: record.kind.clone(),
            since,
        });
        lines.extend(since.as_ref().and_then(begun));
        lines.extend(ended(record));
    }
    lines.extend(run.log.iter().cloned());
    lines.sort_by_key(|line| line.at);
    // Whose clock is the database's stands where it belongs, whatever the two clocks say.
    lines.insert(0, LogLine { at: run.started_at, text: format!("run {} begins", run.id) });
    lines.extend(run.finished_at.map(|at| LogLine { at, text: outcome(run) }));
    lines
}

/// What a step adds to the log.
pub fn of_step(step: &Step) -> Option<LogLine> {
    match step {
        Step::Started(doing) => begun(doing),
        Step::Finished(record) => ended(record),
        Step::Said(line) => Some(line.clone()),
        // The run says that by itself.
        Step::Publishing => None,
    }
}

/// Tests are many and quick: their ends are enough.
fn begun(doing: &Doing) -> Option<LogLine> {
    let is_test = doing.kind.ends_with("test");
    (!is_test).then(|| LogLine { at: doing.since, text: format!("{} begins", doing.node) })
}

/// Nothing of what was not even begun: nobody knows when that was.
fn ended(record: &NodeRecord) -> Option<LogLine> {
    let at: Timestamp = record.started_at? + SignedDuration::from_millis(record.duration_ms.max(0));
    let mut text = format!("{}: {}", record.node, record.status.name());
    if let Some(rows) = record.rows.filter(|_| record.status != NodeStatus::Passed) {
        text.push_str(&format!(", {rows} {}", if rows == 1 { "row" } else { "rows" }));
    }
    text.push_str(&format!(", {:.2} s", record.duration_ms as f64 / 1000.0));
    if let Some(message) = &record.message {
        text.push_str(&format!(": {message}"));
    }
    Some(LogLine { at, text })
}

fn outcome(run: &RunRecord) -> String {
    let how = match run.status {
        RunStatus::Running => "goes on",
        RunStatus::Succeeded => "has succeeded",
        RunStatus::Cancelled => "was cancelled",
        RunStatus::Died => "has died",
        RunStatus::Failed => match &run.failed_step {
            Some(step) => return format!("run {} has failed at {step}", run.id),
            None => "has failed",
        },
    };
    format!("run {} {how}", run.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_ends_and_notes_stand_in_the_order_of_time() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let record = |node: &str, kind: &str, since, status, message: Option<&str>| NodeRecord {
            node: node.into(),
            kind: kind.into(),
            status,
            rows: Some(3),
            started_at: since,
            duration_ms: 1500,
            message: message.map(str::to_owned),
            excerpt: None,
        };
        let run = RunRecord {
            status: RunStatus::Failed,
            finished_at: Some(at(9)),
            failed_step: Some("not_null_a".into()),
            nodes: vec![
                record("a", "table", Some(at(2)), NodeStatus::Built, None),
                record("not_null_a", "test", Some(at(4)), NodeStatus::Failed, Some("found 3 rows")),
                record("c", "table", None, NodeStatus::Skipped, Some("not_null_a failed")),
            ],
            doing: vec![Doing { node: "b".into(), kind: "table".into(), since: at(3) }],
            log: vec![LogLine { at: at(1), text: "running the on_run_start hooks".into() }],
            ..RunRecord::lost(7, "")
        };
        let told: Vec<String> = log(&run).into_iter().map(|line| line.text).collect();
        assert_eq!(
            told,
            [
                "run 7 begins",
                "running the on_run_start hooks",
                "a begins",
                "b begins",
                "a: built, 3 rows, 1.50 s",
                "not_null_a: failed, 3 rows, 1.50 s: found 3 rows",
                "run 7 has failed at not_null_a",
            ]
        );
    }
}
