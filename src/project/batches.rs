//! How a model that is built a batch of time after another is cut up.

use jiff::civil::{Date, DateTime};
use jiff::{Span, ToSpan};
use serde::{Deserialize, Deserializer, Serialize};

/// How much time is one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchSize {
    Hour,
    Day,
    Month,
    Year,
}

impl BatchSize {
    /// The beginning of the batch that a time lies in.
    pub fn floor(self, at: DateTime) -> DateTime {
        let date = match self {
            Self::Hour | Self::Day => at.date(),
            Self::Month => at.date().first_of_month(),
            Self::Year => at.date().first_of_year(),
        };
        date.at(if self == Self::Hour { at.hour() } else { 0 }, 0, 0, 0)
    }

    pub fn after(self, at: DateTime) -> DateTime {
        at.saturating_add(self.span(1))
    }

    pub fn before(self, at: DateTime, batches: u32) -> DateTime {
        at.saturating_sub(self.span(batches))
    }

    /// The batch that begins then, as people call it: `2024-05-31`, `2024-05`.
    pub fn name(self, start: DateTime) -> String {
        let form = match self {
            Self::Hour => "%Y-%m-%d %H:%M",
            Self::Day => "%Y-%m-%d",
            Self::Month => "%Y-%m",
            Self::Year => "%Y",
        };
        start.strftime(form).to_string()
    }

    fn span(self, batches: u32) -> Span {
        // More than any calendar has is as good as its end.
        let batches = i64::from(batches.min(19_998));
        match self {
            Self::Hour => batches.hours(),
            Self::Day => batches.days(),
            Self::Month => batches.months(),
            Self::Year => batches.years(),
        }
    }
}

/// A day, or a time in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Moment(pub DateTime);

impl std::str::FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let bare = text.strip_suffix('Z').or(text.strip_suffix("+00:00")).unwrap_or(text);
        // What has another offset would be read as if it had none.
        let is_utc = !bare.get(10..).unwrap_or_default().contains(['+', '-']);
        let bare = if is_utc { bare } else { "" };
        let time = bare.parse::<DateTime>().or_else(|_| bare.parse::<Date>().map(DateTime::from));
        time.map(Self)
            .map_err(|_| format!("`{text}` is no time: write 2024-05-31, or 2024-05-31T12:00:00 in UTC"))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_day_or_has_hours() {
        let read = |text: &str| text.parse::<Moment>().map(|moment| moment.0.to_string());
        assert_eq!(read("2024-05-31").as_deref(), Ok("2024-05-31T00:00:00"));
        assert_eq!(read("2024-05-31 12:30:00").as_deref(), Ok("2024-05-31T12:30:00"));
        assert_eq!(read("2024-05-31T12:30:00Z").as_deref(), Ok("2024-05-31T12:30:00"));
        assert_eq!(read("2024-05-31T12:30:00+00:00").as_deref(), Ok("2024-05-31T12:30:00"));
        assert!(read("2024-05-31T12:30:00+02:00").is_err());
        assert!(read("soon").is_err());
    }
}
