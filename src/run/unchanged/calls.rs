//! Whether a query gives the same rows whenever it is run over the same tables.

use std::collections::{BTreeSet, HashMap};

use crate::database::ledger::{self, Function};
use crate::database::{DatabaseError, Session};
use crate::manifest::{Answered, Manifest, NodeId, Test, UnitTest};
use crate::name::{Ident, Relation};
use crate::project::Rows;
use crate::sql::{Calls, KEYWORD_FUNCTIONS, called_functions, named_relations};

/// PostgreSQL's own functions that are stable only for the settings they read, which are the same in every
/// run: time zone, styles, text search. `age` is not among them: with one argument it reads the clock.
const STEADY: &[&str] = &[
    "array_to_json",
    "array_to_string",
    "concat",
    "concat_ws",
    "convert",
    "convert_from",
    "convert_to",
    "date",
    "date_add",
    "date_part",
    "date_subtract",
    "date_trunc",
    "extract",
    "format",
    "generate_series",
    "json_agg",
    "json_build_array",
    "json_build_object",
    "json_object_agg",
    "json_populate_record",
    "json_populate_recordset",
    "json_to_record",
    "json_to_recordset",
    "jsonb_agg",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_object_agg",
    "jsonb_path_exists_tz",
    "jsonb_path_match_tz",
    "jsonb_path_query_array_tz",
    "jsonb_path_query_first_tz",
    "jsonb_path_query_tz",
    "jsonb_populate_record",
    "jsonb_populate_recordset",
    "jsonb_to_record",
    "jsonb_to_recordset",
    "length",
    "make_timestamptz",
    "money",
    "numeric",
    "overlaps",
    "phraseto_tsquery",
    "plainto_tsquery",
    "quote_literal",
    "quote_nullable",
    "row_to_json",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "timezone",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "to_number",
    "to_timestamp",
    "to_tsquery",
    "to_tsvector",
    "ts_headline",
    "websearch_to_tsquery",
    "xml",
];

/// Dates that are read off the clock.
const CLOCK_WORDS: &[&str] = &["now", "today", "tomorrow", "yesterday"];

/// Why the answer to a question may differ although nothing was changed; its nodes are called by [`stand_in`].
pub(in crate::run) async fn restless_question(
    session: &Session,
    sql: &str,
) -> Result<Option<String>, DatabaseError> {
    let reads = Reads::of(sql);
    let names: Vec<&str> = reads.functions().iter().map(String::as_str).collect();
    let known = if names.is_empty() { HashMap::new() } else { ledger::functions(session, &names).await? };
    Ok(reads.restless(&known))
}

/// The schema that stands for "named by ref or source" while hard-coded names are looked for.
const NAMED_BY_REF: &str = "elt ref";

/// What a query calls and names, as far as rows depend on it.
pub(super) struct Reads {
    calls: Calls,
    /// A relation that is written out instead of named by `ref` or `source`.
    hard_coded: Option<String>,
}

impl Reads {
    /// Of a node's query and hooks.
    pub fn of_node(manifest: &Manifest, id: NodeId) -> Self {
        let hooks = &manifest.node(id).hooks;
        let mut sql = manifest.query(id, false, &stand_in).text;
        for hook in hooks.before.iter().chain(&hooks.after) {
            sql.push_str("\n;\n");
            sql.push_str(&manifest.hook_sql(hook, &stand_in).text);
        }
        Self::of(&sql)
    }

    pub fn of_test(manifest: &Manifest, test: &Test) -> Self {
        Self::of(&manifest.test_query(test, &stand_in).text)
    }

    /// Of its query and of those that give its rows.
    pub fn of_unit_test(manifest: &Manifest, test: &UnitTest) -> Self {
        let mut sql = manifest.unit_query(test, &stand_in, &Answered::default()).text;
        let given = test.written.given.iter().map(|given| &given.rows);
        for rows in given.chain([&test.written.expect]) {
            if let Rows::Sql(query) = rows {
                sql.push_str("\n;\n");
                sql.push_str(query);
            }
        }
        Self::of(&sql)
    }

    fn of(sql: &str) -> Self {
        let hard_coded = named_relations(sql).into_iter().find(|parts| parts[0] != NAMED_BY_REF);
        Self { calls: called_functions(sql), hard_coded: hard_coded.map(|parts| parts.join(".")) }
    }

    pub fn functions(&self) -> &BTreeSet<String> {
        &self.calls.functions
    }

    /// Why rows may differ although nothing was changed.
    pub fn restless(&self, known: &HashMap<String, Function>) -> Option<String> {
        if let Some(name) = &self.hard_coded {
            return Some(format!("reads {name}, which is named by neither ref nor source"));
        }
        let restless = self.calls.functions.iter().find(|name| {
            let name = name.as_str();
            KEYWORD_FUNCTIONS.contains(&name)
                || known.get(name).is_some_and(|function| {
                    function.volatile
                        || function.stable_of_others
                        || (function.stable && !STEADY.contains(&name))
                })
        });
        if let Some(name) = restless {
            let brackets = if KEYWORD_FUNCTIONS.contains(&name.as_str()) { "" } else { "()" };
            return Some(format!("calls {name}{brackets}"));
        }
        let clock = self.calls.strings.iter().find(|text| is_clock_word(text));
        clock.map(|text| format!("reads the clock by '{text}'"))
    }

    /// Of the functions that are somebody's own, which versions are called.
    pub fn versions(&self, known: &HashMap<String, Function>) -> String {
        let versions = self.calls.functions.iter().filter_map(|name| known.get(name)?.version.as_deref());
        versions.collect::<Vec<_>>().join(" ")
    }
}

/// What a node is called where it is asked what a text names otherwise than by `ref`.
pub(in crate::run) fn stand_in(id: NodeId) -> Relation {
    let ident = |text: String| Ident::new(text).expect("a word and a number make a short name");
    Relation::new(ident(NAMED_BY_REF.to_owned()), ident(id.0.to_string()))
}

/// `now`, also with blanks around it or a time of day behind it.
fn is_clock_word(text: &str) -> bool {
    let lower = text.trim().to_lowercase();
    CLOCK_WORDS.iter().any(|word| {
        lower
            .strip_prefix(word)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restless(sql: &str) -> Option<String> {
        let known = HashMap::from([
            ("random".to_owned(), Function { volatile: true, ..Function::default() }),
            ("now".to_owned(), Function { stable: true, ..Function::default() }),
            ("to_char".to_owned(), Function { stable: true, ..Function::default() }),
            ("theirs".to_owned(), Function { stable_of_others: true, ..Function::default() }),
            ("sum".to_owned(), Function::default()),
        ]);
        Reads::of(sql).restless(&known)
    }

    #[test]
    fn the_clock_chance_and_unknown_tables_make_rows_differ() {
        for (sql, why) in [
            ("select now()", "calls now()"),
            ("select random() from \"elt ref\".\"1\"", "calls random()"),
            ("select Theirs(1)", "calls theirs()"),
            ("select current_date - 1", "calls current_date"),
            ("select date 'Today'", "reads the clock by 'Today'"),
            ("select timestamp ' tomorrow 10:00'", "reads the clock by ' tomorrow 10:00'"),
            ("select * from public.t", "reads public.t, which is named by neither ref nor source"),
        ] {
            assert_eq!(restless(sql).as_deref(), Some(why), "{sql}");
        }
    }

    #[test]
    fn settings_columns_and_words_do_not() {
        for sql in [
            "select to_char(d, 'YYYY'), sum(n)::numeric(12,2) from \"elt ref\".\"7\" -- now()",
            "select 'nowhere', \"current_date\", t.user from \"elt ref\".\"7\" t where extract(day from d) in (1, 2)",
        ] {
            assert_eq!(restless(sql), None, "{sql}");
        }
    }
}
