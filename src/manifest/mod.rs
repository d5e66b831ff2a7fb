//! The project compiled: nodes, tests and how they hang together. Pure: made from a read project alone.

mod analyses;
mod asking;
mod assembling;
mod batches;
mod claims;
mod contracts;
mod deprecations;
mod endpoints;
mod exposures;
mod flat_graph;
mod folders;
mod foreign_keys;
mod graph;
mod hooks;
mod identity;
mod inline;
mod loading;
mod materializations;
mod models;
mod naming;
mod promises;
mod read;
mod resolve;
mod rules;
pub mod select;
mod sources;
mod sql;
mod unit;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use crate::diagnostic::{Location, SourceFile};
use crate::endpoint::Endpoint;
use crate::name::{Ident, Relation};
use crate::project::packages::Package;
use crate::project::{
    ColumnProperties, Config, Constraint, Layer, Materialization, Properties, Rule, Target, TestConfig,
    Version,
};
use crate::template::Rendered;

pub use analyses::Analysis;
pub use asking::Answered;
pub use flat_graph::notes;
pub use foreign_keys::ForeignKey;
pub use hooks::{Hook, Hooks};
pub use identity::{hash, inside};
pub use read::compile;
pub use sql::{Sql, skip_blank};
pub use unit::UnitTest;

/// Index of a node in [`Manifest::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub usize);

/// What a node is made of.
#[derive(Debug, Clone)]
pub enum Body {
    /// A model: its SQL as built from nothing, and, where it is incremental, as added to.
    Model {
        full: Box<Text>,
        incremental: Option<Box<Text>>,
    },
    Rule(Rule),
    /// A table that something else than elt makes.
    Source {
        /// What `source('…', '…')` calls it; the relation may be called otherwise.
        table: String,
        /// Of the source as a whole.
        description: String,
    },
}

/// A rendered template whose references are resolved: stand-in `i` is `targets[i]`.
#[derive(Debug, Clone)]
pub struct Text {
    pub rendered: Rendered,
    pub targets: Vec<NodeId>,
}

/// A model, rule or source: one relation, except for ephemeral models.
#[derive(Debug, Clone)]
pub struct Node {
    /// What its relation is called.
    pub name: Ident,
    /// Where its relation is published.
    pub schema: Ident,
    /// Whether that is another schema than its layer's.
    pub is_beside: bool,
    pub layer: Layer,
    /// Folders between layer and file.
    pub domain: String,
    pub file: Arc<SourceFile>,
    pub materialization: Materialization,
    pub config: Config,
    /// The config as written: the model's own words and those of its YAML.
    pub words: Map<String, Value>,
    /// Those of its YAML alone.
    pub yaml_words: Map<String, Value>,
    pub description: String,
    /// The YAML file that describes it.
    pub described_in: Option<Arc<SourceFile>>,
    pub columns: Vec<ColumnProperties>,
    /// How it is served by HTTP, and where that is written.
    pub endpoint: Option<(Endpoint, Location)>,
    /// On more than one column.
    pub constraints: Vec<Constraint>,
    /// Those of its contract that point to other tables.
    pub foreign_keys: Vec<ForeignKey>,
    pub hooks: Hooks,
    /// Where there are several versions of it.
    pub version: Option<Version>,
    /// From when on nobody should refer to it: a day, as `2026-06-01`.
    pub deprecation_date: Option<String>,
    pub body: Body,
    /// In the order of first mention, each once.
    pub parents: Vec<NodeId>,
}

/// A claim about data: a query that selects what is wrong.
#[derive(Debug, Clone)]
pub struct Test {
    pub name: String,
    /// `unique`, …; for a singular test its own name.
    pub kind: String,
    /// The package that YAML asks for it by: `dbt_utils` of `dbt_utils.at_least_one`.
    pub package: Option<String>,
    /// What the library knows a generic test by: its kind, or `package__kind`.
    pub called: String,
    /// What a failure is, and whether it is only told.
    pub judged: TestConfig,
    pub description: String,
    pub text: Text,
    pub file: Arc<SourceFile>,
    pub place: Location,
    /// The last of the nodes it reads, in build order: what comes after that one waits for the test. `None` where it
    /// reads none.
    pub home: Option<NodeId>,
    /// The node and the column that a generic test stands under.
    pub subject: Option<NodeId>,
    pub column: Option<String>,
    /// What a generic test was asked with, its config left out.
    pub arguments: Map<String, Value>,
    pub config: Config,
    /// The config as written.
    pub words: Map<String, Value>,
}

/// A use of the project's data: it is written down and selected by, never built.
#[derive(Debug, Clone)]
pub struct Exposure {
    pub written: crate::project::Exposure,
    pub parents: Vec<NodeId>,
}

/// A whole project, compiled.
pub struct Manifest {
    /// The project's name.
    pub project: String,
    pub packages: Vec<Package>,
    pub nodes: Vec<Node>,
    /// What config switches off; it refers to nothing here.
    pub disabled: Vec<Node>,
    pub disabled_tests: Vec<Test>,
    pub disabled_exposures: Vec<Exposure>,
    /// Before and after a run.
    pub run_hooks: Hooks,
    pub tests: Vec<Test>,
    pub exposures: Vec<Exposure>,
    pub unit_tests: Vec<UnitTest>,
    pub analyses: Vec<Analysis>,
    /// All nodes so that parents come first.
    pub order: Vec<NodeId>,
    pub children: Vec<Vec<NodeId>>,
    by_name: HashMap<String, NodeId>,
    /// By the two names that `source(…)` is called with.
    sources: HashMap<(String, String), NodeId>,
    schemas: [Ident; 3],
    /// Names of several relations, each in a schema of its own.
    namesakes: HashSet<Ident>,
    /// Where the target says which one it is.
    database: Option<String>,
    flat_graph: OnceLock<Arc<Value>>,
    flat_graph_hash: OnceLock<String>,
}

impl Manifest {
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// By the name that `ref` calls it, else by that of its relation.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        let by_relation =
            || self.ids().find(|id| self.node(*id).name.as_str() == name && self.node(*id).is_built());
        self.by_name.get(name).copied().or_else(by_relation)
    }

    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// Where the node is once it is published.
    pub fn published(&self, id: NodeId) -> Relation {
        let node = self.node(id);
        Relation::new(node.schema.clone(), node.name.clone())
    }

    /// How a template names the node.
    pub fn reference(&self, id: NodeId) -> String {
        let node = self.node(id);
        match &node.body {
            Body::Source { table, .. } => format!("source('{}', '{table}')", node.domain),
            _ => format!("ref('{}')", node.model_name()),
        }
    }

    pub fn schema(&self, layer: Layer) -> &Ident {
        &self.schemas[layer as usize]
    }

    fn schemas_of(target: &Target) -> [Ident; 3] {
        Layer::ALL.map(|layer| target.schema(layer).clone())
    }
}

impl Test {
    /// A query of its own in `tests/`, not a generic test that YAML asks for.
    pub fn is_singular(&self) -> bool {
        self.subject.is_none()
    }

    /// What it reads, each once.
    pub fn reads(&self) -> Vec<NodeId> {
        let mut read = self.text.targets.clone();
        read.sort_unstable();
        read.dedup();
        read
    }
}

impl Node {
    /// Of which nothing more is said.
    fn bare(
        relation: Relation,
        layer: Layer,
        file: &Arc<SourceFile>,
        materialization: Materialization,
        config: Config,
        body: Body,
    ) -> Self {
        Self {
            name: relation.name,
            schema: relation.schema,
            is_beside: false,
            layer,
            domain: String::new(),
            file: file.clone(),
            materialization,
            config,
            words: Map::new(),
            yaml_words: Map::new(),
            description: String::new(),
            described_in: None,
            columns: Vec::new(),
            endpoint: None,
            constraints: Vec::new(),
            foreign_keys: Vec::new(),
            hooks: Hooks::default(),
            version: None,
            deprecation_date: None,
            body,
            parents: Vec::new(),
        }
    }

    /// With what YAML says of any node.
    fn described(self, properties: Option<&Properties>) -> Self {
        let Some(own) = properties else { return self };
        Self {
            yaml_words: own.config.clone(),
            description: own.description.clone(),
            described_in: Some(own.place.file.clone()),
            columns: own.columns.clone(),
            ..self
        }
    }

    pub fn is_source(&self) -> bool {
        matches!(self.body, Body::Source { .. })
    }

    /// Whether elt makes a relation of it.
    pub fn is_built(&self) -> bool {
        !self.is_source() && self.materialization != Materialization::Ephemeral
    }

    /// What `ref` calls it: its file's name. Its relation may have an alias.
    pub fn model_name(&self) -> &str {
        match &self.body {
            Body::Source { .. } => self.name.as_str(),
            Body::Model { .. } | Body::Rule(_) => crate::project::stem(&self.file.path),
        }
    }

    /// What all versions of it are called.
    pub fn name_of_versions(&self) -> &str {
        self.version.as_ref().map_or(self.model_name(), |version| &version.model)
    }

    /// Where its config or YAML names `word`, else the start of its file.
    pub fn place_of(&self, word: &str) -> Location {
        let files = std::iter::once(&self.file).chain(&self.described_in);
        let found = files.filter(|_| !word.is_empty()).find_map(|file| {
            let quoted =
                ['\'', '"'].iter().find_map(|quote| file.text.find(&format!("{quote}{word}{quote}")));
            let at = quoted.map(|at| at + 1).or_else(|| file.text.find(word))?;
            Some(Location::new(file, at..at + word.len()))
        });
        found.unwrap_or_else(|| Location::start_of(&self.file))
    }

    /// What messages call it: `stage.clean_vouchers`, `prod_sales.report`; no two nodes alike.
    pub fn label(&self) -> String {
        let place = if self.is_beside { self.schema.as_str() } else { self.layer.name() };
        format!("{place}.{}", self.name.as_str())
    }
}
