//! dbt's selectors: which nodes, tests and exposures a command is about. Text or YAML becomes an expression
//! (`parse`, `named`), its terms are looked up (`methods`, `state`), followed along the graph (`walk`) and
//! put together here. Knows no files and no clock: what was before is handed in.

mod former;
mod methods;
mod named;
mod parse;
mod state;
mod view;
mod walk;

use std::collections::BTreeSet;

use super::{Manifest, NodeId};
use crate::template::Library;

pub use former::{
    Former, FormerEntry, as_dbt_means, contract, exposed, generic_test_key, relation_asked, same_lines,
};
pub use methods::{METHODS, ResourceType};
pub use named::{NamedSelector, NamedSelectors};
pub use parse::{Expression, Term};

/// What was asked for that cannot be understood or found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SelectError {
    pub message: String,
    pub hint: Option<String>,
}

/// Something that can be selected. Tests and exposures by their index in the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Item {
    Node(NodeId),
    Test(usize),
    UnitTest(usize),
    Exposure(usize),
    Analysis(usize),
}

/// Which tests come along with the nodes that they read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Indirect {
    /// Those that read any selected node.
    #[default]
    Eager,
    /// Those that read selected nodes only.
    Cautious,
    /// Those that read selected nodes and what these are made from.
    Buildable,
    /// None: only tests that are selected themselves.
    Empty,
}

/// What was asked for.
#[derive(Default)]
pub struct Query<'a> {
    /// Everything, where it is empty and no selector is named.
    pub select: &'a [String],
    pub exclude: &'a [String],
    /// A selector of selectors.yml.
    pub selector: Option<&'a str>,
    pub selectors: Option<&'a NamedSelectors>,
    pub indirect: Indirect,
    /// Only these kinds, where any is named.
    pub resource_types: &'a [ResourceType],
    pub exclude_resource_types: &'a [ResourceType],
    /// An earlier state of the project, for `state:`, `result:` and `source_status:`.
    pub former: Option<&'a Former>,
    /// The project's macros, where there is a former state to compare them with.
    pub library: Option<&'a Library>,
}

/// What a command is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    pub nodes: BTreeSet<NodeId>,
    pub tests: BTreeSet<usize>,
    pub unit_tests: BTreeSet<usize>,
    pub exposures: BTreeSet<usize>,
    pub analyses: BTreeSet<usize>,
    /// That nothing was found is an answer, not a mistake: it was asked what has changed.
    pub may_be_empty: bool,
}

impl Chosen {
    pub fn everything(manifest: &Manifest) -> Self {
        Self {
            nodes: manifest.ids().collect(),
            tests: (0..manifest.tests.len()).collect(),
            unit_tests: (0..manifest.unit_tests.len()).collect(),
            exposures: (0..manifest.exposures.len()).collect(),
            analyses: (0..manifest.analyses.len()).collect(),
            may_be_empty: false,
        }
    }

    pub fn is_empty(&self) -> bool {
        let tests = self.tests.is_empty() && self.unit_tests.is_empty();
        self.nodes.is_empty() && tests && self.exposures.is_empty() && self.analyses.is_empty()
    }
}

/// Finds what was asked for. A term that matches nothing is an error, unless it asks what has changed.
pub fn choose(manifest: &Manifest, query: &Query<'_>) -> Result<Chosen, SelectError> {
    let expression = expression(query)?;
    let chooser = Chooser { manifest, query };
    let found = chooser.find(&expression, query.indirect)?;
    let mut items = chooser.with_waiting_tests(found, query.indirect);
    items.retain(|item| {
        let own = ResourceType::of(manifest, *item);
        let wanted = query.resource_types.is_empty() || query.resource_types.contains(&own);
        wanted && !query.exclude_resource_types.contains(&own)
    });
    let mut chosen = Chosen { may_be_empty: expression.asks_what_changed(), ..Chosen::default() };
    for item in items {
        match item {
            Item::Node(id) => drop(chosen.nodes.insert(id)),
            Item::Test(index) => drop(chosen.tests.insert(index)),
            Item::UnitTest(index) => drop(chosen.unit_tests.insert(index)),
            Item::Exposure(index) => drop(chosen.exposures.insert(index)),
            Item::Analysis(index) => drop(chosen.analyses.insert(index)),
        }
    }
    Ok(chosen)
}

/// The nodes that `select` names (all, where it is empty), less those that `exclude` names.
pub fn select(
    manifest: &Manifest,
    select: &[String],
    exclude: &[String],
) -> Result<BTreeSet<NodeId>, SelectError> {
    choose(manifest, &Query { select, exclude, ..Query::default() }).map(|chosen| chosen.nodes)
}

fn expression(query: &Query<'_>) -> Result<Expression, SelectError> {
    let named = match (query.selector, query.selectors) {
        (Some(name), Some(selectors)) => Some(selectors.get(name)?),
        (Some(name), None) => {
            return Err(SelectError {
                message: format!("there is no selector `{name}`: the project has no selectors.yml"),
                hint: None,
            });
        }
        (None, Some(selectors)) if query.select.is_empty() && query.exclude.is_empty() => {
            selectors.default_one()?
        }
        _ => None,
    };
    if let Some(named) = named {
        return Ok(named);
    }
    let parsed = |terms: &[String]| {
        let expression = Expression::parse(terms)?;
        query.selectors.map_or(Ok(expression.clone()), |selectors| selectors.settle(expression))
    };
    let all = match query.select {
        [] => Expression::Everything,
        terms => parsed(terms)?,
    };
    match query.exclude {
        [] => Ok(all),
        terms => Ok(Expression::Difference(Box::new(all), Box::new(parsed(terms)?))),
    }
}

/// Items that were found, and tests that wait for more of what they read to be found.
#[derive(Default)]
struct Found {
    direct: BTreeSet<Item>,
    waiting: BTreeSet<usize>,
}

struct Chooser<'a> {
    manifest: &'a Manifest,
    query: &'a Query<'a>,
}

impl Chooser<'_> {
    fn find(&self, expression: &Expression, indirect: Indirect) -> Result<Found, SelectError> {
        match expression {
            Expression::Everything => {
                let nodes = self.manifest.ids().map(Item::Node);
                let exposures = (0..self.manifest.exposures.len()).map(Item::Exposure);
                let analyses = (0..self.manifest.analyses.len()).map(Item::Analysis);
                let mut found = self.with_tests(nodes.chain(exposures).chain(analyses).collect(), indirect);
                // Those that read nothing come along with nothing less than all.
                let tests = 0..self.manifest.tests.len();
                let alone = tests.filter(|test| walk::read_by_test(self.manifest, *test).next().is_none());
                found.direct.extend(alone.map(Item::Test));
                Ok(found)
            }
            Expression::Term(term) => {
                let found = self.matches(term)?;
                let walked = walk::around(self.manifest, found, term);
                Ok(self.with_tests(walked, term.indirect.unwrap_or(indirect)))
            }
            Expression::Around(inner, term) => {
                let found = self.find(inner, indirect)?;
                let walked = walk::around(self.manifest, found.direct, term);
                let mut all = self.with_tests(walked, indirect);
                all.waiting.extend(found.waiting);
                Ok(all)
            }
            Expression::Union(parts) => {
                let mut all = Found::default();
                for part in parts {
                    let found = self.find(part, indirect)?;
                    all.direct.extend(found.direct);
                    all.waiting.extend(found.waiting);
                }
                Ok(all)
            }
            Expression::Intersection(parts) => {
                let mut all: Option<Found> = None;
                for part in parts {
                    let found = self.find(part, indirect)?;
                    all = Some(match all {
                        None => found,
                        Some(before) => Found {
                            direct: before.direct.intersection(&found.direct).copied().collect(),
                            waiting: before.waiting.intersection(&found.waiting).copied().collect(),
                        },
                    });
                }
                Ok(all.unwrap_or_default())
            }
            Expression::Difference(all, less) => {
                let mut found = self.find(all, indirect)?;
                let less = self.find(less, indirect)?;
                found.direct.retain(|item| !less.direct.contains(item));
                found
                    .waiting
                    .retain(|test| !less.waiting.contains(test) && !less.direct.contains(&Item::Test(*test)));
                Ok(found)
            }
        }
    }

    /// Adds the tests that come along, and keeps in mind those that may do so later.
    fn with_tests(&self, mut direct: BTreeSet<Item>, indirect: Indirect) -> Found {
        let mut waiting = BTreeSet::new();
        if indirect == Indirect::Empty {
            return Found { direct, waiting };
        }
        for (index, test) in self.manifest.unit_tests.iter().enumerate() {
            if direct.contains(&Item::Node(test.model)) {
                direct.insert(Item::UnitTest(index));
            }
        }
        for index in 0..self.manifest.tests.len() {
            let reads_one =
                walk::read_by_test(self.manifest, index).any(|id| direct.contains(&Item::Node(id)));
            if reads_one && indirect == Indirect::Eager {
                direct.insert(Item::Test(index));
            } else if reads_one {
                waiting.insert(index);
            }
        }
        Found { direct, waiting }
    }

    /// What waits comes along if all that it reads is there, or, where it is enough that it can be built,
    /// is there or stands above what is there.
    fn with_waiting_tests(&self, found: Found, indirect: Indirect) -> BTreeSet<Item> {
        let mut items = found.direct;
        if found.waiting.is_empty() {
            return items;
        }
        let there = match indirect {
            Indirect::Buildable => walk::with_ancestors(self.manifest, &items),
            _ => items.clone(),
        };
        for test in found.waiting {
            if walk::read_by_test(self.manifest, test).all(|id| there.contains(&Item::Node(id))) {
                items.insert(Item::Test(test));
            }
        }
        items
    }
}
