//! What a text of SQL calls, read from its tokens alone: so it also answers for texts with errors in them.

use std::collections::BTreeSet;

use squawk_lexer::{LiteralKind, TokenKind, tokenize};

/// Functions that are called without parentheses.
pub const KEYWORD_FUNCTIONS: &[&str] = &[
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "system_user",
    "user",
];

/// What [`called_functions`] found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Names as `pg_proc.proname` has them, without schema: each identifier that stands before `(`, and the
    /// functions that are keywords. More than functions can be in it (`in (…)`, `numeric(12,2)`, a table
    /// sample's method), never less.
    pub functions: BTreeSet<String>,
    /// The contents of string literals, as written between the quotes: `now` and `today` are
    /// dates in the end.
    pub strings: BTreeSet<String>,
}

/// Names and strings of every call in `sql`. Comments count for nothing.
pub fn called_functions(sql: &str) -> Calls {
    let mut calls = Calls::default();
    let mut at = 0;
    // The name just read, if nothing but blanks came after it, and whether a dot came before it.
    let mut name: Option<String> = None;
    let mut after_dot = false;
    for token in tokenize(sql) {
        let text = &sql[at..at + token.len as usize];
        at += text.len();
        match token.kind {
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment { .. } => continue,
            TokenKind::Ident => {
                let lower = text.to_lowercase();
                if !after_dot && KEYWORD_FUNCTIONS.contains(&lower.as_str()) {
                    calls.functions.insert(lower.clone());
                }
                name = Some(lower);
            }
            TokenKind::QuotedIdent { .. } => name = Some(unquoted(text)),
            TokenKind::OpenParen => calls.functions.extend(name.take()),
            TokenKind::Literal { kind } => {
                name = None;
                calls.strings.extend(string(text, kind));
            }
            _ => name = None,
        }
        after_dot = token.kind == TokenKind::Dot;
    }
    calls
}

fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.map_or_else(|| text.to_owned(), |inner| inner.replace("\"\"", "\""))
}

fn string(text: &str, kind: LiteralKind) -> Option<String> {
    match kind {
        LiteralKind::Int { .. } | LiteralKind::Numeric { .. } => None,
        LiteralKind::DollarQuotedString { .. } => {
            let tag = text[1..].find('$')? + 2;
            Some(text.get(tag..text.len().checked_sub(tag)?)?.to_owned())
        }
        _ => {
            let start = text.find('\'')? + 1;
            let inner = &text[start..];
            Some(inner.strip_suffix('\'').unwrap_or(inner).replace("''", "'"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions(sql: &str) -> Vec<String> {
        called_functions(sql).functions.into_iter().collect()
    }

    #[test]
    fn names_before_a_parenthesis_are_calls_whatever_stands_between() {
        let sql =
            "select NOW (), pg_catalog.Random/* x */(), \"My\"\"Fn\"(1) from t -- later()\n where a.b = 1";
        assert_eq!(functions(sql), ["My\"Fn", "now", "random"]);
    }

    #[test]
    fn keyword_functions_are_calls_unless_they_are_columns_or_quoted() {
        assert_eq!(functions("select Current_Date, t.user, \"current_time\" from t"), ["current_date"]);
    }

    #[test]
    fn strings_are_told_and_what_stands_in_them_is_no_call() {
        let calls = called_functions(
            "select 'now'::date, E'a''b random()', $q$clock_timestamp()$q$, $$$$, U&'x', 1.5, 'open",
        );
        assert_eq!(calls.functions, BTreeSet::new());
        let strings: Vec<&str> = calls.strings.iter().map(String::as_str).collect();
        assert_eq!(strings, ["", "a'b random()", "clock_timestamp()", "now", "open", "x"]);
    }

    #[test]
    fn broken_text_is_read_as_far_as_it_goes() {
        assert_eq!(functions("select f(g(\"h"), ["f", "g"]);
        assert_eq!(functions(""), [] as [String; 0]);
        assert!(called_functions("select $q$ never closed").functions.is_empty());
        assert!(called_functions("é('ü'").functions.contains("é"));
    }
}
