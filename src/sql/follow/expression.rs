//! What an expression is computed from.

use rowan::{NodeOrToken, WalkEvent};
use squawk_syntax::SyntaxKind as K;
use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::flow::Flow;
use super::query::is_query;
use super::scope::{Found, Scope};
use super::{Follower, child, has_token, name_of, start_of};

/// Functions that are words, not columns.
const WORDS: &[K] = &[
    K::CURRENT_CATALOG_KW,
    K::CURRENT_DATE_KW,
    K::CURRENT_ROLE_KW,
    K::CURRENT_SCHEMA_KW,
    K::CURRENT_TIME_KW,
    K::CURRENT_TIMESTAMP_KW,
    K::CURRENT_USER_KW,
    K::LOCALTIME_KW,
    K::LOCALTIMESTAMP_KW,
    K::SESSION_USER_KW,
    K::SYSTEM_USER_KW,
    K::USER_KW,
];

impl Follower<'_> {
    /// A bare column is passed on; all else is computed.
    pub(super) fn expression(&self, node: &SyntaxNode, scope: &Scope<'_>) -> Flow {
        match node.kind() {
            K::NAME_REF => self.name(node, scope),
            K::FIELD_EXPR => self.field(node, scope),
            K::PAREN_EXPR => match node.children().next() {
                Some(inner) if ast::Expr::can_cast(inner.kind()) => self.expression(&inner, scope),
                _ => self.parts(node, scope),
            },
            _ => self.parts(node, scope),
        }
    }

    /// Everything mentioned below a node, whatever it is.
    pub(super) fn parts(&self, node: &SyntaxNode, scope: &Scope<'_>) -> Flow {
        let mut whole = Flow::default();
        let mut walk = node.preorder_with_tokens();
        while let Some(event) = walk.next() {
            let WalkEvent::Enter(element) = event else { continue };
            let part = match element {
                NodeOrToken::Token(token) => {
                    if !token.kind().is_trivia() {
                        whole.mix(token.text());
                    }
                    continue;
                }
                NodeOrToken::Node(part) => part,
            };
            let flow = match part.kind() {
                K::NAME_REF if is_callee(&part) => {
                    whole.mix(name_of(&part));
                    walk.skip_subtree();
                    continue;
                }
                K::FIELD_EXPR if is_callee(&part) => {
                    whole.mix(part.text().to_string());
                    walk.skip_subtree();
                    continue;
                }
                K::NAME_REF => self.name(&part, scope),
                K::FIELD_EXPR => self.field(&part, scope),
                K::WINDOW_REF => scope.window(&name_of(&part)).cloned().unwrap_or_default(),
                K::EXISTS_FN => self.exists(&part, scope),
                kind if is_query(kind) => self.value_of_query(&part, scope),
                _ => continue,
            };
            whole.take(&flow);
            walk.skip_subtree();
        }
        whole.computed()
    }

    /// Only whether there are rows counts.
    fn exists(&self, node: &SyntaxNode, scope: &Scope<'_>) -> Flow {
        match node.children().find(|inner| is_query(inner.kind())) {
            Some(inner) => {
                let mut rows = self.query(&inner, scope).rows;
                rows.mix("exists");
                rows
            }
            None => Flow::default(),
        }
    }

    fn value_of_query(&self, node: &SyntaxNode, scope: &Scope<'_>) -> Flow {
        let answer = self.query(node, scope);
        let mut value = answer.shape.whole();
        value.take(&answer.rows);
        value
    }

    fn name(&self, node: &SyntaxNode, scope: &Scope<'_>) -> Flow {
        if WORDS.iter().any(|word| has_token(node, *word)) {
            let mut word = Flow::default();
            word.mix(node.text().to_string().to_lowercase());
            return word;
        }
        let name = name_of(node);
        self.found(scope.column(&name), node, || format!("`{name}` is no column of the relations here"))
    }

    /// `relation.column`, `schema.relation.column`, `relation.*` as a value, `(row).field`.
    fn field(&self, node: &SyntaxNode, scope: &Scope<'_>) -> Flow {
        let Some(path) = path_of(node) else {
            // A row in parentheses is a relation's, or some value of its own.
            let inner = child(node, K::PAREN_EXPR).and_then(|paren| child(&paren, K::NAME_REF));
            let relation = inner.as_ref().and_then(|inner| {
                let name = name_of(inner);
                let is_column = matches!(scope.column(&name), Found::Flow(flow)
                    if flow.inputs.len() == 1 && scope.relation(None, &name).is_none());
                scope.relation(None, &name).filter(|_| !is_column)
            });
            let field = node.children().filter(|part| part.kind() == K::NAME_REF).last();
            if let (Some(relation), Some(field)) = (relation, field)
                && let found @ Found::Flow(_) = relation.column(&name_of(&field))
            {
                return self.found(found, node, String::new);
            }
            return match node.children().next() {
                Some(base) => self.expression(&base, scope).computed(),
                None => Flow::default(),
            };
        };
        let names: Vec<&str> = path.names.iter().map(String::as_str).collect();
        let (schema, relation, column) = match (names.as_slice(), path.star) {
            ([relation], true) => (None, *relation, None),
            ([.., schema, relation], true) => (Some(*schema), *relation, None),
            ([relation, column], false) => (None, *relation, Some(*column)),
            ([.., schema, relation, column], false) => (Some(*schema), *relation, Some(*column)),
            _ => return Flow::unknown(),
        };
        let Some(found) = scope.relation(schema, relation) else {
            return self.found(Found::Nothing, node, || format!("there is no relation `{relation}` here"));
        };
        match column {
            Some(column) => {
                self.found(found.column(column), node, || format!("`{relation}` has no column `{column}`"))
            }
            None => self.found(Found::Flow(found.shape.whole()), node, String::new),
        }
    }

    fn found(&self, found: Found, node: &SyntaxNode, missing: impl FnOnce() -> String) -> Flow {
        let message = match found {
            Found::Flow(flow) => {
                self.read(&flow);
                return flow.mentioned(start_of(node));
            }
            Found::Unclear(message) => message,
            Found::Nothing => missing(),
        };
        self.doubt(start_of(node), message);
        let mut flow = Flow::unknown();
        flow.mix(node.text().to_string());
        flow
    }
}

/// `a.b.c`, or `a.b.*`.
pub(super) struct Path {
    pub names: Vec<String>,
    pub star: bool,
}

/// Names joined by dots and nothing else.
pub(super) fn path_of(node: &SyntaxNode) -> Option<Path> {
    match node.kind() {
        K::NAME_REF => Some(Path { names: vec![name_of(node)], star: false }),
        K::FIELD_EXPR => {
            let mut parts = node.children();
            let mut path = path_of(&parts.next()?)?;
            match parts.next() {
                Some(last) if last.kind() == K::NAME_REF => path.names.push(name_of(&last)),
                None if has_token(node, K::STAR) => path.star = true,
                _ => return None,
            }
            Some(path)
        }
        _ => None,
    }
}

/// The name of a function, not a column.
fn is_callee(node: &SyntaxNode) -> bool {
    node.parent()
        .is_some_and(|parent| parent.kind() == K::CALL_EXPR && parent.first_child().as_ref() == Some(node))
}
