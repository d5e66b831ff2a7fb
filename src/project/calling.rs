//! `schedule:` and `webhooks:` in `profiles.yml`: when `elt serve` runs the pipeline, and whom it tells.

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_yaml::Spanned;
use url::Url;

use super::profile::Reader;
use crate::diagnostic::Diagnostic;
use crate::schedule::{Missed, Schedule};
use crate::webhook::Webhooks;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenSchedule {
    cron: Spanned<String>,
    time_zone: Option<Spanned<String>>,
    #[serde(default)]
    missed: Missed,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenWebhooks {
    on_success: Option<Spanned<String>>,
    on_failure: Option<Spanned<String>>,
}

pub(super) fn schedule(written: &WrittenSchedule, reader: &mut Reader<'_>) -> Option<Schedule> {
    // A cron pattern from the environment is how one project runs at different hours in different places.
    let cron = reader.text(Some(&written.cron))?;
    let zone = match reader.text(written.time_zone.as_ref()) {
        None => TimeZone::UTC,
        Some(name) => match TimeZone::get(&name) {
            Ok(zone) => zone,
            Err(_) => {
                let message = format!("there is no time zone `{name}`");
                let place = written.time_zone.as_ref().unwrap_or(&written.cron);
                let problem = Diagnostic::error("bad-time-zone", message).at(reader.place(place));
                reader.problems.push(problem.hint("write a name of the tz database, e.g. Europe/Berlin"));
                return None;
            }
        },
    };
    let read = Schedule::new(&cron, zone, written.missed);
    read.map_err(|error| {
        let message = format!("the schedule `{cron}` cannot be read: {error}");
        let problem = Diagnostic::error("bad-schedule", message).at(reader.place(&written.cron));
        reader.problems.push(problem.hint(
            "minute, hour, day of the month, month, day of the week: `0 6 * * MON-FRI` is six o'clock on workdays",
        ));
    })
    .ok()
}

pub(super) fn webhooks(written: &WrittenWebhooks, reader: &mut Reader<'_>) -> Webhooks {
    let on_success = address(written.on_success.as_ref(), reader);
    let on_failure = address(written.on_failure.as_ref(), reader);
    Webhooks { on_success, on_failure }
}

/// The address is not shown: it may be a secret.
fn address(written: Option<&Spanned<String>>, reader: &mut Reader<'_>) -> Option<Url> {
    let text = reader.text(written)?;
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    if url.is_none() {
        let problem = Diagnostic::error("bad-webhook", "the webhook's address is no http or https URL");
        let place = reader.place(written?);
        reader.problems.push(problem.at(place));
    }
    url
}
