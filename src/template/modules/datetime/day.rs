//! Dates, times of day and time zones: Python's `date`, `time` and `tzinfo`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use minijinja::value::{DynObject, Object, ObjectRepr, Tuple};
use minijinja::{Error, ErrorKind, State, Value};

use super::moment::Moment;
use super::{HINT, PARTS, part, text, wrong};
use crate::template::arguments::Arguments;
use crate::template::state::fail;

pub(super) fn of_date(date: Date, part: &str) -> Option<Value> {
    Some(match part {
        "year" => Value::from(date.year()),
        "month" => Value::from(date.month()),
        "day" => Value::from(date.day()),
        _ => return None,
    })
}

pub(super) fn date_method(date: Date, method: &str) -> Result<Value, Error> {
    let weekday = date.weekday();
    match method {
        "weekday" => Ok(Value::from(weekday.to_monday_zero_offset())),
        "isoweekday" => Ok(Value::from(weekday.to_monday_one_offset())),
        "toordinal" => {
            Ok(Value::from(i64::from(date.since(Date::constant(1, 1, 1)).or_else(wrong)?.get_days()) + 1))
        }
        "isocalendar" => {
            let week = date.iso_week_date();
            let parts =
                [i64::from(week.year()), i64::from(week.week()), i64::from(weekday.to_monday_one_offset())];
            Ok(Value::from(Tuple::from(parts.map(Value::from).to_vec())))
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

#[derive(Debug)]
pub(super) struct Day(pub Date);

impl Object for Day {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        of_date(self.0, key.as_str()?)
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        match method {
            "isoformat" => Ok(Value::from(self.0.to_string())),
            "strftime" => Ok(Value::from(DateTime::from(self.0).strftime(&text(given, method)?).to_string())),
            "replace" => {
                let arguments = Arguments::read(method, &PARTS[..3], given)?;
                let mut with = self.0.with();
                for name in PARTS[..3].iter().filter(|name| arguments.get(name).is_some()) {
                    with = match *name {
                        "year" => with.year(part(&arguments, name)?),
                        "month" => with.month(part(&arguments, name)?),
                        _ => with.day(part(&arguments, name)?),
                    };
                }
                Ok(Value::from_object(Self(with.build().or_else(wrong)?)))
            }
            _ => date_method(self.0, method),
        }
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        other.downcast_ref::<Self>().map(|other| self.0.cmp(&other.0))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[derive(Debug)]
pub(super) struct Clock(pub Time);

impl Object for Clock {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        match method {
            "isoformat" => Ok(Value::from(self.0.to_string())),
            "strftime" => Ok(Value::from(self.0.strftime(&text(given, method)?).to_string())),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[derive(Debug)]
pub(super) struct Zone(pub TimeZone);

impl Object for Zone {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        if method != "localize" {
            return Err(Error::from(ErrorKind::UnknownMethod));
        }
        let moment = Arguments::read(method, &["dt"], given)?.value("dt")?;
        match moment.downcast_object_ref::<Moment>() {
            Some(moment) => Ok(Value::from_object(Moment { zone: Some(self.0.clone()), ..moment.clone() })),
            None => fail("`localize` takes a datetime".to_owned(), HINT),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}
