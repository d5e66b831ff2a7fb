//! Python's `re`.

use std::fmt;
use std::sync::Arc;

use fancy_regex::{Captures, Regex};
use minijinja::value::{Object, ObjectRepr, Tuple};
use minijinja::{Error, ErrorKind, State, Value};

use super::Module;
use crate::template::arguments::Arguments;
use crate::template::collections::{List, Map};
use crate::template::state::fail;

/// Python's flags, and the letter of each inside of a pattern.
const FLAGS: &[(&str, &str, i64, char)] = &[
    ("I", "IGNORECASE", 2, 'i'),
    ("M", "MULTILINE", 8, 'm'),
    ("S", "DOTALL", 16, 's'),
    ("X", "VERBOSE", 64, 'x'),
];

pub(super) fn module() -> Module {
    Module {
        name: "re",
        functions: &[
            ("match", |given| used("match", given)),
            ("fullmatch", |given| used("fullmatch", given)),
            ("search", |given| used("search", given)),
            ("findall", |given| used("findall", given)),
            ("split", |given| used("split", given)),
            ("sub", |given| used("sub", given)),
            ("compile", |given| {
                let arguments = Arguments::read("compile", &["pattern", "flags"], given)?;
                Ok(Value::from_object(pattern(&arguments)?))
            }),
            ("escape", |given| {
                let text = Arguments::read("escape", &["pattern"], given)?.text("pattern")?;
                Ok(Value::from(fancy_regex::escape(&text).into_owned()))
            }),
        ],
        values: |name| {
            let known = FLAGS.iter().find(|(short, long, _, _)| name == *short || name == *long);
            known.map(|(_, _, flag, _)| Value::from(*flag))
        },
        call: None,
    }
}

#[derive(Debug)]
struct Pattern(Regex);

fn pattern(arguments: &Arguments<'_>) -> Result<Pattern, Error> {
    let given = arguments.value("pattern")?;
    if let Some(known) = given.downcast_object_ref::<Pattern>() {
        return Ok(Pattern(known.0.clone()));
    }
    let text = given.to_string();
    let flags = arguments.get("flags").and_then(Value::as_i64).unwrap_or(0);
    let letters: String =
        FLAGS.iter().filter(|(_, _, flag, _)| flags & flag != 0).map(|(_, _, _, letter)| *letter).collect();
    let whole = if letters.is_empty() { text.clone() } else { format!("(?{letters}){text}") };
    match Regex::new(&whole) {
        Ok(regex) => Ok(Pattern(regex)),
        Err(error) => fail(format!("`{text}` is no pattern: {error}"), "in a text `\\` is written `\\\\`"),
    }
}

/// A function of the module: the pattern comes first.
fn used(function: &str, given: &[Value]) -> Result<Value, Error> {
    let names: &[&str] = match function {
        "sub" => &["pattern", "repl", "string", "count", "flags"],
        "split" => &["pattern", "string", "maxsplit", "flags"],
        _ => &["pattern", "string", "flags"],
    };
    let arguments = Arguments::read(function, names, given)?;
    pattern(&arguments)?.does(function, &arguments)
}

impl Pattern {
    fn does(&self, function: &str, arguments: &Arguments<'_>) -> Result<Value, Error> {
        let given = arguments.text("string")?;
        let text = given.as_str();
        let number = |name: &str| arguments.get(name).and_then(Value::as_usize).filter(|number| *number > 0);
        match function {
            "sub" => {
                let replacement = replacement(&arguments.text("repl")?);
                let count = number("count").unwrap_or(0);
                Ok(Value::from(
                    self.0.try_replacen(text, count, replacement.as_str()).or_else(failed)?.into_owned(),
                ))
            }
            "split" => self.split(text, number("maxsplit").unwrap_or(usize::MAX)),
            "findall" => {
                let mut found = Vec::new();
                for captures in self.0.captures_iter(text) {
                    let groups = groups(&captures.or_else(failed)?);
                    found.push(match groups.len() {
                        1 => groups[0].clone(),
                        2 => groups[1].clone(),
                        _ => Value::from(Tuple::from(groups[1..].to_vec())),
                    });
                }
                Ok(List::value(found))
            }
            _ => {
                let found = self.0.captures(text).or_else(failed)?;
                let fits = |captures: &Captures<'_, str>| {
                    captures.get(0).is_some_and(|whole| match function {
                        "match" => whole.start() == 0,
                        "fullmatch" => whole.start() == 0 && whole.end() == text.len(),
                        _ => true,
                    })
                };
                Ok(found.filter(fits).map_or(Value::from(()), |captures| Found::value(&self.0, &captures)))
            }
        }
    }

    fn split(&self, text: &str, times: usize) -> Result<Value, Error> {
        let (mut parts, mut from) = (Vec::new(), 0);
        for captures in self.0.captures_iter(text).take(times) {
            let captures = captures.or_else(failed)?;
            let Some(whole) = captures.get(0) else { continue };
            parts.push(Value::from(&text[from..whole.start()]));
            parts.extend(groups(&captures).into_iter().skip(1));
            from = whole.end();
        }
        parts.push(Value::from(&text[from..]));
        Ok(List::value(parts))
    }
}

fn failed<T>(error: fancy_regex::Error) -> Result<T, Error> {
    fail(error.to_string(), "write a simpler pattern")
}

/// Of the whole, then of each group; what took no part is none.
fn groups(captures: &Captures<'_, str>) -> Vec<Value> {
    let all = captures.iter();
    all.map(|group| group.map_or(Value::from(()), |group| Value::from(group.as_str()))).collect()
}

/// `\1` and `\g<name>` as the crate writes them.
fn replacement(python: &str) -> String {
    let (mut written, mut letters) = (String::new(), python.chars().peekable());
    while let Some(letter) = letters.next() {
        match (letter, letters.peek().copied()) {
            ('$', _) => written.push_str("$$"),
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                letters.next();
                written.push_str(&format!("${{{digit}}}"));
            }
            ('\\', Some('g')) => {
                letters.next();
                let name: String = letters.by_ref().skip(1).take_while(|letter| *letter != '>').collect();
                written.push_str(&format!("${{{name}}}"));
            }
            ('\\', Some('n')) => {
                letters.next();
                written.push('\n');
            }
            ('\\', Some('\\')) => {
                letters.next();
                written.push('\\');
            }
            _ => written.push(letter),
        }
    }
    written
}

impl Object for Pattern {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str() == Some("pattern")).then(|| Value::from(self.0.as_str()))
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        let names: &[&str] = match method {
            "sub" => &["repl", "string", "count"],
            "split" => &["string", "maxsplit"],
            "match" | "fullmatch" | "search" | "findall" => &["string"],
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        };
        self.does(method, &Arguments::read(method, names, given)?)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "re.compile('{}')", self.0.as_str())
    }
}

/// What a pattern found.
#[derive(Debug)]
struct Found {
    groups: Vec<Value>,
    names: Vec<Option<String>>,
    places: (usize, usize),
}

impl Found {
    fn value(regex: &Regex, captures: &Captures<'_, str>) -> Value {
        let places = captures.get(0).map_or((0, 0), |whole| (whole.start(), whole.end()));
        let names = regex.capture_names().map(|name| name.map(str::to_owned)).collect();
        Value::from_object(Self { groups: groups(captures), names, places })
    }

    fn group(&self, which: &Value) -> Result<Value, Error> {
        let at = match which.as_str() {
            Some(name) => self.names.iter().position(|known| known.as_deref() == Some(name)),
            None => which.as_usize(),
        };
        match at.and_then(|at| self.groups.get(at)) {
            Some(group) => Ok(group.clone()),
            None => fail(format!("the pattern has no group `{which}`"), "groups are counted from 1"),
        }
    }
}

impl Object for Found {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.group(key).ok()
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, given: &[Value]) -> Result<Value, Error> {
        match (method, given) {
            ("group", []) => self.group(&Value::from(0)),
            ("group", [one]) => self.group(one),
            ("group", several) => {
                let groups: Vec<Value> =
                    several.iter().map(|one| self.group(one)).collect::<Result<_, _>>()?;
                Ok(Value::from(Tuple::from(groups)))
            }
            ("groups", _) => Ok(Value::from(Tuple::from(self.groups[1..].to_vec()))),
            ("groupdict", _) => {
                let named = self
                    .names
                    .iter()
                    .zip(&self.groups)
                    .filter_map(|(name, group)| Some((Value::from(name.as_deref()?), group.clone())));
                Ok(Map::value(named.collect()))
            }
            ("start", _) => Ok(Value::from(self.places.0)),
            ("end", _) => Ok(Value::from(self.places.1)),
            ("span", _) => {
                Ok(Value::from(Tuple::from([self.places.0, self.places.1].map(Value::from).to_vec())))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<re.Match {:?}>", self.places)
    }
}
