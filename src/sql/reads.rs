//! Which relations a query names after FROM and JOIN, read from its tokens alone.

use std::borrow::Cow;
use std::collections::BTreeSet;

use squawk_lexer::{TokenKind, tokenize};

/// Functions whose arguments may hold a FROM that names no relation.
const FROM_IN_ARGUMENTS: &[&str] = &["extract", "substring", "trim", "overlay"];
/// What ends the list after FROM.
const AFTER_FROM: &[&str] = &[
    "where",
    "group",
    "having",
    "order",
    "limit",
    "offset",
    "fetch",
    "for",
    "union",
    "intersect",
    "except",
    "window",
    "select",
    "on",
    "returning",
    // `from (values (1, now()), …)`: what is behind it are no relations.
    "values",
];

/// The relations that `sql` names, as far as tokens tell, each as its parts; common table expressions left
/// out. Where in doubt a name is told: more can be in it, hardly less.
pub fn named_relations(sql: &str) -> BTreeSet<Vec<String>> {
    let mut reader = Reader { scopes: vec![Scope::default()], ..Reader::default() };
    for word in words(sql) {
        reader.take(word);
    }
    reader.end_of_name(None);
    let tables = reader.expressions;
    reader
        .found
        .into_iter()
        .filter(|parts| !matches!(parts.as_slice(), [one] if tables.contains(one)))
        .map(|parts| parts.into_iter().map(Cow::into_owned).collect())
        .collect()
}

/// A token that counts.
enum Word<'s> {
    Name { text: Cow<'s, str>, quoted: bool },
    Sign(char),
}

fn words(sql: &str) -> impl Iterator<Item = Word<'_>> {
    let mut at = 0;
    tokenize(sql).filter_map(move |token| {
        let text = &sql[at..at + token.len as usize];
        at += text.len();
        Some(match token.kind {
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment { .. } => return None,
            TokenKind::Ident => Word::Name { text: folded(text), quoted: false },
            TokenKind::QuotedIdent { .. } => Word::Name { text: unquoted(text), quoted: true },
            _ => Word::Sign(text.chars().next().unwrap_or(' ')),
        })
    })
}

/// A name as it counts where it is not quoted.
fn folded(name: &str) -> Cow<'_, str> {
    let is_folded = name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_folded { name.into() } else { name.to_lowercase().into() }
}

fn unquoted(name: &str) -> Cow<'_, str> {
    let inner = name.trim_matches('"');
    if inner.contains('"') { inner.replace("\"\"", "\"").into() } else { inner.into() }
}

/// Between two parentheses.
#[derive(Default)]
struct Scope<'s> {
    /// The name before the opening parenthesis.
    opened_by: Option<Cow<'s, str>>,
    /// A relation may come next.
    expects: bool,
    /// Inside the list after FROM, where a comma brings the next relation.
    in_list: bool,
}

#[derive(Default)]
struct Reader<'s> {
    scopes: Vec<Scope<'s>>,
    found: BTreeSet<Vec<Cow<'s, str>>>,
    /// Names of common table expressions.
    expressions: BTreeSet<Cow<'s, str>>,
    /// The relation that is being named.
    name: Vec<Cow<'s, str>>,
    after_dot: bool,
    /// The last names, for `x as (` and `x (a, b) as (`.
    last: Option<Cow<'s, str>>,
    before_as: Option<Cow<'s, str>>,
    closed: Option<Cow<'s, str>>,
}

impl<'s> Reader<'s> {
    fn scope(&mut self) -> &mut Scope<'s> {
        if self.scopes.is_empty() {
            self.scopes.push(Scope::default());
        }
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }

    fn take(&mut self, word: Word<'s>) {
        match word {
            Word::Name { text, quoted } => self.name(text, quoted),
            Word::Sign(sign) => self.sign(sign),
        }
    }

    fn name(&mut self, text: Cow<'s, str>, quoted: bool) {
        if self.after_dot {
            self.after_dot = false;
            if !self.name.is_empty() {
                self.name.push(text.clone());
            }
            self.last = Some(text);
            return;
        }
        self.end_of_name(None);
        let keyword = if quoted { "" } else { &*text };
        match keyword {
            "from" => {
                let distinct = self.last.as_deref() == Some("distinct");
                let opener = self.scope().opened_by.clone().unwrap_or_default();
                if !distinct && !FROM_IN_ARGUMENTS.contains(&&*opener) {
                    (self.scope().expects, self.scope().in_list) = (true, true);
                }
            }
            // `table t` is `select * from t`.
            "join" | "table" => self.scope().expects = true,
            "only" | "lateral" => {}
            "as" => self.before_as = self.last.clone().or(self.closed.take()),
            "materialized" | "not" => {}
            word if AFTER_FROM.contains(&word) => {
                let on = word == "on";
                let scope = self.scope();
                scope.expects = false;
                scope.in_list &= on;
                if word == "select" {
                    scope.opened_by = None;
                }
            }
            _ if self.scope().expects => {
                self.scope().expects = false;
                self.name.push(text.clone());
            }
            _ => {}
        }
        if keyword != "as" && !matches!(keyword, "materialized" | "not") {
            self.before_as = None;
        }
        if keyword != "as" {
            self.closed = None;
        }
        self.last = Some(text);
    }

    fn sign(&mut self, sign: char) {
        if sign == '.' {
            self.after_dot = true;
            return;
        }
        self.after_dot = false;
        self.end_of_name(Some(sign));
        match sign {
            '(' => {
                self.expressions.extend(self.before_as.take());
                let expects = self.scope().expects;
                let opened_by = self.last.take();
                self.scopes.push(Scope { opened_by, expects, in_list: expects });
            }
            ')' => {
                let scope = self.scopes.pop().unwrap_or_default();
                self.closed = scope.opened_by;
                self.scope().expects = false;
            }
            ',' => {
                let scope = self.scope();
                scope.expects = scope.in_list;
            }
            ';' => self.scopes = vec![Scope::default()],
            _ => {}
        }
        if sign != ')' {
            self.closed = None;
        }
        self.before_as = None;
        self.last = None;
    }

    /// A name before a parenthesis is a function.
    fn end_of_name(&mut self, next: Option<char>) {
        let name = std::mem::take(&mut self.name);
        if !name.is_empty() && next != Some('(') {
            self.found.insert(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(sql: &str) -> Vec<String> {
        named_relations(sql).into_iter().map(|parts| parts.join(".")).collect()
    }

    #[test]
    fn relations_after_from_and_join_are_named_in_any_nesting() {
        assert_eq!(named("select 1 from a"), ["a"]);
        assert_eq!(
            named("select * from \"S\".\"T\" as x, only b y, lateral (select * from c) z"),
            ["S.T", "b", "c"]
        );
        assert_eq!(
            named(
                "select * from (a join b.b on a.x = b.x left join d using (x)), e where f in (select g from h)"
            ),
            ["a", "b.b", "d", "e", "h"]
        );
        assert_eq!(
            named("select (select max(n) from x.y), z from w union all select v from u"),
            ["u", "w", "x.y"]
        );
    }

    #[test]
    fn common_table_expressions_functions_and_arguments_are_no_relations() {
        let sql = "with a as (select 1), b (x, y) as materialized (select * from a), c as not materialized (select 2) \
                   select extract(year from day), substring(t from 2), d is distinct from e, f is not distinct from g \
                   from b, c, generate_series(1, 3) as s, json_to_recordset('[]') as r(a int, b text)";
        assert_eq!(named(sql), [] as [String; 0]);
        assert_eq!(named("select extract(day from (select max(d) from t))"), ["t"]);
        let values = "select * from (values (1, now()::date, 'x'::text), (2, null, 'y')) as t (a, b, c), d";
        assert_eq!(named(values), ["d"]);
        assert_eq!(named("select 1 union all (table a.b)"), ["a.b"]);
        assert_eq!(named("select 1"), [] as [String; 0]);
        assert_eq!(named("))) from"), [] as [String; 0]);
    }
}
