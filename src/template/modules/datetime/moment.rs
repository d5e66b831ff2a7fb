//! A date with a time of day: Python's `datetime`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use jiff::Zoned;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use minijinja::value::{DynObject, Object, ObjectRepr};
use minijinja::{Error, State, Value};

use super::day::{Clock, Day, Zone, date_method, of_date};
use super::{PARTS, part, text, wrong};
use crate::template::arguments::Arguments;

/// A date with a time, in a zone or in none.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    pub at: DateTime,
    pub zone: Option<TimeZone>,
}

impl Moment {
    pub fn of(zoned: &Zoned) -> Self {
        Self { at: zoned.datetime(), zone: Some(zoned.time_zone().clone()) }
    }

    pub fn naive(zoned: Zoned) -> Value {
        Value::from_object(Self { at: zoned.datetime(), zone: None })
    }

    pub fn zoned(&self) -> Result<Zoned, Error> {
        self.at.to_zoned(self.zone.clone().unwrap_or(TimeZone::UTC)).or_else(wrong)
    }

    /// `+01:00`, or nothing.
    fn offset(&self) -> String {
        let zoned = self.zone.as_ref().and_then(|_| self.zoned().ok());
        zoned.map(|zoned| zoned.strftime("%:z").to_string()).unwrap_or_default()
    }

    fn iso(&self, between: &str) -> String {
        let fraction = match self.at.subsec_nanosecond() / 1000 {
            0 => String::new(),
            micros => format!(".{micros:06}"),
        };
        format!("{}{between}{}{fraction}{}", self.at.date(), self.at.strftime("%H:%M:%S"), self.offset())
    }
}

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "hour" => Value::from(self.at.hour()),
            "minute" => Value::from(self.at.minute()),
            "second" => Value::from(self.at.second()),
            "microsecond" => Value::from(self.at.subsec_nanosecond() / 1000),
            "tzinfo" => self.zone.clone().map_or(Value::from(()), |zone| Value::from_object(Zone(zone))),
            part => return of_date(self.at.date(), part),
        })
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        match method {
            "date" => Ok(Value::from_object(Day(self.at.date()))),
            "time" => Ok(Value::from_object(Clock(self.at.time()))),
            "isoformat" => {
                let between = Arguments::read(method, &["sep"], given)?.optional_text("sep");
                Ok(Value::from(self.iso(between.as_deref().unwrap_or("T"))))
            }
            "strftime" => {
                let format = text(given, method)?;
                // The last days that there are have no moment in a zone any more.
                Ok(Value::from(match self.zone {
                    Some(_) => self.zoned()?.strftime(&format).to_string(),
                    None => self.at.strftime(&format).to_string(),
                }))
            }
            "timestamp" => Ok(Value::from(self.zoned()?.timestamp().as_microsecond() as f64 / 1e6)),
            "astimezone" => {
                let zone = Arguments::read(method, &["tz"], given)?.value("tz")?;
                let zone = zone.downcast_object_ref::<Zone>().map_or(TimeZone::UTC, |zone| zone.0.clone());
                Ok(Value::from_object(Self::of(&self.zoned()?.with_time_zone(zone))))
            }
            "replace" => {
                let arguments = Arguments::read(method, PARTS, given)?;
                let mut with = self.at.with();
                for name in PARTS.iter().filter(|name| arguments.get(name).is_some() && **name != "tzinfo") {
                    with = match *name {
                        "year" => with.year(part(&arguments, name)?),
                        "month" => with.month(part(&arguments, name)?),
                        "day" => with.day(part(&arguments, name)?),
                        "hour" => with.hour(part(&arguments, name)?),
                        "minute" => with.minute(part(&arguments, name)?),
                        "second" => with.second(part(&arguments, name)?),
                        _ => with.subsec_nanosecond(part::<i32>(&arguments, name)?.saturating_mul(1000)),
                    };
                }
                let zone = match arguments.get("tzinfo") {
                    Some(zone) => zone.downcast_object_ref::<Zone>().map(|zone| zone.0.clone()),
                    None => self.zone.clone(),
                };
                Ok(Value::from_object(Self { at: with.build().or_else(wrong)?, zone }))
            }
            _ => date_method(self.at.date(), method),
        }
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        match (&self.zone, &other.zone) {
            (None, None) => Some(self.at.cmp(&other.at)),
            _ => Some(self.zoned().ok()?.timestamp().cmp(&other.zoned().ok()?.timestamp())),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso(" "))
    }
}
