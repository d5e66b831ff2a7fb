//! Methods of Python's values, which dbt's templates call: `name.upper()`, `name.zfill(3)`, `names.index('a')`.

use minijinja::value::{ValueKind, from_args};
use minijinja::{Error, State, Value};
use minijinja_contrib::pycompat;

use super::arguments::Arguments;
use super::collections::{List, items_of, place};
use super::relation::Relation;
use super::state::{fail, is_guessing};
use super::values::formatted;

/// Methods that change a list or a map; what a filter makes is neither.
const CHANGING: &[&str] =
    &["append", "extend", "insert", "update", "pop", "remove", "clear", "setdefault", "sort"];

/// What a value's own type does not know.
pub(super) fn method(state: &mut State, value: &Value, name: &str, given: &[Value]) -> Result<Value, Error> {
    // Before anything is asked, a result has no columns that could have values.
    if value.is_undefined() && is_guessing() {
        return Ok(List::value(Vec::new()));
    }
    if let Some(text) = value.as_str()
        && let Some(found) = of_text(text, name, given)?
    {
        return Ok(found);
    }
    if let Some(relation) = value.downcast_object_ref::<Relation>() {
        return method(state, &Value::from(relation.text()), name, given);
    }
    match (name, value.kind()) {
        ("index", ValueKind::Seq | ValueKind::Iterable) => {
            return List::value(items_of(value)?).call_method(state, name, given);
        }
        (name, ValueKind::Seq | ValueKind::Iterable | ValueKind::Map) if CHANGING.contains(&name) => {
            let made = if value.kind() == ValueKind::Map {
                "`dict(…)` makes a map"
            } else {
                "`| list` makes a list"
            };
            return fail(format!("this cannot be changed by `{name}`"), &format!("{made} that can be"));
        }
        _ => {}
    }
    let found = pycompat::unknown_method_callback(state, value, name, given)?;
    // In Python these give lists, or what is as good as one.
    match name {
        "split" | "splitlines" | "keys" | "values" | "items" => items_of(&found).map(List::value),
        _ => Ok(found),
    }
}

fn of_text(text: &str, name: &str, given: &[Value]) -> Result<Option<Value>, Error> {
    let width = || -> Result<(usize, char), Error> {
        let (width, with): (usize, Option<char>) = from_args(given)?;
        Ok((width, with.unwrap_or(' ')))
    };
    let parts = |before: &str, between: &str, after: &str| {
        Value::from(minijinja::value::Tuple::from([before, between, after].map(Value::from).to_vec()))
    };
    Ok(Some(match name {
        "zfill" => {
            let (width,): (usize,) = from_args(given)?;
            let (sign, digits) = match text.strip_prefix(['-', '+']) {
                Some(digits) => (&text[..1], digits),
                None => ("", text),
            };
            Value::from(format!("{sign}{digits:0>width$}", width = width.saturating_sub(sign.len())))
        }
        "ljust" | "rjust" => {
            let (width, with) = width()?;
            let missing: String =
                std::iter::repeat_n(with, width.saturating_sub(text.chars().count())).collect();
            Value::from(if name == "ljust" { format!("{text}{missing}") } else { format!("{missing}{text}") })
        }
        "center" => {
            let (width, with) = width()?;
            Value::from(centered(text, width, with))
        }
        "swapcase" => {
            let swapped = text.chars().flat_map(|c| -> Box<dyn Iterator<Item = char>> {
                if c.is_uppercase() { Box::new(c.to_lowercase()) } else { Box::new(c.to_uppercase()) }
            });
            Value::from(swapped.collect::<String>())
        }
        "casefold" => Value::from(text.to_lowercase()),
        "isdecimal" => Value::from(!text.is_empty() && text.chars().all(|c| c.is_ascii_digit())),
        "isidentifier" => {
            let mut letters = text.chars();
            let begins = letters.next().is_some_and(|c| c.is_alphabetic() || c == '_');
            Value::from(begins && letters.all(|c| c.is_alphanumeric() || c == '_'))
        }
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(given)?;
            Value::from(text.strip_prefix(prefix).unwrap_or(text))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(given)?;
            Value::from(text.strip_suffix(suffix).unwrap_or(text))
        }
        "partition" => {
            let (by,): (&str,) = from_args(given)?;
            text.split_once(by)
                .map_or_else(|| parts(text, "", ""), |(before, after)| parts(before, by, after))
        }
        "rpartition" => {
            let (by,): (&str,) = from_args(given)?;
            text.rsplit_once(by)
                .map_or_else(|| parts("", "", text), |(before, after)| parts(before, by, after))
        }
        "find" | "rfind" | "index" | "rindex" | "count" | "startswith" | "endswith" => {
            let (what, start, end): (Value, Option<i64>, Option<i64>) = from_args(given)?;
            return searched(text, name, &what, start, end).map(Some);
        }
        "split" | "rsplit" => {
            let arguments = Arguments::read(name, &["sep", "maxsplit"], given)?;
            let by = arguments.optional_text("sep");
            let times = arguments.get("maxsplit").and_then(Value::as_usize);
            return split(text, name, by.as_deref(), times).map(Some);
        }
        "strftime" => {
            let (format,): (&str,) = from_args(given)?;
            Value::from(formatted(text, format)?)
        }
        _ => return Ok(None),
    }))
}

/// `find` and its like, of the characters from `start` to `end`.
fn searched(
    text: &str,
    name: &str,
    what: &Value,
    start: Option<i64>,
    end: Option<i64>,
) -> Result<Value, Error> {
    let letters: Vec<char> = text.chars().collect();
    let place = |number: i64| place(number, letters.len()).unwrap_or(0).min(letters.len());
    let (from, to) = (place(start.unwrap_or(0)), end.map_or(letters.len(), place));
    let within: String = letters.get(from..to).unwrap_or_default().iter().collect();
    let texts = match what.as_str() {
        Some(text) => vec![text.to_owned()],
        None => items_of(what)?.iter().map(Value::to_string).collect(),
    };
    let counted = |at: usize| from + within[..at].chars().count();
    let found = |text: &String| if name.starts_with('r') { within.rfind(text) } else { within.find(text) };
    Ok(match name {
        "startswith" => Value::from(texts.iter().any(|text| within.starts_with(text))),
        "endswith" => Value::from(texts.iter().any(|text| within.ends_with(text))),
        "count" => Value::from(texts.iter().map(|text| within.matches(text).count()).sum::<usize>()),
        _ => match texts.first().and_then(found) {
            Some(at) => Value::from(counted(at)),
            None if name.ends_with("find") => Value::from(-1),
            None => return fail(format!("`{what}` is not in the text"), "`find` gives -1 instead"),
        },
    })
}

fn split(text: &str, name: &str, by: Option<&str>, times: Option<usize>) -> Result<Value, Error> {
    let pieces = times.map_or(usize::MAX, |times| times.saturating_add(1));
    let mut found: Vec<Value> = match (by, name) {
        (Some(""), _) => {
            return fail("nothing can be split by ''".to_owned(), "name what stands between the parts");
        }
        (Some(by), "split") => text.splitn(pieces, by).map(Value::from).collect(),
        (Some(by), _) => text.rsplitn(pieces, by).map(Value::from).collect(),
        (None, _) if times.is_none() => text.split_whitespace().map(Value::from).collect(),
        (None, "split") => text.trim_start().splitn(pieces, char::is_whitespace).map(Value::from).collect(),
        (None, _) => text.trim_end().rsplitn(pieces, char::is_whitespace).map(Value::from).collect(),
    };
    if name == "rsplit" && (by.is_some() || times.is_some()) {
        found.reverse();
    }
    Ok(List::value(found))
}

/// With as much before it as behind.
pub(super) fn centered(text: &str, width: usize, with: char) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let before = missing / 2 + (missing & width & 1);
    let fill = |count: usize| std::iter::repeat_n(with, count).collect::<String>();
    format!("{}{text}{}", fill(before), fill(missing - before))
}

/// The kind of a value and the method that it has not, of minijinja's words; where the value came from follows at times.
pub(super) fn missing_method(detail: &str) -> Option<(&str, &str)> {
    let (kind, name) = detail.split_once(" has no method named ")?;
    Some((kind, name.split(' ').next().unwrap_or(name)))
}

/// What to say of a method that there is not.
pub(super) fn unknown_method(detail: &str) -> (String, Option<String>) {
    let (kind, name) = missing_method(detail).unwrap_or(("it", detail));
    if KNOWN.contains(&name) {
        let hint = match kind {
            "none" => "ask first whether there is a value: `{% if … is not none %}`",
            _ => "texts, lists and maps have methods; `| string` makes a text of a value",
        };
        return (format!("{kind} has no method `{name}`"), Some(hint.to_owned()));
    }
    let hint = crate::diagnostic::did_you_mean(name, KNOWN.iter().copied());
    (format!("there is no method `{name}`"), hint)
}

/// The methods of texts, lists and maps, to be told the nearest of.
const KNOWN: &[&str] = &[
    "append",
    "capitalize",
    "copy",
    "count",
    "endswith",
    "extend",
    "find",
    "format",
    "get",
    "index",
    "insert",
    "items",
    "join",
    "keys",
    "lower",
    "lstrip",
    "pop",
    "remove",
    "replace",
    "reverse",
    "rsplit",
    "rstrip",
    "setdefault",
    "sort",
    "split",
    "splitlines",
    "startswith",
    "strftime",
    "strip",
    "title",
    "update",
    "upper",
    "values",
    "zfill",
];
