//! Shows a run as it goes: a bar on a terminal, lines elsewhere, JSON where asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::pace::Pace;
use super::terminal::{Terminal, duration, faint, status, thousands};
use crate::pipeline::{NodeRecord, NodeStatus};
use crate::run::{Event, Observer};

pub struct Progress {
    terminal: Arc<Terminal>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bar: Option<ProgressBar>,
    /// What is worked on, with how far a load has come.
    under_way: BTreeMap<String, Option<Pace>>,
}

impl Progress {
    pub fn new(terminal: Arc<Terminal>) -> Self {
        Self { terminal, state: Mutex::default() }
    }

    fn finished(&self, state: &mut State, record: &NodeRecord) {
        state.under_way.remove(&record.node);
        if let Some(bar) = &state.bar {
            bar.inc(1);
        }
        // Counted at the end, not listed.
        let is_test = record.kind.ends_with("test");
        if matches!(record.status, NodeStatus::Passed | NodeStatus::Unchanged)
            || is_test && record.status == NodeStatus::Kept
        {
            return;
        }
        let rows = match (record.kind.as_str(), record.rows) {
            ("test", Some(rows)) => format!("{} wrong", thousands(rows)),
            (_, Some(rows)) => format!("{} rows", thousands(rows)),
            (_, None) => String::new(),
        };
        let took = match (&record.message, record.status) {
            (Some(message), NodeStatus::Kept) => message.clone(),
            _ => duration(record.duration_ms),
        };
        let line = format!(
            "  {} {:<11} {:<34} {rows:>18}  {}",
            status(record.status),
            record.kind,
            record.node,
            faint(&took)
        );
        self.terminal.say(line.trim_end());
    }
}

impl State {
    fn show_under_way(&self) {
        let Some(bar) = &self.bar else { return };
        let now = Instant::now();
        let mut parts = Vec::new();
        for (node, load) in self.under_way.iter().take(3) {
            parts.push(match load {
                Some(pace) if self.under_way.len() == 1 => format!("{node} {}", pace.whole(now)),
                Some(pace) => format!("{node} {}", pace.short(now)),
                None => node.clone(),
            });
        }
        if self.under_way.len() > 3 {
            parts.push(format!("and {} more", self.under_way.len() - 3));
        }
        bar.set_message(parts.join(", "));
    }
}

impl Observer for Progress {
    fn event(&self, event: Event) {
        if self.terminal.json {
            if let Some(line) = as_json(&event) {
                self.terminal.json_line(&line);
            }
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Began { tasks, .. } if self.terminal.is_interactive() => {
                let bar = ProgressBar::new(tasks as u64);
                let style = ProgressStyle::with_template("  {bar:16} {pos}/{len}  {elapsed}  {wide_msg}")
                    .expect("the template is a constant that holds");
                bar.set_style(style);
                bar.enable_steady_tick(std::time::Duration::from_millis(100));
                self.terminal.set_bar(Some(bar.clone()));
                state.bar = Some(bar);
            }
            Event::Began { .. } => {}
            Event::Started(doing) => {
                state.under_way.insert(doing.node, None);
                state.show_under_way();
            }
            Event::Loading { node, bytes, total, rows } => {
                let now = Instant::now();
                let load = state.under_way.entry(node).or_default();
                load.get_or_insert_default().advance(now, bytes, total, rows);
                state.show_under_way();
            }
            Event::Finished(record) => {
                self.finished(&mut state, &record);
                state.show_under_way();
            }
            Event::Publishing => {
                if let Some(bar) = &state.bar {
                    bar.set_message("publishing");
                }
            }
            Event::Said(_) | Event::Published { .. } => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.terminal.set_bar(None);
        if let Some(bar) = &self.state.lock().unwrap_or_else(PoisonError::into_inner).bar {
            bar.finish_and_clear();
        }
    }
}

/// Loads tell many times a second; as lines they would be noise.
fn as_json(event: &Event) -> Option<serde_json::Value> {
    Some(match event {
        Event::Began { run, tasks } => json!({"event": "began", "run": run, "tasks": tasks}),
        Event::Started(doing) => json!({"event": "started", "node": doing.node}),
        Event::Loading { .. } | Event::Said(_) => return None,
        Event::Finished(record) => json!({"event": "finished", "record": record}),
        Event::Publishing => json!({"event": "publishing"}),
        Event::Published { relations } => json!({"event": "published", "relations": relations}),
    })
}
