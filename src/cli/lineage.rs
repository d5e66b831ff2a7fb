//! `elt lineage`: where columns come from and where they go, from the project's files alone.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::terminal::{faint, strong};
use super::{Context, Outcome, Stop};
use crate::diagnostic::{Location, did_you_mean};
use crate::endpoint::Endpoint;
use crate::lineage::{Catalog, ColumnLineage, Direction, Index, Input, Lineage, Source, Step};
use crate::manifest::{Manifest, NodeId};

#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// A model, rule or source, or one of its columns: model, model.column, layer.model.column
    #[arg(value_name = "MODEL[.COLUMN]")]
    pub column: String,
    /// Only what it comes from
    #[arg(long, conflicts_with = "downstream")]
    pub upstream: bool,
    /// Only what comes of it
    #[arg(long)]
    pub downstream: bool,
    /// At most so many steps
    #[arg(long, value_name = "N")]
    pub depth: Option<usize>,
    /// Also what only decides about rows: filters, joins, groups, order
    #[arg(long)]
    pub all: bool,
}

pub fn lineage(context: &Context, arguments: &Arguments) -> Outcome {
    let (_, manifest) = context.project()?;
    let (id, column) = asked(&manifest, &arguments.column)?;
    let lineage = Lineage::of(&manifest, &Catalog::new());
    let view = View { context, manifest: &manifest, lineage: &lineage, arguments };
    match column {
        Some(column) => view.column(id, &column)?,
        None => view.node(id),
    }
    for doubt in &lineage.node(id).doubts {
        if context.terminal.json {
            let place = doubt.place.as_ref().map(ToString::to_string);
            context.terminal.json_line(&json!({"doubt": doubt.message, "place": place}));
            continue;
        }
        let place = doubt.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        context.terminal.note(&format!("{place}{}", doubt.message));
    }
    Ok(ExitCode::SUCCESS)
}

struct View<'a> {
    context: &'a Context,
    manifest: &'a Manifest,
    lineage: &'a Lineage,
    arguments: &'a Arguments,
}

/// `model`, `model.column`, `layer.model.column`, `source.table.column`.
fn asked(manifest: &Manifest, text: &str) -> Result<(NodeId, Option<String>), Stop> {
    if let Some(id) = find(manifest, text) {
        return Ok((id, None));
    }
    let (node, column) = text.rsplit_once('.').unwrap_or((text, ""));
    if let Some(id) = find(manifest, node).filter(|_| !column.is_empty()) {
        return Ok((id, Some(column.to_owned())));
    }
    let name = node.rsplit('.').next().unwrap_or(node);
    Err(Stop::error("unknown-model", format!("there is no model, rule or source `{node}`"))
        .maybe_hint(did_you_mean(name, manifest.nodes.iter().map(|node| node.name.as_str()))))
}

fn find(manifest: &Manifest, name: &str) -> Option<NodeId> {
    manifest.find(name).or_else(|| {
        manifest.ids().find(|id| {
            let node = manifest.node(*id);
            node.label() == name || format!("{}.{}", node.domain, node.name.as_str()) == name
        })
    })
}

impl View<'_> {
    fn node(&self, id: NodeId) {
        let (terminal, node) = (&self.context.terminal, self.lineage.node(id));
        let label = self.manifest.node(id).label();
        if !terminal.json {
            terminal.data_line(&strong(&label));
        }
        for column in &node.columns {
            if terminal.json {
                terminal.json_line(&json!({
                    "column": format!("{label}.{}", column.name),
                    "type": column.data_type,
                    "unsure": column.unsure,
                    "place": column.place.as_ref().map(ToString::to_string),
                    "inputs": self.shown(&column.inputs).map(|input| self.described(input)).collect::<Vec<_>>(),
                }));
            } else {
                terminal.data_line(&format!("  {}", self.line(column)));
            }
        }
        if !node.complete {
            terminal
                .note(&format!("{label} may have more columns: not all columns of what it reads are known"));
        }
        self.users(&BTreeMap::from([(id, None)]));
        if self.arguments.all && terminal.json {
            let rows: Vec<_> = node.rows.iter().map(|input| self.described(input)).collect();
            terminal.json_line(&json!({"rows": label, "inputs": rows}));
        } else if self.arguments.all {
            terminal.data_line("  rows are decided by");
            for input in &node.rows {
                terminal.data_line(&format!("    {} {}", self.name(input), faint(word(input))));
            }
        }
    }

    fn line(&self, column: &ColumnLineage) -> String {
        let inputs: Vec<String> = self
            .shown(&column.inputs)
            .map(|input| format!("{} {}", self.name(input), faint(word(input))))
            .collect();
        let from = match (inputs.is_empty(), column.unsure) {
            (true, false) => faint("no column"),
            (true, true) => faint("not known"),
            (false, false) => inputs.join(", "),
            (false, true) => format!("{}, {}", inputs.join(", "), faint("and what is not known")),
        };
        format!("{:<28} <- {from}", &*column.name)
    }

    /// Rows' inputs of a node are told once, not with each column.
    fn shown<'a>(&self, inputs: &'a [Input]) -> impl Iterator<Item = &'a Input> {
        let all = self.arguments.all;
        inputs.iter().filter(move |input| all || input.kind.is_value())
    }

    fn name(&self, input: &Input) -> String {
        format!("{}.{}", input.from.label(self.manifest), input.column)
    }

    fn described(&self, input: &Input) -> serde_json::Value {
        let place = input.place.as_ref().map(ToString::to_string);
        json!({"column": self.name(input), "kind": input.kind, "place": place})
    }

    fn column(&self, id: NodeId, name: &str) -> Result<(), Stop> {
        let (terminal, node) = (&self.context.terminal, self.lineage.node(id));
        let label = self.manifest.node(id).label();
        let Some(column) = node.column(name) else {
            let known = node.columns.iter().map(|column| &*column.name);
            let message = match node.complete {
                true => format!("{label} has no column `{name}`"),
                false => {
                    format!("{label} is not known to have a column `{name}`; not all its columns are known")
                }
            };
            return Err(Stop::error("unknown-column", message).maybe_hint(did_you_mean(name, known)));
        };
        let index = Index::of(self.lineage);
        let arguments = self.arguments;
        let depth = arguments.depth.unwrap_or(usize::MAX);
        let mut users = Reached::new();
        if !terminal.json {
            let kind = column.data_type.as_deref().unwrap_or_default();
            let place = shown_place(column.place.as_ref());
            let line = format!("{} {} {place}", strong(&format!("{label}.{name}")), faint(kind));
            terminal.data_line(line.trim_end());
        }
        for (direction, wanted, words) in [
            (Direction::Upstream, !arguments.downstream, ("comes from", "upstream")),
            (Direction::Downstream, !arguments.upstream, ("goes to", "downstream")),
        ] {
            if !wanted {
                continue;
            }
            let ways = index.ways(id, name, direction, depth, arguments.all);
            if terminal.json {
                self.json(&ways, &format!("{label}.{name}"), words.1, 1);
            }
            if direction == Direction::Downstream {
                let mut reached = BTreeMap::from([(id, Some(BTreeSet::from([name.to_owned()])))]);
                reach(&ways, &mut reached);
                users = reached;
            }
            if terminal.json {
                continue;
            }
            let nothing = if ways.is_empty() { " nothing" } else { "" };
            terminal.data_line(&format!("{}{nothing}", words.0));
            self.tree(&ways, "");
            if direction == Direction::Upstream && column.unsure {
                terminal.data_line(&faint("   and what could not be found out"));
            }
        }
        self.users(&users);
        Ok(())
    }

    /// Endpoints that answer with any of these columns, and exposures that depend on one of these nodes.
    fn users(&self, reached: &Reached) {
        let mut users = Vec::new();
        for (id, columns) in reached {
            let node = self.manifest.node(*id);
            let answers = |endpoint: &Endpoint| match columns {
                Some(columns) => {
                    let asked = endpoint.parameters.iter().map(|parameter| parameter.column());
                    endpoint.columns.is_empty()
                        || endpoint
                            .columns
                            .iter()
                            .map(String::as_str)
                            .chain(asked)
                            .any(|name| columns.contains(name))
                }
                None => true,
            };
            if let Some((endpoint, _)) = node.endpoint.as_ref().filter(|(endpoint, _)| answers(endpoint)) {
                users.push(("endpoint", endpoint.path.clone(), node.label()));
            }
            let exposures = self.manifest.exposures.iter().filter(|one| one.parents.contains(id));
            users.extend(exposures.map(|one| ("exposure", one.written.name.clone(), node.label())));
        }
        let terminal = &self.context.terminal;
        if !users.is_empty() && !terminal.json {
            terminal.data_line("used by");
        }
        for (kind, name, by) in users {
            if terminal.json {
                terminal
                    .json_line(&json!({"direction": "downstream", "used_by": kind, "name": name, "of": by}));
            } else {
                terminal.data_line(&format!("   {kind} {} {}", strong(&name), faint(&format!("reads {by}"))));
            }
        }
    }

    fn tree(&self, steps: &[Step], indent: &str) {
        for (index, step) in steps.iter().enumerate() {
            let last = index + 1 == steps.len();
            let above = if step.told_above { " (see above)" } else { "" };
            let line = format!(
                "{indent}{} {} {}{above} {}",
                if last { "└─" } else { "├─" },
                self.step_name(step),
                faint(&step.kinds.iter().map(|kind| kind_word(*kind)).collect::<Vec<_>>().join(", ")),
                shown_place(step.place.as_ref()),
            );
            self.context.terminal.data_line(line.trim_end());
            self.tree(&step.next, &format!("{indent}{}  ", if last { " " } else { "│" }));
        }
    }

    fn json(&self, steps: &[Step], of: &str, direction: &str, depth: usize) {
        for step in steps {
            let name = self.step_name(step);
            self.context.terminal.json_line(&json!({
                "direction": direction, "depth": depth, "of": of, "column": name, "kinds": step.kinds,
                "place": step.place.as_ref().map(ToString::to_string),
            }));
            self.json(&step.next, &name, direction, depth + 1);
        }
    }

    fn step_name(&self, step: &Step) -> String {
        let node = step.at.source.label(self.manifest);
        match &step.at.column {
            Some(column) => format!("{node}.{column}"),
            None => format!("{node} (its rows)"),
        }
    }
}

/// Nodes on a way, and their columns on it; `None` are all of them.
type Reached = BTreeMap<NodeId, Option<BTreeSet<String>>>;

fn reach(steps: &[Step], reached: &mut Reached) {
    for step in steps {
        if let Source::Node(id) = step.at.source {
            let columns = reached.entry(id).or_insert_with(|| Some(BTreeSet::new()));
            match (&step.at.column, columns) {
                (Some(name), Some(columns)) => drop(columns.insert(name.to_string())),
                (None, columns) => *columns = None,
                _ => {}
            }
        }
        reach(&step.next, reached);
    }
}

fn word(input: &Input) -> &'static str {
    kind_word(input.kind)
}

fn kind_word(kind: crate::lineage::Kind) -> &'static str {
    use crate::lineage::Kind;
    match kind {
        Kind::Copied => "as it is",
        Kind::Computed => "computed",
        Kind::Join => "joins",
        Kind::Filter => "filters",
        Kind::Group => "groups",
        Kind::Sort => "sorts",
    }
}

fn shown_place(place: Option<&Location>) -> String {
    place.map(|place| faint(&place.to_string())).unwrap_or_default()
}
