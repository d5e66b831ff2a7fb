//! `selectors.yml`: selections with a name, as dbt writes them.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_yaml::Spanned;

use super::{Expression, Indirect, SelectError, Term};
use crate::diagnostic::{Diagnostic, Location, SourceFile, did_you_mean};
use crate::project::yaml;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[allow(dead_code, reason = "dbt's files carry it; it says nothing here")]
    version: Option<u32>,
    selectors: Vec<WrittenSelector>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSelector {
    name: Spanned<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    default: bool,
    definition: Value,
}

/// A selector as the file has it.
#[derive(Debug, Clone)]
pub struct NamedSelector {
    pub description: String,
    pub is_default: bool,
    pub definition: Value,
}

/// All selectors of a project.
#[derive(Debug, Clone, Default)]
pub struct NamedSelectors(pub IndexMap<String, NamedSelector>);

impl NamedSelectors {
    /// Reads the file; every definition must make sense.
    pub fn read(file: &Arc<SourceFile>) -> Result<Self, Vec<Diagnostic>> {
        let written: Written = yaml::read(&file.text).map_err(|error| vec![yaml::problem(file, &error)])?;
        let (mut all, mut places, mut problems) = (Self::default(), Vec::new(), Vec::new());
        for selector in written.selectors {
            let WrittenSelector { name, description, default, definition } = selector;
            let (place, name) = (yaml::place(file, &name), name.value);
            let named = NamedSelector { description, is_default: default, definition };
            if all.0.insert(name.clone(), named).is_some() {
                let message = format!("the selector `{name}` is there twice");
                problems.push(Diagnostic::error("described-twice", message).at(place));
            } else {
                places.push(place);
            }
        }
        for (name, place) in all.0.keys().zip(places) {
            if let Err(error) = all.get(name) {
                let problem = Diagnostic::error("bad-selector", error.message).maybe_hint(error.hint);
                problems.push(problem.at(place));
            }
        }
        if all.0.values().filter(|selector| selector.is_default).count() > 1 {
            let message = "two selectors are the default";
            problems.push(Diagnostic::error("bad-selector", message).at(Location::start_of(file)));
        }
        if problems.is_empty() { Ok(all) } else { Err(problems) }
    }

    /// What a selector means.
    pub fn get(&self, name: &str) -> Result<Expression, SelectError> {
        self.resolve(name, &mut Vec::new())
    }

    /// The one that holds where nothing is selected.
    pub fn default_one(&self) -> Result<Option<Expression>, SelectError> {
        let found = self.0.iter().find(|(_, selector)| selector.is_default);
        found.map(|(name, _)| self.get(name)).transpose()
    }

    /// An expression as typed, in which the selectors that `selector:` names stand for themselves.
    pub fn settle(&self, expression: Expression) -> Result<Expression, SelectError> {
        self.settled(expression, &mut Vec::new())
    }

    fn settled(&self, expression: Expression, open: &mut Vec<String>) -> Result<Expression, SelectError> {
        let mut all = |parts: Vec<Expression>| -> Result<Vec<Expression>, SelectError> {
            parts.into_iter().map(|part| self.settled(part, open)).collect()
        };
        Ok(match expression {
            Expression::Term(term) if term.method.as_deref() == Some("selector") => {
                let named = self.resolve(&term.value, open)?;
                let walks = term.at || term.parents > 0 || term.children > 0;
                if walks { Expression::Around(Box::new(named), term) } else { named }
            }
            Expression::Union(parts) => Expression::Union(all(parts)?),
            Expression::Intersection(parts) => Expression::Intersection(all(parts)?),
            other => other,
        })
    }

    /// `open` are the selectors that are being resolved: none may come back to itself.
    fn resolve(&self, name: &str, open: &mut Vec<String>) -> Result<Expression, SelectError> {
        let Some(selector) = self.0.get(name) else {
            let known = self.0.keys().map(String::as_str);
            return Err(SelectError {
                message: format!("there is no selector `{name}` in selectors.yml"),
                hint: did_you_mean(name, known.clone())
                    .or_else(|| Some(format!("it has {}", known.collect::<Vec<_>>().join(", ")))),
            });
        };
        if open.iter().any(|one| one == name) {
            return Err(wrong(format!(
                "selectors refer to each other in a circle: {} -> {name}",
                open.join(" -> ")
            )));
        }
        open.push(name.to_owned());
        let expression = self.definition(&selector.definition, open)?;
        open.pop();
        Ok(expression)
    }

    fn definition(&self, written: &Value, open: &mut Vec<String>) -> Result<Expression, SelectError> {
        match written {
            Value::String(text) => self.settled(Expression::parse(std::slice::from_ref(text))?, open),
            Value::Object(map) => self.map(map, open),
            Value::Array(parts) => self.group(parts, Expression::Union, open),
            other => Err(wrong(format!("a definition is text or a map, not `{other}`"))),
        }
    }

    fn map(&self, map: &Map<String, Value>, open: &mut Vec<String>) -> Result<Expression, SelectError> {
        if let Some(Value::Array(parts)) = map.get("union").filter(|_| map.len() == 1) {
            return self.group(parts, Expression::Union, open);
        }
        if let Some(Value::Array(parts)) = map.get("intersection").filter(|_| map.len() == 1) {
            return self.group(parts, Expression::Intersection, open);
        }
        if map.contains_key("method") {
            return self.method(map, open);
        }
        match map.iter().next() {
            // `tag: nightly`
            Some((method, value))
                if map.len() == 1 && !["union", "intersection", "exclude"].contains(&method.as_str()) =>
            {
                Ok(Expression::Term(Term::of(Some(method), &text(value)?)))
            }
            _ => Err(wrong("a definition has `method` and `value`, or `union`, or `intersection`".into())),
        }
    }

    /// Parts, and what to leave out of them.
    fn group(
        &self,
        parts: &[Value],
        kind: fn(Vec<Expression>) -> Expression,
        open: &mut Vec<String>,
    ) -> Result<Expression, SelectError> {
        let (mut taken, mut left_out) = (Vec::new(), Vec::new());
        for part in parts {
            match part.as_object().and_then(|map| map.get("exclude").filter(|_| map.len() == 1)) {
                Some(Value::Array(parts)) => {
                    for part in parts {
                        left_out.push(self.definition(part, open)?);
                    }
                }
                Some(other) => left_out.push(self.definition(other, open)?),
                None => taken.push(self.definition(part, open)?),
            }
        }
        let all = if taken.is_empty() { Expression::Everything } else { kind(taken) };
        Ok(without(all, left_out))
    }

    fn method(&self, map: &Map<String, Value>, open: &mut Vec<String>) -> Result<Expression, SelectError> {
        let known = [
            "method",
            "value",
            "children",
            "parents",
            "children_depth",
            "parents_depth",
            "childrens_parents",
            "indirect_selection",
            "exclude",
            "greedy",
        ];
        if let Some(word) = map.keys().find(|word| !known.contains(&word.as_str())) {
            return Err(SelectError {
                message: format!("a selector has no word `{word}`"),
                hint: did_you_mean(word, known),
            });
        }
        let method = text(&map["method"])?;
        let value = text(map.get("value").ok_or_else(|| wrong(format!("`method: {method}` has no value")))?)?;
        let expression = if method == "selector" {
            self.resolve(&value, open)?
        } else {
            let depth = |word: &str| {
                map.get(word).and_then(Value::as_u64).and_then(|depth| usize::try_from(depth).ok())
            };
            let far = |word: &str, limit: &str| match flag(map, word) {
                true => depth(limit).unwrap_or(usize::MAX),
                false => 0,
            };
            let method = if method == "fqn" && value == "*" { None } else { Some(method.as_str()) };
            Expression::Term(Term {
                at: flag(map, "childrens_parents"),
                parents: far("parents", "parents_depth"),
                children: far("children", "children_depth"),
                indirect: map.get("indirect_selection").map(indirect).transpose()?,
                ..Term::of(method, &value)
            })
        };
        let left_out = match map.get("exclude") {
            None => Vec::new(),
            Some(Value::Array(parts)) => {
                parts.iter().map(|part| self.definition(part, open)).collect::<Result<_, _>>()?
            }
            Some(other) => vec![self.definition(other, open)?],
        };
        Ok(without(expression, left_out))
    }
}

fn without(all: Expression, left_out: Vec<Expression>) -> Expression {
    match left_out.len() {
        0 => all,
        _ => Expression::Difference(Box::new(all), Box::new(Expression::Union(left_out))),
    }
}

fn flag(map: &Map<String, Value>, word: &str) -> bool {
    map.get(word).and_then(Value::as_bool).unwrap_or(false)
}

fn indirect(value: &Value) -> Result<Indirect, SelectError> {
    match value.as_str().unwrap_or_default() {
        "eager" => Ok(Indirect::Eager),
        "cautious" => Ok(Indirect::Cautious),
        "buildable" => Ok(Indirect::Buildable),
        "empty" => Ok(Indirect::Empty),
        other => Err(SelectError {
            message: format!("there is no indirect selection `{other}`"),
            hint: Some("it is eager, cautious, buildable or empty".into()),
        }),
    }
}

fn text(value: &Value) -> Result<String, SelectError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        other => Err(wrong(format!("a selector's value is text, not `{other}`"))),
    }
}

fn wrong(message: String) -> SelectError {
    SelectError { message, hint: Some("docs/selectors.md shows selectors.yml by example".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<NamedSelectors, Vec<Diagnostic>> {
        NamedSelectors::read(&Arc::new(SourceFile { path: "selectors.yml".into(), text: text.into() }))
    }

    #[test]
    fn definitions_are_text_pairs_maps_and_groups() {
        let all = read(
            "selectors:\n  - name: a\n    definition: 'tag:x,path:models'\n  - name: b\n    default: true\n    definition:\n      union:\n        - tag: nightly\n        - {method: config.materialized, value: table, children: true, parents: true, parents_depth: 2}\n        - {method: selector, value: a}\n        - exclude: [{method: fqn, value: old_*}]\n",
        )
        .unwrap();
        let b = all.default_one().unwrap().unwrap();
        let Expression::Difference(union, less) = b else { panic!("{b:?}") };
        let Expression::Union(parts) = *union else { panic!() };
        assert_eq!(parts[0], Expression::Term(Term::of(Some("tag"), "nightly")));
        let wide =
            Term { parents: 2, children: usize::MAX, ..Term::of(Some("config.materialized"), "table") };
        assert_eq!(parts[1], Expression::Term(wide));
        assert_eq!(parts[2], all.get("a").unwrap());
        assert_eq!(*less, Expression::Union(vec![Expression::Term(Term::of(Some("fqn"), "old_*"))]));
    }

    #[test]
    fn circles_and_unknown_words_are_told() {
        let told = read(
            "selectors:\n  - {name: a, definition: {method: selector, value: b}}\n  - {name: b, definition: {method: selector, value: a}}\n  - {name: c, definition: {method: tag, value: x, childrn: true}}\n",
        )
        .unwrap_err();
        assert!(told[0].message.contains("in a circle: a -> b -> a"), "{}", told[0].message);
        assert_eq!(told[2].hint.as_deref(), Some("did you mean `children`?"));
    }
}
