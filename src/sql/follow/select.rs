//! One `select`: its clauses in the order in which PostgreSQL gives names a meaning.

use std::rc::Rc;

use squawk_syntax::SyntaxKind as K;
use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};
use squawk_syntax::column_name::ColumnName;

use super::expression::path_of;
use super::flow::{Flow, Kind};
use super::scope::{Answer, Field, Found, Joined, Rest, Scope, Shape};
use super::{Follower, child, has_token, name_of, range_of, start_of};

impl Follower<'_> {
    pub(super) fn select(&self, node: &SyntaxNode, outer: &Scope<'_>) -> Answer {
        let mut joined = Joined::default();
        if let Some(from) = child(node, K::FROM_CLAUSE) {
            for item in from.children() {
                joined = joined.clone().beside(&self.item_of_from(&item, outer, &joined));
            }
        }
        let mut rows = std::mem::take(&mut joined.rows);
        let mut scope = Scope::with(outer, joined);
        let mut influence = |part: Option<SyntaxNode>, kind: Kind, scope: &Scope<'_>| {
            if let Some(part) = part {
                rows.take(&self.parts(&part, scope).values_as(kind));
            }
        };
        influence(child(node, K::WHERE_CLAUSE), Kind::Filter, &scope);
        influence(child(node, K::HAVING_CLAUSE), Kind::Filter, &scope);
        if let Some(windows) = child(node, K::WINDOW_CLAUSE) {
            for window in windows.children() {
                let name = child(&window, K::WINDOW).map(|name| name_of(&name)).unwrap_or_default();
                let flow = self.parts(&window, &scope);
                scope.windows.push((name.into(), flow));
            }
        }
        let shape = self.targets(node, &scope);
        if let Some(group) = child(node, K::GROUP_BY_CLAUSE) {
            rows.take(&self.group(&group, &shape.fields, &scope));
        }
        let distinct = child(node, K::SELECT_CLAUSE).and_then(|clause| child(&clause, K::DISTINCT_CLAUSE));
        if let Some(distinct) = distinct {
            rows.mix("distinct");
            for item in distinct.children().flat_map(|on| on.children().collect::<Vec<_>>()) {
                rows.take(&self.by_result(&item, &shape.fields, &scope).values_as(Kind::Sort));
            }
        }
        self.order_and_limit(node, &shape.fields, &scope, &mut rows);
        Answer { shape: Rc::new(shape), rows }
    }

    fn targets(&self, node: &SyntaxNode, scope: &Scope<'_>) -> Shape {
        let list = child(node, K::SELECT_CLAUSE).and_then(|clause| child(&clause, K::TARGET_LIST));
        let mut shape = Shape::default();
        for target in list.iter().flat_map(SyntaxNode::children).filter_map(ast::Target::cast) {
            let node = target.syntax();
            let Some(expression) = target.expr() else {
                self.star(&scope.joined.shape, node, &mut shape);
                continue;
            };
            let expression = expression.syntax();
            if expression.kind() == K::FIELD_EXPR && has_token(expression, K::STAR) {
                self.relation_star(expression, scope, &mut shape);
                continue;
            }
            let flow = Rc::new(self.expression(expression, scope));
            shape.fields.push(Field { name: column_name(&target).into(), flow, at: range_of(node) });
        }
        shape
    }

    /// All columns of `from`, placed where the star is.
    fn star(&self, from: &Shape, star: &SyntaxNode, shape: &mut Shape) {
        for field in &from.fields {
            self.read(&field.flow);
            let flow = Rc::new((*field.flow).clone().mentioned(start_of(star)));
            shape.fields.push(Field { name: field.name.clone(), flow, at: range_of(star) });
        }
        shape.rest.extend(from.rest.iter().cloned());
    }

    /// `t.*`, or the fields of a row value: `(f(x)).*`.
    fn relation_star(&self, expression: &SyntaxNode, scope: &Scope<'_>, shape: &mut Shape) {
        let path = path_of(expression).or_else(|| {
            let inner = child(expression, K::PAREN_EXPR)?.children().next()?;
            path_of(&inner).filter(|path| path.names.len() == 1)
        });
        let relation = path.and_then(|path| match path.names.as_slice() {
            [name] => scope.relation(None, name),
            [.., schema, name] => scope.relation(Some(schema), name),
            [] => None,
        });
        match (relation, expression.children().next()) {
            (Some(relation), _) => self.star(&relation.shape.clone(), expression, shape),
            (None, Some(base)) => {
                let flow = self.expression(&base, scope).computed();
                shape.rest.push(Rest::Any(Rc::new(flow)));
                let message = "which columns this row has is not known".to_owned();
                self.doubt(start_of(expression), message);
            }
            (None, None) => {}
        }
    }

    fn group(&self, clause: &SyntaxNode, fields: &[Field], scope: &Scope<'_>) -> Flow {
        let mut flow = Flow::default();
        let items = clause.descendants().filter(|part| {
            let parent = part.parent().map(|parent| parent.kind());
            ast::Expr::can_cast(part.kind())
                && matches!(parent, Some(K::GROUPING_EXPR | K::GROUPING_ROLLUP | K::GROUPING_CUBE))
        });
        for item in items {
            // Here, unlike in `order by`, a column of `from` goes before one of the result.
            let known = match item.kind() {
                K::NAME_REF => matches!(scope.column(&name_of(&item)), Found::Flow(_) | Found::Unclear(_)),
                _ => !is_number(&item),
            };
            let one =
                if known { self.expression(&item, scope) } else { self.by_result(&item, fields, scope) };
            flow.take(&one);
        }
        flow.mix("group");
        flow.values_as(Kind::Group)
    }

    /// An item that may be a result's column, by number or by name.
    fn by_result(&self, item: &SyntaxNode, fields: &[Field], scope: &Scope<'_>) -> Flow {
        let field = if is_number(item) {
            let number: usize = item.text().to_string().parse().unwrap_or(0);
            number.checked_sub(1).and_then(|index| fields.get(index))
        } else if item.kind() == K::NAME_REF {
            let name = name_of(item);
            fields.iter().find(|field| *field.name == *name)
        } else {
            None
        };
        match field {
            Some(field) => (*field.flow).clone(),
            None => self.expression(item, scope),
        }
    }

    pub(super) fn order_and_limit(
        &self,
        node: &SyntaxNode,
        fields: &[Field],
        scope: &Scope<'_>,
        rows: &mut Flow,
    ) {
        for clause in node.children() {
            match clause.kind() {
                K::ORDER_BY_CLAUSE => {
                    for item in clause.descendants().filter(|part| part.kind() == K::SORT_BY) {
                        let nested = item.ancestors().find(|part| part.kind() == K::ORDER_BY_CLAUSE);
                        let (true, Some(expression)) = (nested.as_ref() == Some(&clause), item.first_child())
                        else {
                            continue;
                        };
                        rows.take(&self.by_result(&expression, fields, scope).values_as(Kind::Sort));
                        rows.mix(last_word(&item).as_str());
                    }
                }
                K::LIMIT_CLAUSE | K::OFFSET_CLAUSE | K::FETCH_CLAUSE => {
                    rows.take(&self.parts(&clause, scope).values_as(Kind::Filter));
                }
                _ => {}
            }
        }
    }
}

/// The alias, or what PostgreSQL makes of the expression.
fn column_name(target: &ast::Target) -> String {
    let name = ColumnName::from_target(target.clone()).and_then(|(name, _)| name.to_string());
    let mut name = name.unwrap_or_else(|| "?column?".to_owned());
    // The names of `xmlforest` and its like come with an underscore.
    if target.as_name().is_none() && matches!(target.expr(), Some(ast::Expr::CallExpr(_))) {
        name = name.strip_prefix("xml_").map(|rest| format!("xml{rest}")).unwrap_or(name);
    }
    while name.len() > super::NAME_BYTES {
        name.pop();
    }
    name
}

fn is_number(node: &SyntaxNode) -> bool {
    node.kind() == K::LITERAL && has_token(node, K::INT_NUMBER)
}

/// `desc` and the like.
fn last_word(node: &SyntaxNode) -> String {
    let last = node.last_token().map(|token| token.text().to_lowercase());
    last.unwrap_or_default()
}
