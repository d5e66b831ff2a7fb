//! Queries of every form: `with`, `select`, set operations, `values`, `table`, parentheses.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use squawk_syntax::SyntaxKind as K;
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::flow::{Flow, Kind};
use super::scope::{Answer, Field, Rest, Scope, Shape};
use super::{Follower, child, has_token, name_of, range_of, start_of};

/// More rounds than any recursion needs to settle in practice.
const ROUNDS: usize = 50;

pub(super) fn is_query(kind: SyntaxKind) -> bool {
    matches!(kind, K::SELECT | K::SELECT_INTO | K::PAREN_SELECT | K::COMPOUND_SELECT | K::VALUES | K::TABLE)
}

impl Follower<'_> {
    pub(super) fn query(&self, node: &SyntaxNode, outer: &Scope<'_>) -> Answer {
        let mut scope = Scope::below(outer);
        if let Some(with) = with_of(node) {
            self.with(&with, &mut scope);
        }
        self.body(node, &scope)
    }

    /// A query whose `with` is in the scope already.
    fn body(&self, node: &SyntaxNode, scope: &Scope<'_>) -> Answer {
        match node.kind() {
            K::SELECT | K::SELECT_INTO => self.select(node, scope),
            K::COMPOUND_SELECT => self.compound(node, scope),
            K::VALUES => self.values(node, scope),
            K::TABLE => match node.descendants().find(|part| part.kind() == K::RELATION_NAME_REF) {
                Some(name) => {
                    let joined = self.named_relation(&name, None, scope);
                    joined.shape.fields.iter().for_each(|field| self.read(&field.flow));
                    self.tail(node, Answer { shape: Rc::new(joined.shape), rows: joined.rows }, scope)
                }
                None => Answer::default(),
            },
            _ => {
                match node.children().find(|inner| is_query(inner.kind()) || inner.kind() == K::PAREN_EXPR) {
                    Some(inner) => {
                        let answer = self.query(&inner, scope);
                        self.tail(node, answer, scope)
                    }
                    None => Answer::default(),
                }
            }
        }
    }

    fn with(&self, with: &SyntaxNode, scope: &mut Scope<'_>) {
        let mut tables: Vec<SyntaxNode> =
            with.children().filter(|part| part.kind() == K::WITH_TABLE).collect();
        let recursive = has_token(with, K::RECURSIVE_KW);
        if recursive {
            tables = in_order_of_use(tables);
        }
        for table in &tables {
            let Some(name) = child(table, K::CTE_NAME).map(|name| name_of(&name)) else { continue };
            let query = table.children().skip_while(|part| part.kind() == K::CTE_NAME).find(|part| {
                is_query(part.kind()) || matches!(part.kind(), K::INSERT | K::UPDATE | K::DELETE | K::MERGE)
            });
            let Some(query) = query else { continue };
            let names = child(table, K::COLUMN_LIST).map(|list| column_names(&list)).unwrap_or_default();
            let mut answer = if !is_query(query.kind()) {
                self.doubt(start_of(&query), "what a data-changing statement returns is not followed".into());
                Answer { shape: Rc::new(any(Flow::unknown())), rows: Flow::unknown() }
            } else if recursive && mentions(&query, &name) {
                self.recursive(&query, &name, &names, scope)
            } else {
                self.query(&query, scope)
            };
            answer.shape = Rc::new(answer.shape.renamed(&names));
            self.search_and_cycle(table, &mut answer);
            scope.tables.push((name.into(), answer));
        }
    }

    /// Repeats until nothing new flows: what the query reads of itself is what the round before gave.
    fn recursive(
        &self,
        query: &SyntaxNode,
        name: &str,
        names: &[(Arc<str>, Range<usize>)],
        outer: &Scope<'_>,
    ) -> Answer {
        let mut scope = Scope::below(outer);
        let own = with_of(query);
        if let Some(with) = &own {
            self.with(with, &mut scope);
        }
        let first = query.children().find(|part| is_query(part.kind()) || part.kind() == K::PAREN_EXPR);
        let first = first.filter(|_| query.kind() == K::COMPOUND_SELECT).unwrap_or_else(|| query.clone());
        let mut answer = self.body(&first, &scope);
        for _ in 0..ROUNDS {
            let mut before = answer.clone();
            before.shape = Rc::new(before.shape.renamed(names));
            let mut inner = Scope::below(&scope);
            inner.tables.push((name.into(), before));
            let next = self.body(query, &inner);
            let settled = same_inputs(&next, &answer);
            answer = next;
            if settled {
                break;
            }
        }
        // The rounds differ, the text does not.
        let digest = super::flow::digest(&query.text().to_string());
        let shape = Rc::make_mut(&mut answer.shape);
        for (index, field) in shape.fields.iter_mut().enumerate() {
            Rc::make_mut(&mut field.flow).digest = super::flow::digest(&(digest, index));
        }
        answer.rows.digest = digest;
        answer
    }

    /// The columns that `search` and `cycle` add.
    fn search_and_cycle(&self, table: &SyntaxNode, answer: &mut Answer) {
        for clause in
            table.children().filter(|part| matches!(part.kind(), K::SEARCH_CLAUSE | K::CYCLE_CLAUSE))
        {
            let mut by = Flow::default();
            let mut added = Vec::new();
            for part in clause.children() {
                let names = part.descendants().filter(|name| name.kind() == K::COLUMN_NAME_REF);
                match part.kind() {
                    K::SEARCH_COLUMNS | K::CYCLE_COLUMNS => {
                        for name in names.map(|name| name_of(&name)) {
                            let field = answer.shape.fields.iter().find(|field| *field.name == *name);
                            field.inspect(|field| by.take(&field.flow));
                        }
                    }
                    K::SEARCH_SET_COLUMN | K::CYCLE_SET_COLUMN | K::CYCLE_PATH => {
                        added.extend(names.take(1).map(|name| (Arc::from(name_of(&name)), range_of(&name))));
                    }
                    _ => {}
                }
            }
            let flow = Rc::new(by.computed());
            let fields = added.into_iter().map(|(name, at)| Field { name, flow: flow.clone(), at });
            Rc::make_mut(&mut answer.shape).fields.extend(fields);
        }
    }

    fn compound(&self, node: &SyntaxNode, scope: &Scope<'_>) -> Answer {
        let mut operands =
            node.children().filter(|part| is_query(part.kind()) || part.kind() == K::PAREN_EXPR);
        let (Some(left), Some(right)) = (operands.next(), operands.next()) else { return Answer::default() };
        // The left one's `with` was the whole's.
        let left = self.body(&left, scope);
        let right = self.query(&right, scope);
        let adds = child(node, K::UNION).is_some();
        let mut rows = left.rows.clone();
        rows.take(&right.rows);
        rows.mix(adds);
        if !adds {
            rows.take(&right.shape.whole().values_as(Kind::Filter));
        }
        let open = |shape: &Shape| !shape.rest.is_empty();
        let shape = if open(&left.shape) || open(&right.shape) {
            self.side_by_name(&left.shape, &right.shape)
        } else {
            let mut fields = left.shape.fields.clone();
            for (field, other) in fields.iter_mut().zip(&right.shape.fields).filter(|_| adds) {
                Rc::make_mut(&mut field.flow).take(&other.flow);
            }
            Shape { fields, rest: Vec::new() }
        };
        self.tail(node, Answer { shape: Rc::new(shape), rows }, scope)
    }

    /// Columns pair by position, and where some are not known, there are no positions.
    fn side_by_name(&self, left: &Shape, right: &Shape) -> Shape {
        let mut fields = left.fields.clone();
        for field in &mut fields {
            Rc::make_mut(&mut field.flow).unsure = true;
        }
        let mut whole = right.whole();
        whole.unsure = true;
        let mut rest = left.rest.clone();
        rest.extend(right.rest.iter().cloned());
        if rest.len() == 1 {
            rest.push(Rest::Any(Rc::new(whole)));
        }
        Shape { fields, rest }
    }

    fn values(&self, node: &SyntaxNode, scope: &Scope<'_>) -> Answer {
        let mut fields: Vec<Field> = Vec::new();
        let rows = node.descendants().filter(|part| part.kind() == K::ROW);
        for row in rows.filter(|row| row.parent().and_then(|list| list.parent()).as_ref() == Some(node)) {
            for (index, value) in row.children().enumerate() {
                let flow = self.expression(&value, scope).computed();
                match fields.get_mut(index) {
                    Some(field) => Rc::make_mut(&mut field.flow).take(&flow),
                    None => {
                        let name = format!("column{}", index + 1).into();
                        fields.push(Field { name, flow: Rc::new(flow), at: range_of(&value) });
                    }
                }
            }
        }
        let shape = Rc::new(Shape { fields, rest: Vec::new() });
        self.tail(node, Answer { shape, rows: Flow::default() }, scope)
    }

    /// `order by` and `limit` behind a query that is no plain `select`: names mean the result's columns.
    fn tail(&self, node: &SyntaxNode, answer: Answer, scope: &Scope<'_>) -> Answer {
        let joined = super::scope::Joined { shape: (*answer.shape).clone(), ..Default::default() };
        let result = Scope::with(scope, joined);
        let mut rows = answer.rows;
        self.order_and_limit(node, &answer.shape.fields, &result, &mut rows);
        Answer { rows, ..answer }
    }
}

pub(super) fn any(flow: Flow) -> Shape {
    Shape { fields: Vec::new(), rest: vec![Rest::Any(Rc::new(flow))] }
}

/// The names of a list in parentheses.
pub(super) fn column_names(list: &SyntaxNode) -> Vec<(Arc<str>, Range<usize>)> {
    let names = list.descendants().filter(|part| matches!(part.kind(), K::COLUMN_NAME | K::COLUMN_NAME_REF));
    names.map(|name| (name_of(&name).into(), range_of(&name))).collect()
}

/// A set operation's `with` stands inside its first `select`.
fn with_of(node: &SyntaxNode) -> Option<SyntaxNode> {
    match node.kind() {
        K::COMPOUND_SELECT => with_of(&node.children().next()?),
        K::PAREN_EXPR => None,
        _ => child(node, K::WITH_CLAUSE),
    }
}

fn mentions(query: &SyntaxNode, name: &str) -> bool {
    let mut names = query.descendants().filter(|part| part.kind() == K::RELATION_NAME_REF);
    names.any(|part| part.descendants().any(|s| s.kind() == K::PATH_SEGMENT_REF && name_of(&s) == name))
}

/// `with recursive` may use what is written later.
fn in_order_of_use(mut tables: Vec<SyntaxNode>) -> Vec<SyntaxNode> {
    let mut ordered = Vec::with_capacity(tables.len());
    while !tables.is_empty() {
        let name =
            |table: &SyntaxNode| child(table, K::CTE_NAME).map(|name| name_of(&name)).unwrap_or_default();
        let ready = tables
            .iter()
            .position(|table| tables.iter().all(|other| other == table || !mentions(table, &name(other))));
        ordered.push(tables.remove(ready.unwrap_or(0)));
    }
    ordered
}

fn same_inputs(one: &Answer, other: &Answer) -> bool {
    let keys = |flow: &Flow| flow.inputs.keys().cloned().collect::<Vec<_>>();
    keys(&one.rows) == keys(&other.rows)
        && one.shape.fields.len() == other.shape.fields.len()
        && one.shape.fields.iter().zip(&other.shape.fields).all(|(a, b)| keys(&a.flow) == keys(&b.flow))
}
