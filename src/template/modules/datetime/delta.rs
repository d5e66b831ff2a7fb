//! Differences of times, Python's `timedelta`, and sums that they are in.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use jiff::SignedDuration;
use minijinja::value::{DynObject, Object, ObjectRepr, Rest, ValueOrKwargs};
use minijinja::{Error, ErrorKind, State, Value};

use super::day::Day;
use super::moment::Moment;
use super::{HINT, wrong};
use crate::template::arguments::Arguments;
use crate::template::state::fail;

/// A difference of times.
#[derive(Debug)]
pub(super) struct Delta(pub SignedDuration);

const UNITS: &[(&str, i64)] = &[
    ("days", 86_400_000_000),
    ("seconds", 1_000_000),
    ("microseconds", 1),
    ("milliseconds", 1000),
    ("minutes", 60_000_000),
    ("hours", 3_600_000_000),
    ("weeks", 604_800_000_000),
];

pub(super) fn delta(given: &[Value]) -> Result<Value, Error> {
    let names: Vec<&str> = UNITS.iter().map(|(name, _)| *name).collect();
    let arguments = Arguments::read("timedelta", &names, given)?;
    let mut micros = 0.0;
    for (name, unit) in UNITS {
        if let Some(value) = arguments.get(name) {
            match f64::try_from(value.clone()) {
                Ok(count) => micros += count * *unit as f64,
                Err(_) => return fail(format!("`{name}` is a number"), HINT),
            }
        }
    }
    Ok(Value::from_object(Delta(SignedDuration::from_micros(micros.round() as i64))))
}

impl Delta {
    pub fn days(&self) -> i64 {
        self.0.as_secs().div_euclid(86_400)
    }
}

impl Object for Delta {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "days" => Value::from(self.days()),
            "seconds" => Value::from(self.0.as_secs().rem_euclid(86_400)),
            "microseconds" => Value::from(self.0.subsec_micros()),
            _ => return None,
        })
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, _: &[Value]) -> Result<Value, Error> {
        match method {
            "total_seconds" => Ok(Value::from(self.0.as_secs_f64())),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        other.downcast_ref::<Self>().map(|other| self.0.cmp(&other.0))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.days(), self.0.as_secs().rem_euclid(86_400));
        if days != 0 {
            write!(f, "{days} day{}, ", if days.abs() == 1 { "" } else { "s" })?;
        }
        write!(f, "{}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
    }
}

/// `a + b - c`, where dates may be among them: values and signs by turns.
pub(in crate::template::modules) fn sum(
    state: &mut State,
    given: Rest<ValueOrKwargs>,
) -> Result<Value, Error> {
    let given: Vec<Value> = given.into_values();
    let mut total = given.first().cloned().unwrap_or_default();
    for pair in given.get(1..).unwrap_or_default().chunks_exact(2) {
        total = added(state, &total, pair[0].as_str() == Some("-"), &pair[1])?;
    }
    Ok(total)
}

fn added(state: &State, left: &Value, minus: bool, right: &Value) -> Result<Value, Error> {
    let delta = |value: &Value| value.downcast_object_ref::<Delta>().map(|delta| delta.0);
    let day = |value: &Value| value.downcast_object_ref::<Day>().map(|day| day.0);
    let moment = |value: &Value| value.downcast_object::<Moment>();
    let signed = |delta: SignedDuration| if minus { -delta } else { delta };
    if let (Some(left), Some(right)) = (delta(left), delta(right)) {
        return Ok(Value::from_object(Delta(left + signed(right))));
    }
    if let (Some(day), Some(delta)) = (day(left), delta(right)) {
        // Of a date, a difference counts in days.
        let days = SignedDuration::from_hours(Delta(signed(delta)).days() * 24);
        return Ok(Value::from_object(Day(day.checked_add(days).or_else(wrong)?)));
    }
    if let (Some(moment), Some(delta)) = (moment(left), delta(right)) {
        let at = moment.at.checked_add(signed(delta)).or_else(wrong)?;
        return Ok(Value::from_object(Moment { at, zone: moment.zone.clone() }));
    }
    if delta(left).is_some() && !minus && (day(right).is_some() || moment(right).is_some()) {
        return added(state, right, false, left);
    }
    if let (Some(left), Some(right)) = (day(left), day(right)) {
        return Ok(Value::from_object(Delta(right.duration_until(left))));
    }
    if let (Some(left), Some(right)) = (moment(left), moment(right)) {
        let delta = match (&left.zone, &right.zone) {
            (None, None) => right.at.duration_until(left.at),
            _ => right.zoned()?.timestamp().duration_until(left.zoned()?.timestamp()),
        };
        return Ok(Value::from_object(Delta(delta)));
    }
    let expression = state.env().compile_expression(if minus { "a - b" } else { "a + b" })?;
    expression.eval(minijinja::context! { a => left, b => right })
}
