//! Selectors as they are typed: `+tag:nightly,path:models/prod 2+orders`.

use super::{Indirect, SelectError};

/// What to take, before it is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    Everything,
    Term(Term),
    Union(Vec<Expression>),
    Intersection(Vec<Expression>),
    /// The first without the second.
    Difference(Box<Expression>, Box<Expression>),
    /// What a named selector found, and what the term's graph operators add.
    Around(Box<Expression>, Term),
}

/// One method with its value, and how far to go along the graph; `usize::MAX` is all the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Also all that the descendants need.
    pub at: bool,
    pub parents: usize,
    pub children: usize,
    /// `None` leaves it to the value: a path, a file or a name.
    pub method: Option<String>,
    /// What follows the method behind dots: `materialized` of `config.materialized`.
    pub path: Vec<String>,
    pub value: String,
    /// Of a YAML selector; otherwise what holds for the whole command.
    pub indirect: Option<Indirect>,
}

impl Expression {
    /// Arguments as typed: a space is "or", a comma is "and".
    pub fn parse(arguments: &[String]) -> Result<Self, SelectError> {
        let mut union = Vec::new();
        for word in arguments.iter().flat_map(|argument| argument.split_whitespace()) {
            let mut parts = Vec::new();
            for part in word.split(',').filter(|part| !part.is_empty()) {
                parts.push(Self::Term(Term::parse(part)?));
            }
            match parts.len() {
                0 => return Err(unreadable(word)),
                1 => union.extend(parts),
                _ => union.push(Self::Intersection(parts)),
            }
        }
        Ok(Self::Union(union))
    }

    /// Whether it looks at what was before: then nothing at all is a fair answer.
    pub fn asks_what_changed(&self) -> bool {
        match self {
            Self::Everything => false,
            Self::Term(term) => term.asks_what_changed(),
            Self::Union(parts) | Self::Intersection(parts) => parts.iter().any(Self::asks_what_changed),
            Self::Difference(all, less) => all.asks_what_changed() || less.asks_what_changed(),
            Self::Around(inner, _) => inner.asks_what_changed(),
        }
    }
}

impl Term {
    pub fn asks_what_changed(&self) -> bool {
        matches!(self.method.as_deref(), Some("state" | "result" | "source_status"))
    }

    pub fn parse(text: &str) -> Result<Self, SelectError> {
        let wrong = || unreadable(text);
        let (at, rest) = text.strip_prefix('@').map_or((false, text), |rest| (true, rest));
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (parents, rest) = match rest[digits..].strip_prefix('+') {
            Some(after) if digits == 0 => (usize::MAX, after),
            Some(after) => (rest[..digits].parse().map_err(|_| wrong())?, after),
            None => (0, rest),
        };
        let (children, rest) = match rest.rsplit_once('+') {
            Some((before, "")) => (usize::MAX, before),
            Some((before, count)) if count.bytes().all(|byte| byte.is_ascii_digit()) => {
                (count.parse().map_err(|_| wrong())?, before)
            }
            Some(_) => return Err(wrong()),
            None => (0, rest),
        };
        let (method, value) = match rest.split_once(':') {
            Some((method, value)) => (Some(method), value),
            None => (None, rest),
        };
        if value.is_empty() || (at && (children > 0 || parents > 0)) {
            return Err(wrong());
        }
        let term = Self { at, parents, children, ..Self::of(method, value) };
        Ok(term)
    }

    /// A method, dots and all, with a value; nothing along the graph.
    pub fn of(method: Option<&str>, value: &str) -> Self {
        let mut words = method.unwrap_or_default().split('.').map(str::to_owned);
        let first = words.next();
        Self {
            at: false,
            parents: 0,
            children: 0,
            method: method.and(first),
            path: words.collect(),
            value: value.to_owned(),
            indirect: None,
        }
    }

    /// As it would be typed, without graph operators.
    pub fn written(&self) -> String {
        match &self.method {
            None => self.value.clone(),
            Some(method) => {
                let dotted: Vec<&str> =
                    std::iter::once(method.as_str()).chain(self.path.iter().map(String::as_str)).collect();
                format!("{}:{}", dotted.join("."), self.value)
            }
        }
    }
}

fn unreadable(text: &str) -> SelectError {
    SelectError {
        message: format!("the selector `{text}` cannot be read"),
        hint: Some(
            "write a name, +name, name+, 2+name+1, @name, tag:x, path:models/stage or layer:prod".into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graph_operators_are_read() {
        let term = Term::parse("2+clean_vouchers+1").unwrap();
        assert_eq!(term, Term { parents: 2, children: 1, ..Term::of(None, "clean_vouchers") });
        let term = Term::parse("+tag:nightly").unwrap();
        assert_eq!(term, Term { parents: usize::MAX, ..Term::of(Some("tag"), "nightly") });
        assert_eq!(Term::parse("@x").unwrap(), Term { at: true, ..Term::of(None, "x") });
        let term = Term::parse("config.meta.owner:me").unwrap();
        assert_eq!(
            (term.method.as_deref(), term.path),
            (Some("config"), vec!["meta".into(), "owner".into()])
        );
        for wrong in ["a+b", "+", "@+a", "@a+", "tag:", ""] {
            assert!(Term::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_space_is_or_and_a_comma_is_and() {
        let term = |value: &str| Expression::Term(Term::of(None, value));
        assert_eq!(
            Expression::parse(&["a b,c".into(), "d".into()]).unwrap(),
            Expression::Union(vec![
                term("a"),
                Expression::Intersection(vec![term("b"), term("c")]),
                term("d")
            ])
        );
        assert!(Expression::parse(&[",".into()]).is_err());
    }
}
