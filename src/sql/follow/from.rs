//! What stands behind `from`: tables, subqueries, joins. Functions are `function`'s.

use std::rc::Rc;
use std::sync::Arc;

use squawk_syntax::SyntaxKind as K;
use squawk_syntax::SyntaxNode;

use super::flow::{Flow, Kind, Origin, Table};
use super::query::{column_names, is_query};
use super::scope::{Answer, Field, Joined, Relation, Rest, Scope, Shape};
use super::{Follower, child, has_token, name_of, start_of};

impl Follower<'_> {
    /// One item. `before` is what stands to its left, which `lateral` may use.
    pub(super) fn item_of_from(&self, item: &SyntaxNode, outer: &Scope<'_>, before: &Joined) -> Joined {
        let alias = child(item, K::FROM_ALIAS);
        match item.kind() {
            K::JOIN_EXPR => self.join(item, outer, before),
            K::RELATION_FROM_ITEM => {
                let Some(name) = child(item, K::RELATION_NAME_REF) else { return Joined::default() };
                let mut joined = self.named_relation(&name, alias.as_ref(), outer);
                if let Some(sample) = child(item, K::TABLESAMPLE_CLAUSE) {
                    joined.rows.take(&self.parts(&sample, outer).values_as(Kind::Filter));
                }
                joined
            }
            K::PAREN_FROM_ITEM => {
                let Some(inner) = item.children().next() else { return Joined::default() };
                if is_query(inner.kind()) {
                    let answer = if has_token(item, K::LATERAL_KW) {
                        self.query(&inner, &Scope::with(outer, before.clone()))
                    } else {
                        self.query(&inner, outer)
                    };
                    return aliased(answer, alias.as_ref());
                }
                let joined = self.in_parentheses(&inner, outer, before);
                match alias {
                    // An alias hides the names inside.
                    Some(_) => {
                        let answer = Answer { shape: Rc::new(joined.shape), rows: joined.rows };
                        aliased(answer, alias.as_ref())
                    }
                    None => joined,
                }
            }
            _ => self.function(item, alias.as_ref(), &Scope::with(outer, before.clone())),
        }
    }

    fn in_parentheses(&self, paren: &SyntaxNode, outer: &Scope<'_>, before: &Joined) -> Joined {
        match paren.children().next() {
            Some(inner) if inner.kind() == K::PAREN_EXPR => self.in_parentheses(&inner, outer, before),
            Some(inner) if is_query(inner.kind()) => aliased(self.query(&inner, outer), None),
            Some(inner) => self.item_of_from(&inner, outer, before),
            None => Joined::default(),
        }
    }

    /// A table by its name: of a `with`, known to the caller, or any other.
    pub(super) fn named_relation(
        &self,
        name: &SyntaxNode,
        alias: Option<&SyntaxNode>,
        scope: &Scope<'_>,
    ) -> Joined {
        let segments = name.descendants().filter(|part| part.kind() == K::PATH_SEGMENT_REF);
        let path: Vec<String> = segments.map(|part| name_of(&part)).collect();
        let [schemas @ .., last] = path.as_slice() else { return Joined::default() };
        if let (true, Some(answer)) = (schemas.is_empty(), scope.table(last)) {
            return named(answer.clone(), None, last.as_str().into(), alias);
        }
        let at = start_of(name);
        let (table, columns, complete) = match (self.known)(&path) {
            Some(known) => {
                (Table { known: Some(known.table), name: known.name }, known.columns, known.complete)
            }
            None => (Table { known: None, name: path.join(".").into() }, Vec::new(), false),
        };
        let field = |column: &Arc<str>| {
            let origin = Origin { table: table.clone(), column: column.clone() };
            Field { name: column.clone(), flow: Rc::new(Flow::of(origin)), at: at..at }
        };
        let fields = columns.iter().map(field).collect();
        let rest = if complete { Vec::new() } else { vec![Rest::Of(table.clone())] };
        let mut rows = Flow::default();
        rows.mix(&table);
        let answer = Answer { shape: Rc::new(Shape { fields, rest }), rows };
        named(answer, schemas.last().map(|schema| schema.as_str().into()), last.as_str().into(), alias)
    }

    fn join(&self, node: &SyntaxNode, outer: &Scope<'_>, before: &Joined) -> Joined {
        let mut parts = node.children();
        let (Some(left), Some(join)) = (parts.next(), parts.next()) else { return Joined::default() };
        let left = self.item_of_from(&left, outer, before);
        let item = join.children().find(|part| {
            !matches!(
                part.kind(),
                K::JOIN_INNER | K::JOIN_LEFT | K::JOIN_RIGHT | K::JOIN_FULL | K::JOIN_CROSS
            )
        });
        let Some(item) = item else { return left };
        let right = self.item_of_from(&item, outer, &before.clone().beside(&left));
        let side = join.children().next().map(|part| part.kind()).unwrap_or(K::JOIN_INNER);
        let mut joined = if has_token(&join, K::NATURAL_KW) {
            if !left.shape.rest.is_empty() || !right.shape.rest.is_empty() {
                let message = "which columns a natural join merges is not known".to_owned();
                self.doubt(start_of(&join), message);
            }
            let has = |shape: &Shape, name: &str| shape.fields.iter().any(|field| *field.name == *name);
            let common = left.shape.fields.iter().filter(|field| has(&right.shape, &field.name));
            let names: Vec<Arc<str>> = common.map(|field| field.name.clone()).collect();
            self.merge(&left, &right, &names, side, start_of(&join)).0
        } else if let Some(using) = child(&join, K::JOIN_USING_CLAUSE) {
            let list = child(&using, K::COLUMN_REF_LIST).map(|list| column_names(&list)).unwrap_or_default();
            let names: Vec<Arc<str>> = list.iter().map(|(name, _)| name.clone()).collect();
            let (mut joined, merged) = self.merge(&left, &right, &names, side, start_of(&using));
            if let Some(alias) = using.descendants().find(|part| part.kind() == K::TABLE_ALIAS) {
                let shape = Rc::new(Shape { fields: merged, rest: Vec::new() });
                joined.relations.push(Relation { schema: None, name: name_of(&alias).into(), shape });
            }
            joined
        } else {
            left.beside(&right)
        };
        joined.rows.mix(side as u16);
        if let Some(on) = child(&join, K::ON_CLAUSE) {
            let mut visible = joined.clone();
            visible.rows = Flow::default();
            let around = Scope::with(outer, before.clone());
            let condition = self.parts(&on, &Scope::with(&around, visible)).values_as(Kind::Join);
            joined.rows.take(&condition);
        }
        joined
    }

    /// A join that makes one column of two: these first, then what else the sides have.
    fn merge(
        &self,
        left: &Joined,
        right: &Joined,
        names: &[Arc<str>],
        side: squawk_syntax::SyntaxKind,
        at: usize,
    ) -> (Joined, Vec<Field>) {
        let mut merged = Vec::new();
        let mut rows = Flow::default();
        for name in names {
            let (one, other) = (self.side_column(left, name, at), self.side_column(right, name, at));
            rows.take(&one.clone().values_as(Kind::Join));
            rows.take(&other.clone().values_as(Kind::Join));
            let flow = match side {
                K::JOIN_RIGHT => other,
                K::JOIN_FULL => {
                    let mut both = one;
                    both.take(&other);
                    both.computed()
                }
                _ => one,
            };
            merged.push(Field { name: name.clone(), flow: Rc::new(flow), at: at..at });
        }
        let mut joined = left.clone().beside(right);
        joined.shape.fields.retain(|field| !names.contains(&field.name));
        joined.shape.fields.splice(0..0, merged.iter().cloned());
        joined.rows.take(&rows);
        (joined, merged)
    }

    fn side_column(&self, side: &Joined, name: &str, at: usize) -> Flow {
        let whole = Relation { schema: None, name: "".into(), shape: Rc::new(side.shape.clone()) };
        match whole.column(name) {
            super::scope::Found::Flow(flow) => {
                self.read(&flow);
                flow.mentioned(at)
            }
            super::scope::Found::Unclear(message) => {
                self.doubt(at, message);
                Flow::unknown()
            }
            super::scope::Found::Nothing => {
                self.doubt(at, format!("one side of the join has no column `{name}`"));
                Flow::unknown()
            }
        }
    }
}

fn aliased(answer: Answer, alias: Option<&SyntaxNode>) -> Joined {
    named(answer, None, "".into(), alias)
}

/// A relation under its alias, or under its own name.
pub(super) fn named(
    answer: Answer,
    schema: Option<Arc<str>>,
    own: Arc<str>,
    alias: Option<&SyntaxNode>,
) -> Joined {
    let name = alias.and_then(|alias| child(alias, K::TABLE_ALIAS)).map(|name| Arc::from(name_of(&name)));
    let schema = schema.filter(|_| name.is_none());
    let list = alias.and_then(|alias| child(alias, K::COLUMN_LIST)).map(|list| column_names(&list));
    let shape = match list {
        Some(names) => Rc::new(answer.shape.renamed(&names)),
        None => answer.shape,
    };
    let relation = Relation { schema, name: name.unwrap_or(own), shape: shape.clone() };
    Joined { relations: vec![relation], shape: (*shape).clone(), rows: answer.rows }
}
