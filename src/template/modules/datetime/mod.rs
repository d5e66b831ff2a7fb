//! Python's dates, times and differences between them.

mod day;
mod delta;
mod moment;

use jiff::Zoned;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use minijinja::{Error, Value};

use super::Module;
use crate::template::arguments::Arguments;
use crate::template::state::{fail, run};
use day::{Clock, Day, Zone};
use delta::delta;
pub(super) use delta::sum;
use moment::Moment;

const HINT: &str = "write it as Python does";

pub(super) fn module() -> Module {
    let values: fn(&str) -> Option<Value> = |name| {
        Some(Value::from_object(match name {
            "datetime" => Module {
                name: "datetime",
                functions: &[
                    ("now", now),
                    ("utcnow", |_| Ok(Moment::naive(started()?))),
                    ("today", |_| Ok(Moment::naive(started()?))),
                    ("strptime", strptime),
                    ("fromisoformat", |given| Ok(Value::from_object(iso(&text(given, "fromisoformat")?)?))),
                    ("fromtimestamp", from_timestamp),
                    ("combine", combine),
                ],
                values: |_| None,
                call: Some(moment),
            },
            "date" => Module {
                name: "date",
                functions: &[
                    ("today", |_| Ok(Value::from_object(Day(started()?.datetime().date())))),
                    ("fromisoformat", |given| {
                        Ok(Value::from_object(Day(iso(&text(given, "fromisoformat")?)?.at.date())))
                    }),
                ],
                values: |_| None,
                call: Some(day),
            },
            "timedelta" => Module { name: "timedelta", functions: &[], values: |_| None, call: Some(delta) },
            "timezone" => Module {
                name: "timezone",
                functions: &[],
                values: |name| (name == "utc").then(|| Value::from_object(Zone(TimeZone::UTC))),
                call: None,
            },
            _ => return None,
        }))
    };
    Module { name: "datetime", functions: &[], values, call: None }
}

pub(super) fn pytz() -> Module {
    Module {
        name: "pytz",
        functions: &[("timezone", |given| {
            let name = text(given, "timezone")?;
            match TimeZone::get(&name) {
                Ok(zone) => Ok(Value::from_object(Zone(zone))),
                Err(_) => fail(format!("there is no time zone `{name}`"), "name one as 'Europe/Berlin'"),
            }
        })],
        values: |name| matches!(name, "utc" | "UTC").then(|| Value::from_object(Zone(TimeZone::UTC))),
        call: None,
    }
}

/// When the run began, in UTC.
fn started() -> Result<Zoned, Error> {
    Ok(run()?.started.to_zoned(TimeZone::UTC))
}

/// dbt's `run_started_at`.
pub(in super::super) fn run_started_at() -> Result<Value, Error> {
    Ok(Value::from_object(Moment::of(&started()?)))
}

fn text(given: &[Value], function: &str) -> Result<String, Error> {
    Arguments::read(function, &["text"], given)?.text("text")
}

fn wrong<T>(error: jiff::Error) -> Result<T, Error> {
    fail(error.to_string(), HINT)
}

fn now(given: &[Value]) -> Result<Value, Error> {
    let arguments = Arguments::read("now", &["tz"], given)?;
    let started = started()?;
    match arguments.get("tz").and_then(|zone| zone.downcast_object_ref::<Zone>()) {
        Some(zone) => Ok(Value::from_object(Moment::of(&started.with_time_zone(zone.0.clone())))),
        None => Ok(Moment::naive(started)),
    }
}

fn number(arguments: &Arguments<'_>, name: &str) -> Result<i64, Error> {
    match arguments.get(name) {
        None => Ok(0),
        Some(value) => match value.as_i64() {
            Some(number) => Ok(number),
            None => fail(format!("`{name}` is a whole number"), HINT),
        },
    }
}

/// A number that has to fit into a part of a date; what does not fit is told by who makes the date.
fn part<T: TryFrom<i64> + Default>(arguments: &Arguments<'_>, name: &str) -> Result<T, Error> {
    T::try_from(number(arguments, name)?).or_else(|_| fail(format!("`{name}` is out of range"), HINT))
}

const PARTS: &[&str] = &["year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo"];

fn moment(given: &[Value]) -> Result<Value, Error> {
    let arguments = Arguments::read("datetime", PARTS, given)?;
    let date = date_of(&arguments)?;
    let nanos = part::<i32>(&arguments, "microsecond")?.saturating_mul(1000);
    let time =
        Time::new(part(&arguments, "hour")?, part(&arguments, "minute")?, part(&arguments, "second")?, nanos);
    let zone = arguments
        .get("tzinfo")
        .and_then(|zone| zone.downcast_object_ref::<Zone>())
        .map(|zone| zone.0.clone());
    Ok(Value::from_object(Moment { at: DateTime::from_parts(date, time.or_else(wrong)?), zone }))
}

fn date_of(arguments: &Arguments<'_>) -> Result<Date, Error> {
    for name in ["year", "month", "day"] {
        arguments.value(name)?;
    }
    Date::new(part(arguments, "year")?, part(arguments, "month")?, part(arguments, "day")?).or_else(wrong)
}

fn day(given: &[Value]) -> Result<Value, Error> {
    Ok(Value::from_object(Day(date_of(&Arguments::read("date", &["year", "month", "day"], given)?)?)))
}

fn iso(text: &str) -> Result<Moment, Error> {
    let text = text.trim();
    if let Ok(pieces) = jiff::fmt::temporal::Pieces::parse(text)
        && let (Some(time), Some(offset)) = (pieces.time(), pieces.to_numeric_offset())
    {
        let zone = Some(TimeZone::fixed(offset));
        return Ok(Moment { at: DateTime::from_parts(pieces.date(), time), zone });
    }
    match text.parse::<DateTime>() {
        Ok(at) => Ok(Moment { at, zone: None }),
        Err(_) => text.parse::<Date>().map(|date| Moment { at: date.into(), zone: None }).or_else(wrong),
    }
}

fn strptime(given: &[Value]) -> Result<Value, Error> {
    let arguments = Arguments::read("strptime", &["text", "format"], given)?;
    let (text, format) = (arguments.text("text")?, arguments.text("format")?);
    let read = jiff::fmt::strtime::parse(&format, &text).or_else(wrong)?;
    let zone = read.offset().map(TimeZone::fixed);
    let date = read.to_date().or_else(wrong)?;
    let time = if read.hour().is_some() { read.to_time().or_else(wrong)? } else { Time::midnight() };
    Ok(Value::from_object(Moment { at: DateTime::from_parts(date, time), zone }))
}

fn from_timestamp(given: &[Value]) -> Result<Value, Error> {
    let arguments = Arguments::read("fromtimestamp", &["timestamp", "tz"], given)?;
    let at = jiff::Timestamp::from_second(number(&arguments, "timestamp")?).or_else(wrong)?;
    Ok(Moment::naive(at.to_zoned(TimeZone::UTC)))
}

fn combine(given: &[Value]) -> Result<Value, Error> {
    let arguments = Arguments::read("combine", &["date", "time"], given)?;
    let (date, time) = (arguments.value("date")?, arguments.value("time")?);
    match (date.downcast_object_ref::<Day>(), time.downcast_object_ref::<Clock>()) {
        (Some(day), Some(clock)) => {
            Ok(Value::from_object(Moment { at: DateTime::from_parts(day.0, clock.0), zone: None }))
        }
        _ => fail("`combine` takes a date and a time".to_owned(), HINT),
    }
}
