//! Lets PostgreSQL itself judge every model before a run: each is created without rows, in a schema and a
//! transaction that are rolled back. All errors come at once; what depends on a failure is not blamed too.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use super::build::{beside, check_columns, columns_added, contract, defaults, rule_table};
use super::failure::sql_problem;
use super::plan::needed;
use super::unit::problem_of;
use super::verify::in_test;
use crate::database::{DatabaseError, Session, catalog};
use crate::diagnostic::Diagnostic;
use crate::manifest::{Body, Manifest, Node, NodeId, Sql, UnitTest};
use crate::name::{Ident, Relation};
use crate::project::Materialization;

/// What a check came to.
#[derive(Debug, Default)]
pub struct Checked {
    pub good: usize,
    /// Not judged, because something they read is wrong or has no columns yet.
    pub unjudged: Vec<String>,
    pub problems: Vec<Diagnostic>,
}

/// Checks the models of `selection` and the tests on them. Nothing stays in the database; nothing is locked
/// that readers need.
pub async fn check(
    session: &Session,
    manifest: &Manifest,
    selection: &BTreeSet<NodeId>,
) -> Result<Checked, DatabaseError> {
    let mut checker = Checker::begin(session, manifest).await?;
    let judged = async {
        checker.nodes(selection).await?;
        for test in &manifest.tests {
            if test.text.targets.iter().any(|target| selection.contains(target)) {
                checker.test(test).await?;
            }
        }
        for test in manifest.unit_tests.iter().filter(|test| selection.contains(&test.model)) {
            checker.unit_test(test).await?;
        }
        Ok(())
    };
    let result: Result<(), DatabaseError> = judged.await;
    session.run("rollback").await?;
    result.map(|()| checker.out)
}

/// The contracts that the nodes of `build` would break, found before anything is built. What cannot be judged
/// yet, or is wrong otherwise, shows when it is built.
pub(super) async fn broken_contracts(
    session: &Session,
    manifest: &Manifest,
    build: &[NodeId],
) -> Result<Vec<Diagnostic>, DatabaseError> {
    let mut asked: BTreeSet<NodeId> =
        build.iter().copied().filter(|id| manifest.node(*id).config.contract.enforced).collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    for id in build.iter().rev() {
        if asked.contains(id) {
            asked.extend(needed(manifest, *id).into_iter().filter(|parent| build.contains(parent)));
        }
    }
    let mut checker = Checker::begin(session, manifest).await?;
    let judged = checker.nodes(&asked).await;
    session.run("rollback").await?;
    judged?;
    let problems = checker.out.problems.into_iter();
    Ok(problems.filter(|problem| problem.code == "contract-broken").collect())
}

/// Models made without rows, in a transaction that whoever began it rolls back.
pub(super) struct Checker<'a> {
    session: &'a Session,
    manifest: &'a Manifest,
    schema: Ident,
    made: BTreeSet<NodeId>,
    lost: BTreeSet<NodeId>,
    out: Checked,
}

impl<'a> Checker<'a> {
    pub(super) async fn begin(session: &'a Session, manifest: &'a Manifest) -> Result<Self, DatabaseError> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let schema = Ident::new(format!("elt_check_{}_{number}", std::process::id()))
            .expect("two numbers make a short name");
        session.run(&format!("begin; create schema {schema}; savepoint checked")).await?;
        let (made, lost, out) = (BTreeSet::new(), BTreeSet::new(), Checked::default());
        Ok(Self { session, manifest, schema, made, lost, out })
    }

    pub(super) fn manifest(&self) -> &'a Manifest {
        self.manifest
    }

    async fn nodes(&mut self, selection: &BTreeSet<NodeId>) -> Result<(), DatabaseError> {
        for id in self.manifest.order.iter().filter(|id| selection.contains(id)) {
            self.node(*id).await?;
        }
        Ok(())
    }

    pub(super) async fn node(&mut self, id: NodeId) -> Result<(), DatabaseError> {
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
        let relation = Relation::new(self.schema.clone(), node.name.clone());
        let name = |target: NodeId| self.name(Some(id), target);
        for (number, sql) in statements(manifest, node, id, &relation, &name).into_iter().enumerate() {
            let Some(sql) = sql else { return self.as_published(id).await };
            if let Err(error) = self.attempt(&sql).await? {
                self.lost.insert(id);
                self.out.problems.push(sql_problem(&error, &sql, &node.file));
                return Ok(());
            }
            if number == 0 {
                self.made.insert(id);
            }
        }
        if node.endpoint.is_some() && !self.endpoint(node, &relation).await? {
            return Ok(());
        }
        if node.config.contract.enforced {
            return self.contract(id, &relation).await;
        }
        self.out.good += 1;
        Ok(())
    }

    /// Whether what was made has the columns that its endpoint names, for which its defaults are good.
    async fn endpoint(&mut self, node: &Node, relation: &Relation) -> Result<bool, DatabaseError> {
        let columns = catalog::columns(self.session, relation).await?;
        let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let before = self.out.problems.len();
        match check_columns(node, &known) {
            Err(problem) => self.out.problems.push(*problem),
            Ok(()) => {
                for question in defaults::questions(node, relation) {
                    let mut sql = Sql::default();
                    sql.push(&question.sql);
                    if let Err(error) = self.attempt(&sql).await? {
                        self.out.problems.push(question.problem(&error));
                    }
                }
            }
        }
        Ok(self.out.problems.len() == before)
    }

    /// Whether what was made has the columns that are promised.
    async fn contract(&mut self, id: NodeId, relation: &Relation) -> Result<(), DatabaseError> {
        let node = self.manifest.node(id);
        let probe = Relation::new(self.schema.clone(), beside("promised", id));
        let mut sql = Sql::default();
        sql.push(&contract::probe_sql(node, &probe));
        if let Err(error) = self.attempt(&sql).await? {
            self.out.problems.push(*contract::unknown_type(node, &error));
            return Ok(());
        }
        let promised = catalog::columns(self.session, &probe).await?;
        let yields = catalog::columns(self.session, relation).await?;
        match contract::broken(node, &promised, &yields) {
            Some(problem) => self.out.problems.push(problem),
            None => self.out.good += 1,
        }
        Ok(())
    }

    /// A load that declares no columns has those of its last load, if there was one.
    async fn as_published(&mut self, id: NodeId) -> Result<(), DatabaseError> {
        let mut sql = Sql::default();
        sql.push(&format!("select from {} limit 0", self.manifest.published(id)));
        if self.attempt(&sql).await?.is_err() {
            self.lost.insert(id);
            self.out.unjudged.push(self.manifest.node(id).label());
        }
        Ok(())
    }

    async fn test(&mut self, test: &crate::manifest::Test) -> Result<(), DatabaseError> {
        let reads_lost = test.text.targets.iter().any(|target| {
            self.lost.contains(target)
                || needed(self.manifest, *target).iter().any(|id| self.lost.contains(id))
        });
        if reads_lost {
            self.out.unjudged.push(test.name.clone());
            return Ok(());
        }
        let query = self.manifest.test_query(test, &|target| self.name(None, target));
        let sql = query.wrap("explain select * from (\n", "\n) as wrong_rows");
        match self.attempt(&sql).await? {
            Ok(()) => self.out.good += 1,
            Err(error) => self.out.problems.push(*in_test(&error, &sql, test)),
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

    pub(super) fn end(self) -> Checked {
        self.out
    }

    /// What was made here, else what is published.
    pub(super) fn name(&self, reader: Option<NodeId>, id: NodeId) -> Relation {
        if self.made.contains(&id) || reader == Some(id) {
            Relation::new(self.schema.clone(), self.manifest.node(id).name.clone())
        } else {
            self.manifest.published(id)
        }
    }

    /// Runs a statement that may fail without ending the transaction. The outer error is a lost server.
    async fn attempt(&self, sql: &Sql) -> Result<Result<(), DatabaseError>, DatabaseError> {
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

/// The statements that make a node without rows; `None` where nothing says what columns it has.
fn statements(
    manifest: &Manifest,
    node: &Node,
    id: NodeId,
    relation: &Relation,
    name: &dyn Fn(NodeId) -> Relation,
) -> Vec<Option<Sql>> {
    if let Body::Rule(rule) = &node.body {
        let mut sql = Sql::default();
        sql.push(&rule_table(rule, relation));
        return vec![Some(sql)];
    }
    let full = manifest.query(id, false, name);
    match node.materialization {
        Materialization::Load if full.is_blank() => vec![None],
        Materialization::Load => {
            let mut columns = full.without_trailing_comma();
            for metadata in &node.config.metadata {
                let data_type = match metadata.as_str() {
                    "_loaded_at" => "timestamptz",
                    "_run_id" => "bigint",
                    _ => "text",
                };
                columns.push(&format!("\n, {metadata} {data_type}"));
            }
            vec![Some(columns.wrap(&format!("create table {relation} (\n"), "\n)"))]
        }
        Materialization::View => vec![Some(full.wrap(&format!("create view {relation} as\n"), ""))],
        Materialization::Snapshot => {
            let before =
                format!("create table {relation} as select q.*, {} from (\n", columns_added(&node.config));
            vec![Some(full.wrap(&before, "\n) as q with no data"))]
        }
        Materialization::MaterializedView => {
            vec![Some(full.wrap(&format!("create materialized view {relation} as\n"), "\nwith no data"))]
        }
        Materialization::Incremental => {
            let added = manifest.query(id, true, name);
            vec![
                Some(full.wrap(&format!("create table {relation} as\n"), "\nwith no data")),
                Some(added.wrap("explain select * from (\n", "\n) as added")),
            ]
        }
        _ => vec![Some(full.wrap(&format!("create table {relation} as\n"), "\nwith no data"))],
    }
}
