//! Puts queries together: of a rendered text, the names of what it reads, and the ephemeral models in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::sql::{Sql, skip_blank};
use super::{Answered, Manifest, NodeId, Text};
use crate::diagnostic::SourceFile;
use crate::name::{Ident, MAX_BYTES, Relation};
use crate::project::Materialization;
use crate::template::{NamePart, settle};

impl Manifest {
    /// A model's query. `name` says for each node it reads which relation that is; ephemeral models are put
    /// in as common table expressions.
    pub fn query(&self, id: NodeId, incremental: bool, name: &dyn Fn(NodeId) -> Relation) -> Sql {
        self.query_answered(id, incremental, name, &Answered::default())
    }

    /// The same with the texts that were answered.
    pub fn query_answered(
        &self,
        id: NodeId,
        incremental: bool,
        name: &dyn Fn(NodeId) -> Relation,
        answered: &Answered,
    ) -> Sql {
        let Some(text) = self.text(id, incremental) else { return Sql::default() };
        self.assemble_answered(text, &self.node(id).file, name, answered)
    }

    /// A model's query with every node that it reads by its name, ephemeral ones too.
    pub fn own_query(&self, id: NodeId, incremental: bool, name: &dyn Fn(NodeId) -> Relation) -> Sql {
        let Some(text) = self.text(id, incremental) else { return Sql::default() };
        self.named(text, &self.node(id).file, |index| name(text.targets[index]).to_string())
    }

    /// A test's query: the rows that are wrong.
    pub fn test_query(&self, test: &super::Test, name: &dyn Fn(NodeId) -> Relation) -> Sql {
        self.assemble(&test.text, &test.file, name)
    }

    /// A model's query over a batch: what it reads itself is named by `batch`, unless it is read whole.
    pub fn batch_query(
        &self,
        id: NodeId,
        incremental: bool,
        name: &dyn Fn(NodeId) -> Relation,
        batch: &dyn Fn(NodeId) -> Relation,
        answered: &Answered,
    ) -> Sql {
        let Some(text) = self.text(id, incremental) else { return Sql::default() };
        let text = answered.own.as_deref().unwrap_or(text);
        let own = |index: usize| {
            let target = text.targets[index];
            if text.rendered.read_whole.contains(&index) { name(target) } else { batch(target) }
        };
        self.assembled(text, &self.node(id).file, (name, &own), &BTreeSet::new(), answered)
    }

    /// Whether a node is no relation of its own, but goes into what reads it.
    pub fn is_inline(&self, id: NodeId) -> bool {
        self.is_inlined(id, &BTreeSet::new())
    }

    pub(super) fn assemble(
        &self,
        text: &Text,
        file: &Arc<SourceFile>,
        name: &dyn Fn(NodeId) -> Relation,
    ) -> Sql {
        self.assemble_answered(text, file, name, &Answered::default())
    }

    /// The SQL of any text of the project, with those texts that were answered.
    pub fn assemble_answered(
        &self,
        text: &Text,
        file: &Arc<SourceFile>,
        name: &dyn Fn(NodeId) -> Relation,
        answered: &Answered,
    ) -> Sql {
        let text = answered.own.as_deref().unwrap_or(text);
        self.assemble_with(text, file, name, &BTreeSet::new(), answered)
    }

    /// The same, where the nodes of `given` are relations even if they are ephemeral. Of `answered`, the ephemeral
    /// models count.
    pub fn assemble_with(
        &self,
        text: &Text,
        file: &Arc<SourceFile>,
        name: &dyn Fn(NodeId) -> Relation,
        given: &BTreeSet<NodeId>,
        answered: &Answered,
    ) -> Sql {
        self.assembled(text, file, (name, &|index| name(text.targets[index])), given, answered)
    }

    /// `own` names what the text itself reads, by its index there.
    fn assembled(
        &self,
        text: &Text,
        file: &Arc<SourceFile>,
        (name, own): (&dyn Fn(NodeId) -> Relation, &dyn Fn(usize) -> Relation),
        given: &BTreeSet<NodeId>,
        answered: &Answered,
    ) -> Sql {
        let mut ephemeral = Vec::new();
        self.collect_ephemeral(text, given, answered, &mut ephemeral);
        let body = self.settled(text, file, own, given);
        if ephemeral.is_empty() {
            return body;
        }
        let mut whole = Sql::default();
        let (keyword, rest) = split_with(&body.text);
        whole.push(if keyword.contains("recursive") { "with recursive " } else { "with " });
        for (index, id) in ephemeral.iter().enumerate() {
            let node = self.node(*id);
            let Some(full) = self.ephemeral_text(*id, answered) else { continue };
            if index > 0 {
                whole.push(", ");
            }
            whole.append(
                self.settled(full, &node.file, &|index| name(full.targets[index]), given)
                    .wrap(&format!("{} as (\n", cte_name(&node.name)), "\n)"),
            );
        }
        whole.push(if keyword.is_empty() { "\n" } else { ", " });
        whole.append(body.without_start(rest));
        whole
    }

    fn ephemeral_text<'a>(&'a self, id: NodeId, answered: &'a Answered) -> Option<&'a Text> {
        answered.ephemeral.get(&id).or_else(|| self.text(id, false))
    }

    fn settled(
        &self,
        text: &Text,
        file: &Arc<SourceFile>,
        name: &dyn Fn(usize) -> Relation,
        given: &BTreeSet<NodeId>,
    ) -> Sql {
        self.named(text, file, |index| {
            let target = text.targets[index];
            if self.is_inlined(target, given) {
                cte_name(&self.node(target).name).to_string()
            } else {
                name(index).to_string()
            }
        })
    }

    fn named(&self, text: &Text, file: &Arc<SourceFile>, name: impl Fn(usize) -> String) -> Sql {
        let (sql, map) = settle(&text.rendered.marked, |index, part| {
            let Some(target) = text.targets.get(index).copied() else { return String::new() };
            match part {
                NamePart::Whole => name(index),
                NamePart::Schema => self.published(target).schema.as_str().to_owned(),
                NamePart::Name => self.published(target).name.as_str().to_owned(),
                NamePart::Told => self.published(target).to_string().replace('\'', "''"),
            }
        });
        let end = sql.trim_end().trim_end_matches(';').trim_end().len();
        Sql::part(sql[..end].to_owned(), file, map)
    }

    fn is_inlined(&self, id: NodeId, given: &BTreeSet<NodeId>) -> bool {
        self.node(id).materialization == Materialization::Ephemeral && !given.contains(&id)
    }

    /// The ephemeral models that a text reads, those they read first.
    pub(super) fn collect_ephemeral(
        &self,
        text: &Text,
        given: &BTreeSet<NodeId>,
        answered: &Answered,
        found: &mut Vec<NodeId>,
    ) {
        for target in &text.targets {
            if !self.is_inlined(*target, given) || found.contains(target) {
                continue;
            }
            if let Some(full) = self.ephemeral_text(*target, answered) {
                self.collect_ephemeral(full, given, answered, found);
            }
            found.push(*target);
        }
    }
}

fn cte_name(name: &Ident) -> Ident {
    let text = format!("__elt__{}", name.as_str());
    let cut = (0..=MAX_BYTES.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    Ident::new(&text[..cut]).expect("a shortened name with a prefix is neither empty nor too long")
}

/// The `with` or `with recursive` that a query begins with, comments passed over, and the bytes before the
/// first table expression.
fn split_with(sql: &str) -> (String, usize) {
    let start = skip_blank(sql, 0);
    let Some(after) = keyword_at(sql, start, "with") else { return (String::new(), 0) };
    let next = skip_blank(sql, after);
    match keyword_at(sql, next, "recursive") {
        Some(end) => ("with recursive".into(), end),
        None => ("with".into(), after),
    }
}

fn keyword_at(sql: &str, at: usize, keyword: &str) -> Option<usize> {
    let end = at + keyword.len();
    let found = sql.get(at..end)?.eq_ignore_ascii_case(keyword);
    let ends = !sql[end..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
    (found && ends).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leading_with_is_found_behind_comments() {
        assert_eq!(split_with("-- with x\n/* a /* b */ */ WITH y as (select 1)").0, "with");
        assert_eq!(split_with("with recursive t as (select 1) select 1").0, "with recursive");
        assert_eq!(split_with("select 1").0, "");
        assert_eq!(split_with("within").0, "");
    }
}
