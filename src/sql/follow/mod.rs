//! Follows every column of a query's result back to the columns of the tables that it reads. What cannot be
//! known from the query and the tables' known columns is said, never guessed.

mod expression;
mod flow;
mod from;
mod function;
mod query;
mod scope;
mod select;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use squawk_syntax::ast::{self, AstNode, normalize_name_node};
use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

use flow::{Flow, Origin};
pub use flow::{Kind, Table};
use scope::{Rest, Scope};

/// PostgreSQL cuts longer identifiers. Unit: bytes.
const NAME_BYTES: usize = 63;
/// Room for queries that nest deeply; only what is used of it costs memory.
const STACK_BYTES: usize = 256 << 20;

/// What the caller knows of a table.
pub struct Known {
    /// The caller's number of it.
    pub table: usize,
    pub name: Arc<str>,
    pub columns: Vec<Arc<str>>,
    /// Whether these are all columns.
    pub complete: bool,
}

/// A column that takes part in another, or in which rows there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub table: Table,
    pub column: Arc<str>,
    pub kind: Kind,
    /// The byte of the query at which it is first mentioned.
    pub at: usize,
}

/// A column of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: Arc<str>,
    /// Where it is written: bytes of the query.
    pub at: Range<usize>,
    pub inputs: Vec<Input>,
    /// It has inputs that could not be found out.
    pub unsure: bool,
    /// Changes when the definition does, but not with its spelling.
    pub digest: u64,
}

/// Something that could not be found out, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unsure {
    pub at: usize,
    pub message: String,
}

/// A query followed.
#[derive(Debug, Clone, Default)]
pub struct Followed {
    pub columns: Vec<Column>,
    /// Tables whose unknown columns are all in the result, too, by `*`.
    pub open: Vec<Table>,
    /// Whether `columns` are all of them.
    pub complete: bool,
    /// What decides about rows.
    pub rows: Vec<Input>,
    pub rows_digest: u64,
    /// Every column that is read anywhere in the query, needed or not.
    pub reads: BTreeSet<(Table, Arc<str>)>,
    pub unsure: Vec<Unsure>,
}

/// Follows one query. `known` answers for the parts of a relation's name as written, without quotes.
pub fn follow(sql: &str, known: &(dyn Fn(&[String]) -> Option<Known> + Sync)) -> Followed {
    std::thread::scope(|threads| {
        let deep = std::thread::Builder::new().stack_size(STACK_BYTES);
        match deep.spawn_scoped(threads, || follow_here(sql, known)) {
            Ok(thread) => thread.join().unwrap_or_else(|_| unreadable("it could not be followed")),
            Err(error) => unreadable(&format!("no thread to follow it in: {error}")),
        }
    })
}

fn unreadable(why: &str) -> Followed {
    Followed { unsure: vec![Unsure { at: 0, message: why.to_owned() }], ..Followed::default() }
}

fn follow_here(sql: &str, known: &dyn Fn(&[String]) -> Option<Known>) -> Followed {
    let parsed = SourceFile::parse(sql);
    let tree = parsed.tree();
    let mut statements = tree.syntax().children().filter(|node| ast::Stmt::can_cast(node.kind()));
    let follower = Follower { known, reads: RefCell::default(), unsure: RefCell::default() };
    let Some(query) = statements.next().filter(|node| query::is_query(node.kind())) else {
        follower.doubt(0, "this is no query".to_owned());
        return Followed { complete: false, ..follower.end(Default::default()) };
    };
    let answer = follower.query(&query, &Scope::default());
    let mut followed = follower.end(answer);
    // Doubts about what was read past an error would only mislead.
    if let Some(error) = parsed.errors().first() {
        let message = format!("the SQL cannot be read here: {}", error.message());
        followed.complete = false;
        followed.unsure = vec![Unsure { at: error.range().start().into(), message }];
    }
    followed
}

struct Follower<'a> {
    known: &'a dyn Fn(&[String]) -> Option<Known>,
    reads: RefCell<BTreeSet<(Table, Arc<str>)>>,
    unsure: RefCell<BTreeSet<Unsure>>,
}

impl Follower<'_> {
    fn doubt(&self, at: usize, message: String) {
        self.unsure.borrow_mut().insert(Unsure { at, message });
    }

    /// A column is used here.
    fn read(&self, flow: &Flow) {
        let mut reads = self.reads.borrow_mut();
        for (Origin { table, column }, kind) in flow.inputs.keys() {
            if kind.is_value() {
                reads.insert((table.clone(), column.clone()));
            }
        }
    }

    fn end(self, answer: scope::Answer) -> Followed {
        let shape = &answer.shape;
        let mut open = Vec::new();
        for rest in &shape.rest {
            match rest {
                Rest::Of(table) if !open.contains(table) => open.push(table.clone()),
                Rest::Of(_) => {}
                Rest::Any(_) => self.doubt(0, "the columns that a function returns are not known".to_owned()),
            }
        }
        let column = |field: &scope::Field| Column {
            name: field.name.clone(),
            at: field.at.clone(),
            inputs: inputs(&field.flow),
            unsure: field.flow.unsure,
            digest: field.flow.digest,
        };
        Followed {
            columns: shape.fields.iter().map(column).collect(),
            open,
            complete: shape.rest.is_empty(),
            rows: inputs(&answer.rows),
            rows_digest: answer.rows.digest,
            reads: self.reads.into_inner(),
            unsure: self.unsure.into_inner().into_iter().collect(),
        }
    }
}

fn inputs(flow: &Flow) -> Vec<Input> {
    let mut strongest: BTreeMap<(&Origin, Kind), usize> = BTreeMap::new();
    for ((origin, kind), at) in &flow.inputs {
        // What is computed from and passed on is computed from.
        let doubled = *kind == Kind::Copied && flow.inputs.contains_key(&(origin.clone(), Kind::Computed));
        if !doubled {
            strongest.insert((origin, *kind), *at);
        }
    }
    let input = |((origin, kind), at): ((&Origin, Kind), usize)| Input {
        table: origin.table.clone(),
        column: origin.column.clone(),
        kind,
        at,
    };
    strongest.into_iter().map(input).collect()
}

/// The name that a node holds, as PostgreSQL understands it.
pub(super) fn name_of(node: &SyntaxNode) -> String {
    let mut name = normalize_name_node(node);
    while name.len() > NAME_BYTES {
        name.pop();
    }
    name
}

fn range_of(node: &SyntaxNode) -> Range<usize> {
    node.text_range().into()
}

fn start_of(node: &SyntaxNode) -> usize {
    node.text_range().start().into()
}

fn child(node: &SyntaxNode, kind: SyntaxKind) -> Option<SyntaxNode> {
    node.children().find(|child| child.kind() == kind)
}

fn has_token(node: &SyntaxNode, kind: SyntaxKind) -> bool {
    node.children_with_tokens().any(|part| part.as_token().is_some_and(|token| token.kind() == kind))
}
