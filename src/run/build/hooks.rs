//! Runs hooks around what they are hooked to. Where a published table is added to, hooks that name it belong
//! to the publishing transaction: there, and nowhere else, may the table change.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use crate::database::Session;
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::manifest::{Hook, Manifest, NodeId, Sql, Text};
use crate::name::Relation;
use crate::run::asking::{Asker, Known};
use crate::run::failure::sql_problem;
use crate::run::plan::with_needed;
use crate::run::task::{Done, Problem, Shared};

/// A hook's statements, ready to run, with the file that holds them.
#[derive(Debug, Clone)]
pub(in crate::run) struct Ready {
    sql: Sql,
    file: Arc<SourceFile>,
    asking: Option<Box<Asking>>,
    /// Whose hook it is.
    node: Option<NodeId>,
    /// In a transaction that others have begun.
    within: bool,
}

/// Of a hook that asks: what is known of it before, what it calls the nodes that it names, and what it may know.
#[derive(Debug, Clone)]
struct Asking {
    text: Text,
    names: HashMap<NodeId, Relation>,
    known: Known,
}

impl Ready {
    pub fn new(
        manifest: &Manifest,
        (hook, node): (&Hook, Option<NodeId>),
        within: bool,
        name: &dyn Fn(NodeId) -> Relation,
        known: &Known,
    ) -> Self {
        let text = &hook.text;
        let names = || needed_by(manifest, text).chain(node).map(|id| (id, name(id))).collect();
        let kept = || Box::new(Asking { text: text.clone(), names: names(), known: known.clone() });
        let asking = text.asks().then(kept);
        Self { sql: manifest.hook_sql(hook, name), file: hook.file.clone(), asking, node, within }
    }

    pub async fn run(&self, session: &Session, manifest: &Manifest) -> Result<(), Diagnostic> {
        let Some(asking) = &self.asking else { return self.send(session, &self.sql).await };
        let Asking { text, names, known } = &**asking;
        let name = |id: NodeId| names.get(&id).cloned().unwrap_or_else(|| manifest.published(id));
        let known = known.clone();
        let asker = Asker { within: self.within, does: true, known, ..Asker::of(session, manifest, &name) };
        let answered = asker.answered(text, &self.file, self.node).await.map_err(|problem| *problem)?;
        let sql = manifest.assemble_answered(text, &self.file, &name, &answered);
        if sql.is_blank() { Ok(()) } else { self.send(session, &sql).await }
    }

    async fn send(&self, session: &Session, sql: &Sql) -> Result<(), Diagnostic> {
        session.run(&sql.text).await.map(drop).map_err(|error| sql_problem(&error, sql, &self.file))
    }
}

/// The relations that a text names, by itself or through ephemeral models.
fn needed_by(manifest: &Manifest, text: &Text) -> impl Iterator<Item = NodeId> {
    text.targets.iter().flat_map(|target| with_needed(manifest, *target))
}

/// Builds by `make` between the node's hooks.
pub(in crate::run) async fn around(
    shared: &Shared,
    session: &Session,
    id: NodeId,
    make: impl Future<Output = Result<Done, Problem>>,
) -> Result<Done, Problem> {
    let hooks = &shared.manifest.node(id).hooks;
    if hooks.is_empty() {
        return make.await;
    }
    let done = between(shared, session, id, make).await;
    if done.is_err() {
        // The first error is the one to tell; a session that is lost will be noticed by who takes it next.
        let _ = session.run("rollback").await;
    }
    // What a hook set is not for the next model.
    let cleared = session.run("reset session authorization; reset role; reset all").await;
    let prepared = match cleared {
        Ok(_) => session.prepare_for_build(shared.run).await,
        Err(error) => Err(error),
    };
    match (done, prepared) {
        (Ok(_), Err(error)) => Err(Box::new(Diagnostic::error("connection-lost", error.to_string()))),
        (done, _) => done,
    }
}

async fn between(
    shared: &Shared,
    session: &Session,
    id: NodeId,
    make: impl Future<Output = Result<Done, Problem>>,
) -> Result<Done, Problem> {
    let (manifest, plan) = (&shared.manifest, &shared.plan);
    let hooks = &manifest.node(id).hooks;
    let added_to = plan.added_to.contains(&id);
    let here = |hook: &&Hook| !(added_to && hook.names_itself());
    let building = plan.building(manifest, id);
    let name = |target: NodeId| {
        if target == id { building.clone() } else { plan.name(manifest, Some(id), target) }
    };
    let known = plan.known(manifest);
    let ready = |hooks: &[Hook], inside: bool| -> Vec<Ready> {
        let chosen = hooks.iter().filter(here).filter(|hook| hook.transaction == inside);
        chosen.map(|hook| Ready::new(manifest, (hook, Some(id)), inside, &name, &known)).collect()
    };
    let (before, after) = (ready(&hooks.before, true), ready(&hooks.after, true));
    run(session, manifest, &ready(&hooks.before, false)).await?;
    let in_transaction = !before.is_empty() || !after.is_empty();
    if in_transaction {
        statement(session, "begin").await?;
    }
    run(session, manifest, &before).await?;
    let mut done = make.await?;
    run(session, manifest, &after).await?;
    if in_transaction {
        statement(session, "commit").await?;
    }
    run(session, manifest, &ready(&hooks.after, false)).await?;
    if let Some(delta) = done.built.as_mut().and_then(|built| built.delta.as_mut()) {
        let published = |target: NodeId| {
            if target == id { manifest.published(id) } else { plan.name(manifest, Some(id), target) }
        };
        let late = |hooks: &[Hook]| {
            let chosen = hooks.iter().filter(|hook| !here(hook));
            chosen.map(|hook| Ready::new(manifest, (hook, Some(id)), true, &published, &known)).collect()
        };
        (delta.before, delta.after) = (late(&hooks.before), late(&hooks.after));
    }
    Ok(done)
}

async fn run(session: &Session, manifest: &Manifest, hooks: &[Ready]) -> Result<(), Problem> {
    for hook in hooks {
        hook.run(session, manifest).await?;
    }
    Ok(())
}

async fn statement(session: &Session, sql: &str) -> Result<(), Problem> {
    let problem = |error: crate::database::DatabaseError| Diagnostic::error("sql", error.to_string());
    session.run(sql).await.map(drop).map_err(|error| Box::new(problem(error)))
}

/// Runs the project's own hooks before or after a run, each by itself. All that fail are told.
pub(in crate::run) async fn of_run(
    session: &Session,
    manifest: &Manifest,
    hooks: &[Hook],
    known: &Known,
) -> Result<(), Problem> {
    let name = |target| manifest.published(target);
    let ready = hooks.iter().map(|hook| Ready::new(manifest, (hook, None), false, &name, known));
    run(session, manifest, &ready.collect::<Vec<_>>()).await
}
