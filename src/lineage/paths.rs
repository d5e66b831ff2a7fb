//! Ways from a column to what it comes from, and to what comes of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Input, Kind, Lineage, Source};
use crate::diagnostic::Location;
use crate::manifest::NodeId;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Upstream,
    Downstream,
}

/// A column on the way. One without a name stands for a node's rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct At {
    pub source: Source,
    pub column: Option<Arc<str>>,
}

/// One step of a way, with the steps beyond it.
#[derive(Debug)]
pub struct Step {
    pub at: At,
    pub kinds: Vec<Kind>,
    /// Where the later of the two mentions the earlier.
    pub place: Option<Location>,
    pub next: Vec<Step>,
    /// Its further steps are told where it came first.
    pub told_above: bool,
}

/// Where a column is used, how, and the place.
type Use = (At, Kind, Option<Location>);

/// Who uses which column, made once.
pub struct Index<'a> {
    lineage: &'a Lineage,
    used_by: HashMap<(NodeId, Arc<str>), Vec<Use>>,
}

impl<'a> Index<'a> {
    pub fn of(lineage: &'a Lineage) -> Self {
        let mut used_by: HashMap<_, Vec<_>> = HashMap::new();
        for (index, node) in lineage.nodes.iter().enumerate() {
            let source = Source::Node(NodeId(index));
            let mut note = |column: Option<Arc<str>>, input: &Input| {
                if let Source::Node(id) = input.from {
                    let at = At { source: source.clone(), column };
                    let use_of = used_by.entry((id, input.column.clone())).or_default();
                    use_of.push((at, input.kind, input.place.clone()));
                }
            };
            for column in &node.columns {
                column.inputs.iter().for_each(|input| note(Some(column.name.clone()), input));
            }
            node.rows.iter().for_each(|input| note(None, input));
        }
        Self { lineage, used_by }
    }

    /// The ways from a column, `depth` steps far; with `rows` also what only decides about rows.
    pub fn ways(
        &self,
        id: NodeId,
        column: &str,
        direction: Direction,
        depth: usize,
        rows: bool,
    ) -> Vec<Step> {
        let at = At { source: Source::Node(id), column: Some(column.into()) };
        let mut told = HashSet::from([at.clone()]);
        self.from(&at, direction, depth, rows, &mut told)
    }

    fn from(
        &self,
        at: &At,
        direction: Direction,
        depth: usize,
        rows: bool,
        told: &mut HashSet<At>,
    ) -> Vec<Step> {
        if depth == 0 {
            return Vec::new();
        }
        let mut steps: Vec<Step> = Vec::new();
        for (at, kind, place) in self.neighbours(at, direction) {
            if !kind.is_value() && !rows {
                continue;
            }
            if let Some(known) = steps.iter_mut().find(|step| step.at == at) {
                known.kinds.push(kind);
                continue;
            }
            let told_above = !told.insert(at.clone());
            let next = if told_above { Vec::new() } else { self.from(&at, direction, depth - 1, rows, told) };
            let told_above = told_above && !self.neighbours(&at, direction).is_empty();
            steps.push(Step { at, kinds: vec![kind], place, next, told_above });
        }
        steps
    }

    fn neighbours(&self, at: &At, direction: Direction) -> Vec<Use> {
        let Source::Node(id) = at.source else { return Vec::new() };
        let node = self.lineage.node(id);
        match (direction, &at.column) {
            (Direction::Upstream, Some(name)) => {
                let own = node.column(name).map(|column| column.inputs.as_slice()).unwrap_or_default();
                own.iter().chain(&node.rows).map(neighbour).collect()
            }
            (Direction::Upstream, None) => node.rows.iter().map(neighbour).collect(),
            (Direction::Downstream, Some(name)) => {
                self.used_by.get(&(id, name.clone())).cloned().unwrap_or_default()
            }
            // Rows are everything's: where they go is the graph's affair.
            (Direction::Downstream, None) => Vec::new(),
        }
    }
}

fn neighbour(input: &Input) -> Use {
    let at = At { source: input.from.clone(), column: Some(input.column.clone()) };
    (at, input.kind, input.place.clone())
}
