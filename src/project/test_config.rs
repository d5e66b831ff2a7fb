//! How a test is judged: dbt's words `severity`, `warn_if`, `error_if`, `limit`, `fail_calc`, `store_failures`.

use serde_json::{Map, Value};

/// Words of a test's config that say how it is judged; the others are those of every config.
pub const TEST_WORDS: &[&str] = &[
    "severity",
    "warn_if",
    "error_if",
    "limit",
    "fail_calc",
    "store_failures",
    "store_failures_as",
    "alias",
];

/// What a count is compared with: `> 10`, `!=0`, `between 1 and 5`.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    pub text: String,
    comparison: Comparison,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Equal(f64),
    NotEqual(f64),
    Less(f64),
    AtMost(f64),
    More(f64),
    AtLeast(f64),
    Between(f64, f64),
}

impl Threshold {
    pub fn parse(text: &str) -> Option<Self> {
        let written = text.trim();
        let lower = written.to_lowercase();
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let comparison = if let Some(range) = lower.strip_prefix("between ") {
            let (low, high) = range.split_once(" and ")?;
            Comparison::Between(number(low)?, number(high)?)
        } else {
            let end = lower.find(|c: char| !"!<>=".contains(c)).unwrap_or(lower.len());
            let compared = number(&lower[end..])?;
            match &lower[..end] {
                "=" | "==" => Comparison::Equal(compared),
                "!=" | "<>" => Comparison::NotEqual(compared),
                "<" => Comparison::Less(compared),
                "<=" => Comparison::AtMost(compared),
                ">" => Comparison::More(compared),
                ">=" => Comparison::AtLeast(compared),
                _ => return None,
            }
        };
        Some(Self { text: written.to_owned(), comparison })
    }

    pub fn holds(&self, found: f64) -> bool {
        match self.comparison {
            Comparison::Equal(number) => found == number,
            Comparison::NotEqual(number) => found != number,
            Comparison::Less(number) => found < number,
            Comparison::AtMost(number) => found <= number,
            Comparison::More(number) => found > number,
            Comparison::AtLeast(number) => found >= number,
            Comparison::Between(low, high) => (low..=high).contains(&found),
        }
    }

    fn any() -> Self {
        Self { text: "!= 0".into(), comparison: Comparison::NotEqual(0.0) }
    }
}

/// How a test is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct TestConfig {
    /// Severity `warn`: a failure is only told.
    pub warns_only: bool,
    pub warn_if: Threshold,
    pub error_if: Threshold,
    /// What would only be told fails, too.
    fails_on_warning: bool,
    /// At most so many wrong rows are counted and kept.
    pub limit: Option<u64>,
    /// What is compared, an aggregate over the wrong rows; `count(*)` where nothing else is said.
    pub fail_calc: Option<String>,
    /// Whether the wrong rows are kept in a table; `None` leaves that to the command.
    pub store_failures: Option<bool>,
    /// What that table is called instead of the test's name.
    pub alias: Option<String>,
}

/// What became of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Warn,
    Fail,
}

impl TestConfig {
    /// From the words among [`TEST_WORDS`]. Each wrong word comes back with a sentence about it.
    pub fn read(words: &Map<String, Value>) -> Result<Self, Vec<(&'static str, String)>> {
        let mut wrong = Vec::new();
        let mut text = |word: &'static str| match words.get(word) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => {
                wrong.push((word, format!("a test's `{word}` is a text, not {other}")));
                None
            }
        };
        let (severity, alias, fail_calc) = (text("severity"), text("alias"), text("fail_calc"));
        let (warn_if, error_if, kept_as) = (text("warn_if"), text("error_if"), text("store_failures_as"));
        let mut threshold = |word: &'static str, text: Option<String>| match text
            .map(|text| Threshold::parse(&text).ok_or(text))
        {
            None => Threshold::any(),
            Some(Ok(threshold)) => threshold,
            Some(Err(text)) => {
                wrong.push((
                    word,
                    format!(
                        "`{word}` is a comparison like `> 10`, `!= 0` or `between 1 and 5`, not `{text}`"
                    ),
                ));
                Threshold::any()
            }
        };
        let (warn_if, error_if) = (threshold("warn_if", warn_if), threshold("error_if", error_if));
        let warns_only = match severity.as_deref().map(str::to_lowercase).as_deref() {
            None | Some("error") => false,
            Some("warn") => true,
            Some(other) => {
                wrong.push(("severity", format!("a test's severity is `error` or `warn`, not `{other}`")));
                false
            }
        };
        let limit = words.get("limit").filter(|value| !value.is_null()).and_then(|value| {
            // What a template gives is a text.
            value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()).or_else(|| {
                wrong.push(("limit", format!("a test's `limit` is a number of rows, not {value}")));
                None
            })
        });
        let kept = words.get("store_failures").filter(|value| !value.is_null()).and_then(|value| {
            value.as_bool().or_else(|| {
                wrong.push(("store_failures", format!("`store_failures` is true or false, not {value}")));
                None
            })
        });
        let store_failures = match kept_as.as_deref() {
            None => kept,
            // A view would have to read what the run drops: its rows are kept in a table all the same.
            Some("table" | "view") => Some(true),
            Some("ephemeral") => Some(false),
            Some(other) => {
                wrong.push((
                    "store_failures_as",
                    format!("`store_failures_as` is `table`, `view` or `ephemeral`, not `{other}`"),
                ));
                None
            }
        };
        let fails_on_warning = false;
        let config =
            Self { warns_only, warn_if, error_if, fails_on_warning, limit, fail_calc, store_failures, alias };
        if wrong.is_empty() { Ok(config) } else { Err(wrong) }
    }

    /// From now on a warning is an error.
    pub fn be_strict(&mut self) {
        if self.warns_only {
            self.error_if = self.warn_if.clone();
        }
        self.warns_only = false;
        self.fails_on_warning = true;
    }

    /// As dbt judges: an error first, if the severity allows one, then a warning.
    pub fn judge(&self, found: f64) -> Verdict {
        if !self.warns_only && self.error_if.holds(found) {
            Verdict::Fail
        } else if self.warn_if.holds(found) {
            if self.fails_on_warning { Verdict::Fail } else { Verdict::Warn }
        } else {
            Verdict::Pass
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_read_as_dbt_users_write_them() {
        for (text, holds, not) in [
            (">10", 11.0, 10.0),
            ("!=0", 1.0, 0.0),
            ("<> 0", 1.0, 0.0),
            (">= 5", 5.0, 4.0),
            ("=3", 3.0, 2.0),
            ("Between 1 AND 5", 5.0, 6.0),
            ("< 2.5", 2.0, 3.0),
        ] {
            let threshold = Threshold::parse(text).unwrap();
            assert!(threshold.holds(holds) && !threshold.holds(not), "{text}");
        }
        for text in ["10", "> ten", "between 1", "", "> inf; drop table x"] {
            assert_eq!(Threshold::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_error_outranks_a_warning_and_severity_warn_knows_no_error() {
        let config = |text: &str| TestConfig::read(&serde_json::from_str(text).unwrap()).unwrap();
        let both = config(r#"{"warn_if": ">2", "error_if": ">5"}"#);
        assert_eq!([2.0, 3.0, 6.0].map(|n| both.judge(n)), [Verdict::Pass, Verdict::Warn, Verdict::Fail]);
        let warn = config(r#"{"severity": "WARN", "error_if": ">5"}"#);
        assert_eq!([0.0, 6.0].map(|n| warn.judge(n)), [Verdict::Pass, Verdict::Warn]);
        for mut strict in [both, warn] {
            strict.be_strict();
            assert_eq!([0.0, 6.0].map(|n| strict.judge(n)), [Verdict::Pass, Verdict::Fail]);
        }
    }
}
