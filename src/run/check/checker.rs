//! Makes models without rows and lets PostgreSQL judge what is said of them, in a transaction that whoever
//! began it rolls back.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Checked;
use super::statements::{addition, statement};
use crate::database::{DatabaseError, Session, catalog};
use crate::diagnostic::Diagnostic;
use crate::manifest::{Answered, Manifest, NodeId, Sql, Test, UnitTest};
use crate::name::{Ident, Relation};
use crate::project::Materialization;
use crate::run::Elsewhere;
use crate::run::asking::{Asker, Heard};
use crate::run::build::{beside, contract, defaults, stale_columns, wrong_columns};
use crate::run::failure::{located, sql_problem};
use crate::run::near::suggest;
use crate::run::plan::needed;
use crate::run::unit::problem_of;
use crate::run::verify::in_test;
use crate::run::{foreign_keys, freshness};

pub(in crate::run) struct Checker<'a> {
    session: &'a Session,
    pub(super) manifest: &'a Manifest,
    elsewhere: &'a Elsewhere,
    pub(super) schema: Ident,
    made: BTreeSet<NodeId>,
    lost: BTreeSet<NodeId>,
    /// Made from what a query gave no rows for.
    doubtful: BTreeSet<NodeId>,
    pub(super) out: Checked,
}

impl<'a> Checker<'a> {
    pub async fn begin(
        session: &'a Session,
        manifest: &'a Manifest,
        elsewhere: &'a Elsewhere,
    ) -> Result<Self, DatabaseError> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let schema = Ident::new(format!("elt_check_{}_{number}", std::process::id()))
            .expect("two numbers make a short name");
        session.run(&format!("begin; create schema {schema}; savepoint checked")).await?;
        let (made, lost, doubtful) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Ok(Self { session, manifest, elsewhere, schema, made, lost, doubtful, out: Checked::default() })
    }

    pub fn manifest(&self) -> &'a Manifest {
        self.manifest
    }

    /// Nodes, tests, and what runs around them.
    pub(super) async fn all(&mut self, selection: &BTreeSet<NodeId>) -> Result<(), DatabaseError> {
        self.nodes(selection).await?;
        self.hooks(selection).await?;
        for id in self.manifest.order.iter().filter(|id| selection.contains(id)) {
            self.freshness(*id).await?;
        }
        for test in &self.manifest.tests {
            let targets = &test.text.targets;
            if targets.is_empty() || targets.iter().any(|target| selection.contains(target)) {
                self.test(test).await?;
            }
        }
        for test in self.manifest.unit_tests.iter().filter(|test| selection.contains(&test.model)) {
            self.unit_test(test).await?;
        }
        Ok(())
    }

    pub(super) async fn nodes(&mut self, selection: &BTreeSet<NodeId>) -> Result<(), DatabaseError> {
        for id in self.manifest.order.iter().filter(|id| selection.contains(id)) {
            self.node(*id).await?;
        }
        Ok(())
    }

    pub async fn node(&mut self, id: NodeId) -> Result<(), DatabaseError> {
        let manifest = self.manifest;
        let node = manifest.node(id);
        if !node.is_built() {
            return Ok(());
        }
        if needed(manifest, id).iter().any(|parent| self.lost.contains(parent)) {
            self.lost.insert(id);
            self.out.unjudged.push(node.label());
            return Ok(());
        }
        if needed(manifest, id).iter().any(|parent| self.doubtful.contains(parent)) {
            self.doubtful.insert(id);
        }
        let relation = Relation::new(self.schema.clone(), manifest.built_name(id));
        let Some(answered) = self.answered(id, false).await? else { return Ok(()) };
        let name = |target: NodeId| self.name(Some(id), target);
        let Some(sql) = statement(manifest, id, &relation, &name, &answered) else {
            return self.as_published(id).await;
        };
        if !self.holds(id, &sql).await? {
            return Ok(());
        }
        self.made.insert(id);
        if node.materialization == Materialization::Incremental {
            let Some(answered) = self.answered(id, true).await? else { return Ok(()) };
            let sql = addition(manifest, id, &|target| self.name(Some(id), target), &answered);
            if !self.holds(id, &sql).await? {
                return Ok(());
            }
        }
        let yields = catalog::columns(self.session, &relation).await?;
        let known: Vec<&str> = yields.iter().map(|column| column.name.as_str()).collect();
        let stale = stale_columns(node, &known);
        let mut wrong = wrong_columns(node, &known);
        if wrong.is_empty() {
            wrong.extend(self.defaults(id, &relation).await?);
        }
        if node.config.contract.enforced {
            wrong.extend(self.contract(id, &yields).await?);
        }
        match (wrong.is_empty(), self.doubtful.contains(&id)) {
            (true, _) => self.out.good += 1,
            (false, true) => self.out.needs_rows.push(node.label()),
            (false, false) => self.out.problems.extend(wrong),
        }
        if !self.is_doubtful(id) {
            self.out.problems.extend(stale);
        }
        Ok(())
    }

    /// Whether PostgreSQL takes a statement of a node; if not, that is told, and what reads the node is not judged.
    async fn holds(&mut self, id: NodeId, sql: &Sql) -> Result<bool, DatabaseError> {
        let Err(error) = self.attempt(sql).await? else { return Ok(true) };
        let mut problem = sql_problem(&error, sql, &self.manifest.node(id).file);
        self.suggest(&mut problem, &needed(self.manifest, id)).await;
        self.fails(id, problem);
        Ok(false)
    }

    /// What hangs on rows that a check does not have is no fault of the model's.
    fn fails(&mut self, id: NodeId, problem: Diagnostic) {
        self.lost.insert(id);
        match self.doubtful.contains(&id) {
            true => self.out.needs_rows.push(self.manifest.node(id).label()),
            false => self.out.problems.push(problem),
        }
    }

    /// A node's text with the answers to what it asks, which are those of relations without rows; nothing where it
    /// could not be rendered with them.
    async fn answered(&mut self, id: NodeId, incremental: bool) -> Result<Option<Answered>, DatabaseError> {
        let (manifest, node) = (self.manifest, self.manifest.node(id));
        let Some(text) = manifest.text(id, incremental).filter(|_| manifest.asks(id)) else {
            return Ok(Some(Answered::default()));
        };
        let name = |target: NodeId| self.name(Some(id), target);
        let asker = Asker { within: true, ..Asker::of(self.session, manifest, &name) };
        let heard = asker.hear(text, &node.file, Some(id)).await?;
        if heard.found_nothing {
            self.doubtful.insert(id);
        }
        let Some(mut problem) = heard.problems.into_iter().next() else { return Ok(Some(heard.answered)) };
        self.suggest(&mut problem, &needed(manifest, id)).await;
        self.fails(id, problem);
        Ok(None)
    }

    /// Whether a node may look otherwise once what it asks has rows.
    pub fn is_doubtful(&self, id: NodeId) -> bool {
        self.doubtful.contains(&id)
    }

    /// Whether the defaults of its endpoint are good for its columns.
    async fn defaults(&self, id: NodeId, relation: &Relation) -> Result<Vec<Diagnostic>, DatabaseError> {
        let mut wrong = Vec::new();
        for question in defaults::questions(self.manifest.node(id), relation) {
            if let Err(error) = self.attempt(&written(&question.sql)).await? {
                wrong.push(question.problem(&error));
            }
        }
        Ok(wrong)
    }

    /// Whether what was made has the columns that are promised, and the constraints are any.
    async fn contract(
        &mut self,
        id: NodeId,
        yields: &[catalog::Column],
    ) -> Result<Vec<Diagnostic>, DatabaseError> {
        let node = self.manifest.node(id);
        let probe = Relation::new(self.schema.clone(), beside("promised", id));
        if let Err(error) = self.attempt(&written(&contract::probe_sql(node, &probe))).await? {
            let mut problem = *contract::unknown_type(node, &error);
            self.suggest(&mut problem, &[]).await;
            return Ok(vec![problem]);
        }
        let promised = catalog::columns(self.session, &probe).await?;
        let mut wrong: Vec<Diagnostic> = contract::broken(node, &promised, yields).into_iter().collect();
        for (statement, place) in contract::each_constraint(node, &probe) {
            if let Err(error) = self.attempt(&written(&statement)).await? {
                wrong.push(located(&error, place));
            }
        }
        if wrong.is_empty() {
            wrong.extend(self.foreign_keys(id, &probe).await?);
        }
        Ok(wrong)
    }

    /// Whether what foreign keys point to can be compared with their columns, and is a key where elt did not
    /// make it.
    async fn foreign_keys(&self, id: NodeId, probe: &Relation) -> Result<Vec<Diagnostic>, DatabaseError> {
        let node = self.manifest.node(id);
        let mut wrong = Vec::new();
        for key in &node.foreign_keys {
            let parent = if key.to == id { probe.clone() } else { self.name(Some(id), key.to) };
            let question = format!("explain {}", foreign_keys::question(key, probe, &parent));
            if let Err(error) = self.attempt(&written(&question)).await? {
                let to = self.manifest.node(key.to).name.as_str();
                let message = format!("`{}` cannot point to `{to}`: {}", node.name.as_str(), error.message);
                wrong.push(
                    Diagnostic::error("bad-contract", message)
                        .at(key.place.clone())
                        .maybe_hint(error.hint.clone()),
                );
            } else if !self.manifest.node(key.to).is_built()
                && let Err(problem) = foreign_keys::has_key(self.session, self.manifest, key).await
            {
                wrong.push(*problem);
            }
        }
        Ok(wrong)
    }

    /// A load that declares no columns has those of its last load, if there was one.
    async fn as_published(&mut self, id: NodeId) -> Result<(), DatabaseError> {
        let sql = written(&format!("select from {} limit 0", self.elsewhere.name(self.manifest, id)));
        if self.attempt(&sql).await?.is_err() {
            self.lost.insert(id);
            self.out.unjudged.push(self.manifest.node(id).label());
        }
        Ok(())
    }

    /// Whether the query of its newest time can be asked.
    async fn freshness(&mut self, id: NodeId) -> Result<(), DatabaseError> {
        if self.lost.contains(&id) {
            return Ok(());
        }
        let Some(query) = freshness::own_query(self.manifest, id, &self.name(None, id)) else {
            return Ok(());
        };
        let failed = self.attempt(&written(&format!("explain {query}"))).await?.err();
        // A load that was never published has no rows yet whose time could be asked for.
        let is_built = self.manifest.node(id).is_built();
        if let Some(error) = failed.filter(|error| !(is_built && error.is("42P01"))) {
            let mut problem = freshness::problem(self.manifest, id, &error);
            self.suggest(&mut problem, &[id]).await;
            self.out.problems.push(problem);
        }
        Ok(())
    }

    async fn test(&mut self, test: &Test) -> Result<(), DatabaseError> {
        let reads_lost = test.text.targets.iter().any(|target| {
            self.lost.contains(target)
                || needed(self.manifest, *target).iter().any(|id| self.lost.contains(id))
        });
        if reads_lost {
            self.out.unjudged.push(test.name.clone());
            return Ok(());
        }
        let name = |target: NodeId| self.name(None, target);
        let asker = Asker { within: true, ..Asker::of(self.session, self.manifest, &name) };
        let asks = self.manifest.text_asks(&test.text, &BTreeSet::new());
        let heard =
            if asks { asker.hear(&test.text, &test.file, test.subject).await? } else { Heard::default() };
        let is_doubtful =
            heard.found_nothing || test.text.targets.iter().any(|target| self.doubtful.contains(target));
        let problem = match heard.problems.into_iter().next() {
            Some(problem) => Some(problem),
            None => {
                let query = self.manifest.assemble_answered(&test.text, &test.file, &name, &heard.answered);
                let sql = query.wrap("explain select * from (\n", "\n) as wrong_rows");
                self.attempt(&sql).await?.err().map(|error| *in_test(&error, &sql, test))
            }
        };
        match problem {
            None => self.out.good += 1,
            Some(_) if is_doubtful => self.out.needs_rows.push(test.name.clone()),
            Some(mut problem) => {
                self.suggest(&mut problem, &test.text.targets).await;
                self.out.problems.push(problem);
            }
        }
        Ok(())
    }

    /// Whether its names, values and query are good; its rows are judged by `elt test` and `elt run`.
    async fn unit_test(&mut self, test: &UnitTest) -> Result<(), DatabaseError> {
        let inputs = self.manifest.unit_inputs(test);
        if self.lost.contains(&test.model) || inputs.iter().any(|id| self.lost.contains(id)) {
            self.out.unjudged.push(test.written.name.clone());
            return Ok(());
        }
        match problem_of(self, self.session, test).await? {
            None => self.out.good += 1,
            Some(problem) => self.out.problems.push(problem),
        }
        Ok(())
    }

    pub fn has_made(&self, id: NodeId) -> bool {
        self.made.contains(&id)
    }

    pub(super) fn is_lost(&self, id: NodeId) -> bool {
        self.lost.contains(&id)
    }

    pub fn end(self) -> Checked {
        self.out
    }

    /// What was made here, else what stands.
    pub fn name(&self, reader: Option<NodeId>, id: NodeId) -> Relation {
        if self.made.contains(&id) || reader == Some(id) {
            Relation::new(self.schema.clone(), self.manifest.built_name(id))
        } else {
            self.elsewhere.name(self.manifest, id)
        }
    }

    async fn suggest(&self, problem: &mut Diagnostic, read: &[NodeId]) {
        let read: Vec<Relation> = read.iter().map(|id| self.name(None, *id)).collect();
        suggest(self.session, self.manifest, problem, &read).await;
    }

    /// Runs a statement that may fail without ending the transaction. The outer error is a lost server.
    pub(super) async fn attempt(&self, sql: &Sql) -> Result<Result<(), DatabaseError>, DatabaseError> {
        let kept = format!("{}\n; release savepoint checked; savepoint checked", sql.text);
        match self.session.run(&kept).await {
            Ok(_) => Ok(Ok(())),
            Err(error) if error.is_unreachable() => Err(error),
            Err(error) => {
                self.session.run("rollback to savepoint checked").await?;
                Ok(Err(error))
            }
        }
    }
}

/// A statement that no file of the user's holds.
fn written(text: &str) -> Sql {
    let mut sql = Sql::default();
    sql.push(text);
    sql
}
