//! What names mean at a place of a query: the relations around it, nearest first, as PostgreSQL looks them
//! up. Where some columns of a relation are not known, only what follows from the query being valid is taken.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::flow::{Flow, Origin, Table};

/// A column of a relation or of a query's result.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: Arc<str>,
    pub flow: Rc<Flow>,
    /// Where it is written, in bytes of the query.
    pub at: Range<usize>,
}

/// Columns whose names are not known.
#[derive(Debug, Clone)]
pub enum Rest {
    /// The further columns of a table.
    Of(Table),
    /// Whatever a function returns: each column is computed from this.
    Any(Rc<Flow>),
}

/// The columns of something in their order.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    pub fields: Vec<Field>,
    pub rest: Vec<Rest>,
}

/// A relation under the name by which columns are asked of it.
#[derive(Debug, Clone)]
pub struct Relation {
    pub schema: Option<Arc<str>>,
    pub name: Arc<str>,
    pub shape: Rc<Shape>,
}

/// The result of a query: its columns, and what decides about its rows.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub shape: Rc<Shape>,
    pub rows: Flow,
}

/// What a `from` clause, or a part of one, makes visible.
#[derive(Debug, Clone, Default)]
pub struct Joined {
    pub relations: Vec<Relation>,
    /// What `*` means and what plain names are looked up in: columns merged by `using` stand once.
    pub shape: Shape,
    pub rows: Flow,
}

#[derive(Default)]
pub struct Scope<'a> {
    pub parent: Option<&'a Scope<'a>>,
    pub joined: Joined,
    pub tables: Vec<(Arc<str>, Answer)>,
    pub windows: Vec<(Arc<str>, Flow)>,
}

/// What a name was found to be.
pub enum Found {
    Flow(Flow),
    Nothing,
    /// It could be any of several; why.
    Unclear(String),
}

const SYSTEM_COLUMNS: &[&str] = &["ctid", "tableoid", "xmin", "xmax", "cmin", "cmax"];

impl<'a> Scope<'a> {
    pub fn below(parent: &'a Scope<'a>) -> Self {
        Self { parent: Some(parent), ..Self::default() }
    }

    pub fn with(parent: &'a Scope<'a>, joined: Joined) -> Self {
        Self { parent: Some(parent), joined, ..Self::default() }
    }

    fn chain(&self) -> impl Iterator<Item = &Scope<'a>> {
        std::iter::successors(Some(self), |scope| scope.parent.map(|parent| parent as &Scope<'a>))
    }

    pub fn table(&self, name: &str) -> Option<&Answer> {
        self.chain().find_map(|scope| {
            scope.tables.iter().rev().find(|(known, _)| &**known == name).map(|(_, answer)| answer)
        })
    }

    pub fn window(&self, name: &str) -> Option<&Flow> {
        self.windows.iter().find(|(known, _)| &**known == name).map(|(_, flow)| flow)
    }

    pub fn relation(&self, schema: Option<&str>, name: &str) -> Option<&Relation> {
        let fits = |relation: &&Relation| {
            &*relation.name == name && schema.is_none_or(|schema| relation.schema.as_deref() == Some(schema))
        };
        self.chain().find_map(|scope| scope.joined.relations.iter().find(fits))
    }

    /// A name without a relation before it.
    pub fn column(&self, name: &str) -> Found {
        let mut open: Option<&Rest> = None;
        for scope in self.chain() {
            let shape = &scope.joined.shape;
            let mut named = shape.fields.iter().filter(|field| &*field.name == name);
            if let Some(field) = named.next() {
                if open.is_some() {
                    return unclear(
                        name,
                        "a nearer relation whose columns are not all known may have it, too",
                    );
                }
                return match named.next() {
                    None => Found::Flow((*field.flow).clone()),
                    Some(_) => unclear(name, "several relations here have it"),
                };
            }
            match shape.rest.as_slice() {
                [] => {}
                [only] if open.is_none() => open = Some(only),
                _ => return unclear(name, "several relations here have columns that are not known"),
            }
        }
        let Some(open) = open else {
            return match self.relation(None, name) {
                Some(relation) => Found::Flow(relation.shape.whole()),
                None if SYSTEM_COLUMNS.contains(&name) => Found::Flow(Flow::default()),
                None => Found::Nothing,
            };
        };
        match self.relation(None, name) {
            Some(relation) if relation.shape.rest.iter().all(|rest| matches!(rest, Rest::Any(_))) => {
                Found::Flow(relation.shape.whole())
            }
            Some(_) => unclear(name, "it may be the relation's whole row, or a column that is not known"),
            None => Found::Flow(open.column(name)),
        }
    }
}

impl Relation {
    pub fn column(&self, name: &str) -> Found {
        let mut named = self.shape.fields.iter().filter(|field| &*field.name == name);
        match (named.next(), named.next(), self.shape.rest.as_slice()) {
            (Some(field), None, _) => Found::Flow((*field.flow).clone()),
            (Some(_), Some(_), _) => unclear(name, "the relation has several columns of this name"),
            (None, _, _) if SYSTEM_COLUMNS.contains(&name) => Found::Flow(Flow::default()),
            (None, _, []) => Found::Nothing,
            (None, _, [only]) => Found::Flow(only.column(name)),
            (None, ..) => unclear(name, "it comes by `*` from several relations whose columns are not known"),
        }
    }
}

fn unclear(name: &str, why: &str) -> Found {
    Found::Unclear(format!("where `{name}` comes from is not sure: {why}"))
}

impl Rest {
    fn column(&self, name: &str) -> Flow {
        match self {
            Self::Of(table) => Flow::of(Origin { table: table.clone(), column: name.into() }),
            Self::Any(flow) => (**flow).clone(),
        }
    }
}

impl Shape {
    /// A row as one value.
    pub fn whole(&self) -> Flow {
        let mut whole = Flow::default();
        for field in &self.fields {
            whole.take(&field.flow);
        }
        for rest in &self.rest {
            match rest {
                Rest::Any(flow) => whole.take(flow),
                Rest::Of(_) => whole.unsure = true,
            }
        }
        whole.computed()
    }

    /// The same columns under the names of a list: `t(a, b)`.
    pub fn renamed(&self, names: &[(Arc<str>, Range<usize>)]) -> Self {
        let mut shape = self.clone();
        // Without all names there are no positions.
        let open = shape.rest.iter().any(|rest| matches!(rest, Rest::Of(_)));
        for (index, (name, at)) in names.iter().enumerate() {
            match shape.fields.get_mut(index) {
                Some(field) if !open => field.name = name.clone(),
                Some(field) => {
                    *field = Field { name: name.clone(), flow: Rc::new(Flow::unknown()), at: at.clone() };
                }
                None => {
                    let flow = match shape.rest.as_slice() {
                        [Rest::Any(flow)] => flow.clone(),
                        _ => Rc::new(Flow::unknown()),
                    };
                    shape.fields.push(Field { name: name.clone(), flow, at: at.clone() });
                }
            }
        }
        shape
    }

    pub fn with(mut self, other: &Self) -> Self {
        self.fields.extend(other.fields.iter().cloned());
        self.rest.extend(other.rest.iter().cloned());
        self
    }
}

impl Joined {
    /// Both side by side, as a comma or a cross join makes them.
    pub fn beside(mut self, other: &Self) -> Self {
        self.relations.extend(other.relations.iter().cloned());
        self.shape = self.shape.with(&other.shape);
        self.rows.take(&other.rows);
        self
    }
}
