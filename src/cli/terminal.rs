//! The one place that prints. Data goes to standard output, talk to standard error. Values of environment
//! variables that hold secrets never leave here.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::pipeline::NodeStatus;
use crate::secret::Secrets;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const ODD: Style = AnsiColor::Yellow.on_default();
const FAINT: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();

/// How to talk.
pub struct Terminal {
    pub json: bool,
    pub quiet: bool,
    secrets: Secrets,
    /// A progress bar that has to step aside for each line.
    bar: Mutex<Option<indicatif::ProgressBar>>,
}

impl Terminal {
    pub fn new(json: bool, quiet: bool, secrets: Secrets) -> Self {
        Self { json, quiet, secrets, bar: Mutex::new(None) }
    }

    pub fn is_interactive(&self) -> bool {
        std::io::stderr().is_terminal() && !self.json && !self.quiet
    }

    pub fn set_bar(&self, bar: Option<indicatif::ProgressBar>) {
        *self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = bar;
    }

    /// Hides secrets.
    pub fn redact(&self, text: &str) -> String {
        self.secrets.hide(text)
    }

    /// Data, as it is, to standard output. A reader that went away is no failure of ours.
    pub fn data(&self, text: &str) {
        let text = self.redact(text);
        self.aside(|| {
            let mut out = anstream::stdout().lock();
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        });
    }

    pub fn data_line(&self, text: &str) {
        self.data(&format!("{text}\n"));
    }

    /// One JSON object a line, for programs.
    pub fn json_line(&self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.data_line(&text),
            Err(error) => self.say(&format!("a message could not be written as JSON: {error}")),
        }
    }

    /// Talk, to standard error.
    pub fn say(&self, text: &str) {
        if !self.quiet && !self.json {
            self.always(text);
        }
    }

    /// An empty screen, where there is one.
    pub fn clear(&self) {
        if self.is_interactive() {
            self.aside(|| {
                let _ = write!(anstream::stderr().lock(), "\u{1b}[2J\u{1b}[H");
            });
        }
    }

    fn always(&self, text: &str) {
        let text = self.redact(text);
        self.aside(|| {
            let _ = writeln!(anstream::stderr().lock(), "{text}");
        });
    }

    fn aside(&self, print: impl FnOnce()) {
        let bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        match bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// What is wrong, all of it, with a count at the end.
    pub fn diagnostics(&self, problems: &[Diagnostic]) {
        for problem in problems {
            if self.json {
                self.json_line(&serde_json::json!({"event": "problem", "problem": problem}));
            } else {
                let styled = std::io::stderr().is_terminal();
                self.always(&format!("{}\n", problem.render(styled)));
            }
        }
    }

    /// Something broke: a sentence, and what to do.
    pub fn error(&self, code: &str, message: &str, hint: Option<&str>) {
        if self.json {
            return self.json_line(
                &serde_json::json!({"event": "error", "code": code, "message": message, "hint": hint}),
            );
        }
        self.always(&broken(code, message));
        if let Some(hint) = hint {
            self.hint(hint);
        }
    }

    /// On a line of its own, so that it can be seen and copied.
    pub fn hint(&self, text: &str) {
        self.say(&format!("{STRONG}hint{STRONG:#}: {text}"));
    }

    /// What the user should know, for programs too.
    pub fn note(&self, text: &str) {
        if self.json {
            return self.json_line(&serde_json::json!({"event": "note", "message": text}));
        }
        self.say(&format!("{ODD}note{ODD:#}: {text}"));
    }
}

fn broken(code: &str, message: &str) -> String {
    format!("{BAD}error[{code}]{BAD:#}: {message}")
}

/// A status word in its colour.
pub fn status(status: NodeStatus) -> String {
    let style = match status {
        NodeStatus::Built | NodeStatus::Kept | NodeStatus::Passed => GOOD,
        NodeStatus::Failed => BAD,
        NodeStatus::Warned => ODD,
        NodeStatus::Skipped | NodeStatus::Unchanged => FAINT,
    };
    format!("{style}{:<7}{style:#}", status.name())
}

pub fn strong(text: &str) -> String {
    format!("{STRONG}{text}{STRONG:#}")
}

pub fn faint(text: &str) -> String {
    format!("{FAINT}{text}{FAINT:#}")
}

/// `1234567` as `1,234,567`.
pub fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if number < 0 { format!("-{out}") } else { out }
}

/// `0.04 s`, `3.2 s`, `2 min 5 s`.
pub fn duration(milliseconds: i64) -> String {
    let seconds = milliseconds as f64 / 1000.0;
    if milliseconds < 10_000 {
        format!("{seconds:.2} s")
    } else if milliseconds < 60_000 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {} s", milliseconds / 60_000, milliseconds % 60_000 / 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_broke_is_told_with_its_class() {
        let text = broken("system", "no threads can be started: Resource temporarily unavailable");
        insta::assert_snapshot!(anstream::adapter::strip_str(&text), @"error[system]: no threads can be started: Resource temporarily unavailable");
    }

    #[test]
    fn numbers_and_times_are_written_for_people() {
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(-120), "-120");
        assert_eq!(duration(41), "0.04 s");
        assert_eq!(duration(125_000), "2 min 5 s");
    }
}
