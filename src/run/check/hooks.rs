//! Hooks are not run by a check: PostgreSQL reads each as the body of a function that nobody calls. So it
//! judges the grammar of all statements, and the names in SELECT, INSERT, UPDATE and DELETE; not roles, nor
//! names in other statements. Where some hook may make what another one names, only grammar is judged.

use std::collections::BTreeSet;

use super::checker::Checker;
use crate::database::DatabaseError;
use crate::manifest::{Hook, Hooks, NodeId, Sql};
use crate::run::failure::sql_problem;

/// What a statement begins with that makes nothing which a later one could name.
const MAKES_NOTHING: &[&str] = &[
    "select",
    "insert",
    "update",
    "delete",
    "merge",
    "with",
    "values",
    "table",
    "grant",
    "revoke",
    "comment",
    "analyze",
    "vacuum",
    "refresh",
    "truncate",
    "lock",
    "notify",
    "listen",
    "cluster",
    "reindex",
    "begin",
    "commit",
    "explain",
    "checkpoint",
    "create index",
    "create unique",
];
const TAG: &str = "$elt_hook$";

impl Checker<'_> {
    /// Judges the hooks of a run and of the nodes of `selection`.
    pub(super) async fn hooks(&mut self, selection: &BTreeSet<NodeId>) -> Result<(), DatabaseError> {
        let manifest = self.manifest;
        let nodes = manifest.ids().map(|id| (Some(id), &manifest.node(id).hooks));
        let all: Vec<Judged<'_>> = std::iter::once((None, &manifest.run_hooks))
            .chain(nodes)
            .flat_map(|(node, hooks)| both(hooks).map(move |hook| (node, hook)))
            .map(|(node, hook)| {
                let sql = manifest.hook_sql(hook, &|target| self.name(node, target));
                Judged { node, hook, makes: makes_something(&sql.text), sql }
            })
            .collect();
        let makers = all.iter().filter(|judged| judged.makes).count();
        for judged in all {
            // What depends on a failure is not blamed too.
            let unmade = judged.node.is_some_and(|node| !selection.contains(&node) || !self.has_made(node));
            // What a hook that asks comes to is known when it is run.
            if judged.hook.text.asks()
                || unmade
                || judged.hook.text.targets.iter().any(|target| self.is_lost(*target))
            {
                continue;
            }
            let others = makers - usize::from(judged.makes);
            let several = judged.sql.text.trim().trim_end_matches(';').contains(';');
            let knows_names = others == 0 && !(judged.makes && several);
            self.hook(judged, knows_names).await?;
        }
        Ok(())
    }

    /// `knows_names`: nothing but the project and the database makes what it may name.
    async fn hook(&mut self, judged: Judged<'_>, knows_names: bool) -> Result<(), DatabaseError> {
        if judged.sql.text.contains(TAG) {
            return Ok(());
        }
        let function = format!("create or replace function {}.\"elt hook\"()", self.schema);
        let before = format!("{function} returns void language sql as {TAG}\n");
        let sql = judged.sql.wrap(&before, &format!("\n{TAG}"));
        if let Err(error) = self.attempt(&sql).await?
            && (knows_names || error.is("42601"))
        {
            self.out.problems.push(sql_problem(&error, &sql, &judged.hook.file));
        }
        Ok(())
    }
}

/// A hook of a node, or of the whole run.
struct Judged<'a> {
    node: Option<NodeId>,
    hook: &'a Hook,
    sql: Sql,
    makes: bool,
}

fn both(hooks: &Hooks) -> impl Iterator<Item = &Hook> {
    hooks.before.iter().chain(&hooks.after)
}

/// Whether one of the statements may make something. What is not understood may.
fn makes_something(text: &str) -> bool {
    text.split(';').map(str::trim).filter(|statement| !statement.is_empty()).any(|statement| {
        let words: Vec<String> = statement.split_whitespace().take(2).map(str::to_lowercase).collect();
        !MAKES_NOTHING.iter().any(|start| *start == words[0] || *start == words.join(" "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_make_names_is_known_by_its_first_words() {
        assert!(!makes_something("grant select on t to a; CREATE  INDEX on t (a);"));
        assert!(!makes_something("insert into t values (1)"));
        assert!(makes_something("create table t (a int); insert into t values (1)"));
        assert!(makes_something("-- a note\nselect 1"));
        assert!(makes_something("do $$ begin end $$"));
    }
}
